from __future__ import annotations

import asyncio

from hypothesis import given, strategies as st

from guard.batching.queue import Call, Entry, Queue


class LongWay(Queue[int]):
    """A queue that plans every batch, also one of a single entry."""

    def _alone(self, alike: int, now: float, budget: int) -> None:
        return None


def call(
    loop: asyncio.AbstractEventLoop, number: int, due: float, patience: float, costs: list[int]
) -> list[Entry[int]]:
    one = Call(loop, loop.create_future(), [[] for _ in costs], len(costs), due, patience)
    return [Entry(number * 100 + i, cost, 50.0 if cost % 7 else 5.0, one, i, cost) for i, cost in enumerate(costs)]


@given(
    st.lists(st.tuples(st.floats(0, 9), st.floats(0.5, 9), st.lists(st.integers(1, 40), min_size=1, max_size=4))),
    st.integers(1, 60),
    st.booleans(),
    st.data(),
)
def test_the_short_way_takes_what_the_long_one_does(
    calls: list[tuple[float, float, list[int]]], budget: int, pads: bool, data: st.DataObject
):
    loop = asyncio.new_event_loop()
    try:
        queues = Queue[int](pads=pads), LongWay(pads=pads)
        entries = [[call(loop, n, *one) for n, one in enumerate(calls)] for _ in queues]
        for queue, own in zip(queues, entries, strict=True):
            for some in own:
                queue.add(some)
        gone = [n for n in range(len(calls)) if data.draw(st.booleans())]
        for queue, own in zip(queues, entries, strict=True):
            for n in gone:
                queue.settle(own[n][:1], [[]])
        now = 1.0
        while any(map(len, queues)):
            batches = []
            for queue in queues:
                batch: list[Entry[int]] = []
                while len(queue) and not batch:
                    batch = queue.take(now, budget).batch
                batches.append([entry.item for entry in batch])
            assert batches[0] == batches[1]
            now += 1
    finally:
        loop.close()
