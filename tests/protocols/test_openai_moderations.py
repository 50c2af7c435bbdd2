from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import ModerationCreateResponse

from guard.actions.flag import Flag
from guard.content import Direction, ImagePart, TextPart
from guard.decision import Cause, Decision, Effect, Judged
from guard.errors import RequestError
from guard.finding import Finding
from guard.protocols.openai_moderations import ADAPTER, MODEL
from guard.taxonomy import OPENAI_CATEGORIES

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def decoded(body: Any):
    return ADAPTER.decode_request(json.dumps(body).encode())


def moderated(given: Any, *findings: Finding, fired: tuple[Finding, ...] = ()) -> dict[str, Any]:
    """The answer to *given* when *findings* were found and a rule fired on *fired*."""
    exchange = decoded({"input": given})
    effects = (Effect("rule", Flag(), fired),) if fired else ()
    action = "flag" if fired else "allow"
    judged = [
        Judged(Decision(f"id{n}", action, Cause.NONE, "p", "r", Direction.INPUT, effects, findings), content)
        for n, content in enumerate(exchange.contents)
    ]
    body = ADAPTER.encode_decisions(exchange, judged)
    ModerationCreateResponse.model_validate_json(body, strict=True)
    return json.loads(body)


def test_a_text_is_one_content_and_a_list_of_texts_one_each():
    assert [len(decoded({"input": given}).contents) for given in ("x", ["x", "y"], [PICTURE])] == [1, 2, 1]


def test_parts_of_one_input_are_judged_together():
    (content,) = decoded({"input": [{"type": "text", "text": "what"}, PICTURE]}).contents

    assert [type(part) for part in content.parts] == [TextPart, ImagePart]
    assert [part.pointer for part in content.parts] == ["/input/0/text", "/input/1/image_url/url"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "invalid_type"),
        ({}, "invalid_type"),
        ({"input": None}, "invalid_type"),
        ({"input": []}, "invalid_type"),
        ({"input": 7}, "invalid_type"),
        ({"input": ["x", 7]}, "invalid_type"),
        ({"input": [[1, 2]]}, "invalid_type"),
        ({"input": [PICTURE, "x"]}, "invalid_type"),
        ({"input": [{"type": "song"}]}, "unknown_type"),
        ({"input": "x", "policy": "none"}, "unknown_field"),
        ({"input": "x", "Model": "m"}, "unknown_field"),
        ({"input": ["x"] * 1_001}, "too_many_parts"),
        ({"input": [PICTURE] * 65}, "too_many_parts"),
        ({"input": [f"data:image/png;base64,{'A' * 64}"] * 65}, "too_many_parts"),
    ],
)
def test_what_cannot_be_moderated_is_refused(body: Any, code: str):
    with pytest.raises(RequestError) as error:
        decoded(body)

    assert error.value.code == code


def test_the_answer_has_the_thirteen_categories_in_order_and_the_default_model():
    answer = moderated("x")

    assert (answer["id"], answer["model"]) == ("modr-id0", MODEL)
    (result,) = answer["results"]
    for field in ("categories", "category_scores", "category_applied_input_types"):
        assert tuple(result[field]) == OPENAI_CATEGORIES
    assert result["flagged"] is False


def test_a_list_of_texts_has_one_answer_each():
    assert len(moderated(["x", "y", "z"])["results"]) == 3


def test_the_model_that_was_asked_for_is_named():
    exchange = decoded({"input": "x", "model": "text-moderation-stable"})
    decision = Decision("i", "allow", Cause.NONE, "p", "r", Direction.INPUT)

    assert json.loads(ADAPTER.encode_decisions(exchange, [Judged(decision, exchange.content)]))["model"] == (
        "text-moderation-stable"
    )


def test_a_score_is_the_strongest_findings_and_a_category_is_true_where_a_rule_fired():
    weak, strong = Finding("toxicity.threat", 0.4), Finding("toxicity.threat", 0.9)
    hate = Finding("hate", 0.7)

    (result,) = moderated("x", weak, strong, weak, hate, fired=(strong,))["results"]

    assert result["flagged"] is True
    assert [name for name, true in result["categories"].items() if true] == ["harassment/threatening"]
    assert (result["category_scores"]["harassment/threatening"], result["category_scores"]["hate"]) == (0.9, 0.7)


def test_what_openai_has_no_name_for_is_not_flagged():
    mail = Finding("pii.email", 1.0)

    (result,) = moderated("x", mail, fired=(mail,))["results"]

    assert result["flagged"] is False
    assert set(result["category_scores"].values()) == {0.0}


def test_a_category_names_the_inputs_it_was_applied_to():
    (text,) = moderated("x")["results"]
    (both,) = moderated([{"type": "text", "text": "x"}, PICTURE])["results"]
    (picture,) = moderated([PICTURE])["results"]

    def applied(result: Any, name: str) -> list[str]:
        return list(result["category_applied_input_types"][name])

    assert (applied(text, "sexual"), applied(text, "hate")) == (["text"], ["text"])
    assert (applied(both, "sexual"), applied(both, "hate")) == (["text", "image"], ["text"])
    assert (applied(picture, "sexual"), applied(picture, "hate")) == (["image"], [])


def test_an_error_is_one_the_client_knows():
    error = json.loads(ADAPTER.encode_error("invalid_type", "Say it so.", "/input"))["error"]

    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "invalid_type", "/input")
    assert error["message"] == "Say it so."
