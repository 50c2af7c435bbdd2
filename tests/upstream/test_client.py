from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from guard.errors import UpstreamError
from guard.upstream import CREDENTIALS, FORWARDED, Reply, Upstream
from tests.fakes import StubUpstream, eventually, running_upstream

ROUTE = "/v1/chat/completions"
BODY = b'{"ok": true}'


@pytest.fixture
def stub() -> Iterator[StubUpstream]:
    with running_upstream(StubUpstream(answer=BODY)) as one:
        yield one


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Upstream]:
    upstream = Upstream(url, **{"timeout_s": 3.0, "connect_s": 1.0, **options})
    await upstream.open()
    try:
        yield upstream
    finally:
        await upstream.close()


def post(url: str, *headers: tuple[bytes, bytes], body: bytes = b"{}", **options: Any) -> Reply:
    async def once() -> Reply:
        async with opened(url, **options) as upstream:
            return await upstream.post(ROUTE, headers, body)

    return asyncio.run(once())


def code(url: str, **options: Any) -> str:
    with pytest.raises(UpstreamError) as raised:
        post(url, **options)
    return raised.value.code


def sent_headers(stub: StubUpstream) -> dict[str, str]:
    head = stub.received[-1].partition(b"\r\n\r\n")[0].decode("latin-1")
    return {k.lower(): v for k, _, v in (line.partition(": ") for line in head.split("\r\n")[1:])}


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers)
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {size}\r\n\r\n".encode() + body


def test_an_answer_comes_whole_with_its_status(stub: StubUpstream) -> None:
    assert post(stub.url) == Reply(200, (), BODY)
    stub.status = 404
    assert post(stub.url).status == 404


def test_the_body_travels_byte_for_byte(stub: StubUpstream) -> None:
    body = json.dumps({"text": "päck 包裹 " * 5000}, ensure_ascii=False).encode()
    post(stub.url, body=body)
    assert stub.received[-1].endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("base", "path"),
    [("", "/v1/chat/completions"), ("/", "/v1/chat/completions"), ("/v1", "/v1/chat/completions"),
     ("/v1/", "/v1/chat/completions"), ("/proxy/v1", "/proxy/v1/chat/completions"),
     ("/openai", "/openai/v1/chat/completions")],
)  # fmt: skip
def test_a_base_url_may_hold_the_first_step_of_the_path(stub: StubUpstream, base: str, path: str) -> None:
    post(stub.url + base)
    assert stub.received[-1].startswith(f"POST {path} HTTP/1.1\r\n".encode())


def test_only_named_headers_travel_on(stub: StubUpstream) -> None:
    mine = [(name, b"x") for name in FORWARDED | CREDENTIALS]
    others = [
        (name, b"secret")
        for name in (b"cookie", b"host", b"connection", b"x-forwarded-for", b"transfer-encoding", b"te", b"x-guard-key",
                     b"content-length", b"accept-encoding", b"content-encoding", b"expect", b"upgrade",
                     b"x-guard-bypass")
    ]  # fmt: skip
    post(stub.url, *mine, *others)
    head = stub.received[-1].partition(b"\r\n\r\n")[0]
    assert b"secret" not in head
    given = sent_headers(stub)
    assert {name.decode() for name in FORWARDED | CREDENTIALS} <= set(given)
    assert given["user-agent"] == "guard"
    assert given["accept-encoding"] == "identity"
    assert given["content-type"] == "application/json"
    assert set(given) - {n.decode() for n in FORWARDED | CREDENTIALS} == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
    }


def test_a_key_of_its_own_replaces_what_the_client_sent(stub: StubUpstream) -> None:
    post(stub.url, (b"authorization", b"Bearer client"), (b"api-key", b"client"), api_key="mine")
    given = sent_headers(stub)
    assert given["authorization"] == "Bearer mine"
    assert "api-key" not in given
    assert b"client" not in stub.received[-1]


def test_only_harmless_headers_travel_back(stub: StubUpstream) -> None:
    stub.headers = {
        "Retry-After": "3", "X-Request-Id": "req-1", "x-ratelimit-limit-tokens": "9", "openai-processing-ms": "5",
        "Set-Cookie": "a=b", "Location": "/", "Server": "x", "Access-Control-Allow-Origin": "*", "X-Content": "x",
    }  # fmt: skip
    assert dict(post(stub.url).headers) == {
        b"retry-after": b"3",
        b"x-request-id": b"req-1",
        b"x-ratelimit-limit-tokens": b"9",
        b"openai-processing-ms": b"5",
    }


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("X-GZIP", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
    ],
)
def test_compression_that_was_not_asked_for_is_undone(stub: StubUpstream, encoding: str, packed: bytes) -> None:
    stub.raw = http(packed, f"Content-Encoding: {encoding}")
    assert post(stub.url).body == BODY


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200",
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        http(BODY, length=999),
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        http(BODY, "Content-Encoding: gzip"),
        http(gzip.compress(BODY, mtime=0)[:-9], "Content-Encoding: gzip"),
        http(BODY, "Content-Encoding: br"),
        http(BODY, "Content-Encoding: zstd"),
        http(gzip.compress(gzip.compress(BODY, mtime=0), mtime=0), "Content-Encoding: gzip, gzip"),
    ],
)
def test_an_answer_that_is_broken_is_an_error_of_protocol(stub: StubUpstream, raw: bytes) -> None:
    stub.raw = raw
    assert code(stub.url) == "protocol"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent", "300 Choices"])
def test_a_redirect_is_never_followed(stub: StubUpstream, status: str) -> None:
    stub.raw = http(BODY, f"Location: {stub.url}/elsewhere", status=status)
    assert code(stub.url) == "redirect"
    assert len(stub.received) == 1


@pytest.mark.parametrize(
    "raw", [http(b"x" * 2000), http(gzip.compress(b"x" * 2000, mtime=0), "Content-Encoding: gzip")]
)
def test_an_answer_larger_than_the_limit_is_refused(stub: StubUpstream, raw: bytes) -> None:
    stub.raw = raw
    assert code(stub.url, max_bytes=1999) == "too_large"
    assert len(post(stub.url, max_bytes=2000).body) == 2000


def test_a_bomb_is_refused_before_it_is_unpacked(stub: StubUpstream) -> None:
    stub.raw = http(gzip.compress(b"0" * 2**27, mtime=0), "Content-Encoding: gzip")
    began = time.monotonic()
    assert code(stub.url, max_bytes=2**20) == "too_large"
    assert time.monotonic() - began < 1


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert code(f"http://127.0.0.1:{taken.getsockname()[1]}") == "unreachable"


def test_a_name_nobody_has_is_unreachable() -> None:
    assert code("http://nobody.invalid") == "unreachable"


def test_no_tls_where_there_should_be_is_unreachable(stub: StubUpstream) -> None:
    assert code(f"https://127.0.0.1:{stub.port}") == "unreachable"


def test_a_connection_that_nobody_accepts_is_given_up_in_time() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = []
        for _ in range(3):  # fill the queue of connections nobody accepts
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        began = time.monotonic()
        assert code(f"http://127.0.0.1:{address[1]}", connect_s=0.3, timeout_s=5.0) == "unreachable"
        assert time.monotonic() - began < 1.5
        for one in waiting:
            one.close()


@pytest.mark.parametrize("timeout_s", [0.05, 0.1, 0.2, 0.3])
def test_silence_is_a_timeout_however_the_clock_ticks(stub: StubUpstream, timeout_s: float) -> None:
    stub.delay = 5
    began = time.monotonic()
    assert code(stub.url, timeout_s=timeout_s) == "timeout"
    assert timeout_s * 0.9 <= time.monotonic() - began < timeout_s + 0.3


def test_an_answer_that_drips_is_a_timeout(stub: StubUpstream) -> None:
    stub.drip = 0.05
    assert code(stub.url, timeout_s=0.4) == "timeout"


def test_a_caller_that_is_cancelled_leaves_no_call_behind(stub: StubUpstream) -> None:
    stub.delay = 5

    async def leave() -> None:
        async with opened(stub.url) as upstream:
            call = asyncio.ensure_future(upstream.post(ROUTE, (), b"{}"))
            await asyncio.to_thread(eventually, lambda: len(stub.received) == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.to_thread(eventually, lambda: stub.cancelled == 1)

    asyncio.run(leave())
    assert stub.cancelled == 1


def test_connections_are_kept_and_made_anew_when_the_other_side_closed_them(stub: StubUpstream) -> None:
    async def thrice() -> list[int]:
        async with opened(stub.url) as upstream:
            found = [(await upstream.post(ROUTE, (), b"{}")).status for _ in range(2)]
            stub.raw = http(BODY)  # after a raw answer the stub closes
            found.append((await upstream.post(ROUTE, (), b"{}")).status)
            await asyncio.sleep(0.5)  # a busy machine is late to tell that it closed
            found.append((await upstream.post(ROUTE, (), b"{}")).status)
            return found

    assert asyncio.run(thrice()) == [200] * 4


def test_a_call_says_what_it_sends_and_what_it_takes(stub: StubUpstream) -> None:
    async def twice() -> None:
        async with opened(stub.url) as upstream:
            media = b"multipart/form-data; boundary=x"
            form = await upstream.call("/v1/images", (), b"--x--", content_type=media, accept=b"text/event-stream")
            form.close()
            await asyncio.sleep(0.05)
            listed = await upstream.call("/v1/models?limit=3", (), b"", method="GET")
            assert await listed.read() == BODY

    asyncio.run(twice())
    sent, asked = stub.received
    assert sent.startswith(b"POST /v1/images HTTP/1.1\r\n")
    assert b"\r\nContent-Type: multipart/form-data; boundary=x\r\n" in sent
    assert b"\r\nAccept: text/event-stream\r\n" in sent
    assert asked.startswith(b"GET /v1/models?limit=3 HTTP/1.1\r\n")
    assert b"content-" not in asked.lower()


@pytest.mark.parametrize(
    "wrong",
    [
        {"route": "/v1/a b"},
        {"route": "v1"},
        {"route": "/v1\r\nX: y"},
        {"method": "HEAD"},
        {"method": "GET /x"},
        {"accept": b"a\r\nX: y"},
        {"content_type": b"a\nX: y"},
    ],
)
def test_what_would_not_be_one_request_is_not_sent(stub: StubUpstream, wrong: dict[str, Any]) -> None:
    async def once() -> None:
        async with opened(stub.url) as upstream:
            await upstream.call(**{"route": ROUTE, "headers": (), "body": b"{}", **wrong})

    with pytest.raises(ValueError, match=r"one word|one line"):
        asyncio.run(once())
    assert stub.received == []


def test_it_must_be_opened_first() -> None:
    with pytest.raises(RuntimeError, match=r"before Upstream\.open"):
        asyncio.run(Upstream("http://127.0.0.1:1").post(ROUTE, (), b"{}"))


def test_messages_hold_nothing_of_the_answer(stub: StubUpstream) -> None:
    for raw in (b"HTTP/1.1 zorblax\r\n\r\n", http(b"zorblax", "Content-Encoding: zorblax"), b"zorblax\r\n\r\n"):
        stub.raw = raw
        with pytest.raises(UpstreamError) as raised:
            post(stub.url)
        assert "zorblax" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_free_text_in_a_header_travels_neither_way(stub: StubUpstream) -> None:
    stub.headers = {"X-Request-Id": "two words", "X-RateLimit-Limit": "60", "Retry-After": "3"}
    reply = post(stub.url, (b"x-request-id", b"two words"), (b"openai-project", b"proj_1"))
    assert sent_headers(stub)["openai-project"] == "proj_1"
    assert "x-request-id" not in sent_headers(stub)
    assert set(reply.headers) == {(b"x-ratelimit-limit", b"60"), (b"retry-after", b"3")}
