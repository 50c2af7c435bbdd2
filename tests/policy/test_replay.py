"""What is decided again on records, and what records cannot tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from guard import registry
from guard.actions import ACTIONS
from guard.audit.jsonl import JsonlSink
from guard.audit.record import AuditRecord, State, summarise, timestamp
from guard.audit.sqlite import SqliteSink
from guard.cli import main
from guard.content import Direction, Modality
from guard.decision import Coverage, Detection, Failure
from guard.exchange.draft import Draft
from guard.exchange.http import Reply
from guard.finding import Finding
from guard.policy.evaluate import decide
from guard.policy.loader import parse_policy
from guard.policy.model import Policy
from guard.policy.replay import replay

HEAD = "policy: house\nclassifiers: {keywords: {lists: {a: [zorblax], b: [murmur]}, builtin: []}}\nrules:\n"
OLD = (
    HEAD
    + "  - {id: one, when: {category: custom.a}, then: block}\n  - {id: two, when: {category: custom.b}, then: flag}\n"
)


def parsed(text: str) -> Policy:
    return parse_policy(text, actions=ACTIONS, catalog=registry)


OLD_POLICY = parsed(OLD)
POLICIES = [
    parsed(f"{HEAD}  - {{id: one, {where} when: {when}, then: {then}}}\n" + OLD[OLD.index("  - {id: two") :])
    for where in ("", "roles: [user],", "modalities: [image],")
    for when in (
        "{category: custom.a}",
        "{category: custom.a, at_least: 0.8}",
        "{category: custom.a, at_least: 0.2}",
        "{category: custom.a, count: 2}",
        "{not: {category: custom.a}}",
    )
    for then in ("block", "flag")
]
findings = st.builds(
    Finding,
    category=st.sampled_from(["custom.a", "custom.b", "hate"]),
    score=st.floats(0, 1).map(lambda score: round(score, 4)),
    span=st.one_of(st.none(), st.tuples(st.integers(0, 9), st.integers(10, 20))),
    role=st.sampled_from([None, "user", "assistant"]),
)
detections = st.builds(
    Detection,
    direction=st.sampled_from(Direction),
    modalities=st.just(frozenset({Modality.TEXT})),
    findings=st.lists(findings, max_size=6).map(tuple),
    failures=st.sampled_from([(), (Failure("text"),)]),
    coverage=st.sampled_from([Coverage(1), Coverage(1, (), (("/x", "a sound"),))]),
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(POLICIES), detections)
def test_what_is_decided_again_is_what_would_have_been_decided_or_is_said_to_be_in_doubt(
    policy: Policy, detection: Detection
):
    summary = json.loads(json.dumps(summarise(decide(OLD_POLICY, detection, "it"))))

    said = replay(policy, summary, detection.direction)
    truth = decide(policy, detection, "it")

    doubtful = {rule for rule, _ in said.doubtful}
    assert set(truth.rules) ^ set(said.decision.rules) <= doubtful
    assert said.open or truth.action == said.decision.action


def record(number: int, detection: Detection, mode: str = "enforce") -> AuditRecord:
    decision = decide(OLD_POLICY, detection, f"r{number}")
    return AuditRecord(
        id=f"r{number}", time=timestamp(), state=State.BLOCKED, policy="house", revision=OLD_POLICY.revision, mode=mode,
        action=decision.action, output=summarise(decision),
    )  # fmt: skip


def test_a_log_is_replayed_and_what_it_cannot_tell_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = frozenset({Modality.TEXT})
    seen = [Detection(Direction.OUTPUT, text, (Finding("custom.a", score, (0, 4), classifier="keywords"),))
            for score in (0.6, 0.9)]  # fmt: skip
    records = [record(n, one) for n, one in enumerate([*seen, Detection(Direction.OUTPUT, text)])]
    records.append(AuditRecord(id="shed", time=timestamp(), state=State.SHED))
    sqlite, lines = SqliteSink(tmp_path / "it.db"), JsonlSink(tmp_path / "it.jsonl")
    for one in records:
        sqlite.append_sync(one)
        lines.append_sync(one)
    sqlite.close()
    lines.close()
    files = {name: tmp_path / f"{name}.yaml" for name in ("old", "less", "more")}
    files["old"].write_text(OLD)
    files["less"].write_text(OLD.replace("custom.a}", "custom.a, at_least: 0.8}"))
    files["more"].write_text(OLD.replace("custom.a}", "custom.a, at_least: 0.1}"))

    def run(policy: str, log: str, *more: str) -> tuple[int, dict[str, Any]]:
        code = main(["policy", "replay", str(files[policy]), str(tmp_path / log), "--json", *more])
        return code, json.loads(capsys.readouterr().out or "{}")

    assert run("old", "it.db")[0] == 0
    for log in ("it.db", "it.jsonl"):
        code, report = run("less", log, "--under", "house")
        assert (code, report["decisions"], report["changed"], report["open"]) == (1, 3, 1, 0)
        assert report["actions"] == [{"before": "block", "after": "allow", "decisions": 1}]
        assert report["without_decision"] == 0
    code, report = run("more", "it.db")
    assert (code, report["changed"], report["open"], report["without_decision"]) == (1, 0, 1, 1)
    assert report["doubts"] == [{"rule": "one", "why": "scores below 0.5 are not on record", "decisions": 1}]
    assert main(["policy", "replay", str(files["more"]), str(tmp_path / "it.db")]) == 1
    assert "in doubt: one, 1 decisions: scores below 0.5" in capsys.readouterr().out
    assert main(["policy", "replay", str(files["old"]), str(tmp_path / "it.db"), "--under", "other"]) == 3
    assert main(["policy", "replay", str(files["old"]), str(tmp_path / "none")]) == 3
    (tmp_path / "bad.jsonl").write_text('{"id":"x","time":"t","state":"allowed","output":{"findings":3}}\n[]\n')
    code, report = run("old", "bad.jsonl")
    assert (code, report["without_decision"], report["unread"]) == (0, 1, 1)


def test_every_decision_of_a_request_for_several_is_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = frozenset({Modality.TEXT})
    draft = Draft("it", "/v1/moderations", 0.0, policy=OLD_POLICY)
    draft.inputs = [
        decide(OLD_POLICY, Detection(Direction.INPUT, text, (Finding("custom.a", score, (0, 4)),)), "it")
        for score in (0.6, 0.9)
    ]
    log = JsonlSink(tmp_path / "it.jsonl")
    log.append_sync(draft.record(Reply(200, b"")))
    log.close()
    policy = tmp_path / "less.yaml"
    policy.write_text(OLD.replace("custom.a}", "custom.a, at_least: 0.8}"))

    assert main(["policy", "replay", str(policy), str(tmp_path / "it.jsonl"), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["decisions"], report["changed"], report["without_decision"]) == (2, 1, 0)
