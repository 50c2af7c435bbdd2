"""A few threads for CPU work that an event loop must not wait on: shared fairly, stopped when nobody waits any more.

Work is a generator that yields where it may pause. Jobs take turns of some milliseconds, so that one with a hundred
large pictures does not keep one with a single picture waiting; a job whose deadline has passed or whose caller has left
is dropped at its next pause. Threads are daemons: neither shutting down nor leaving the process waits for a picture.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from guard.batching import forks

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

TURN_S = 0.02
"""Seconds a job may run before the next one has its turn."""
MOST_STUCK_THREADS = 4


class PoolClosed(Exception):  # noqa: N818  a state of the pool, answered by whoever asked
    """The pool takes no more work."""


@dataclass(slots=True, eq=False)
class _Job:
    """One generator, and the future on its caller's loop. *given_up* is when its caller stopped waiting."""

    steps: Generator[None, None, Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    given_up: float = inf

    def settle(self, value: Any, error: BaseException | None = None) -> None:
        """Tell the caller, from any thread."""
        if error is not None and not isinstance(error, Exception):  # a panic or an exit is this job's, not the loop's
            error = RuntimeError(type(error).__name__)
        try:
            self.loop.call_soon_threadsafe(_settle, self.future, value, error)
        except RuntimeError:  # the loop is closed: nobody waits
            return


@dataclass(slots=True, eq=False)
class _Worker:
    job: _Job | None = None
    thread: threading.Thread = field(init=False)


class Pool:
    """At most *threads* threads, started when there is work. Callers may be on any number of event loops.

    A thread whose job was given up *stuck_after* seconds ago and has not paused since is stuck, and is replaced.
    """

    def __init__(self, name: str, threads: int = 2, *, stuck_after: float = 1.0) -> None:
        self.name = name
        self._most = threads
        self._stuck_after = stuck_after
        self._closed = False
        forks.begin(self)

    def begin(self) -> None:
        """Nobody waits and no thread runs: so it is at the start, and in a forked child."""
        self._changed = threading.Condition(threading.Lock())  # guards all that changes
        self._jobs: deque[_Job] = deque()
        self._workers: set[_Worker] = set()

    async def run(self, steps: Generator[None, None, T], deadline: float | None = None) -> T:
        """What *steps* returns. *deadline* is a `time.monotonic` time; later, or when cancelled, it is stopped.

        Raises:
            TimeoutError: the deadline came first.
            PoolClosed: the pool is closed.
            Exception: whatever *steps* raised.
        """
        loop = asyncio.get_running_loop()
        job = _Job(steps, loop, loop.create_future())
        with self._changed:
            if self._closed:
                raise PoolClosed
            self._ensure_worker()
            self._jobs.append(job)
            self._changed.notify()
        try:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            answer: T = await asyncio.wait_for(job.future, left)
        finally:
            job.given_up = time.monotonic()
        return answer

    async def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What *function* returns: `run` for work without a pause."""

        def steps() -> Generator[None, None, T]:
            yield
            return function(*arguments, **named)

        return await self.run(steps())

    def close(self, timeout: float = 1.0) -> None:
        """Fail what is under way, and wait up to *timeout* seconds for the threads. Safe to repeat."""
        with self._changed:
            self._closed = True
            open_jobs = [*self._jobs, *(worker.job for worker in self._workers if worker.job is not None)]
            self._jobs.clear()
            threads = [worker.thread for worker in self._workers]
            self._changed.notify_all()
        for job in open_jobs:
            job.given_up = time.monotonic()
            job.settle(None, PoolClosed())
        end = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    # With the lock held

    def _sound(self) -> int:
        """How many threads are there that are not stuck, as far as others may take their place."""
        before = time.monotonic() - self._stuck_after
        stuck = sum(worker.job is not None and worker.job.given_up < before for worker in self._workers)
        return len(self._workers) - min(stuck, MOST_STUCK_THREADS)

    def _ensure_worker(self) -> None:
        if any(worker.job is None for worker in self._workers) and not self._jobs:
            return
        if self._sound() >= self._most:
            return
        worker = _Worker()
        worker.thread = threading.Thread(target=self._work, args=(worker,), name=f"guard-{self.name}", daemon=True)
        worker.thread.start()
        self._workers.add(worker)

    # On a thread of the pool

    def _work(self, worker: _Worker) -> None:
        unfinished: _Job | None = None
        while (job := self._next(worker, unfinished)) is not None:
            unfinished = job if self._advance(job) else None

    def _next(self, worker: _Worker, unfinished: _Job | None) -> _Job | None:
        """Whose turn it is, as soon as it is somebody's; None when the thread is to end."""
        with self._changed:
            worker.job = None
            if unfinished is not None and not self._closed:
                self._jobs.append(unfinished)
            while not self._closed and self._sound() <= self._most:
                if self._jobs:
                    worker.job = self._jobs.popleft()
                    return worker.job
                self._changed.wait()
            self._workers.discard(worker)
            self._changed.notify()  # what it was woken for is another's
            return None

    def _advance(self, job: _Job) -> bool:
        """Give *job* its turn; whether it needs another."""
        end = time.monotonic() + TURN_S
        try:
            while job.given_up == inf:
                next(job.steps)
                if time.monotonic() > end:
                    return True
        except StopIteration as done:
            job.settle(done.value)
        except BaseException as error:  # noqa: BLE001  the edge of a thread: whatever it is, the caller hears of it
            job.settle(None, error)
        return False


def _settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
