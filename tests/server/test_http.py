"""How an answer is sent: in pieces, measured for those who know no chunks, and not to nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from guard.exchange.http import GONE, PIECE, ClientGoneError, Message, Reply, Scope, outlet


def sent_by(reply: Reply | None, scope: Scope, *messages: Message) -> list[Message]:
    """What a server is given when *reply*, or else *messages*, go through an `outlet`."""
    given: list[Message] = []

    async def send(message: Message) -> None:
        given.append(message)

    async def run() -> None:
        out = outlet(scope, send)
        if reply is not None:
            await reply.send(out)
        for message in messages:
            await out(message)

    asyncio.run(run())
    return given


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_is_sent_in_pieces_and_ends_once(size: int, version: str) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    start, *pieces = sent_by(Reply(200, body), {"http_version": version})
    assert (start["status"], dict(start["headers"])[b"content-length"]) == (200, str(size).encode())
    assert b"".join(piece["body"] for piece in pieces) == body
    assert all(len(piece["body"]) <= PIECE for piece in pieces)
    assert [piece["more_body"] for piece in pieces] == [True] * (len(pieces) - 1) + [False]


STREAM: list[dict[str, Any]] = [
    {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]},
    {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True},
    {"type": "http.response.body", "body": b"data: 2\n\n", "more_body": True},
    {"type": "http.response.body", "body": b""},
]


def test_a_stream_goes_out_as_it_comes() -> None:
    assert sent_by(None, {"http_version": "1.1"}, *STREAM) == STREAM


def test_a_stream_to_http_1_0_is_measured_first() -> None:
    start, body = sent_by(None, {"http_version": "1.0"}, *STREAM)
    assert start["headers"] == [(b"content-type", b"text/event-stream"), (b"content-length", b"18")]
    assert body == {"type": "http.response.body", "body": b"data: 1\n\ndata: 2\n\n", "more_body": False}


def test_a_stream_to_http_1_0_that_breaks_off_is_not_sent_at_all() -> None:
    assert sent_by(None, {"http_version": "1.0"}, *STREAM[:3]) == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_sending_to_a_client_that_is_gone_says_so(version: str) -> None:
    with pytest.raises(ClientGoneError):
        sent_by(Reply(200, b"x"), {"http_version": version, GONE: True})
