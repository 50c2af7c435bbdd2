"""HTTP/1.1 on the wire (RFC 9112), as much of it as one POST and its answer need; parsed by httptools (llhttp).

A general client costs three to ten times as much per call (docs/performance.md). What this one leaves out on purpose:
redirects, cookies, proxies, retries. A connection carries one call at a time and is kept only after an answer that was
read to its end.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    import ssl

MAX_HEAD_BYTES = 64 * 2**10
KEPT_FOR_S = 15.0
"""Seconds that an idle connection is kept: less than most servers keep theirs."""


class BrokenAnswer(Exception):  # noqa: N818  a state of the wire; the client says what it means
    """What came back is no whole HTTP answer."""


class AnswerTooLargeError(Exception):
    """The answer is larger than the caller takes."""


@dataclass(slots=True)
class RawAnswer:
    """An answer as it came: *body* still encoded as its headers say."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    def header(self, name: bytes) -> bytes | None:
        """The first header called *name* (lower case)."""
        return next((value for key, value in self.headers if key == name), None)


class Connection(asyncio.Protocol):
    """One connection. `call` may be awaited once at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer = RawAnswer()
        self._waiting: asyncio.Future[RawAnswer] | None = None
        self._max_bytes = 0
        self._head_bytes = 0
        self._in_head = True
        self.reusable = True
        self.idle_since = 0.0

    async def call(self, head: bytes, body: bytes, max_bytes: int) -> RawAnswer:
        """Send a request and take the answer.

        Raises:
            BrokenAnswer: the other side broke off, or does not speak HTTP.
            AnswerTooLargeError: the body, as it came, is larger than *max_bytes*.
        """
        if self._transport is None or self._transport.is_closing():
            raise BrokenAnswer
        self._parser = httptools.HttpResponseParser(self)
        self._answer = RawAnswer()
        self._max_bytes, self._head_bytes, self._in_head = max_bytes, 0, True
        self._waiting = self._loop.create_future()
        self._transport.writelines((head, body))
        try:
            return await self._waiting
        except BaseException:
            self.close()
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """Drop the connection at once: the other side sees that nobody waits any more."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = transport  # type: ignore[assignment]  # a stream's; uvloop's is no subclass of asyncio's

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone: the end of an answer that has no length, or a break."""
        self.reusable = False
        if self._waiting is None or self._waiting.done():
            return
        answer = self._answer
        endless = answer.header(b"content-length") is None and answer.header(b"transfer-encoding") is None
        if exc is None and not self._in_head and endless:
            self._waiting.set_result(answer)
        else:
            self._waiting.set_exception(BrokenAnswer())

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._waiting is None or self._waiting.done() or self._parser is None:
            self.close()  # nobody asked: whatever follows an answer is not the next one
            return
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(BrokenAnswer())
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(BrokenAnswer())

    # httptools calls these

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._answer.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._parser is not None:
            self._answer.status = self._parser.get_status_code()
        self._in_head = self._answer.status < 200

    def on_body(self, data: bytes) -> None:
        """Part of the body."""
        self._answer.body += data
        if len(self._answer.body) > self._max_bytes:
            self._fail(AnswerTooLargeError())

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._in_head:
            self._answer = RawAnswer()
            return
        self.reusable = self.reusable and self._parser is not None and self._parser.should_keep_alive()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._answer)

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        self.close()


class Pool:
    """Connections to one address, the last used first."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._idle: deque[Connection] = deque()

    def kept(self) -> Connection | None:
        """A kept connection that still stands, if there is one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and time.monotonic() - connection.idle_since < KEPT_FOR_S:
                return connection
            connection.close()
        return None

    async def connect(self) -> Connection:
        """A new connection.

        Raises:
            OSError: none can be made.
        """
        loop = asyncio.get_running_loop()
        name = self._host if self._tls is not None else None
        _, connection = await loop.create_connection(
            Connection, self._host, self._port, ssl=self._tls, server_hostname=name
        )
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep *connection* for the next call, if it can be."""
        if connection.reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Drop every kept connection."""
        while self._idle:
            self._idle.pop().close()
