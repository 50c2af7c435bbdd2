from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

from hypothesis import given, strategies as st

from guard.batching.plan import MOST_PADDING, Line, Take, ahead, take


@dataclass(frozen=True)
class Entry:
    seq: int
    cost: int = 1
    deadline: float = 100.0
    abandoned: bool = False
    call: int = 0


def seqs(entries: object) -> list[int]:
    return [entry.seq for entry in entries]


def left(taken: Take[Entry]) -> list[int]:
    return [entry.seq for line in taken.rest for entry in line.waiting]


def calls(*costs: tuple[int, ...]) -> list[Line[Entry]]:
    """One line for each call, its entries numbered through."""
    number = itertools.count()
    return [Line([Entry(next(number), cost, call=call) for cost in one]) for call, one in enumerate(costs)]


def singles(*costs: int) -> list[Line[Entry]]:
    return calls(*((cost,) for cost in costs))


def test_a_batch_is_the_front_of_the_queue_that_the_budget_allows():
    taken = take(singles(3, 4, 3, 1), now=0, budget=10)

    assert (seqs(taken.batch), left(taken)) == ([0, 1, 2], [3])


def test_a_cheap_call_does_not_overtake_a_dear_one():
    taken = take(singles(3, 9, 1), now=0, budget=10)

    assert (seqs(taken.batch), left(taken)) == ([0], [1, 2])


def test_one_entry_is_taken_even_if_it_alone_exceeds_the_budget():
    taken = take(singles(50, 1), now=0, budget=10)

    assert (seqs(taken.batch), left(taken)) == ([0], [1])


def test_one_call_alone_has_the_whole_budget():
    taken = take(calls((3, 4, 3, 1)), now=0, budget=10)

    assert (seqs(taken.batch), left(taken)) == ([0, 1, 2], [3])


def test_calls_share_the_budget_and_what_one_leaves_the_others_use():
    taken = take(calls((2,) * 9, (1, 1), (2,) * 9), now=0, budget=12)

    assert seqs(taken.batch) == [0, 1, 9, 10, 11, 12, 2]


def test_a_call_that_had_a_turn_stands_behind_those_that_had_none():
    taken = take(calls((6, 6), (6, 6), (6, 6)), now=0, budget=6)

    assert (seqs(taken.batch), left(taken)) == ([0], [2, 3, 4, 5, 1])


def test_abandoned_and_expired_entries_are_sorted_out_and_cost_nothing():
    entries = [Entry(0, 9, abandoned=True), Entry(1, 9, deadline=5.0), Entry(2, 9), Entry(3, 1), Entry(4, 1)]

    for queue in ([Line(entries)], [Line([entry]) for entry in entries]):
        taken = take(queue, now=5.0, budget=10)

        assert (seqs(taken.abandoned), seqs(taken.expired)) == ([0], [1])
        assert (seqs(taken.batch), left(taken)) == ([2, 3], [4])


def test_an_empty_queue_gives_nothing():
    assert take([], now=0, budget=10) == ([], [], [], [])


def numbered(rows: list[list[tuple[int, float, bool]]]) -> list[Line[Entry]]:
    number = itertools.count()
    return [Line([Entry(next(number), *row, call) for row in one]) for call, one in enumerate(rows)]


row = st.tuples(st.integers(1, 30), st.floats(0, 10), st.booleans())
queues = st.lists(st.lists(row, min_size=1, max_size=8), max_size=8).map(numbered)


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_nothing_is_lost_and_nothing_comes_twice(queue: list[Line[Entry]], now: float, budget: int):
    taken = take(queue, now, budget)

    everything = [*seqs(taken.batch), *seqs(taken.expired), *seqs(taken.abandoned), *left(taken)]
    assert sorted(everything) == [entry.seq for line in queue for entry in line.entries]


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_nothing_that_was_given_is_changed(queue: list[Line[Entry]], now: float, budget: int):
    before = [Line(list(line.entries), line.start) for line in queue]

    assert take(queue, now, budget) == take(queue, now, budget)
    assert queue == before


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_a_batch_keeps_the_budget_or_is_a_single_entry(queue: list[Line[Entry]], now: float, budget: int):
    batch = take(queue, now, budget).batch

    assert sum(entry.cost for entry in batch) <= budget or len(batch) == 1


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_a_batch_keeps_the_order_within_a_call_and_holds_only_what_is_wanted(
    queue: list[Line[Entry]], now: float, budget: int
):
    taken = take(queue, now, budget)

    for line in queue:
        ours = {entry.seq for entry in line.entries}
        for part in (seqs(taken.batch), seqs(taken.expired), seqs(taken.abandoned), left(taken)):
            mine = [seq for seq in part if seq in ours]
            assert mine == sorted(mine)
    assert all(not entry.abandoned and entry.deadline > now for entry in taken.batch)
    assert all(entry.abandoned for entry in taken.abandoned)
    assert all(entry.deadline <= now for entry in taken.expired)


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_a_batch_is_as_large_as_the_budget_allows(queue: list[Line[Entry]], now: float, budget: int):
    taken = take(queue, now, budget)

    if taken.rest:
        assert sum(entry.cost for entry in taken.batch) + taken.rest[0].waiting[0].cost > budget


@given(queues, st.integers(1, 60))
def test_taking_again_and_again_empties_the_queue_each_call_in_its_order(queue: list[Line[Entry]], budget: int):
    taken: list[Entry] = []
    rest = queue
    while rest:
        step = take(rest, 5.0, budget)
        assert step.batch or step.expired or step.abandoned
        taken, rest = [*taken, *step.batch], step.rest

    for call, line in enumerate(queue):
        wanted = [entry.seq for entry in line.entries if not entry.abandoned and entry.deadline > 5.0]
        assert [entry.seq for entry in taken if entry.call == call] == wanted


@given(st.lists(st.lists(st.integers(1, 10), min_size=1, max_size=6), min_size=1, max_size=6), st.integers(1, 40))
def test_no_call_has_a_second_batch_while_another_that_was_there_has_none(costs: list[list[int]], budget: int):
    """Nobody starves: of the calls that wait, each is in a batch before any is in two."""
    rest = calls(*map(tuple, costs))
    waiting, served = set(range(len(costs))), set[int]()
    while waiting - served:
        step = take(rest, 0, budget)
        now = {entry.call for entry in step.batch}
        assert not (now & served) or waiting <= served | now
        served |= now
        rest = step.rest


@given(st.integers(1, 4000), st.integers(1, 100), st.integers(1, 20), st.integers(0, 50))
def test_a_short_call_that_comes_behind_a_long_one_is_in_the_next_batch(
    windows: int, cost: int, share: int, batches: int
):
    """Whatever of the long one was judged before, and however few of its windows fill a batch."""
    budget = cost * share
    rest = calls((cost,) * windows)
    for _ in range(batches):
        rest = take(rest, 0, budget).rest
    short = Entry(-1, cost=max(1, budget // 2), call=-1)

    first = take([*rest, Line([short])], 0, budget)
    second = take(first.rest, 0, budget)

    assert short in (first.batch if share > 1 else [*first.batch, *second.batch])


@given(st.integers(1, 60), st.integers(1, 15), st.lists(st.integers(1, 15), min_size=1, max_size=20))
def test_a_long_call_moves_on_in_every_batch_under_a_stream_of_short_ones(windows: int, cost: int, stream: list[int]):
    rest = calls((cost,) * windows)
    arrivals = itertools.cycle(stream)
    steps = 0
    while rest:
        rest = take([Line([Entry(-1, next(arrivals), call=-1)]), *rest], 0, 30).rest
        steps += 1
        assert steps <= windows


def test_twenty_thousand_entries_are_planned_quickly_however_they_came():
    for queue in (calls((10,) * 20_000), singles(*(10,) * 20_000), calls(*((10,) * 20,) * 1000)):
        began = time.perf_counter()
        rest, batches = queue, 0
        while rest:
            rest = take(rest, 0, 1000).rest
            batches += 1
        assert batches == 200
        assert time.perf_counter() - began < 2


def due(number: int, at: float, *costs: int, patience: float = 10.0) -> Line[Entry]:
    """A call that is due then."""
    entries = [Entry(100 * number + place, cost, deadline=1e9, call=number) for place, cost in enumerate(costs)]
    return Line(entries, 0, at, patience)


def in_order(*lines: Line[Entry]) -> list[Line[Entry]]:
    return sorted(lines, key=lambda line: line.due)


def test_after_its_turn_a_call_is_due_as_if_it_had_only_just_come():
    taken = take([due(1, 12.0, 6, 6), due(2, 13.0, 6)], now=5.0, budget=6)

    assert [(line.entries[0].call, line.due) for line in taken.rest] == [(2, 13.0), (1, 15.0)]


def served(arrivals: dict[int, list[Line[Entry]]], budget: int, steps: int, *, pads: bool = False) -> list[list[int]]:
    """The calls in each batch; one batch a second, *arrivals* by the second they come in."""
    rest: list[Line[Entry]] = []
    batches = []
    for now in range(steps):
        taken = take(in_order(*rest, *arrivals.get(now, ())), now, budget, pads=pads)
        rest = taken.rest
        batches.append([entry.call for entry in taken.batch])
    return batches


def test_an_audit_waits_for_people_but_not_for_ever():
    patient = due(0, 20.0, *[5] * 3, patience=20.0)
    people = {now: [due(number, now + 10.0, 5) for number in (2 * now + 1, 2 * now + 2)] for now in range(200)}

    batches = served({**people, 0: [patient, *people[0]]}, 5, 200)  # twice as much as can be judged

    audits = [now for now, calls in enumerate(batches) if 0 in calls]
    assert audits[0] >= 20
    assert len(audits) == 3


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([1.0, 10.0, 60.0]), st.integers(1, 9)), max_size=60),
    st.booleans(),
)
def test_a_call_has_its_turn_once_all_that_were_due_before_it_had_one(calls: list[tuple[int, float, int]], pads: bool):
    """The bound on waiting: whatever else comes, and however patient it is."""
    arrivals: dict[int, list[Line[Entry]]] = {}
    dues = {}
    for number, (now, patience, cost) in enumerate(calls):
        dues[number] = now + patience
        arrivals.setdefault(now, []).append(due(number, now + patience, cost, patience=patience))

    turns = {number: now for now, batch in enumerate(served(arrivals, 9, 120, pads=pads)) for number in batch}

    assert sorted(turns) == sorted(dues)
    for number, (now, _, _) in enumerate(calls):
        before = [one for one in dues if one != number and dues[one] <= dues[number] and turns[one] >= now]
        assert turns[number] - now <= len(before)


def test_like_goes_with_like_where_a_batch_is_padded():
    queue = singles(10, 100, 11, 95, 12, 10)

    first = take(queue, 0, 1000, pads=True)
    second = take(first.rest, 0, 1000, pads=True)

    assert [entry.cost for entry in first.batch] == [10, 11, 12, 10]
    assert [entry.cost for entry in second.batch] == [100, 95]


@given(queues, st.floats(0, 10), st.integers(1, 60))
def test_a_padded_batch_wastes_little_and_keeps_its_budget(queue: list[Line[Entry]], now: float, budget: int):
    batch = take(queue, now, budget, pads=True).batch
    costs = [entry.cost for entry in batch]

    assert len(costs) <= 1 or max(costs) * len(costs) <= min(budget, MOST_PADDING * sum(costs))


@given(queues, st.integers(1, 60))
def test_padded_or_not_nothing_is_lost_and_who_is_due_first_is_in_the_batch(queue: list[Line[Entry]], budget: int):
    taken = take(queue, 5.0, budget, pads=True)

    everything = [*seqs(taken.batch), *seqs(taken.expired), *seqs(taken.abandoned), *left(taken)]
    assert sorted(everything) == [entry.seq for line in queue for entry in line.entries]
    wanted = [e for line in queue for e in line.entries if not e.abandoned and e.deadline > 5.0]
    assert not wanted or wanted[0] in taken.batch


@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=9), max_size=12), st.integers(1, 9), st.integers(9, 40)
)
def test_what_stands_before_a_call_is_foretold_to_within_a_batch(costs: list[list[int]], cost: int, budget: int):
    queue = calls(*map(tuple, costs))
    told = ahead(((sum(one), one[0]) for one in costs), cost)

    rest, done, mine = [*queue, Line([Entry(-1, cost, call=-1)])], 0, False
    while not mine:
        step = take(rest, 0, budget)
        rest, mine = step.rest, any(entry.call == -1 for entry in step.batch)
        done += sum(entry.cost for entry in step.batch)

    assert done <= told + cost + budget + sum(max(0, budget // len(rest or [0]) - cost) for _ in costs)
    assert told <= sum(map(sum, costs))


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 9))), st.integers(1, 99), st.integers(1, 99))
def test_more_to_judge_never_has_less_before_it(waiting: list[tuple[int, int]], a: int, b: int):
    assert ahead(waiting, min(a, b)) <= ahead(waiting, max(a, b))
