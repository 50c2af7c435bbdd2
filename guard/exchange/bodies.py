"""The body of a request: read within bounds, and decoded if it came compressed.

What was decoded is what is judged and what travels on; the compressed bytes go nowhere.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from guard.coding import Damaged, Decoder, TooLarge, UnknownCoding
from guard.errors import RequestError
from guard.exchange.http import BROKEN, CONNECTION, ClientGoneError

if TYPE_CHECKING:
    from guard.config import Limits
    from guard.exchange.http import Headers, Receive, Scope

_TURN_BYTES = 256 * 2**10
"""Decoded bytes after which others get their turn on the event loop: about a millisecond's."""


async def read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """The whole body, decoded (RFC 9110 section 8.4), refused as soon as it is known to be too large.

    The limit holds for what is sent and for what that decodes to: at the length that is announced, or when it is met.

    Raises:
        RequestError: ``body_too_large``, ``body_timeout``, ``unsupported_media_type`` for a coding that is not known
            or a list of them, ``invalid_encoding`` for a body that is not what its coding says, or ``invalid_http``
            where the body's framing breaks.
        ClientGoneError: the client left while sending.
    """
    headers: Headers = scope["headers"]
    for name, value in headers:
        if name == b"content-length" and (not value.isdigit() or int(value) > limits.body_bytes):
            raise _too_large(limits)
    decoder = _decoder(headers, limits)
    connection = scope.get(CONNECTION)
    try:
        if connection is not None and connection.has_all_of(scope):  # nearly always: there is nothing to wait for
            return await _gather(scope, receive, limits, decoder)
        async with asyncio.timeout(limits.body_timeout_s):
            return await _gather(scope, receive, limits, decoder)
    except TimeoutError:
        raise RequestError("body_timeout", f"The body did not arrive in {limits.body_timeout_s:g} s.") from None
    except TooLarge:
        raise _too_large(limits) from None
    except Damaged as error:
        message = f"The body is not what its Content-Encoding says: {error}."
        raise RequestError("invalid_encoding", message) from None


async def _gather(scope: Scope, receive: Receive, limits: Limits, decoder: Decoder | None) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError("The client left while sending its request.")
        if BROKEN in scope:
            raise RequestError("invalid_http", scope[BROKEN])
        data = message.get("body", b"")
        size += len(data)
        if size > limits.body_bytes:
            raise _too_large(limits)
        more = message.get("more_body", False)
        if decoder is None:
            chunks.append(data)
        else:
            await _decode(decoder, data, chunks, last=not more)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _decoder(headers: Headers, limits: Limits) -> Decoder | None:
    """What undoes the coding of the body; None if it has none."""
    coding = b", ".join(value for name, value in headers if name == b"content-encoding").strip(b" \t").lower()
    if coding in {b"", b"identity"}:
        return None
    try:
        return Decoder(coding, limits.body_bytes)
    except UnknownCoding:
        message = "Content-Encoding should be one of gzip, deflate, br and zstd, or left out."
        raise RequestError("unsupported_media_type", message) from None


async def _decode(decoder: Decoder, data: bytes, into: list[bytes], *, last: bool) -> None:
    """Append what *data* decodes to to *into*, without holding up the event loop: little may become much."""
    since = 0
    for piece in decoder.feed(data):
        into.append(piece)
        since += len(piece)
        if since >= _TURN_BYTES:
            since = 0
            await asyncio.sleep(0)
    if last:
        decoder.end()


def _too_large(limits: Limits) -> RequestError:
    return RequestError("body_too_large", f"The body is larger than {limits.body_bytes} bytes.")
