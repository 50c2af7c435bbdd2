"""benchmarks.quality: the arithmetic of its tables."""

import numpy as np
import pytest

from benchmarks import quality
from classifiers.weights.text_rows import Row

ROWS = [Row("a", "en", "s").say({"toxicity": label}) for label in (1.0, 1.0, 0.0, 0.0)]
FOUND = [{"toxicity": 0.9}, {"toxicity": 0.4, "toxicity.obscene": 0.6}, {"toxicity": 0.2}, {}]


def test_ranks_are_by_the_category_and_shares_by_what_a_rule_on_it_sees() -> None:
    (group,) = quality.figures(ROWS, FOUND)

    assert (group["cases"], group["harmless"], group["auc"], group["average_precision"]) == (2, 2, 1.0, 1.0)
    assert group["at 0.5"]["recall"][0] == 1.0
    assert group["at 0.8"]["recall"][0] == 0.5
    assert group["at 0.5"]["fpr"][0] == 0.0


def test_a_share_of_nothing_is_none_and_others_lie_in_their_interval() -> None:
    assert quality.share(0, 0) is None
    for count in range(11):
        share, low, high = quality.share(count, 10) or []
        assert low <= share <= high


def test_average_precision_counts_the_cases_from_the_top() -> None:
    values, cases = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])

    assert quality.average_precision(values, cases) == pytest.approx((1 + 2 / 3) / 2)


def test_every_measured_group_has_a_line() -> None:
    groups = [{"system": "encoder", "set": "s"} | group for group in quality.figures(ROWS, FOUND)]

    assert "| toxicity | s (en) | 2 | 2 | 1.000" in quality.table({"groups": groups})
