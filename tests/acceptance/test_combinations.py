"""Promise 1, a little of it: the whole is `make combinations`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.combinations import combination, main, run
from tests.acceptance.conftest import house


def test_promise_1_no_generated_combination_leaks(tmp_path: Path) -> None:
    with house(tmp_path, timeout_s=20) as one:
        result = run(one, range(10_000, 10_250), seed=1, seconds=30)

    assert result.failures == []
    assert result.count > 50
    assert {"kind=request", "kind=answer", "kind=stream", "stream=True", "stream=False"} <= set(result.seen)


def test_promise_1_a_leak_would_be_seen(tmp_path: Path) -> None:
    """Under a policy that lets everything pass, every combination fails."""
    rules = "policy: p\nrules: [{id: a, when: {category: custom.canary, at_least: 0.9}, then: flag}]\n"
    with house(tmp_path, rules, timeout_s=20) as one:
        result = run(one, range(40), seed=2)

    assert len({failure.partition(" ")[0] for failure in result.failures}) >= 40


def test_promise_1_a_seed_gives_the_same_combinations_again() -> None:
    assert [str(combination(5, n)) for n in range(50)] == [str(combination(5, n)) for n in range(50)]
    assert len({str(combination(5, n)) for n in range(500)}) > 490
    with pytest.raises(SystemExit):
        main(["--count", "many"])
