"""The model server: ``python -m guard.placement FOLDER``, started by a `guard.placement.keeper.Keeper`.

It answers on a Unix socket in the folder, and ends with whoever started it. What it is told on its standard input, one
JSON line: the key of its digests, and the items that earlier ones died of.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from guard.batching.batcher import Batcher
from guard.engine import Engine, InProcess, Station, station_key
from guard.errors import GuardError
from guard.placement.answering import answer
from guard.placement.recorder import SLOTS, Recorder
from guard.placement.wire import LENGTHS, WireError, frame, head, lengths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from guard.classifier import Classifier

log = logging.getLogger(__name__)

SOCKET = "models.sock"
RUNNING = "running"
HANGS_AFTER_S = 2.5
"""Seconds of a batch after which the server gives itself up, unless as much was to be expected."""
_LOOK_EVERY_S = 0.25
_PREPARING = SLOTS // 2
"""The first slot of those that say what is being prepared; the others say what is judged."""
_HUNG = 70


def owner_of(name: str, options: Mapping[str, object]) -> bytes:
    """16 bytes that name a classifier with its options."""
    return blake2b("\0".join(station_key(name, options)).encode(), digest_size=16).digest()


class _Slot:
    """What one model thread runs, for the recorder. Where a batch hangs, the process ends: nothing else frees it."""

    hangs_after = HANGS_AFTER_S

    def __init__(self, recorder: Recorder, number: int, owner: bytes) -> None:
        self._recorder = recorder
        self._number = number
        self._owner = owner

    def run(self, digests: Sequence[bytes]) -> None:
        """Note *digests*."""
        self._recorder.run(self._number, self._owner, digests)

    def stuck(self, digests: Sequence[bytes]) -> None:
        """Leave word of these alone, and end."""
        self._recorder.wipe()
        self.run(digests)
        os._exit(_HUNG)


class _Note:
    """What is prepared for *owner*, for the recorder, in slots of those that are *free*."""

    def __init__(self, recorder: Recorder, owner: bytes, free: list[int]) -> None:
        self._recorder = recorder
        self._owner = owner
        self._free = free

    def begin(self) -> int:
        """A slot; where none is free, one that nobody reads."""
        return self._free.pop() if self._free else SLOTS

    def run(self, number: int, digests: Sequence[bytes]) -> None:
        """Note *digests*."""
        self._recorder.run(number, self._owner, digests)

    def end(self, number: int) -> None:
        """Nothing is prepared, and the slot is free."""
        self.run(number, [])
        if number < SLOTS:
            self._free.append(number)


class _Watched(InProcess):
    """In this process, and noted: digests have a key that outlives it."""

    def __init__(self, recorder: Recorder, key: bytes, struck: Sequence[tuple[str, str]]) -> None:
        super().__init__(stuck_after=HANGS_AFTER_S, digest_key=key)
        self._recorder = recorder
        self._struck = struck
        self._slots = 0

    def desk(self, name: str, options: Mapping[str, object], classifier: Classifier[Any]) -> Batcher[Any]:
        """A batcher that knows what its classifier died of before."""
        owner = owner_of(name, options)
        watch = _Slot(self._recorder, min(self._slots, _PREPARING - 1), owner)
        self._slots += 1
        batcher = Batcher(classifier, name=name, watch=watch, **self._options)
        batcher.suspect([bytes.fromhex(digest) for whose, digest in self._struck if whose == owner.hex()])
        return batcher


class ModelServer:
    """Loads classifiers when they are asked for, and judges for all who are connected."""

    def __init__(self, folder: Path, key: bytes, struck: Sequence[tuple[str, str]]) -> None:
        self._recorder = Recorder(folder / RUNNING)
        self._recorder.wipe()
        self._engine = Engine(placement=_Watched(self._recorder, key, struck))
        self._loading: dict[tuple[str, str], asyncio.Task[Station | None]] = {}
        self._free = list(range(_PREPARING, SLOTS))

    async def serve(self, path: Path) -> None:
        """Answer on the socket *path*, where nothing is yet, until cancelled."""
        async with await asyncio.start_unix_server(self._connected, path):
            while True:
                await asyncio.sleep(_LOOK_EVERY_S)
                for station in self._engine.stations():
                    if isinstance(station.batcher, Batcher):
                        station.batcher.look_after()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                size, rest = lengths(await reader.readexactly(LENGTHS.size))
                asked = head(await reader.readexactly(size))
                body = await reader.readexactly(rest)
                number = int(asked["id"])
                if asked["do"] == "leave":
                    if number in tasks:
                        tasks[number].cancel()
                    continue
                tasks[number] = asyncio.ensure_future(self._answer(asked, body, writer))
                tasks[number].add_done_callback(partial(_forget, tasks, number))
        except (asyncio.IncompleteReadError, ConnectionError, WireError, KeyError, TypeError, ValueError):
            pass  # whoever it was has left, or is none of ours
        finally:
            for task in tuple(tasks.values()):
                task.cancel()
            writer.close()

    async def _answer(self, asked: dict[str, Any], body: bytes, writer: asyncio.StreamWriter) -> None:
        said: dict[str, Any] = {"id": asked["id"]}
        try:
            if asked["do"] == "ask":
                said |= await self._ask(asked, body)
            elif asked["do"] == "load":
                await self._load(asked["name"], asked["options"])
        except GuardError as error:
            said["error"] = str(error)
        except Exception as error:  # noqa: BLE001  the edge: whoever asked hears that it failed, and of what kind
            log.error("not answered error=%s", type(error).__name__)  # noqa: TRY400  its frames hold content
            said["error"] = type(error).__name__
        writer.write(frame(said))
        with contextlib.suppress(ConnectionError):
            await writer.drain()

    async def _load(self, name: str, options: Mapping[str, object]) -> Station:
        key = station_key(name, options)
        task = self._loading.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._loading[key] = asyncio.ensure_future(asyncio.to_thread(self._engine.load, name, options))
        station = await asyncio.shield(task)
        if station is None:
            raise GuardError("it was left out")
        return station

    async def _ask(self, asked: dict[str, Any], body: bytes) -> dict[str, Any]:
        station = await self._load(asked["name"], asked["options"])
        note = _Note(self._recorder, owner_of(asked["name"], asked["options"]), self._free)
        return await answer(self._engine, station, asked, body, float(asked["deadline"]), note)


def _forget(tasks: dict[int, asyncio.Task[None]], number: int, _: asyncio.Task[None]) -> None:
    tasks.pop(number, None)


async def _main(folder: Path, server: ModelServer) -> None:
    serving = asyncio.ensure_future(server.serve(folder / SOCKET))
    loop = asyncio.get_running_loop()
    ended = asyncio.ensure_future(loop.run_in_executor(None, sys.stdin.buffer.read))  # its end is that of the keeper
    await asyncio.wait([serving, ended], return_when=asyncio.FIRST_COMPLETED)
    os._exit(1 if serving.done() else 0)  # nothing is left to be saved, and a model thread may not let go


def main(folder: Path) -> None:
    """Serve until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the keeper decides when it is over
    settings = orjson.loads(sys.stdin.buffer.readline())
    (folder / SOCKET).unlink(missing_ok=True)  # of one that died
    asyncio.run(_main(folder, ModelServer(folder, bytes.fromhex(settings["key"]), settings["struck"])))
