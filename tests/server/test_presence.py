from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from guard.exchange.http import CONNECTION, ClientGoneError
from guard.exchange.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Callable


class Line:
    """A connection of ours, and a client of another server's: both can leave, and see whether work was stopped."""

    def __init__(self, *, ours: bool) -> None:
        self.scope: dict[str, Any] = {CONNECTION: self} if ours else {}
        self.ours = ours
        self.when_lost: Callable[[], None] | None = None
        self.left = asyncio.Event()
        self.stopped = False

    def watch(self, then: Callable[[], None] | None) -> None:
        self.when_lost = then

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self.left.set()
        if self.ours and self.when_lost is not None:
            self.when_lost()

    async def work(self) -> None:
        async with Presence(self.scope, self.receive):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                self.stopped = True
                raise


@pytest.fixture(params=[True, False], ids=["our server", "another"])
def ours(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_the_work_of_a_client_that_leaves_is_stopped_and_the_task_lives_on(ours: bool):
    async def main() -> bool:
        line = Line(ours=ours)
        asyncio.get_running_loop().call_later(0.01, line.leave)
        with pytest.raises(ClientGoneError):
            await line.work()
        await asyncio.sleep(0)  # would raise if the cancellation were still about
        return line.stopped

    assert asyncio.run(main())


def test_a_client_that_leaves_after_the_work_disturbs_nothing(ours: bool):
    async def main() -> str:
        line = Line(ours=ours)
        async with Presence(line.scope, line.receive):
            await asyncio.sleep(0)
        line.leave()
        await asyncio.sleep(0.01)
        return "recorded"

    assert asyncio.run(main()) == "recorded"


def test_cancelling_by_anybody_else_is_no_leaving(ours: bool):
    async def main() -> None:
        task = asyncio.ensure_future(Line(ours=ours).work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
