"""A guard around an ASGI application (FastAPI, Starlette and others) that speaks a generator's protocol to its clients.

What comes to a protocol's path is judged before the application sees it, what the application answers before it is
sent, streams sentence by sentence. Everything else is the application's own, unless `exempt` says otherwise.

>>> from starlette.applications import Starlette
>>> from guard.hooks.asgi import GuardMiddleware
>>> app = Starlette()
>>> app.add_middleware(GuardMiddleware, guard="default")
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from guard.errors import UpstreamError
from guard.exchange.generator import Incoming
from guard.exchange.http import GENERATOR, UPSTREAM_STATUS
from guard.hooks._mount import Mount

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from guard.config import Limits
    from guard.exchange.generator import Answering
    from guard.exchange.http import Headers, Message, Receive, Scope, Send
    from guard.library import Guard

    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_FRAMING = frozenset((b"content-length", b"content-type", b"content-encoding", b"transfer-encoding"))
"""What is said anew of every body, for it may have become another one."""
_STREAMS = frozenset((b"cache-control", b"x-accel-buffering"))
"""What is said of every stream."""
_RUNNING: set[asyncio.Future[None]] = set()


class GuardMiddleware:
    """*app*, of which nobody sees and hears anything past *guard*.

    Paths that match one of the patterns *exempt* and are no protocol's go on to *app* unread, websockets too; any
    other is refused. *protocols* describes the paths and fields of the application's own (see `guard serve`).
    """

    def __init__(
        self,
        app: App,
        guard: Guard | str | Path = "default",
        *,
        exempt: Iterable[str] = ("*",),
        protocols: Iterable[str | Path] = (),
        limits: Limits | None = None,
    ) -> None:
        self.app = app
        self._mount = Mount(guard, exempt=exempt, protocols=protocols, judges=False, limits=limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        root = scope.get("root_path", "").rstrip("/")
        path = scope["path"]
        inside = path[len(root) :] if root and path.startswith(root + "/") else path
        place = self._mount.find_exactly(inside)
        if place.exempt:
            await self.app(scope, receive, send)
            return
        asked = _Asked(self.app, scope)
        raw = scope.get("raw_path") or inside.encode("latin-1", "replace")
        try:
            await self._mount.handler(
                {**scope, "path": inside, "raw_path": raw, GENERATOR: asked}, receive, asked.unless_it_failed(send)
            )
        finally:
            asked.leave()
        if asked.failed is not None:
            raise asked.failed


class _Asked:
    """One request as the application gets it: a `Generator`."""

    def __init__(self, app: App, scope: Scope) -> None:
        self._app = app
        self._scope = scope
        self._task: asyncio.Future[None] | None = None
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(1)
        self._gone = asyncio.Event()
        self._whole = False
        self._problem: Exception | None = None
        self.failed: Exception | None = None
        """What the application raised, if it was that it gave no answer: its own servers know what to do with it."""

    async def call(
        self, route: str, headers: Headers, body: bytes, *, content_type: bytes, whole: bool, **_: Any
    ) -> Answering:
        """Have the application answer. Its path is that which the client asked for, whatever the *route*."""
        del route
        kept = [one for one in headers if one[0] not in _FRAMING and one[0] != b"accept-encoding"]
        kept += [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
        scope = {**self._scope, "headers": kept, "extensions": {}}  # other ways to send would not come by here
        self._task = asyncio.ensure_future(self._run(scope, body))
        _RUNNING.add(self._task)
        self._task.add_done_callback(_RUNNING.discard)
        head = await self._messages.get()
        if head is None:
            raise UpstreamError("unreachable", "The application gave no answer.", attempts=1)
        if 300 <= head["status"] < 400:
            raise UpstreamError("redirect", "The application answered with a redirect.", attempts=1)
        came = [(bytes(name).lower(), bytes(value)) for name, value in head.get("headers", ())]
        said = _FRAMING if whole else _FRAMING | _STREAMS
        own = tuple(one for one in came if one[0] not in said and not one[0].startswith(b"x-guard-"))
        return Incoming(head["status"], came, self._pieces(), self.leave, returned=own)

    async def _run(self, scope: Scope, body: bytes) -> None:
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if self._gone.is_set():
                raise OSError("the client left")
            if self._whole or message["type"] not in {"http.response.start", "http.response.body"}:
                return
            self._whole = message["type"] == "http.response.body" and not message.get("more_body", False)
            await self._messages.put(message)

        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001  whatever an application raises
            self._problem = error
        finally:
            if not self._whole and not self._gone.is_set():
                await self._messages.put(None)

    async def _pieces(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._messages.get()
            if message is None or message["type"] != "http.response.body":
                raise UpstreamError("protocol", "The application broke off its answer.", attempts=1)
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return

    def leave(self) -> None:
        """Nobody wants more. What the application does after its answer it may finish."""
        self._gone.set()
        while not self._messages.empty():  # it may be waiting to send
            self._messages.get_nowait()
        if self._task is not None and not self._whole:
            self._task.cancel()

    def unless_it_failed(self, send: Send) -> Send:
        """*send*, unless it is for the application's own servers to say that it raised something."""

        async def sent(message: Message) -> None:
            unanswered = message.get("status") in {502, *UPSTREAM_STATUS.values()}
            if message["type"] == "http.response.start" and unanswered:
                self.failed = self._problem
            if self.failed is None:
                await send(message)

        return sent
