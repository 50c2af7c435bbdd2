"""What is no request yet is refused and recorded like one (the parts of S01, S02, S05 and S07 that stand so far)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import House, house

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
def test_a_broken_head_is_refused_and_recorded_once(quick: House, sent: bytes, status: int, error: str):
    before = len(quick.records(0))

    answer = quick.raw(sent)

    assert (answer.status, answer.json["error"]["code"]) == (status, error)
    assert answer.raw.count(b"HTTP/1.1 ") == 1
    records = quick.records(before + 1)[before:]
    assert [(r.state, r.status, r.error, r.id) for r in records] == [
        ("rejected_protocol", status, error, answer.headers["x-guard-id"])
    ]
    assert quick.upstream.received == []


def test_a_head_that_drips_is_refused_in_time(quick: House):
    began = time.monotonic()

    answer = quick.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHos")

    assert answer.status == 408
    assert 0.9 < time.monotonic() - began < 3


def test_a_connection_that_says_nothing_is_closed_without_a_record(quick: House):
    before = len(quick.records(0))

    with socket.create_connection(("127.0.0.1", quick.ports.data), timeout=5) as connection:
        assert connection.recv(1) == b""

    assert len(quick.records(0)) == before
