"""How far a policy agrees with another system."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from guard.actions import ACTIONS
from guard.cli import main
from guard.content import Direction
from guard.decision import Detection
from guard.errors import GuardError
from guard.finding import Finding
from guard.policy.agreement import Agreement, nearest, noticing, verdict
from guard.policy.evaluate import decide
from guard.policy.tune import leaves
from tests.corpus.corpora import jsonl, run
from tests.policy.test_tune import parsed

SOURCE = """policy: house
classifiers: {keywords: {lists: {stop: [zorblax], note: [murmur]}, builtin: []}}
rules:
  - {id: stops, when: {category: custom.stop}, then: block}
  - {id: notes, when: {category: custom.note, at_least: 0.8}, then: flag}
"""
counts = st.builds(Agreement, *[st.integers(0, 1000)] * 4)


@given(counts)
def test_kappa_is_one_where_all_is_the_same_and_does_not_depend_on_who_is_who_nor_on_what_is_called_noticed(
    found: Agreement,
):
    swapped = Agreement(found.both, found.theirs_alone, found.ours_alone, found.neither)
    inverted = Agreement(found.neither, found.theirs_alone, found.ours_alone, found.both)

    if found.kappa is None or found.kappa_interval is None:
        both = (found.both + found.ours_alone, found.both + found.theirs_alone)
        assert any(one in {0, found.records} for one in both)
        return
    low, high = found.kappa_interval
    assert -1 <= low <= found.kappa + 1e-9
    assert found.kappa - 1e-9 <= high <= 1
    assert (found.kappa == pytest.approx(1)) == (found.agreed == found.records)
    for other in (swapped, inverted):
        assert other.kappa == pytest.approx(found.kappa, abs=1e-9)
        assert other.kappa_interval == pytest.approx((low, high), abs=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=50))
def test_every_record_is_counted_once(records: list[tuple[bool, bool]]):
    found = Agreement()
    for ours, theirs in records:
        found.take(ours=ours, theirs=theirs)

    assert found.records == sum(astuple(found)) == len(records)
    assert found.agreed == sum(ours is theirs for ours, theirs in records)


@pytest.mark.parametrize(
    ("said", "given", "noticed"),
    [
        ("True", {}, True), ("0", {}, False), ("", {}, None), ("None", {}, None), ("hate, violence", {}, True),
        ("['self_harm']", {"categories": ["hate"]}, False), ("hate.race", {"categories": ["sexual", "hate"]}, True),
        ("GUARDRAIL_INTERVENED", {"named": ["guardrail_intervened"]}, True), ("NONE", {"named": ["x"]}, False),
        ("False", {"named": ["false"]}, True), ("", {"named": ["x"]}, None),
        ("0.8", {"at_least": 0.8}, True), ("4", {"at_least": 5}, False), ("null", {"at_least": 0.5}, None),
        ("0.9", {"at_least": 0.5, "categories": ["hate"]}, True),
    ],
)  # fmt: skip
def test_a_verdict_is_a_value_a_score_a_truth_or_categories(said: str, given: dict[str, object], noticed: bool | None):
    assert verdict(said, **given) is noticed


@pytest.mark.parametrize(
    ("said", "at_least", "told"),
    [("GUARDRAIL_INTERVENED", None, "--positive"), ("high", 0.5, "is no number"), ("nan!", 0.5, "is no number")],
)
def test_a_verdict_that_cannot_be_read_is_an_error_and_no_guess(said: str, at_least: float | None, told: str):
    with pytest.raises(GuardError, match=told):
        verdict(said, at_least=at_least)


def test_the_rules_that_notice_are_those_of_an_action_and_a_category_and_the_nearest_is_the_one_least_below():
    policy = parsed(SOURCE)
    seen = Detection(Direction.OUTPUT, findings=(Finding("custom.stop", 0.4), Finding("custom.note", 0.9)))
    fired = decide(policy, seen, "1")
    below = Detection(
        Direction.OUTPUT, frozenset({finding.modality for finding in seen.findings}),
        (Finding("custom.stop", 0.1), Finding("custom.note", 0.7)),
    )  # fmt: skip

    assert noticing(fired, ACTIONS["flag"].strength) == ("notes",)
    assert noticing(fired, ACTIONS["block"].strength) == ()
    assert noticing(fired, ACTIONS["flag"].strength, ["custom.stop"]) == ()
    assert [(leaf.rule.id, score) for leaf, score in [nearest(below, leaves(policy))]] == [("notes", 0.7)]
    assert nearest(Detection(Direction.OUTPUT), leaves(policy)) is None


def _log(folder: Path) -> str:
    rows = [
        ("zorblax", "BLOCKED"),
        ("a murmur", "NONE"),
        ("hello", "BLOCKED"),
        ("hello again", "NONE"),
        ("unasked", ""),
    ]
    return jsonl(folder / "log.jsonl", [{"id": f"r{n}", "text": t, "action": v} for n, (t, v) in enumerate(rows)])


def test_a_log_of_another_system_is_compared_record_by_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    house = tmp_path / "house.yaml"
    house.write_text(SOURCE + "mode: shadow\n")
    log = _log(tmp_path)
    given = ["policy", "agree", str(house), "--verdicts", "action", "--positive", "blocked"]
    run(log, "--policy", str(house), "--workers", "1", "--by", "action", out=tmp_path / "out")
    capsys.readouterr()

    assert main([*given, "--on", log, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert main([*given, "--on", str(tmp_path / "out"), "--json"]) == 1
    stored = json.loads(capsys.readouterr().out)
    assert main([*given, "--on", log, "--action", "block"]) == 1
    shown = capsys.readouterr().out

    assert [found[key] for key in ("both", "ours_alone", "theirs_alone", "neither")] == [1, 1, 1, 1]
    assert (found["kappa"], found["without_verdict"], found["agreed"]["share"]) == (0, 1, 0.5)
    assert [(one["rule"], one["examples"][0]["id"]) for one in found["ours_alone_by_rule"]] == [("notes", "r1")]
    assert [one["examples"][0]["id"] for one in found["theirs_alone_nearest"]] == ["r2"]
    assert found["by_verdict"] == [
        {"verdict": "BLOCKED", "records": 2, "ours": 1}, {"verdict": "NONE", "records": 2, "ours": 1},
    ]  # fmt: skip
    assert stored == found
    assert "the same on 75.00%" in shown
    assert "only we 0, only they 1" in shown
    assert "hello" not in shown


def test_two_that_say_the_same_of_every_record_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    house = tmp_path / "house.yaml"
    house.write_text(
        SOURCE.replace("category: custom.stop", "category: custom")
    )  # a rule on a parent sees its children
    log = jsonl(tmp_path / "it.jsonl", [{"text": "zorblax", "score": 0.9}, {"text": "hello", "score": 0.1}])

    code = main(
        ["policy", "agree", str(house), "--on", log, "--verdicts", "score", "--verdict-at-least", "0.5",
         "--category", "custom.stop"]
    )  # fmt: skip

    assert code == 0
    assert "kappa 1.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--positive", "refused"], "there are: BLOCKED, NONE"),
        ([], "say with --positive"),
        (["--positive", "BLOCKED", "--action", "stop"], "there is no action `stop`"),
        (["--positive", "BLOCKED", "--category", "hate"], "no rule that asks for flag"),
        (["--positive", "BLOCKED", "--category", "custom.note", "--action", "block"], "no rule that asks for block"),
    ],
)
def test_a_question_that_means_nothing_is_an_error(
    more: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    house = tmp_path / "house.yaml"
    house.write_text(SOURCE)

    assert main(["policy", "agree", str(house), "--on", _log(tmp_path), "--verdicts", "action", *more]) == 3
    assert told in capsys.readouterr().err


def test_a_log_without_verdicts_is_an_error_and_no_agreement(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    house = tmp_path / "house.yaml"
    house.write_text(SOURCE)
    log = jsonl(tmp_path / "it.jsonl", [{"text": "zorblax", "flagged": None}, {"text": "hello", "flagged": None}])

    assert main(["policy", "agree", str(house), "--on", log, "--verdicts", "flagged"]) == 3
    assert "no record of it has a verdict in `flagged` (2 without)" in capsys.readouterr().err
