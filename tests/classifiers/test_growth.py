from __future__ import annotations

import doctest
import re
import time

import pytest
from hypothesis import given, settings, strategies as st

from classifiers import _beginnings
from classifiers._beginnings import NotUnderstood, backwards, beginnings
from classifiers._growth import Growth, Turned

BOTH = (
    "ab+c?", "(?:a|bc)*d", "(a{2,3}b){1,2}c", r"[a-c]{3}-[0-9]{2,}", "x(?:y(?:z|w)?)+", r"a\.b|c\\", "[]a]{2}[^]b]",
    "(?i)aB(?-i:c)d", "(?i:a)b", r"\x41[\x42-\x44]+", "a{0}b", "a{1}b{0,1}c", "(?P<name>ab)c", "(?:|a)b", "[一-三]+四?",
    r"\bab\b cd", "(?s).+a.",
)  # fmt: skip
"""Patterns that Python reads as RE2 does."""


def held(text: str, *patterns: str, words: tuple[str, ...] = ()) -> str:
    """What may still grow at the end of *text*."""
    return text[Growth(patterns, horizon=5, words=words).end(Turned(text)) :]


@pytest.mark.parametrize("pattern", BOTH)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_beginning_of_a_match_is_one(pattern: str, data: st.DataObject):
    match = data.draw(st.from_regex(pattern, fullmatch=True))
    growth = Growth([pattern], horizon=0)
    for end in range(1, len(match) + 1):
        if match[:end].isprintable():
            assert growth.end(Turned(f"= {match[:end]}")) <= 2, match[:end]


@pytest.mark.parametrize("pattern", BOTH)
@given(text=st.text(st.sampled_from("abcdxyzw-12=.\\AB 一二四]"), max_size=12))
def test_turned_around_it_matches_the_same(pattern: str, text: str):
    plain = re.compile(pattern, re.ASCII).fullmatch(text) is not None

    assert (re.fullmatch(backwards(pattern), text[::-1], re.ASCII) is not None) == plain


@pytest.mark.parametrize(
    ("pattern", "text", "rest"),
    [
        ("walk", "a wal", "wal"),
        ("walk", "a wax", ""),
        ("walk", "walk", "walk"),
        (r"\bwalk\b", "sidewalk", ""),
        (r"\bwalk\b", "side walk", "walk"),
        ("a.{0,3}b", "a...", "a..."),
        ("a.{0,3}b", "a....", ""),
        (r"(?i)Case \d+", "in CASE ", "CASE "),
        (r"(?i:case)[ ]\d+", "in CASE ", "CASE "),
        (r"(?-i:case)(?i) x", "case X", "case X"),
        (r"\QA.B\E+", "xA.BB", "A.BB"),
        (r"[[:digit:]]{2}-\pL", "12-", "12-"),
        (r"\p{Han}{2}x", "a汉", "汉"),
        (r"(?m)^ab$", "x\na", "a"),
        (r"(?m)^ab$", "x a", ""),
        (r"^ab", "a", "a"),
        (r"^ab", "xa", ""),
        ("a(?:b|c{2,4}d)", "xaccc", "accc"),
        ("a(?:b|c{2,4}d)", "xaccccc", ""),
        ("a{b", "a{", "a{"),
        ("x*", "axx", "xx"),
        ("$", "anything", ""),
    ],
)
def test_only_what_can_still_become_a_match_is_held(pattern: str, text: str, rest: str):
    assert held(text, pattern) == rest


@pytest.mark.parametrize("pattern", [r"a\Cb", "a(b", "a)b", "(?x)a", "[a", "*a", "(?<=a)b"])
def test_what_is_not_understood_is_said_to_be(pattern: str):
    with pytest.raises(NotUnderstood):
        beginnings(pattern)


def test_a_pattern_that_is_not_understood_holds_the_horizon():
    assert held("some words", r"a\Cb", "rds$") == "words"
    assert held("some words", r"\pL{1000}" * 6 + "!") == "words"
    assert held("some words", "(?:" * 1_100 + "a" + ")" * 1_100) == "words"
    assert held("some qqq", "q" * 1_100) == "qqq"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("the re", "re"),
        ("there", ""),
        ("a red \n f", "red \n f"),
        ("a red  ", "red  "),
        ("red", "red"),
        ("看猎", "猎"),
        ("red.", ""),
    ],
)
def test_words_are_held_while_they_could_be_listed_ones(text: str, rest: str):
    assert held(text, words=("red fox", "猎鹰")) == rest


def test_a_cut_is_moved_to_before_what_goes_across_it():
    growth, text = Growth(["red fox", "fox den"], horizon=5), Turned("a red fox d")

    assert growth.end(text) == 6
    assert growth.cut(text, lambda: True) == 2
    assert growth.cut(text, lambda: False) == 6


def test_the_text_may_hold_anything():
    text = "字\ud800ab"

    assert Growth(["abc"], horizon=5).cut(Turned(text), lambda: True) == 2


@pytest.mark.parametrize(
    "char", ["1", "a", "A1b2", "1-", "a.", "字", "你", "=; ", "host=x;", "eyJ", "0x", "\n", "the ", "é", "\u0301"]
)
@pytest.mark.parametrize("name", ["keywords", "secrets", "pii", "prompt_attack"])
def test_no_end_takes_long(name: str, char: str):
    from guard import registry

    classifier = registry.create(name)
    classifier.load()
    text = (char * 65_536)[:65_536]
    began = time.process_time()
    classifier.pending(text)

    assert time.process_time() - began < 1.0


def test_the_examples_in_the_documentation_are_true():
    assert doctest.testmod(_beginnings).attempted == 2
    assert doctest.testmod(_beginnings).failed == 0
