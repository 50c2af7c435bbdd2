"""Who waits for what: the entries of a batcher's queue and the calls they belong to.

No thread and no clock; the batcher guards every use with its lock.
"""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_right, insort_right
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Generic

from guard.batching.answers import Answer, Item
from guard.batching.cache import Key
from guard.batching.plan import Line, Take, ahead, due_at, likeness, pick

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_FEW = 64
"""Below this length it is not worth while to sweep a queue."""
_cost = attrgetter("cost")


@dataclass(slots=True, eq=False)
class Call:
    """One `submit` that waits on its loop: its answers so far, and how many are still *open*.

    *due* and *patience* say when it has its turns: see `guard.batching.plan`.
    """

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]
    answers: list[Answer]
    open: int
    due: float = 0.0
    patience: float = 0.0


@dataclass(slots=True, eq=False)
class Entry(Generic[Item]):
    """One item of a call. Those of others that are identical follow it and have the same answer.

    *units* is what the item costs, *cost* what is planned with: all of a batch, for one that goes alone. *rest* is
    what the call costs from here on. *heard* once its own call has its answer, or went away.
    """

    item: Item
    cost: int
    deadline: float
    call: Call
    index: int
    units: int = 0
    key: Key | None = None
    digest: bytes = b""
    rest: int = 0
    heard: bool = False
    released: bool = False
    leader: Entry[Item] | None = None
    followers: dict[Entry[Item], None] | None = field(default=None, repr=False)

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.heard and not self.followers


Complete = dict[asyncio.AbstractEventLoop, list[Call]]
"""Calls that have all their answers, by the loops that they wait on."""


class Queue(Generic[Item]):
    """The calls that wait, each with its entries. *pending_cost* counts all not abandoned, those taken too.

    Where the classifier *pads*, calls stand apart by what their next entry costs, so that like is found with like.
    *fixed* is what a batch costs besides its entries.
    """

    def __init__(self, *, pads: bool = False) -> None:
        self.pending_cost = 0
        self.fixed = 0
        self._pads = pads
        self._alike: dict[int, list[Line[Entry[Item]]]] = {}
        self._length = 0
        self._sweep_at = _FEW
        self._leaders: dict[Key, Entry[Item]] = {}
        self._complete: Complete = {}

    def __len__(self) -> int:
        """The entries that wait to be taken."""
        return self._length

    def add(self, entries: Sequence[Entry[Item]]) -> None:
        """Put the *entries* of one call where that is due."""
        if self._length >= self._sweep_at:
            self._sweep()
        leading = [entry for entry in entries if not self._joins(entry)]
        if not leading:
            return
        if self._pads:  # like to like, so that a batch finds its next entries in front
            leading.sort(key=_cost)
        rest = 0
        for entry in reversed(leading):
            rest += entry.cost
            entry.rest = rest
        call = leading[0].call
        self._put(Line(leading, 0, call.due, call.patience))
        self._length += len(leading)
        self.pending_cost += rest

    def _put(self, line: Line[Entry[Item]]) -> None:
        alike = likeness(line.entries[line.start].cost, self.fixed) if self._pads else 0
        insort_right(self._alike.setdefault(alike, []), line, key=due_at)

    def _sweep(self) -> None:
        """Forget what nobody waits for: else callers that come and go while a thread hangs would fill the memory."""
        lines = [line for lines in self._alike.values() for line in lines]
        self._alike, self._length = {}, 0
        for line in lines:
            waiting = [entry for entry in line.waiting if not entry.abandoned]
            if waiting:
                self._put(line._replace(entries=waiting, start=0))
                self._length += len(waiting)
        self._sweep_at = max(_FEW, 2 * self._length)

    def _joins(self, entry: Entry[Item]) -> bool:
        """Have *entry* follow an identical one that is judged as soon as it would be itself, if there is one.

        One in a call with more to judge might come much later: calls take turns.
        """
        if entry.key is None:
            return False
        leader, call = self._leaders.get(entry.key), entry.call
        if leader is None or leader.abandoned or leader.call.open > call.open or leader.call.due > call.due:
            self._leaders[entry.key] = entry
            return False
        if leader.followers is None:
            leader.followers = {}
        leader.followers[entry] = None
        leader.deadline = max(leader.deadline, entry.deadline)
        entry.leader = leader
        return True

    def take(self, now: float, budget: int) -> Take[Entry[Item]]:
        """Remove and return what `plan.take` says: of those alike among whom somebody is due first."""
        if not self._alike:
            return Take([], [], [], [])
        alike = (
            min(self._alike, key=lambda one: (self._alike[one][0].due, one))
            if len(self._alike) > 1
            else next(iter(self._alike))
        )
        if (entry := self._alone(alike, now, budget)) is not None:
            return Take([entry], [], [], [])
        taken, turned = pick(self._alike.pop(alike), now, budget, pads=self._pads, fixed=self.fixed)
        if taken.rest:
            self._alike[alike] = taken.rest
        for line in turned:
            self._put(line)
        self._length -= len(taken.batch) + len(taken.expired) + len(taken.abandoned)
        return taken

    def _alone(self, alike: int, now: float, budget: int) -> Entry[Item] | None:
        """Remove and return the first of those *alike*, if it is wanted and `plan.take` would take it and no other.

        So it is where a model judges one item after the other, and wherever only one waits: this is the short way.
        """
        lines = self._alike[alike]
        line = lines[0]
        entry, *following = line.entries[line.start : line.start + 2]
        if (entry.cost < budget and self._length > 1) or any(
            one.abandoned or one.deadline <= now for one in (entry, *following)
        ):
            return None
        del lines[0]
        if not lines:
            del self._alike[alike]
        if line.start + 1 < len(line.entries):
            self._put(line._replace(start=line.start + 1, due=now + line.patience))
        self._length -= 1
        return entry

    def ahead(self, cost: int, due: float) -> int:
        """About what is judged before a call of *cost* that is *due* then; entries that were taken are not counted."""
        before = (line for lines in self._alike.values() for line in lines[: bisect_right(lines, due, key=due_at)])
        return ahead(((line.entries[line.start].rest, line.entries[line.start].cost) for line in before), cost)

    def settle(self, entries: Iterable[Entry[Item]], answers: Iterable[Answer]) -> None:
        """Answer the calls of those of *entries* that still wait; calls that are complete by it are in `heard`.

        Entries of other calls that follow one of them go on waiting.
        """
        for entry, answer in zip(entries, answers, strict=True):
            self._hear(entry, answer)

    def finish(self, entries: Iterable[Entry[Item]], answers: Iterable[Answer]) -> None:
        """Answer *entries* and all that follow them: they were judged, or will not be."""
        for entry, answer in zip(entries, answers, strict=True):
            for follower in tuple(entry.followers or ()):
                self._hear(follower, answer if not isinstance(answer, list) else list(answer))
            self._hear(entry, answer)
            self._release(entry)

    def settle_all(self, answer: Answer) -> None:
        """Give every entry that waits here the same *answer*, and forget them."""
        entries = [entry for lines in self._alike.values() for line in lines for entry in line.waiting]
        self._alike, self._length = {}, 0
        self.finish(entries, [answer] * len(entries))

    def heard(self) -> Complete:
        """The calls that are complete and were not given yet, for `wake`."""
        complete = self._complete
        if complete:
            self._complete = {}
        return complete

    def _hear(self, entry: Entry[Item], answer: Answer) -> None:
        if entry.heard:
            return
        entry.heard = True
        call = entry.call
        call.answers[entry.index] = answer
        call.open -= 1
        if not call.open:
            self._complete.setdefault(call.loop, []).append(call)
        leader = entry.leader
        if leader is not None and leader.followers is not None:
            leader.followers.pop(entry, None)
        self._release(entry if leader is None else leader)

    def _release(self, entry: Entry[Item]) -> None:
        """Let go of what an *entry* costs that nobody waits for any more."""
        if entry.released or not entry.abandoned:
            return
        entry.released = True
        self.pending_cost -= entry.cost
        if entry.key is not None and self._leaders.get(entry.key) is entry:
            del self._leaders[entry.key]


def wake(complete: Complete) -> None:
    """Have the calls in *complete* go on, each on its loop. Called without the lock: loops that wake may want it."""
    for loop, calls in complete.items():
        with contextlib.suppress(RuntimeError):  # that loop is closed, so nobody waits on it
            loop.call_soon_threadsafe(_wake, calls)


def _wake(calls: Iterable[Call]) -> None:
    for call in calls:
        if not call.future.done():
            call.future.set_result(None)
