"""S22 to S26 for OpenAI's responses and legacy completions: streams that really are streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from guard.audit import State
from tests.acceptance.conftest import House, house
from tests.fakes import CANARY, ENTITY, HARMLESS
from tests.protocols.gates import documents, frames

RESPONSES, COMPLETIONS = "/v1/responses", "/v1/completions"
ASKED = {
    RESPONSES: {"model": "m", "input": "hi", "stream": True},
    COMPLETIONS: {"model": "m", "prompt": "hi", "stream": True},
}
CALM = "All is well here. " * 12
PREFIXES = [CANARY[:length] for length in range(8, len(CANARY) + 1)]


POLICY = """\
policy: streaming
rules:
  - id: block-canary
    message: {en: "The canary is not allowed."}
    when: {category: custom.canary, at_least: 0.9}
    then: block
  - id: mask-entities
    message: {en: "Data was masked."}
    when: {category: custom.entity}
    then: redact
"""


@pytest.fixture(scope="module")
def one_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway whose classifier can read a text while it grows."""
    with house(tmp_path_factory.mktemp("house"), POLICY) as one:
        one.canary.reads = "stretches"
        yield one


@pytest.fixture
def guarded(one_house: House) -> House:
    """As good as new."""
    one_house.begin()
    return one_house


def pieces(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def responses(text: str, size: int = 4, *, call: str = "", end: bool = True) -> bytes:
    """A message of *text*, then a call with the arguments *call*, as the generator streams them."""

    def message(said: str) -> dict[str, Any]:
        part = {"type": "output_text", "text": said, "annotations": []}
        return {"type": "message", "id": "msg_0", "status": "completed", "role": "assistant", "content": [part]}

    def function(said: str) -> dict[str, Any]:
        return {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": said}

    def response(*output: Any) -> dict[str, Any]:
        return {"id": "resp_1", "object": "response", "created_at": 1, "model": "stub", "error": None,
                "incomplete_details": None, "output": list(output), "parallel_tool_calls": True,
                "tool_choice": "auto", "tools": []}  # fmt: skip

    at = {"item_id": "msg_0", "output_index": 0, "content_index": 0}
    whole = message(text)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**response(), "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**whole, "content": []}},
        {"type": "response.content_part.added", **at, "part": message("")["content"][0]},
        *({"type": "response.output_text.delta", **at, "delta": one, "logprobs": []} for one in pieces(text, size)),
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": whole["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
    ]
    output = [whole]
    if call:
        at = {"item_id": "fc_1", "output_index": 1}
        output.append(function(call))
        events += [
            {"type": "response.output_item.added", "output_index": 1, "item": function("")},
            *({"type": "response.function_call_arguments.delta", **at, "delta": one} for one in pieces(call, size)),
            {"type": "response.function_call_arguments.done", **at, "arguments": call},
            {"type": "response.output_item.done", "output_index": 1, "item": function(call)},
        ]
    if end:
        events.append({"type": "response.completed", "response": {**response(*output), "status": "completed"}})
    return frames(*({**event, "sequence_number": number} for number, event in enumerate(events)))


def completions(text: str, size: int = 4, *, end: bool = True) -> bytes:
    base = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "stub"}
    said = [{"index": 0, "text": one, "logprobs": None, "finish_reason": None} for one in pieces(text, size)]
    said.append({"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"})
    body = "".join(f"data: {json.dumps({**base, 'choices': [choice]})}\n\n" for choice in said).encode()
    return body + b"data: [DONE]\n\n" if end else body[:-20]


STREAMS = {RESPONSES: responses, COMPLETIONS: completions}


def streams(house: House, body: bytes) -> None:
    house.upstream.answer = body
    house.upstream.headers = {"Content-Type": "text/event-stream"}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 21])
@pytest.mark.parametrize("route", STREAMS)
def test_s23_nothing_of_a_blocked_sentence_is_sent_however_it_is_cut(guarded: House, route: str, size: int) -> None:
    streams(guarded, STREAMS[route](f"{CALM}It says {CANARY} and more. The end.", size))

    answer = guarded.post(route, ASKED[route])

    assert answer.status == 200
    assert not any(prefix.encode() in answer.raw for prefix in PREFIXES)
    assert b"and more" not in answer.raw
    last = documents(answer.body)[-1]
    if route == RESPONSES:
        assert (last["type"], last["response"]["incomplete_details"]) == (
            "response.incomplete", {"reason": "content_filter"}
        )  # fmt: skip
        (item,) = last["response"]["output"]
        assert item["content"][0]["text"] == "".join(one.get("delta", "") for one in documents(answer.body))
        assert CALM.startswith(item["content"][0]["text"])
        assert len(item["content"][0]["text"]) > len(CALM) // 2
    else:
        assert last["choices"][0]["finish_reason"] == "content_filter"
        assert answer.body.endswith(b"data: [DONE]\n\n")
    (record,) = guarded.records()
    assert record.state is State.BLOCKED
    assert guarded.leaks(answer) == ["upstream"] or guarded.leaks(answer) == []


@pytest.mark.parametrize("route", STREAMS)
def test_s22_a_block_of_the_first_sentence_is_like_any_other(guarded: House, route: str) -> None:
    streams(guarded, STREAMS[route](f"It says {CANARY}."))

    answer = guarded.post(route, ASKED[route])

    assert answer.status in {200, 400}
    assert CANARY.encode() not in answer.raw
    (record,) = guarded.records()
    assert record.state is State.BLOCKED


def test_s23_arguments_and_final_items_of_a_response_are_held_back_too(guarded: House) -> None:
    streams(guarded, responses(CALM, call=json.dumps({"q": f"x {CANARY}"})))

    answer = guarded.post(RESPONSES, ASKED[RESPONSES])

    assert not any(prefix.encode() in answer.raw for prefix in PREFIXES)
    assert documents(answer.body)[-1]["type"] == "response.incomplete"


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("route", STREAMS)
def test_s26_a_value_that_is_cut_is_masked_everywhere(guarded: House, route: str, size: int) -> None:
    streams(guarded, STREAMS[route](f"{HARMLESS}: write to {ENTITY} today. Or do not.", size))

    answer = guarded.post(route, ASKED[route])

    assert ENTITY.encode() not in answer.raw
    assert ENTITY[:8].encode() not in answer.raw
    wanted = f"{HARMLESS}: write to <ENTITY_1> today. Or do not."
    said = documents(answer.body)
    if route == RESPONSES:
        assert "".join(one.get("delta", "") for one in said) == wanted
        assert said[-1]["response"]["output"][0]["content"][0]["text"] == wanted
        assert [one["sequence_number"] for one in said] == list(range(len(said)))
    else:
        assert "".join(one["choices"][0]["text"] for one in said) == wanted
    (record,) = guarded.records()
    assert record.state is State.REDACTED


def test_s22_the_real_client_gets_what_was_streamed(guarded: House) -> None:
    call = json.dumps({"q": "rain"})
    streams(guarded, responses(f"{HARMLESS}. All is well.", call=call))
    with guarded.client() as client:
        with client.responses.stream(model="m", input="hi") as stream:
            kinds = [event.type for event in stream]
            whole = stream.get_final_response()
        assert whole.output_text == f"{HARMLESS}. All is well."
        assert whole.output[1].arguments == call  # type: ignore[union-attr]
        assert kinds.count("response.output_text.delta") >= 2
        streams(guarded, completions(f"{HARMLESS}. All is well."))
        chunks = list(client.completions.create(model="m", prompt="hi", stream=True))
        assert "".join(chunk.choices[0].text for chunk in chunks) == f"{HARMLESS}. All is well."
    assert guarded.upstream.last_body["stream"] is True


@pytest.mark.parametrize("route", STREAMS)
def test_s25_a_stream_that_breaks_off_ends_in_an_error_that_clients_raise_on(guarded: House, route: str) -> None:
    streams(guarded, STREAMS[route](f"{CALM}And then", end=False))

    def ask(client: Any) -> list[Any]:
        if route == RESPONSES:
            return list(client.responses.create(model="m", input="hi", stream=True))
        return list(client.completions.create(model="m", prompt="hi", stream=True))

    with guarded.client() as client, pytest.raises(openai.APIError):
        ask(client)
    (record,) = guarded.records()
    assert record.state is State.UPSTREAM_ERROR


@pytest.mark.parametrize("route", STREAMS)
@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_s24_other_line_ends_change_nothing(guarded: House, route: str, end: bytes) -> None:
    body = STREAMS[route](f"{CALM}It says {CANARY} and more.")
    streams(guarded, body)
    usual = guarded.post(route, ASKED[route])
    streams(guarded, body.replace(b"\n", end))

    assert documents(guarded.post(route, ASKED[route]).body) == documents(usual.body)


def test_s22_what_cannot_be_judged_piece_by_piece_is_asked_for_whole(guarded: House) -> None:
    tokens = [{"token": "fine", "logprob": -0.1, "bytes": [102], "top_logprobs": []}]
    part = {"type": "output_text", "text": "fine", "annotations": [], "logprobs": tokens}
    item = {"type": "message", "id": "msg_0", "status": "completed", "role": "assistant", "content": [part]}
    guarded.upstream.answer = {**documents(responses("x"))[-1]["response"], "output": [item]}

    answer = guarded.post(RESPONSES, {**ASKED[RESPONSES], "include": ["message.output_text.logprobs"]})

    assert guarded.upstream.last_body["stream"] is False
    assert documents(answer.body)[-1]["response"]["output"][0]["content"][0]["logprobs"] == tokens
