from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from guard.text.escapes import unescape_json

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
