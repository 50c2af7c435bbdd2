from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from guard.content import AudioPart, Content, Direction, ImagePart, OpaquePart, TextPart
from guard.decision import Refusal
from guard.errors import RequestError
from guard.protocols.adapter import Answer, Exchange
from guard.protocols.openai_chat import ADAPTER


def request(*messages: Any, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": one} if isinstance(one, str | list) else one for one in messages]
    return {"model": "m", "messages": said or [{"role": "user", "content": "hi"}], **more}


def answer(*messages: Any, **more: Any) -> dict[str, Any]:
    """A completion of *messages*, one choice each."""
    choices = [
        {"index": number, "finish_reason": "stop", "logprobs": None, "message": {"role": "assistant", **message}}
        for number, message in enumerate(messages)
    ]
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, **more}


def decoded(body: Any) -> Exchange:
    return ADAPTER.decode_request(json.dumps(body).encode())


def answered(body: Any) -> Answer:
    return ADAPTER.decode_response(Exchange((), {}), json.dumps(body).encode())


def refusal(body: Any) -> RequestError:
    with pytest.raises(RequestError) as error:
        decoded(body)
    return error.value


def edited(content: Content, change: Callable[[str], str]) -> Content:
    """*content* with each text that may be edited changed, as actions do: what stays the same stays itself."""
    parts = [
        dataclasses.replace(part, text=change(part.text))
        if isinstance(part, TextPart) and part.editable and change(part.text) != part.text
        else part
        for part in content.parts
    ]
    return dataclasses.replace(content, parts=tuple(parts))


def released(body: Any, *, asked: Any = None, change: Callable[[str], str] = str) -> bytes:
    """What a client gets of the answer *body* to the request *asked*."""
    whole = answered(body)
    left = whole.content if change is str else edited(whole.content, change)
    return ADAPTER.encode_response(decoded(asked or request()), whole, left)


def chunks(stream: bytes) -> list[dict[str, Any]]:
    frames = stream.decode().removesuffix("data: [DONE]\n\n").split("\n\n")
    assert stream.endswith(b"\n\ndata: [DONE]\n\n")
    return [json.loads(frame.removeprefix("data: ")) for frame in frames if frame]


def gathered(stream: bytes) -> ChatCompletion:
    """What openai's own client makes of the stream."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks(stream):
        assert set(chunk["choices"][0]["delta"] if chunk["choices"] else ()) <= {
            "role", "content", "refusal", "tool_calls", "function_call", "reasoning_content", "annotations",
        }  # fmt: skip
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.get_final_completion()


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"q": "one"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "look_up", "arguments": '{"q": "two"}'}},
]


def test_every_text_of_a_request_is_a_part_with_its_kind_and_role():
    exchange = decoded(
        request(
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": [{"type": "text", "text": "look"}], "name": "ana"},
            {"role": "assistant", "content": None, "tool_calls": CALLS[:1], "refusal": "no"},
            {"role": "tool", "tool_call_id": "call_1", "content": "found"},
            {"role": "assistant", "content": "done", "reasoning_content": "hm"},
            {"role": "function", "name": "f", "content": "legacy"},
            stop=["end"],
        )
    )

    assert [(p.kind, p.role, p.text) for p in exchange.content.parts if isinstance(p, TextPart)] == [
        ("message", "system", "be kind"),
        ("message", "user", "look"),
        ("name", "user", "ana"),
        ("name", "assistant", "look_up"),
        ("tool_arguments", "assistant", '{"q": "one"}'),
        ("refusal", "assistant", "no"),
        ("tool_result", "tool", "found"),
        ("message", "assistant", "done"),
        ("reasoning", "assistant", "hm"),
        ("name", "function", "f"),
        ("tool_result", "function", "legacy"),
        ("name", None, "end"),
    ]
    assert (exchange.content.direction, exchange.content.model, exchange.stream) == (Direction.INPUT, "m", False)


def test_attachments_are_what_they_are():
    exchange = decoded(
        request(
            [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "image_url", "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a b.pdf"}},
            ]
        )
    )

    kinds = [type(part) for part in exchange.content.parts]
    assert kinds == [ImagePart, ImagePart, AudioPart, OpaquePart, TextPart]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-abc123"}}]},
        {"role": "assistant", "content": None, "audio": {"id": "audio_abc123"}},
    ],
)
def test_what_the_generator_keeps_and_nobody_here_saw_cannot_be_read(message: Any):
    name, file = decoded(request(message)).content.parts

    assert isinstance(name, TextPart)
    assert isinstance(file, OpaquePart)


def test_a_seed_or_a_time_that_spells_a_card_is_judged():
    for number in (4111111111111111, 411111.1111111111):
        asked = decoded(request(seed=number)).content
        whole = answered(answer({"content": ""}, created=number)).content
        for content in (asked, whole):
            assert any(isinstance(part, TextPart) and str(number) in part.text for part in content.parts)
    assert len(answered(answer({"content": "x"}, created=1_900_000_000)).content.parts) == 1


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}],
        f"![x](data:image/png;base64,{PNG})",
        f"![x](data:image/png;name=a.png;base64,{PNG})",
    ],
)
def test_a_picture_in_an_answers_content_is_a_picture(content: Any):
    assert any(isinstance(part, ImagePart) for part in answered(answer({"content": content})).content.parts)


def test_pictures_beside_an_answers_content_are_pictures():
    whole = answered(answer({"content": "x", "images": [{"b64_json": PNG}, {"image_url": {"url": PNG}}]}))

    assert [type(part) for part in whole.content.parts].count(ImagePart) == 2


def test_what_is_forwarded_is_what_was_sent():
    body = request({"role": "system", "content": "é 中 😀"}, "hi", temperature=0.5, n=3, seed=2**63, x_new={"a": [1.5]})
    exchange = decoded(body)

    assert json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=False)) == body


@pytest.mark.parametrize("options", [None, {"include_usage": True}])
def test_a_stream_is_asked_for_in_one_piece(options: Any):
    exchange = decoded(request(stream=True, stream_options=options))

    assert exchange.stream
    assert json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=False)) == request(stream=False)


def test_changed_texts_are_forwarded_in_their_places():
    body = request({"role": "system", "content": "a"}, [{"type": "text", "text": "b"}], x_new=["c"])
    exchange = decoded(body)

    forwarded = json.loads(ADAPTER.encode_request(exchange, edited(exchange.content, str.upper), stream=False))

    assert forwarded == request({"role": "system", "content": "A"}, [{"type": "text", "text": "B"}], x_new=["C"])


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", None),
        ({"model": "m"}, "missing_field", "/messages"),
        ({"model": "m", "messages": []}, "missing_field", "/messages"),
        ({"messages": [{"role": "user", "content": "x"}]}, "missing_field", "/model"),
        ({**request(), "model": 4}, "missing_field", "/model"),
        (request(stream="yes"), "invalid_type", "/stream"),
        (request({"role": "bard", "content": "x"}), "unknown_role", "/messages/0/role"),
        (request("a", [{"type": "song"}]), "unknown_type", "/messages/1/content/0/type"),
        (request({"role": "user", "content": 5}), "invalid_type", "/messages/0/content"),
        (request(Model="x"), "case_variant_key", None),
        (request(api_base="x"), "policy_override", None),
        (request(metadata={"Guardrails": []}), "policy_override", None),
    ],
)
def test_a_refusal_names_the_place(body: Any, code: str, param: str | None):
    error = refusal(body)

    assert (error.code, error.param) == (code, param)


def test_every_text_of_an_answer_is_a_part_of_the_generator():
    whole = answered(
        answer(
            {"content": "one", "reasoning": "why", "annotations": [{"url_citation": {"title": "t"}}]},
            {"content": None, "refusal": "no", "tool_calls": CALLS, "audio": {"id": "a", "transcript": "said"}},
            {"content": [{"type": "text", "text": "in parts"}], "function_call": {"name": "f", "arguments": "{}"}},
        )
    )  # fmt: skip

    assert [p.text for p in whole.content.parts if isinstance(p, TextPart)] == [
        "one", "why", "t", "no", "look_up", '{"q": "one"}', "look_up", '{"q": "two"}', "said",
        "text", "in parts", "f", "{}",
    ]  # fmt: skip
    assert {part.role for part in whole.content.parts} == {"assistant"}
    assert whole.content.direction is Direction.OUTPUT


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{"index": 0, "text": "a completion of the other kind"}]},
        {"choices": [{"index": 0, "delta": {"content": "a chunk"}}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": "x"}]},
        {"choices": [{"message": {"Content": "x"}}]},
    ],
)
def test_an_answer_of_another_shape_is_refused(body: Any):
    with pytest.raises(RequestError):
        answered(body)


@pytest.mark.parametrize("numbers", [(0, 0), (1, 1), (0, 2), (1, 2), (-1, 0), (1, None), (0, 1, 1), (1,)])
def test_choices_that_clients_would_put_together_are_refused(numbers: tuple[int | None, ...]):
    body = answer(*({"content": "x"} for _ in numbers))
    for choice, number in zip(body["choices"], numbers, strict=True):
        choice["index"] = number

    with pytest.raises(RequestError) as error:
        answered(body)

    assert (error.value.code, error.value.param) == ("invalid_value", "/choices")


def test_an_answer_comes_back_as_it_was():
    body = answer({"content": "é 中 😀"}, {"content": None, "tool_calls": CALLS}, usage={"total_tokens": 3}, x_new=[1])

    assert json.loads(released(body)) == body


def test_an_answers_changed_texts_come_back_in_their_places():
    body = answer({"content": "one"}, {"content": "two", "reasoning": "why"})

    texts = [choice["message"] for choice in json.loads(released(body, change=str.upper))["choices"]]

    assert texts == [
        {"role": "assistant", "content": "ONE"},
        {"role": "assistant", "content": "TWO", "reasoning": "WHY"},
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_a_changed_choice_loses_its_tokens_and_the_others_keep_theirs(*, stream: bool):
    body = answer({"content": "my secret"}, {"content": "fine"})
    for choice, token in zip(body["choices"], ("my secret", "fine"), strict=True):
        choice["logprobs"] = {"content": [{"token": token, "logprob": -1, "bytes": None, "top_logprobs": []}]}

    sent = released(body, asked=request(stream=stream), change=lambda text: text.replace("my secret", "<X>"))

    assert b"secret" not in sent
    whole = gathered(sent) if stream else ChatCompletion.model_validate_json(sent)
    assert [choice.message.content for choice in whole.choices] == ["<X>", "fine"]
    assert [choice.logprobs is None for choice in whole.choices] == [True, False]


def test_tokens_go_when_the_text_beside_them_changes_even_if_they_spell_it_otherwise():
    body = answer({"content": "my secret"})
    body["choices"][0]["logprobs"] = {"content": [{"token": "MY SECRET", "logprob": -1}]}

    sent = released(body, change=lambda text: text.replace("my secret", "<X>"))

    assert json.loads(sent)["choices"][0]["logprobs"] is None


@pytest.mark.parametrize(
    "message",
    [
        {"content": "all is well"},
        {"content": ""},
        {"content": None, "refusal": "no"},
        {"content": None, "tool_calls": CALLS},
        {"content": "let me see", "tool_calls": CALLS},
        {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"content": "x", "reasoning_content": "why"},
    ],
    ids=lambda message: "+".join(key for key, value in message.items() if value is not None),
)
def test_a_stream_says_to_the_real_client_what_the_whole_answer_says(message: dict[str, Any]):
    body = answer(message, system_fingerprint="fp")
    body["choices"][0]["finish_reason"] = "tool_calls" if "tool_calls" in message else "stop"

    whole = gathered(released(body, asked=request(stream=True)))

    expected = ChatCompletion.model_validate(body)
    got, wanted = whole.choices[0], expected.choices[0]
    assert got.finish_reason == wanted.finish_reason
    assert (got.message.content or "", got.message.refusal) == (wanted.message.content or "", wanted.message.refusal)
    for calls, wanted_calls in [(got.message.tool_calls or [], wanted.message.tool_calls or [])]:
        assert [call.model_dump(include={"id", "type"}) for call in calls] == [
            call.model_dump(include={"id", "type"}) for call in wanted_calls
        ]
        assert [call.function.arguments for call in calls] == [  # type: ignore[union-attr]
            call.function.arguments for call in wanted_calls  # type: ignore[union-attr]
        ]  # fmt: skip
    assert (whole.id, whole.model, whole.system_fingerprint) == (expected.id, expected.model, "fp")


def test_choices_of_a_stream_keep_their_numbers():
    body = answer({"content": "a"}, {"content": "b"}, {"content": "c"})
    for choice, number in zip(body["choices"], (2, 0, 1), strict=True):
        choice["index"] = number

    whole = gathered(released(body, asked=request(stream=True)))

    assert {choice.index: choice.message.content for choice in whole.choices} == {2: "a", 0: "b", 1: "c"}


def test_choices_without_numbers_are_counted():
    body = answer({"content": "a"}, {"content": "b"})
    for choice in body["choices"]:
        del choice["index"]

    numbers = [chunk["choices"][0]["index"] for chunk in chunks(released(body, asked=request(stream=True)))]

    assert numbers == [0, 0, 0, 1, 1, 1]


def test_a_stream_begins_with_the_first_choice():
    body = answer({"content": "a"}, {"content": "b"})
    body["choices"].reverse()

    numbers = [chunk["choices"][0]["index"] for chunk in chunks(released(body, asked=request(stream=True)))]

    assert numbers == [0, 0, 0, 1, 1, 1]


def test_a_refusals_tokens_are_streamed_with_it():
    body = answer({"content": None, "refusal": "no"})
    body["choices"][0]["logprobs"] = {"content": None, "refusal": [{"token": "no", "logprob": -1}]}

    (frame,) = [c for c in chunks(released(body, asked=request(stream=True))) if c["choices"][0].get("logprobs")]

    assert frame["choices"][0]["delta"] == {"refusal": "no"}


def test_usage_is_the_last_chunk_and_only_when_asked_for():
    body = answer({"content": "a"}, usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})

    asked = chunks(released(body, asked=request(stream=True, stream_options={"include_usage": True})))
    unasked = chunks(released(body, asked=request(stream=True)))

    assert (asked[-1]["choices"], asked[-1]["usage"]["total_tokens"]) == ([], 3)
    assert all(chunk["usage"] is None for chunk in asked[:-1])
    assert all("usage" not in chunk for chunk in unasked)
    assert len(asked) == len(unasked) + 1


def test_each_choice_of_a_stream_begins_with_its_role_and_ends_with_its_reason():
    frames = chunks(released(answer({"content": "a"}), asked=request(stream=True)))

    assert frames[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [frame["choices"][0]["finish_reason"] for frame in frames] == [None, None, "stop"]
    assert {frame["object"] for frame in frames} == {"chat.completion.chunk"}


def test_an_error_of_the_generator_is_read_leaf_by_leaf():
    body = {"error": {"message": "no such word: secret", "code": 400, "type": "invalid"}, "detail": ["secret"]}
    failure = ADAPTER.decode_failure(json.dumps(body).encode())

    assert [(p.kind, p.text) for p in failure.content.parts if isinstance(p, TextPart)] == [
        ("error", "no such word: secret"), ("error", "invalid"), ("key", "detail"), ("error", "secret"),
    ]  # fmt: skip
    masked = edited(failure.content, lambda text: text.replace("secret", "<X>"))
    assert json.loads(ADAPTER.encode_failure(failure, masked)) == {
        "error": {"message": "no such word: <X>", "code": 400, "type": "invalid"}, "detail": ["<X>"],
    }  # fmt: skip


def test_an_error_that_is_no_object_is_refused():
    with pytest.raises(RequestError):
        ADAPTER.decode_failure(b'"Bad Gateway"')


def test_a_refusal_is_an_error_the_client_knows():
    body = json.loads(ADAPTER.encode_refusal(Refusal("content_filter", "Not here.", ("rule",))))

    assert body == {
        "error": {"message": "Not here.", "type": "invalid_request_error", "param": None, "code": "content_filter"}
    }
