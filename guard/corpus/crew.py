"""The worker processes, as the one that reads and writes sees them: what each has, and that it is still there."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

import orjson

from guard.corpus.records import Record
from guard.corpus.source import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.corpus.judge import Setup

DEPTH = 3
"""Slices that a worker has at once: one that is being finished, one that is begun, one that waits."""
MOST_STARTS = 3
_GRACE_S = 60.0


@dataclass(slots=True)
class Slice:
    """Records of one chunk that go to a worker together; *alone* if there is to be nothing else with it."""

    chunk: int
    records: list[Record]
    alone: bool = False


@dataclass(slots=True)
class Answer:
    """What came of a slice: its *entries*, or none, for the worker died with it; *how* it died."""

    slice: Slice
    entries: list[dict[str, Any]] | None
    how: str = ""


@dataclass(slots=True, eq=False)
class _Hand:
    """One worker."""

    process: subprocess.Popen[bytes]
    link: Connection[Any, Any]
    has: dict[int, Slice] = field(default_factory=dict)
    ready: bool = False
    since: float = 0.0

    @property
    def room(self) -> bool:
        """Whether it should be given another slice."""
        return len(self.has) < DEPTH and not any(slice_.alone for slice_ in self.has.values())


class Crew:
    """*size* workers; one that dies is replaced, and what it had comes back."""

    def __init__(self, setup: Setup, size: int) -> None:
        self._setup = setup
        self._sent = self._starts = 0
        self._hands = [self._start() for _ in range(size)]

    def give(self, slice_: Slice) -> bool:
        """Hand *slice_* to the worker that has least; False if none has room."""
        hands = [hand for hand in self._hands if hand.room and not (slice_.alone and hand.has)]
        if not hands:
            return False
        hand = min(hands, key=lambda one: (not one.ready, len(one.has)))
        self._sent += 1
        hand.has[self._sent] = slice_
        if len(hand.has) == 1:
            hand.since = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `answers` will see that it died
            hand.link.send((self._sent, slice_.records))
        return True

    @property
    def has_room(self) -> bool:
        """Whether a slice that need not be alone would be taken now."""
        return any(hand.room for hand in self._hands)

    @property
    def busy(self) -> bool:
        """Whether anything is being judged."""
        return any(hand.has for hand in self._hands)

    def pids(self) -> list[int]:
        """The workers' processes."""
        return [hand.process.pid for hand in self._hands]

    def answers(self, seconds: float) -> Iterator[Answer]:
        """What came within *seconds*, which may be nothing.

        Raises:
            CorpusError: workers cannot be started.
        """
        hands = {id(hand.link): hand for hand in self._hands}
        came = wait([hand.link for hand in self._hands], seconds)
        for link in came:
            hand = hands[id(link)]
            try:
                said = orjson.loads(hand.link.recv_bytes())
            except (EOFError, OSError):
                yield from self._bury(hand)
                continue
            if "error" in said:
                raise CorpusError(said["error"])
            if "slice" not in said:
                hand.ready, self._starts, hand.since = True, 0, time.monotonic()
                continue
            hand.since = time.monotonic()
            yield Answer(hand.has.pop(said["slice"]), said["entries"])
        for hand in self._hands:
            if hand.ready and hand.has and time.monotonic() - hand.since > 2 * self._setup.timeout_s + _GRACE_S:
                hand.process.kill()

    def close(self) -> None:
        """Stop every worker, whatever it is doing."""
        for hand in self._hands:
            hand.link.close()
            hand.process.kill()
        for hand in self._hands:
            hand.process.wait()

    def _start(self) -> _Hand:
        ours, theirs = multiprocessing.Pipe()
        command = [sys.executable, "-m", "guard.corpus.worker", str(theirs.fileno())]
        with theirs:
            process = subprocess.Popen(  # noqa: S603  this very program
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        ours.send(self._setup)
        return _Hand(process, ours)

    def _bury(self, hand: _Hand) -> Iterator[Answer]:
        hand.process.kill()
        code = hand.process.wait()
        hand.link.close()
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        if not hand.ready:
            self._starts += 1
            if self._starts >= MOST_STARTS:
                msg = f"workers die while they start ({how}); try `guard check` with the same policy"
                raise CorpusError(msg)
        self._hands[self._hands.index(hand)] = self._start()
        for slice_ in hand.has.values():
            # Slices of a worker that never got to them come back as if nothing had happened.
            yield Answer(slice_, None, how if hand.ready else "")
