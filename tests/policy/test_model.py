import pickle
from dataclasses import FrozenInstanceError

import pytest

from guard.decision import FailureKind
from guard.policy.model import AllOf, AnyOf, CategoryIs, Missing, Not, categories, localized, walk
from tests.policy.fakes import Block, Flag, rules

TREE = AnyOf((CategoryIs("a"), AllOf((Not(CategoryIs("b")), Missing("mark"))), CategoryIs("a", 0.9)))


def test_the_categories_of_a_condition_are_named_once_in_order() -> None:
    assert categories(TREE) == ("a", "b", "mark")


def test_a_walk_reaches_every_condition_outermost_first() -> None:
    assert [type(c).__name__ for c in walk(TREE)] == [
        "AnyOf", "CategoryIs", "AllOf", "Not", "CategoryIs", "Missing", "CategoryIs",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("locale", "text"), [("zh", "不"), ("zh-CN", "不"), ("zh_Hans_CN", "不"), ("en-GB", "no"), ("fr", "no"), ("", "no")]
)
def test_a_message_is_in_the_nearest_language_there_is(locale: str, text: str) -> None:
    assert localized({"en": "no", "zh": "不"}, locale) == text


def test_a_message_that_is_not_there_is_empty() -> None:
    assert localized({}, "zh") == ""


def test_each_kind_of_failure_has_its_action() -> None:
    policy = rules("when: {category: hate}, then: flag", head="policy: p\non_error: flag\non_timeout: allow")

    assert policy.on(FailureKind.ERROR) == Flag()
    assert policy.on(FailureKind.TIMEOUT).name == "allow"
    assert policy.on(FailureKind.OVERLOAD) == Block()


def test_a_policy_cannot_be_changed() -> None:
    policy = rules("when: {category: hate}, then: flag")

    with pytest.raises(FrozenInstanceError):
        policy.name = "other"  # type: ignore[misc]


def test_a_policy_can_be_a_key_and_travel_between_processes() -> None:
    policy = rules("when: {category: hate}, then: flag, message: {en: Rude}", head="policy: p\nclassifiers: {pii: {}}")

    assert {policy: 1}[pickle.loads(pickle.dumps(policy))] == 1
