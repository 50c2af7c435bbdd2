from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from guard.content import Segment, View


@st.composite
def views(draw: st.DrawFn) -> View:
    """A view of several parts: stretches as they are, stretches that map whole to whole, joiners from nowhere."""
    text, segments, origin = "", [], {0: 0, 1: 0, 2: 0}
    part = 0
    for _ in range(draw(st.integers(0, 6))):
        text += draw(st.sampled_from(["", "", " "]))
        part = draw(st.integers(part, min(part + 1, 2)))
        length = draw(st.integers(1, 5))
        taken = draw(st.sampled_from([length, length, 6 * length]))
        skipped = draw(st.integers(0, 2))
        start = origin[part] + skipped
        segments.append(Segment(len(text), len(text) + length, part, start, start + taken))
        origin[part] = start + taken
        text += "x" * length
    return View(text, tuple(segments))


def test_a_view_of_a_text_maps_to_itself():
    assert View.of("hello", part=3).origins(1, 4) == [(3, 1, 4)]


def test_a_view_of_a_stretch_maps_to_where_it_began():
    assert View.of("llo", part=1, offset=2).origins(0, 3) == [(1, 2, 5)]


def test_a_span_over_a_seam_comes_from_both_parts_and_not_from_the_joiner():
    view = View("ab cd", (Segment(0, 2, 0, 5, 7), Segment(3, 5, 1, 0, 2)))

    assert view.origins(1, 4) == [(0, 6, 7), (1, 0, 1)]
    assert view.origins(2, 3) == []


def test_part_of_an_escape_is_all_of_it():
    view = View("aZb", (Segment(0, 1, 0, 0, 1), Segment(1, 2, 0, 1, 7), Segment(2, 3, 0, 7, 8)))

    assert view.origins(1, 2) == [(0, 1, 7)]
    assert view.origins(0, 3) == [(0, 0, 8)]


def spans(view: View) -> st.SearchStrategy[tuple[int, int]]:
    """Spans of at least one character: one that names none comes from nowhere."""
    places = st.integers(0, len(view.text))
    return st.tuples(places, places).filter(lambda span: span[0] < span[1]) if view.text else st.just((0, 0))


@given(views(), st.data())
def test_every_character_of_a_span_has_its_origin_in_the_origins(view: View, data: st.DataObject):
    start, end = data.draw(spans(view))

    found = view.origins(start, end)

    for at in range(start, end):
        for part, low, high in view.origins(at, at + 1):
            assert any(p == part and s <= low and high <= e for p, s, e in found)


@given(views(), st.data())
def test_origins_are_in_order_apart_and_no_wider_than_the_span_needs(view: View, data: st.DataObject):
    start, end = data.draw(spans(view))

    found = view.origins(start, end)
    single = {place for at in range(start, end) for place in view.origins(at, at + 1)}

    assert found == sorted(found)
    assert all(before[0] != after[0] or before[2] < after[1] for before, after in pairwise(found))
    covered = {(part, char) for part, low, high in single for char in range(low, high)}
    assert {(part, char) for part, low, high in found for char in range(low, high)} == covered
