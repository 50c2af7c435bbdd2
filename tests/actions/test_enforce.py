from __future__ import annotations

import dataclasses
import types
from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from guard.actions import ACTIONS, _family, enforce
from guard.actions._wording import in_locale
from guard.actions.allow import Allow
from guard.actions.block import Block
from guard.actions.flag import Flag
from guard.actions.label import Label
from guard.actions.redact import Redact
from guard.actions.replace import Replace
from guard.content import Content, Direction, ImagePart, TextPart
from guard.decision import Action, Cause, Coverage, Decision, Effect, Failure, FailureKind, Refusal
from guard.errors import RegistryError
from guard.finding import Finding


def content(*texts: str, locale: str = "en") -> Content:
    parts = tuple(TextPart(text, pointer=f"/{i}") for i, text in enumerate(texts))
    return Content(Direction.OUTPUT, parts, locale=locale)


def decision(action: str, *effects: Effect, cause: Cause = Cause.RULES, enforced: bool = True) -> Decision:
    return Decision("d1", action, cause, "p", "r", Direction.OUTPUT, effects=effects, enforced=enforced)


def found(span: tuple[int, int] | None = None, part: str = "/0", category: str = "pii.email") -> Finding:
    return Finding(category, 0.9, span=span, part=part)


def texts_of(released: Content | Refusal) -> list[str]:
    assert isinstance(released, Content)
    return [part.text for part in released.parts if isinstance(part, TextPart)]


def test_every_module_of_the_package_is_an_action_weakest_first():
    assert list(ACTIONS) == ["allow", "flag", "label", "redact", "replace", "review", "block"]
    assert [cls.strength for cls in ACTIONS.values()] == [0, 10, 20, 30, 40, 50, 60]


def test_two_actions_of_one_strength_are_refused():
    first, second = types.ModuleType("x.first"), types.ModuleType("x.second")
    first.First = type("First", (Allow,), {"name": "first", "strength": 7, "__module__": "x.first"})
    second.Second = type("Second", (Allow,), {"name": "second", "strength": 7, "__module__": "x.second"})

    with pytest.raises(RegistryError, match="`first` and `second` both have strength 7"):
        _family([first, second])


def test_an_action_must_be_named_like_its_module():
    module = types.ModuleType("x.first")
    module.First = type("First", (Allow,), {"name": "other", "strength": 7, "__module__": "x.first"})

    with pytest.raises(RegistryError, match=r"`x\.first` should define exactly one Action, with the name `first`"):
        _family([module])


@pytest.mark.parametrize("action", [Allow(), Flag()])
def test_allow_and_flag_return_the_very_content(action: Action):
    given_content = content("write to ana@example.org")

    released = enforce(given_content, decision(action.name, Effect("r", action, (found((9, 24)),))))

    assert released is given_content


def test_a_shadow_decision_changes_nothing():
    given_content = content("bad")

    assert enforce(given_content, decision("block", Effect("r", Block(), (found(),)), enforced=False)) is given_content


def test_a_block_speaks_the_words_of_its_rule_in_the_reader_s_language_and_names_all_blocking_rules():
    effects = (
        Effect("note", Flag(), (found(),), {"en": "flagged"}),
        Effect("first", Block(), (found(),), {"en": "No.", "zh": "不可以。"}),
        Effect("second", Block(), (found(),), {"zh": "第二"}),
    )

    assert enforce(content("x"), decision("block", *effects)) == Refusal("content_filter", "No.", ("first", "second"))
    assert enforce(content("x", locale="zh_CN"), decision("block", *effects)) == Refusal(
        "content_filter", "不可以。", ("first", "second")
    )
    assert enforce(content("x", locale="fr"), decision("block", *effects)).message == "No."


def test_a_block_without_words_has_its_own_in_english_and_chinese():
    english = enforce(content("x"), decision("block", Effect("r", Block(), (found(),))))
    chinese = enforce(content("x", locale="zh-Hant"), decision("block", Effect("r", Block(), (found(),))))

    assert english.message == "This content is not allowed by the content policy."
    assert chinese.message == "该内容不符合内容策略，已被拦截。"


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (Cause.ERROR, "guard_unavailable"),
        (Cause.TIMEOUT, "guard_timeout"),
        (Cause.OVERLOAD, "guard_overloaded"),
        (Cause.UNSCANNABLE, "content_filter"),
        (Cause.RULES, "content_filter"),
        (Cause.NONE, "content_filter"),
    ],
)
def test_a_block_that_no_rule_asked_for_is_refused_by_its_cause(cause: Cause, code: str):
    english = enforce(content("x"), decision("block", cause=cause))
    chinese = enforce(content("x", locale="zh"), decision("block", cause=cause))

    assert (english.code, english.rules) == (code, ())
    assert english.message.isascii()
    assert not chinese.message.isascii()


def test_a_rule_s_block_is_sent_even_if_a_classifier_failed_too():
    refused = enforce(content("x"), decision("block", Effect("r", Block(), (found(),)), cause=Cause.ERROR))

    assert (refused.code, refused.rules) == ("content_filter", ("r",))


def test_a_failure_that_the_policy_lets_pass_leaves_the_redactions_of_rules():
    released = enforce(content("a@b.cc"), decision("redact", Effect("r", Redact("label"), (found((0, 6)),))))
    blocked = enforce(content("a@b.cc"), decision("block", Effect("r", Redact("label"), (found((0, 6)),))))

    assert texts_of(released) == ["<EMAIL>"]
    assert isinstance(blocked, Refusal)


@pytest.mark.parametrize("action", ["redact", "replace", "review"])
def test_a_change_that_no_effect_carries_out_is_refused(action: str):
    assert isinstance(enforce(content("x"), decision(action)), Refusal)


def test_spans_count_the_original_text_whatever_else_is_applied():
    effects = (
        Effect("all", Replace("gone"), (found(part="/1"),)),
        Effect("mail", Redact(), (found((9, 24)), found((0, 5), part="/1"))),
    )

    released = enforce(content("write to ana@example.org", "hello there"), decision("replace", *effects))

    assert texts_of(released) == ["write to <EMAIL_1>", "gone"]


def test_a_label_at_the_beginning_does_not_move_what_is_cut_out():
    effects = (
        Effect("label", Label("AI", place="start"), ()),
        Effect("mail", Redact(), (found((9, 24)),)),
    )

    released = enforce(content("write to ana@example.org"), decision("redact", *effects))

    assert texts_of(released) == ["AI\nwrite to <EMAIL_1>"]


def test_the_block_is_sent_and_not_the_redaction_that_failed_beside_it():
    picture = Content(Direction.OUTPUT, (ImagePart(b"", pointer="/0"),))
    effects = (Effect("cut", Redact(), (found(),)), Effect("stop", Block(), (found(),), {"en": "Stop."}))

    assert enforce(picture, decision("block", *effects)) == Refusal("content_filter", "Stop.", ("stop",))


def test_a_redaction_that_failed_is_a_refusal_whatever_a_replacement_did():
    effects = (Effect("cut", Redact(), (found(part="/nowhere"),)), Effect("swap", Replace(), (found(),)))

    refused = enforce(content("x"), decision("replace", *effects))

    assert isinstance(refused, Refusal)
    assert refused.rules == ("cut",)


@dataclass(frozen=True)
class Stranger(Action):
    name = "stranger"
    strength = 45

    @classmethod
    def apply(cls, content: Content, effects: object) -> Content:
        return content


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Allow(), Flag(), Label(), Redact(), Replace(), Block(), Stranger()]),
            st.one_of(st.none(), st.tuples(st.integers(-3, 9), st.integers(-3, 9))),
            st.sampled_from(["/0", "/1", "/2", ""]),
        ),
        max_size=5,
    ),
    st.sampled_from(["allow", "flag", "label", "redact", "replace", "block", "stranger"]),
    st.sampled_from(Cause),
)
def test_a_decision_to_block_never_releases_content(effects: list, action: str, cause: Cause):
    made = tuple(Effect(f"r{i}", act, (found(span, part),)) for i, (act, span, part) in enumerate(effects))

    released = enforce(content("some", "text"), decision(action, *made, cause=cause))

    blocks = action == "block" or any(isinstance(effect.action, Block) for effect in made)
    assert isinstance(released, Refusal) or not blocks


@pytest.mark.parametrize(
    ("texts", "locale", "expected"),
    [
        ({"en": "a", "zh": "b"}, "zh-CN", "b"),
        ({"en": "a", "zh-CN": "b"}, "zh-TW", "b"),
        ({"en": "a", "zh-CN": "b", "zh-TW": "c"}, "ZH_tw", "c"),
        ({"en": "a", "zh": ""}, "zh", "a"),
        ({"en-GB": "a"}, "fr", "a"),
        ({"zh": "b"}, "en", None),
        ({}, "", None),
    ],
)
def test_a_text_is_found_by_locale_then_language_then_english(texts: dict[str, str], locale: str, expected: str | None):
    assert in_locale(texts, locale) == expected


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "`/image` could not be checked, so it was not let through: the picture is cut short."),
        ("zh-CN", "`/image` 无法检查，因此未予放行：the picture is cut short。"),
    ],
)
def test_a_refusal_of_the_unreadable_says_which_part_and_why(locale: str, words: str):
    decision = Decision(
        id="d",
        action="block",
        cause=Cause.UNSCANNABLE,
        policy="p",
        revision="r",
        direction=Direction.INPUT,
        coverage=Coverage(unscannable=(("/image", "the picture is cut short"), ("/other", "no reader"))),
    )

    left = enforce(Content(Direction.INPUT, (), locale=locale), decision)

    assert left == Refusal("content_filter", words)


def test_a_refusal_for_overload_says_when_there_should_be_room_again() -> None:
    failures = (Failure("a", FailureKind.OVERLOAD, retry_after_s=2.5), Failure("b", FailureKind.OVERLOAD))
    refused = enforce(content("x"), dataclasses.replace(decision("block", cause=Cause.OVERLOAD), failures=failures))

    assert isinstance(refused, Refusal)
    assert refused.retry_after_s == 2.5
