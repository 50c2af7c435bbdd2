"""Thresholds from labels, and their way into the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from guard import registry
from guard.actions import ACTIONS
from guard.cli import main
from guard.config import POLICIES
from guard.content import Direction, Modality
from guard.decision import Detection
from guard.finding import Finding
from guard.policy.loader import load_policy, parse_policy
from guard.policy.tune import expected, leaves, positive, reached, threshold, written
from tests.corpus.corpora import jsonl, run, texts

SOURCE = """# house rules, kept by hand
policy: house   # its name
classifiers: {keywords: {lists: {stop: [zorblax], note: [murmur]}, builtin: []}}
rules:
  - {id: one, message: {en: "No: {a}", zh: "此处不可，“真的”。"}, when: {category: custom.stop}, then: block}  # 一
  - id: two
    when:
      any:
        - category: custom.note   # why
        - category: "custom.stop"
          at_least: 0.50  # half
        - {all: [{category: custom.stop, at_least: 0.25}, {not: {category: custom.note, at_least: 0.9}}]}
    then: flag
  - id: three
    when:
      category: custom.note
      count: 2
    then: flag
# the end
"""
scores = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def parsed(text: str):
    return parse_policy(text, actions=ACTIONS, catalog=registry)


@settings(deadline=None, max_examples=50)
@given(scores, st.floats(0, 0.5))
def test_no_more_harmless_records_are_caught_than_asked_for_and_no_lower_threshold_would_do(
    negatives: list[float], fpr: float
):
    found = threshold(negatives, fpr)

    if found is None:
        assert sum(score == 1 for score in negatives) or max(negatives) > 0.9999
        return
    assert reached(negatives, found) <= fpr * len(negatives) + 1e-6
    lower = round(found - 0.0001, 4)
    assert lower <= 0 or reached(negatives, lower) > fpr * len(negatives) - 1e-6


@settings(deadline=None, max_examples=50)
@given(scores, st.floats(0, 0.5), st.floats(0, 0.5))
def test_who_puts_up_with_more_false_positives_gets_no_higher_threshold(negatives: list[float], a: float, b: float):
    strict, loose = (threshold(negatives, fpr) for fpr in sorted((a, b)))

    assert (loose or 2) <= (strict or 2)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 10_000), min_size=4, max_size=4), st.sampled_from(["\n", "\r\n"]), st.data())
def test_thresholds_are_written_and_every_other_character_stays(steps: list[int], newline: str, data: st.DataObject):
    text = SOURCE.replace("\n", newline)
    policy = parsed(text)
    tuned = [leaf for leaf in leaves(policy) if not leaf.fixed]
    assert len(tuned) == 4
    changes = {leaf: step / 10_000 for leaf, step in zip(tuned, steps, strict=True) if data.draw(st.booleans())}

    new = written(text, policy, changes)

    assert parsed(new) == replace(policy, rules=expected(policy, changes))
    for comment in ("# house rules, kept by hand", "# its name", "# 一", "# why", "# half", "# the end"):
        assert comment in new
    if not changes:
        assert new == text


@pytest.mark.parametrize("name", ["default", "strict", "minors"])
def test_every_condition_of_the_bundled_policies_can_be_written(name: str):
    path = POLICIES / f"{name}.yaml"
    policy = load_policy(path, actions=ACTIONS, catalog=registry)
    changes = {leaf: 0.4321 for leaf in leaves(policy) if not leaf.fixed}

    new = written(path.read_text(), policy, changes)

    assert changes
    assert parsed(new).rules == expected(policy, changes)


def test_a_score_counts_where_its_rule_looks():
    rule = "rules: [{id: r, directions: [output], roles: [assistant], when: {category: custom.stop}, then: flag}]"
    policy = parsed("policy: it\nclassifiers: {keywords: {lists: {stop: [x]}, builtin: []}}\n" + rule)
    (leaf,) = leaves(policy, ["custom"])
    seen = (Finding("custom.stop", 0.9, role="user"), Finding("custom.stop", 0.4, role="assistant"))
    text = frozenset({Modality.TEXT})

    assert leaf.score(Detection(Direction.OUTPUT, text, seen)) == 0.4
    assert leaf.score(Detection(Direction.OUTPUT, text)) == 0.0
    assert leaf.score(Detection(Direction.INPUT, text, seen)) is None
    assert leaves(policy, ["hate"]) == ()


@pytest.mark.parametrize(
    ("label", "named", "there"),
    [
        ("1", (), True), ("False", (), False), ("hate.race", (), True), ("violence, hate", (), True),
        ("['violence']", (), False), ("", (), None), ("None", (), None), ("bad", ("bad",), True),
        ("有害", ("有害",), True), ("1", ("bad",), False),
    ],
)  # fmt: skip
def test_a_label_says_whether_a_category_is_there(label: str, named: tuple[str, ...], there: bool | None):
    assert positive(label, "hate", named) is there


def test_a_policy_is_tuned_on_an_input_and_on_an_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    house = tmp_path / "house.yaml"
    house.write_text(SOURCE)
    rows = [{**row, "label": n % 6 in {1, 5}} for n, row in enumerate(texts(24))]
    rows[0]["text"] = "zorblax, said a harmless record"
    corpus = jsonl(tmp_path / "it.jsonl", rows)
    given = ["policy", "tune", str(house), "--labels", "label", "--category", "custom.stop"]
    run(corpus, "--policy", str(house), "--workers", "1", "--by", "label", out=tmp_path / "out")
    capsys.readouterr()

    assert main([*given, "--on", str(tmp_path / "out"), "--fpr", "0.1", "--dry-run"]) == 0
    dry = capsys.readouterr().out
    assert house.read_text() == SOURCE
    assert main([*given, "--on", corpus, "--fpr", "0", "--json"]) == 1
    strict = json.loads(capsys.readouterr().out)
    assert main([*given, "--on", corpus, "--fpr", "0.1"]) == 0
    tuned = load_policy(house, actions=ACTIONS, catalog=registry)
    capsys.readouterr()
    assert main([*given[:3], "--labels", "label", "--on", corpus, "--fpr", "0.1"]) == 3
    which = capsys.readouterr().err
    assert main([*given, "--on", str(tmp_path / "out"), "--fpr", "0.1"]) == 3
    assert "not house@" in capsys.readouterr().err
    assert main([*given, "--on", corpus, "--fpr", "1.5"]) == 3

    assert "+      at_least: 0.0001" not in dry
    assert ", at_least: 0.0001}, then: block}  # 一" in dry
    assert "false positives 1 of 16, 6.25% (1.11% to 28.33%)" in dry
    assert strict["conditions"][0]["why"] == "too many harmless records score 1"
    assert [leaf.condition.at_least for leaf in leaves(tuned, ["custom.stop"])] == [0.0001] * 3
    assert "# why" in house.read_text()
    assert "--category" in which
