"""The shell around `plan.take`: one model thread, callers on any number of event loops.

::

    submit ──cost small, model free──→ classify here and now
       └────→ queue ──take──→ model thread ──judge──→ answers ──call_soon_threadsafe──→ submit returns
                 └ deadline timer on the caller's loop ─────────────────────────────────┘

A caller hears at its deadline at the latest, whatever the model thread does.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic

from guard.batching import forks
from guard.batching.answers import INTERRUPTS, Answer, Item, judge
from guard.batching.queue import Call, Entry, Queue
from guard.decision import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guard.classifier import Classifier

MOST_STUCK_THREADS = 4
"""With this many threads hanging in a classifier it gets no other: each holds memory, perhaps a lock or a core."""

_LONGEST_TIMER = 86_400.0
"""Seconds; event loops refuse timers without end."""


@dataclass(frozen=True, slots=True)
class BatcherStats:
    """Counts since the start (*batches* and their *items*, *inline* calls) and the state of now."""

    batches: int
    items: int
    inline: int
    queued: int
    pending_cost: int
    stuck_threads: int


@dataclass(slots=True, eq=False)
class _Worker(Generic[Item]):
    """One model thread. *model* is held while it classifies; *due* is when its *batch* counts as stuck."""

    model: threading.Lock
    batch: list[Entry[Item]] = field(default_factory=list)
    due: float = 0.0
    retired: bool = False
    thread: threading.Thread | None = None


class Batcher(Generic[Item]):
    """Gathers the items of many callers into batches for one classifier.

    *max_pending_cost* bounds what is admitted and not yet answered, in the classifier's units; a call
    that would go beyond it is refused at once. *clock* counts seconds and is what deadlines are measured on.
    A model thread whose batch runs past a deadline, and for *stuck_after* seconds at least, is given up
    and replaced. If it comes back after all, its answers still count where somebody waits for them; until then
    it may overlap with the new one.
    """

    def __init__(
        self,
        classifier: Classifier[Item],
        *,
        name: str,
        max_pending_cost: int,
        clock: Callable[[], float] = time.monotonic,
        stuck_after: float = 1.0,
    ) -> None:
        self.name = name
        self._classifier = classifier
        self._max_pending_cost = max_pending_cost
        self._clock = clock
        self._stuck_after = stuck_after
        self._closed = False
        self._batches = self._items = self._inline = 0
        forks.begin(self)

    def begin(self) -> None:
        """Nobody waits and no thread runs: so it is at the start, and in a forked child."""
        # Guards all that changes. The model's own lock is never waited for while this one is held.
        self._changed = threading.Condition(threading.Lock())
        self._queue: Queue[Item] = Queue()
        self._model = threading.Lock()
        self._worker: _Worker[Item] | None = None
        self._stuck = 0

    async def submit(self, items: Sequence[Item], deadline: float) -> list[Answer]:
        """The findings of each item, or why there are none: same length, same order.

        *deadline* is a time on the clock. Raises nothing but `asyncio.CancelledError`; of a call that is cancelled
        nothing is judged that was not being judged already.
        """
        cost = self._classifier.cost
        try:
            costs = [max(1, cost(item)) for item in items]
        except INTERRUPTS:
            raise
        except BaseException:  # noqa: BLE001  the edge: see `judge`
            return await self._submit_measurable(items, deadline)
        return await self._judge(items, costs, deadline)

    @property
    def stats(self) -> BatcherStats:
        """How much it has done, and what waits."""
        with self._changed:
            return BatcherStats(
                self._batches, self._items, self._inline, len(self._queue), self._queue.pending_cost, self._stuck
            )

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

    async def _submit_measurable(self, items: Sequence[Item], deadline: float) -> list[Answer]:
        """Fail the items whose cost cannot be had, and submit the others."""
        answers: list[Answer] = []
        costs: dict[int, int] = {}
        for index, item in enumerate(items):
            answers.append([])
            try:
                costs[index] = max(1, self._classifier.cost(item))
            except INTERRUPTS:
                raise
            except BaseException as error:  # noqa: BLE001  the edge: see `judge`
                answers[index] = self._error(type(error).__name__)
        judged = await self._judge([items[index] for index in costs], list(costs.values()), deadline)
        for index, answer in zip(costs, judged, strict=True):
            answers[index] = answer
        return answers

    async def _judge(self, items: Sequence[Item], costs: list[int], deadline: float) -> list[Answer]:
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
        return await self._judge_there(items, costs, total, deadline)

    def _judge_here(self, items: Sequence[Item], deadline: float) -> list[Answer]:
        """The short way: no queue, no thread, no future. The model's lock is held."""
        refused = self._refusal(0, deadline, self._clock())
        if refused is not None:
            return [refused] * len(items)
        self._inline += 1
        judged = judge(self._classifier, items, name=self.name, passing=INTERRUPTS)
        return [answer for _, answers in judged for answer in answers]

    async def _judge_there(self, items: Sequence[Item], costs: list[int], total: int, deadline: float) -> list[Answer]:
        """The long way: queue, model thread, and a timer for the deadline."""
        loop = asyncio.get_running_loop()
        late: Answer = Failure(self.name, FailureKind.TIMEOUT)
        call = Call(loop, loop.create_future(), [late] * len(items), len(items))
        entries = [Entry(item, costs[index], deadline, call, index) for index, item in enumerate(items)]
        now = self._clock()
        with self._changed:
            self._retire_if_stuck(now)
            refused = self._refusal(total, deadline, now)
            if refused is not None:
                return [refused] * len(items)
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

    def _refusal(self, cost: int, deadline: float, now: float) -> Failure | None:
        """Why nothing of *cost* can be admitted now, if so."""
        if self._closed:
            return self._error("closed")
        if self._stuck >= MOST_STUCK_THREADS:
            return self._error("stuck")
        if not deadline > now:
            return Failure(self.name, FailureKind.TIMEOUT)
        if self._queue.pending_cost + cost > self._max_pending_cost:
            return Failure(self.name, FailureKind.OVERLOAD)
        return None

    def _error(self, detail: str) -> Failure:
        return Failure(self.name, FailureKind.ERROR, detail)

    # Time running out, on the caller's loop

    def _expire(self, call: Call, entries: Sequence[Entry[Item]]) -> None:
        """The deadline of *call* has come: what is open keeps the time-out that it was given at first."""
        with self._changed:
            self._queue.settle(entries, call.answers)
            running = self._worker.batch if self._worker else None
        if running:
            self._watch(call.loop, running)

    def _watch(self, loop: asyncio.AbstractEventLoop, running: list[Entry[Item]]) -> None:
        """Give up the model thread if it is stuck in the batch *running*; look again later if it is merely late."""
        with self._changed:
            if self._worker is None or self._worker.batch is not running:
                return
            wait = self._retire_if_stuck(self._clock())
        if wait > 0:
            loop.call_later(wait, self._watch, loop, running)

    # With the lock held

    def _retire_if_stuck(self, now: float) -> float:
        """Give up a worker whose batch is due; else the seconds until it may be."""
        worker = self._worker
        if worker is None or not worker.batch:
            return 0.0
        if now < worker.due - 0.002:  # event loops' timers may be that much early
            return worker.due - now
        worker.retired = True
        self._stuck += 1
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
            with worker.model:
                self._judge_batch(batch)

    def _next_batch(self, worker: _Worker[Item]) -> list[Entry[Item]]:
        """What to judge next, as soon as there is something; nothing when the thread is to end."""
        with self._changed:
            worker.batch = []
            while not worker.retired:
                now = self._clock()
                taken = self._queue.take(now, self._classifier.batch_cost)
                self._queue.settle(taken.expired, [Failure(self.name, FailureKind.TIMEOUT)] * len(taken.expired))
                if taken.batch:
                    worker.batch = taken.batch
                    worker.due = max(min(entry.deadline for entry in taken.batch), now + self._stuck_after)
                    self._batches += 1
                    self._items += len(taken.batch)
                    return taken.batch
                if self._closed:
                    return []
                self._changed.wait()
            self._stuck -= 1
            return []

    def _judge_batch(self, batch: list[Entry[Item]]) -> None:
        def wanted(start: int, end: int) -> bool:
            return not all(entry.abandoned for entry in batch[start:end])

        # SystemExit says nothing about the process here, unlike in the main thread: nothing passes.
        items = [entry.item for entry in batch]
        for start, answers in judge(self._classifier, items, name=self.name, wanted=wanted):
            with self._changed:
                self._queue.settle(batch[start : start + len(answers)], answers)
