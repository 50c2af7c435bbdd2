from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from classifiers._wordpiece import WordPiece

VOCABULARY = Path(__file__).parents[2] / "classifiers" / "weights" / "names_en.txt"
TOKENIZER = WordPiece(VOCABULARY.read_text("utf-8").removesuffix("\n").split("\n"))
SMALL = WordPiece(["[PAD]", "[UNK]", "un", "##aff", "##able", "a", "##a", "é"])


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (
            "Anna's e-mail: ana.b@example.org!",
            [1113, 15214, 17109, 6668, 9046, 3744, 10198, 11246, 7148, 14548, 16752, 12005, 7148, 569, 4664],
        ),
        ("São Tomé, Müllerstraße 5", [15137, 7554, 8381, 13076, 19701, 8966]),
        ("北京 and Ελλάδα\tx\x00y", [14192, 3579, 2550, 2583, 3825, 3825, 17375, 853, 17375, 15955, 16884]),
        ("don\u2019t — unaffable 😀", [8082, 3653, 10347, 13730, 11720, 3505, 15689, 1]),
        ("e\u0301te\u0301 İstanbul ﬁ", [9287, 7312, 10822, 477]),
        ("a" * 101, [1]),
        ("", []),
    ],
)
def test_pieces_are_those_of_the_reference_tokenizer(text: str, pieces: list[int]):
    assert [piece for word in TOKENIZER.words(text) for piece in word.pieces] == pieces


def test_the_longest_piece_goes_first_and_a_word_without_pieces_is_unknown():
    assert [word.pieces for word in SMALL.words("UNAFFABLE aa unz")] == [(2, 3, 4), (5, 6), (1,)]


def test_a_word_stands_for_its_own_characters():
    text = "  Cafe\u0301, São\x00Paulo！"

    assert [text[word.start : word.end] for word in TOKENIZER.words(text)] == [
        "Cafe\u0301"[:4],
        ",",
        "São\x00Paulo",
        "！",
    ]


@given(st.text(max_size=80))
def test_words_are_in_order_and_hold_every_letter_and_digit(text: str):
    words = TOKENIZER.words(text)
    ends = [0, *[word.end for word in words]]

    assert all(end <= word.start < word.end for end, word in zip(ends, words, strict=False))
    covered = {at for word in words for at in range(word.start, word.end)}
    assert all(at in covered for at, char in enumerate(text) if char.isalnum())


@pytest.mark.parametrize("pattern", ["a", "a.", "字", "é", "\u0301", "ab\x00"])
def test_no_text_takes_long(pattern: str):
    began = time.process_time()
    TOKENIZER.words((pattern * 20_000)[:20_000])

    assert time.process_time() - began < 5.0
