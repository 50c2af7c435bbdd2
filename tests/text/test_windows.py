from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guard.content import View
from guard.text.windows import cut, join, narrow, seams, windows

SMALL = st.text("ab \n", max_size=12)


def original(view: View, texts: list[str]) -> str:
    """What *view* shows, read from the parts it says it came from; joiners as they are."""
    shown, at = "", 0
    for segment in view.segments:
        shown += view.text[at : segment.start] + texts[segment.part][segment.origin_start : segment.origin_end]
        at = segment.end
    return shown + view.text[at:]


@given(length=st.integers(0, 300), size=st.integers(1, 60), overlap=st.integers(0, 59))
def test_every_span_up_to_the_overlap_stands_whole_in_a_window(length: int, size: int, overlap: int):
    found = list(cut(length, size, min(overlap, size - 1)))

    assert found[0][0] == 0
    assert found[-1][1] == length
    assert all(end - start <= size for start, end in found)
    for width in {1, min(overlap, size - 1)} - {0}:
        for at in range(length - width + 1):
            assert any(start <= at and at + width <= end for start, end in found)


@given(length=st.integers(0, 300), size=st.integers(2, 60), overlap=st.integers(0, 59))
def test_windows_are_no_more_than_the_step_needs(length: int, size: int, overlap: int):
    step = max(1, size - overlap)

    assert len(list(cut(length, size, overlap))) <= 1 + max(0, length - size + step - 1) // step


def test_a_short_text_or_a_tireless_reader_has_one_window():
    assert list(cut(5, 5, 2)) == [(0, 5)]
    assert list(cut(10**6, None, 64)) == [(0, 10**6)]
    assert list(cut(0, 5, 2)) == [(0, 0)]


@given(text=st.text(max_size=80), size=st.integers(1, 20), overlap=st.integers(0, 19))
def test_windows_show_the_text_where_it_stands(text: str, size: int, overlap: int):
    for view in windows(text, 7, size, min(overlap, size - 1)):
        ((part, start, end),) = view.origins(0, len(view.text)) or ((7, 0, 0),)
        assert (part, text[start:end]) == (7, view.text)


@given(texts=st.lists(SMALL, min_size=1, max_size=5), joiner=st.sampled_from(["", " ", "\n"]), data=st.data())
def test_narrowing_a_view_keeps_its_map(texts: list[str], joiner: str, data: st.DataObject):
    view = join(list(enumerate(texts)), joiner)
    start = data.draw(st.integers(0, max(0, len(view.text) - 1)))
    end = data.draw(st.integers(min(start + 1, len(view.text)), len(view.text)))

    narrowed = narrow(view, start, end)

    assert narrowed.text == view.text[start:end]
    assert original(narrowed, texts) == narrowed.text
    assert narrowed.origins(0, end - start) == view.origins(start, end)


@given(
    texts=st.lists(SMALL, max_size=6),
    horizon=st.integers(1, 10),
    size=st.none() | st.integers(21, 40),
    data=st.data(),
)
def test_whatever_is_no_longer_than_the_horizon_stands_whole_in_a_seam_view(
    texts: list[str], horizon: int, size: int | None, data: st.DataObject
):
    """Of the texts as a reader would join them: as they are, or stripped with nothing or a space between."""
    joined, points = data.draw(st.sampled_from(joinings(texts)))
    found = seams(list(enumerate(texts)), horizon, size)

    for point in points:
        for start in range(max(0, point - horizon + 1), point):
            span = joined[start : start + horizon]
            if start + len(span) > point:
                assert any(span in view.text for view in found)


def joinings(texts: list[str]) -> list[tuple[str, list[int]]]:
    ways = []
    bare = [text.strip() for text in texts if text.strip()]
    for pieces, joiner in (([t for t in texts if t], ""), (bare, ""), (bare, " ")):
        lengths = [len(piece) + len(joiner) for piece in pieces]
        ways.append((joiner.join(pieces), [sum(lengths[: n + 1]) for n in range(len(lengths) - 1)]))
    return ways


@given(texts=st.lists(SMALL, max_size=6), horizon=st.integers(1, 10), size=st.none() | st.integers(21, 40))
def test_seam_views_show_their_parts_within_the_window_and_each_once(texts: list[str], horizon: int, size: int | None):
    found = seams(list(enumerate(texts)), horizon, size)

    assert len(found) == len(set(found))
    for view in found:
        assert original(view, texts) == view.text
        assert size is None or len(view.text) <= size


@pytest.mark.parametrize("texts", [[], ["alone"], ["alone", ""], ["", " ", ""]])
def test_there_is_no_seam_in_less_than_two_texts(texts: list[str]):
    assert all(view.text.strip() in {"", "alone"} for view in seams(list(enumerate(texts)), 5, None))


def test_a_reader_without_a_horizon_has_no_seams():
    assert seams([(0, "ab"), (1, "cd")], 0, 10) == []


def test_white_space_at_a_seam_is_kept_dropped_and_made_one_space():
    found = seams([(0, "ab "), (1, " cd")], 2, None)

    assert [view.text for view in found] == ["abcd", "ab c", "b  c"]


def test_many_seams_cost_no_more_than_their_number():
    """Each view knows the parts it shows and no others, so that thousands of texts are joined in one go."""
    texts = [(number, "x" * 600) for number in range(4_000)]

    found = seams(texts, 64, 2_048)

    assert len(found) <= 2 * 3_999
    assert sum(len(view.segments) for view in found) <= 4 * 3_999
