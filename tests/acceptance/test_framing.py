"""What is no request yet is refused and recorded like one (S04, S06, and the parts of S01, S02, S05 and S07 so far)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.server.front import LINGER_S
from tests.acceptance.conftest import House, house
from tests.acceptance.wire import chunked, refused, request, said, served
from tests.fakes import CANARY, HARMLESS, eventually

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SMUGGLED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway that gives a head one second."""
    with house(Path(tmp_path_factory.mktemp("framing")), head_timeout_s=1.0) as one:
        yield one


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        (b"garbage\r\n\r\n", 400, "invalid_http"),
        (CHAT + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n{} ", 400, "invalid_http"),
        (CHAT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400, "invalid_http"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000, 431, "headers_too_large"),
        (
            CHAT + b"".join(b"X%d: y\r\n" % n for n in range(500)) + b"Connection: close\r\n\r\n",
            431,
            "headers_too_large",
        ),
        (b"GET /" + b"a" * 60_000, 431, "headers_too_large"),
    ],
    ids=["garbage", "two-lengths", "length-and-chunks", "one-long-header", "many-headers", "long-url"],
)
def test_a_broken_head_is_refused_and_recorded_once(quick: House, sent: bytes, status: int, error: str) -> None:
    before = len(quick.records(0))

    answer = quick.raw(sent)

    assert (answer.status, answer.json["error"]["code"]) == (status, error)
    assert answer.raw.count(b"HTTP/1.1 ") == 1
    records = quick.records(before + 1)[before:]
    assert [(r.state, r.status, r.error, r.id) for r in records] == [
        ("rejected_protocol", status, error, answer.headers["x-guard-id"])
    ]
    assert quick.upstream.received == []


def test_a_head_that_drips_is_refused_in_time(quick: House) -> None:
    began = time.monotonic()

    answer = quick.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHos")

    assert answer.status == 408
    assert 0.9 < time.monotonic() - began < 3


def test_a_connection_that_says_nothing_is_closed_without_a_record(quick: House) -> None:
    before = len(quick.records(0))

    with socket.create_connection(("127.0.0.1", quick.ports.data), timeout=5) as connection:
        assert connection.recv(1) == b""

    assert len(quick.records(0)) == before


CHUNKED = CHAT + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
GOOD = CHAT + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.mark.parametrize(
    "sent",
    [b"zz\r\n", b"-1\r\n", b"2\r\n{}!!", b"2\r\n{}\r\nzz\r\n", b"fffffffffffffffff\r\n", b"2 3\r\n{}\r\n"],
    ids=["no-number", "negative", "no-line-end", "the-second-chunk", "too-large", "two-numbers"],
)
@pytest.mark.parametrize("pause", [False, True], ids=["at-once", "later"])
def test_a_body_whose_framing_breaks_is_refused_and_recorded_once(quick: House, sent: bytes, pause: bool) -> None:
    before = len(quick.records(0))

    with socket.create_connection(("127.0.0.1", quick.ports.data), timeout=5) as connection:
        connection.sendall(CHUNKED if pause else CHUNKED + sent)
        if pause:
            time.sleep(0.1)  # its request waits for the body by now
            connection.sendall(sent)
        raw = everything(connection)

    assert raw.startswith(b"HTTP/1.1 400 ")
    assert raw.count(b"HTTP/1.1 ") == 1
    assert b'"invalid_http"' in raw
    time.sleep(0.1)
    assert [(r.state, r.status, r.error) for r in quick.records(before + 1)[before:]] == [
        ("rejected_protocol", 400, "invalid_http")
    ]
    assert quick.upstream.received == []


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (b"garbage\r\n\r\n", "invalid_http"),
        (CHUNKED + b"zz\r\n", "invalid_http"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000, "headers_too_large"),
    ],
    ids=["head", "body", "too-large"],
)
@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_what_is_broken_behind_a_good_request_waits_its_turn(
    tmp_path: Path, bad: bytes, error: str, delay: float
) -> None:
    with house(tmp_path) as one:
        one.upstream.delay = delay

        answer = one.raw(GOOD + bad)

        first, second = answer.raw.split(b"HTTP/1.1 ")[1:]
        assert first.startswith(b"200 ")
        assert b"all is well" in first
        assert error.encode() in second
        assert [record.error for record in one.records(2)] == ["", error]
        assert one.leaks(answer) == []


def test_garbage_behind_a_request_whose_client_leaves_is_recorded_too(tmp_path: Path) -> None:
    with house(tmp_path, timeout_s=30) as one:
        one.upstream.delay = 30
        with socket.create_connection(("127.0.0.1", one.ports.data), timeout=5) as connection:
            connection.sendall(GOOD + b"garbage\r\n\r\n")
            assert eventually(lambda: len(one.upstream.received) == 1)
        assert {record.error for record in one.records(2)} == {"", "invalid_http"}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (CHAT + b"Content-Length: 99999999999\r\n\r\n{", 413),
        (CHAT + b"Content-Length: 1000\r\n\r\n{", 408),
        (CHAT.replace(b"/v1/chat", b"/v1/none") + b"Content-Length: 1000\r\n\r\n{", 404),
    ],
)
def test_a_body_that_drips_after_its_refusal_is_not_accepted_for_ever(tmp_path: Path, head: bytes, status: int) -> None:
    with house(tmp_path, body_timeout_s=0.3) as one:
        with socket.create_connection(("127.0.0.1", one.ports.data), timeout=5) as connection:
            connection.sendall(head)
            assert connection.recv(4096).startswith(b"HTTP/1.1 %d " % status)
            assert eventually(lambda: is_closed(connection), seconds=LINGER_S + 2)
        assert [record.status for record in one.records(1)] == [status]


def test_a_refused_body_that_ends_soon_leaves_the_connection_open(quick: House) -> None:
    """A client that was sending all along reads its answer, and need not connect again."""
    refused = (CHAT.replace(b"/v1/chat", b"/v1/none") + b"Content-Length: 10\r\n\r\n12345", b"67890")
    with socket.create_connection(("127.0.0.1", quick.ports.data), timeout=5) as connection:
        connection.sendall(refused[0])
        assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")
        connection.sendall(refused[1] + GOOD)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def everything(connection: socket.socket) -> bytes:
    chunks = []
    while chunk := connection.recv(65536):
        chunks.append(chunk)
    return b"".join(chunks)


def is_closed(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
    except OSError:
        return True
    return False


streams = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
texts = pytest.mark.parametrize("text", [CANARY, HARMLESS], ids=["canary", "harmless"])
CODINGS = {
    "xchunked": "Transfer-Encoding: xchunked",
    "identity": "Transfer-Encoding: identity",
    "gzip, chunked": "Transfer-Encoding: gzip, chunked",
    "gzip": "Transfer-Encoding: gzip",
    "chunked, gzip": "Transfer-Encoding: chunked, gzip",
    "chunked, chunked": "Transfer-Encoding: chunked, chunked",
    "chunked, identity": "Transfer-Encoding: chunked, identity",
    "two": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "two that differ": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "two in turn": "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    "vtab before": "Transfer-Encoding: \x0bchunked",
    "vtab after": "Transfer-Encoding: chunked\x0b",
    "form feed": "Transfer-Encoding: chunked\x0c",
    "nul": "Transfer-Encoding: chunked\x00",
    "trailing comma": "Transfer-Encoding: chunked,",
    "leading comma": "Transfer-Encoding: ,chunked",
    "empty": "Transfer-Encoding: ",
    "quoted": 'Transfer-Encoding: "chunked"',
    "parameter": "Transfer-Encoding: chunked;q=1",
    "folded": "Transfer-Encoding:\r\n chunked",
    "blank before the colon": "Transfer-Encoding : chunked",
    "blank before the name": " Transfer-Encoding: chunked",
    "line feed alone": "X: y\nTransfer-Encoding: chunked",
    "and a length": "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "and a length after": "Transfer-Encoding: chunked\r\nContent-Length: 5",
}


@streams
@texts
@pytest.mark.parametrize("coding", CODINGS)
def test_s04_a_transfer_encoding_that_is_not_chunked_alone_is_refused(
    guarded: House, coding: str, text: str, stream: bool
) -> None:
    sent = request(chunked(said(text, stream=stream)), framing=CODINGS[coding], close=False)

    answer = guarded.raw(sent + SMUGGLED)

    refused(guarded, answer, {400: {"invalid_http", "invalid_header"}})
    assert answer.headers["connection"] == "close"


@streams
@texts
@pytest.mark.parametrize("coding", ["chunked", "identity", "gzip, chunked"])
def test_s04_http_1_0_has_no_transfer_encoding(guarded: House, coding: str, text: str, stream: bool) -> None:
    body = chunked(said(text, stream=stream))

    answer = guarded.raw(request(body, framing=f"Transfer-Encoding: {coding}", version="1.0") + SMUGGLED)

    refused(guarded, answer, {400: {"invalid_http"}})


@streams
@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Transfer-Encoding:\tCHUNKED "])
def test_s04_chunks_are_read(guarded: House, framing: str, stream: bool) -> None:
    bad, good = (request(chunked(said(text, stream=stream), 7), framing=framing) for text in (CANARY, HARMLESS))
    served(guarded, bad, good, stream=stream)


@streams
@pytest.mark.parametrize("host", [("Host: localhost",), ()], ids=["host", "no-host"])
@pytest.mark.parametrize("lines", [(), ("Connection: keep-alive",)], ids=["", "keep-alive"])
def test_http_1_0_is_answered_once_and_with_a_length(
    guarded: House, host: tuple[str, ...], lines: tuple[str, ...], stream: bool
) -> None:
    bad, good = (
        request(said(text, stream=stream), *lines, version="1.0", host=host, close=False) + SMUGGLED
        for text in (CANARY, HARMLESS)
    )

    answer = served(guarded, bad, good, stream=stream)

    assert answer.headers["connection"] == "close"
    assert "transfer-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.body)


@streams
@texts
@pytest.mark.parametrize(
    "host",
    [
        (),
        ("Host:",),
        ("Host: localhost", "Host: localhost"),
        ("Host: localhost", "Host: elsewhere"),
        ("Host: a, b",),
        ("Host: localhost,",),
        ("Host: localhost elsewhere",),
        ("Host: localhost/admin",),
        ("Host: user@localhost",),
        ("Host: http://localhost",),
        ("Host: localhost:80:80",),
        ("Host: localhost:port",),
        ("Host: localhost:",),
        ("Host: localhost:123456",),
        ("Host: [::1",),
        ("Host: ::1",),
        ("Host: local%68ost",),
        ("Host: localhost\\",),
        ("Host: localhost?x",),
        ("Host: localhost#x",),
        ("Host: localhost\x0b",),
        ("Host: l\u00f6calhost",),
    ],
    ids=str,
)
def test_s06_a_host_that_is_not_one_host_is_refused(
    guarded: House, host: tuple[str, ...], text: str, stream: bool
) -> None:
    answer = guarded.raw(request(said(text, stream=stream), host=host, close=False) + SMUGGLED)

    refused(guarded, answer, {400: {"invalid_host", "invalid_http"}})
    assert answer.headers["connection"] == "close"


@streams
@texts
@pytest.mark.parametrize(
    "target",
    ["http://elsewhere/v1/chat/completions", "http://localhost:81/v1/chat/completions", "http:///v1/chat/completions"],
)
def test_s06_a_target_that_names_another_host_is_refused(guarded: House, target: str, text: str, stream: bool) -> None:
    answer = guarded.raw(request(said(text, stream=stream), target=target))
    refused(guarded, answer, {400: {"invalid_host", "invalid_http"}})


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080", "a_b.internal", "xn--bcher-kva.example.", "a"]
)
def test_s06_any_one_host_will_do(guarded: House, host: str) -> None:
    bad, good = (request(said(text), host=(f"Host: {host}",)) for text in (CANARY, HARMLESS))
    served(guarded, bad, good, stream=False)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_client_that_is_still_sending_reads_its_answer(guarded: House, stream: bool) -> None:
    """Closing with bytes unread would reset the connection, and take the answer with it."""
    with socket.create_connection(("127.0.0.1", guarded.ports.data), timeout=5) as connection:
        connection.sendall(request(said("x" * 60_000_000, stream=stream), host=()))
        raw = everything(connection)
    assert raw.startswith(b"HTTP/1.1 400 ")
    assert b"invalid_host" in raw


@pytest.mark.parametrize(
    "flood",
    [b"X: " + b"y" * 200_000, b"X: y\r\n" * 40_000, b"1;" + b"x" * 200_000],
    ids=["one-trailer", "many-trailers", "chunk-extension"],
)
def test_s05_what_stands_beside_a_body_is_bounded_too(guarded: House, flood: bytes) -> None:
    head = request(b"", framing="Transfer-Encoding: chunked") + b"1\r\n{\r\n"
    with socket.create_connection(("127.0.0.1", guarded.ports.data), timeout=5) as connection:
        connection.sendall(head + (b"" if flood.startswith(b"1;") else b"0\r\n"))
        time.sleep(0.1)
        try:
            for start in range(0, len(flood), 8192):
                connection.sendall(flood[start : start + 8192])
                time.sleep(0.002)
        except OSError:
            pass  # it was refused already
        raw = everything(connection)
    assert raw.startswith(b"HTTP/1.1 400 ")
    assert b"invalid_http" in raw
    (record,) = guarded.records()
    assert record.status == 400


def test_s40_a_client_that_leaves_with_a_second_request_behind_the_first_frees_the_first(tmp_path: Path) -> None:
    with house(tmp_path, timeout_s=30) as one:
        one.upstream.delay = 30
        with socket.create_connection(("127.0.0.1", one.ports.data), timeout=5) as connection:
            connection.sendall(GOOD + GOOD)
            assert eventually(lambda: len(one.upstream.received) == 1)
        assert eventually(lambda: one.upstream.cancelled == 1, seconds=1)
        assert [record.state for record in one.records(1)] == ["client_gone"]


def test_a_head_is_not_as_large_as_what_stands_before_it(guarded: House) -> None:
    """A long body and half a head come in one packet; the other half comes later."""
    long = request(b" " * 60_000 + said(HARMLESS), close=False)
    last = request(said(HARMLESS))
    with socket.create_connection(("127.0.0.1", guarded.ports.data), timeout=5) as connection:
        connection.sendall(long + last[:40])
        time.sleep(0.2)
        connection.sendall(last[40:])
        raw = everything(connection)
    assert raw.count(b"HTTP/1.1 200 ") == raw.count(b"HTTP/1.1 ") == 2
    assert len(guarded.records(2)) == 2


def test_half_a_head_behind_a_request_is_refused_in_time_and_recorded(quick: House) -> None:
    quick.begin()
    with socket.create_connection(("127.0.0.1", quick.ports.data), timeout=5) as connection:
        connection.sendall(request(said(HARMLESS), close=False) + CHAT[:40])
        raw = everything(connection)
    assert raw.count(b"HTTP/1.1 200 ") == raw.count(b"HTTP/1.1 408 ") == 1
    assert [record.error for record in quick.records(2)] == ["", "head_timeout"]
