"""S37: whatever an upstream does, a call ends in a whole answer or in an error that says how it failed, in time."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable

import pytest
import trustme

from guard.upstream import Upstream
from tests.upstream.conftest import Run
from tests.upstream.faults import (
    CHUNKED,
    LAST,
    ROUTE,
    WAYS,
    Peer,
    Script,
    answering,
    chunk,
    error_of,
    faulty,
    http,
    opened,
    posted,
    read,
    streamed,
)

JSON = b'{"ok": true}'
EACH_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
Way = Callable[[Upstream], Awaitable[bytes]]


def after(*parts: bytes, reset: bool = False) -> Script:
    """A script that hears a request, sends *parts*, and breaks off."""

    async def script(peer: Peer) -> None:
        await peer.hear()
        for part in parts:
            await peer.say(part)
            await asyncio.sleep(0.02)
        if reset:
            peer.reset()

    return script


async def at_once(peer: Peer) -> None:
    peer.reset()


BROKEN: dict[str, Script] = {
    "resets before it hears": at_once,
    "resets before the head": after(reset=True),
    "closes before the head": after(),
    "resets in the head": after(b"HTTP/1.1 200 OK\r\nContent-", reset=True),
    "closes in the head": after(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
    "resets after the head": after(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", reset=True),
    "closes after the head": after(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    "resets in a body without a length": after(b"HTTP/1.1 200 OK\r\n\r\nwords", reset=True),
    "closes before all is there": after(http(JSON, length=99)),
    "resets in a chunk": after(CHUNKED, b"20\r\nhalf", reset=True),
    "closes in a chunk": after(CHUNKED, b"20\r\nhalf"),
    "closes without the last chunk": after(CHUNKED, chunk(JSON)),
    "closes in the last chunk": after(CHUNKED, chunk(JSON), b"0\r\n"),
    "a chunk larger than it says": after(CHUNKED, b"2\r\nabcd\r\n", LAST),
    "a chunk of negative size": after(CHUNKED, b"-2\r\nab\r\n", LAST),
    "a chunk of hexadecimal spelling": after(CHUNKED, b"0x2\r\nab\r\n", LAST),
    "a chunk larger than any memory": after(CHUNKED, b"fffffffffffffffff\r\nab\r\n", LAST),
    "a chunk without a size": after(CHUNKED, b"\r\nab\r\n", LAST),
    "chunks that end in line feeds": after(CHUNKED, b"2\nab\n", LAST),
    "length and chunks at once": after(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(JSON) + LAST
    ),
    "two lengths": after(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
    "a length that is none": after(b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nabc"),
    "a negative length": after(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nabc"),
    "a transfer coding that nobody undoes": after(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunk(JSON) + LAST
    ),
    "a transfer coding twice": after(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(JSON) + LAST
    ),
    "a transfer coding that is none": after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n" + JSON),
    "a switch of protocols": after(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
    "no http": after(b"220 mail.example.org ESMTP\r\n"),
    "http 2": after(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80"),
    "a head without an end": answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000),
    "early hints without an end": answering(b"HTTP/1.1 103 Hints\r\nX: y\r\n\r\n" * 4000),
}


@EACH_WAY
@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_s37_a_broken_answer_is_an_error_of_protocol_at_once(run: Run, script: Script, way: Way) -> None:
    async def main() -> None:
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            began = time.monotonic()
            error = await error_of(way(upstream))
            assert (error.code, error.attempts) == ("protocol", 1)
            assert time.monotonic() - began < 1
            assert len(there.peers) == 1

    run(main())


@EACH_WAY
@pytest.mark.parametrize(
    ("script", "longest"),
    [
        (answering(), 0.6),
        (answering(b"HTTP/1.1 200 OK\r\n"), 0.6),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), 0.6),
        (answering(CHUNKED, chunk(JSON)), 0.6),
        (answering(CHUNKED, b"5\r\nab"), 0.6),
        (answering(http(b"x" * 500), size=1, every=0.02), 0.6),
        (answering(b"HTTP/1.1 103 Hints\r\n\r\n" * 500, size=24, every=0.02), 0.6),
    ],
    ids=["hangs", "hangs in the head", "hangs after the head", "hangs before the last chunk", "hangs in a chunk",
         "drips", "hints for ever"],
)  # fmt: skip
def test_s37_a_hang_or_a_drip_is_a_timeout_in_time(run: Run, script: Script, longest: float, way: Way) -> None:
    async def main() -> None:
        async with faulty(script) as there, opened(there.url, retries=2, timeout_s=0.5) as upstream:
            began = time.monotonic()
            error = await error_of(way(upstream))
            assert (error.code, error.attempts) == ("timeout", 1)
            assert 0.4 < time.monotonic() - began < longest + 2  # the machine may be busy; without an end it is ten
            assert len(there.peers) == 1

    run(main())


@EACH_WAY
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_s37_a_redirect_is_not_followed(run: Run, status: int, way: Way) -> None:
    moved = http(b"", "Location: /elsewhere", status=f"{status} Moved")

    async def main() -> None:
        async with faulty(after(moved)) as there, opened(there.url, retries=2) as upstream:
            error = await error_of(way(upstream))
            assert (error.code, error.attempts) == ("redirect", 1)
            assert len(there.peers) == 1

    run(main())


@EACH_WAY
@pytest.mark.parametrize("more", [http(b"more"), b"more", b"HTTP/1.1 200 OK\r\nX: y\r\n"])
def test_what_follows_an_answer_is_not_the_next_one(run: Run, more: bytes, way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(http(JSON) + more)
        await peer.gone()

    async def main() -> None:
        async with faulty(script) as there, opened(there.url) as upstream:
            assert await way(upstream) == JSON
            await asyncio.sleep(0.02)
            assert await way(upstream) == JSON

    run(main())


def test_what_comes_while_nobody_asks_is_not_the_next_answer(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(http(JSON))
        await asyncio.sleep(0.05)
        await peer.say(http(b"nobody asked"))
        await peer.gone()

    async def main() -> None:
        async with faulty(script) as there, opened(there.url) as upstream:
            assert await posted(upstream) == JSON
            await asyncio.sleep(0.1)
            assert await posted(upstream) == JSON
            assert len(there.peers) == 2

    run(main())


def test_a_second_answer_in_one_piece_does_not_touch_the_first(run: Run) -> None:
    twice = http(JSON, "X-Request-Id: one") + http(b"other", "X-Request-Id: two", status="500 No")

    async def main() -> None:
        async with faulty(answering(twice)) as there, opened(there.url) as upstream:
            reply = await upstream.post(ROUTE, (), b"{}")
            assert (reply.status, reply.headers, reply.body) == (200, ((b"x-request-id", b"one"),), JSON)

    run(main())


def test_an_answer_before_the_request_was_sent_ends_the_connection(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.say(http(JSON, status="413 No"))
        await asyncio.sleep(0.1)
        await peer.gone()

    async def main() -> None:
        async with faulty(script) as there, opened(there.url) as upstream:
            for _ in range(2):
                answer = await upstream.call(ROUTE, (), b"x" * 2**24)
                assert (answer.status, await answer.read()) == (413, JSON)
            assert len(there.peers) == 2

    run(main())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this machine trusts."""
    with authority.cert_pem.tempfile() as path:
        monkeypatch.setenv("SSL_CERT_FILE", path)
        yield authority


def served_by(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@EACH_WAY
def test_tls_works_and_waits_for_slow_readers(run: Run, trusted: trustme.CA, way: Way) -> None:
    async def main() -> None:
        tls, body = served_by(trusted, "127.0.0.1"), JSON * 2**21
        async with faulty(answering(http(body), size=2**18), tls) as there, opened(there.url) as upstream:
            assert await way(upstream) == await way(upstream) == body
            answer = await upstream.call(ROUTE, (), b"{}")
            await asyncio.sleep(0.3)
            assert there.peers[0].sent < 2.9 * len(body)
            assert sum([len(piece) async for piece in answer.chunks()]) == len(body)
            assert len(there.peers) == 1

    run(main())


def test_tls_errors_are_unreachable(run: Run, trusted: trustme.CA) -> None:
    async def main() -> None:
        for context in (served_by(trustme.CA(), "127.0.0.1"), served_by(trusted, "localhost"), None):
            async with faulty(answering(http(JSON)), context) as there:
                url = there.url.replace("http:", "https:")
                async with opened(url, connect_s=0.3) as upstream:
                    began = time.monotonic()
                    assert (await error_of(posted(upstream))).code == "unreachable"
                    assert time.monotonic() - began < 1

    run(main())


@pytest.mark.parametrize("way", [read, streamed])
@pytest.mark.parametrize("answer", [CHUNKED + chunk(JSON), http(JSON, length=99)])
def test_tls_that_ends_without_farewell_is_no_end_of_an_answer(
    run: Run, trusted: trustme.CA, answer: bytes, way: Way
) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(answer)
        await asyncio.sleep(0.05)
        peer.abort()

    async def main() -> None:
        async with faulty(script, served_by(trusted, "127.0.0.1")) as there, opened(there.url) as upstream:
            assert (await error_of(way(upstream))).code == "protocol"

    run(main())
