from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from guard import registry
from guard.actions import ACTIONS, enforce
from guard.actions.redact import Redact
from guard.actions.review import Review
from guard.content import Content, Direction, TextPart
from guard.decision import Cause, Decision, Effect, Held, Refusal
from guard.errors import PolicyError
from guard.finding import Finding
from guard.policy.loader import load_policy

TEXT = Content(Direction.OUTPUT, (TextPart("call 555", "/text", editable=True),))
FINDING = Finding("pii.phone", 0.9, span=(5, 8), part="/text")


def decided(*effects: Effect, **more: object) -> Decision:
    strongest = max((effect.action for effect in effects), key=lambda one: one.strength)
    one = Decision("id", strongest.name, Cause.RULES, "p", "1", Direction.OUTPUT, effects)
    return replace(one, **more)  # type: ignore[arg-type]


def test_what_waits_is_what_weaker_rules_left() -> None:
    held = enforce(TEXT, decided(Effect("look", Review()), Effect("mask", Redact(style="label"), (FINDING,))))
    assert isinstance(held, Held)
    assert held.content is not None
    assert [part.text for part in held.content.parts if isinstance(part, TextPart)] == ["call <PHONE>"]
    assert held.rules == ("look",)


def test_the_rule_that_gives_least_time_and_the_first_that_has_words_count() -> None:
    said = {"en": "Wait.", "zh": "请等待。"}
    held = enforce(
        replace(TEXT, locale="zh-CN"),
        decided(Effect("a", Review("7d")), Effect("b", Review("2h"), message=said), Effect("c", Review("1d"))),
    )
    assert isinstance(held, Held)
    assert (held.expires_s, held.message, held.rules) == (7200.0, "请等待。", ("a", "b", "c"))


def test_what_a_failure_blocks_is_not_for_people_to_release() -> None:
    left = enforce(TEXT, decided(Effect("look", Review()), action="block", cause=Cause.ERROR))
    assert isinstance(left, Refusal)
    assert not isinstance(left, Held)


def test_without_words_of_a_rule_there_are_ours() -> None:
    held = enforce(TEXT, decided(Effect("look", Review())))
    assert isinstance(held, Refusal)
    assert "a person" in held.message


@pytest.mark.parametrize("given", ["", "24", "h", "0s", "59s", "31d", "24 h", "1e3s", "-1h", "24H"])
def test_a_time_that_is_none_is_an_error_that_says_what_would_be_right(given: str) -> None:
    with pytest.raises(ValueError, match="from 1m to 30d"):
        Review(given)


def load(tmp_path: Path, then: str, directions: str = "[output]") -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        f"policy: p\nrules:\n  - {{id: a, directions: {directions}, when: {{category: pii.email}}, then: {then}}}\n"
    )
    load_policy(file, actions=ACTIONS, catalog=registry)


def test_policies_name_the_time_and_the_direction(tmp_path: Path) -> None:
    load(tmp_path, "review")
    load(tmp_path, "{review: {expires: 7d}}")
    with pytest.raises(PolicyError, match="from 1m to 30d"):
        load(tmp_path, "{review: {expires: 90d}}")
    with pytest.raises(PolicyError, match="output only"):
        load(tmp_path, "review", "[input]")
