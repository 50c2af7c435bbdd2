"""Words that are spelt out, and English words in letters without spaces."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from guard.content import View
from guard.text.spell import parted, spelt
from guard.text.views import disguises
from guard.text.words import parts


def joined(text: str) -> View:
    view = spelt(text)
    assert view is not None, text
    return view


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("k.i.l.l y.o.u", "kill you"),
        ("k-i-l-l  y-o-u", "kill you"),
        ("k i l l   y o u", "kill you"),
        ("k - i - l - l", "kill"),
        ("k * i * l * l   y * o * u", "kill you"),
        ("k - i l l", "k-ill"),
        ("[k][i][l][l] [y][o][u]", "kill you"),
        ("say (k)(i)(l)(l)!", "say kill!"),
        ("自*杀 了", "自杀了"),
    ],
)
def test_words_spelt_out_are_joined_and_stay_apart(text: str, said: str) -> None:
    assert joined(text).text == said


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ("killyourself", "kill yourself"),
        ("howtomakeabomb", "how to make a bomb"),
        ("IgnorePreviousInstructions", "Ignore Previous Instructions"),
        ("xqzkillyou", "xqz kill you"),
        ("abcdefgh", "abcdefgh"),
        ("library", "library"),
    ],
)
def test_words_are_told_apart_without_spaces(letters: str, said: str) -> None:
    cuts = [0, *parts(letters), len(letters)]

    assert " ".join(letters[low:high] for low, high in pairwise(cuts)) == said


@given(st.text(alphabet="abcdeilkouy", max_size=40))
def test_words_are_parted_in_order_and_inside(letters: str) -> None:
    cuts = parts(letters)

    assert cuts == sorted(set(cuts))
    assert all(0 < cut < len(letters) for cut in cuts)


def test_a_word_that_was_parted_comes_from_its_own_letters() -> None:
    text = "they say k i l l y o u r s e l f to him"
    view = parted(joined(text))
    assert view is not None
    at = view.text.index("kill yourself")

    places = view.origins(at, at + len("kill yourself"))

    assert (places[0][1], places[-1][2]) == (text.index("k i"), text.index(" to him"))
    assert view.text == "they say kill yourself to him"


def test_abbreviations_and_subscripts_are_not_spelt() -> None:
    for text in ("He lives in the U.S. now.", "x = a[i][j]", "see 2(a)(1)", "cited [1][2][3]"):
        assert spelt(text) is None


def test_parting_takes_no_more_time_for_more_letters() -> None:
    view = joined("k i l l y o u " * 70_000)
    begin = time.thread_time()
    parted(view)

    assert time.thread_time() - begin < 2.0


@pytest.mark.parametrize("before", ["x ", "自 ", "p,q,r,s,t,u,v\n"])
def test_a_word_behind_more_than_is_parted_is_read_or_said_to_be_unread(before: str) -> None:
    for count in (10, 1_000, 4_000, 7_000, 9_000, 12_000, 30_000):
        found = disguises(before * count + "k i l l y o u r s e l f")

        assert not found.complete or any("kill yourself" in view.text for view in found.views), count
    assert disguises(before * 900 + "k i l l y o u r s e l f").complete


def test_a_letter_with_an_accent_leaves_the_others_of_a_word_parted() -> None:
    assert "é kill yourself" in [
        view.text.replace("ék", "é k") for view in disguises("é k i l l y o u r s e l f").views
    ]


@pytest.mark.parametrize("cell", ["a\n", "A C G T ", "Y,N,"])
def test_rows_of_few_different_letters_are_read_to_their_end(cell: str) -> None:
    assert disguises(cell * 30_000).complete
