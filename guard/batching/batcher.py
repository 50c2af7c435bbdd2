"""The shell around `plan.take`: one model thread, callers on any number of event loops.

::

    submit ──seen before──→ findings remembered
       ├─cost small, model free──→ classify here and now
       ├─cannot be judged in time──→ overload, at once
       └────→ queue ──take──→ model thread ──judge──→ answers ──call_soon_threadsafe──→ submit returns
                 └ deadline timer on the caller's loop ─────────────────────────────────┘

A caller hears at its deadline at the latest, whatever the model thread does.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Generic

from guard.batching import forks
from guard.batching.answers import INTERRUPTS, Answer, Item, judge
from guard.batching.cache import Known, digest, new_key
from guard.batching.pace import Pace
from guard.batching.queue import Call, Entry, Queue
from guard.batching.terms import ALONE, BatcherStats, Keyed, Terms
from guard.batching.threads import MOST_STUCK_THREADS, Books, ModelThreads
from guard.decision import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guard.batching.threads import Watch
    from guard.classifier import Classifier, Readable

__all__ = ["MOST_STUCK_THREADS", "Batcher", "BatcherStats"]

_LONGEST_TIMER = 86_400.0
"""Seconds; event loops refuse timers without end."""
_SAFE_PART = 0.7
"""The part of the time up to its deadline that a call may be foretold to take.

Estimates are not exact, and where more comes than can be judged, those that are admitted come as late as they may.
"""
_LONGEST_RETRY_S = 60.0


class Batcher(Generic[Item]):
    """Gathers the items of many callers into batches for one classifier.

    *max_pending_cost* bounds what is admitted and not yet answered, in the classifier's units; a call that would go
    beyond it, or that cannot be judged before its deadline at the rate the model has shown, is refused at once. *clock*
    counts seconds and is what deadlines are measured on. A model thread whose batch runs past a deadline, and for
    *stuck_after* seconds at least, is given up and replaced. If it comes back after all, its answers still count where
    somebody waits for them; until then it may overlap with the new one. *watch*, if given, hears what is run.
    """

    def __init__(
        self,
        classifier: Classifier[Item],
        *,
        name: str,
        max_pending_cost: int,
        clock: Callable[[], float] = time.monotonic,
        stuck_after: float = 1.0,
        watch: Watch | None = None,
        digest_key: bytes | None = None,
    ) -> None:
        self.name = name
        self.shares = not classifier.inline_cost
        """Whether it is worth while to know items by digests: of what is judged on the spot it is not."""
        self._classifier = classifier
        self._max_pending_cost = max_pending_cost
        self._clock = clock
        self._stuck_after = stuck_after
        self._watch = watch
        self._inline = self._refused = 0
        self._digest_key = digest_key or new_key()
        self._pace = Pace(classifier, clock)
        forks.begin(self)

    def begin(self) -> None:
        """Nobody waits and no thread runs: so it is at the start, and in a forked child."""
        queue: Queue[Item] = Queue(pads=self._classifier.pads)
        self._books = Books(self.name, self._classifier, self._clock, self._pace, queue, Known())
        self._threads = ModelThreads(self._books, self._stuck_after, self._watch)

    def digest(self, source: Readable) -> bytes:
        """By what an item made of *source* is known here: see `guard.batching.terms.Keyed`."""
        return digest(source, self._digest_key)

    def tune(self, item: Item) -> None:
        """See what batches of *item* take, before there are any: for a second at most. Blocks."""
        self._pace.tune(item)

    async def submit(self, items: Sequence[Item | Keyed[Item]], deadline: float, terms: Terms = ALONE) -> list[Answer]:
        """The findings of each item, or why there are none: same length, same order.

        *deadline* is a time on the clock. Raises nothing but `asyncio.CancelledError`; of a call that is cancelled
        nothing is judged that was not being judged already.
        """
        bare = [item.item if isinstance(item, Keyed) else item for item in items]
        digests = [item.digest if isinstance(item, Keyed) else b"" for item in items] if self.shares else []
        answers = self._recalled(digests, deadline, terms)
        cost = self._classifier.cost
        wanted: list[int] = []
        costs: list[int] = []
        for index, item in enumerate(bare):
            if index in answers:
                continue
            try:
                costs.append(max(1, cost(item)))
            except INTERRUPTS:
                raise
            except BaseException as error:  # noqa: BLE001  the edge: see `judge`
                answers[index] = self._books.error(type(error).__name__)
            else:
                wanted.append(index)
        if not answers:
            return await self._judge(bare, costs, digests, deadline, terms)
        marks = [digests[index] for index in wanted] if digests else []
        judged = await self._judge([bare[index] for index in wanted], costs, marks, deadline, terms)
        answers |= zip(wanted, judged, strict=True)
        return [answers[index] for index in range(len(items))]

    @property
    def stats(self) -> BatcherStats:
        """How much it has done, and what waits."""
        books, threads = self._books, self._threads
        with books.changed:
            return BatcherStats(
                threads.batches,
                threads.items,
                self._inline,
                books.known.served,
                self._refused,
                len(books.queue),
                books.queue.pending_cost,
                threads.stuck,
                round(self.backlog_s, 3),
                self._pace.budget,
            )

    @property
    def backlog_s(self) -> float:
        """About how many seconds all that is admitted and not answered will take."""
        return self._pace.seconds(self._books.queue.pending_cost)

    def suspect(self, digests: Sequence[bytes]) -> None:
        """Strike items that did harm elsewhere: see `guard.batching.cache.Suspects`."""
        with self._books.changed:
            self._books.known.strike(digests, self._clock())

    def refuses(self, digest: bytes) -> Failure | None:
        """The failure of an item that should not even be prepared, if it is one."""
        with self._books.changed:
            refused = self._books.known.recall([digest], None, self._clock(), self.name).get(0)
        return refused if isinstance(refused, Failure) else None

    def look_after(self) -> None:
        """Give up the model thread if it hangs. Callers' deadlines see to that as well, but later."""
        with self._books.changing():
            self._threads.retire_if_stuck(self._clock())

    def close(self, timeout: float = 1.0) -> None:
        """Fail what is queued, let the running batch end, and wait up to *timeout* seconds for it. Safe to repeat."""
        books = self._books
        with books.changing():
            books.closed = True
            books.queue.settle_all(books.error("closed"))
            thread = self._threads.thread
            books.changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    # On the caller's thread

    def _recalled(self, digests: Sequence[bytes], deadline: float, terms: Terms) -> dict[int, Answer]:
        """What is known of items without running them, by their places."""
        if not any(digests):
            return {}
        books = self._books
        with books.changed:
            now = self._clock()
            if books.closed or not deadline > now:
                return {}
            return books.known.recall(digests, terms.scope, now, self.name)

    async def _judge(
        self, items: Sequence[Item], costs: list[int], digests: Sequence[bytes], deadline: float, terms: Terms
    ) -> list[Answer]:
        if not items:
            return []
        total = sum(costs)
        if total <= self._classifier.inline_cost:
            model = self._threads.model
            if model.acquire(blocking=False):
                try:
                    return self._judge_here(items, deadline)
                finally:
                    model.release()
        return await self._judge_there(items, costs, digests, deadline, terms)

    def _judge_here(self, items: Sequence[Item], deadline: float) -> list[Answer]:
        """The short way: no queue, no thread, no future. The model's lock is held."""
        refused = self._refusal(0, deadline, self._clock())
        if refused is not None:
            return [refused] * len(items)
        self._inline += 1
        judged = judge(self._classifier, items, name=self.name, passing=INTERRUPTS)
        return [answer for _, answers in judged for answer in answers]

    async def _judge_there(
        self, items: Sequence[Item], costs: list[int], digests: Sequence[bytes], deadline: float, terms: Terms
    ) -> list[Answer]:
        """The long way: queue, model thread, and a timer for the deadline."""
        loop = asyncio.get_running_loop()
        now = self._clock()
        due = min(deadline, now + terms.patience)
        late: Answer = Failure(self.name, FailureKind.TIMEOUT)
        call = Call(loop, loop.create_future(), [late] * len(items), len(items), due, due - now)
        entries = [Entry(item, costs[index], deadline, call, index, costs[index]) for index, item in enumerate(items)]
        books = self._books
        with books.changing():
            self._threads.retire_if_stuck(now)
            refused = self._refusal(sum(costs), deadline, now) or self._overload(entries, digests, deadline, now)
            if refused is not None:
                return [refused] * len(items)
            for entry, mark in zip(entries, digests, strict=False):
                self._mark(entry, mark, terms, now)
            books.queue.add(entries)
            self._threads.ensure()
            books.changed.notify()
        timer = loop.call_later(min(deadline - now, _LONGEST_TIMER), self._expire, call, entries)
        try:
            await call.future
        finally:
            timer.cancel()
            if call.open:  # cancelled
                with books.changing():
                    books.queue.settle(entries, call.answers)
        return call.answers

    def _mark(self, entry: Entry[Item], mark: bytes, terms: Terms, now: float) -> None:
        """Say what *entry* is of, so that it may be shared, and that it goes alone if it did harm before."""
        entry.digest = mark
        if terms.scope is not None and mark:
            entry.key = terms.scope, mark
        if self._books.known.goes_alone(mark, now):
            entry.cost = max(entry.cost, self._pace.largest)

    # With the lock held: who is admitted

    def _refusal(self, cost: int, deadline: float, now: float) -> Failure | None:
        """Why nothing of *cost* can be admitted now, if so."""
        if self._books.closed:
            return self._books.error("closed")
        if self._threads.stuck >= MOST_STUCK_THREADS:
            return self._books.error("stuck")
        if not deadline > now:
            return Failure(self.name, FailureKind.TIMEOUT)
        if self._books.queue.pending_cost + cost > self._max_pending_cost:
            self._refused += 1
            return Failure(self.name, FailureKind.OVERLOAD, retry_after_s=self._pace.seconds(cost))
        return None

    def _overload(
        self, entries: Sequence[Entry[Item]], digests: Sequence[bytes], deadline: float, now: float
    ) -> Failure | None:
        """The refusal of a call that would not be through at its *deadline*, if it is one."""
        if not self._books.queue.pending_cost and self._pace.is_stale(now):
            return None
        marked = dict(zip(digests, entries, strict=True)) if digests and all(digests) else {}
        cost = sum(entry.cost for entry in marked.values() or entries)  # identical ones are judged once
        most = _SAFE_PART * (deadline - now)
        if self._pace.seconds(self._books.queue.pending_cost + cost) <= most:
            return None
        too_long = self._wait(cost, entries[0].call.due, now) - most
        if too_long <= 0:
            return None
        self._refused += 1
        return Failure(self.name, FailureKind.OVERLOAD, retry_after_s=min(too_long, _LONGEST_RETRY_S))

    def _wait(self, cost: int, due: float, now: float) -> float:
        """About how many seconds a call of *cost* that comes now and is *due* then would take."""
        return self._threads.left_s(now) + self._pace.seconds(self._books.queue.ahead(cost, due) + cost)

    # Time running out, on the caller's loop

    def _expire(self, call: Call, entries: Sequence[Entry[Item]]) -> None:
        """The deadline of *call* has come: what is open keeps the time-out that it was given at first."""
        with self._books.changing():
            self._books.queue.settle(entries, call.answers)
            running = self._threads.running
        if running:
            self._threads.look_again(call.loop, running)
