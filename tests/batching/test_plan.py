from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, strategies as st

from guard.batching.plan import take


@dataclass(frozen=True)
class Entry:
    seq: int
    cost: int = 1
    deadline: float = 100.0
    abandoned: bool = False


def seqs(entries: object) -> list[int]:
    return [entry.seq for entry in entries]


def entries(*costs: int) -> list[Entry]:
    return [Entry(seq, cost) for seq, cost in enumerate(costs)]


def test_a_batch_is_the_front_of_the_queue_that_the_budget_allows():
    taken = take(entries(3, 4, 3, 1), now=0, budget=10)

    assert (seqs(taken.batch), seqs(taken.rest)) == ([0, 1, 2], [3])


def test_a_cheap_entry_does_not_overtake_a_dear_one():
    taken = take(entries(3, 9, 1), now=0, budget=10)

    assert (seqs(taken.batch), seqs(taken.rest)) == ([0], [1, 2])


def test_one_entry_is_taken_even_if_it_alone_exceeds_the_budget():
    taken = take(entries(50, 1), now=0, budget=10)

    assert (seqs(taken.batch), seqs(taken.rest)) == ([0], [1])


def test_abandoned_and_expired_entries_are_sorted_out_and_cost_nothing():
    queue = [Entry(0, 9, abandoned=True), Entry(1, 9, deadline=5.0), Entry(2, 9), Entry(3, 1), Entry(4, 1)]

    taken = take(queue, now=5.0, budget=10)

    assert (seqs(taken.abandoned), seqs(taken.expired)) == ([0], [1])
    assert (seqs(taken.batch), seqs(taken.rest)) == ([2, 3], [4])


def test_an_empty_queue_gives_nothing():
    assert take([], now=0, budget=10) == ([], [], [], [])


queues = st.lists(st.tuples(st.integers(1, 30), st.floats(0, 10), st.booleans()), max_size=30).map(
    lambda rows: [Entry(i, *row) for i, row in enumerate(rows)]
)


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_nothing_is_lost_and_nothing_comes_twice(queue: list[Entry], now: float, budget: int):
    taken = take(queue, now, budget)

    assert sorted(seqs([*taken.batch, *taken.expired, *taken.abandoned, *taken.rest])) == seqs(queue)


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_a_batch_keeps_the_budget_or_is_a_single_entry(queue: list[Entry], now: float, budget: int):
    batch = take(queue, now, budget).batch

    assert sum(entry.cost for entry in batch) <= budget or len(batch) == 1


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_a_batch_keeps_the_order_of_the_queue_and_holds_only_what_is_wanted(
    queue: list[Entry], now: float, budget: int
):
    taken = take(queue, now, budget)

    for part in taken:
        assert seqs(part) == sorted(seqs(part))
    assert all(not entry.abandoned and entry.deadline > now for entry in taken.batch)
    assert all(entry.abandoned for entry in taken.abandoned)
    assert all(entry.deadline <= now for entry in taken.expired)


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_a_batch_is_as_large_as_the_budget_allows(queue: list[Entry], now: float, budget: int):
    taken = take(queue, now, budget)

    if taken.rest:
        assert sum(entry.cost for entry in taken.batch) + taken.rest[0].cost > budget


@given(queues, st.integers(1, 60))
def test_taking_again_and_again_empties_the_queue_in_order(queue: list[Entry], budget: int):
    taken, rest = [], queue
    while rest:
        step = take(rest, 5.0, budget)
        assert step.batch or step.expired or step.abandoned
        taken, rest = [*taken, *step.batch], step.rest

    assert seqs(taken) == [entry.seq for entry in queue if not entry.abandoned and entry.deadline > 5.0]
