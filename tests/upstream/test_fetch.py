"""guard.upstream.fetch: only what is public, plain, small and quick, and nothing that a name leads to later."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from guard.config import FetchConfig
from guard.upstream.fetch import Fetcher, FetchError, _parts, fetched

HOME = FetchConfig(max_bytes=2000, timeout_s=2.0, networks=("127.0.0.0/8",))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def fetching(answer: bytes, config: FetchConfig = HOME, *, path: str = "/a.png", stay: bool = False) -> bytes:
    """What the fetcher makes of a server on loopback that gives *answer* to whoever asks."""

    async def run() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            if stay:
                await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await Fetcher(config).fetch(f"http://127.0.0.1:{port}{path}")

    asked.clear()
    return asyncio.run(run())


asked: list[bytes] = []


def test_what_an_address_holds_is_fetched_without_a_word_about_who_asks() -> None:
    assert fetching(OK, path="/a.png?x=1&y=é") == b"hello"
    head = asked[0].lower()
    assert head.startswith(b"get /a.png?x=1&y=%c3%a9 http/1.1\r\n")
    assert not any(name in head for name in (b"cookie", b"authorization", b"user-agent", b"referer"))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
    ],
    ids=["chunked", "until the end"],
)
def test_answers_of_every_framing_are_read(answer: bytes) -> None:
    assert fetching(answer) == b"hello"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "does not answer 200"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "does not answer 200"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + bytes(5000), "more than 2000 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(5000), "more than 2000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "cut short"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", "compressed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "head|cannot be reached"),
        (b"nonsense\r\n\r\n", "cannot be reached"),
        (b"", "cut short"),
    ],
)
def test_what_is_no_plain_small_answer_is_not_taken(answer: bytes, why: str) -> None:
    with pytest.raises(FetchError, match=why):
        fetching(answer)


def test_whoever_never_answers_is_not_waited_for() -> None:
    with pytest.raises(FetchError, match="too long"):
        fetching(b"", FetchConfig(timeout_s=0.2, networks=("127.0.0.0/8",)), stay=True)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "10.0.0.8",
        "192.168.1.1",
        "169.254.169.254",
        "[fd00::1]",
        "0.0.0.0",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "100.64.0.1",
        "224.0.0.1",
        "0x7f.1",
    ],
)
def test_nothing_on_the_inside_is_reached(host: str) -> None:
    with pytest.raises(FetchError, match=r"public|plain|cannot be reached"):
        asyncio.run(Fetcher(FetchConfig(timeout_s=2)).fetch(f"http://{host}/"))


def test_a_public_name_that_leads_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher = Fetcher(FetchConfig())

    for addresses in (["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], []):

        async def look_up(addresses: list[str] = addresses) -> object:
            loop = asyncio.get_running_loop()

            async def answers(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
                return [(2, 1, 6, "", (one, 80)) for one in addresses]

            monkeypatch.setattr(loop, "getaddrinfo", answers)
            return await fetcher._looked_up("example.org", 80, usual=True)

        with pytest.raises(FetchError, match="not a public one"):
            asyncio.run(look_up())


def test_only_the_usual_ports_of_public_addresses_are_called() -> None:
    fetcher = Fetcher(FetchConfig())
    public = ipaddress.ip_address("93.184.216.34")

    assert fetcher._may_call(public, usual=True)
    assert not fetcher._may_call(public, usual=False)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a",
        "file:///etc/passwd",
        "http://user@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http:///a",
        "http://exa mple.org/",
        "http://example.org:99999/",
        "http://example.org/\r\nHost: x",
        "gopher://x",
        "//example.org/",
        "",
    ],
)
def test_addresses_that_readers_take_apart_in_different_ways_are_none(url: str) -> None:
    with pytest.raises(FetchError, match="plain"):
        _parts(url)


def test_many_are_fetched_and_each_has_its_own_answer() -> None:
    answers = asyncio.run(fetched(Fetcher(FetchConfig()), ["http://127.0.0.1/"] * 20))

    assert answers == ["its address is not a public one"] * 20
