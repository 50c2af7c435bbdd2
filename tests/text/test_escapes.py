from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from guard.text.escapes import uncut, unescape_json

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def as_json(text: str) -> str:
    return json.dumps(text)[1:-1]


@given(plain)
def test_what_json_escapes_is_undone(text: str):
    written = as_json(text)

    view = unescape_json(written, 0)

    assert (view.text if view else written) == text
    assert (view is None) == (written == text)


@given(plain)
def test_every_character_maps_back_to_how_it_was_written(text: str):
    written = as_json(text)
    view = unescape_json(written, 4)
    if view is None:
        return

    for at, char in enumerate(text):
        ((part, start, end),) = view.origins(at, at + 1)
        assert part == 4
        assert json.loads(f'"{written[start:end]}"') == char


@given(st.text('\\u"dDcC0089aAnx ', max_size=40))
def test_no_text_is_too_broken_and_nothing_in_it_is_lost(text: str):
    view = unescape_json(text, 0)
    if view is None:
        return

    places = view.origins(0, len(view.text))
    assert places == [(0, 0, len(text))]
    assert "".join(text[s.origin_start : s.origin_end] for s in view.segments) == text
    view.text.encode()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\u005aORBLAX", "ZORBLAX"),
        (r"\u005A\u004f", "ZO"),
        (r"a\/b\"c\\d", 'a/b"c\\d'),
        (r"\\u005a", r"\u005a"),
        (r"\ud83d\ude00!", "😀!"),
        (r"\ud83d\u005a", r"\ud83dZ"),
        (r"\u005", None),
        (r"\x5a", None),
        ("no escape", None),
    ],
)
def test_escapes_are_read_as_json_reads_them(written: str, read: str | None):
    view = unescape_json(written, 0)

    assert (view.text if view else None) == read


@given(st.text('\\u"dDcC0089aAnx ', max_size=60), st.integers(0, 5))
def test_beyond_the_exact_map_all_is_read_and_every_entry_holds_whole_escapes(text: str, exact: int):
    fine, coarse = unescape_json(text, 0), unescape_json(text, 0, exact)
    if fine is None or coarse is None:
        assert fine is coarse
        return

    assert coarse.text == fine.text
    assert "".join(text[s.origin_start : s.origin_end] for s in coarse.segments) == text
    for segment in coarse.segments:
        assert uncut(text, segment.origin_start, segment.origin_end)[0] == segment[3:]


def test_beyond_the_exact_map_an_entry_is_short():
    written = "\\n" * 5_000 + "word \\u0041" * 5_000
    view = unescape_json(written, 0, 10)

    assert view is not None
    assert all(s.origin_end - s.origin_start <= 384 for s in view.segments)
    assert len(view.segments) < 1_000


@given(st.text('\\u"dDcC0089aAnx ', max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_a_span_is_widened_and_narrowed_to_whole_escapes(text: str, one: int, other: int):
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    view = unescape_json(text, 0)
    edges = {0, len(text)} | ({at for s in view.segments for at in s[3:]} if view else set())
    inside = (
        {
            at
            for s in view.segments
            if s.end - s.start == s.origin_end - s.origin_start
            for at in range(s.origin_start, s.origin_end)
        }
        if view
        else set(range(len(text)))
    )

    (low, high), (inner_low, inner_high) = uncut(text, start, end)

    assert low <= start <= inner_low
    assert inner_high <= end <= high
    assert {low, high, inner_low, inner_high} <= edges | inside


def test_a_long_row_of_backslashes_is_counted_from_its_start():
    row = "\\" * 200_001

    assert uncut(row + "na", len(row), len(row) + 2) == ((len(row) - 1, len(row) + 2), (len(row) + 1, len(row) + 2))
