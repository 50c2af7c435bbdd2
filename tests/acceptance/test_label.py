"""Answers that say of themselves that a machine wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guard.audit import State
from tests.acceptance.conftest import House, house
from tests.fakes import completion

POLICY = """
policy: labelling
rules:
  - id: label-answers
    directions: [output]
    when: {any: [{category: custom.canary}, {not: {category: custom.canary}}]}
    then: {label: {text: {en: "AI-generated", zh: "AI生成"}}}
"""


@pytest.fixture(scope="module")
def labelling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("labelling"), POLICY) as one:
        yield one


def ask(one: House, **more: Any) -> Any:
    return one.client().chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], **more)


def test_every_choice_is_labelled_and_the_request_is_not(labelling: House):
    labelling.begin()
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    labelling.upstream.answer = completion("one", "two\nAI生成", '{"three": 3}', tool_calls=[call])

    answer = ask(labelling, n=3, extra_headers={"Accept-Language": "zh-CN"})

    assert [choice.message.content for choice in answer.choices] == ["one\nAI生成", "two\nAI生成", '{"three": 3}']
    assert answer.choices[0].message.tool_calls[0].function.arguments == "{}"
    assert labelling.upstream.last_body["messages"] == [{"role": "user", "content": "hi"}]
    (record,) = labelling.records()
    assert (record.state, record.action, record.rules) == (State.FLAGGED, "label", ("label-answers",))


def test_a_streamed_answer_is_labelled_and_one_that_is_labelled_is_not(labelling: House):
    labelling.begin()
    texts = []
    for said in ("one", "two\nAI-generated"):
        labelling.upstream.answer = completion(said)
        texts.append("".join(chunk.choices[0].delta.content or "" for chunk in ask(labelling, stream=True)))

    assert texts == ["one\nAI-generated", "two\nAI-generated"]
