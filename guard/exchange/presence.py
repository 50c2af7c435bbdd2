"""Whether the client is still there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from guard.exchange.http import CONNECTION, ClientGoneError

if TYPE_CHECKING:
    from guard.exchange.http import Receive, Scope


class Presence:
    """Watches for the client's leaving, and cancels the work inside when it does.

    Our own connections say when they are lost; of another server's that is asked for by a task of its own.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._connection = scope.get(CONNECTION)
        self._receive = receive
        self._gone = False
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        worker = asyncio.current_task()
        if worker is None:
            raise RuntimeError("no task")
        if self._connection is not None:
            self._connection.watch(lambda: self._leave(worker))
        else:
            self._watch = asyncio.ensure_future(self._wait(worker))

    async def _wait(self, worker: asyncio.Task[Any]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave(worker)

    def _leave(self, worker: asyncio.Task[Any]) -> None:
        self._gone = True
        worker.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._connection is not None:
            self._connection.watch(None)
        if self._watch is not None:
            self._watch.cancel()
        if self._gone and kind is asyncio.CancelledError:
            worker = asyncio.current_task()
            if worker is not None:
                worker.uncancel()
            raise ClientGoneError("The client left before its answer was ready.")
