"""Envoy's external processing: the gateway beside a proxy instead of in the way, with all that it does there.

Envoy gives the head and the whole body of a request, then the answer of the generator as it comes. To the handler this
looks like any request, and Envoy's side of it like any upstream: what is judged, changed, refused and recorded, and
how a stream is held back, is the same code. What the handler sends before it has called the upstream is sent by Envoy
at once; what it sends after that takes the place of the generator's answer.

Envoy has to be set up with ``request_body_mode: BUFFERED``, ``response_body_mode: FULL_DUPLEX_STREAMED`` and
``response_trailer_mode: SEND``: any number of pieces may come before one is answered.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import grpc

from guard.coding import Damaged, Decoder, TooLarge, UnknownCoding
from guard.errors import RequestError, UpstreamError
from guard.exchange.http import KEY_HEADER, PIECE, outlet
from guard.server import head
from guard.server.envoy_messages import CLASSES, OVERWRITE, SERVICE, ProcessingRequest, ProcessingResponse
from guard.upstream import RETURNED
from guard.upstream.answering import PLAIN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable

    from guard.exchange.handler import Handler
    from guard.exchange.http import Headers, Message

log = logging.getLogger(__name__)

_BROKEN = object()
_MOST_WAITING = 64
"""Messages that wait on either side before the other is kept waiting: of 64 KiB at most each."""
_STOP_S = 5.0
_current: ContextVar[Processing] = ContextVar("processing")


class _Pile(asyncio.Queue[Any]):
    """A queue that never refuses anything, and whose givers may wait until it is *less*."""

    def __init__(self) -> None:
        super().__init__()
        self.less = asyncio.Event()

    def waiting(self) -> bool:
        """Whether more waits in it than should; then *less* is set once something is taken."""
        if self.qsize() <= _MOST_WAITING:
            return False
        self.less.clear()
        return True

    async def get(self) -> Any:
        """The oldest thing in it."""
        one = await super().get()
        self.less.set()
        return one


class EnvoyUpstream:
    """The generator as the handler sees it: whichever Envoy is about to call for the request that is being answered."""

    async def call(
        self,
        route: str,  # noqa: ARG002  Envoy knows where it goes
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        *,
        content_type: bytes,
        accept: bytes,
        whole: bool,  # noqa: ARG002
        forwarded: frozenset[bytes],  # noqa: ARG002  and what it takes along
        key_header: bytes,  # noqa: ARG002
    ) -> EnvoyAnswering:
        """Let Envoy send *body* on, and wait for the head of the answer."""
        return await _current.get().forward(headers, body, content_type, accept)


class EnvoyAnswering:
    """The answer that Envoy gets, as `guard.upstream.Answering` is one; *most* bounds its decoded bytes."""

    attempts = 1

    def __init__(self, status: int, headers: Headers, pieces: _Pile, most: int) -> None:
        self.status = status
        self._came = dict(headers)
        self._pieces = pieces
        self._most = most

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """None that would have to be added: Envoy has them all."""
        return tuple((name, value) for name, value in self._came.items() if name in RETURNED and PLAIN.fullmatch(value))

    @property
    def media_type(self) -> bytes:
        """Of the body, in lower case and without parameters."""
        return self._came.get(b"content-type", b"").partition(b";")[0].strip().lower()

    async def read(self) -> bytes:
        """The whole body, decoded."""
        return b"".join([piece async for piece in self._decoded()])

    async def sift(self, wanted: Callable[[bytes], bool]) -> AsyncIterator[None]:
        """Give *wanted* each piece, and come back after each for which it says yes."""
        async for piece in self._decoded():
            if wanted(piece):
                yield

    def close(self) -> None:
        """Envoy sees to that."""

    async def _decoded(self) -> AsyncIterator[bytes]:
        try:
            decoder = Decoder(self._came.get(b"content-encoding", b""), self._most)
            while (data := await self._pieces.get()) is not None:
                if data is _BROKEN:
                    raise UpstreamError("protocol", "The upstream broke off its answer.", attempts=1)
                for piece in decoder.feed(data):
                    yield piece
            decoder.end()
        except TooLarge:
            said = f"The upstream's answer is larger than {self._most} bytes."
            raise UpstreamError("too_large", said, attempts=1) from None
        except (UnknownCoding, Damaged):
            said = "The upstream's compressed answer cannot be read."
            raise UpstreamError("protocol", said, attempts=1) from None


class Processing:
    """One request that Envoy processes: what it sends is given to `take`, what it is told comes out of `answers`."""

    def __init__(self, handler: Handler, most: int) -> None:
        self._handler = handler
        self._most = most
        self._head: Headers = []
        self._body: bytearray | None = bytearray()
        self._out = _Pile()
        self._pieces = _Pile()
        self._arrived = asyncio.Event()
        self._gone = asyncio.Event()
        self._status = 0
        self._came: Headers = []
        self._worker: asyncio.Task[None] | None = None
        self._forwarded = False
        self._start: Message | None = None
        self._answering = False

    # What Envoy says

    def take(self, said: Any) -> None:
        """One message of Envoy's."""
        kind = said.WhichOneof("request")
        if kind == "request_headers":
            self._head = _pairs(said.request_headers.headers)
            if said.request_headers.end_of_stream:
                self._begin()
            else:
                self._say(request_headers={"response": {}})
        elif kind == "request_body":
            if self._body is not None:
                self._body += said.request_body.body
            if said.request_body.end_of_stream or said.request_body.end_of_stream_without_message:
                self._begin()
        elif kind == "response_headers":
            pairs = _pairs(said.response_headers.headers)
            self._status = int(dict(pairs).get(b":status", b"502"))
            self._came = [(name, value) for name, value in pairs if not name.startswith(b":")]
            if said.response_headers.end_of_stream:
                self._pieces.put_nowait(None)
            self._arrived.set()
        elif kind == "response_body":
            if said.response_body.body:
                self._pieces.put_nowait(bytes(said.response_body.body))
            if said.response_body.end_of_stream or said.response_body.end_of_stream_without_message:
                self._pieces.put_nowait(None)
        elif kind == "response_trailers":
            self._pieces.put_nowait(None)
            self._say(response_trailers={})
        elif kind == "request_trailers":
            self._begin()
            self._say(request_trailers={})

    async def room(self) -> None:
        """Wait while more has come of the answer than is read."""
        while self._pieces.waiting() and not self._gone.is_set():
            await self._pieces.less.wait()

    def leave(self) -> None:
        """Envoy says nothing more: all is done, or the client left."""
        self._gone.set()
        self._arrived.set()
        self._pieces.put_nowait(_BROKEN)
        self._pieces.less.set()
        self._out.less.set()

    async def answers(self) -> AsyncGenerator[Any, None]:
        """What Envoy is told, until the request is answered."""
        while (answer := await self._out.get()) is not None:
            yield answer
        if self._worker is not None:
            await self._worker

    def cancel(self) -> None:
        """Nobody listens any more."""
        self.leave()
        if self._worker is None:
            self._out.put_nowait(None)

    # What the handler does

    def _begin(self) -> None:
        if self._worker is None:
            self._worker = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        _current.set(self)
        try:
            scope = self._scope()
            try:
                head.check(scope["method"].encode(), "1.1", scope["raw_path"], scope["headers"])
            except RequestError as error:
                await (await self._handler.refuse(error.code, error.message)).send(self._send)
                return
            await self._handler(scope, self._receive, outlet(scope, self._send))
        finally:
            self._out.put_nowait(None)

    def _scope(self) -> dict[str, Any]:
        said = dict(self._head)
        target = said.get(b":path", b"/")
        path, _, query = target.partition(b"?")
        headers = [(name, value) for name, value in self._head if not name.startswith(b":")]
        if b"host" not in dict(headers):
            headers.append((b"host", said.get(b":authority", b"")))
        return {
            "type": "http",
            "http_version": "1.1",
            "method": said.get(b":method", b"").decode("latin-1"),
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": headers,
        }

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = bytes(self._body), None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def forward(
        self, headers: Iterable[tuple[bytes, bytes]], body: bytes, content_type: bytes, accept: bytes
    ) -> EnvoyAnswering:
        """Have Envoy send *body* on with such of the client's headers as are among *headers*; the answer's head."""
        kept = {name for name, _ in headers}
        unsaid = [name.decode() for name, _ in self._head if name in _OURS or (name in _KEYS and name not in kept)]
        own = {b"content-type": content_type, b"accept": accept, b"accept-encoding": b"identity"}
        own[b"content-length"] = str(len(body)).encode()
        self._forwarded = True
        self._say(
            request_body={
                "response": {
                    "header_mutation": _mutation(own.items(), unsaid),
                    "body_mutation": {"body": body},
                }
            }
        )
        await self._arrived.wait()
        if not self._status:
            raise UpstreamError("protocol", "The upstream gave no answer.", attempts=1)
        return EnvoyAnswering(self._status, self._came, self._pieces, self._most)

    async def _send(self, message: Message) -> None:
        """What the handler sends to the client."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        start = self._start
        if start is None:
            raise RuntimeError("a body before its head")
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._forwarded:
            await self._arrived.wait()  # Envoy takes an answer only to what it has said
        if not self._answering and (not self._forwarded or (start["status"] != 200 and not more)):
            self._immediate(start, body)
            return
        if not self._answering:
            self._answering = True
            unsaid = [name.decode() for name, _ in self._came if name in _REPLACED]
            set_ = [(b":status", str(start["status"]).encode()), *start["headers"]]
            named = [(name, value) for name, value in set_ if name != b"content-length"]
            self._say(response_headers={"response": {"header_mutation": _mutation(named, unsaid)}})
        while self._out.waiting() and not self._gone.is_set():
            await self._out.less.wait()  # the client reads slower than it is answered
        for at in range(0, len(body) or 1, PIECE):
            last = not more and at + PIECE >= len(body)
            piece = {"streamed_response": {"body": body[at : at + PIECE], "end_of_stream": last}}
            self._say(response_body={"response": {"body_mutation": piece}})

    def _immediate(self, start: Message, body: bytes) -> None:
        said = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        answer = {"status": {"code": start["status"]}, "headers": _mutation(said, ()), "body": body}
        self._say(immediate_response={**answer, "details": "guard"})

    def _say(self, **answer: Any) -> None:
        self._out.put_nowait(_message("ProcessingResponse", answer))


_OURS = frozenset({KEY_HEADER})
_KEYS = frozenset({b"authorization", b"x-api-key"})
_REPLACED = frozenset({b"content-length", b"content-encoding", b"transfer-encoding", b"etag", b"content-md5"})
"""What the generator said of its body, which is another now."""


def _pairs(headers: Any) -> Headers:
    return [(one.key.lower().encode(), one.raw_value or one.value.encode()) for one in headers.headers]


def _mutation(named: Iterable[tuple[bytes, bytes]], unsaid: Iterable[str]) -> dict[str, Any]:
    options = [
        {"header": {"key": name.decode(), "raw_value": value}, "append_action": OVERWRITE} for name, value in named
    ]
    return {"set_headers": options, "remove_headers": list(unsaid)}


def _message(name: str, values: dict[str, Any]) -> Any:
    """The message *name* with *values*, in which messages are dictionaries."""
    message = CLASSES[name]()
    for field, value in values.items():
        descriptor = message.DESCRIPTOR.fields_by_name[field]
        if descriptor.message_type is None:
            if isinstance(value, list):
                getattr(message, field).extend(value)
            else:
                setattr(message, field, value)
        elif isinstance(value, list):
            getattr(message, field).extend(_message(descriptor.message_type.name, one) for one in value)
        else:
            getattr(message, field).CopyFrom(_message(descriptor.message_type.name, value))
    return message


class Processor:
    """The gRPC server that Envoy asks, on *address*; port 0 takes a free one."""

    def __init__(
        self, handler: Handler, address: str, *, body_bytes: int, answer_bytes: int, shared: bool = False
    ) -> None:
        """Other workers listen on the same address if it is *shared*."""
        self.handler = handler
        self._address = address
        self._largest = body_bytes + PIECE
        self._most = answer_bytes
        self._shared = shared
        self._server: Any = None
        self.port = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        self._server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", self._largest), ("grpc.so_reuseport", int(self._shared))]
        )
        method = grpc.stream_stream_rpc_method_handler(
            self._process,
            request_deserializer=ProcessingRequest.FromString,
            response_serializer=ProcessingResponse.SerializeToString,
        )
        handlers = grpc.method_handlers_generic_handler(SERVICE, {"Process": method})
        self._server.add_generic_rpc_handlers((handlers,))
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._address}; is the port taken?") from error
        await self._server.start()
        log.info("Envoy is answered on port %d", self.port)

    async def stop(self) -> None:
        """End, after what is under way has had its time."""
        if self._server is not None:
            await self._server.stop(_STOP_S)

    async def _process(self, said: AsyncIterator[Any], _: Any) -> AsyncGenerator[Any, None]:
        processing = Processing(self.handler, self._most)

        async def listen() -> None:
            try:
                async for one in said:
                    processing.take(one)
                    await processing.room()
            finally:
                processing.cancel()

        listening = asyncio.ensure_future(listen())
        try:
            async for answer in processing.answers():
                yield answer
        finally:
            processing.leave()
            listening.cancel()
