from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, strategies as st

from classifiers._fold import fold, narrowed, normal


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Straße", "strasse"), ("ＦｏＯ！", "foo!"), ("ﬁne", "fine"), ("①㎏", "1kg"), ("é", "é"), ("İ", "i̇"),
        ("ΣΑΣ", "σασ"), ("中文，ABC", "中文,abc"), ("각", "각"), ("", ""),
    ],
)  # fmt: skip
def test_folding_gives_nfkc_without_case(text: str, folded: str):
    assert fold(text).text == folded


@given(st.text(max_size=40))
def test_folding_is_what_normal_gives_for_text_without_long_runs_of_marks(text: str):
    assert normal(fold(text).text) == normal(text)


@given(st.text(max_size=40))
def test_every_folded_character_comes_from_somewhere(text: str):
    folded = fold(text)
    for index in range(len(folded.text)):
        start, end = folded.origin(index, index + 1)
        assert 0 <= start < end <= len(text)
        assert folded.text[index] in normal(text[start:end]) or unicodedata.combining(folded.text[index])


@given(st.text())
def test_narrowing_keeps_every_place(text: str):
    narrow = narrowed(text)

    assert len(narrow) == len(text)
    assert all(a == b or normal(a) == normal(b) for a, b in zip(narrow, text, strict=True))


def test_a_long_run_of_marks_takes_no_quadratic_time():
    began = time.process_time()
    fold("a" + "\u0315\u0300" * 30_000)

    assert time.process_time() - began < 1.0


@given(st.text(st.sampled_from("aé가か字ßﬁ①\u0301\u3099\u11a8"), max_size=12), st.data())
def test_there_and_back_gives_the_beginning_of_the_same_character(text: str, data: st.DataObject):
    folded = fold(text)
    place = data.draw(st.integers(0, len(text)))
    begin = folded.begin(folded.index(place))

    assert begin <= place
    assert folded.index(begin) == folded.index(place)


@given(st.text(st.sampled_from("a字か\u0301\u0489"), max_size=12))
def test_what_else_is_in_a_text_moves_no_place(text: str):
    alone, among = fold(text), fold(text + "①")

    assert [alone.origin(i, i + 1) for i in range(len(alone.text))] == [
        among.origin(i, i + 1) for i in range(len(alone.text))
    ]


def test_traditional_characters_compare_as_simplified_ones_in_their_places():
    folded = fold("他說：圖書館！")

    assert folded.text == "他说:图书馆!"
    assert folded.origin(3, 6) == (3, 6)
