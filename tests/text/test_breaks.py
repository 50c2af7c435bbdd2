"""Words with pictures, line breaks and accents in them."""

from __future__ import annotations

import time

import pytest

from guard.text import breaks
from guard.text.views import disguises, unfinished
from tests.benign import lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ki\U0001f600ll your\U0001f525self", "kill yourself"),
        ("k\u2764\ufe0fi\u2764\ufe0fl\u2764\ufe0fl", "kill"),
        ("kill\U0001f600yourself", "kill yourself"),
        ("他说自\U0001f600杀", "他说自杀"),
        ("C\U0001f600A\U0001f600T\U0001f600-\U0001f6007", "CAT-7"),
    ],
)
def test_pictures_in_words_are_taken_out(text: str, said: str) -> None:
    view = breaks.unpictured(text)

    assert view is not None
    assert view.text == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ki\nll yo\nurself", "kill yourself"),
        ("kill your-\nself", "kill yourself"),
        ("kill your-\r\nself", "kill yourself"),
        ("a ki", None),
        ("the cat\nsat on\nit", None),
        ("He met Smith\nthere", None),
        ("3-\n4", None),
    ],
)
def test_words_over_two_lines_are_mended(text: str, said: str | None) -> None:
    view = breaks.mended(text)

    assert (view and view.text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ḱíĺĺ ýóúŕśéĺf", "kill yourself"),
        ("ķïľľ", "kill"),
        ("Øbø ŧħɍøøŧ", "Øbø throot"),
        ("été créée příští được đường ở đó", None),
        ("Größe, señora, ılık", None),
    ],
)
def test_accents_that_no_language_puts_are_taken_off(text: str, said: str | None) -> None:
    view = breaks.unaccented(text)

    assert (view and view.text) == said


def test_what_is_mended_comes_from_all_of_it() -> None:
    text = "go ki\nll it"
    (view,) = disguises(text).views
    at = view.text.index("kill")

    assert view.origins(at, at + 4) == [(0, 3, 5), (0, 6, 8)]


@pytest.mark.parametrize("line", [line for line in lines() if "data:image" not in line][::9])
def test_an_ordinary_line_has_no_word_to_mend(line: str) -> None:
    assert breaks.is_plain(line)
    assert not breaks.is_cut(line)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("we ki\n", "ki\n"),
        ("we kill-\n", "kill-\n"),
        ("so k\U0001f600i\U0001f600", "k\U0001f600i\U0001f600"),
        ("the cat\n", ""),
        ("Great job! \U0001f44d\n", ""),
    ],
)
def test_a_word_that_may_go_on_is_held(text: str, held: str) -> None:
    assert text[unfinished(text) :] == held


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ki\nll\nyourself", "kill\nyourself"),
        ("kill y\nou\nrs\nelf\nAnd left", "kill yourself\nAnd left"),
        ("ki-\nll\nyour-\nself\nand", "kill\nyourself\nand"),
        ("ki\nll\ner", None),
        ("ki\nll", None),
        ("zo\nrb\nlax", None),
        ("the cat\nsat", None),
    ],
)
def test_a_word_of_pieces_ends_at_a_line_too(text: str, said: str | None) -> None:
    view = breaks.mended_apart(text)

    assert (view and view.text) == said


@pytest.mark.parametrize("text", ["k\U0001f600" * 300_000, "ki\n" * 300_000, "ḱíĺĺ " * 200_000, "\U0001f600" * 500_000])
def test_many_take_time_in_proportion(text: str) -> None:
    begin = time.thread_time()
    for step in (breaks.unpictured, breaks.mended, breaks.mended_apart, breaks.unaccented):
        step(text)
    unfinished(text)

    assert time.thread_time() - begin < 10.0


@pytest.mark.parametrize("letters", ["a", "a\u00e9", "\u00e9a"])
def test_one_long_run_of_letters_takes_time_in_proportion(letters: str) -> None:
    begin = time.thread_time()
    breaks.unaccented("\u00e9\u00e9 " + letters * 500_000)

    assert time.thread_time() - begin < 5.0
