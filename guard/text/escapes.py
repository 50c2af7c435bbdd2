r"""Undoes JSON string escapes with a map back, so that ``\u005a`` in tool-call arguments reads as ``Z``.

All of a text is read, however many escapes it has. The map is exact for as many as a document of prose has; beyond
that, neighbours share one entry, so that a text of nothing but escapes costs no more than others: a finding there
stands for the stretch of up to 32 escapes, or 256 other characters, around it.
"""

from __future__ import annotations

import json
import re

from guard.content import Segment, View

MOST_EXACT = 10_000
"""How many escapes are mapped one by one."""

# RFC 8259 §7; a surrogate pair is one character, half of one is no character. Every loop is possessive: linear time.
_CODE = (
    r"\\(?:[\"\\/bfnrt]|u(?:(?![dD][89a-fA-F])[0-9a-fA-F]{4}|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))"
)
_ESCAPE = re.compile(_CODE)
_STRETCH = re.compile(rf"(?:{_CODE}|[^\\]{{1,8}}+|\\){{1,32}}+")
_RUN = re.compile(rf"(?:{_CODE})++")
_SIMPLE = {
    r"\"": '"', r"\\": "\\", r"\/": "/", r"\b": "\b", r"\f": "\f", r"\n": "\n", r"\r": "\r", r"\t": "\t",
}  # fmt: skip
_LONG = 8  # characters of a run from which on the parser is quicker than we are
LONGEST_ESCAPE = 12
"""Characters of a surrogate pair as two escapes."""
_UNFINISHED = re.compile(r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)?\Z")


def unescape_json(text: str, part: int, exact: int = MOST_EXACT) -> View | None:
    """A view of *text* with its JSON escapes undone, or None if it has none. A lone surrogate stays as written.

    The first *exact* escapes are mapped one by one, the rest by stretches.
    """
    if "\\" not in text or _ESCAPE.search(text) is None:
        return None
    pieces: list[str] = []
    segments: list[Segment] = []
    at = taken = 0
    for count, match in enumerate(_ESCAPE.finditer(text)):
        if count == exact:
            break
        start, end = match.span()
        if start > taken:
            pieces.append(text[taken:start])
            segments.append(Segment(at, at + start - taken, part, taken, start))
            at += start - taken
        pieces.append(_char(match))
        segments.append(Segment(at, at + 1, part, start, end))
        at += 1
        taken = end
    if "\\" not in text[taken:]:
        pieces.append(text[taken:])
        if taken < len(text):
            segments.append(Segment(at, at + len(text) - taken, part, taken, len(text)))
        return View("".join(pieces), tuple(segments))
    for match in _STRETCH.finditer(text, taken):
        piece = _RUN.sub(_chars, match[0])
        pieces.append(piece)
        segments.append(Segment(at, at + len(piece), part, *match.span()))
        at += len(piece)
    return View("".join(pieces), tuple(segments))


def _chars(run: re.Match[str]) -> str:
    written = run[0]
    simple = _SIMPLE.get(written)
    if simple is not None:
        return simple
    if len(written) < _LONG:
        return _ESCAPE.sub(_char, written)
    return str(json.loads(f'"{written}"'))


def _char(match: re.Match[str]) -> str:
    written = match[0]
    simple = _SIMPLE.get(written)
    if simple is not None:
        return simple
    unit = int(written[2:6], 16)
    if len(written) < LONGEST_ESCAPE:
        return chr(unit)
    return chr(0x10000 + ((unit - 0xD800) << 10) + int(written[8:], 16) - 0xDC00)


def unfinished(text: str) -> int:
    r"""Where an escape begins that *text* ends in the middle of; its length if none does.

    >>> [unfinished(text) for text in (r"a\u00", r"a\\\u00", r"a\\u00", r"a\n", r"\ud83d\ude")]
    [1, 3, 6, 3, 0]
    """
    low = max(0, len(text) - LONGEST_ESCAPE)
    match = _UNFINISHED.search(text, low)
    while match is not None:
        row = match.start()
        while row and text[row - 1] == "\\":
            row -= 1
        if (match.start() - row) % 2 == 0:  # else the backslash is itself escaped
            return match.start()
        match = _UNFINISHED.search(text, match.start() + 1)
    return len(text)


def uncut(text: str, start: int, end: int) -> tuple[tuple[int, int], tuple[int, int]]:
    r"""``start:end`` of *text*, once widened and once narrowed to where no escape is cut in two.

    >>> uncut(r"a\nbc", 2, 5)
    ((1, 5), (3, 5))
    """
    left, right = _around(text, start), _around(text, end)
    return (left[0], right[1]), (left[1], right[0])


def _around(text: str, at: int) -> tuple[int, int]:
    """The bounds of the escape that *at* stands inside of, or *at* twice."""
    first = text.find("\\", max(0, at - LONGEST_ESCAPE + 1), at)
    row = -1
    while first >= 0:
        if row < 0 or text[first - 1] != "\\":
            row = first
            while row and text[row - 1] == "\\":
                row -= 1
        # Of a row of backslashes every second one is itself escaped.
        if (first - row) % 2 == 0 and (match := _ESCAPE.match(text, first)) and match.end() > at:
            return match.span()
        first = text.find("\\", first + 1, at)
    return at, at
