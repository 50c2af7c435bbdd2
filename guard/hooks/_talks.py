"""A request under way between whoever sent it by an HTTP client and the handler that answers it.

The handler runs on an event loop, and calls the client's own way to the network where the client would have called it:
on the caller's loop, or on the caller's thread while that waits for the answer.
"""

from __future__ import annotations

import asyncio
import queue
from typing import TYPE_CHECKING, Any, TypeVar

from guard.errors import UpstreamError
from guard.exchange.generator import MOST_BYTES
from guard.hooks._passage import Message, Passage
from guard.library import shared_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from guard.exchange.http import Headers
    from guard.hooks._mount import Mount, Place

T = TypeVar("T")

_AHEAD = 4
"""Pieces of an answer that are judged before somebody takes them."""
_RUNNING: set[asyncio.Future[None]] = set()


class _Channel:
    """What the handler sends, on its way to whoever takes it; it is not more than a little ahead."""

    def __init__(self, put: Callable[[Message | None], None]) -> None:
        """*put* puts a message there, or the end."""
        self.put = put
        self._room = asyncio.Semaphore(_AHEAD)
        self._left = False

    async def send(self, message: Message) -> None:
        """Put *message* there when it is about to be taken."""
        if not self._left:
            await self._room.acquire()
        self.put(message)

    def full(self) -> bool:
        """Whether the next message would have to wait. May be asked from another thread."""
        return self._room.locked()

    def taken(self, count: int = 1) -> None:
        """There is room for so many more."""
        for _ in range(count):
            self._room.release()

    def left(self) -> None:
        """Nobody takes anything any more."""
        self._left = True
        for _ in range(_AHEAD):
            self._room.release()


class AsyncTalk(_Channel):
    """A request under way on the caller's own event loop: the caller takes what comes of it."""

    def __init__(self, inner: Any, request: Any, mount: Mount, place: Place, query: bytes, body: bytes) -> None:
        self._came: asyncio.Queue[Message | None] = asyncio.Queue()
        super().__init__(self._came.put_nowait)
        self._inner = inner
        self._request = request
        self.passage = Passage(mount, place, self, request.method, query, _lowered(request))
        self._task = asyncio.ensure_future(self._run(body))
        _RUNNING.add(self._task)  # or nobody might hold it while its last lines are written
        self._task.add_done_callback(_RUNNING.discard)

    async def _run(self, body: bytes) -> None:
        try:
            await self.passage.run(body, self.send)
        finally:
            self.put(None)

    async def take(self) -> Message | None:
        """The next message; None at the end."""
        message = await self._came.get()
        self.taken()
        return message

    async def close(self) -> None:
        """Leave, if it is not over, and wait for its record."""
        if not self._task.done():
            self.passage.leave()
            self.left()
            await asyncio.wait([self._task])

    def abandon(self) -> None:
        """Leave without waiting: the answer was let go by someone who did not close it."""
        loop = self._task.get_loop()
        if not self._task.done() and not loop.is_closed():
            loop.call_soon_threadsafe(self.passage.leave)
            loop.call_soon_threadsafe(self.left)

    # Its way to the network

    async def send_on(self, target: bytes | None, headers: Headers, body: bytes) -> Any:
        return await self._inner.handle_async_request(_anew(self._request, target, headers, body))

    async def pieces(self, response: Any, *, whole: bool) -> AsyncIterator[bytes]:  # noqa: ARG002  another's
        async for piece in response.stream:
            yield piece

    async def let_go(self, response: Any) -> None:
        await response.aclose()


class Talk(_Channel):
    """A request under way on the loop of synchronous checks: the caller's thread takes what comes of it, and calls."""

    def __init__(self, inner: Any, request: Any, mount: Mount, place: Place, query: bytes, body: bytes) -> None:
        self._came: queue.SimpleQueue[Message | Callable[[], None] | None] = queue.SimpleQueue()
        super().__init__(self._came.put)
        self._inner = inner
        self._request = request
        self._loop = shared_loop()
        self._over = False
        self._owed = 0
        self._abandoned = False
        self.passage = Passage(mount, place, self, request.method, query, _lowered(request))
        asyncio.run_coroutine_threadsafe(self._run(body), self._loop)

    async def _run(self, body: bytes) -> None:
        try:
            await self.passage.run(body, self.send)
        finally:
            self.put(None)

    def take(self) -> Message | None:
        """The next message, None at the end; whatever has to be called meanwhile is called here."""
        while not self._over:
            one = self._came.get()
            if callable(one):
                one()
            elif one is None:
                self._over = True
            else:
                self._owed += 1
                if self.full():  # while it is not, another message may come, and tells of them all
                    self._loop.call_soon_threadsafe(self.taken, self._owed)
                    self._owed = 0
                return one
        return None

    def close(self) -> None:
        """Leave, if it is not over, and wait for its record."""
        if not self._over:
            self._loop.call_soon_threadsafe(self.passage.leave)
            self._loop.call_soon_threadsafe(self.left)
            while self.take() is not None:
                pass

    def abandon(self) -> None:
        """Leave without waiting: the answer was let go by someone who did not close it."""
        if not self._over:
            self._abandoned = True
            self._loop.call_soon_threadsafe(self.passage.leave)
            self._loop.call_soon_threadsafe(self.left)

    async def _call(self, function: Callable[[], T]) -> T:
        """What *function* gives on the caller's thread."""
        if self._abandoned:
            return await asyncio.to_thread(function)
        given: asyncio.Future[T] = self._loop.create_future()

        def call() -> None:
            if given.cancelled():  # nobody wants it any more: it is not sent
                return
            try:
                value = function()
            except BaseException as error:
                self._loop.call_soon_threadsafe(_fail, given, error)
                if not isinstance(error, Exception):
                    raise
            else:
                self._loop.call_soon_threadsafe(_settle, given, value)

        self._came.put(call)
        return await given

    # Its way to the network

    async def send_on(self, target: bytes | None, headers: Headers, body: bytes) -> Any:
        request = _anew(self._request, target, headers, body)
        return await self._call(lambda: self._inner.handle_request(request))

    async def pieces(self, response: Any, *, whole: bool) -> AsyncIterator[bytes]:
        pieces: Iterator[bytes] = iter(response.stream)
        if whole:
            yield await self._call(lambda: _bounded(response, pieces))
            return
        while (piece := await self._call(lambda: next(pieces, None))) is not None:
            yield piece

    async def let_go(self, response: Any) -> None:
        if not response.is_closed:
            await self._call(response.close)


def _lowered(request: Any) -> Headers:
    return [(name.lower(), value) for name, value in request.headers.raw]


def _anew(request: Any, target: bytes | None, headers: Headers, body: bytes) -> Any:
    """*request* with another body, and what belongs to it. Its extensions hold the client's time-outs."""
    url = request.url if target is None else request.url.copy_with(raw_path=target)
    return type(request)(request.method, url, headers=headers, content=body, extensions=request.extensions)


def _bounded(response: Any, pieces: Iterator[bytes]) -> bytes:
    """All of *pieces*, after which *response* is closed."""
    parts, size = [], 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise UpstreamError("too_large", f"The answer is larger than {MOST_BYTES} bytes.", attempts=1)
    response.close()
    return b"".join(parts)


def _settle(given: asyncio.Future[Any], value: Any) -> None:
    if not given.done():
        given.set_result(value)
    elif hasattr(value, "close"):  # a response that came too late
        value.close()


def _fail(given: asyncio.Future[Any], error: BaseException) -> None:
    if not given.done():
        given.set_exception(error if isinstance(error, Exception) else RuntimeError(type(error).__name__))
