"""A body is read within its bounds, and decoding it gives others their turn."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guard.config import Limits
from guard.errors import RequestError
from guard.exchange.bodies import read_body
from guard.exchange.http import ClientGoneError, Message

LIMITS = replace(Limits(), body_bytes=2000, body_timeout_s=0.2)


def reading(pieces: Sequence[bytes | None], *headers: tuple[bytes, bytes], limits: Limits = LIMITS) -> Any:
    """`read_body` of a request that comes in *pieces*; at None the client leaves."""
    scope = {"headers": list(headers)}
    left = list(pieces)

    async def receive() -> Message:
        if not left:
            await asyncio.sleep(5)
        piece = left.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    return read_body(scope, receive, limits)


@given(body=st.binary(max_size=2000), cut=st.integers(1, 300), packed=st.booleans())
def test_a_body_comes_out_as_it_was_however_it_is_cut(body: bytes, cut: int, packed: bool) -> None:
    sent = gzip.compress(body) if packed else body
    pieces = [sent[start : start + cut] for start in range(0, len(sent), cut)]
    headers = [(b"content-encoding", b"gzip")] if packed else []
    if len(sent) <= 2000:
        assert asyncio.run(reading([*pieces, b""], *headers)) == body


@pytest.mark.parametrize(
    ("pieces", "headers", "code"),
    [
        ([b"x" * 1500, b"x" * 501, b""], [], "body_too_large"),
        ([], [(b"content-length", b"2001")], "body_too_large"),
        ([zlib.compress(b"x" * 2001), b""], [(b"content-encoding", b"deflate")], "body_too_large"),
        ([b"x" * 2001, b""], [(b"content-encoding", b"br")], "body_too_large"),
        ([], [(b"content-encoding", b"compress")], "unsupported_media_type"),
        ([], [(b"content-encoding", b"gzip"), (b"content-encoding", b"gzip")], "unsupported_media_type"),
        ([b"{}", b""], [(b"content-encoding", b"gzip")], "invalid_encoding"),
        ([gzip.compress(b"{}")[:-1], b""], [(b"content-encoding", b"gzip")], "invalid_encoding"),
        ([b"{"], [], "body_timeout"),
        ([gzip.compress(b"{}")], [(b"content-encoding", b"gzip")], "body_timeout"),
    ],
)
def test_a_body_out_of_bounds_is_refused(pieces: list[bytes], headers: list[Any], code: str) -> None:
    with pytest.raises(RequestError) as raised:
        asyncio.run(reading(pieces, *headers))
    assert raised.value.code == code


@pytest.mark.parametrize("headers", [[], [(b"content-encoding", b"gzip")]])
def test_a_client_that_leaves_while_sending_is_gone(headers: list[Any]) -> None:
    with pytest.raises(ClientGoneError):
        asyncio.run(reading([gzip.compress(b"{}"), None], *headers))


def test_decoding_much_from_little_gives_others_their_turn() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def run() -> bytes:
        beside = asyncio.ensure_future(others())
        limits = replace(LIMITS, body_bytes=10 * 2**20, body_timeout_s=20)
        sent = gzip.compress(b" " * (8 * 2**20))
        body: bytes = await reading([sent, b""], (b"content-encoding", b"gzip"), limits=limits)
        beside.cancel()
        return body

    assert len(asyncio.run(run())) == 8 * 2**20
    assert turns > 20
