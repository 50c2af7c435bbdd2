r"""Keeping JSON JSON: where in a document something may be cut out, and whether it is still a document then.

``{"to": "mail\nana@…", "card": 4111…}`` → ``{"to": "mail\n<EMAIL_1>", "card": "<CREDIT_CARD_1>"}``
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from guard.actions._editing import is_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import TextPart

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[^\s"\[\]{},:]++', re.DOTALL)
"""A string, or a number or word, of a text that is JSON."""
_OPENING = ("{", "[")


def is_document(part: TextPart) -> bool:
    """Whether *part* is JSON to whoever reads it: an object or a list, or the arguments of a tool."""
    return (part.kind == "tool_arguments" or _first(part.text) in _OPENING) and is_json(part.text)


def holds(part: TextPart, text: str) -> bool:
    """Whether *text* can stand for *part*, a document: JSON too, and a tool's object or list still one."""
    if part.kind == "tool_arguments" and _first(part.text) in _OPENING and _first(text) != _first(part.text):
        return False
    return is_json(text)


def split(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int, int, bool]] | None:
    """What to cut out of the JSON *text* for *spans* (ascending, apart): ``(number of the span, start, end, bare)``.

    Of a string only what is in the span; of a number, which stands *bare*, all of it; of brackets and commas nothing.
    A span over all of the document is one bare piece. None if some span names nothing that could be cut out.
    """
    whole = (len(text) - len(text.lstrip()), len(text.rstrip()))
    if spans and spans[0][0] <= whole[0] and whole[1] <= spans[0][1]:
        return [(0, *whole, True)]
    pieces: list[tuple[int, int, int, bool]] = []
    served: set[int] = set()
    starts = [start for start, _ in spans]
    for token in _TOKEN.finditer(text):
        left, right = token.span()
        quoted = text[left] == '"'
        if quoted:
            left, right = left + 1, right - 1
        for number in range(max(0, bisect_right(starts, left) - 1), len(spans)):
            start, end = spans[number]
            if start >= right:
                break
            if end <= left:
                continue
            served.add(number)
            if quoted:
                pieces.append((number, max(start, left), min(end, right), False))
            elif not pieces or pieces[-1][1:3] != (left, right):  # once is enough for all of it
                pieces.append((number, left, right, True))
    return pieces if len(served) == len(spans) else None


def _first(text: str) -> str:
    return text.lstrip()[:1]
