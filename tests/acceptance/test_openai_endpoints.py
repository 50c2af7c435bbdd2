"""S15 to S21 for OpenAI's endpoints besides chat: a census of their fields, and the real client at each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types import Completion, CreateEmbeddingResponse, completion_create_params, embedding_create_params
from openai.types.responses import Response, ResponseStreamEvent, response_create_params

from guard.audit import State
from guard.errors import RequestError
from guard.protocols.openai_responses_stream import ResponsesStream
from tests.acceptance.census import planted
from tests.acceptance.conftest import House
from tests.fakes import CANARY, HARMLESS
from tests.protocols.gates import Gate, frames

RESPONSES, COMPLETIONS, EMBEDDINGS = "/v1/responses", "/v1/completions", "/v1/embeddings"


def response(*texts: str) -> dict[str, Any]:
    output = [
        {"type": "message", "id": f"msg_{number}", "status": "completed", "role": "assistant",
         "content": [{"type": "output_text", "text": text, "annotations": []}]}
        for number, text in enumerate(texts)
    ]  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1_790_000_000, "status": "completed", "model": "stub",
        "error": None, "incomplete_details": None, "output": output, "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [],
    }  # fmt: skip


def text_completion(*texts: str) -> dict[str, Any]:
    choices = [
        {"index": number, "text": text, "finish_reason": "stop", "logprobs": None} for number, text in enumerate(texts)
    ]
    return {"id": "cmpl-1", "object": "text_completion", "created": 1_790_000_000, "model": "stub", "choices": choices}


def embedded(*vector: float) -> dict[str, Any]:
    data = [{"object": "embedding", "index": 0, "embedding": list(vector)}]
    return {"object": "list", "model": "stub", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


ENDPOINTS: dict[str, tuple[Any, dict[str, Any], Any, dict[str, Any]]] = {
    RESPONSES: (
        response_create_params.ResponseCreateParamsNonStreaming,
        {"model": "m", "input": "hi"},
        Response,
        response("all is well"),
    ),
    COMPLETIONS: (
        completion_create_params.CompletionCreateParamsNonStreaming,
        {"model": "m", "prompt": "hi"},
        Completion,
        text_completion("all is well"),
    ),
    EMBEDDINGS: (
        embedding_create_params.EmbeddingCreateParams,
        {"model": "m", "input": "hi"},
        CreateEmbeddingResponse,
        embedded(0.25, -0.5),
    ),
}
"""By route: the type of its requests, what each of them needs, the type of its answers, and one."""
LEAST = {RESPONSES: (1500, 0.5), COMPLETIONS: (20, 0.6), EMBEDDINGS: (8, 0.5)}
"""How many places a route's request type has at least, and the share of them where the canary's own rule blocks."""


def canaries(hint: Any, base: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each place of type *hint* with the documents that have the canary and its twin there, else like *base*."""
    twins = dict(planted(hint, HARMLESS))
    for place, document in planted(hint, CANARY):
        yield place, {**base, **document}, {**base, **twins[place]}


@pytest.mark.parametrize("route", ENDPOINTS)
def test_s21_census_a_canary_in_any_field_of_a_request_never_gets_through(guarded: House, route: str) -> None:
    hint, base, _, good = ENDPOINTS[route]
    guarded.upstream.answer = good
    assert guarded.post(route, base).status == 200
    guarded.upstream.received.clear()
    count = blocked = 0
    answer = guarded.chat()
    guarded.upstream.received.clear()
    for place, document, twin in canaries(hint, base):
        count += 1
        answer = guarded.post(route, document)
        assert answer.status == 400, place
        assert CANARY.encode() not in answer.raw, place
        assert guarded.upstream.received == [], place
        if answer.json["error"]["code"] != "content_filter":
            continue
        passed = guarded.post(route, twin)
        if passed.status == 200:  # else it was refused for what it is, not for what it says
            blocked += 1
            assert guarded.upstream.last_body == {k: v for k, v in twin.items() if k != "stream"} | {
                k: v for k, v in guarded.upstream.last_body.items() if k == "stream"
            }, place
        guarded.upstream.received.clear()
    assert guarded.leaks(answer) == []
    least, share = LEAST[route]
    assert count > least
    assert blocked > share * count


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ENDPOINTS)
def test_s21_census_a_canary_in_any_field_of_an_answer_never_gets_through(
    guarded: House, route: str, stream: bool
) -> None:
    _, base, hint, good = ENDPOINTS[route]
    count = blocked = 0
    asked = base | ({"stream": True} if stream else {})
    answer = guarded.post(route, base)
    for place, document, twin in canaries(hint, good):
        if place.startswith("/instructions") or (stream and count > 400):
            continue  # the same items as those of a request
        count += 1
        guarded.upstream.answer = document
        answer = guarded.post(route, asked)
        assert answer.status in {400, 502}, place
        assert answer.json["error"]["code"] in {"content_filter", "upstream_protocol"}, place
        assert CANARY.encode() not in answer.raw, place
        guarded.upstream.answer = twin
        if answer.status == 400:
            passed = guarded.post(route, asked)
            if passed.status == 200:
                blocked += 1
                assert stream or passed.json == twin, place
    assert count > 10
    assert blocked > 0.4 * count
    assert guarded.leaks(answer) == []


def _accumulated(client: Any, text: str) -> Any:
    with client.responses.stream(model="m", input=text) as stream:
        return stream.get_final_response()


def test_s21_census_a_canary_in_any_field_of_an_event_is_there_to_be_judged() -> None:
    """Every event that openai's types know, with the canary in each place: judged, refused, or not passed on."""
    begun = {"type": "response.created", "response": {**response(), "status": "in_progress"}}
    repeated = ("<ResponseInProgress", "<ResponseQueued", "<ResponseFailed", "<ResponseIncomplete", "<ResponseCreated")
    count = judged = 0
    for place, event in planted(ResponseStreamEvent, CANARY):
        if place.startswith(repeated) or "/instructions" in place:
            continue  # an answer like that of ResponseCompletedEvent; the same items as those of a request
        count += 1
        gate = Gate(ResponsesStream({}))
        last = (
            () if "Completed" in place.partition(">")[0] else ({"type": "response.completed", "response": response()},)
        )
        try:
            out = gate.send(frames(begun, event, *last))
        except RequestError:
            continue
        if any(CANARY in text for text in gate.texts):
            judged += 1
        else:
            assert CANARY.encode() not in out, place
    assert count > 4000
    assert judged > 0.6 * count


CALLS: dict[str, tuple[Callable[[Any, str], Any], Callable[[str], Any], Callable[[Any], str]]] = {
    "responses": (
        lambda c, text: c.responses.create(model="m", input=text),
        response,
        lambda got: got.output_text,
    ),
    "responses, streamed": (
        lambda c, text: list(c.responses.create(model="m", input=text, stream=True)),
        response,
        lambda got: "".join(event.delta for event in got if event.type == "response.output_text.delta"),
    ),
    "responses, accumulated": (
        _accumulated,
        response,
        lambda got: got.output_text,
    ),
    "completions": (
        lambda c, text: c.completions.create(model="m", prompt=text),
        text_completion,
        lambda got: got.choices[0].text,
    ),
    "completions, streamed": (
        lambda c, text: list(c.completions.create(model="m", prompt=[text], stream=True)),
        text_completion,
        lambda got: "".join(chunk.choices[0].text for chunk in got),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_s21_the_real_client_gets_what_may_be_said_and_an_error_for_what_may_not(guarded: House, name: str) -> None:
    call, answer, said = CALLS[name]
    with guarded.client() as client:
        guarded.upstream.answer = answer(f"{HARMLESS}, ana@example.org")
        assert said(call(client, "hello")) == f"{HARMLESS}, <EMAIL_1>"
        for question, told in ((CANARY, HARMLESS), ("hello", CANARY)):
            guarded.upstream.answer = answer(told)
            with pytest.raises(openai.BadRequestError) as refused:
                call(client, question)
            assert refused.value.code == "content_filter"
    assert [record.state for record in guarded.records(3)] == [State.REDACTED, State.BLOCKED, State.BLOCKED]


def test_s21_the_real_client_gets_its_vectors_in_either_form(guarded: House) -> None:
    with guarded.client() as client:
        guarded.upstream.answer = embedded(0.25, -0.5)
        assert client.embeddings.create(model="m", input="x", encoding_format="float").data[0].embedding == [0.25, -0.5]
        guarded.upstream.answer["data"][0]["embedding"] = "AACAPgAAAL8="
        assert client.embeddings.create(model="m", input="x").data[0].embedding == [0.25, -0.5]
        assert guarded.upstream.last_body["encoding_format"] == "base64"
        for refused in (CANARY, [CANARY], [4, 7]):
            with pytest.raises(openai.BadRequestError):
                client.embeddings.create(model="m", input=refused)


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
    ],
)
def test_s15_what_the_generator_keeps_is_blocked_as_unscannable(guarded: House, more: dict[str, Any]) -> None:
    guarded.upstream.answer = response("x")
    answer = guarded.post(RESPONSES, {"model": "m", "input": "hi", **more})

    assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter")
    (record,) = guarded.records()
    assert sum((record.input or {})["coverage"]["unscannable"].values()) == 1


def test_s21_a_background_answer_is_refused_with_what_would_be_right(guarded: House) -> None:
    answer = guarded.post(RESPONSES, {"model": "m", "input": "hi", "background": True})

    assert (answer.status, answer.json["error"]["code"]) == (400, "unsupported_value")
    assert "background" in answer.json["error"]["message"]
    assert json.dumps(guarded.upstream.received) == "[]"
