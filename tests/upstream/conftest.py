from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from guard.upstream import gathering

Run = Callable[[Coroutine[Any, Any, Any]], Any]


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["asyncio", "uvloop", "uvloop, gathered"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a coroutine on each kind of event loop that the gateway may be served by.

    Streams are read one by one there, and together, which few are otherwise.
    """
    loop, _, gathered = str(request.param).partition(", ")
    if gathered:
        monkeypatch.setattr(gathering, "FEW", 1)
        monkeypatch.setattr(gathering, "BUSY_S", 2.0)

    def runs(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            return runner.run(asyncio.wait_for(coroutine, 30))

    return runs
