"""Who waits for what: the entries of a batcher's queue and the calls they belong to.

No thread and no clock; the batcher guards every use with its lock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from guard.batching.answers import Answer, Item
from guard.batching.plan import Line, Take, take

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FEW = 64
"""Below this length it is not worth while to sweep a queue."""


@dataclass(slots=True, eq=False)
class Call:
    """One `submit` that waits on its loop: its answers so far, and how many are still *open*."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]
    answers: list[Answer]
    open: int


@dataclass(slots=True, eq=False)
class Entry(Generic[Item]):
    """One item of a call. *abandoned* once nobody waits for it: it has its answer, or its caller went away."""

    item: Item
    cost: int
    deadline: float
    call: Call
    index: int
    abandoned: bool = False


class Queue(Generic[Item]):
    """The calls that wait, each with its entries. *pending_cost* counts all not abandoned, those taken too."""

    def __init__(self) -> None:
        self.pending_cost = 0
        self._lines: list[Line[Entry[Item]]] = []
        self._length = 0
        self._sweep_at = _FEW

    def __len__(self) -> int:
        """The entries that wait to be taken."""
        return self._length

    def add(self, entries: Sequence[Entry[Item]]) -> None:
        """Put the *entries* of one call behind those of the others."""
        if self._length >= self._sweep_at:
            # Else callers that come and go while a thread hangs would fill the memory with what nobody waits for.
            swept = ([entry for entry in line.waiting if not entry.abandoned] for line in self._lines)
            self._lines = [Line(waiting) for waiting in swept if waiting]
            self._length = sum(len(line.entries) for line in self._lines)
            self._sweep_at = max(_FEW, 2 * self._length)
        self._lines.append(Line(entries))
        self._length += len(entries)
        self.pending_cost += sum(entry.cost for entry in entries)

    def take(self, now: float, budget: int) -> Take[Entry[Item]]:
        """Remove and return what `plan.take` says."""
        taken = take(self._lines, now, budget)
        self._lines = taken.rest
        self._length -= len(taken.batch) + len(taken.expired) + len(taken.abandoned)
        return taken

    def settle(self, entries: Iterable[Entry[Item]], answers: Iterable[Answer]) -> None:
        """Answer those of *entries* that still wait, and wake the calls that are complete by it."""
        complete: defaultdict[asyncio.AbstractEventLoop, list[Call]] = defaultdict(list)
        for entry, answer in zip(entries, answers, strict=True):
            if entry.abandoned:
                continue
            entry.abandoned = True
            self.pending_cost -= entry.cost
            call = entry.call
            call.answers[entry.index] = answer
            call.open -= 1
            if not call.open:
                complete[call.loop].append(call)
        for loop, calls in complete.items():
            with contextlib.suppress(RuntimeError):  # that loop is closed, so nobody waits on it
                loop.call_soon_threadsafe(_wake, calls)

    def settle_all(self, answer: Answer) -> None:
        """Give every entry that waits here the same *answer*, and forget them."""
        entries = [entry for line in self._lines for entry in line.waiting]
        self._lines, self._length = [], 0
        self.settle(entries, [answer] * len(entries))


def _wake(calls: Iterable[Call]) -> None:
    for call in calls:
        if not call.future.done():
            call.future.set_result(None)
