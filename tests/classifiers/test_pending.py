"""Every bundled classifier holds back what may still grow, whatever its options, and little else."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from classifiers._attack_rules import interruptible
from classifiers._pii_table import FORMS
from classifiers._pii_world import RECOGNIZERS
from guard import registry
from guard.classifier import Classifier
from tests.classifiers.streamed import WHOLE, check_growth, texts
from tests.fakes import CanaryClassifier

WORDS = {
    "deal": [
        "Project Falcon",
        "red",
        "red fox",
        "red fox den",
        "fox den",
        "猎鹰",
        "猎鹰计划",
        "计划书",
        "C++",
        "c",
        "ass",
    ],
    "marks": [
        "naïve",
        "été",
        "e",
        "각",
        "가",
        "각하",
        "が",
        "か",
        "がく",
        "會社",
        "fire",
        "1abc",
        "ệ",
        "x\u0316\u0301y",
    ],
    "shit": ["bull shit", "kill yourself", "你 他妈的"],
}
PATTERNS = {
    "ticket": [r"\bABC-\d{4}\b", r"(?i)\bcase (\d+)", r"TICKET-[0-9]{6}", r"(?i)(?:^|[^a-z])fox(?:[^a-z]|$)"],
    "more": [r"begin.*end", r"(?i:colou?r) (?-i)c", r"(xy){2,3}z?", r"\p{Han}{2,4}书", r"(?s)red.{0,20}?fox", r"计划$"],
    "odd": [
        r"^the",
        r"(?m)^call",
        r"\Qa.b\E@?c",
        r"[[:alpha:]]{3}\x{40}[^\]@.]{2}",
        r"walk\b\W+is\b",
        r"1{2,}|(?:a|ab)(?:c|bcd)*",
    ],
}
OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "keywords": ("keywords", {}),
    "own words": ("keywords", {"lists": WORDS, "builtin": []}),
    "own patterns": ("keywords", {"patterns": PATTERNS, "builtin": []}),
    "words and patterns": ("keywords", {"lists": WORDS, "patterns": PATTERNS, "builtin": ["profanity"]}),
    "secrets": ("secrets", {}),
    "sure secrets": ("secrets", {"min_score": 0.9}),
    "prompt attack": ("prompt_attack", {}),
    "pii": ("pii", {}),
    "all pii": ("pii", {"entities": sorted({f.entity for f in FORMS} - {"person"}), "min_score": 0.0}),
    "national pii": ("pii", {"entities": sorted(RECOGNIZERS), "min_score": 0.0}),
    "english pii": ("pii", {"languages": ["en"]}),
    "chinese pii": ("pii", {"languages": ["zh"], "entities": ["phone", "address", "cn_plate", "cn_resident_id"]}),
}  # fmt: skip


PIECES = WHOLE + tuple(word for words in WORDS.values() for word in words) + (
    "ABC-1234", "begin a end", "color c", "xyxyxyz", "读计划书", "the", "call", "a.b@c", "abc@xy", "walk is", "111",
    "abcbcd",
)  # fmt: skip


PROSE = (
    "After lunch we took the dog and went for a walk.",
    "The password to happiness is patience, my friend.",
    "In 1999 the village had three shops and one inn.",
    "She asked whether the key was under the mat?",
    "Your account of the journey was a joy to read!",
    "Please call the office before you leave for the airport.",
    "The server returned the form to its host; nobody minded.",
    'He said: "I have never seen so many stars."',
    "It costs twelve pounds, which is less than last year.",
    "You can show the list to anyone who likes to look at it.",
    "The chapter ends as it began (with rain).",
    "Class begins at nine, and we assume that all assist.",
    "今天天气很好，我们吃完午饭去散步。",
    "他把钥匙放在桌子上，然后出门了。",
    "这本书的第二章讲的是海边的故事。",
    "请在下午三点之前打电话到办公室！",
    "你知道这条路通向哪里吗？",
    "密码学是一门古老而有趣的学问。",
    "老师让我们先读课文，再写一段感想。",
    "现在是春天，公园里的花都开了。",
)


@functools.cache
def made(which: str) -> Classifier[Any]:
    if which == "canary":
        return CanaryClassifier()
    classifier = registry.create(*OPTIONS[which])
    classifier.load()
    return classifier


@pytest.mark.parametrize("which", ["canary", *(which for which in OPTIONS if which != "prompt attack")])
@given(text=texts(PIECES), data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_was_found_before_the_pending_place_stays_found_whatever_follows(
    which: str, text: str, data: st.DataObject
):
    check_growth(made(which), text, data.draw(st.integers(0, len(text))))


@pytest.mark.parametrize("which", ["canary", *(which for which in OPTIONS if which != "prompt attack")])
def test_every_entity_may_be_cut_anywhere(which: str):
    for piece in PIECES:
        for text in (f"the {piece}是我的手机。", f"call {piece} and more of it"):
            for cut in range(len(text)):
                check_growth(made(which), text, cut)


@pytest.mark.parametrize(
    ("which", "text"),
    [
        ("pii", "13812345678是我的手机"),
        ("pii", "98.139.180.149.ip address"),
        ("all pii", "13812345678 13812345678 is what to call"),
        ("own words", "猎鹰计划\u0301 ①"),
        ("own words", "か\u3099く か\u3099 か\u3099\u0301"),
        ("own words", "각\u0301 \u1100\u1161\u11a8 가\u11a8하"),
        ("own words", "e\u0323\u0302 e\u0302\u0323 e\u0301te\u0301 nai\u0308ve nai\u0323\u0308ve"),
        ("own words", "x\u0301\u0316y x\u0316\u0301y"),
        ("own words", "會社 ㍿會社 ﬁre Ｃ＋＋"),
        ("own words", "red  \n\t  fox   den, red\u2003fox"),
        ("words and patterns", "傻逼=\u0338fox den"),
        ("sure secrets", "xAKIAQ3EGRIK7TVYSXL5M AKIAQ3EGRIK7TVYSXL5Mx sk_live_abcdefghij0123456789"),
    ],
)
def test_what_follows_may_change_the_last_word(which: str, text: str):
    for cut in range(len(text) + 1):
        check_growth(made(which), text, cut)


@given(text=texts(PIECES), data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_rules_of_prompt_attacks_hold_what_a_sentence_end_interrupts(text: str, data: st.DataObject):
    close = {f"rule {name}{quoted}" for name in interruptible() for quoted in ("", ", quoted")}

    check_growth(made("prompt attack"), text, data.draw(st.integers(0, len(text))), lambda f: f.evidence in close)


@pytest.mark.parametrize("which", ["keywords", "own words", "secrets", "pii", "prompt attack"])
@pytest.mark.parametrize("sentence", PROSE)
def test_ordinary_prose_holds_no_more_than_its_last_word(which: str, sentence: str):
    last = len(sentence.rpartition(" ")[2]) if sentence.isascii() else 2

    assert len(sentence) - made(which).pending(sentence) <= last


@pytest.mark.parametrize("which", ["keywords", "own words", "secrets", "pii", "prompt attack"])
@pytest.mark.parametrize("sentence", PROSE)
def test_a_sentence_and_what_parts_it_from_the_next_hold_nothing(which: str, sentence: str):
    text = sentence + (" " if sentence.isascii() else "她")

    assert len(text) - made(which).pending(text) <= (0 if sentence.isascii() else 1)
