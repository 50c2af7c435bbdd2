"""classifiers._pieces: text into pieces, by a vocabulary small enough to follow by hand."""

import itertools

import pytest
from hypothesis import given, strategies as st

from classifiers._pieces import SPACE, UNKNOWN, Pieces, fold

WORDS = ["<s>", "<pad>", "</s>", "<unk>", SPACE, "a", "b", "ab", f"{SPACE}a", "你", "好", "你好"]
SCORES = [0.0, 0.0, 0.0, 0.0, -3.0, -2.0, -2.0, -2.5, -2.2, -4.0, -4.0, -5.0]


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces(WORDS, SCORES)


def best(word: str) -> float:
    """The highest sum of scores over every way to cut *word*, by trying them all."""
    known = dict(zip(WORDS[4:], SCORES[4:], strict=True))
    found = []
    for cuts in itertools.chain.from_iterable(itertools.combinations(range(1, len(word)), n) for n in range(len(word))):
        parts = [word[a:b] for a, b in itertools.pairwise((0, *cuts, len(word)))]
        if all(part in known for part in parts):
            found.append(sum(known[part] for part in parts))
    return max(found)


@given(st.text(alphabet="ab你好", min_size=1, max_size=7))
def test_the_cut_is_the_best_of_all(text: str) -> None:
    numbers = Pieces(WORDS, SCORES).encode(text)

    assert "".join(WORDS[number] for number in numbers) == SPACE + text
    assert sum(SCORES[number] for number in numbers) == pytest.approx(best(SPACE + text))


def test_a_run_of_strange_characters_is_one_unknown_piece(pieces: Pieces) -> None:
    assert pieces.encode("aжжжb") == [8, UNKNOWN, 6]


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\ufeff", "\x00"])
def test_what_shows_nothing_has_no_pieces(pieces: Pieces, text: str) -> None:
    assert pieces.encode(text) == []


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＹＯＵ　ＡＲＥ", "you are"),
        ("sTuPiD", "stupid"),
        ("Anna met NATO", "Anna met nato"),
        ("i\u00addi\u200bot", "idiot"),
        ("a\ud800b\tc", "a b c"),
        ("ﬁne", "fine"),
    ],
)
def test_one_spelling_for_what_reads_the_same(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(max_size=60))
def test_any_text_has_pieces_that_are_in_the_vocabulary(text: str) -> None:
    assert all(0 < number < len(WORDS) for number in Pieces(WORDS, SCORES).encode(text))
