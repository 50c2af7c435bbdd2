"""What is no request yet is refused and recorded like one (the parts of S01, S02, S05 and S07 that stand so far)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.server.front import LINGER_S
from tests.acceptance.conftest import House, house
from tests.fakes import eventually

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
