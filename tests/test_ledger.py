"""The ledger shows what was not looked at, whatever the coverage says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guard import ledger, telemetry
from guard.actions import ACTIONS
from guard.content import Content, Direction, ImagePart, Lane, OpaquePart, Part, TextPart
from guard.decision import Coverage, Decision, Failure, FailureKind
from guard.pipeline import Engine, Pipeline
from guard.policy.loader import parse_policy
from guard.policy.model import Policy
from guard.reading import readings
from guard.stream.gate import Growing
from guard.stream.items import Delta, End, Event, Item, Pause
from guard.stream.scan import Scan, Window
from guard.streaming import AnswerJudge
from tests.fakes import CANARY, CanaryClassifier, FakeCatalog

RULES = """
policy: ledger
classifiers: {pii: {entities: [email]}}
rules:
  - {id: block-canary, when: {category: custom.canary, at_least: 0.9}, then: block}
  - {id: note, when: {category: pii.email}, then: flag}
"""
CATALOG = FakeCatalog(CanaryClassifier())
TEXT, THOUGHT = Lane(("text",), "/text"), Lane(("thought",), "/thought", "reasoning")


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with closing(Engine(CATALOG)) as engine:
        engine.ensure([policy()])
        yield Pipeline(engine)


def policy(rules: str = RULES) -> Policy:
    return parse_policy(rules, actions=ACTIONS, catalog=CATALOG)


def counted(name: str, **labels: str) -> float:
    return telemetry.REGISTRY.get_sample_value(name, labels) or 0.0


def judged(pipeline: Pipeline, *parts: Part, direction: Direction = Direction.INPUT, seconds: float = 5.0) -> Decision:
    content = Content(direction, parts, (("scalar", 2),))
    deadline = time.monotonic() + seconds
    return asyncio.run(pipeline.judge(content, policy(), decision_id="d", deadline=deadline)).decision


def streamed(pipeline: Pipeline, *items: Item) -> Decision:
    async def run() -> Decision:
        judge = AnswerJudge(pipeline, policy(), decision_id="d")
        for item in items:
            await judge.take([item], time.monotonic() + 5)
        await judge.close(time.monotonic() + 5)
        return judge.decision()

    return asyncio.run(run())


def text(said: str, pointer: str = "/0", **more: Any) -> TextPart:
    return TextPart(said, pointer, (pointer,), **more)


PARTS = st.lists(
    st.builds(
        TextPart,
        st.one_of(st.text(max_size=40), st.text(alphabet="ab. \n\\\u3002", max_size=9000)),
        pointer=st.integers(0, 10**9).map(str),
        kind=st.sampled_from(["message", "name", "key", "unknown", "tool_arguments", "reasoning", "url"]),
    ),
    max_size=6,
    unique_by=lambda part: part.pointer,
)


@given(parts=PARTS, direction=st.sampled_from(Direction))
def test_nothing_is_left_out_of_any_content(pipeline: Pipeline, parts: list[TextPart], direction: Direction) -> None:
    coverage = judged(pipeline, *parts, direction=direction).coverage
    assert coverage.unchecked == 0
    assert coverage.checked + dict(coverage.exempt).get("empty", 0) == len(parts)


def test_every_part_is_in_the_metrics_once(pipeline: Pipeline) -> None:
    names = [
        ("guard_parts_checked_total", {}),
        ("guard_parts_exempt_total", {"rule": "scalar"}),
        ("guard_parts_exempt_total", {"rule": "empty"}),
        ("guard_parts_unscannable_total", {"policy": "ledger"}),
        ("guard_parts_unchecked_total", {}),
    ]
    before = [counted(name, **labels) for name, labels in names]
    judged(pipeline, text("fine"), text("", "/1"), ImagePart(b"x", "/2"), OpaquePart("closed", "/3"))
    event = Event(None, Content(Direction.OUTPUT, (text("a name", "/4", kind="name"),), (("scalar", 1),)))
    streamed(pipeline, Delta(THOUGHT, "Let me see."), Pause(THOUGHT), event, Delta(TEXT, "It is. So"), End(TEXT))
    after = [counted(name, **labels) for name, labels in names]
    assert [now - then for now, then in zip(after, before, strict=True)] == [4, 3, 1, 2, 0]


DROPS: dict[str, Callable[..., Any]] = {
    "the last": lambda *asked: readings(*asked)[:-1],
    "all": lambda *_: [],
    "the end of each": lambda *asked: [
        one
        for one in readings(*asked)
        if one.part >= 0 or one.source.segments[-1].origin_end < 2000  # type: ignore[union-attr]
    ],
}


@pytest.mark.parametrize("dropped", DROPS)
def test_a_reading_that_is_dropped_is_counted_whatever_the_coverage_says(
    pipeline: Pipeline, dropped: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("guard_parts_unchecked_total")
    monkeypatch.setattr("guard.consulting.readings", DROPS[dropped])
    with caplog.at_level(logging.ERROR, "guard"):
        decision = judged(pipeline, text(f"so it is {CANARY} " * 100))
    assert decision.coverage.unchecked == 1
    assert (decision.action, Failure("ledger", FailureKind.ERROR, "Unchecked") in decision.failures) == ("block", True)
    assert counted("guard_parts_unchecked_total") == before + 1
    (said,) = caplog.messages
    assert CANARY not in said


def test_a_classifier_that_is_not_asked_is_counted(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgets(*_: Any) -> None:
        return None

    monkeypatch.setattr("guard.pipeline.Consultation.run", forgets)
    assert judged(pipeline, text("fine"), text("", "/1"), text("also", "/2")).coverage.unchecked == 2


def test_a_part_that_the_coverage_forgets_is_counted(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guard.pipeline._coverage", lambda *_: Coverage(1, (("scalar", 2),)))
    assert judged(pipeline, text("fine"), text("also", "/1")).coverage.unchecked == 1


def test_what_a_classifier_failed_to_read_is_a_failure_and_not_unchecked(pipeline: Pipeline) -> None:
    decision = judged(pipeline, text("fine " * 9000), seconds=-1)
    assert {failure.kind for failure in decision.failures} == {FailureKind.TIMEOUT}
    assert decision.coverage.unchecked == 0


def test_a_reading_that_is_dropped_of_a_stream_is_counted(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    items = (Delta(THOUGHT, "Let me see. Well."), Pause(THOUGHT), Delta(TEXT, "It is. And so on."), End(TEXT))
    assert streamed(pipeline, *items).coverage.unchecked == 0

    def forgets_thoughts(content: Content, *asked: Any) -> Any:
        return [] if content.parts[0].kind == "reasoning" else readings(content, *asked)

    monkeypatch.setattr("guard.stream.scan.readings", forgets_thoughts)
    coverage = streamed(pipeline, *items).coverage
    assert (coverage.checked, coverage.unchecked) == (2, 1)


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_a_window_of_a_stream_that_is_lost_is_counted_though_others_show_it_as_context(
    pipeline: Pipeline, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Scan.window
    made: list[Window] = []

    def loses_one(scan: Scan, thread: Any, classifier: Any, sentences: Any) -> Window:
        made.append(window(scan, thread, classifier, sentences))
        return made[-1].only([]) if len(made) == lost + 1 else made[-1]

    monkeypatch.setattr(Scan, "window", loses_one)
    said = ["It is so. ", "I said so. ", f"{CANARY[:-1]}. ", "That was it. ", "Well."]
    coverage = streamed(pipeline, *(Delta(TEXT, one) for one in said), End(TEXT)).coverage
    assert (coverage.checked, coverage.unchecked) == (1, 1)


def test_what_is_released_before_it_is_settled_is_counted(pipeline: Pipeline) -> None:
    growing = Growing()
    growing.thread.grow(TEXT, "It is so. And so.")
    growing.released = 9
    marks = ledger.Marks()
    assert marks.unseen([growing], ["canary"]) == 1
    assert marks.unseen([growing], []) == 0, "no rule asks about texts"
