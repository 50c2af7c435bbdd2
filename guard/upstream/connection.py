"""HTTP/1.1 on the wire (RFC 9112), as much of it as one request and its answer need; parsed by httptools (llhttp).

A general client costs three to ten times as much per call (docs/performance.md). What this one leaves out on purpose:
redirects, cookies, proxies. A connection carries one call at a time: `Connection.send`, then `Connection.wait` and
`Connection.take` until it is `complete`. No task is made for a call, and hardly a timer.
"""

from __future__ import annotations

import asyncio
import enum
import socket
import struct
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from collections.abc import Callable

    from guard.upstream.gathering import Gathering

MAX_HEAD_BYTES = 64 * 2**10
HIGH_WATER = 256 * 2**10
"""Bytes that may wait unread before the other side is made to wait; it goes on below half of that."""
_TCP_INFO = struct.Struct("=120xQ16xI52xQQ")
"""Of Linux' ``struct tcp_info`` (linux/tcp.h): bytes acknowledged, bytes not sent yet, bytes sent, bytes sent again."""


class BrokenAnswer(Exception):  # noqa: N818  a state of the wire; the client says what it means
    """What came back is no whole HTTP answer."""


class LateAnswer(Exception):  # noqa: N818
    """What was waited for did not come in time."""


class Until(enum.Enum):
    """What `Connection.wait` waits for, if the answer is not complete before."""

    HEAD = enum.auto()
    SOME = enum.auto()
    """Any part of the body."""
    WHOLE = enum.auto()
    """All of the answer, or as much of it as may wait unread."""


Headers = list[tuple[bytes, bytes]]
"""As they came, names in lower case."""


def header(headers: Headers, name: bytes) -> bytes | None:
    """The values of all headers called *name* as one list (RFC 9110 section 5.2), or None if there is none."""
    found = [value for key, value in headers if key == name]
    return b", ".join(found) if found else None


class Connection(asyncio.Protocol):
    """One connection, and the answer that comes over it.

    Attributes:
        status: of the answer; 0 until its head has come, as `headers` (names in lower case) are empty.
        complete: whether all of the answer has come. What has may still wait to be taken.
        reusable: whether another call may follow.
        unheard: whether it is certain that the other side closed the connection before it got any of the request.
    """

    def __init__(self, gathering: Gathering | None = None) -> None:
        """*gathering* reads what is streamed, together with what comes over other connections of this loop."""
        self._loop = asyncio.get_running_loop()
        self._gathering = gathering
        self._joined = False
        self._fd: int | None = None
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._until = Until.HEAD
        self._due = 0.0
        self._look: Callable[[], bool] | None = None
        self._looked = False
        self._last = self._idle_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._error: Exception | None = None
        self._body = bytearray()
        self._paused = False
        self._head_bytes = 0
        self._in_head = True
        self._request_bytes = 0
        self._silent = True
        self.status = 0
        self.headers: Headers = []
        self.complete = True
        self.reusable = True
        self.unheard = False
        self.idle_since = 0.0

    @property
    def stands(self) -> bool:
        """Whether another call can be made, as far as can be seen from here."""
        return self.reusable and self._transport is not None and not self._transport.is_closing()

    @property
    def unread(self) -> int:
        """Bytes of the body that have come and were not taken yet."""
        return len(self._body)

    def send(self, head: bytes, body: bytes) -> None:
        """Begin a call. A connection that is gone shows when the answer is waited for."""
        self._parser = httptools.HttpResponseParser(self)
        self._error = None
        self._body.clear()
        self._resume()
        self._head_bytes, self._in_head, self._silent = 0, True, True
        self.status, self.headers, self.complete = 0, [], False
        self._request_bytes = len(head) + len(body)
        if self._transport is None or self._transport.is_closing():
            self._error = BrokenAnswer()
        else:
            self._transport.writelines((head, body))

    async def wait(self, until: Until, when: float) -> None:
        """Return once there is what *until* says, or all there will be. The clock of *when* is the loop's.

        Raises:
            BrokenAnswer: the other side broke off, or does not speak HTTP.
            LateAnswer: it is *when*.
        """
        self._until = until
        if not self._enough():
            self._waiter = self._loop.create_future()
            self._due = when
            if self._timer is None or self._timer.when() > when:
                self._set_timer()
            try:
                await self._waiter
            except BaseException:
                self.close()
                raise
            finally:
                self._waiter = None
        if self._error is not None and (until is Until.WHOLE or not (self._has(until) or self._looked)):
            raise self._error

    async def sift(self, look: Callable[[], bool], last: float, idle_s: float) -> None:
        """Return once *look*, which is asked whenever something came and takes it, says so, or all has come.

        Raises:
            BrokenAnswer: as `wait` does.
            LateAnswer: it is *last*, or nothing came for *idle_s*.
            Exception: whatever *look* raises.
        """
        self._look, self._looked, self._last, self._idle_s = look, False, last, idle_s
        self._gather()
        try:
            await self.wait(Until.SOME, min(last, self._loop.time() + idle_s))
        finally:
            self._look = None
            self._looked = False

    def take(self, most: int | None = None) -> bytes:
        """What has come of the body and was not taken yet, *most* bytes of it; empty if there is nothing."""
        if most is None or len(self._body) <= most:
            data = bytes(self._body)
            self._body.clear()
        else:
            with memoryview(self._body) as view:
                data = bytes(view[:most])
            del self._body[:most]  # moves nothing: a bytearray keeps where it starts
        if self._paused and len(self._body) < HIGH_WATER // 2:
            self._resume()
        return data

    def close(self) -> None:
        """Drop the connection at once: the other side sees that nobody waits any more."""
        self.reusable = False
        self._stop_timer()
        self._part()
        if self._transport is not None:
            self._transport.abort()

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = transport  # type: ignore[assignment]  # a stream's; uvloop's is no subclass of asyncio's

    def eof_received(self) -> None:
        """The other side sends no more; the transport closes."""
        if self._silent and not self.complete and self._transport is not None:
            self.unheard = _never_arrived(self._transport, self._request_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone: the end of an answer that has no length, or a break."""
        self.reusable = False
        self._part()
        self._stop_timer()
        self._transport = None  # aborting one that is gone raises in asyncio
        if self.complete:
            return
        if exc is None and self._error is None and not self._in_head and not self._has_length():
            self.complete = True
            self._wake()
        else:
            self._fail(BrokenAnswer())

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.complete or self._parser is None:
            self.close()  # nobody asked: whatever follows an answer is not the next one
            return
        if self._error is not None:
            return
        self._silent = False
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(BrokenAnswer())
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(BrokenAnswer())
        if len(self._body) > HIGH_WATER:
            self._hold_back()
        if self._waiter is not None:
            self._wake()

    # httptools calls these

    def on_message_begin(self) -> None:
        """A first answer, or one more than was asked for."""
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if not self.complete and self._in_head:  # after the head they are trailers, which nothing here reads
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self.complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < 200:
            return
        coding = header(self.headers, b"transfer-encoding")
        if coding is not None and coding.lower() != b"chunked":  # llhttp would hand over what is still encoded
            self._fail(BrokenAnswer())
            return
        self.status, self._in_head = status, False

    def on_body(self, data: bytes) -> None:
        """Part of the body."""
        if not self.complete:
            self._body += data

    def on_message_complete(self) -> None:
        """The answer is whole; or it was an interim one (RFC 9110 section 15.2), and another follows."""
        if self._in_head:
            self.headers = []
        elif not self.complete and self._error is None and self._parser is not None:
            self.complete = True
            self._stop_timer()
            self._part()
            self.reusable = self.reusable and self._parser.should_keep_alive() and not self._unsent()

    # within

    def _has(self, until: Until) -> bool:
        if until is Until.HEAD:
            return not self._in_head
        return len(self._body) > (0 if until is Until.SOME else HIGH_WATER)

    def _enough(self) -> bool:
        if self.complete or self._error is not None:
            return True
        if self._look is None:
            return self._has(self._until)
        self._looked = len(self._body) > 0 and self._look()
        return self._looked

    def _wake(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if self._look is not None:
            self._due = min(self._last, self._loop.time() + self._idle_s)
        try:
            enough = self._enough()
        except Exception as error:  # noqa: BLE001  what looking raised: whoever waits hears of it
            self._waiter.set_exception(error)
        else:
            if enough:
                self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.complete and self._error is None:
            self._error = error
        self.close()
        self._wake()

    def _set_timer(self) -> None:
        self._stop_timer()
        self._timer = self._loop.call_at(self._due, self._look_at_clock)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at_clock(self) -> None:
        """It is late; or the timer is an earlier wait's.

        It stays from one to the next: making one for each event of a stream would cost more than all else here.
        """
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._due:
            self._set_timer()
        else:
            self._fail(LateAnswer())

    def _has_length(self) -> bool:
        return (
            header(self.headers, b"content-length") is not None
            or header(self.headers, b"transfer-encoding") is not None
        )

    def _unsent(self) -> bool:
        """Whether the answer came before all of the request went out: nobody knows how the other side goes on."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def _hold_back(self) -> None:
        """Make the other side wait if much waits here, and nobody is about to take it."""
        if self._waiter is not None or self._paused or self.complete:
            return
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            if self._fd is None:
                self._transport.pause_reading()
            elif self._gathering is not None:
                self._gathering.release(self._fd)

    def _resume(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            if self._fd is None:
                self._transport.resume_reading()
            elif self._gathering is not None:
                self._gathering.read(self._fd, self.data_received, self._ended)
        self._paused = False

    def _gather(self) -> None:
        """Have the rest of this answer read together with others, if that saves anything."""
        gathering, transport = self._gathering, self._transport
        if gathering is None or transport is None or self.complete or self._fd is not None:
            return
        if not self._joined:
            self._joined = True
            gathering.join()
        if gathering.worthwhile and not self._paused and not transport.is_closing():
            transport.pause_reading()
            self._fd = transport.get_extra_info("socket").fileno()
            gathering.read(self._fd, self.data_received, self._ended)

    def _ended(self, error: OSError | None) -> None:
        """Nothing more is read together with others."""
        if error is None:
            self._part()  # the transport comes upon the end next
        else:
            self._fail(BrokenAnswer())

    def _part(self) -> None:
        """From now on the transport reads again."""
        if self._joined and self._gathering is not None:
            self._joined = False
            self._gathering.leave()
        fd, self._fd = self._fd, None
        if fd is not None and self._gathering is not None:
            self._gathering.release(fd)
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()


def _never_arrived(transport: asyncio.Transport, sent: int) -> bool:
    """Whether the other side, which has just sent its end, had acknowledged nothing of the last *sent* bytes by then.

    What its kernel took in before its process closed the connection would be acknowledged with the end itself, so
    these bytes met a closed door. Only Linux tells; elsewhere nothing is certain.
    """
    try:
        found = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        acknowledged, waiting, out, again = _TCP_INFO.unpack(found)
    except (AttributeError, OSError, struct.error):
        return False
    return bool(out - again + waiting - (acknowledged - 1) >= sent)  # the first one acknowledged is the handshake's
