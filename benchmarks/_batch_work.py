"""One cell of `python -m benchmarks batching`, in a process of its own: a model, a way to queue for it, a load.

Answers one JSON line for each it is given. Calls come at times drawn from a Poisson process, whether those before were
answered or not, and each has a deadline. The event loop is the one that the gateway serves with.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvloop

from benchmarks._batch_model import Padded, Timed
from classifiers.text import Text
from guard.batching import Batcher
from guard.content import View
from guard.decision import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guard.classifier import Classifier

MODELS: dict[str, Callable[[], Classifier[Any]]] = {"padding model": Padded, "text": Text, "timed": Timed}
MIXES = {"short": ((1.0, 4, 24),), "mix": ((0.7, 4, 24), (0.25, 50, 90), (0.05, 250, 350))}
"""Parts of the traffic, with the least and the most words of a text; `text` is given no more than its window."""
WAYS = ("batch-1", "window", "arrival", "ours")
_MOST = 32
_WINDOW_S = 0.010
_TEXT = """the river town council park library met today about new plans for a bridge which people had asked since last
summer when water rose over old stones and boats could not pass under it so they will build one higher"""
_WORDS = tuple(_TEXT.split())
_TICK_S = 0.002


class Plain:
    """What ours is measured against: a queue in the order of arrival, in batches of at most *most*.

    With a *window*, the first of a batch waits so long for others. Nobody is refused, nothing has a deadline.
    """

    def __init__(self, classifier: Classifier[Any], most: int, window: float) -> None:
        self._classifier = classifier
        self._most = most
        self._window = window
        self._changed = threading.Condition()
        self._queue: deque[tuple[Any, asyncio.AbstractEventLoop, asyncio.Future[Any]]] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    async def submit(self, items: Sequence[Any], deadline: float) -> list[Any]:  # noqa: ARG002  as a desk's
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._changed:
            self._queue.append((items[0], loop, future))
            self._changed.notify()
        return [await future]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                end = time.monotonic() + self._window
                while len(self._queue) < self._most and not self._closed and (left := end - time.monotonic()) > 0:
                    self._changed.wait(left)
                batch = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
            if batch:
                answers = self._classifier.classify([item for item, _, _ in batch])
                batch[0][1].call_soon_threadsafe(_settle, [future for _, _, future in batch], answers)


def _settle(futures: Sequence[asyncio.Future[Any]], answers: Sequence[Any]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if not future.done():
            future.set_result(answer)


@dataclass(slots=True)
class Seen:
    """Seconds that answers and refusals took, and that the event loop was late.

    *own_stalls* are less what threads of this process waited for a processor meanwhile: others had it.
    """

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    late: int = 0
    stalls: list[float] = field(default_factory=list)
    own_stalls: list[float] = field(default_factory=list)


class Delays:
    """How long the threads of this process, all of them together, were ready to run and had no processor."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}
        self._count = 0

    def seconds(self) -> float:
        """So far; of threads that are there, from when they were first seen. See sched-stats.rst of the kernel."""
        if threading.active_count() != self._count:
            self._count = threading.active_count()
            self.close()
            self._files = {one: os.open(f"/proc/self/task/{one}/schedstat", os.O_RDONLY) for one in _threads()}
        return sum(int(os.pread(one, 100, 0).split()[1]) for one in self._files.values()) / 1e9

    def close(self) -> None:
        """Let go of the files."""
        for one in self._files.values():
            os.close(one)
        self._files = {}


def _threads() -> list[int]:
    return [one.native_id for one in threading.enumerate() if one.native_id is not None]


class Bench:
    """A loaded model and its texts."""

    def __init__(self, model: str) -> None:
        self.classifier = MODELS[model]()
        self.classifier.load()
        self._items: dict[str, list[Any]] = {}

    def items(self, mix: str, count: int) -> list[Any]:
        """Prepared texts, each another one."""
        known = self._items.setdefault(mix, [])
        draw = random.Random(f"{mix} {len(known)}")
        while len(known) < count:
            _, low, high = draw.choices(MIXES[mix], [part[0] for part in MIXES[mix]])[0]
            text = " ".join(draw.choices(_WORDS, k=draw.randint(low, high)))
            known.append(self.classifier.prepare(View.of(f"{len(known)} {text}"[: self.classifier.window])))
        return known[:count]

    def desk(self, way: str) -> Any:
        """A queue of the kind *way* before the model."""
        self._forget()
        if way != "ours":
            most, window = {"batch-1": (1, 0.0), "window": (_MOST, _WINDOW_S), "arrival": (_MOST, 0.0)}[way]
            return Plain(self.classifier, most, window)
        batcher = Batcher(self.classifier, name="it", max_pending_cost=10**9)
        batcher.tune(self.classifier.prepare(View.of(" ".join(_WORDS[:20]))))
        return batcher

    def capacity(self, mix: str, seconds: float) -> float:
        """Texts a second that are judged one by one, nothing else to be done."""
        items = self.items(mix, 4000)
        self._forget()
        began, done = time.perf_counter(), 0
        while (took := time.perf_counter() - began) < seconds and done < len(items):
            self.classifier.classify([items[done]])
            done += 1
        return done / took

    def _forget(self) -> None:
        """Have the model judge anew what it has seen before, if it remembers."""
        memory = getattr(getattr(self.classifier, "_engine", None), "_memory", None)
        if memory is not None:
            memory.clear()


async def run(bench: Bench, way: str, mix: str, rate: float, seconds: float, patience: float, seed: int) -> Seen:
    """Ask for *seconds* at *rate* texts a second; an answer counts that comes within *patience* seconds and the run."""
    draw = random.Random(seed)
    times: list[float] = []
    at = 0.0
    while (at := at + draw.expovariate(rate)) < seconds:
        times.append(at)
    items = bench.items(mix, max(4000, len(times)))
    draw.shuffle(items)
    seen = Seen()
    desk = bench.desk(way)
    tasks: set[asyncio.Task[None]] = set()
    began = time.monotonic()

    async def call(item: Any) -> None:
        asked = time.monotonic()
        (answer,) = await desk.submit([item], asked + patience)
        took = time.monotonic() - asked
        if isinstance(answer, Failure):
            if answer.kind is FailureKind.OVERLOAD:
                seen.refused.append(took)
            else:
                seen.late += 1
        elif took <= patience and asked + took <= began + seconds:
            seen.answered.append(took)
        else:
            seen.late += 1

    async def tick() -> None:
        delays = Delays()
        try:
            while True:
                before, due = delays.seconds(), time.monotonic() + _TICK_S
                await asyncio.sleep(_TICK_S)
                late = time.monotonic() - due
                seen.stalls.append(late)
                seen.own_stalls.append(late - max(0.0, delays.seconds() - before))
        finally:
            delays.close()

    ticking = asyncio.ensure_future(tick())
    for number, at in enumerate(times):
        wait = began + at - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        elif number % 8 == 0:
            await asyncio.sleep(0)
        task = asyncio.ensure_future(call(items[number]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    ticking.cancel()
    await asyncio.to_thread(desk.close)
    for task in tuple(tasks):
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    return seen


def summary(seen: Seen, seconds: float) -> dict[str, float]:
    """The figures of one run: texts a second, and milliseconds."""
    return {
        "per_s": round(len(seen.answered) / seconds, 2),
        "p50_ms": _ms(seen.answered, 0.5),
        "p99_ms": _ms(seen.answered, 0.99),
        "refused": len(seen.refused),
        "refusal_p99_ms": _ms(seen.refused, 0.99),
        "late": seen.late,
        "stall_p999_ms": _ms(seen.stalls, 0.999),
        "own_stall_p999_ms": _ms(seen.own_stalls, 0.999),
    }


def _ms(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000, 3) if ordered else 0.0


def _serve() -> None:
    benches: dict[str, Bench] = {}
    print(0, flush=True)
    while line := sys.stdin.readline():
        asked = json.loads(line)
        bench = benches.get(asked["model"]) or benches.setdefault(asked["model"], Bench(asked["model"]))
        if "way" not in asked:
            answer: Any = statistics.median(bench.capacity(asked["mix"], asked["seconds"]) for _ in range(3))
        else:
            given = (asked["way"], asked["mix"], asked["rate"], asked["seconds"], asked["patience"], asked["seed"])
            answer = summary(uvloop.run(run(bench, *given)), asked["seconds"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
