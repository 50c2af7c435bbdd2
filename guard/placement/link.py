"""One process's line to the model server: a placement whose desks ask over a socket.

Callers on any number of event loops write what they ask straight to the socket; one thread reads the answers, connects,
and connects again when the server was replaced. What was asked of a server that is gone is asked again of the next one,
a few times, for as long as somebody waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.batching import forks
from guard.engine import InProcess
from guard.errors import WeightsError
from guard.placement.desk import Afar, Heard, Remote
from guard.placement.line import Line
from guard.placement.wire import WireError, frame

if TYPE_CHECKING:
    from pathlib import Path

    from guard.batching.terms import Desk
    from guard.classifier import Classifier

log = logging.getLogger(__name__)

_MOST_SENDS = 4
"""How often one thing is asked: once, after the death of the server it was asked of, after another's, and once more."""
_CONNECT_EVERY_S = 0.02
_LOAD_S = 120.0
_LONGEST_TIMER = 86_400.0


@dataclass(slots=True, eq=False)
class _Asked:
    """What was asked and not answered; *settle* is called once, on the link's thread, with None if it is lost."""

    data: bytes
    settle: Callable[[Heard | None], None]
    sends: int = 0


class Link:
    """The line to the server whose socket is *path*. A `Placement`: what is quick, or reads stretches, stays here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._here = InProcess()
        self._closed = False
        self._stations: list[Heard] = []
        self._numbers = itertools.count(1)
        self._wire: Line | None = None
        forks.begin(self)

    def begin(self) -> None:
        """Nothing was asked and no thread runs: so it is at the start, and in a forked child."""
        self._lock = threading.Lock()
        self._asked: dict[int, _Asked] = {}
        self._thread: threading.Thread | None = None
        if self._wire is not None:  # the parent's
            self._wire.drop()
        self._wire = None

    @property
    def is_up(self) -> bool:
        """Whether there is a server at the other end."""
        return self._wire is not None

    def place(
        self, name: str, options: Mapping[str, object], classifier: Classifier[Any]
    ) -> tuple[Classifier[Any], Desk]:
        """Have the server load *classifier*, unless it is one that is judged on the spot. Blocks.

        Raises:
            WeightsError: it cannot be loaded, or the server does not answer.
        """
        if classifier.inline_cost or classifier.reads == "stretches":
            return self._here.place(name, options, classifier)
        heard: Future[Heard | None] = Future()
        about: Heard = {"do": "load", "name": name, "options": dict(options)}
        self._ask(about, b"", heard.set_result)
        try:
            said = heard.result(_LOAD_S)
        except TimeoutError:
            said = None
        if said is None or "error" in said:
            why = said["error"] if said else "the model server does not answer"
            raise WeightsError(f"classifier `{name}` was not loaded: {why}")
        with self._lock:
            self._stations.append(about)
        return Afar(classifier), Remote(self, name, options)

    async def ask(self, about: Heard, body: bytes, deadline: float) -> Heard | None:
        """What the server says to *about*; None if it is lost, or once the *deadline* has come."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Heard | None] = loop.create_future()

        def settle(heard: Heard | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_settle, future, heard)

        number = self._ask(about, body, settle)
        left = min(deadline - time.monotonic(), _LONGEST_TIMER)
        timer = loop.call_later(max(0.0, left), _settle, future, None)
        try:
            return await future
        finally:
            timer.cancel()
            with self._lock:
                forgotten = self._asked.pop(number, None)
            if forgotten is not None:
                self._send(frame({"id": number, "do": "leave"}))

    def close(self) -> None:
        """Everything that is asked is lost, and what will be. Safe to repeat."""
        self._closed = True
        wire, thread = self._wire, self._thread
        if wire is not None:
            wire.hang_up()
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)
        with self._lock:
            lost, self._asked = list(self._asked.values()), {}
        for one in lost:
            one.settle(None)

    def _ask(self, about: Heard, body: bytes, settle: Callable[[Heard | None], None]) -> int:
        number = next(self._numbers)
        asked = _Asked(frame({**about, "id": number}, body), settle)
        with self._lock:
            if not self._closed:
                self._asked[number] = asked
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="guard-link", daemon=True)
                    self._thread.start()
                if self._wire is not None:
                    asked.sends += 1
                    self._wire.send(asked.data)
                return number
        settle(None)
        return number

    def _send(self, data: bytes) -> None:
        with self._lock:
            if self._wire is not None:
                self._wire.send(data)

    # On the link's thread

    def _run(self) -> None:
        while not self._closed:
            try:
                wire = Line(self._path)
            except OSError:
                time.sleep(_CONNECT_EVERY_S)
                continue
            self._take_up(wire)
            try:
                wire.listen(self._hear)
            except (OSError, WireError, KeyError, TypeError, ValueError) as error:
                if not self._closed:
                    log.warning("model server gone error=%s", type(error).__name__)
            with self._lock:
                self._wire = None
            wire.drop()
            time.sleep(_CONNECT_EVERY_S)

    def _take_up(self, wire: Line) -> None:
        """Have a new server load what the last one had, and ask it what that did not answer."""
        with self._lock:
            lost = [number for number, asked in self._asked.items() if asked.sends == _MOST_SENDS]
            given_up = [self._asked.pop(number) for number in lost]
            self._wire = wire
            for station in self._stations:
                wire.send(frame({**station, "id": 0}))
            for asked in self._asked.values():
                asked.sends += 1
                wire.send(asked.data)
        for asked in given_up:
            asked.settle(None)

    def _hear(self, heard: Heard) -> None:
        with self._lock:
            asked = self._asked.pop(heard["id"], None)
        if asked is not None:
            asked.settle(heard)
        elif "error" in heard and not heard["id"]:
            log.error("classifier not loaded again: %s", heard["error"])


def _settle(future: asyncio.Future[Heard | None], heard: Heard | None) -> None:
    if not future.done():
        future.set_result(heard)
