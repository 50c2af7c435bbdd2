"""S15 to S21 for OpenAI's endpoints besides chat: a census of their fields, and the real client at each."""

from __future__ import annotations

import base64
import json
import typing
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types import (
    Completion,
    CreateEmbeddingResponse,
    ImagesResponse,
    completion_create_params,
    embedding_create_params,
    image_create_variation_params,
    image_edit_params,
    image_generate_params,
)
from openai.types.audio import transcription_create_params, translation_create_params
from openai.types.responses import Response, ResponseStreamEvent, response_create_params

from guard.audit import State
from guard.errors import RequestError
from guard.protocols.multipart import read_form
from guard.protocols.openai_responses_stream import ResponsesStream
from tests.acceptance.census import planted
from tests.acceptance.conftest import POLICY, House, house
from tests.fakes import CANARY, HARMLESS, form as form_of
from tests.protocols.gates import Gate, frames

RESPONSES, COMPLETIONS, EMBEDDINGS = "/v1/responses", "/v1/completions", "/v1/embeddings"
IMAGES, EDITS = "/v1/images/generations", "/v1/images/edits"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
WAV = b"RIFF\0\0\0\0WAVE" + bytes(40)
FORMS: tuple[tuple[str, Any, dict[str, str], str], ...] = (
    (EDITS, image_edit_params.ImageEditParamsBase, {"prompt": "x"}, "image"),
    ("/v1/images/variations", image_create_variation_params.ImageCreateVariationParams, {}, "image"),
    ("/v1/audio/transcriptions", transcription_create_params.TranscriptionCreateParamsBase, {"model": "m"}, "file"),
    ("/v1/audio/translations", translation_create_params.TranslationCreateParams, {"model": "m"}, "file"),
)
"""By route: the type of its requests, the texts and the file that each of them needs."""


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
    IMAGES: (
        image_generate_params.ImageGenerateParamsNonStreaming,
        {"model": "gpt-image-2", "prompt": "hi"},
        ImagesResponse,
        {"created": 1, "data": []},
    ),
    EDITS: (  # in JSON: the SDK's own type is of forms
        image_generate_params.ImageGenerateParamsNonStreaming,
        {"model": "gpt-image-2", "prompt": "hi"},
        ImagesResponse,
        {"created": 1, "data": []},
    ),
}
"""By route: the type of its requests, what each of them needs, the type of its answers, and one."""
OF_STREAMS = frozenset(("stream", "partial_images"))
"""Fields that the gateway leaves out where it asks for one piece."""
LEAST = {RESPONSES: (1500, 0.5), COMPLETIONS: (20, 0.6), EMBEDDINGS: (8, 0.5), IMAGES: (20, 0.6), EDITS: (20, 0.6)}
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
            ours = {*OF_STREAMS, *(("moderation",) if route == "/v1/responses" else ())}  # answered here
            told = {key: value for key, value in guarded.upstream.last_body.items() if key not in ours}
            assert told == {key: value for key, value in twin.items() if key not in ours}, place
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


PICTURES: dict[str, Callable[[Any, str], Any]] = {
    "generate": lambda c, text: c.images.generate(model="dall-e-3", prompt=text),
    "edit": lambda c, text: c.images.edit(model="dall-e-2", image=("a.png", PNG), prompt=text),
    "edit of two": lambda c, text: c.images.edit(model="m", image=[("a.png", PNG), ("b.png", PNG)], prompt=text),
    "edit with a mask": lambda c, text: c.images.edit(
        model="m", image=("a.png", PNG), mask=("m.png", PNG), prompt=text
    ),
    "vary": lambda c, text: c.images.create_variation(model="m", image=("a.png", PNG), user=text),
}


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway whose policy lets through what no classifier can read."""
    policy = POLICY.read_text(encoding="utf-8") + "unscannable: allow\n"
    with house(tmp_path_factory.mktemp("lenient"), policy) as one:
        yield one


def fields_of(request: bytes) -> dict[str, Any]:
    """The fields of a form that the upstream got."""
    head, _, body = request.partition(b"\r\n\r\n")
    kind = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:"))
    return {field["name"]: field["value"] for field in read_form(body, kind.partition(b":")[2].strip())}


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", PICTURES)
def test_s21_the_real_client_gets_pictures_and_an_error_for_what_may_not_be_said(lenient: House, name: str) -> None:
    lenient.begin()
    call = PICTURES[name]
    with lenient.client() as client:
        picture = {"b64_json": base64.b64encode(PNG).decode(), "revised_prompt": "for ana@example.org"}
        lenient.upstream.answer = {"created": 1, "data": [picture]}
        (got,) = call(client, f"{HARMLESS}, ana@example.org").data
        assert (got.b64_json, got.revised_prompt) == (picture["b64_json"], "for <EMAIL_1>")
        asked = lenient.upstream.last_body if name == "generate" else fields_of(lenient.upstream.received[-1])
        assert asked["response_format"] == "b64_json"
        assert f"{HARMLESS}, <EMAIL_1>" in asked.values()
        if name != "generate":
            assert PNG in asked.values()
        for question, told in ((CANARY, HARMLESS), ("hello", CANARY)):
            lenient.upstream.answer = {"created": 1, "data": [{**picture, "revised_prompt": told}]}
            with pytest.raises(openai.BadRequestError) as refused:
                call(client, question)
            assert refused.value.code == "content_filter"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_s15_pictures_and_sound_that_nothing_reads_are_blocked_both_ways(guarded: House) -> None:
    guarded.upstream.answer = {"created": 1, "data": [{"b64_json": base64.b64encode(PNG).decode()}]}
    with guarded.client() as client:
        for call in (
            lambda: client.images.generate(model="m", prompt="x"),
            lambda: client.images.create_variation(model="m", image=("a.png", PNG)),
            lambda: client.audio.transcriptions.create(model="m", file=("a.wav", WAV)),
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                call()
            assert refused.value.code == "content_filter"
        guarded.upstream.answer = WAV
        guarded.upstream.headers = {"Content-Type": "audio/wav"}
        with pytest.raises(openai.BadRequestError):
            client.audio.speech.create(model="m", voice="alloy", input="x")
    assert len(guarded.upstream.received) == 2


def test_s21_the_real_client_gets_a_stream_of_whole_pictures(lenient: House) -> None:
    lenient.begin()
    lenient.upstream.answer = {"created": 1, "data": [{"b64_json": base64.b64encode(PNG).decode()}]}
    with lenient.client() as client:
        (event,) = client.images.generate(model="gpt-image-2", prompt="x", stream=True, partial_images=2)
    assert event.type == "image_generation.completed"
    assert lenient.upstream.last_body == {"model": "gpt-image-2", "prompt": "x"}


def test_s21_the_real_client_hears_what_is_said(lenient: House) -> None:
    lenient.begin()
    lenient.upstream.answer = WAV
    lenient.upstream.headers = {"Content-Type": "audio/wav"}
    with lenient.client() as client:
        got = client.audio.speech.create(model="m", voice="alloy", input=f"{HARMLESS}, ana@example.org")
        assert got.content == WAV
        assert got.response.headers["content-type"] == "audio/wav"
        assert lenient.upstream.last_body["input"] == f"{HARMLESS}, <EMAIL_1>"
        with pytest.raises(openai.BadRequestError):
            client.audio.speech.create(model="m", voice="alloy", input=CANARY)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
@pytest.mark.parametrize("task", ["transcriptions", "translations"])
@pytest.mark.parametrize(
    ("form", "media_type"),
    [("json", "application/json"), ("verbose_json", "application/json"), ("text", "text/plain"), ("vtt", "text/vtt")],
)
def test_s21_the_real_client_reads_what_was_heard(lenient: House, task: str, form: str, media_type: str) -> None:
    lenient.begin()
    lenient.upstream.headers = {"Content-Type": media_type}

    def hear(text: str, prompt: str = "x") -> Any:
        lenient.upstream.answer = (
            {"text": text, "duration": 1.234567891, "language": "en"} if "json" in form else text.encode()
        )
        with lenient.client() as client:
            got = getattr(client.audio, task).create(
                model="m", file=("a.wav", WAV), response_format=form, prompt=prompt
            )
        return got if isinstance(got, str) else got.text

    assert hear(f"{HARMLESS}, ana@example.org") == f"{HARMLESS}, <EMAIL_1>"
    assert fields_of(lenient.upstream.received[-1])["file"] == WAV
    for text, prompt in ((CANARY, "x"), ("x", CANARY)):
        with pytest.raises(openai.BadRequestError) as refused:
            hear(text, prompt)
        assert refused.value.code == "content_filter"
    assert CANARY.encode() not in lenient.upstream.everything


def test_s21_census_a_canary_in_any_field_of_a_form_never_gets_through(lenient: House) -> None:
    """Every field that openai's types know, as the SDK would write it, with the canary in its name or value."""
    lenient.begin()
    lenient.upstream.answer = {"created": 1, "data": [], "text": "x"}
    count = blocked = 0
    for route, hint, base, upload in FORMS:
        for name in sorted({*typing.get_type_hints(hint), "undeclared", "list[]"} - {upload}):
            for phrase in (CANARY, HARMLESS):
                kind, body = form_of((upload, ("a.bin", PNG)), **{**base, name: phrase})
                answer = lenient.post(route, body, {"Content-Type": kind})
                if phrase == CANARY:
                    count += 1
                    assert answer.status == 400, (route, name)
                    assert CANARY.encode() not in lenient.upstream.everything + answer.raw, (route, name)
                    blocked += answer.json["error"]["code"] == "content_filter"
        kind, body = form_of((upload, (CANARY, PNG)), **base)
        assert lenient.post(route, body, {"Content-Type": kind}).status == 400
    assert count > 40
    assert blocked > 0.7 * count


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
