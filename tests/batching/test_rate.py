from __future__ import annotations

from random import Random

from hypothesis import given, strategies as st

from guard.batching.rate import Rate

costs = st.lists(st.integers(1, 5000), min_size=3, max_size=60)


def seen(costs: list[int], fixed: float, each: float) -> Rate:
    rate = Rate()
    for cost in costs:
        rate = rate.after(cost, fixed + each * cost)
    return rate


def test_nothing_is_said_of_a_model_that_was_not_seen():
    assert Rate().seconds(10**9, 512) == 0.0
    assert seen([10], 0, 1).seconds(10**9, 512) == 0.0


@given(costs, st.floats(0, 0.1), st.floats(1e-6, 0.01))
def test_what_was_seen_is_foretold(costs: list[int], fixed: float, each: float):
    told = seen([1, 5000, 100, *costs], fixed, each).seconds(costs[-1], costs[-1])

    truth = fixed + each * costs[-1]
    assert abs(told - truth) <= 0.02 * truth + 1e-6


@given(costs, st.floats(0, 0.1), st.floats(0, 0.01), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 5000))
def test_more_work_never_takes_less_time(costs: list[int], fixed: float, each: float, a: int, b: int, budget: int):
    rate = seen(costs, fixed, each)

    assert rate.seconds(min(a, b), budget) <= rate.seconds(max(a, b), budget)


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 10)), min_size=1, max_size=60))
def test_whatever_was_seen_neither_part_is_negative(batches: list[tuple[int, float]]):
    rate = Rate()
    for cost, seconds in batches:
        rate = rate.after(cost, seconds)
    fixed, each = rate.fit

    assert fixed >= 0
    assert each >= 0


def test_a_machine_that_slows_down_is_noticed():
    rate = seen([100] * 100, 0, 0.001)
    assert rate.seconds(1000, 100) == 1.0 or abs(rate.seconds(1000, 100) - 1.0) < 1e-6

    for _ in range(60):
        rate = rate.after(100, 0.3)

    assert 2.5 < rate.seconds(1000, 100) <= 3.0


def test_a_model_with_a_large_fixed_cost_has_large_batches_and_one_without_small_ones():
    accelerator, processor = seen([64, 512, 2048] * 5, 0.010, 1e-6), seen([64, 512, 2048] * 5, 0.0001, 2e-4)

    assert accelerator.budget(512, 65_536) == 65_536
    assert processor.budget(512, 65_536) == 512
    assert 16_000 < seen([64, 512, 2048] * 5, 0.010, 1e-5).budget(512, 65_536) < 20_000


@given(st.randoms(use_true_random=False), st.floats(1e-5, 1e-3))
def test_what_scatters_is_not_taken_for_a_fixed_cost(draw: Random, each: float):
    rate = Rate()
    budgets = []
    for _ in range(200):
        cost = draw.randint(8, 60)
        rate = rate.after(cost, 0.0001 + each * cost * draw.uniform(0.7, 1.6))
        budgets.append(rate.budget(1, 512))

    one_twentieth = 19 * 0.0001 / each
    assert sorted(budgets)[len(budgets) * 9 // 10] <= max(60, 3 * one_twentieth)


def test_a_fixed_cost_that_is_there_is_found_though_times_scatter():
    draw = Random(3)
    rate = Rate()
    for _ in range(60):
        cost = draw.choice((16, 64, 256, 1024))
        rate = rate.after(cost, (0.010 + 1e-5 * cost) * draw.uniform(0.9, 1.1))

    assert rate.budget(1, 65_536) > 5_000


def test_items_that_cost_more_than_the_budget_are_batches_of_their_own():
    rate = seen([100, 200, 300] * 10, 0.001, 0.0001)

    assert rate.seconds(2000, 1) < 0.25
