"""What a change of policy changes, on detections and on corpora."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from guard import registry
from guard.actions import ACTIONS
from guard.cli import main
from guard.content import Direction, Modality
from guard.decision import Detection, Failure
from guard.finding import Finding
from guard.policy.diff import Tally, compare, unseen
from guard.policy.loader import parse_policy
from guard.policy.model import Policy
from tests.corpus.corpora import POLICY, jsonl, run, texts

RULES = """policy: it
classifiers: {keywords: {lists: {a: [zorblax], b: [murmur]}, builtin: []}}
rules:
  - {id: one, when: {category: custom.a, at_least: %s}, then: %s}
  - {id: two, when: {category: custom.b, at_least: %s}, then: %s}
"""


def parsed(*values: object) -> Policy:
    return parse_policy(RULES % values, actions=ACTIONS, catalog=registry)


findings = st.lists(
    st.builds(
        Finding,
        category=st.sampled_from(["custom.a", "custom.b", "hate"]),
        score=st.floats(0, 1),
        span=st.tuples(st.integers(0, 9), st.integers(9, 20)),
    ),
    max_size=5,
).map(tuple)
detections = st.builds(
    Detection,
    direction=st.sampled_from(Direction),
    modalities=st.just(frozenset({Modality.TEXT})),
    findings=findings,
    failures=st.sampled_from([(), (Failure("text"),)]),
)
scores = st.sampled_from([0.1, 0.5, 0.9])
actions = st.sampled_from(["block", "flag", "redact"])
POLICIES = {(a, b, c, d): parsed(a, b, c, d) for a in (0.1, 0.5, 0.9) for b in ("block", "flag", "redact")
            for c in (0.1, 0.9) for d in ("block", "redact")}  # fmt: skip
policies = st.sampled_from(list(POLICIES.values()))


@settings(deadline=None, max_examples=50)
@given(policies, detections)
def test_a_policy_does_not_differ_from_itself(policy: Policy, detection: Detection):
    assert compare(policy, policy, detection) is None


@settings(deadline=None, max_examples=50)
@given(policies, policies, detections)
def test_a_change_reads_backwards_as_it_does_forwards(old: Policy, new: Policy, detection: Detection):
    there, back = compare(old, new, detection), compare(new, old, detection)

    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert (there.gained, there.lost) == (back.lost, back.gained)
        assert there.actions == back.actions[::-1]


@settings(deadline=None, max_examples=50)
@given(policies, policies, st.lists(detections, max_size=8))
def test_every_record_is_counted_once_and_every_change_has_an_action(old: Policy, new: Policy, seen: list[Detection]):
    tally: Tally[int] = Tally(most=2)
    changes = [compare(old, new, one) for one in seen]
    for n, change in enumerate(changes):
        tally.take(n, change)

    assert tally.records == len(seen)
    assert tally.changed == sum(tally.actions.values()) == sum(change is not None for change in changes)
    assert all(len(found) <= 2 for found in tally.examples.values())


def test_a_rule_that_sees_more_of_what_is_blocked_anyway_changes_nothing():
    seen = Detection(Direction.OUTPUT, findings=(Finding("custom.a", 0.95, (0, 3)), Finding("custom.a", 0.6, (4, 8))))

    assert compare(parsed(0.9, "block", 0.5, "flag"), parsed(0.5, "block", 0.5, "flag"), seen) is None
    assert compare(parsed(0.9, "redact", 0.5, "flag"), parsed(0.5, "redact", 0.5, "flag"), seen) is not None


def test_shadow_mode_is_a_change_and_what_records_do_not_show_is_named():
    old = parsed(0.5, "block", 0.5, "flag")
    new = parse_policy(
        "mode: shadow\nremember: none\n" + RULES % (0.5, "block", 0.5, "flag"), actions=ACTIONS, catalog=registry
    )
    change = compare(old, new, Detection(Direction.OUTPUT, findings=(Finding("custom.a", 0.9),)))

    assert change is not None
    assert change.actions == ("block", "allow")
    assert unseen(old, new) == ("remember",)


class House:
    """A corpus, an audit of it, and policies to compare."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old = self.policy("old.yaml", POLICY)
        self.input = jsonl(folder / "it.jsonl", texts(12))
        self.audit = str(folder / "out")

    def policy(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_policies_are_compared_on_what_an_audit_stored_even_when_its_input_is_gone(
    house: House, capsys: pytest.CaptureFixture[str]
):
    run(house.input, "--policy", house.old, "--workers", "1", out=Path(house.audit))
    weaker = house.policy("new.yaml", POLICY.replace("then: block", "then: flag"))
    other = house.policy("other.yaml", POLICY.replace("[zorblax]", "[zorblax, morning]"))
    capsys.readouterr()

    assert main(["policy", "diff", house.old, other, "--on", house.audit, "--json"]) == 1
    judged = capsys.readouterr()
    assert main(["policy", "diff", house.old, weaker, "--on", house.audit, "--show-examples"]) == 1
    shown = capsys.readouterr().out
    Path(house.input).unlink()
    assert main(["policy", "diff", house.old, house.old, "--on", house.audit]) == 0
    assert main(["policy", "diff", house.old, weaker, "--on", house.audit, "--json"]) == 1
    stored = capsys.readouterr().out
    assert main(["policy", "diff", house.old, other, "--on", house.audit]) == 3
    gone = capsys.readouterr().err
    assert main(["policy", "diff", weaker, other, "--on", house.audit]) == 3
    foreign = capsys.readouterr().err

    assert "options of `keywords`" in judged.err
    report = json.loads(judged.out)
    assert (report["findings"], report["records"], report["changed"]) == ("judged now", 12, 2)
    assert report["actions"] == [{"before": "allow", "after": "block", "records": 2}]
    assert "zorblax" in shown
    report = json.loads(stored.splitlines()[-1])
    assert (report["findings"], report["changed"], report["weaker"]) == ("stored by the audit", 4, 4)
    assert {(one["before"], one["after"]) for one in report["actions"]} == {("block", "flag"), ("block", "redact")}
    assert "zorblax" not in stored
    assert "run it where the audit ran" in gone
    assert "neither" in foreign


def test_policies_are_compared_on_an_input(house: House, capsys: pytest.CaptureFixture[str]):
    new = house.policy("new.yaml", POLICY.replace("then: flag", "then: block"))

    assert main(["policy", "diff", house.old, new, "--on", house.input]) == 1
    out = capsys.readouterr().out
    assert main(["policy", "diff", house.old, new, "--on", "nowhere.jsonl"]) == 3
    (house.folder / "empty.jsonl").touch()
    assert main(["policy", "diff", house.old, new, "--on", str(house.folder / "empty.jsonl")]) == 3
    assert main(["policy", "diff", house.old, "no-such-policy", "--on", house.input]) == 3

    assert "2 of 12 records change (2 stricter, 0 weaker); findings judged now" in out
    assert "flag → block" in out
    assert "murmur" not in out
