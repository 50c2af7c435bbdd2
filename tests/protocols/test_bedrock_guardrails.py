from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from guard.actions.block import Block
from guard.actions.flag import Flag
from guard.actions.redact import Redact
from guard.content import Direction
from guard.decision import Coverage, Judged, Refusal
from guard.errors import RequestError
from guard.finding import Finding
from guard.protocols.bedrock_guardrails import ADAPTER, ENTITIES, FILTERS
from guard.protocols.strict_json import parse
from guard.taxonomy import is_known
from tests.protocols.dropins import answered, decoded, judged
from tests.protocols.test_litellm_guardrail import masked

ROUTE = "/guardrail/{id}/version/{version}/apply"
FIRST = "/content/0/text/text"


def ask(*texts: str, source: str = "INPUT", **more: Any) -> dict[str, Any]:
    return {"source": source, "content": [{"text": {"text": text}} for text in texts], **more}


def test_filters_and_entities_are_of_categories_that_there_are():
    assert all(is_known(category) for category in (*FILTERS, *ENTITIES))


def test_the_source_is_the_direction():
    assert decoded(ROUTE, ask("x")).content.direction is Direction.INPUT
    assert decoded(ROUTE, ask("x", source="OUTPUT")).content.direction is Direction.OUTPUT


def test_what_was_masked_comes_back_block_by_block():
    exchange = decoded(ROUTE, ask("one", "two"))

    answer = answered(ROUTE, exchange, released=masked(exchange, FIRST, "1"))

    assert (answer["action"], answer["outputs"]) == ("GUARDRAIL_INTERVENED", [{"text": "1"}, {"text": "two"}])


def test_a_finding_is_told_where_bedrock_has_a_place_for_it():
    findings = [
        Finding("toxicity.insult", 0.9, part=FIRST),
        Finding("toxicity", 0.6, part=FIRST),
        Finding("pii.email", 1.0, span=(0, 3), part=FIRST),
        Finding("secret.api_key", 1.0, span=(4, 7), part=FIRST),
        Finding("custom.rivals", 1.0, span=(4, 7), part=FIRST),
    ]

    (found,) = answered(ROUTE, decoded(ROUTE, ask("ana key")), *findings, action=Block())["assessments"]

    assert found["contentPolicy"]["filters"] == [
        {"type": "INSULTS", "confidence": "HIGH", "action": "BLOCKED", "detected": True}
    ]
    assert found["sensitiveInformationPolicy"] == {
        "piiEntities": [{"match": "ana", "type": "EMAIL", "action": "BLOCKED", "detected": True}],
        "regexes": [{"name": "secret.api_key", "match": "key", "regex": "", "action": "BLOCKED", "detected": True}],
    }
    assert found["wordPolicy"]["customWords"] == [{"match": "key", "action": "BLOCKED", "detected": True}]


@pytest.mark.parametrize(("action", "word"), [(Block(), "BLOCKED"), (Redact(), "ANONYMIZED"), (Flag(), "NONE")])
def test_an_entity_says_what_was_done_about_it(action: Any, word: str):
    mail = Finding("pii.email", 1.0, part=FIRST)

    (found,) = answered(ROUTE, decoded(ROUTE, ask("x")), mail, action=action)["assessments"]

    assert found["sensitiveInformationPolicy"]["piiEntities"][0]["action"] == word


def test_what_no_rule_fired_on_is_told_only_in_full():
    rude = Finding("toxicity", 0.7, part=FIRST)

    def filters(scope: str) -> Any:
        (found,) = answered(ROUTE, decoded(ROUTE, ask("x", outputScope=scope)), rude)["assessments"]
        return found.get("contentPolicy")

    assert filters("INTERVENTIONS") is None
    assert filters("FULL")["filters"][0]["action"] == "NONE"


def test_a_policy_in_shadow_mode_does_nothing_and_says_so():
    exchange = decoded(ROUTE, ask("x"))
    (one,) = judged(exchange, Finding("hate", 0.9, part=FIRST), action=Block())
    shadow = Judged(replace(one.decision, enforced=False), exchange.content)

    answer = parse(ADAPTER.encode_decisions(exchange, [shadow]))

    assert answer["action"] == "NONE"
    assert answer["assessments"][0]["contentPolicy"]["filters"][0]["action"] == "NONE"


def test_what_was_not_read_is_missing_from_the_coverage():
    exchange = decoded(ROUTE)
    (one,) = judged(exchange)
    picture = "/content/1/image/source/bytes"
    unread = replace(one.decision, coverage=Coverage(1, unscannable=((picture, "not a picture"),)))

    answer = parse(ADAPTER.encode_decisions(exchange, [Judged(unread, Refusal("content_filter", "Unread."))]))

    assert answer["guardrailCoverage"] == {
        "textCharacters": {"guarded": 8, "total": 8}, "images": {"guarded": 0, "total": 1},
    }  # fmt: skip
    assert answer["outputs"] == [{"text": "Unread."}]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "invalid_type"),
        ({"content": [{"text": {"text": "x"}}]}, "invalid_value"),
        (ask("x", source="BOTH"), "invalid_value"),
        (ask("x", outputScope="SOME"), "invalid_value"),
        (ask(), "missing_field"),
        ({"source": "INPUT", "content": [{}]}, "missing_field"),
        ({"source": "INPUT", "content": ["x"]}, "missing_field"),
        ({"source": "INPUT", "content": [{"text": "x"}]}, "missing_field"),
        ({"source": "INPUT", "content": [{"text": {"text": "x"}, "image": {}}]}, "missing_field"),
        ({"source": "INPUT", "content": [{"image": {"format": "png", "source": {}}}]}, "missing_field"),
    ],
)
def test_what_cannot_be_assessed_is_refused(body: Any, code: str):
    with pytest.raises(RequestError) as error:
        decoded(ROUTE, body)

    assert error.value.code == code
