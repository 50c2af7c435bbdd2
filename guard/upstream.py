"""The generator behind the gateway: one HTTP call, bounded in time and size, never following a redirect.

The client is aiohttp: in ``docs/adr/0011-dependencies.md`` it was measured against httpx. `Upstream.post` is all the
gateway uses of it, so that a leaner client can take its place.
"""

from __future__ import annotations

import asyncio
import io
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from guard.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(rb"[A-Za-z0-9_.:;,=/+\-]{1,128}")
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
        max_connections: int = 1024,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        self.timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}

    async def open(self) -> None:
        """Make the connection pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=self._timeout,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def url(self, route: str) -> URL:
        """The address of *route* at the generator. A base URL that ends in ``/v1`` already holds the first step."""
        known = self._urls.get(route)
        if known is None:
            tail = route.removeprefix("/v1") if self.base_url.endswith("/v1") else route
            known = self._urls[route] = URL(self.base_url + tail)
        return known

    async def post(self, route: str, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Reply:
        """Send *body* and take the whole answer.

        Raises:
            UpstreamError: ``unreachable``, ``timeout``, ``redirect``, ``too_large`` or ``protocol``.
        """
        if self._session is None:
            msg = "Upstream.post before Upstream.open"
            raise RuntimeError(msg)
        whole = asyncio.timeout(self.timeout_s)
        try:
            async with (
                whole,
                self._session.post(
                    self.url(route), data=_payload(body), headers=self._headers(headers), allow_redirects=False
                ) as response,
            ):
                if 300 <= response.status < 400:
                    raise UpstreamError("redirect", "The upstream answered with a redirect, which is never followed.")
                encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
                data = await self._read(response, encoding)
                return Reply(response.status, _returned(response.raw_headers), data)
        except TimeoutError:
            if whole.expired():
                raise UpstreamError("timeout", f"The upstream gave no whole answer in {self.timeout_s:g} s.") from None
            raise UpstreamError("unreachable", "The upstream did not accept a connection in time.") from None
        except (aiohttp.ClientConnectorError, ConnectionError):
            raise UpstreamError("unreachable", "The upstream cannot be reached.") from None
        except aiohttp.ClientError:
            raise UpstreamError("protocol", "The upstream broke off or answered something that is not HTTP.") from None

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "guard",
            **{
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in given
                if name in CREDENTIALS or (name in FORWARDED and _PLAIN.fullmatch(value))
            },
        }
        if self._api_key is not None:
            headers.pop("api-key", None)
            headers["authorization"] = f"Bearer {self._api_key}"
        return headers

    async def _read(self, response: aiohttp.ClientResponse, encoding: str) -> bytes:
        """The decoded body, never larger than the limit at any moment."""
        unpack = None
        if encoding in {"gzip", "x-gzip", "deflate"}:
            unpack = zlib.decompressobj(wbits=47 if encoding.endswith("gzip") else 15)
        elif encoding not in {"", "identity"}:
            raise UpstreamError("protocol", "The upstream compressed its answer in a way that was not asked for.")
        chunks: list[bytes] = []
        left = self._max_bytes
        async for raw in response.content.iter_any():
            try:
                chunk = raw if unpack is None else unpack.decompress(raw, left + 1)
            except zlib.error:
                raise UpstreamError("protocol", "The upstream's compressed answer is damaged.") from None
            left -= len(chunk)
            if left < 0:
                raise UpstreamError("too_large", f"The upstream's answer is larger than {self._max_bytes} bytes.")
            chunks.append(chunk)
        if unpack is not None and not unpack.eof:
            raise UpstreamError("protocol", "The upstream's compressed answer is cut short.")
        return b"".join(chunks)


def _payload(body: bytes) -> bytes | io.BytesIO:
    """*body* as aiohttp likes it: in pieces if it is large, so that writing it does not hold up the event loop."""
    return body if len(body) <= 2**20 else io.BytesIO(body)


def _returned(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    lower = ((name.lower(), value) for name, value in headers)
    return tuple(
        (name, value)
        for name, value in lower
        if (name in RETURNED or name.startswith(b"x-ratelimit-")) and _PLAIN.fullmatch(value)
    )
