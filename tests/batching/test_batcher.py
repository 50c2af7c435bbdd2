from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from guard.batching import Batcher
from guard.batching.terms import BULK, Keyed, Terms
from guard.classifier import Classifier, Readable
from guard.content import View
from guard.decision import Failure, FailureKind
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

Answers = list[list[Finding] | Failure]
TIMEOUT = Failure("fake", FailureKind.TIMEOUT)
OVERLOAD = Failure("fake", FailureKind.OVERLOAD)


def error(detail: str) -> Failure:
    return Failure("fake", FailureKind.ERROR, detail)


def found(item: str) -> list[Finding]:
    return [Finding("toxicity", len(item) / 10_000)]


class Gate(Classifier[str]):
    """Scores a text by its length. ``hang…`` waits for *release*, ``raise…`` raises; notes batches and threads."""

    categories = frozenset({"toxicity"})

    def __init__(self, *, inline_cost: int = 0, batch_cost: int = 1000) -> None:
        super().__init__()
        self.inline_cost = inline_cost
        self.batch_cost = batch_cost
        self.batches: list[list[str]] = []
        self.threads: list[int] = []
        self.entered = threading.Semaphore(0)
        self.release = threading.Event()

    def prepare(self, part: Readable) -> str:
        return str(part)

    def cost(self, item: str) -> int:
        if item == "unmeasurable":
            raise KeyError(item)
        return len(item)

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        self.batches.append(list(items))
        self.threads.append(threading.get_ident())
        self.entered.release()
        if any(item.startswith("hang") for item in items):
            self.release.wait(5)
        for item in items:
            if item.startswith("raise"):
                raise ValueError(item)
            if item.startswith("exit"):
                raise SystemExit
        return [found(item) for item in items]


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.release.set()


def batcher(gate: Gate, **options: Any) -> Batcher[str]:
    return Batcher(gate, **{"name": "fake", "max_pending_cost": 10_000, "stuck_after": 0.0, **options})


def soon(seconds: float = 2.0) -> float:
    return time.monotonic() + seconds


async def reached(condition: Callable[[], bool]) -> None:
    """Let other tasks and threads run until *condition* holds."""
    end = soon(2)
    while not condition():
        assert time.monotonic() < end, "never came to pass"
        await asyncio.sleep(0.001)


async def get_stuck(shared: Batcher[str], count: int) -> None:
    """Have *count* threads hang: on a busy machine a call's deadline may come before a thread has it."""
    end = soon(10)
    while shared.stats.stuck_threads < count:
        assert time.monotonic() < end, "never came to pass"
        assert await shared.submit(["hang"], soon(0.02)) == [TIMEOUT]
        await asyncio.sleep(0.005)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def test_findings_come_back_one_list_per_item_in_order(gate: Gate):
    items = ["a", "ccc", "bb"]

    assert run(batcher(gate).submit(items, soon())) == [found(item) for item in items]


def test_no_items_are_answered_by_none(gate: Gate):
    assert run(batcher(gate).submit([], soon())) == []
    assert gate.batches == []


def test_what_queues_up_while_the_model_is_busy_shares_one_batch(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            later = [group.create_task(shared.submit([f"item {i}"], soon())) for i in range(5)]
            await reached(lambda: shared.stats.queued == 5)
            gate.release.set()
        assert [task.result() for task in later] == [[found(f"item {i}")] for i in range(5)]

    run(main())

    assert gate.batches == [["hang"], [f"item {i}" for i in range(5)]]


def test_a_batch_keeps_the_budget_of_the_classifier():
    gate = Gate(batch_cost=10)

    assert run(batcher(gate).submit(["aaaa", "bbbb", "cccc", "x" * 40, "d"], soon()))

    assert gate.batches == [["aaaa", "bbbb"], ["cccc"], ["x" * 40], ["d"]]


def test_s36_of_32_callers_only_the_one_whose_item_raises_gets_a_failure(gate: Gate):
    async def main() -> list[Answers]:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            items = [f"item {i}" for i in range(32)]
            items[13] = "raise ana@example.org"
            tasks = [group.create_task(shared.submit([item], soon())) for item in items]
            await reached(lambda: shared.stats.queued == 32)
            gate.release.set()
        return [task.result() for task in tasks]

    answers = run(main())

    assert len(gate.batches[1]) == 32
    assert answers.pop(13) == [error("ValueError")]
    assert answers == [[found(f"item {i}")] for i in range(32) if i != 13]


@pytest.mark.parametrize("inline_cost", [0, 1000])
def test_an_item_that_cannot_be_measured_fails_alone(inline_cost: int):
    gate = Gate(inline_cost=inline_cost)

    answers = run(batcher(gate).submit(["a", "unmeasurable", "bb"], soon()))

    assert answers == [found("a"), error("KeyError"), found("bb")]
    assert gate.batches == [["a", "bb"]]


def test_a_classifier_that_exits_fails_its_item_and_the_thread_lives_on(gate: Gate):
    async def main() -> list[Answers]:
        shared = batcher(gate)
        return [await shared.submit(["exit"], soon()), await shared.submit(["a"], soon())]

    assert run(main()) == [[error("SystemExit")], [found("a")]]
    assert len(set(gate.threads)) == 1


def test_s35_a_hanging_classifier_is_a_time_out_at_the_deadline(gate: Gate):
    async def main() -> tuple[Answers, float]:
        deadline = soon(0.03)
        return await batcher(gate).submit(["hang", "a"], deadline), time.monotonic() - deadline

    answers, late = run(main())

    assert answers == [TIMEOUT, TIMEOUT]
    assert -0.003 < late < 0.1


def test_answers_that_were_known_at_the_deadline_are_kept():
    gate = Gate(batch_cost=1)

    assert run(batcher(gate).submit(["a", "hang"], soon(0.05))) == [found("a"), TIMEOUT]
    gate.release.set()


def test_a_thread_stuck_past_a_deadline_is_replaced_and_the_queue_goes_on(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            stuck = group.create_task(shared.submit(["hang"], soon(0.02)))
            await reached(lambda: len(gate.batches) == 1)
            waiting = group.create_task(shared.submit(["a"], soon()))
        assert stuck.result() == [TIMEOUT]
        assert waiting.result() == [found("a")]
        assert shared.stats.stuck_threads == 1
        gate.release.set()
        await reached(lambda: shared.stats.stuck_threads == 0)

    run(main())

    assert len(set(gate.threads)) == 2


def test_a_thread_that_is_merely_late_is_not_given_up_before_its_time(gate: Gate):
    async def main() -> None:
        shared = batcher(gate, stuck_after=0.05)
        assert await shared.submit(["hang"], soon(0.01)) == [TIMEOUT]
        assert shared.stats.stuck_threads == 0
        await reached(lambda: shared.stats.stuck_threads == 1)

    run(main())


def test_a_late_answer_reaches_the_caller_that_still_waits(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon(0.02)))
            await reached(lambda: len(gate.batches) == 1)
            both = [
                group.create_task(shared.submit([item], at)) for item, at in (("hang on", soon(0.3)), ("b", soon()))
            ]
            await reached(lambda: len(gate.batches) == 2)
            assert gate.batches[1] == ["hang on", "b"]
            await reached(lambda: shared.stats.stuck_threads == 2)
            gate.release.set()
        assert [task.result() for task in both] == [[TIMEOUT], [found("b")]]

    run(main())


def test_with_four_threads_stuck_the_classifier_fails_at_once_until_one_comes_back(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        await get_stuck(shared, 4)
        started = time.monotonic()
        assert await shared.submit(["a", "b"], soon()) == [error("stuck")] * 2
        assert time.monotonic() - started < 0.5
        gate.release.set()
        await reached(lambda: shared.stats.stuck_threads == 0)
        assert await shared.submit(["a"], soon()) == [found("a")]

    run(main())


def test_what_queues_behind_the_fourth_stuck_thread_fails_with_it(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        await get_stuck(shared, 3)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon(0.3)))
            await reached(lambda: len(gate.batches) == 4)
            queued = group.create_task(shared.submit(["a"], soon()))
        assert queued.result() == [error("stuck")]

    run(main())


def test_what_would_go_beyond_the_pending_cost_is_refused_at_once_and_later_admitted(gate: Gate):
    async def main() -> None:
        shared = batcher(gate, max_pending_cost=10)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            second = group.create_task(shared.submit(["x" * 6], soon()))
            await reached(lambda: shared.stats.pending_cost == 10)
            assert await shared.submit(["a", "b"], soon()) == [OVERLOAD] * 2
            gate.release.set()
        assert [first.result(), second.result()] == [[found("hang")], [found("x" * 6)]]
        assert shared.stats.pending_cost == 0
        assert await shared.submit(["a"], soon()) == [found("a")]

    run(main())


def test_a_cancelled_call_leaves_the_queue_and_its_cost_behind(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            gone = group.create_task(shared.submit(["gone"], soon()))
            stays = group.create_task(shared.submit(["stays"], soon()))
            await reached(lambda: shared.stats.queued == 2)
            gone.cancel()
            await reached(gone.cancelled)
            assert shared.stats.pending_cost == len("hang" + "stays")
            gate.release.set()
        assert stays.result() == [found("stays")]

    run(main())

    assert gate.batches == [["hang"], ["stays"]]


def test_callers_that_come_and_go_do_not_pile_up_behind_a_busy_model(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            for _ in range(1000):
                task = group.create_task(shared.submit(["gone"], soon()))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.sleep(0)
            assert shared.stats.queued <= 128
            gate.release.set()

    run(main())


def test_a_short_call_shares_the_next_batch_with_a_long_one_that_came_before_it():
    gate = Gate(batch_cost=40)

    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            long = group.create_task(shared.submit(["x" * 10] * 100, soon()))
            await reached(lambda: shared.stats.queued == 100)
            short = group.create_task(shared.submit(["short"], soon()))
            await reached(lambda: shared.stats.queued == 101)
            gate.release.set()
        assert short.result() == [found("short")]
        assert long.result() == [found("x" * 10)] * 100
        assert shared.stats.queued == shared.stats.pending_cost == 0

    run(main())

    assert "short" in gate.batches[1]


@pytest.mark.parametrize("inline_cost", [0, 1000])
def test_a_deadline_that_has_passed_is_a_time_out_without_work(inline_cost: int):
    gate, clock = Gate(inline_cost=inline_cost), Clock()

    assert run(batcher(gate, clock=clock).submit(["a"], clock.now)) == [TIMEOUT]
    assert run(batcher(gate, clock=clock).submit(["a"], float("nan"))) == [TIMEOUT]
    assert gate.batches == []


def test_what_expires_in_the_queue_is_not_judged(gate: Gate):
    clock = Clock()

    async def main() -> None:
        shared = batcher(gate, clock=clock, stuck_after=100.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], clock.now + 50))
            await reached(lambda: len(gate.batches) == 1)
            expired = group.create_task(shared.submit(["expired"], clock.now + 5))
            fresh = group.create_task(shared.submit(["fresh"], clock.now + 50))
            await reached(lambda: shared.stats.queued == 2)
            clock.now += 5
            gate.release.set()
        assert (expired.result(), fresh.result()) == ([TIMEOUT], [found("fresh")])

    run(main())

    assert gate.batches == [["hang"], ["fresh"]]


def test_two_loops_at_once_share_the_model_and_each_gets_its_own():
    gate = Gate(batch_cost=40)
    shared = batcher(gate)
    answers: dict[int, list[Answers]] = {}

    def loop(number: int) -> None:
        async def one(i: int) -> Answers:
            return await shared.submit([f"{'x' * number} {i}", "y" * (i % 7 + 1)], soon(5))

        async def main() -> list[Answers]:
            return await asyncio.gather(*(one(i) for i in range(100)))

        answers[number] = asyncio.run(main())

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    for number in range(3):
        assert answers[number] == [[found(f"{'x' * number} {i}"), found("y" * (i % 7 + 1))] for i in range(100)]
    assert len(set(gate.threads)) == 1
    assert shared.stats.pending_cost == 0


def test_a_loop_that_ended_does_not_disturb_the_others(gate: Gate):
    shared = batcher(gate)

    async def leave() -> None:
        task = asyncio.ensure_future(shared.submit(["hang"], soon()))
        await reached(lambda: len(gate.batches) == 1)
        task.cancel()

    run(leave())
    gate.release.set()

    assert run(shared.submit(["a"], soon())) == [found("a")]


def test_cheap_items_are_judged_on_the_calling_thread():
    gate = Gate(inline_cost=10)

    async def main() -> Batcher[str]:
        shared = batcher(gate)
        assert await shared.submit(["aaaa", "raise"], soon()) == [found("aaaa"), error("ValueError")]
        assert await shared.submit(["x" * 11], soon()) == [found("x" * 11)]
        return shared

    stats = run(main()).stats

    here = threading.get_ident()
    assert [thread == here for thread in gate.threads] == [True, True, True, False]
    assert (stats.inline, stats.batches, stats.items) == (1, 1, 1)


def test_cheap_items_do_not_wait_for_a_busy_model_on_the_loop():
    gate = Gate(inline_cost=10)

    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang" * 5], soon()))
            await reached(lambda: len(gate.batches) == 1)
            cheap = group.create_task(shared.submit(["a"], soon()))
            await reached(lambda: shared.stats.queued == 1)
            gate.release.set()
        assert cheap.result() == [found("a")]

    run(main())

    assert threading.get_ident() not in gate.threads


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_on_the_calling_thread_is_not_swallowed(interrupt: type[BaseException]):
    class Interrupted(Gate):
        def classify(self, items: Sequence[str]) -> list[list[Finding]]:
            raise interrupt

    shared = batcher(Interrupted(inline_cost=10))
    with pytest.raises(interrupt):
        # Not asyncio.run: it treats an interrupt as one of its own.
        shared.submit(["a"], soon()).send(None)
    with pytest.raises(interrupt):  # and the model is free again
        shared.submit(["a"], soon()).send(None)


@pytest.mark.parametrize("inline_cost", [0, 1000])
def test_a_closed_batcher_fails_what_comes_and_closing_again_does_nothing(inline_cost: int):
    shared = batcher(Gate(inline_cost=inline_cost))
    shared.close()
    shared.close()

    assert run(shared.submit(["a"], soon())) == [error("closed")]


def test_closing_fails_what_is_queued_and_lets_the_running_batch_end(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            queued = group.create_task(shared.submit(["a"], soon()))
            await reached(lambda: shared.stats.queued == 1)
            shared.close(timeout=0)
            assert await queued == [error("closed")]
            gate.release.set()
        assert running.result() == [found("hang")]

    run(main())


def test_closing_waits_for_the_model_thread():
    gate = Gate()
    shared = batcher(gate)
    run(shared.submit(["a"], soon()))

    shared.close()

    assert not any(thread.ident == gate.threads[0] for thread in threading.enumerate())


FORKED = """
import asyncio, os, time
from tests.batching.test_batcher import Gate, batcher, found, soon

gate = Gate(inline_cost=3)
shared = batcher(gate)

async def ask(text):
    assert await shared.submit([text], soon(5)) == [found(text)]

async def main():
    task = asyncio.ensure_future(shared.submit(["hang"], soon(5)))
    while not gate.batches:
        await asyncio.sleep(0.001)
    child = os.fork()  # while the model thread holds the model
    if not child:
        return child
    gate.release.set()
    await task
    return child

asyncio.run(ask("a text"))
child = asyncio.run(main())
asyncio.run(ask("aa"))
asyncio.run(ask("another"))
assert shared.stats.inline == 1 and shared.stats.pending_cost == 0
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
os._exit(0)
"""


def test_a_forked_child_has_a_model_thread_of_its_own():
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=30)


def keyed(gate: Batcher[str], *texts: str) -> list[Keyed[str]]:
    return [Keyed(text, gate.digest(View.of(text))) for text in texts]


ACME = Terms(scope="acme")
OTHER = Terms(scope="other")


def test_what_was_judged_before_is_not_judged_again(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        first = await shared.submit(keyed(shared, "a", "bb"), soon(), ACME)
        assert await shared.submit(keyed(shared, "bb", "ccc", "a"), soon(), ACME) == [first[1], found("ccc"), first[0]]
        assert shared.stats.known == 2

    run(main())

    assert gate.batches == [["a", "bb"], ["ccc"]]


@pytest.mark.parametrize("terms", [OTHER, Terms()], ids=["another scope", "no scope"])
def test_findings_are_never_shared_beyond_a_scope(gate: Gate, terms: Terms):
    async def main() -> None:
        shared = batcher(gate)
        await shared.submit(keyed(shared, "a"), soon(), ACME)
        await shared.submit(keyed(shared, "a"), soon(), terms)

    run(main())

    assert gate.batches == [["a"], ["a"]]


def test_without_a_scope_nothing_is_remembered(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        for _ in range(2):
            await shared.submit(keyed(shared, "a", "a"), soon())

    run(main())

    assert gate.batches == [["a", "a"], ["a", "a"]]


def test_failures_are_not_remembered():
    gate = Gate()

    async def main() -> None:
        shared = batcher(gate)
        assert await shared.submit(keyed(shared, "raise"), soon(), ACME) == [error("ValueError")]
        assert await shared.submit(keyed(shared, "raise"), soon(), ACME) == [error("ValueError")]

    run(main())

    assert gate.batches == [["raise"], ["raise"]]


def test_identical_items_in_flight_are_judged_once_and_everybody_hears(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            same = [group.create_task(shared.submit(keyed(shared, "same", "same"), soon(), ACME)) for _ in range(5)]
            other = group.create_task(shared.submit(keyed(shared, "same"), soon(), OTHER))
            await reached(lambda: shared.stats.queued == 2)
            assert shared.stats.pending_cost == len("hang" + "same" + "same")
            gate.release.set()
        assert [task.result() for task in same] == [[found("same")] * 2] * 5
        assert other.result() == [found("same")]
        assert shared.stats.pending_cost == shared.stats.queued == 0

    run(main())

    assert gate.batches == [["hang"], ["same", "same"]]


def test_who_follows_an_item_is_answered_though_the_one_who_came_first_left(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            first = group.create_task(shared.submit(keyed(shared, "same"), soon(), ACME))
            await reached(lambda: shared.stats.queued == 1)
            second = group.create_task(shared.submit(keyed(shared, "same"), soon(), ACME))
            third = group.create_task(shared.submit(keyed(shared, "same"), soon(), ACME))
            await asyncio.sleep(0.01)
            first.cancel()
            third.cancel()
            await reached(lambda: first.cancelled() and third.cancelled())
            assert shared.stats.pending_cost == len("hang" + "same")
            gate.release.set()
        assert second.result() == [found("same")]
        assert shared.stats.pending_cost == 0

    run(main())


def test_an_item_that_all_have_left_is_not_judged(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            both = [group.create_task(shared.submit(keyed(shared, "same"), soon(), ACME)) for _ in range(2)]
            await asyncio.sleep(0.01)
            for one in both:
                one.cancel()
            await reached(lambda: all(one.cancelled() for one in both))
            assert shared.stats.pending_cost == len("hang")
            gate.release.set()
        assert await shared.submit(keyed(shared, "same"), soon(), ACME) == [found("same")]

    run(main())

    assert gate.batches == [["hang"], ["same"]]


def test_a_follower_keeps_its_own_deadline(gate: Gate):
    async def main() -> None:
        shared = batcher(gate, stuck_after=100.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon(5)))
            await reached(lambda: len(gate.batches) == 1)
            hasty = group.create_task(shared.submit(keyed(shared, "same"), soon(0.05), ACME))
            await reached(lambda: shared.stats.queued == 1)
            patient = group.create_task(shared.submit(keyed(shared, "same"), soon(5), ACME))
            assert await hasty == [TIMEOUT]
            assert not patient.done()
            gate.release.set()
        assert patient.result() == [found("same")]

    run(main())


def test_a_short_call_does_not_wait_for_a_long_one_that_holds_the_same_item_at_its_end():
    gate = Gate(batch_cost=40)

    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon()))
            await reached(lambda: len(gate.batches) == 1)
            group.create_task(
                shared.submit(keyed(shared, *(f"part {i:05}" for i in range(100)), "short"), soon(), ACME)
            )
            await reached(lambda: shared.stats.queued == 101)
            short = group.create_task(shared.submit(keyed(shared, "short"), soon(), ACME))
            await reached(lambda: shared.stats.queued == 102)
            gate.release.set()
            assert await short == [found("short")]

    run(main())

    assert "short" in gate.batches[1]


class Timed(Gate):
    """Takes a millisecond of the clock for each unit of cost."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(**options)
        self.clock = clock

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        answers = super().classify([item[:100] for item in items])
        self.clock.now += sum(map(len, items)) / 1000
        return answers


def test_s42_a_call_that_cannot_be_judged_in_time_is_refused_at_once():
    clock = Clock()
    gate = Timed(clock, batch_cost=100)

    async def main() -> None:
        shared = batcher(gate, clock=clock, stuck_after=1000.0, max_pending_cost=100_000)
        for _ in range(5):
            await shared.submit(["x" * 100], clock.now + 10)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], clock.now + 100))
            await reached(lambda: len(gate.batches) == 6)
            waiting = [group.create_task(shared.submit(["y" * 100], clock.now + 10)) for _ in range(60)]
            await reached(lambda: shared.stats.queued == 60)  # six seconds of work
            (refused,) = await shared.submit(["z" * 2000], clock.now + 10)
            assert refused == OVERLOAD
            assert isinstance(refused, Failure)
            assert refused.retry_after_s == pytest.approx(1.0, abs=0.05)  # 6 s and 2 s of work, and 7 s to do it in
            assert shared.stats.refused == 1
            assert shared.stats.backlog_s == pytest.approx(6.0, rel=0.01)
            short = group.create_task(shared.submit(["u" * 10], clock.now + 8))  # due before the others
            await reached(lambda: shared.stats.queued == 61)
            gate.release.set()
        assert [task.result() for task in waiting] == [[found("y" * 100)]] * 60
        assert short.result() == [found("u" * 10)]

    run(main())

    assert gate.batches[6] == ["u" * 10]
    assert ["z" * 2000] not in gate.batches


def test_before_anything_is_known_of_a_model_everything_is_admitted(gate: Gate):
    assert run(batcher(gate).submit(["a"] * 9000, soon(30))) == [found("a")] * 9000


def test_an_estimate_that_nothing_has_borne_out_for_a_while_refuses_nobody():
    """Else a model that was slow once would never be asked again."""
    clock = Clock()
    gate = Timed(clock)

    async def main() -> None:
        shared = batcher(gate, clock=clock)
        for _ in range(5):
            await shared.submit(["x" * 100], clock.now + 10)
        assert await shared.submit(["x" * 100], clock.now + 0.05) == [OVERLOAD]
        clock.now += 2
        assert await shared.submit(["x" * 100], clock.now + 0.05) == [found("x" * 100)]

    run(main())


def test_what_people_wait_for_goes_before_an_audit(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon(100)))
            await reached(lambda: len(gate.batches) == 1)
            gate.batch_cost = 10
            group.create_task(shared.submit(["audit 1"], soon(100), Terms(patience=BULK)))
            group.create_task(shared.submit(["audit 2"], soon(100), Terms(patience=BULK)))
            await reached(lambda: shared.stats.queued == 2)
            group.create_task(shared.submit(["person"], soon(100)))
            await reached(lambda: shared.stats.queued == 3)
            gate.release.set()

    run(main())

    assert gate.batches == [["hang"], ["person"], ["audit 1"], ["audit 2"]]


def test_s36_a_poisonous_item_fails_its_neighbours_once_and_is_then_left_alone(gate: Gate):
    poison = "raise"

    async def main() -> None:
        shared = batcher(gate)
        for turn in range(3):
            before = len(gate.batches)
            gate.release.clear()
            async with asyncio.TaskGroup() as group:
                group.create_task(shared.submit([f"hang {turn}"], soon()))
                await reached(lambda: len(gate.batches) == before + 1)  # noqa: B023
                ill = group.create_task(shared.submit(keyed(shared, poison), soon(), ACME))
                well = group.create_task(shared.submit(keyed(shared, *(f"{turn}{i}" for i in range(7))), soon(), ACME))
                await asyncio.sleep(0.01)
                gate.release.set()
            assert well.result() == [found("00")] * 7
            assert ill.result() == [error(("ValueError", "ValueError", "quarantined")[turn])]
        among = [batch for batch in gate.batches if poison in batch and len(batch) > 1]
        assert len(among) == 3  # the first time: of eight, of four, of two

    run(main())

    assert sum(batch == [poison] for batch in gate.batches) == 2


def test_s35_an_item_that_hangs_costs_two_threads_and_is_then_not_run(gate: Gate):
    async def main() -> None:
        shared = batcher(gate)
        for expected in (TIMEOUT, TIMEOUT, error("quarantined")):
            assert await shared.submit(keyed(shared, "hang"), soon(0.03), ACME) == [expected]
        assert shared.stats.stuck_threads == 2
        assert await shared.submit(keyed(shared, "a"), soon(), ACME) == [found("a")]

    run(main())


class Padding(Gate):
    """A batch costs its longest item times its number, and a fixed part: what a model on an accelerator does."""

    pads = True
    largest_batch = 10_000

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        time.sleep(0.002 + 1e-6 * len(items) * max(map(len, items)))
        return super().classify(items)


def test_the_budget_is_tuned_to_the_device_when_a_classifier_is_loaded():
    gate = Padding(batch_cost=100)
    shared = batcher(gate)
    assert shared.stats.batch_cost == 100

    shared.tune("x" * 50)

    assert shared.stats.batch_cost > 5_000
    assert batcher(Gate()).tune("x") is None


def test_items_of_like_length_share_a_batch_where_a_classifier_pads():
    gate = Padding()

    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon(5)))
            await reached(lambda: len(gate.batches) == 1)
            for number in range(6):
                group.create_task(shared.submit(["x" * (10 if number % 2 else 100)], soon(5)))
            await reached(lambda: shared.stats.queued == 6)
            gate.release.set()

    run(main())

    assert [list(map(len, batch)) for batch in gate.batches] == [[4], [100] * 3, [10] * 3]


def test_calls_that_left_do_not_hide_others_that_are_unlike_them():
    gate = Padding()

    async def main() -> None:
        shared = batcher(gate)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.submit(["hang"], soon(5)))
            await reached(lambda: len(gate.batches) == 1)
            gone = [group.create_task(shared.submit(["x" * 10], soon(5))) for _ in range(3)]
            await reached(lambda: shared.stats.queued == 3)
            other = group.create_task(shared.submit(["x" * 1000], soon(5)))
            await reached(lambda: shared.stats.queued == 4)
            for one in gone:
                one.cancel()
            await reached(lambda: all(one.cancelled() for one in gone))
            gate.release.set()
        assert other.result() == [found("x" * 1000)]

    run(main())
