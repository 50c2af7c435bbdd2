"""Calls of the generator: made again only where that is safe, and not made at all while it is known to fail."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from guard import telemetry
from guard.errors import UpstreamError
from guard.upstream.answering import PLAIN, Answering, Bounds
from guard.upstream.breaker import Breaker
from guard.upstream.connection import BrokenAnswer, LateAnswer, Until
from guard.upstream.pool import Pool
from guard.upstream.retry import RetryBudget, seconds_of, wait_before_retry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guard.upstream.breaker import Ticket
    from guard.upstream.connection import Connection

log = logging.getLogger(__name__)

FORWARDED = frozenset(
    (b"idempotency-key", b"openai-organization", b"openai-project", b"openai-beta", b"traceparent", b"x-request-id")
)
"""What travels to the generator, while it is one plain word. All else a client sends stays here: cookies, hop-by-hop
headers, spoofed origins, free text."""
CREDENTIALS = frozenset((b"authorization", b"api-key", b"x-api-key"))
"""Travel as they are: only the generator can read them."""
_JSON = b"application/json"
_LINE = re.compile(rb"[^\r\n\0]*")
_METHOD = re.compile(r"[A-Z]+")
_TARGET = re.compile(r"/[!-~]*")
_MOST_STARTS = 256


@dataclass(frozen=True, slots=True)
class Reply:
    """What the generator answered, whole. *attempts* counts the calls made for it, retries included."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    attempts: int = 1


class Upstream:
    """One base URL, one connection pool, one breaker. `open` and `close` belong to the event loop that serves.

    *timeout_s* bounds the whole call, retries included, *connect_s* one connection, *idle_s* the silence between two
    pieces of a stream; *max_bytes* bounds a whole answer, *max_stream_bytes* a streamed one, both decoded.
    A call that fails and may be made again is made up to *retries* times more. After *breaker_failures* failures in a
    row (0: never) none is made for *breaker_open_s*. *api_key*, if given, replaces whatever authorization the client
    sent.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 600.0,
        connect_s: float = 5.0,
        idle_s: float = 60.0,
        max_bytes: int = 32 * 2**20,
        max_stream_bytes: int = 256 * 2**20,
        retries: int = 2,
        breaker_failures: int = 10,
        breaker_open_s: float = 5.0,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout_s = timeout_s
        self._api_key = api_key
        self._bounds = Bounds(timeout_s, connect_s, idle_s, max_bytes, max_stream_bytes)
        self._retries = retries
        self._budget = RetryBudget()
        self._breaker = Breaker(breaker_failures, breaker_open_s, _breaker_turned)
        parts = urlsplit(self.base_url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path
        self._netloc = parts.netloc.rpartition("@")[2]
        self._pool: Pool | None = None
        self._starts: dict[tuple[str, str], bytes] = {}

    async def open(self) -> None:
        """Make the connection pool. TLS verifies the other side, always."""
        self._pool = Pool(self._host, self._port, ssl.create_default_context() if self._tls else None)

    async def close(self) -> None:
        """Close every connection that no call uses; the others close as their calls end."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    async def call(
        self,
        route: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        *,
        content_type: bytes = _JSON,
        accept: bytes = _JSON,
        method: str = "POST",
        whole: bool = False,
        forwarded: frozenset[bytes] = frozenset(),
        key_header: bytes = b"authorization",
    ) -> Answering:
        """Send *body* and wait for the head of the answer, or for all of it. The caller closes what it is given.

        Headers called *forwarded* travel too, while they are one plain word. Our own key goes into *key_header*.

        Raises:
            UpstreamError: ``unreachable``, ``timeout``, ``redirect``, ``protocol`` or ``unavailable``.
        """
        given = [one for one in headers if one[0] in forwarded and PLAIN.fullmatch(one[1])] if forwarded else []
        head = self._head(method, route, headers, len(body), content_type, accept, key_header, given)
        return await self._call(head, body, Until.WHOLE if whole else Until.HEAD)

    async def post(self, route: str, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Reply:
        """Send *body*, which is JSON, and take the whole answer.

        Raises:
            UpstreamError: as `call` does, or ``too_large``.
        """
        answer = await self._call(self._head("POST", route, headers, len(body), _JSON, _JSON), body, Until.WHOLE)
        return Reply(answer.status, answer.headers, await answer.read(), answer.attempts)

    async def _call(self, head: bytes, body: bytes, until: Until) -> Answering:
        """The first answer that is no reason to call again, or the last one there is."""
        pool = self._pool
        if pool is None:
            msg = "the upstream is called before Upstream.open"
            raise RuntimeError(msg)
        loop = asyncio.get_running_loop()
        now = loop.time()
        deadline = now + self.timeout_s
        ticket = self._breaker.admit(now)
        if ticket is None:
            raise self._unavailable(now)
        self._budget.called(now)
        retry, made = 1, 0
        while True:
            last = await self._once(pool, head, body, until, deadline, ticket, made)
            wait = self._wait(last, retry, deadline)
            if wait is None:
                break
            try:
                await asyncio.sleep(wait)
                ticket = self._breaker.admit(loop.time())
                if ticket is None:  # it opened meanwhile: what there is, is the answer
                    break
            except BaseException:
                _let_go(last)
                raise
            _let_go(last)
            telemetry.UPSTREAM_RETRIES.inc()
            retry, made = retry + 1, last.attempts
        if isinstance(last, UpstreamError):
            raise last
        return last

    async def _once(
        self, pool: Pool, head: bytes, body: bytes, until: Until, deadline: float, ticket: Ticket, made: int
    ) -> Answering | UpstreamError:
        """One call, after *made* others. Says to the breaker how it went, or leaves that to the answer."""
        loop, made = asyncio.get_running_loop(), made + 1
        try:
            kept = pool.kept()
            connection = kept or await self._connect(pool, deadline)
            connection.send(head, body)
            try:
                await connection.wait(until, deadline)
            except BrokenAnswer:
                if kept is None or not kept.unheard:
                    raise
                made += 1  # nobody heard the first: a kept connection was closed as it was taken
                connection = await self._connect(pool, deadline)
                connection.send(head, body)
                await connection.wait(until, deadline)
        except LateAnswer:
            ticket.failed(loop.time())
            return UpstreamError("timeout", f"The upstream gave no answer in {self.timeout_s:g} s.", attempts=made)
        except (OSError, UnicodeError) as error:
            ticket.failed(loop.time())
            why = "did not accept a connection in time" if isinstance(error, TimeoutError) else "cannot be reached"
            return UpstreamError("unreachable", f"The upstream {why}.", attempts=made)
        except BrokenAnswer:
            ticket.left()
            said = "The upstream broke off, or answered something that is not HTTP."
            return UpstreamError("protocol", said, attempts=made)
        except BaseException:
            ticket.left()
            raise
        status = connection.status
        if 300 <= status < 400:
            ticket.left()
            connection.close()
            said = "The upstream answered with a redirect, which is never followed."
            return UpstreamError("redirect", said, attempts=made)
        if status >= 500:
            ticket.failed(loop.time())
        elif status >= 400:
            ticket.left()
        elif ticket.probe:
            ticket.succeeded()  # others wait for this: the rest of the answer may take minutes
        return Answering(connection, pool, ticket, self._bounds, deadline, made)

    async def _connect(self, pool: Pool, deadline: float) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + self._bounds.connect_s)):
                return await pool.connect()
        except TimeoutError:
            if loop.time() >= deadline:
                raise LateAnswer from None
            raise

    def _wait(self, last: Answering | UpstreamError, retry: int, deadline: float) -> float | None:
        """Seconds until the call is made again, or None if it is not."""
        asked, takes = None, 0.0
        if isinstance(last, UpstreamError):
            if last.code != "unreachable":
                return None
            status, takes = 0, self._bounds.connect_s
        elif last.status < 429:
            return None
        else:
            status = last.status
            asked = seconds_of(last.retry_after, datetime.now(UTC))
        if retry > self._retries:
            return None
        wait = wait_before_retry(status, asked, retry, random.random())  # noqa: S311  it spreads callers, no more
        now = asyncio.get_running_loop().time()
        return wait if wait is not None and now + wait + takes < deadline and self._budget.take(now) else None

    def _unavailable(self, now: float) -> UpstreamError:
        again = max(1, math.ceil(self._breaker.wait(now)))
        return UpstreamError(
            "unavailable", "The upstream failed too often in a row; it is not called for now.", retry_after_s=again
        )

    def _head(
        self,
        method: str,
        route: str,
        given: Iterable[tuple[bytes, bytes]],
        length: int,
        content_type: bytes,
        accept: bytes,
        key_header: bytes = b"authorization",
        more: Iterable[tuple[bytes, bytes]] = (),
    ) -> bytes:
        """The head of the request."""
        start = self._starts.get((method, route)) or self._start(method, route)
        own = b""
        if self._api_key is not None:
            scheme = b"Bearer " if key_header == b"authorization" else b""
            own = key_header + b": " + scheme + self._api_key.encode() + b"\r\n"
        if not (_LINE.fullmatch(content_type) and _LINE.fullmatch(accept)):
            msg = "a media type is one line"
            raise ValueError(msg)
        lines = [
            name + b": " + value + b"\r\n"
            for name, value in given
            if (name in CREDENTIALS and not own and _LINE.fullmatch(value))
            or (name in FORWARDED and PLAIN.fullmatch(value))
        ]
        lines += [name + b": " + value + b"\r\n" for name, value in more]
        about = (
            b"Content-Type: %b\r\nContent-Length: %d\r\n" % (content_type, length)
            if length or method in {"POST", "PUT", "PATCH"}
            else b""
        )
        return b"".join((start, b"Accept: ", accept, b"\r\n", *lines, own, about, b"\r\n"))

    def _start(self, method: str, route: str) -> bytes:
        """The part of the head that is the same for all calls of *route*, kept."""
        if not (_METHOD.fullmatch(method) and method != "HEAD" and _TARGET.fullmatch(route)):
            msg = "a method is one word in capitals, not HEAD; a route begins with a slash and has no spaces"
            raise ValueError(msg)
        if len(self._starts) >= _MOST_STARTS:
            self._starts.clear()
        path = self._prefix.removesuffix("/v1") + route  # other routes than OpenAI's are not below it
        start = self._starts[method, route] = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._netloc}\r\nAccept-Encoding: identity\r\nUser-Agent: guard\r\n"
        ).encode()
        return start


def _let_go(last: Answering | UpstreamError) -> None:
    if isinstance(last, Answering):
        last.close()


def _breaker_turned(is_open: bool) -> None:  # noqa: FBT001  a callback's one argument
    telemetry.UPSTREAM_OPEN.set(is_open)
    if is_open:
        log.warning("the upstream failed too often in a row: it is not called for now")
    else:
        log.warning("the upstream answers again")
