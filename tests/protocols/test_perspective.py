from __future__ import annotations

from typing import Any

import pytest

from guard.actions.flag import Flag
from guard.content import Direction, Modality
from guard.decision import Refusal
from guard.errors import RequestError
from guard.finding import Finding
from guard.protocols.perspective import ADAPTER, ATTRIBUTES
from guard.taxonomy import is_known
from tests.protocols.dropins import answered, decoded

ANALYZE, SUGGEST = "/v1alpha1/comments:analyze", "/v1alpha1/comments:suggestscore"


def ask(text: Any = "good day", **more: Any) -> dict[str, Any]:
    return {"comment": {"text": text}, "requestedAttributes": {"TOXICITY": {}}, **more}


def found(category: str, score: float, span: tuple[int, int] | None = None, part: str = "/comment/text") -> Finding:
    return Finding(category, score, span=span, part=part)


def test_every_attribute_stands_for_categories_that_there_are():
    assert all(is_known(category) for categories in ATTRIBUTES.values() for category in categories)


def test_a_score_is_the_strongest_findings_of_what_the_attribute_stands_for_and_below():
    names = {name: {} for name in ("TOXICITY", "INSULT", "IDENTITY_ATTACK")}
    exchange = decoded(ANALYZE, ask(requestedAttributes=names))

    scores = answered(ANALYZE, exchange, found("toxicity.insult", 0.8), found("toxicity", 0.6), found("hate", 0.25))[
        "attributeScores"
    ]

    assert {name: scores[name]["summaryScore"] for name in names} == {
        "TOXICITY": {"value": 0.8, "type": "PROBABILITY"},
        "INSULT": {"value": 0.8, "type": "PROBABILITY"},
        "IDENTITY_ATTACK": {"value": 0.25, "type": "PROBABILITY"},
    }


def test_a_rule_that_fires_changes_no_score():
    exchange = decoded(ANALYZE, ask())

    assert answered(ANALYZE, exchange, found("toxicity", 0.5), action=Flag()) == answered(
        ANALYZE, exchange, found("toxicity", 0.5)
    )


def test_what_stands_around_the_comment_is_judged_and_not_scored():
    exchange = decoded(ANALYZE, ask(context={"entries": [{"text": "an insult"}]}))
    (content,) = exchange.contents
    pointers = [part.pointer for part in content.parts]

    scores = answered(ANALYZE, exchange, found("toxicity", 0.9, part="/context/entries/0/text"))["attributeScores"]

    assert pointers == ["/comment/text", "/context/entries/0/text"]
    assert (content.direction, scores["TOXICITY"]["summaryScore"]["value"]) == (Direction.INPUT, 0.0)


def test_spans_are_counted_as_perspective_counts_them():
    exchange = decoded(ANALYZE, ask("😀 you fool", spanAnnotations=True))
    whole = decoded(ANALYZE, ask("😀 you fool"))
    insult = found("toxicity", 0.9, span=(2, 10))

    def spans(exchange: Any) -> list[tuple[int, int, float]]:
        answer = answered(ANALYZE, exchange, insult)["attributeScores"]["TOXICITY"]["spanScores"]
        return [(one["begin"], one["end"], one["score"]["value"]) for one in answer]

    assert spans(exchange) == [(3, 11, 0.9)]  # an emoji is two UTF-16 code units
    assert spans(whole) == [(0, 11, 0.9)]


def test_scores_below_the_threshold_are_left_out():
    exchange = decoded(ANALYZE, ask(requestedAttributes={"TOXICITY": {"scoreThreshold": 0.5}}))

    assert answered(ANALYZE, exchange, found("toxicity", 0.4))["attributeScores"] == {}
    assert set(answered(ANALYZE, exchange, found("toxicity", 0.5))["attributeScores"]) == {"TOXICITY"}


@pytest.mark.parametrize(
    ("text", "asked", "languages", "detected"),
    [
        ("good day", None, ["en"], ["en"]),
        ("你好", None, ["zh"], ["zh"]),
        ("こんにちは世界", None, ["ja"], ["ja"]),
        ("guten Tag", ["de"], ["de"], ["en"]),
    ],
)
def test_languages_are_those_that_were_named_or_seen(text: str, asked: Any, languages: Any, detected: Any):
    answer = answered(ANALYZE, decoded(ANALYZE, ask(text, languages=asked)))

    assert (answer["languages"], answer["detectedLanguages"]) == (languages, detected)


def test_a_token_that_is_no_word_comes_back_unless_it_was_blocked():
    exchange = decoded(ANALYZE, ask(clientToken="a whole sentence"))
    refused = Refusal("content_filter", "No.")

    assert [part.text for part in exchange.content.parts] == ["good day", "a whole sentence"]
    assert answered(ANALYZE, exchange)["clientToken"] == "a whole sentence"
    assert "clientToken" not in answered(ANALYZE, exchange, released=refused)


def test_an_attribute_may_be_experimental_or_of_a_version():
    names = {"TOXICITY@6": {}, "SEVERE_TOXICITY_EXPERIMENTAL": {}}

    assert set(answered(ANALYZE, decoded(ANALYZE, ask(requestedAttributes=names)))["attributeScores"]) == set(names)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "invalid_type"),
        ({}, "comment_empty"),
        (ask(" "), "comment_empty"),
        (ask(None), "comment_empty"),
        (ask(7), "invalid_type"),
        (ask(requestedAttributes={}), "missing_field"),
        (ask(requestedAttributes=None), "missing_field"),
        (ask(requestedAttributes={"NICENESS": {}}), "unknown_attribute"),
        (ask(requestedAttributes={"toxicity": {}}), "unknown_attribute"),
        (ask(requestedAttributes={"TOXICITY": []}), "invalid_type"),
        (ask(requestedAttributes={"TOXICITY": {"scoreType": "RAW"}}), "invalid_value"),
        (ask(requestedAttributes={"TOXICITY": {"scoreThreshold": "0.5"}}), "invalid_type"),
        (ask(requestedAttributes={"FLIRTATION": {}}), "unsupported_attribute"),
    ],
)
def test_what_cannot_be_scored_is_refused(body: Any, code: str):
    with pytest.raises(RequestError) as error:
        decoded(ANALYZE, body)

    assert error.value.code == code


def test_an_attribute_that_no_classifier_of_the_policy_gives_is_refused_or_dropped():
    exchange = decoded(ANALYZE, ask(requestedAttributes={"TOXICITY": {}, "THREAT": {}}))
    exchange.scored = {Modality.TEXT: frozenset({"toxicity"}), Modality.IMAGE: frozenset({"toxicity.threat"})}

    with pytest.raises(RequestError, match="THREAT"):
        ADAPTER.check(exchange)
    exchange.document["dropUnsupportedAttributes"] = True
    ADAPTER.check(exchange)
    assert set(answered(ANALYZE, exchange)["attributeScores"]) == {"TOXICITY"}


def test_a_suggestion_is_answered_with_its_token():
    exchange = decoded(SUGGEST)

    assert answered(SUGGEST, exchange) == {
        "clientToken": "token-1", "detectedLanguages": ["en"], "requestedLanguages": [],
    }  # fmt: skip
