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
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guard.batching import forks
from guard.batching.batcher import MOST_STUCK_THREADS, BatcherStats
from guard.batching.terms import ALONE
from guard.classifier import Classifier, Readable, Unreadable
from guard.content import Modality, View
from guard.decision import Failure, FailureKind
from guard.engine import InProcess
from guard.errors import WeightsError
from guard.placement.wire import LENGTHS, WireError, answers_in, frame, head, lengths, sources_out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from guard.batching.answers import Answer
    from guard.batching.terms import Desk, Terms

log = logging.getLogger(__name__)

_MOST_SENDS = 4
"""How often one thing is asked: once, after the death of the server it was asked of, after another's, and once more."""
_CONNECT_EVERY_S = 0.02
_LOAD_S = 120.0
_READ = 1 << 18
_LONGEST_TIMER = 86_400.0
_EARLY_S = 0.005
"""Event loops' timers may be a little early."""

Heard = dict[str, Any]


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
        self._wire: _Wire | None = None
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
                wire = _Wire(self._path)
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

    def _take_up(self, wire: _Wire) -> None:
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


class _Wire:
    """One connection. `send` never blocks; what the socket does not take at once goes out in `listen`."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises `OSError`."""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise
        self._socket.settimeout(0)
        self._outbox: deque[memoryview] = deque()
        self._lock = threading.Lock()
        self._woken, self._wake = socket.socketpair()
        self._woken.settimeout(0)
        self._wake.settimeout(0)

    def send(self, data: bytes) -> None:
        """Send *data* behind all that was sent before. That the connection broke shows in `listen`."""
        with self._lock:
            self._outbox.append(memoryview(data))
            if len(self._outbox) > 1:
                return
            with contextlib.suppress(OSError):
                self._write()
            if self._outbox:
                with contextlib.suppress(OSError):
                    self._wake.send(b"x")

    def listen(self, hear: Callable[[Heard], None]) -> None:
        """Read frames until the connection ends, which is an `OSError`, or what comes is no frame, a `WireError`."""
        data = bytearray()
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        while True:
            with self._lock:
                more = select.POLLOUT if self._outbox else 0
            poll.register(self._socket, select.POLLIN | more)
            poll.poll()
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
            with self._lock:
                self._write()
            with contextlib.suppress(BlockingIOError):
                came = self._socket.recv(_READ)
                if not came:
                    raise ConnectionResetError
                data += came
                _take_frames(data, hear)

    def hang_up(self) -> None:
        """End `listen`, on whatever thread it is."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Let go of the connection, which a forked child may share."""
        for one in (self._socket, self._woken, self._wake):
            one.close()

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._outbox:
                sent = self._socket.send(self._outbox[0])
                if sent < len(self._outbox[0]):
                    self._outbox[0] = self._outbox[0][sent:]
                else:
                    self._outbox.popleft()


def _take_frames(data: bytearray, hear: Callable[[Heard], None]) -> None:
    """Have *hear* hear every whole frame that *data* begins with, and leave the rest."""
    at = 0
    while len(data) >= at + LENGTHS.size:
        size, rest = lengths(bytes(data[at : at + LENGTHS.size]))
        end = at + LENGTHS.size + size + rest
        if len(data) < end:
            break
        hear(head(bytes(data[at + LENGTHS.size : at + LENGTHS.size + size])))
        at = end
    del data[:at]


class Afar(Classifier[Readable]):
    """A classifier that is not loaded here: it says of itself what it would, and its items are what is to be read."""

    def __init__(self, classifier: Classifier[Any]) -> None:
        """Speak for *classifier*."""
        self.options = classifier.options
        self.categories = classifier.categories
        for name in Classifier.__annotations__.keys() - {"Options"}:
            setattr(self, name, getattr(classifier, name))
        self._of = classifier

    def prepare(self, part: Readable) -> Readable:
        """*part* itself, if it is of a modality that is read; the server does the rest."""
        modality = Modality.TEXT if isinstance(part, View) else part.modality
        if modality not in self.modalities:
            raise Unreadable(f"it does not read {modality.value}")
        return part

    def cost(self, item: Readable) -> int:
        """Its length: what it costs in the classifier's units, only the server knows."""
        return max(1, len(item.text if isinstance(item, View) else item.data))

    def classify(self, items: Sequence[Readable]) -> Any:
        """Not here."""
        raise NotImplementedError

    def pending(self, text: str) -> int:
        """What the classifier says."""
        return self._of.pending(text)


@dataclass(slots=True)
class Remote:
    """The desk of one classifier, asked over a link."""

    link: Link
    name: str
    options: Mapping[str, object]
    shares: bool = False
    backlog_s: float = 0.0
    _counts: dict[str, int] = field(default_factory=lambda: {"calls": 0, "items": 0, "open": 0, "refused": 0})

    @property
    def stats(self) -> BatcherStats:
        """What this process asked: calls count as batches. Without a server, all of its threads count as stuck."""
        count = self._counts
        stuck = 0 if self.link.is_up else MOST_STUCK_THREADS
        return BatcherStats(
            count["calls"], count["items"], 0, 0, count["refused"], count["open"], 0, stuck, round(self.backlog_s, 3), 0
        )

    def digest(self, source: Readable) -> bytes:  # noqa: ARG002  a desk's
        """Nothing: the server knows its contents itself."""
        return b""

    async def submit(self, items: Sequence[Any], deadline: float, terms: Terms = ALONE) -> list[Answer]:
        """`guard.batching.terms.Desk.submit`."""
        if not items:
            return []
        lines, body = sources_out(items)
        about = {
            "do": "ask",
            "name": self.name,
            "options": self.options,
            "of": lines,
            "deadline": deadline,
            "patience": terms.patience,
            "scope": terms.scope,
        }
        count = self._counts
        count["calls"] += 1
        count["items"] += len(items)
        count["open"] += 1
        try:
            answers = self._taken(await self.link.ask(about, body, deadline), len(items), deadline)
        finally:
            count["open"] -= 1
        count["refused"] += any(isinstance(a, Failure) and a.kind is FailureKind.OVERLOAD for a in answers)
        return answers

    def close(self, timeout: float = 1.0) -> None:
        """Nothing to do: the link is closed with the engine."""

    def _taken(self, heard: Heard | None, count: int, deadline: float) -> list[Answer]:
        """The answers in what was *heard*; whatever is wrong with it is a failure of all of them."""
        if heard is None:
            late = time.monotonic() >= deadline - _EARLY_S
            failure = Failure(self.name, FailureKind.TIMEOUT) if late else self._error("lost")
            return [failure] * count
        if "error" in heard:
            return [self._error("not answered")] * count
        try:
            answers = answers_in(heard["answers"], self.name)
            self.backlog_s = float(heard["backlog"])
        except (WireError, KeyError, TypeError, ValueError):
            answers = []
        return answers if len(answers) == count else [self._error("nonsense")] * count

    def _error(self, detail: str) -> Failure:
        return Failure(self.name, FailureKind.ERROR, detail)
