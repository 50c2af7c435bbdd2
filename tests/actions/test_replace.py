from __future__ import annotations

import pytest

from guard.actions.replace import Replace
from guard.content import Content, Direction, ImagePart, Part, TextPart
from guard.decision import Effect, Refusal
from guard.finding import Finding


def replace(parts: tuple[Part, ...], *effects: Effect, locale: str = "en") -> list[str] | Refusal:
    left = Replace.apply(Content(Direction.OUTPUT, parts, locale=locale), effects)
    return left if isinstance(left, Refusal) else [part.text for part in left.parts if isinstance(part, TextPart)]


def on(*pointers: str, action: Replace | None = None, rule: str = "swap") -> Effect:
    return Effect(rule, action or Replace(), tuple(Finding("toxicity", 0.9, span=(1, 2), part=p) for p in pointers))


TWO = (TextPart("bad words", "/0"), TextPart("good words", "/1"))


def test_only_parts_with_findings_are_replaced_and_those_whole():
    assert replace(TWO, on("/0", action=Replace("[gone]"))) == ["[gone]", "good words"]


@pytest.mark.parametrize(
    ("text", "locale", "expected"),
    [
        ({"en": "gone", "zh": "没了"}, "zh-CN", "没了"),
        ({"en": "gone"}, "zh", "gone"),
        ({"fr": "parti"}, "en", "[Removed by the content policy]"),
        ({"fr": "parti"}, "zh", "【内容已按策略移除】"),
        ("gone", "zh", "gone"),
        ("", "en", ""),
    ],
)
def test_the_notice_is_in_the_reader_s_language(text: dict[str, str] | str, locale: str, expected: str):
    assert replace(TWO, on("/0", action=Replace(text)), locale=locale)[0] == expected


def test_without_a_text_there_is_a_notice_in_english_and_chinese():
    assert replace(TWO, on("/0"))[0] == "[Removed by the content policy]"
    assert replace(TWO, on("/0"), locale="zh_CN")[0] == "【内容已按策略移除】"


def test_the_first_rule_s_notice_stands():
    assert replace(TWO, on("/0", action=Replace("one")), on("/0", "/1", action=Replace("two"))) == ["one", "two"]


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(b"", pointer="/0"),
        TextPart("bad", "/0", kind="key", editable=False),
        TextPart('{"a": 1}', "/0", kind="tool_arguments"),
    ],
    ids=["picture", "key", "json"],
)
def test_what_cannot_be_replaced_is_refused(part: Part):
    refused = replace((part,), on("/0", rule="swap-bad"))

    assert isinstance(refused, Refusal)
    assert (refused.code, refused.rules) == ("content_filter", ("swap-bad",))


def test_options_can_be_compared_and_hashed():
    assert Replace({"en": "a"}) == Replace({"en": "a"}) != Replace("a")
    assert hash(Replace({"en": "a"})) == hash(Replace({"en": "a"}))
