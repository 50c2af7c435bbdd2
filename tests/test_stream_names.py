"""Names are found in a streamed answer as in the whole one, by the real models."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard import registry
from guard.content import TextPart
from guard.engine import Engine
from guard.pipeline import Pipeline
from tests.test_streaming import LANE, cut, policy_of, same, stream, whole

DATA = Path(__file__).parents[1] / "benchmarks" / "data"
RULES = """
policy: names
classifiers: {pii: {entities: [person, location, organization, address, email, phone]}}
rules:
  - {id: mask, when: {category: pii, at_least: 0.5}, then: {redact: {style: label}}}
"""


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    engine = Engine(registry)
    yield Pipeline(engine)
    engine.close()


def answers() -> list[str]:
    """All sentences with personal data and as many requests, eight to an answer."""
    marked = [json.loads(line)["text"] for line in (DATA / "presidio_small.jsonl").read_text("utf-8").splitlines()]
    requests = [(DATA / f"requests_{language}.txt").read_text("utf-8").splitlines() for language in ("en", "zh")]
    mixed = [text for some in zip(marked, requests[0], requests[1], strict=False) for text in some]
    return [" ".join(mixed[at : at + 8]) for at in range(0, len(mixed), 8)]


@pytest.mark.parametrize("number", range(len(answers())))
def test_the_same_names_are_masked_however_the_answer_comes(pipeline: Pipeline, number: int) -> None:
    policy = policy_of(pipeline, RULES)
    text = answers()[number]
    wanted = whole(pipeline, policy, TextPart(text, LANE.pointer, LANE.path, "message", "assistant"))
    chooser = random.Random(number)
    assert wanted.decision.action == "redact"

    for at in (range(0, len(text), 5), sorted(chooser.sample(range(1, len(text)), 12)), []):
        got = stream(pipeline, policy, cut(text, at))

        assert [part.text for part in wanted.released.parts] == [got.text]
        same(got.decision, wanted.decision)
