from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from guard.batching.pool import Pool, PoolClosed
from tests.fakes import eventually


@pytest.fixture
def pool() -> Iterator[Pool]:
    one = Pool("test", threads=1)
    yield one
    one.close()


def steps(count: int, each: Callable[[int], Any]) -> Generator[None, None, list[Any]]:
    done = []
    for number in range(count):
        yield
        done.append(each(number))
    return done


def raising(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


def test_work_is_done_on_another_thread_and_its_answer_comes_back(pool: Pool) -> None:
    async def main() -> None:
        assert await pool.run(steps(3, lambda n: n)) == [0, 1, 2]
        assert await pool.call(threading.get_ident) != threading.get_ident()

    asyncio.run(main())


def test_what_work_raises_reaches_its_caller_and_the_next_is_done(pool: Pool) -> None:
    async def main() -> None:
        with pytest.raises(KeyError):
            await pool.call(raising(KeyError("x")))
        with pytest.raises(RuntimeError, match="SystemExit"):
            await pool.call(raising(SystemExit(1)))
        assert await pool.call(lambda: 7) == 7

    asyncio.run(main())


def test_jobs_take_turns(pool: Pool) -> None:
    """A job of a single step does not wait for one of a hundred that came first."""
    order: list[str] = []

    async def long() -> None:
        await pool.run(steps(100, lambda _: time.sleep(0.01)))
        order.append("long")

    async def short() -> None:
        await asyncio.sleep(0.03)
        await pool.call(lambda: None)
        order.append("short")

    async def main() -> None:
        await asyncio.gather(long(), short())

    asyncio.run(main())
    assert order == ["short", "long"]


@pytest.mark.parametrize("way", ["deadline", "cancelled"])
def test_work_that_nobody_waits_for_stops_at_its_next_pause(pool: Pool, way: str) -> None:
    done: list[int] = []

    async def main() -> None:
        def slow(number: int) -> None:
            done.append(number)
            time.sleep(0.01)

        work = steps(100, slow)
        began = time.monotonic()
        if way == "deadline":
            with pytest.raises(TimeoutError):
                await pool.run(work, began + 0.1)
        else:
            task = asyncio.ensure_future(pool.run(work))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert time.monotonic() - began < 0.3
        await pool.call(lambda: None)
        assert 0 < len(done) < 30

    asyncio.run(main())


def test_a_job_given_up_before_its_turn_is_never_begun(pool: Pool) -> None:
    done: list[int] = []

    async def main() -> None:
        first = asyncio.ensure_future(pool.call(time.sleep, 0.2))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await pool.run(steps(1, done.append), time.monotonic() + 0.05)
        await first
        await pool.call(lambda: None)

    asyncio.run(main())
    assert done == []


def test_a_thread_that_hangs_is_replaced() -> None:
    pool, release = Pool("test", threads=1, stuck_after=0.1), threading.Event()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await pool.run(steps(1, lambda _: release.wait(5)), time.monotonic() + 0.05)
        await asyncio.sleep(0.15)
        assert await asyncio.wait_for(pool.call(lambda: 7), 1) == 7

    asyncio.run(main())
    assert len(pool._workers) == 2
    release.set()
    assert eventually(lambda: len(pool._workers) == 1)
    pool.close()


def test_closing_is_bounded_and_fails_what_is_under_way() -> None:
    pool, release = Pool("test", threads=1), threading.Event()

    async def main() -> None:
        running = asyncio.ensure_future(pool.call(release.wait, 5))
        waiting = asyncio.ensure_future(pool.call(lambda: None))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await asyncio.to_thread(pool.close, 0.1)
        assert time.monotonic() - began < 1
        for task in (running, waiting, asyncio.ensure_future(pool.call(lambda: None))):
            with pytest.raises(PoolClosed):
                await task

    asyncio.run(main())
    release.set()
    pool.close()


def test_loops_of_several_threads_share_a_pool(pool: Pool) -> None:
    answers: list[int] = []

    def caller(number: int) -> None:
        answers.append(asyncio.run(pool.call(lambda: number)))

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(8))
