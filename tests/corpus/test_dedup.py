from __future__ import annotations

import random

import pytest

from guard.corpus.columns import Columns
from guard.corpus.dedup import SIMILAR, Dedup, signature, similarity

TEXT = Columns(texts=("text",))
LONG = (
    "The shop is open from nine to five on every day but Sunday, and parcels that are ordered before noon leave on the "
    "same day; whoever is not content with what came may send it back within thirty days at no cost. "
) * 2


def originals(mode: str, texts: list[str]) -> list[int | None]:
    dedup = Dedup(mode)
    found = [dedup.original(row, {"text": text}, TEXT) for row, text in enumerate(texts)]
    dedup.close()
    return found


def test_equal_texts_have_the_first_as_their_original():
    assert originals("exact", ["a", "b", "a", "A", "a"]) == [None, None, 0, None, 0]


def test_near_texts_are_those_that_differ_in_case_width_and_spaces_or_in_little():
    other = LONG.replace("Sunday", "Monday").replace("noon", "six")

    assert originals("near", [LONG, LONG.upper(), " ".join(LONG), LONG + "!", other, "一" * 3, "一 " * 3]) == [
        None, 0, None, 0, None if similarity_of(LONG, other) < SIMILAR else 0, None, None,
    ]  # fmt: skip


def similarity_of(one: str, other: str) -> float:
    first, second = signature(one.casefold()), signature(other.casefold())
    assert first is not None
    assert second is not None
    return similarity(first, second)


def test_texts_too_short_for_a_comparison_are_the_same_only_if_they_are():
    assert originals("near", ["my card is 1", "my card is 2", "My  card is 2"]) == [None, None, 1]


@pytest.mark.parametrize("shared", [0, 200, 500, 900, 1000])
def test_the_estimate_is_near_the_overlap(shared: int):
    draw = random.Random(shared)
    one, other = ("".join(draw.choices("abcdefgh ", k=1000)) for _ in range(2))
    other = one[:shared] + other[shared:]
    grams = [{text[n : n + 5] for n in range(len(text) - 4)} for text in (one, other)]

    assert abs(similarity_of(one, other) - len(grams[0] & grams[1]) / len(grams[0] | grams[1])) < 0.15


def test_messages_and_pictures_are_compared_exactly():
    dedup = Dedup("near")
    columns = Columns(media=("image",))

    assert dedup.original(0, {"image": b"a" * 100}, columns) is None
    assert dedup.original(1, {"image": b"a" * 99 + b"b"}, columns) is None
    assert dedup.original(2, {"image": b"a" * 100}, columns) == 0
    dedup.close()
