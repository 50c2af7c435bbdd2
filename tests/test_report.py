from __future__ import annotations

from guard.actions.flag import Flag
from guard.content import Content, Direction, TextPart
from guard.decision import Cause, Decision, Effect, Judged
from guard.finding import Finding
from guard.report import MOST_LISTED, describe


def judged(*findings: Finding, fired: tuple[Finding, ...] = ()) -> Judged:
    effects = (Effect("rule", Flag(), fired),) if fired else ()
    decision = Decision("i", "allow", Cause.NONE, "p", "r", Direction.INPUT, effects, findings)
    return Judged(decision, Content(Direction.INPUT, (TextPart("x"),)))


def found(number: int, score: float = 1.0) -> Finding:
    return Finding("pii.email", score, span=(number, number + 1))


def test_all_findings_are_listed_while_they_are_few():
    report = describe(judged(*map(found, range(MOST_LISTED))))

    assert len(report["findings"]) == MOST_LISTED
    assert "findings_left_out" not in report


def test_a_report_lists_the_strongest_in_order_and_says_how_many_more_there_are():
    weak = [found(number, 0.6) for number in range(MOST_LISTED)]
    strong, fired = found(5_000, 0.9), found(6_000, 0.1)

    report = describe(judged(*weak, strong, fired, fired=(fired,)))

    spans = [one["span"][0] for one in report["findings"]]
    assert spans == [*range(MOST_LISTED - 2), 5_000, 6_000]
    assert report["findings_left_out"] == 2


def test_a_report_may_be_asked_to_list_fewer():
    report = describe(judged(found(1), found(2), found(3, 0.2)), 1)

    assert (len(report["findings"]), report["findings_left_out"]) == (1, 1)
