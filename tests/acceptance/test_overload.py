"""S42: three times as much as can be judged; as much is judged as before, and the rest hears at once."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from guard.audit import State
from tests.acceptance.conftest import Answer, House, house

ITEM_S = 0.02
DEADLINE = 1.0


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[House]:
    """A gateway whose classifier takes twenty milliseconds for each text."""

    def judged(items: Sequence[str]) -> Any:
        time.sleep(ITEM_S * len(items))
        return [[] for _ in items]

    with house(tmp_path, inline=False, judge_timeout_s=DEADLINE, timeout_s=10.0) as one:
        one.canary.trouble = judged
        one.canary.batch_cost = 40
        yield one


def timed(call: Callable[[], Answer]) -> tuple[int, float]:
    began = time.monotonic()
    status = call().status
    return status, time.monotonic() - began


def test_s42_at_three_times_what_can_be_judged_as_much_is_answered_and_the_rest_refused_at_once(slow: House) -> None:
    texts = map("text number {}".format, itertools.count())
    told: list[float] = []
    done = threading.Event()

    def health() -> None:
        while not done.is_set():
            began = time.monotonic()
            slow.admin("/healthz")
            told.append(time.monotonic() - began)
            time.sleep(0.1)

    def one() -> tuple[int, float]:
        return timed(lambda: slow.chat(next(texts)))

    with ThreadPoolExecutor(8) as few, ThreadPoolExecutor(120) as pool:
        few.submit(one).result()
        began = time.monotonic()
        assert {status for status, _ in few.map(lambda _: one(), range(60))} == {200}
        peak = 60 / (time.monotonic() - began)

        watching = pool.submit(health)
        began = time.monotonic()
        futures = []
        for number in range(int(3 * peak * 3)):
            time.sleep(max(0.0, began + number / (3 * peak) - time.monotonic()))
            futures.append(pool.submit(one))
        answers = [future.result() for future in futures]
        took = time.monotonic() - began
        done.set()
        watching.result()

        good = [seconds for status, seconds in answers if status == 200]
        refused = [seconds for status, seconds in answers if status == 503]
        assert len(good) / took >= 0.5 * peak  # nothing collapses; how much is lost is measured by benchmarks.batching
        assert len(good) + len(refused) == len(answers)
        # Times are the gateway's own: the clients of this test share its interpreter.
        records = slow.records(len(answers) + 61)
        took_ms = {state: [one.timings["total"] for one in records if one.state is state] for state in State}
        assert max(took_ms[State.ALLOWED]) <= 2000 * DEADLINE + 300  # in and out
        assert len(took_ms[State.SHED]) > len(answers) / 3
        assert statistics.median(took_ms[State.SHED]) <= 1000 * DEADLINE / 4  # at once, not after waiting in a queue
        assert statistics.median(told) <= 0.1

        time.sleep(1)
        assert one()[0] == 200  # it has recovered
