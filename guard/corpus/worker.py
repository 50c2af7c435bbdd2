"""A worker: a process that judges slices of records as they come, many at a time, until nobody sends any more.

Slices come pickled from the process that started it; answers go back as JSON, so that what a picture's decoder may be
made to do stays in here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import orjson

from guard.corpus.judge import Judge, Setup
from guard.errors import GuardError
from guard.imports import spare_the_unused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.corpus.records import Record


def main(descriptor: int) -> int:
    """Load, say so, judge until the other end is closed."""
    spare_the_unused()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one says when it is over
    link: Connection[Any, Any] = Connection(descriptor)
    setup: Setup = link.recv()
    try:
        judge = Judge(setup)
    except (GuardError, OSError) as error:
        link.send_bytes(orjson.dumps({"error": str(error)}))
        return 1
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        link.send_bytes(b"{}")
        asyncio.run(_serve(link, judge))
    return 0


async def _serve(link: Connection[Any, Any], judge: Judge) -> None:
    loop = asyncio.get_running_loop()
    came: asyncio.Queue[tuple[int, Sequence[Record]] | None] = asyncio.Queue()

    def listen() -> None:
        slice_: tuple[int, Sequence[Record]] | None = None
        while True:
            try:
                slice_ = link.recv()
            except (EOFError, OSError):
                slice_ = None
            loop.call_soon_threadsafe(came.put_nowait, slice_)
            if slice_ is None:
                return

    async def answer(number: int, records: Sequence[Record]) -> None:
        entries = await judge.rows(records)
        try:
            link.send_bytes(orjson.dumps({"slice": number, "entries": entries}))
        except OSError:  # nobody is there to hear it
            os._exit(0)

    threading.Thread(target=listen, name="guard-slices", daemon=True).start()
    async with asyncio.TaskGroup() as group:
        while (slice_ := await came.get()) is not None:
            group.create_task(answer(*slice_))
        os._exit(0)  # whatever still hangs in a classifier is nobody's any more


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
