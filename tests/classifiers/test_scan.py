from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from classifiers._scan import BadPattern, Offsets, Scanner, encode, strongest


@given(st.text(), st.data())
def test_byte_offsets_become_character_offsets_in_any_order(text: str, data: st.DataObject):
    at = Offsets(encode(text))
    for place in data.draw(st.lists(st.integers(0, len(text)))):
        assert at(len(text[:place].encode())) == place


@given(st.text(st.sampled_from("ab中😀 \ud800")))
def test_spans_count_characters_whatever_their_width(text: str):
    found = [(start, end) for _, start, end in Scanner(["a+"]).find(text)]

    assert all(set(text[start:end]) == {"a"} for start, end in found)
    assert sum(end - start for start, end in found) == text.count("a")


def test_only_patterns_that_occur_are_searched():
    scanner = Scanner(["cat", "dog", "owl"])

    assert scanner.occurring(b"an owl and a cat") == [0, 2]
    assert scanner.occurring(b"nobody") == []
    assert Scanner([]).occurring(b"anything") == []


def test_what_stands_behind_a_group_serves_the_next_match_too():
    scanner = Scanner([r"(?:^|\s)(fox)(?:\s|$)"])

    assert list(scanner.find("fox fox fox")) == [(0, 0, 3), (0, 4, 7), (0, 8, 11)]


def test_empty_matches_come_to_an_end():
    assert list(Scanner(["x*"]).find("axa")) == [(0, 1, 2)]


def test_a_pattern_that_re2_has_not_is_refused_by_number():
    with pytest.raises(BadPattern, match="perl operator") as caught:
        Scanner(["fine", "(?=ahead)"])

    assert caught.value.index == 1


def test_the_strongest_of_overlapping_spans_stays():
    spans = [(0, 5), (4, 9), (8, 12), (20, 22)]

    assert strongest(spans, [0.5, 0.9, 0.5, 0.1].__getitem__) == [1, 3]
    assert strongest(spans, [0.5, 0.5, 0.5, 0.5].__getitem__) == [0, 2, 3]
    assert strongest([], [].__getitem__) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8), st.floats(0, 1))))
def test_kept_spans_never_overlap_and_every_other_gave_way(rows: list[tuple[int, int, float]]):
    spans = [(start, start + length) for start, length, _ in rows]
    kept = strongest(spans, lambda i: rows[i][2])

    def overlap(i: int, j: int) -> bool:
        return spans[i][0] < spans[j][1] and spans[j][0] < spans[i][1]

    assert not any(overlap(i, j) for i in kept for j in kept if i < j)
    assert all(any(overlap(i, j) and rows[j][2] >= rows[i][2] for j in kept) for i in range(len(rows)) if i not in kept)
