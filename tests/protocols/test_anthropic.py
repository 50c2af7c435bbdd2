from __future__ import annotations

import base64
import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from anthropic.types import Message
from anthropic.types.beta import BetaMessage
from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming as BetaParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

from guard.content import Content, Direction, ImagePart, OpaquePart, TextPart
from guard.decision import Refusal
from guard.errors import RequestError
from guard.protocols.adapter import Answer, Exchange
from guard.protocols.anthropic import ADAPTER
from guard.protocols.anthropic_count import ADAPTER as COUNT
from guard.protocols.sealed import LONGEST_SEAL, is_sealed
from tests.acceptance.census import minimal, planted
from tests.fakes import CANARY

SEAL = base64.b64encode(bytes(range(128, 256)) * 2).decode()
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


def request(*messages: Any, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": one} if isinstance(one, str | list) else one for one in messages]
    return {"model": "m", "max_tokens": 9, "messages": said or [{"role": "user", "content": "hi"}], **more}


def answer(*blocks: Any, **more: Any) -> dict[str, Any]:
    """A message of *blocks*; a plain string is a text."""
    content = [{"type": "text", "text": one} if isinstance(one, str) else one for one in blocks]
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 5}, **more,
    }  # fmt: skip


def decoded(body: Any) -> Exchange:
    return ADAPTER.decode_request(json.dumps(body).encode())


def answered(body: Any) -> Answer:
    return ADAPTER.decode_response(Exchange((), {}), json.dumps(body).encode())


def edited(content: Content, change: Callable[[str], str]) -> Content:
    """*content* with each text that may be edited changed, as actions do: what stays the same stays itself."""
    parts = [
        dataclasses.replace(part, text=change(part.text))
        if isinstance(part, TextPart) and part.editable and change(part.text) != part.text
        else part
        for part in content.parts
    ]
    return dataclasses.replace(content, parts=tuple(parts))


def released(body: Any, change: Callable[[str], str] = str) -> dict[str, Any]:
    whole = answered(body)
    sent: dict[str, Any] = json.loads(ADAPTER.encode_response(decoded(request()), whole, edited(whole.content, change)))
    return sent


def told(content: Content) -> list[tuple[str, str | None, str]]:
    return [(p.kind, p.role, p.text) for p in content.parts if isinstance(p, TextPart)]


def test_every_text_of_a_request_is_a_part_with_its_kind_and_role():
    content = decoded(
        request(
            "hello",
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": SEAL},
                    {"type": "redacted_thinking", "data": SEAL},
                    {"type": "text", "text": "let me see"},
                    {"type": "tool_use", "id": "t1", "name": "look_up", "input": {"q": "one", "deep": [{"r": "two"}]}},
                ],
            },
            [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "found"}]},
                {"type": "tool_result", "tool_use_id": "t2", "content": "plain"},
            ],
            {"role": "system", "content": "mind that"},
            system=[{"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
            tools=[{"name": "look_up", "input_schema": {"type": "object"}}],
            stop_sequences=["end"],
            metadata={"user_id": "ana"},
        )
    ).content

    assert told(content) == [
        ("message", "user", "hello"),
        ("reasoning", "assistant", "hm"),
        ("message", "assistant", "let me see"),
        ("name", "assistant", "look_up"),
        ("name", "assistant", "q"),
        ("tool_arguments", "assistant", "one"),
        ("name", "assistant", "deep"),
        ("name", "assistant", "r"),
        ("tool_arguments", "assistant", "two"),
        ("tool_result", "tool", "found"),
        ("tool_result", "tool", "plain"),
        ("message", "system", "mind that"),
        ("message", "system", "be kind"),
        ("tool_schema", None, "look_up"),
        ("tool_schema", None, "input_schema"),
        ("tool_schema", None, "object"),
        ("name", None, "end"),
        ("name", None, "ana"),
    ]
    assert dict(content.exempt)["sealed"] == 2
    assert (content.direction, content.model) == (Direction.INPUT, "m")


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}, ImagePart),
        ({"type": "image", "source": {"type": "url", "url": f"data:image/png;base64,{PNG}"}}, ImagePart),
        ({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}, OpaquePart),
        ({"type": "image", "source": {"type": "file", "file_id": "file_1"}}, OpaquePart),
        ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
         OpaquePart),
        ({"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}}, OpaquePart),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "said"}}, TextPart),
        ({"type": "container_upload", "file_id": "file_1"}, OpaquePart),
        ({"type": "tool_result", "tool_use_id": "t", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]}, ImagePart),
    ],
)  # fmt: skip
def test_media_are_what_they_are(block: Any, kind: type):
    assert any(type(part) is kind for part in decoded(request([block])).content.parts)


def test_what_is_forwarded_is_what_was_sent():
    body = request(
        "é 中 😀",
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": SEAL}]},
        system="s",
        temperature=0.5,
        x_new={"a": [1.5]},
    )
    exchange = decoded(body)

    assert json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=False)) == body


@pytest.mark.parametrize("asked", [None, False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_a_stream_is_asked_for_as_the_gateway_wants_it(asked: bool | None, wanted: bool):
    exchange = decoded(request() if asked is None else request(stream=asked))

    sent = json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=wanted))

    assert exchange.stream is bool(asked)
    assert bool(sent.get("stream")) is wanted
    assert {key: value for key, value in sent.items() if key != "stream"} == request()


@pytest.mark.parametrize("direction", ["request", "answer"])
def test_thinking_that_was_changed_loses_its_signature_and_other_thinking_keeps_it(direction: str):
    blocks = [
        {"type": "thinking", "thinking": "my secret", "signature": SEAL},
        {"type": "thinking", "thinking": "fine", "signature": SEAL},
    ]

    def change(text: str) -> str:
        return text.replace("my secret", "<X>")

    if direction == "answer":
        left = released(answer(*blocks), change)["content"]
    else:
        exchange = decoded(request({"role": "assistant", "content": blocks}))
        sent = ADAPTER.encode_request(exchange, edited(exchange.content, change), stream=False)
        left = json.loads(sent)["messages"][0]["content"]

    assert left == [{"type": "thinking", "thinking": "<X>", "signature": ""}, blocks[1]]


@pytest.mark.parametrize(
    ("value", "sealed"),
    [
        (SEAL, True),
        (SEAL.replace("/", "_").replace("+", "-").rstrip("="), True),
        (base64.b64encode(CANARY.encode() * 8).decode(), False),
        (base64.b64encode("很长的一段文字，人人可读。".encode() * 8).decode(), False),
        (PNG, False),
        (SEAL[:40], False),
        (SEAL[:-8] + " says no", False),
        ("A" * (LONGEST_SEAL + 4), False),
        (base64.b64encode(os.urandom(300)).decode(), True),
    ],
)
def test_a_seal_is_long_base64_of_bytes_that_nobody_can_read(value: str, sealed: bool):
    content = answered(answer({"type": "redacted_thinking", "data": value})).content

    assert is_sealed(value) is sealed
    assert len(content.parts) == (0 if sealed else 1)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", None),
        ({"model": "m"}, "missing_field", "/messages"),
        ({"model": "m", "messages": []}, "missing_field", "/messages"),
        ({"messages": [{"role": "user", "content": "x"}]}, "missing_field", "/model"),
        (request(stream="yes"), "invalid_type", "/stream"),
        (request({"role": "bard", "content": "x"}), "unknown_role", "/messages/0/role"),
        (request("a", [{"type": "song"}]), "unknown_type", "/messages/1/content/0/type"),
        (request({"role": "user", "content": 5}), "invalid_type", "/messages/0/content"),
        (request([{"type": "tool_result", "content": [{"type": "song"}]}]), "unknown_type",
         "/messages/0/content/0/content/0/type"),
        (request([{"type": "image", "source": {"type": "path"}}]), "unknown_type",
         "/messages/0/content/0/source/type"),
        (request(Model="x"), "case_variant_key", None),
        (request([{"type": "text", "Text": "x"}]), "case_variant_key", "/messages/0/content/0"),
        (request(api_base="x"), "policy_override", None),
        (request(metadata={"Guardrails": []}), "policy_override", None),
    ],
)  # fmt: skip
def test_a_refusal_names_the_place(body: Any, code: str, param: str | None):
    with pytest.raises(RequestError) as error:
        decoded(body)

    assert (error.value.code, error.value.param) == (code, param)


def test_every_text_of_an_answer_is_a_part_of_the_generator():
    content = answered(
        answer(
            {"type": "thinking", "thinking": "why", "signature": SEAL},
            {"type": "text", "text": "one", "citations": [
                {"type": "char_location", "cited_text": "said there", "document_index": 0, "document_title": "t",
                 "start_char_index": 0, "end_char_index": 3}]},
            {"type": "tool_use", "id": "t1", "name": "look_up", "input": {"q": "two"}},
            {"type": "web_search_tool_result", "tool_use_id": "t2", "content": [
                {"type": "web_search_result", "title": "a page", "url": "https://example.org", "page_age": "May 1",
                 "encrypted_content": SEAL}]},
            {"type": "code_execution_tool_result", "tool_use_id": "t3", "content": {
                "type": "code_execution_result", "stdout": "out", "stderr": "err", "return_code": 0, "content": []}},
            stop_sequence="halt",
        )
    ).content  # fmt: skip

    assert told(content) == [
        ("reasoning", "assistant", "why"),
        ("message", "assistant", "one"),
        ("message", "assistant", "said there"),
        ("message", "assistant", "t"),
        ("name", "assistant", "look_up"),
        ("name", "assistant", "q"),
        ("tool_arguments", "assistant", "two"),
        ("tool_result", "assistant", "a page"),
        ("url", "assistant", "https://example.org"),
        ("name", "assistant", "May 1"),
        ("tool_result", "assistant", "out"),
        ("tool_result", "assistant", "err"),
        ("name", "assistant", "halt"),
    ]
    assert content.direction is Direction.OUTPUT


@pytest.mark.parametrize(
    "body",
    [[], {}, {"content": {}}, {"content": [None]}, {"content": [{"type": "song"}]}, {"content": None},
     {"type": "error", "error": {"type": "api_error", "message": "x"}}, {"Content": []}],
)  # fmt: skip
def test_an_answer_of_another_shape_is_refused(body: Any):
    with pytest.raises(RequestError):
        answered(body)


def test_an_answer_comes_back_as_it_was_but_for_what_was_changed():
    body = answer(
        "é 中 secret 😀", {"type": "tool_use", "id": "t", "name": "f", "input": {"q": ["secret", 1]}}, x_new=["secret"]
    )

    assert released(body) == body
    masked = released(body, lambda text: text.replace("secret", "<X>"))
    assert masked == json.loads(json.dumps(body, ensure_ascii=False).replace("secret", "<X>"))


def test_an_error_of_the_generator_is_read_leaf_by_leaf():
    body = {"type": "error", "error": {"type": "not_found_error", "message": "no model: secret"}, "request_id": "req_1"}
    failure = ADAPTER.decode_failure(json.dumps(body).encode())

    masked = edited(failure.content, lambda text: text.replace("secret", "<X>"))
    assert json.loads(ADAPTER.encode_failure(failure, masked))["error"]["message"] == "no model: <X>"
    with pytest.raises(RequestError):
        ADAPTER.decode_failure(b'"Bad Gateway"')


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("content_filter", "invalid_request_error"),
        ("guard_overloaded", "overloaded_error"),
        ("guard_timeout", "api_error"),
        ("unauthorized", "authentication_error"),
        ("upstream_unreachable", "api_error"),
        ("upstream_429", "rate_limit_error"),
        ("unknown_type", "invalid_request_error"),
    ],
)
def test_a_refusal_is_an_error_the_client_knows(code: str, kind: str):
    body = json.loads(ADAPTER.encode_refusal(Refusal(code, "Not here.", ("rule",))))

    assert body == {"type": "error", "error": {"type": kind, "message": "Not here.", "code": code}}


def test_a_count_is_guarded_like_the_request_it_is_about():
    exchange = COUNT.decode_request(json.dumps({**request("look"), "stream": True}).encode())
    whole = COUNT.decode_response(exchange, b'{"input_tokens": 14, "note": "x"}')

    assert [text for _, _, text in told(exchange.content)] == ["look"]
    assert not exchange.stream
    assert COUNT.open_stream(exchange) is None
    assert [text for _, _, text in told(whole.content)] == ["note", "x"]
    assert json.loads(COUNT.encode_response(exchange, whole, whole.content)) == {"input_tokens": 14, "note": "x"}


@pytest.mark.parametrize("hint", [MessageCreateParamsNonStreaming, MessageCreateParamsStreaming, BetaParams])
def test_census_a_text_in_any_field_of_a_request_is_a_part_or_refused(hint: Any):
    assert decoded(minimal(hint)).content.parts
    count = refused = 0
    for place, document in planted(hint, CANARY):
        count += 1
        try:
            content = decoded(document).content
        except RequestError:
            refused += 1
            continue
        assert _holds(content, place), place
    assert count > 2000
    assert refused < 0.1 * count


@pytest.mark.parametrize("hint", [Message, BetaMessage])
def test_census_a_text_in_any_field_of_an_answer_is_a_part_or_refused(hint: Any):
    count = refused = 0
    for place, document in planted(hint, CANARY):
        count += 1
        try:
            content = answered(document).content
        except RequestError:
            refused += 1
            continue
        assert _holds(content, place), place
    assert count > 300
    assert refused < 0.15 * count


@pytest.mark.parametrize("hint", [MessageCreateParamsNonStreaming, BetaParams])
def test_census_no_documented_field_of_a_request_is_an_unknown_one(hint: Any):
    for place, document in planted(hint, "word"):
        if place.endswith(("~key", "/undeclared", "/?")) or place.startswith("/betas"):  # that one travels as a header
            continue
        try:
            content = decoded(document).content
        except RequestError:
            continue
        assert not any(part.kind in {"key", "unknown"} for part in content.parts), place


def _holds(content: Content, place: str) -> bool:
    """Whether the canary is seen: as text, or as a medium that cannot be read where only a medium may stand."""
    if any(isinstance(part, TextPart) and CANARY in part.text for part in content.parts):
        return True
    return "/data" in place and any(not isinstance(part, TextPart) for part in content.parts)
