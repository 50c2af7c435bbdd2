"""The connection around its requests: what is no HTTP, too large or too slow is refused **and recorded**.

uvicorn's parser (httptools) refuses ambiguous framing by itself, but answers on its own, waits for a head without end
and keeps any amount of it. Here its refusals go through the gateway's handler like every other answer, each once:

- a body whose framing breaks is told to the request it belongs to, which answers and records it;
- a broken head is a refusal of its own, written when every earlier answer of the connection has been sent.

And a client that does not read is one that left: uvicorn would keep its answer for it for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import socket
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from guard.errors import RequestError
from guard.exchange.http import BROKEN, CONNECTION, GONE, PIECE
from guard.server.head import check
from guard.server.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from guard.exchange.handler import Handler
    from guard.exchange.http import Reply, Scope

LINGER_S = 2.0
"""Seconds that the rest of a body may still take after its request was refused: closing at once could take the answer
from a client that is still sending (RFC 9112 section 9.6), and waiting without end would let it drip for ever."""
_PROGRESS = 4 * 2**10
"""Bytes of `PIECE` that must be sent for the next to follow; a client that reads fewer in the time for it is gone."""


class Front(HttpToolsProtocol):
    """One connection of the data port; its application is a `Handler`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._reader = Parser(self)
        self.parser = self._reader  # type: ignore[assignment]  # it has all that uvicorn asks of httptools'
        self._handler: Handler = self.app
        self._head_bytes = 0
        self._in_head = True
        self._in_body = False
        self._begun = 0  # heads in what is being fed
        self._body_went_on = False  # in it
        self._beside_body = 0  # bytes since: of chunk extensions and trailers, which nothing else bounds
        self._running: RequestResponseCycle | None = None  # uvicorn's `cycle` is the latest that was read
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._broken = False  # nothing that comes after can be read
        self._refusal: tuple[str, str] | None = None  # waits for earlier answers
        self._when_lost: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first head its time, and bound what waits to be sent: here, and in the kernel as far as it lets us.

        The kernel would else take megabytes for a slow client, and be silent for minutes until a third of it is sent.
        """
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=PIECE, low=PIECE - _PROGRESS)
        connection = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_NOTSENT_LOWAT") and connection.family in {socket.AF_INET, socket.AF_INET6}:
            with contextlib.suppress(OSError):  # it is closed again already
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, PIECE)
        self._start_timer(self._handler.limits.head_timeout_s, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered, and forget the timers; a refusal nobody will hear is recorded."""
        self._stop_timer()
        self._stop_write_timer()
        running = self._running
        if running is not None and not running.response_complete:
            scope: Scope = running.scope  # type: ignore[assignment]  # a mapping that keeps what it is given
            scope[GONE] = True
            running.disconnected = True
            running.message_event.set()
        self._reader.close()
        super().connection_lost(exc)
        if self.scope is not None:
            self._own_scope().pop(CONNECTION, None)  # each holds the other
        if self._when_lost is not None:
            self._when_lost()
        self._give_refusal()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what belongs to a head that has not ended, or in a body is none of it."""
        if self._broken:
            return
        between = not self._in_body and not (self._in_head and self._head_bytes)
        self._begun = 0
        self._body_went_on = False
        super().data_received(data)
        self._count(len(data), most=1 if between else 0)

    def _count(self, size: int, *, most: int) -> None:
        """Count *size* bytes. If more than *most* heads began in them, only their end belongs to the last one.

        How much that is the parser does not say; it is one packet at the most.
        """
        if self._broken:
            return
        limits = self._handler.limits
        if self._in_head:
            if self._timer is None:
                self._start_timer(limits.head_timeout_s, self._too_slow)
            self._head_bytes += size if self._begun <= most else 1
            if self._head_bytes > limits.header_bytes + limits.url_bytes:
                self._refuse("headers_too_large", "The head of the request is too large.")
        elif self._in_body:
            self._beside_body = 0 if self._body_went_on else self._beside_body + size
            if self._beside_body > limits.header_bytes:
                self._refuse("invalid_http", "The chunk extensions or trailers of the body are too large.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._begun += 1
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """A head is whole: from here on it is a request, if it can be read in one way only."""
        self._in_head = False
        self._stop_timer()
        try:
            check(self.parser.get_method(), self.parser.get_http_version(), self.url, self.headers)
        except RequestError as error:
            self._refuse(error.code, error.message)
            raise  # so that the parser ends here
        super().on_headers_complete()
        self._own_scope()[CONNECTION] = self
        self._in_body = True
        self._beside_body = 0

    def on_body(self, body: bytes) -> None:
        """Part of a body."""
        self._body_went_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A body is whole."""
        self._in_body = False
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is sent: the next may follow, and the rest of a body that nobody read must end soon."""
        super().on_response_complete()
        if self._in_body and self._is_answered():
            self._start_timer(LINGER_S, self.transport.close)
        self._watch_writing()
        self._give_refusal()

    def pause_writing(self) -> None:
        """The client reads slower than it is written to, or not at all."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """It read."""
        self._stop_write_timer()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for whatever the parser refuses."""
        self._refuse("invalid_http", msg)

    # Asked by those who answer a request of this connection

    def has_all_of(self, scope: Scope) -> bool:
        """Whether the body of the request *scope* has arrived."""
        return self.cycle.scope is scope and not self.cycle.more_body

    def watch(self, then: Callable[[], None] | None) -> None:
        """Call *then* when the connection is lost; None to stop."""
        self._when_lost = then
        if then is not None:
            self.flow.resume_reading()  # or its end would not be seen

    def _own_scope(self) -> Scope:
        """The scope of the request that is being read or was read last: a mapping that keeps what it is given."""
        return self.scope  # type: ignore[return-value]

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _start_timer(self, seconds: float, then: Any) -> None:
        self._timer = self.loop.call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch_writing(self) -> None:
        """Nothing more is written for now: what waits to be sent has to become less."""
        self._stop_write_timer()
        waiting = self.transport.get_write_buffer_size()
        if waiting:
            seconds = self._handler.limits.write_timeout_s
            self._write_timer = self.loop.call_later(seconds, self._check_writing, waiting)

    def _check_writing(self, before: int) -> None:
        if not self.flow.write_paused and not self._is_answered():
            return  # the next answer is being written
        if self.transport.get_write_buffer_size() == before:
            self.transport.abort()
        else:
            self._watch_writing()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._head_bytes:
            self._refuse("head_timeout", "The head of the request did not arrive in time.")
        else:
            self.transport.close()  # it never said anything: there is no request to record

    def _is_answered(self) -> bool:
        """Whether no request of this connection waits for its answer."""
        latest: RequestResponseCycle | None = self.cycle
        return latest is None or latest.response_complete

    def _refuse(self, code: str, message: str) -> None:
        """Refuse what is being read: a body through its own request, a head when its turn to be answered comes."""
        if self._broken:
            return
        self._broken = True
        self._stop_timer()
        if not self._in_body:
            self._refusal = (code, message)
            self._give_refusal()
        elif self._is_answered():
            self.transport.close()
        else:
            self._own_scope()[BROKEN] = message
            self.cycle.keep_alive = False
            self.cycle.message_event.set()

    def _give_refusal(self) -> None:
        """Record and write the refusal that waits, if its turn has come."""
        if self._refusal is None or not (self._is_answered() or self.transport.is_closing()):
            return
        task = asyncio.ensure_future(self._record_and_close(*self._refusal))
        self._refusal = None
        self.tasks.add(task)  # so that a drain waits for it
        task.add_done_callback(self.tasks.discard)

    async def _record_and_close(self, code: str, message: str) -> None:
        reply = await self._handler.refuse(code, message)
        if not self.transport.is_closing():
            self.transport.write(_bytes(reply))
            self.transport.write_eof()
            self.flow.resume_reading()  # to no purpose but that the client, still sending, gets to read its answer
            self._start_timer(LINGER_S, self.transport.close)
            self._watch_writing()


def _bytes(reply: Reply) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}".encode(),
        b"content-type: " + reply.media_type,
        b"content-length: " + str(len(reply.body)).encode(),
        b"connection: close",
        *(name + b": " + value for name, value in reply.headers),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + reply.body
