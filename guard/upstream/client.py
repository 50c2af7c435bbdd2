"""What travels to the generator and what is made of its answer: bounded in time and size, never redirected."""

from __future__ import annotations

import asyncio
import re
import ssl
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from guard.errors import UpstreamError
from guard.upstream.connection import AnswerTooLargeError, BrokenAnswer, Pool, RawAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(rb"[A-Za-z0-9_.:;,=/+\-]{1,128}")
_LINE = re.compile(rb"[^\r\n\0]*")
FORWARDED = frozenset(
    (b"idempotency-key", b"openai-organization", b"openai-project", b"openai-beta", b"traceparent", b"x-request-id")
)
"""What travels to the generator, while it is one plain word. All else a client sends stays here: cookies, hop-by-hop
headers, spoofed origins, free text."""
CREDENTIALS = frozenset((b"authorization", b"api-key"))
"""Travel as they are: only the generator can read them."""
RETURNED = frozenset(
    (b"retry-after", b"x-request-id", b"openai-processing-ms", b"openai-version", b"openai-organization")
)
"""What travels back, while it is one plain word; and everything that begins with ``x-ratelimit-``."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the generator answered, whole."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Upstream:
    """One base URL, one connection pool. `open` and `close` belong to the event loop that serves.

    *timeout_s* bounds the whole call, *connect_s* the connection alone; *max_bytes* bounds the decoded answer.
    *api_key*, if given, replaces whatever authorization the client sent.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 600.0,
        connect_s: float = 5.0,
        max_bytes: int = 32 * 2**20,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout_s = timeout_s
        self._api_key = api_key
        self._connect_s = connect_s
        self._max_bytes = max_bytes
        parts = urlsplit(self.base_url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path
        self._netloc = parts.netloc.rpartition("@")[2]
        self._pool: Pool | None = None
        self._heads: dict[str, bytes] = {}

    async def open(self) -> None:
        """Make the connection pool. TLS verifies the other side, always."""
        self._pool = Pool(self._host, self._port, ssl.create_default_context() if self._tls else None)

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    async def post(self, route: str, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Reply:
        """Send *body* and take the whole answer.

        Raises:
            UpstreamError: ``unreachable``, ``timeout``, ``redirect``, ``too_large`` or ``protocol``.
        """
        if self._pool is None:
            msg = "Upstream.post before Upstream.open"
            raise RuntimeError(msg)
        pool = self._pool
        head = self._head(route, headers, len(body))
        whole = asyncio.timeout(self.timeout_s)
        try:
            async with whole:
                connection = pool.kept()
                if connection is None:
                    async with asyncio.timeout(self._connect_s):
                        connection = await pool.connect()
                raw = await connection.call(head, body, self._max_bytes)
        except TimeoutError:
            if whole.expired():
                raise UpstreamError("timeout", f"The upstream gave no whole answer in {self.timeout_s:g} s.") from None
            raise UpstreamError("unreachable", "The upstream did not accept a connection in time.") from None
        except OSError:
            raise UpstreamError("unreachable", "The upstream cannot be reached.") from None
        except BrokenAnswer:
            raise UpstreamError("protocol", "The upstream broke off or answered something that is not HTTP.") from None
        except AnswerTooLargeError:
            raise self._too_large() from None
        pool.give_back(connection)
        if 300 <= raw.status < 400:
            raise UpstreamError("redirect", "The upstream answered with a redirect, which is never followed.")
        return Reply(raw.status, _returned(raw.headers), self._decoded(raw))

    def _head(self, route: str, given: Iterable[tuple[bytes, bytes]], length: int) -> bytes:
        """The head of the request. A base URL that ends in ``/v1`` already holds the first step of *route*."""
        start = self._heads.get(route)
        if start is None:
            tail = route.removeprefix("/v1") if self._prefix.endswith("/v1") else route
            start = self._heads[route] = (
                f"POST {self._prefix}{tail} HTTP/1.1\r\nHost: {self._netloc}\r\nContent-Type: application/json\r\n"
                "Accept: application/json\r\nAccept-Encoding: identity\r\nUser-Agent: guard\r\n"
            ).encode()
        own = b"" if self._api_key is None else f"Authorization: Bearer {self._api_key}\r\n".encode()
        lines = [
            name + b": " + value + b"\r\n"
            for name, value in given
            if (name in CREDENTIALS and not own and _LINE.fullmatch(value))
            or (name in FORWARDED and _PLAIN.fullmatch(value))
        ]
        return b"".join((start, *lines, own, b"Content-Length: ", str(length).encode(), b"\r\n\r\n"))

    def _decoded(self, raw: RawAnswer) -> bytes:
        """The body, decompressed if need be, never larger than the limit."""
        encoding = (raw.header(b"content-encoding") or b"identity").strip().lower()
        if encoding in {b"", b"identity"}:
            return bytes(raw.body)
        if encoding not in {b"gzip", b"x-gzip", b"deflate"}:
            raise UpstreamError("protocol", "The upstream compressed its answer in a way that was not asked for.")
        unpack = zlib.decompressobj(wbits=15 if encoding == b"deflate" else 47)
        try:
            body = unpack.decompress(raw.body, self._max_bytes + 1)
        except zlib.error:
            raise UpstreamError("protocol", "The upstream's compressed answer is damaged.") from None
        if len(body) > self._max_bytes:
            raise self._too_large()
        if not unpack.eof:
            raise UpstreamError("protocol", "The upstream's compressed answer is cut short.")
        return body

    def _too_large(self) -> UpstreamError:
        return UpstreamError("too_large", f"The upstream's answer is larger than {self._max_bytes} bytes.")


def _returned(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    lower = ((name.lower(), value) for name, value in headers)
    return tuple(
        (name, value)
        for name, value in lower
        if (name in RETURNED or name.startswith(b"x-ratelimit-")) and _PLAIN.fullmatch(value)
    )
