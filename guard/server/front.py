"""The connection, before there is a request: what is no HTTP, too large or too slow is refused **and recorded**.

uvicorn's parser (httptools) refuses ambiguous framing by itself, but answers on its own, waits for a head without end
and keeps any amount of it. Here its refusals go through the gateway's handler like every other answer.
"""

from __future__ import annotations

import asyncio
import http
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from guard.server.exchange import Handler
    from guard.server.http import Reply


class Front(HttpToolsProtocol):
    """One connection of the data port; its application is a `Handler`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._handler: Handler = self.app
        self._head_bytes = 0
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None
        self._refusing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first head its time."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what belongs to a head that has not ended."""
        if self._refusing is not None:
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._handler.limits.header_bytes + self._handler.limits.url_bytes:
                self._refuse("headers_too_large", "The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        if self._timer is None:
            self._start_timer()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for whatever the parser refuses."""
        self._refuse("invalid_http", msg)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self._handler.limits.head_timeout_s, self._too_slow)

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

    def _refuse(self, code: str, message: str) -> None:
        if self._refusing is None:
            self._stop_timer()
            self._refusing = asyncio.ensure_future(self._record_and_close(code, message))
            self.tasks.add(self._refusing)  # so that a drain waits for it
            self._refusing.add_done_callback(self.tasks.discard)

    async def _record_and_close(self, code: str, message: str) -> None:
        reply = await self._handler.refuse(code, message)
        # An answer still under way on this connection must not be cut in two.
        under_way: RequestResponseCycle | None = self.cycle
        if under_way is None or under_way.response_complete:
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
