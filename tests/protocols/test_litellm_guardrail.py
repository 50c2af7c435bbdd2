from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from guard.content import Content, Direction, ImagePart, OpaquePart, TextPart
from guard.decision import Refusal
from guard.errors import RequestError
from tests.protocols.dropins import answered, decoded

ROUTE = "/beta/litellm_basic_guardrail_api"
PICTURE = "iVBORw0KGgo" + "A" * 64


def ask(kind: str = "request", **more: Any) -> dict[str, Any]:
    return {"input_type": kind, "texts": ["good day"], **more}


def read(**more: Any) -> Content:
    return decoded(ROUTE, ask(**more)).content


def masked(exchange: Any, pointer: str, text: str) -> Content:
    """The content of *exchange* with another *text* in one place."""
    content = exchange.content
    parts = tuple(replace(part, text=text) if part.pointer == pointer else part for part in content.parts)
    return replace(content, parts=parts)


def said(content: Content) -> list[tuple[str, str | None, bool]]:
    return [(part.text, part.role, part.editable) for part in content.parts if isinstance(part, TextPart)]


def test_a_request_is_what_a_user_says_and_a_response_what_the_assistant_does():
    asked, told = read(), read(kind="response")

    assert (asked.direction, said(asked)) == (Direction.INPUT, [("good day", "user", True)])
    assert (told.direction, said(told)) == (Direction.OUTPUT, [("good day", "assistant", True)])


def test_the_speaker_of_a_text_is_known_from_the_messages_and_it_is_judged_once():
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "good day"}, {"type": "text", "text": "be brief"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "42"},
    ]
    content = read(texts=["be brief", "good day", "be brief", "42"], structured_messages=messages)

    assert said(content) == [
        ("be brief", "system", True), ("good day", "user", True), ("be brief", "user", True), ("42", "tool", True),
    ]  # fmt: skip
    assert dict(content.exempt)["echo"] == 4


def test_where_places_differ_a_user_is_believed_to_have_said_what_several_did():
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "be brief"}]

    assert said(read(texts=["be brief"], structured_messages=messages)) == [("be brief", "user", True)]


def test_what_stands_in_the_messages_alone_is_judged_and_cannot_be_changed():
    messages = [{"role": "user", "content": "good day", "name": "ana of Example"}]

    assert ("ana of Example", "user", False) in said(read(structured_messages=messages))


def test_pictures_are_seen_in_base64_and_as_data_urls_and_not_behind_addresses():
    content = read(images=[PICTURE, f"data:image/png;base64,{PICTURE}", "https://example.org/a.png"])
    kinds = [type(part) for part in content.parts]

    assert (kinds.count(ImagePart), kinds.count(OpaquePart)) == (2, 1)


def test_what_the_proxy_says_of_its_caller_is_no_content():
    content = read(request_data={"user_api_key_user_email": "owner@example.org"}, request_headers={"host": "h"})

    assert len(content.parts) == 1
    assert dict(content.exempt)["envelope"] == 2


def test_the_model_is_what_policies_are_told_apart_by():
    assert read(model="gpt-5").model == "gpt-5"


def test_texts_are_answered_by_their_places():
    exchange = decoded(ROUTE, ask(texts=["one", "two"]))

    assert answered(ROUTE, exchange) == {"action": "NONE"}
    assert answered(ROUTE, exchange, released=masked(exchange, "/texts/1", "2")) == {
        "action": "GUARDRAIL_INTERVENED", "texts": ["one", "2"],
    }  # fmt: skip
    assert answered(ROUTE, exchange, released=Refusal("content_filter", "No.")) == {
        "action": "BLOCKED", "blocked_reason": "No.",
    }  # fmt: skip


def test_tools_come_back_changed():
    tools = [{"type": "function", "function": {"name": "look", "description": "ask ana@example.org"}}]
    exchange = decoded(ROUTE, ask(tools=tools))
    pointer = next(
        part.pointer for part in exchange.content.parts if getattr(part, "text", "") == "ask ana@example.org"
    )

    answer = answered(ROUTE, exchange, released=masked(exchange, pointer, "ask <EMAIL_1>"))

    assert answer["tools"][0]["function"]["description"] == "ask <EMAIL_1>"


@pytest.mark.parametrize(
    ("released", "settled", "held"),
    [("good day", "good ", 3), ("good day", "good day", 0), ("good day", "", 8), ("good day", "else", 8)],
)
def test_what_may_still_change_of_an_answer_is_held_back(released: str, settled: str, held: int):
    exchange = decoded(ROUTE, ask(kind="response"))
    exchange.settled = {"/texts/0": settled}

    answer = answered(ROUTE, exchange, released=masked(exchange, "/texts/0", released))

    assert answer["stream_holdback_chars"] == [held]


def test_an_answer_of_several_texts_has_a_number_for_each():
    exchange = decoded(ROUTE, ask(kind="response", texts=["one", "", "three"]))
    exchange.settled = {"/texts/0": "o", "/texts/2": "three"}

    assert answered(ROUTE, exchange)["stream_holdback_chars"] == [2, 0, 0]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "invalid_type"),
        ({"texts": ["x"]}, "invalid_value"),
        (ask(kind="both"), "invalid_value"),
        (ask(texts="x"), "invalid_type"),
        (ask(texts=["x", 1]), "invalid_type"),
        (ask(Texts=["x"]), "case_variant_key"),
        (ask(structured_messages=[{"role": "bard", "content": "x"}]), "unknown_role"),
    ],
)
def test_what_cannot_be_judged_is_refused(body: Any, code: str):
    with pytest.raises(RequestError) as error:
        decoded(ROUTE, body)

    assert error.value.code == code


def test_a_call_without_texts_is_judged_by_its_calls_alone():
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": '{"to": "ana"}'}}
    content = read(kind="response", texts=None, tool_calls=[call])

    assert [(text, editable) for text, _, editable in said(content)] == [("send", False), ('{"to": "ana"}', False)]
