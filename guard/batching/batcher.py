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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol

from guard.batching import forks
from guard.batching.answers import INTERRUPTS, Answer, Item, judge
from guard.batching.cache import Known, digest, new_key
from guard.batching.pace import Pace
from guard.batching.queue import Call, Entry, Queue
from guard.batching.terms import ALONE, Keyed, Terms
from guard.decision import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guard.classifier import Classifier, Readable

MOST_STUCK_THREADS = 4
"""With this many threads hanging in a classifier it gets no other: each holds memory, perhaps a lock or a core."""

_LONGEST_TIMER = 86_400.0
"""Seconds; event loops refuse timers without end."""
_SAFE_PART = 0.7
"""The part of the time up to its deadline that a call may be foretold to take.

Estimates are not exact, and where more comes than can be judged, those that are admitted come as late as they may.
"""
_LONGEST_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class BatcherStats:
    """Counts since the start, and the state of now.

    *batches* and their *items*, *inline* calls, items that were *known* before they were run, and calls *refused*
    because they would have come too late. *backlog_s* is about how long all that waits will take, *batch_cost* the
    budget.
    """

    batches: int
    items: int
    inline: int
    known: int
    refused: int
    queued: int
    pending_cost: int
    stuck_threads: int
    backlog_s: float
    batch_cost: int


@dataclass(slots=True, eq=False)
class _Worker(Generic[Item]):
    """One model thread. *model* is held while it classifies; *due* is when its *batch* counts as stuck.

    *began* is when the batch did, and *ends* when it should end.
    """

    model: threading.Lock
    batch: list[Entry[Item]] = field(default_factory=list)
    due: float = 0.0
    ends: float = 0.0
    retired: bool = False
    thread: threading.Thread | None = None


class Watch(Protocol):
    """Somebody who is to know what a model runs: whoever has to find out what it died of."""

    hangs_after: float
    """Seconds after which a batch counts as stuck if it has also taken ten times what was to be expected.

    Four times as long, as long as that is not known.
    """

    def run(self, digests: Sequence[bytes]) -> None:
        """The items of *digests* are run now; with none, they are done. Called on the model thread."""

    def stuck(self, digests: Sequence[bytes]) -> None:
        """The batch of *digests* hangs. Called with the batcher's lock held."""


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
        self._closed = False
        self._batches = self._items = self._inline = self._refused = 0
        self._digest_key = digest_key or new_key()
        self._pace = Pace(classifier, clock)
        forks.begin(self)

    def begin(self) -> None:
        """Nobody waits and no thread runs: so it is at the start, and in a forked child."""
        # Guards all that changes. The model's own lock is never waited for while this one is held.
        self._changed = threading.Condition(threading.Lock())
        self._queue: Queue[Item] = Queue(pads=self._classifier.pads)
        self._known = Known()
        self._model = threading.Lock()
        self._worker: _Worker[Item] | None = None
        self._stuck = 0

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
                answers[index] = self._error(type(error).__name__)
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
        with self._changed:
            return BatcherStats(
                self._batches,
                self._items,
                self._inline,
                self._known.served,
                self._refused,
                len(self._queue),
                self._queue.pending_cost,
                self._stuck,
                round(self.backlog_s, 3),
                self._pace.budget,
            )

    @property
    def backlog_s(self) -> float:
        """About how many seconds all that is admitted and not answered will take."""
        return self._pace.seconds(self._queue.pending_cost)

    def suspect(self, digests: Sequence[bytes]) -> None:
        """Strike items that did harm elsewhere: see `guard.batching.cache.Suspects`."""
        with self._changed:
            self._known.strike(digests, self._clock())

    def refuses(self, digest: bytes) -> Failure | None:
        """The failure of an item that should not even be prepared, if it is one."""
        with self._changed:
            refused = self._known.recall([digest], None, self._clock(), self.name).get(0)
        return refused if isinstance(refused, Failure) else None

    def look_after(self) -> None:
        """Give up the model thread if it hangs. Callers' deadlines see to that as well, but later."""
        with self._changed:
            self._retire_if_stuck(self._clock())

    def close(self, timeout: float = 1.0) -> None:
        """Fail what is queued, let the running batch end, and wait up to *timeout* seconds for it. Safe to repeat."""
        with self._changed:
            self._closed = True
            self._queue.settle_all(self._error("closed"))
            thread = self._worker.thread if self._worker else None
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    # On the caller's thread

    def _recalled(self, digests: Sequence[bytes], deadline: float, terms: Terms) -> dict[int, Answer]:
        """What is known of items without running them, by their places."""
        if not any(digests):
            return {}
        with self._changed:
            now = self._clock()
            return (
                {} if self._closed or not deadline > now else self._known.recall(digests, terms.scope, now, self.name)
            )

    async def _judge(
        self, items: Sequence[Item], costs: list[int], digests: Sequence[bytes], deadline: float, terms: Terms
    ) -> list[Answer]:
        if not items:
            return []
        total = sum(costs)
        if total <= self._classifier.inline_cost:
            model = self._model
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
        with self._changed:
            self._retire_if_stuck(now)
            refused = self._refusal(sum(costs), deadline, now) or self._overload(entries, digests, deadline, now)
            if refused is not None:
                return [refused] * len(items)
            for entry, mark in zip(entries, digests, strict=False):
                self._mark(entry, mark, terms, now)
            self._queue.add(entries)
            self._ensure_worker()
            self._changed.notify()
        timer = loop.call_later(min(deadline - now, _LONGEST_TIMER), self._expire, call, entries)
        try:
            await call.future
        finally:
            timer.cancel()
            if call.open:  # cancelled
                with self._changed:
                    self._queue.settle(entries, call.answers)
        return call.answers

    def _mark(self, entry: Entry[Item], mark: bytes, terms: Terms, now: float) -> None:
        """Say what *entry* is of, so that it may be shared, and that it goes alone if it did harm before."""
        entry.digest = mark
        if terms.scope is not None and mark:
            entry.key = terms.scope, mark
        if self._known.goes_alone(mark, now):
            entry.cost = max(entry.cost, self._pace.largest)

    # With the lock held: who is admitted

    def _refusal(self, cost: int, deadline: float, now: float) -> Failure | None:
        """Why nothing of *cost* can be admitted now, if so."""
        if self._closed:
            return self._error("closed")
        if self._stuck >= MOST_STUCK_THREADS:
            return self._error("stuck")
        if not deadline > now:
            return Failure(self.name, FailureKind.TIMEOUT)
        if self._queue.pending_cost + cost > self._max_pending_cost:
            self._refused += 1
            return Failure(self.name, FailureKind.OVERLOAD, retry_after_s=self._pace.seconds(cost))
        return None

    def _overload(
        self, entries: Sequence[Entry[Item]], digests: Sequence[bytes], deadline: float, now: float
    ) -> Failure | None:
        """The refusal of a call that would not be through at its *deadline*, if it is one."""
        if not self._queue.pending_cost and self._pace.is_stale(now):
            return None
        marked = dict(zip(digests, entries, strict=True)) if digests and all(digests) else {}
        cost = sum(entry.cost for entry in marked.values() or entries)  # identical ones are judged once
        most = _SAFE_PART * (deadline - now)
        if self._pace.seconds(self._queue.pending_cost + cost) <= most:
            return None
        too_long = self._wait(cost, entries[0].call.due, now) - most
        if too_long <= 0:
            return None
        self._refused += 1
        return Failure(self.name, FailureKind.OVERLOAD, retry_after_s=min(too_long, _LONGEST_RETRY_S))

    def _wait(self, cost: int, due: float, now: float) -> float:
        """About how many seconds a call of *cost* that comes now and is *due* then would take."""
        running = max(0.0, self._worker.ends - now) if self._worker is not None and self._worker.batch else 0.0
        return running + self._pace.seconds(self._queue.ahead(cost, due) + cost)

    def _error(self, detail: str) -> Failure:
        return Failure(self.name, FailureKind.ERROR, detail)

    # Time running out, on the caller's loop

    def _expire(self, call: Call, entries: Sequence[Entry[Item]]) -> None:
        """The deadline of *call* has come: what is open keeps the time-out that it was given at first."""
        with self._changed:
            self._queue.settle(entries, call.answers)
            running = self._worker.batch if self._worker else None
        if running:
            self._look_again(call.loop, running)

    def _look_again(self, loop: asyncio.AbstractEventLoop, running: list[Entry[Item]]) -> None:
        """Give up the model thread if it is stuck in the batch *running*; look again later if it is merely late."""
        with self._changed:
            if self._worker is None or self._worker.batch is not running:
                return
            wait = self._retire_if_stuck(self._clock())
        if wait > 0:
            loop.call_later(wait, self._look_again, loop, running)

    # With the lock held: the model thread

    def _retire_if_stuck(self, now: float) -> float:
        """Give up a worker whose batch is due; else the seconds until it may be."""
        worker = self._worker
        if worker is None or not worker.batch:
            return 0.0
        if now < worker.due - 0.002:  # event loops' timers may be that much early
            return worker.due - now
        worker.retired = True
        self._stuck += 1
        self._known.strike([entry.digest for entry in worker.batch], now, alone=len(worker.batch) == 1)
        if self._watch is not None:
            self._watch.stuck([entry.digest for entry in worker.batch])
        self._worker = None
        self._model = threading.Lock()
        if self._stuck >= MOST_STUCK_THREADS:
            self._queue.settle_all(self._error("stuck"))
        elif len(self._queue):
            self._ensure_worker()
        return 0.0

    def _ensure_worker(self) -> None:
        if self._worker is not None:
            return
        worker: _Worker[Item] = _Worker(self._model)
        worker.thread = threading.Thread(target=self._run, args=(worker,), name=f"guard-{self.name}", daemon=True)
        try:
            worker.thread.start()
        except RuntimeError:  # the system has no thread to give now; the next call asks again
            self._queue.settle_all(self._error("thread"))
        else:
            self._worker = worker

    # On the model thread

    def _run(self, worker: _Worker[Item]) -> None:
        while batch := self._next_batch(worker):
            began = self._clock()
            with worker.model:
                at_once = self._judge_batch(batch)
            # Told after the model is free again: whoever hears it may ask on the spot.
            if at_once is not None:
                self._learn_rate(worker, batch, at_once, self._clock() - began)
                self._tell(batch, at_once)

    def _next_batch(self, worker: _Worker[Item]) -> list[Entry[Item]]:
        """What to judge next, as soon as there is something; nothing when the thread is to end."""
        with self._changed:
            worker.batch = []
            while not worker.retired:
                now = self._clock()
                self._queue.fixed = self._pace.fixed
                soon = now + self._pace.hopeless_s(self._queue.pending_cost, now)
                taken = self._queue.take(soon, self._pace.budget)
                self._queue.finish(taken.expired, [Failure(self.name, FailureKind.TIMEOUT)] * len(taken.expired))
                if taken.batch:
                    worker.batch = taken.batch
                    worker.due = max(min(entry.deadline for entry in taken.batch), now + self._stuck_after)
                    worker.ends = now + self._pace.seconds(self._units(taken.batch))
                    if self._watch is not None:
                        suspect = self._known.goes_alone(taken.batch[0].digest, now)
                        longest = self._pace.longest_s(worker.ends - now, self._watch.hangs_after, suspect=suspect)
                        worker.due = min(worker.due, now + longest)
                    self._batches += 1
                    self._items += len(taken.batch)
                    return taken.batch
                if len(self._queue):  # those that were due first had all left
                    continue
                if self._closed:
                    return []
                self._changed.wait()
            self._stuck -= 1
            return []

    def _judge_batch(self, batch: list[Entry[Item]]) -> list[Answer] | None:
        """The answers, if they came at once; else each was told as soon as it was known."""

        def wanted(start: int, end: int) -> bool:
            return not all(entry.abandoned for entry in batch[start:end])

        if self._watch is not None:
            self._watch.run([entry.digest for entry in batch])
        # SystemExit says nothing about the process here, unlike in the main thread: nothing passes.
        items = [entry.item for entry in batch]
        at_once: list[Answer] | None = None
        failed: list[bytes] = []
        for start, answers in judge(self._classifier, items, name=self.name, wanted=wanted):
            if len(answers) == len(batch):
                at_once = answers
            else:
                self._tell(batch[start : start + len(answers)], answers)
            failed += [
                entry.digest for entry, one in zip(batch[start:], answers, strict=False) if isinstance(one, Failure)
            ]
        if self._watch is not None:
            self._watch.run([])
        if failed:
            with self._changed:
                self._known.blame(failed, of=len(batch), now=self._clock())
        return at_once

    def _tell(self, entries: Sequence[Entry[Item]], answers: Sequence[Answer]) -> None:
        with self._changed:
            self._known.learn(entries, answers)
            self._queue.finish(entries, answers)

    def _learn_rate(
        self, worker: _Worker[Item], batch: Sequence[Entry[Item]], answers: Sequence[Answer], seconds: float
    ) -> None:
        """Take *batch* for what it shows, unless something was wrong with it: a failure may come at once, or late."""
        if worker.retired or any(isinstance(answer, Failure) for answer in answers):
            return
        with self._changed:
            self._pace.learn(self._units(batch), seconds)

    def _units(self, batch: Sequence[Entry[Item]]) -> int:
        """What the model does for *batch*, in its units."""
        if self._classifier.pads:
            return len(batch) * max(entry.units for entry in batch)
        return sum(entry.units for entry in batch)
