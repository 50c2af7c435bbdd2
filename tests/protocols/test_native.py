from __future__ import annotations

import json
from typing import Any

import pytest

from guard.content import Content, Direction, ImagePart, TextPart
from guard.decision import Cause, Decision, Judged, Refusal
from guard.errors import RequestError
from guard.finding import Finding
from guard.protocols.native import ADAPTER, text_content


def decoded(body: Any) -> tuple[Content, ...]:
    return ADAPTER.decode_request(json.dumps(body).encode()).contents


def answered(body: Any) -> Any:
    exchange = ADAPTER.decode_request(json.dumps(body).encode())
    judged = [
        Judged(Decision(f"id{n}", "allow", Cause.NONE, "p", "r", content.direction), content)
        for n, content in enumerate(exchange.contents)
    ]
    return json.loads(ADAPTER.encode_decisions(exchange, judged))


@pytest.mark.parametrize(
    ("body", "direction", "role"),
    [
        ({"text": "x"}, Direction.INPUT, "user"),
        ({"text": "x", "direction": "input"}, Direction.INPUT, "user"),
        ({"text": "x", "direction": "output"}, Direction.OUTPUT, "assistant"),
    ],
)
def test_a_text_is_judged_in_its_direction(body: Any, direction: Direction, role: str):
    (content,) = decoded(body)

    assert content.direction is direction
    assert content.parts == (TextPart("x", "/text", role=role),)


def test_texts_are_judged_apart():
    assert [content.parts[0].pointer for content in decoded({"texts": ["a", "b"]})] == ["/texts/0", "/texts/1"]


def test_a_picture_is_judged():
    (content,) = decoded({"image": "data:image/png;base64,AAAA"})

    assert content.parts == (ImagePart(b"\0\0\0", "/image", ("image",), "image/png", editable=True),)


def test_a_conversation_is_judged_as_it_would_be_on_its_way():
    (content,) = decoded({"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]})

    assert [(part.role, part.pointer) for part in content.parts] == [
        ("system", "/messages/0/content"),
        ("user", "/messages/1/content"),
    ]


def test_the_locale_is_the_contents():
    assert decoded({"text": "x", "locale": "zh-CN"})[0].locale == "zh-CN"
    assert len(decoded({"text": "x", "locale": "z" * 99})[0].locale) == 35


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "invalid_type"),
        ({}, "missing_field"),
        ({"text": "x", "image": "y"}, "missing_field"),
        ({"text": None}, "invalid_type"),
        ({"text": ["x"]}, "invalid_type"),
        ({"texts": "x"}, "invalid_type"),
        ({"texts": []}, "invalid_type"),
        ({"texts": ["x", 1]}, "invalid_type"),
        ({"texts": ["x"] * 1_001}, "too_many_parts"),
        ({"texts": [f"data:image/png;base64,{'A' * 64}"] * 65}, "too_many_parts"),
        ({"image": {"url": "x"}}, "invalid_type"),
        ({"messages": None}, "invalid_type"),
        ({"messages": [{"role": "bard", "content": "x"}]}, "unknown_role"),
        ({"text": "x", "direction": "sideways"}, "invalid_value"),
        ({"text": "x", "direction": ["input"]}, "invalid_value"),
        ({"text": "x", "locale": 5}, "invalid_type"),
        ({"text": "x", "policy": "none"}, "unknown_field"),
        ({"Text": "x"}, "unknown_field"),
    ],
)
def test_what_cannot_be_checked_is_refused(body: Any, code: str):
    with pytest.raises(RequestError) as error:
        decoded(body)

    assert error.value.code == code


def test_one_subject_has_one_report_and_several_texts_a_list():
    assert answered({"text": "x"})["released"] == "x"
    assert [report["id"] for report in answered({"texts": ["x", "y"]})["results"]] == ["id0", "id1"]


def test_many_reports_list_no_more_findings_together_than_one():
    exchange = ADAPTER.decode_request(json.dumps({"texts": ["x"] * 500}).encode())
    findings = tuple(Finding("pii.email", 1.0, span=(n, n + 1)) for n in range(9))
    judged = [
        Judged(Decision(f"id{n}", "allow", Cause.NONE, "p", "r", content.direction, (), findings), content)
        for n, content in enumerate(exchange.contents)
    ]

    reports = json.loads(ADAPTER.encode_decisions(exchange, judged))["results"]

    assert {len(report["findings"]) for report in reports} == {2}
    assert {report["findings_left_out"] for report in reports} == {7}


def test_a_refusal_is_told_and_nothing_is_released():
    exchange = ADAPTER.decode_request(b'{"text": "x"}')
    decision = Decision("i", "block", Cause.RULES, "p", "r", Direction.INPUT)

    report = json.loads(ADAPTER.encode_decisions(exchange, [Judged(decision, Refusal("content_filter", "No."))]))

    assert (report["action"], report["released"], report["refusal"]) == (
        "block", None, {"code": "content_filter", "message": "No."},
    )  # fmt: skip


def test_an_error_is_the_same_object_as_everywhere():
    assert json.loads(ADAPTER.encode_error("missing_field", "Say one."))["error"]["code"] == "missing_field"


def test_a_text_of_the_generator_is_the_assistants():
    assert text_content("x", Direction.OUTPUT).parts[0].role == "assistant"
