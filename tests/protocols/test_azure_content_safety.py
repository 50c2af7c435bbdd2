from __future__ import annotations

from typing import Any

import pytest

from guard.actions.block import Block
from guard.actions.flag import Flag
from guard.content import Modality
from guard.errors import RequestError
from guard.finding import Finding
from guard.protocols.azure_content_safety import ADAPTER, CATEGORIES
from guard.taxonomy import is_known
from tests.protocols.dropins import answered, decoded

TEXT, IMAGE, SHIELD = (f"/contentsafety/{one}" for one in ("text:analyze", "image:analyze", "text:shieldPrompt"))


def severity(score: float, *, fine: bool = False, action: Any = None) -> int:
    """Of a text in which hate was found with *score*."""
    body = {"text": "x", "categories": ["Hate"], "outputType": "EightSeverityLevels" if fine else None}
    found = Finding("hate", score, part="/text")
    return int(answered(TEXT, decoded(TEXT, body), found, action=action)["categoriesAnalysis"][0]["severity"])


def test_every_category_stands_for_categories_that_there_are():
    assert all(is_known(category) for categories in CATEGORIES.values() for category in categories)


def test_a_severity_grows_with_the_score_and_of_four_is_the_even_one_below():
    scores = [number / 100 for number in range(101)]
    fine, coarse = [severity(score, fine=True) for score in scores], [severity(score) for score in scores]

    assert fine == sorted(fine)
    assert set(fine) == set(range(8))
    assert coarse == [level // 2 * 2 for level in fine]


def test_a_rule_that_fired_is_seen_in_the_severity():
    assert [severity(0.1), severity(0.1, action=Flag()), severity(0.1, action=Block())] == [0, 2, 4]


def test_all_categories_that_can_be_scored_are_told_where_none_is_named():
    exchange = decoded(TEXT, {"text": "x"})
    exchange.scored = {Modality.TEXT: frozenset({"hate", "violence"})}

    names = [one["category"] for one in answered(TEXT, exchange)["categoriesAnalysis"]]

    assert names == ["Hate", "Violence"]


def test_a_word_of_a_list_is_told_and_stops_the_analysis_where_that_is_asked_for():
    body = {"text": "buy it", "blocklistNames": ["rivals"], "haltOnBlocklistHit": True}
    word = Finding("custom.rivals", 1.0, span=(0, 3), part="/text")

    assert answered(TEXT, decoded(TEXT, body), word) == {
        "blocklistsMatch": [{"blocklistName": "rivals", "blocklistItemId": "rivals-1", "blocklistItemText": "buy"}],
        "categoriesAnalysis": [],
    }
    assert answered(TEXT, decoded(TEXT, {**body, "blocklistNames": []}), word)["blocklistsMatch"] == []


def test_prompt_and_documents_are_judged_apart_as_what_users_and_tools_say():
    exchange = decoded(SHIELD)

    assert [[(part.text, part.role) for part in content.parts] for content in exchange.contents] == [
        [("good day", "user")], [("one page", "tool")], [("another", "tool")],
    ]  # fmt: skip
    assert answered(SHIELD, decoded(SHIELD, {"documents": ["x"]})) == {
        "userPromptAnalysis": None, "documentsAnalysis": [{"attackDetected": False}],
    }  # fmt: skip


def test_an_attack_is_what_a_rule_fired_on():
    attack = Finding("prompt_attack.injection", 0.9)
    exchange = decoded(SHIELD, {"userPrompt": "x"})

    assert answered(SHIELD, exchange, attack)["userPromptAnalysis"] == {"attackDetected": False}
    assert answered(SHIELD, exchange, attack, action=Flag())["userPromptAnalysis"] == {"attackDetected": True}


@pytest.mark.parametrize(
    ("route", "body", "code"),
    [
        (TEXT, [], "invalid_type"),
        (TEXT, {}, "missing_field"),
        (TEXT, {"text": "x", "categories": ["Rudeness"]}, "invalid_value"),
        (TEXT, {"text": "x", "categories": "Hate"}, "invalid_value"),
        (TEXT, {"text": "x", "outputType": "Ten"}, "invalid_value"),
        (TEXT, {"text": "x", "blocklistNames": ["Not A Name"]}, "invalid_value"),
        (IMAGE, {"image": {}}, "missing_field"),
        (IMAGE, {"image": {"content": "AAAA", "blobUrl": "https://example.org/"}}, "missing_field"),
        (IMAGE, {"image": "AAAA"}, "missing_field"),
        (SHIELD, {}, "missing_field"),
        (SHIELD, {"documents": "x"}, "invalid_type"),
        (SHIELD, {"userPrompt": ["x"]}, "invalid_type"),
    ],
)
def test_what_cannot_be_analysed_is_refused(route: str, body: Any, code: str):
    with pytest.raises(RequestError) as error:
        decoded(route, body)

    assert error.value.code == code


@pytest.mark.parametrize(
    ("route", "body", "code"),
    [
        (TEXT, {"text": "x", "categories": ["Sexual"]}, "unsupported_category"),
        (TEXT, {"text": "x", "blocklistNames": ["rivals"]}, "blocklist_not_found"),
        (SHIELD, {"userPrompt": "x"}, "unsupported_category"),
    ],
)
def test_what_no_rule_of_the_policy_is_about_is_an_error(route: str, body: Any, code: str):
    exchange = decoded(route, body)
    exchange.scored = {Modality.TEXT: frozenset({"hate"})}

    with pytest.raises(RequestError) as error:
        ADAPTER.check(exchange)

    assert error.value.code == code
