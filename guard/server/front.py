"""The connection, before there is a request: what is no HTTP, too large or too slow is refused **and recorded**.

uvicorn's parser (httptools) refuses ambiguous framing by itself, but answers on its own, waits for a head without end
and keeps any amount of it. Here its refusals go through the gateway's handler like every other answer, each once:

- a body whose framing breaks is told to the request it belongs to, which answers and records it;
- a broken head is a refusal of its own, written when every earlier answer of the connection has been sent.
"""

from __future__ import annotations

import asyncio
import http
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from guard.server.http import BROKEN, CONNECTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from guard.server.exchange import Handler
    from guard.server.http import Reply, Scope

LINGER_S = 2.0
"""Seconds that the rest of a body may still take after its request was refused: closing at once could take the answer
from a client that is still sending (RFC 9112 section 9.6), and waiting without end would let it drip for ever."""


class Front(HttpToolsProtocol):
    """One connection of the data port; its application is a `Handler`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._handler: Handler = self.app
        self._head_bytes = 0
        self._in_head = True
        self._in_body = False
        self._timer: asyncio.TimerHandle | None = None
        self._broken = False  # nothing that comes after can be read
        self._refusal: tuple[str, str] | None = None  # waits for earlier answers
        self._when_lost: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first head its time."""
        super().connection_made(transport)
        self._start_timer(self._handler.limits.head_timeout_s, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer; a refusal that nobody will hear is still recorded."""
        self._stop_timer()
        super().connection_lost(exc)
        if self.scope is not None:
            self._own_scope().pop(CONNECTION, None)  # each holds the other
        if self._when_lost is not None:
            self._when_lost()
        self._give_refusal()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what belongs to a head that has not ended."""
        if self._broken:
            return
        super().data_received(data)
        if self._in_head and not self._broken:
            if self._timer is None:
                self._start_timer(self._handler.limits.head_timeout_s, self._too_slow)
            self._head_bytes += len(data)
            if self._head_bytes > self._handler.limits.header_bytes + self._handler.limits.url_bytes:
                self._refuse("headers_too_large", "The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()
        self._own_scope()[CONNECTION] = self
        self._in_body = True

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
        self._give_refusal()

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

    def _start_timer(self, seconds: float, then: Any) -> None:
        self._timer = self.loop.call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

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
            self.transport.close()


def _bytes(reply: Reply) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}".encode(),
        b"content-type: " + reply.media_type,
        b"content-length: " + str(len(reply.body)).encode(),
        b"connection: close",
        *(name + b": " + value for name, value in reply.headers),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + reply.body
