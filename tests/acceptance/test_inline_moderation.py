"""OpenAI's inline moderation, with the real client, in front of a generator that has never heard of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guard.audit import State
from tests.acceptance.conftest import House, house
from tests.fakes import completion

POLICY = """
policy: inline
classifiers: {keywords: {builtin: [profanity], min_score: 0.3}}
rules:
  - {id: flag-words, when: {category: toxicity.obscene, at_least: 0.3}, then: flag}
  - {id: flag-hate, when: {category: hate, at_least: 0.9}, then: flag}
"""
RUDE = "what the fuck is this"


@pytest.fixture(scope="module")
def inline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("inline"), POLICY) as one:
        yield one


@pytest.fixture(autouse=True)
def fresh(inline: House) -> None:
    inline.begin()


def create(one: House, text: str, *, stream: bool = False, **modes: str) -> Any:
    policy = {side: {"mode": mode} for side, mode in modes.items()}
    moderation: Any = {"model": "omni-moderation-latest", "policy": policy}
    with one.client() as client:
        answer = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": text}], moderation=moderation, stream=stream
        )
        return list(answer) if stream else answer


def test_request_and_answer_are_scored_and_the_generator_never_sees_the_field(inline: House) -> None:
    inline.upstream.answer = completion("all is well")
    answer = create(inline, RUDE)
    assert answer.choices[0].message.content == "all is well"
    assert answer.moderation.input.type == answer.moderation.output.type == "moderation_results"
    (scored,) = answer.moderation.input.results
    assert scored.flagged
    assert scored.category_scores["harassment"] > 0
    assert not answer.moderation.output.results[0].flagged
    assert "moderation" not in inline.upstream.last_body


def test_a_stream_says_it_in_one_chunk_at_its_end(inline: House) -> None:
    inline.upstream.answer = completion("All is well today. And tomorrow too.")
    chunks = create(inline, RUDE, stream=True)
    told = [chunk for chunk in chunks if chunk.moderation is not None]
    assert len(told) == 1
    assert told[0] is chunks[-1]
    assert told[0].moderation.input.results[0].flagged
    assert not told[0].moderation.output.results[0].flagged


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_may_have_blocked_what_the_policy_only_flags(inline: House, *, stream: bool) -> None:
    answer = create(inline, RUDE, stream=stream, input="block")
    ends = [choice.finish_reason for one in (answer if stream else [answer]) for choice in one.choices]
    assert ends[-1] == "content_filter"
    assert inline.upstream.received == []
    (record,) = inline.records()
    assert (record.state, record.status, record.action) == (State.BLOCKED, 200, "flag")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_the_client_wants_blocked_says_nothing(inline: House, *, stream: bool) -> None:
    inline.upstream.answer = completion(f"It is fine. {RUDE}")
    body = {
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream,
        "moderation": {"model": "omni-moderation-latest", "policy": {"output": {"mode": "block"}}},
    }  # fmt: skip
    answer = inline.post("/v1/chat/completions", body)
    assert answer.status == 200
    assert b"content_filter" in answer.body
    assert b"It is fine" not in answer.body
    assert inline.records()[0].state is State.BLOCKED


@pytest.mark.parametrize("wrong", ["on", {"model": 7}, {"model": "m", "policy": {"input": {"mode": "off"}}}])
def test_what_openai_does_not_document_is_refused(inline: House, wrong: Any) -> None:
    answer = inline.chat("hi", moderation=wrong)
    assert (answer.status, answer.json["error"]["param"][:11]) == (400, "/moderation")


def respond(one: House, *, stream: bool = False, **modes: str) -> Any:
    policy = {side: {"mode": mode} for side, mode in modes.items()}
    moderation: Any = {"model": "omni-moderation-latest", "policy": policy}
    with one.client() as client:
        answer = client.responses.create(model="m", input=RUDE, moderation=moderation, stream=stream)
        return list(answer)[-1].response if stream else answer


RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "stub", "status": "completed", "output": [
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "All is well.", "annotations": []}]}],
    "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
def test_responses_say_one_result_for_each_side(inline: House, *, stream: bool) -> None:
    inline.upstream.answer = RESPONSE
    answer = respond(inline, stream=stream)
    assert answer.output_text == "All is well."
    assert answer.moderation.input.type == "moderation_result"
    assert answer.moderation.input.flagged
    assert not answer.moderation.output.flagged
    assert "moderation" not in inline.upstream.last_body


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_that_the_client_wants_blocked_is_incomplete(inline: House, *, stream: bool) -> None:
    answer = respond(inline, stream=stream, input="block")
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "content_filter")
    assert answer.output_text == ""
    assert inline.upstream.received == []
