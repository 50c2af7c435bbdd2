from __future__ import annotations

from typing import Any

import pytest

from guard.actions.flag import Flag
from guard.actions.redact import Redact
from guard.content import Direction, Modality
from guard.decision import Refusal
from guard.errors import RequestError
from guard.finding import Finding
from guard.protocols.llm_guard import SCANNERS
from guard.taxonomy import is_known
from tests.protocols.dropins import answered, decoded
from tests.protocols.test_litellm_guardrail import masked


def test_every_scanner_stands_for_categories_that_there_are():
    assert all(is_known(category) for categories in SCANNERS.values() for category in categories)


def test_a_prompt_that_is_released_as_it_came_is_valid():
    exchange = decoded("/analyze/prompt")

    answer = answered("/analyze/prompt", exchange, Finding("toxicity.insult", 0.4, part="/prompt"), action=Flag())

    assert (answer["is_valid"], answer["sanitized_prompt"]) == (True, "good day")
    assert answer["scanners"] == {**dict.fromkeys(SCANNERS, 0.0), "Toxicity": 0.4}


def test_a_prompt_that_was_changed_is_not_valid_and_comes_back_sanitized():
    exchange = decoded("/analyze/prompt")
    mail = Finding("pii.email", 0.9, part="/prompt")

    answer = answered(
        "/analyze/prompt", exchange, mail, action=Redact(), released=masked(exchange, "/prompt", "good <EMAIL_1>")
    )

    assert (answer["is_valid"], answer["sanitized_prompt"]) == (False, "good <EMAIL_1>")
    assert answer["scanners"]["Anonymize"] == 1.0


@pytest.mark.parametrize("route", ["/analyze/prompt", "/analyze/output", "/scan/prompt", "/scan/output"])
def test_nothing_of_what_is_blocked_comes_back(route: str):
    answer = answered(route, decoded(route), released=Refusal("content_filter", "No."))

    assert answer["is_valid"] is False
    assert "good day" not in str(answer)


def test_a_scan_gives_no_text_back():
    assert set(answered("/scan/prompt", decoded("/scan/prompt"))) == {"is_valid", "scanners"}


def test_an_output_is_judged_as_one_and_the_prompt_is_its_context():
    (content,) = decoded("/analyze/output").contents

    assert content.direction is Direction.OUTPUT
    assert [part.pointer for part in content.parts] == ["/output"]
    assert dict(content.exempt)["context"] == 1
    assert "Sensitive" in answered("/analyze/output", decoded("/analyze/output"))["scanners"]


def test_a_scanner_that_cannot_run_has_no_score():
    exchange = decoded("/scan/prompt")
    exchange.scored = {Modality.TEXT: frozenset({"pii.email"})}

    assert set(answered("/scan/prompt", exchange)["scanners"]) == {"Anonymize"}


@pytest.mark.parametrize(
    ("route", "body", "code"),
    [
        ("/scan/prompt", {"prompt": "x", "scanners_suppress": ["Toxicity"]}, "policy_override"),
        ("/scan/prompt", {"output": "x"}, "missing_field"),
        ("/scan/output", {"output": "x"}, "missing_field"),
        ("/scan/prompt", ["x"], "invalid_type"),
        ("/scan/prompt", {"prompt": ["x"]}, "missing_field"),
    ],
)
def test_what_cannot_be_scanned_is_refused(route: str, body: Any, code: str):
    with pytest.raises(RequestError) as error:
        decoded(route, body)

    assert error.value.code == code
