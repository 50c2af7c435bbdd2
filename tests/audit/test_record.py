from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from guard.actions.flag import Flag
from guard.audit import AuditRecord, State, summarise, timestamp
from guard.content import Direction
from guard.decision import Cause, Coverage, Decision, Effect, Failure, FailureKind
from guard.finding import Finding


def decision(*findings: Finding, effects: tuple[Effect, ...] = (), **more: object) -> Decision:
    return Decision("d", "flag", Cause.RULES, "p", "r", Direction.INPUT, effects=effects, findings=findings, **more)


def found(score: float, part: str = "/0", **more: object) -> Finding:
    return Finding("toxicity", score, part=part, classifier="fake", **more)


def test_a_summary_names_what_was_decided_and_why():
    fired = found(0.123456, span=(3, 9))
    made = decision(
        fired,
        effects=(Effect("note", Flag(), (fired,), {"en": "words"}),),
        failures=(Failure("pii", FailureKind.TIMEOUT, "late"),),
        coverage=Coverage(3, (("number", 2),), (("/1", "encrypted"), ("/2", "encrypted"), ("/3", "empty"))),
    )

    assert summarise(made) == {
        "action": "flag",
        "cause": "rules",
        "rules": ["note"],
        "findings": [
            {"category": "toxicity", "score": 0.1235, "part": "/0", "span": (3, 9), "classifier": "fake"},
        ],
        "findings_more": 0,
        "failures": [{"classifier": "pii", "kind": "timeout", "detail": "late"}],
        "coverage": {
            "checked": 3,
            "exempt": {"number": 2},
            "unscannable": {"encrypted": 2, "empty": 1},
            "unchecked": 0,
        },
    }


def test_a_place_in_a_picture_or_a_sound_is_recorded_too():
    (noted,) = summarise(decision(found(0.9, box=(0.0, 0.1, 0.5, 0.6), time=(1.0, 2.5))))["findings"]

    assert (noted["box"], noted["time"]) == ((0.0, 0.1, 0.5, 0.6), (1.0, 2.5))


def test_a_low_score_is_recorded_only_where_a_rule_fired_on_it():
    fired, low, high = found(0.2), found(0.49, part="/1"), found(0.5, part="/2")

    noted = summarise(decision(high, low, fired, effects=(Effect("r", Flag(), (fired,)),)))["findings"]

    assert [finding["part"] for finding in noted] == ["/0", "/2"]


def test_of_very_many_findings_those_that_fired_are_kept_and_the_rest_is_counted():
    many = [found(0.9, part=f"/{i}") for i in range(250)]

    summary = summarise(decision(*many, effects=(Effect("r", Flag(), (many[240],)),)))

    assert len(summary["findings"]) == 100
    assert summary["findings"][0]["part"] == "/240"
    assert summary["findings_more"] == 150


def test_a_finding_that_two_rules_fired_on_is_listed_once():
    fired = found(0.9)
    effects = (Effect("a", Flag(), (fired,)), Effect("b", Flag(), (fired,)))

    assert len(summarise(decision(fired, effects=effects))["findings"]) == 1


def test_nothing_of_the_content_and_no_evidence_gets_into_a_summary():
    fired = found(0.9, evidence="zorblax")
    summary = summarise(decision(fired, effects=(Effect("r", Flag(), (fired,), {"en": "zorblax"}),)))

    assert b"zorblax" not in orjson.dumps(summary)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC), "2026-03-01T12:00:00.999Z"),
        (datetime(2026, 3, 1, 7, 30, tzinfo=timezone(timedelta(hours=8))), "2026-02-28T23:30:00.000Z"),
    ],
)
def test_a_time_is_in_utc_with_milliseconds(moment: datetime, expected: str):
    assert timestamp(moment) == expected


def test_without_a_moment_the_time_is_now():
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    assert before <= datetime.fromisoformat(timestamp()) <= datetime.now(UTC)


def test_a_record_cannot_be_changed():
    record = AuditRecord(id="a", time="t", state=State.ALLOWED)

    with pytest.raises(AttributeError):
        record.state = State.BLOCKED  # type: ignore[misc]
