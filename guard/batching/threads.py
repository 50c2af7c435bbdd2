"""The model thread of a batcher, and the threads that take its place when it hangs.

One batch after the other: what was judged is settled and what comes next is taken under one lock; whoever waited is
woken once that is free again, before the model is busy with the next.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol

from guard.batching.answers import Answer, Item, judge
from guard.batching.cache import Known
from guard.batching.pace import Pace
from guard.batching.queue import Entry, Queue, wake
from guard.classifier import Classifier
from guard.decision import Failure, FailureKind

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

MOST_STUCK_THREADS = 4
"""With this many threads hanging in a classifier it gets no other: each holds memory, perhaps a lock or a core."""
_EARLY_S = 0.002
"""Event loops' timers may be that much early."""


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


@dataclass(slots=True, eq=False)
class Books(Generic[Item]):
    """What callers and model threads share. *changed* guards all of it; a model's own lock is never waited for then."""

    name: str
    classifier: Classifier[Item]
    clock: Callable[[], float]
    pace: Pace
    queue: Queue[Item]
    known: Known
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.Lock()))
    closed: bool = False

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock; wake whoever was answered meanwhile once it is free again."""
        with self.changed:
            yield
            complete = self.queue.heard()
        wake(complete)

    def error(self, detail: str) -> Failure:
        """A failure of this classifier."""
        return Failure(self.name, FailureKind.ERROR, detail)

    def units(self, batch: Sequence[Entry[Item]]) -> int:
        """What the model does for *batch*, in its units."""
        if self.classifier.pads:
            return len(batch) * max(entry.units for entry in batch)
        return sum(entry.units for entry in batch)


@dataclass(slots=True, eq=False)
class _Worker(Generic[Item]):
    """One model thread. *model* is held while it classifies; *due* is when its *batch* counts as stuck.

    *began* is when the batch did. *done* is what was judged and not settled: entries, answers and seconds.
    """

    model: threading.Lock
    batch: list[Entry[Item]] = field(default_factory=list)
    done: tuple[list[Entry[Item]], list[Answer], float] | None = None
    due: float = 0.0
    began: float = 0.0
    retired: bool = False
    thread: threading.Thread | None = None


class ModelThreads(Generic[Item]):
    """Judges what is in the queue of *books*. With their lock held, but for what runs on the threads themselves.

    A thread whose batch runs past a deadline, and for *stuck_after* seconds at least, is given up and replaced.
    """

    def __init__(self, books: Books[Item], stuck_after: float, watch: Watch | None) -> None:
        self._books = books
        self._stuck_after = stuck_after
        self._watch = watch
        self._worker: _Worker[Item] | None = None
        self.model = threading.Lock()
        """Held by whoever classifies."""
        self.batches = self.items = self.stuck = 0

    @property
    def running(self) -> list[Entry[Item]]:
        """The batch that is judged now; empty if none is."""
        return self._worker.batch if self._worker is not None else []

    @property
    def thread(self) -> threading.Thread | None:
        """The one that judges, if there is one."""
        return self._worker.thread if self._worker is not None else None

    def left_s(self, now: float) -> float:
        """About how many seconds the running batch will take yet."""
        worker, books = self._worker, self._books
        if worker is None or not worker.batch:
            return 0.0
        return max(0.0, worker.began + books.pace.seconds(books.units(worker.batch)) - now)

    def ensure(self) -> None:
        """Have a thread, if the system gives one: else all that waits fails, and the next call asks again."""
        if self._worker is not None:
            return
        worker: _Worker[Item] = _Worker(self.model)
        name = f"guard-{self._books.name}"
        worker.thread = threading.Thread(target=self._run, args=(worker,), name=name, daemon=True)
        try:
            worker.thread.start()
        except RuntimeError:
            self._books.queue.settle_all(self._books.error("thread"))
        else:
            self._worker = worker

    def retire_if_stuck(self, now: float) -> float:
        """Give up a thread whose batch is due; else the seconds until it may be."""
        worker, books = self._worker, self._books
        if worker is None or not worker.batch:
            return 0.0
        if now < worker.due - _EARLY_S:
            return worker.due - now
        worker.retired = True
        self.stuck += 1
        digests = [entry.digest for entry in worker.batch]
        books.known.strike(digests, now, alone=len(digests) == 1)
        if self._watch is not None:
            self._watch.stuck(digests)
        self._worker = None
        self.model = threading.Lock()
        if self.stuck >= MOST_STUCK_THREADS:
            books.queue.settle_all(books.error("stuck"))
        elif len(books.queue):
            self.ensure()
        return 0.0

    def look_again(self, loop: asyncio.AbstractEventLoop, running: list[Entry[Item]]) -> None:
        """Give up the thread if it is stuck in the batch *running*; look again later if it is merely late. Locks."""
        with self._books.changing():
            if self.running is not running:
                return
            wait = self.retire_if_stuck(self._books.clock())
        if wait > 0:
            loop.call_later(wait, self.look_again, loop, running)

    # On a model thread

    def _run(self, worker: _Worker[Item]) -> None:
        while self._begin(worker):
            batch = worker.batch
            began = self._books.clock()
            with worker.model:
                at_once = self._judge(batch)
            # Told after the model is free again: whoever hears it may ask on the spot.
            if at_once is not None:
                worker.done = batch, at_once, self._books.clock() - began
            del batch, at_once  # nothing of a content is kept while there is nothing to do

    def _begin(self, worker: _Worker[Item]) -> bool:
        """Settle what is done, and take what is to be judged next, as soon as there is something; False: end."""
        books = self._books
        first = True
        while True:
            with books.changed:
                if first:
                    self._settle(worker)
                goes_on = self._take(worker)
                if goes_on is None and not first:
                    books.changed.wait()
                complete = books.queue.heard()
            wake(complete)  # before it waits, and before the model is busy
            del complete
            if goes_on is not None:
                return goes_on
            first = False

    def _settle(self, worker: _Worker[Item]) -> None:
        """Tell the answers that are there. From a batch in which something failed nothing is learnt of its pace."""
        if worker.done is None:
            return
        (batch, answers, seconds), worker.done = worker.done, None
        books = self._books
        if not worker.retired and not any(isinstance(answer, Failure) for answer in answers):
            books.pace.learn(books.units(batch), seconds)
        books.known.learn(batch, answers)
        books.queue.finish(batch, answers)

    def _take(self, worker: _Worker[Item]) -> bool | None:
        """Give *worker* its next batch; None if there is nothing to do now, False if it is to end."""
        worker.batch = []
        if worker.retired:
            self.stuck -= 1
            return False
        books, pace, queue = self._books, self._books.pace, self._books.queue
        while waiting := len(queue):
            now = books.clock()
            budget, queue.fixed = pace.shape
            soon = now + pace.hopeless_s(queue.pending_cost, now) if waiting > 1 else now
            taken = queue.take(soon, budget)
            if taken.expired:
                queue.finish(taken.expired, [Failure(books.name, FailureKind.TIMEOUT)] * len(taken.expired))
            if taken.batch:
                self._expect(worker, taken.batch, now)
                return True
        return False if books.closed else None

    def _expect(self, worker: _Worker[Item], batch: list[Entry[Item]], now: float) -> None:
        """Note that *worker* begins *batch*, and until when that may take."""
        books = self._books
        worker.batch = batch
        worker.due = max(min(entry.deadline for entry in batch), now + self._stuck_after)
        worker.began = now
        if self._watch is not None:
            suspect = books.known.goes_alone(batch[0].digest, now)
            expected = books.pace.seconds(books.units(batch))
            longest = books.pace.longest_s(expected, self._watch.hangs_after, suspect=suspect)
            worker.due = min(worker.due, now + longest)
        self.batches += 1
        self.items += len(batch)

    def _judge(self, batch: list[Entry[Item]]) -> list[Answer] | None:
        """The answers, if they came at once; else each was told as soon as it was known."""

        def wanted(start: int, end: int) -> bool:
            return not all(entry.abandoned for entry in batch[start:end])

        books = self._books
        if self._watch is not None:
            self._watch.run([entry.digest for entry in batch])
        # SystemExit says nothing about the process here, unlike in the main thread: nothing passes.
        items = [entry.item for entry in batch]
        at_once: list[Answer] | None = None
        failed: list[bytes] = []
        for start, answers in judge(books.classifier, items, name=books.name, wanted=wanted):
            if len(answers) == len(batch):
                at_once = answers
            else:
                with books.changing():
                    books.known.learn(batch[start : start + len(answers)], answers)
                    books.queue.finish(batch[start : start + len(answers)], answers)
            failed += [
                entry.digest for entry, one in zip(batch[start:], answers, strict=False) if isinstance(one, Failure)
            ]
        if self._watch is not None:
            self._watch.run([])
        if failed:
            with books.changing():
                books.known.blame(failed, of=len(batch), now=books.clock())
        return at_once
