r"""Undoes JSON string escapes with a map back, so that ``\u005a`` in tool-call arguments reads as ``Z``."""

from __future__ import annotations

import re

from guard.content import Segment, View

# RFC 8259 §7; a surrogate pair is one character. The alternatives start differently: linear time.
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([\"\\/bfnrt]))"
)
_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def unescape_json(text: str, part: int) -> View | None:
    """A view of *text* with its JSON escapes undone, or None if it has none. A lone surrogate stays as written."""
    if "\\" not in text:
        return None
    pieces: list[str] = []
    segments: list[Segment] = []
    at = taken = 0
    for match in _ESCAPE.finditer(text):
        high, low, unit, simple = match.groups()
        if high:
            char = chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
        elif unit:
            if 0xD800 <= int(unit, 16) <= 0xDFFF:
                continue
            char = chr(int(unit, 16))
        else:
            char = _SIMPLE[simple]
        start, end = match.span()
        if start > taken:
            pieces.append(text[taken:start])
            segments.append(Segment(at, at + start - taken, part, taken, start))
            at += start - taken
        pieces.append(char)
        segments.append(Segment(at, at + 1, part, start, end))
        at += 1
        taken = end
    if not pieces:
        return None
    if taken < len(text):
        pieces.append(text[taken:])
        segments.append(Segment(at, at + len(text) - taken, part, taken, len(text)))
    return View("".join(pieces), tuple(segments))
