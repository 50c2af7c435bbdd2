"""HTTP at the edge: how large a head may be, which status says what, how an answer is sent.

Status codes live here alone. A block is 400 and never 408, 409, 429 or 5xx, which clients send again by themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.audit import State
from guard.errors import GuardError, RequestError

if TYPE_CHECKING:
    from guard.config import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

REQUEST_STATUS = {
    "unauthorized": 401,
    "unknown_route": 404,
    "method_not_allowed": 405,
    "body_timeout": 408,
    "head_timeout": 408,
    "body_too_large": 413,
    "url_too_long": 414,
    "unsupported_media_type": 415,
    "headers_too_large": 431,
}
"""Statuses of `RequestError` codes; every other code is 400."""
REFUSAL_STATUS = {
    "content_filter": (400, State.BLOCKED),
    "held": (400, State.HELD),
    "guard_unavailable": (503, State.ERROR_CLOSED),
    "guard_timeout": (503, State.ERROR_CLOSED),
    "guard_overloaded": (503, State.SHED),
}
UPSTREAM_STATUS = {"timeout": 504, "unavailable": 503}
"""Statuses of `UpstreamError` codes; every other code is 502."""
KEY_HEADER = b"x-guard-key"
"""Carries a key of the gateway where ``Authorization`` is for the upstream."""
BROKEN = "guard.broken"
"""Where a scope says what is wrong with the framing of its body, once something is: the connection puts it there."""
CONNECTION = "guard.connection"
"""Where a scope has the connection that its request came in by, while that stands; other servers leave it out."""
GENERATOR = "guard.generator"
"""Where a scope has the `Generator` that answers it, if that is not the handler's own upstream."""
GONE = "guard.gone"
"""Set in a scope once nobody hears its answer any more: the client left, or did not read for `write_timeout_s`."""
PIECE = 64 * 2**10
"""Bytes of an answer that are written at once: as much again is written when these are nearly sent."""
JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"
_NO_CONTENT = 204
"""The status of an answer that has no body, nor a length of one (RFC 9110, 8.6)."""


class ClientGoneError(GuardError):
    """The client left before its answer was ready."""


@dataclass(slots=True)
class Reply:
    """A whole answer, ready to send."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Send) -> None:
        """Send it, as fast as it is read.

        Raises:
            ClientGoneError: *send* is an `outlet`'s, and nobody reads.
        """
        headers = [(b"x-content-type-options", b"nosniff"), *self.headers]
        if self.status != _NO_CONTENT:
            length = str(len(self.body)).encode()
            headers = [(b"content-type", self.media_type), (b"content-length", length), *headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await _send_body(send, self.body)


async def _send_body(send: Send, body: bytes) -> None:
    for start in range(0, len(body) or 1, PIECE):
        more = start + PIECE < len(body)
        await send({"type": "http.response.body", "body": body[start : start + PIECE], "more_body": more})


def outlet(scope: Scope, send: Send) -> Send:
    """*send*, for a handler: it waits while the client does not read, and says so if nobody does any more.

    An answer to HTTP/1.0, which knows no chunks, is held until its length is known.

    Raises:
        ClientGoneError: from the *send* that comes back, where ASGI servers drop what they are given in silence.
    """

    async def heard(message: Message) -> None:
        await send(message)
        if scope.get(GONE):
            raise ClientGoneError("The client left, or read nothing for too long.")

    return heard if scope.get("http_version") != "1.0" else _measured(heard)


def _measured(send: Send) -> Send:
    """*send*, given the whole answer at once."""
    head: Message = {}
    held: list[bytes] = []

    async def hold(message: Message) -> None:
        if message["type"] == "http.response.start":
            head.update(message)
            return
        held.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = b"".join(held)
        named = [(name, value) for name, value in head["headers"] if name != b"content-length"]
        await send({**head, "headers": [*named, (b"content-length", str(len(body)).encode())]})
        await _send_body(send, body)

    return hold


def check_head(scope: Scope, limits: Limits) -> None:
    """Refuse a request whose head alone is out of bounds.

    Raises:
        RequestError: ``url_too_long`` or ``headers_too_large``.
    """
    target = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    if target > limits.url_bytes:
        raise RequestError("url_too_long", f"The URL is longer than {limits.url_bytes} bytes.")
    headers: Headers = scope["headers"]
    size = sum(len(name) + len(value) + 4 for name, value in headers)
    if len(headers) > limits.headers or size > limits.header_bytes:
        bounds = f"{limits.headers} headers or {limits.header_bytes} bytes of them"
        raise RequestError("headers_too_large", f"The request has more than {bounds}.")


def check_post(scope: Scope, media_types: frozenset[bytes] = frozenset({JSON})) -> bytes:
    """The content type, parameters included, of a request by POST whose body is of one of *media_types*.

    Raises:
        RequestError: ``method_not_allowed`` or ``unsupported_media_type``.
    """
    if scope["method"] != "POST":
        raise RequestError("method_not_allowed", "This endpoint answers POST only.")
    content_type = header(scope, b"content-type") or b""
    if content_type.split(b";", 1)[0].strip().lower() not in media_types:
        wanted = " or ".join(sorted(one.decode() for one in media_types))
        raise RequestError("unsupported_media_type", f"The body should be {wanted}, said in one Content-Type.")
    return content_type


def header(scope: Scope, wanted: bytes) -> bytes | None:
    """The value of a header that may stand once; None if it is absent or stands twice."""
    values = [value for name, value in scope["headers"] if name == wanted]
    return values[0] if len(values) == 1 else None
