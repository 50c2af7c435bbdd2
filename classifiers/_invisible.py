"""Payloads in characters that nobody sees: tags, variation selectors, zero-width bits, unusual spaces.

What people write holds such characters too: emoji (joiners, selectors, flags of tags), Persian and Indic joiners, soft
wrapping in Thai and Khmer, bidirectional marks, French narrow spaces before punctuation. So what counts is a chain:
many of one kind, close together, in places where no writing system puts them.

Sources: Unicode 16.0, chapters 9.2, 12, 23.2 to 23.4; UTS 51 (emoji); UAX 9 (bidirectional marks).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("tags", "selectors", "zero_width", "spaces", "c2pa")
_GAP = 24
"""Visible characters that may stand between two links of a chain."""
_LEAST = {"tags": 7, "selectors": 6, "zero_width": 8, "spaces": 8}
"""Links from which a chain is no accident."""
_JOINERS = "\u200c\u200d"
_ZERO_WIDTH = "\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\u180e\u200e\u200f\u202a-\u202e\u2066-\u2069" + _JOINERS
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NEAR = 48
_SPACES = "\u2000-\u200a\u202f\u205f"

_LINKS = {
    "tags": re.compile("[\U000e0020-\U000e007e]"),
    "selectors": re.compile("[\ufe00-\ufe0e\U000e0100-\U000e01ef]"),
    "zero_width": re.compile(f"[{_ZERO_WIDTH}]"),
    "spaces": re.compile(f"[{_SPACES}]"),
}
_ANY = re.compile(f"[\U000e0020-\U000e007e\ufe00-\ufe0e\U000e0100-\U000e01ef{_ZERO_WIDTH}{_SPACES}]")
_MANIFEST = "".join(chr(0xE0100 + byte - 16) for byte in b"C2PATXT") + "\ufe00"
_WRAPPER = re.compile(f"\ufeff?{_MANIFEST}[\ufe00-\ufe0f\U000e0100-\U000e01ef]*+")
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
_LETTER = re.compile(r"[a-z0-9]", re.IGNORECASE)
# Scripts in whose words joiners, wrapping marks and bidirectional marks are spelling.
_OWN = re.compile(
    "[\u0590-\u08ff\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1800-\u18af\ufb1d-\ufdff\ufe70-\ufefe]"
)
_EMOJI = re.compile("[\u200d\u20e3\u2190-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff]")


class Chain(NamedTuple):
    """Characters ``start:end`` hold *links* of one *kind*."""

    kind: str
    start: int
    end: int
    links: int


def chains(text: str) -> list[Chain]:
    """The payloads in *text*, by kind and place.

    A run of selectors that begins as a C2PA manifest in text does goes by that name, and by itself, for rules take it
    off: what it holds is another's to judge, and nothing that can be seen is in its span.
    """
    if _ANY.search(text) is None:
        return []
    flags = _Spans(match.span() for match in _FLAG.finditer(text))
    found = [Chain("c2pa", *match.span(), match.end() - match.start()) for match in _WRAPPER.finditer(text)]
    wrapped = _Spans((chain.start, chain.end) for chain in found)
    for kind, pattern in _LINKS.items():
        own = flags if kind == "tags" else wrapped
        places = [m.start() for m in pattern.finditer(text) if not _is_written(kind, text, m.start(), own)]
        found += [chain for chain in _chained(kind, places) if chain.links >= _LEAST[kind]]
    return sorted(found, key=lambda chain: (chain.start, chain.kind))


class _Spans:
    """Spans in their order, apart from each other."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans = list(spans)
        self._starts = [start for start, _ in self._spans]

    def hold(self, at: int) -> bool:
        """Whether one of them holds the character at *at*."""
        number = bisect_right(self._starts, at) - 1
        return number >= 0 and at < self._spans[number][1]


def _chained(kind: str, places: list[int]) -> list[Chain]:
    found: list[Chain] = []
    for place in places:
        if found and place - found[-1].end <= _GAP:
            last = found[-1]
            found[-1] = Chain(kind, last.start, place + 1, last.links + 1)
        else:
            found.append(Chain(kind, place, place + 1, 1))
    return found


def _is_written(kind: str, text: str, at: int, own: _Spans) -> bool:
    """Whether the character at *at* is one that people's own writing puts there, or one in *own*: flags, manifests."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if own.hold(at):
        return True
    if kind == "tags":
        return False
    if kind == "selectors":
        # One after a character that has variants is an emoji's or an ideograph's; two in a row are nobody's.
        return bool(before) and not _LINKS["selectors"].match(before) and not before.isspace() and (
            not _LETTER.match(before) or after == "\u20e3"
        )  # fmt: skip
    if kind == "spaces":
        # Beside punctuation, digits, units and quotation marks they are typography.
        return not (_LETTER.match(before) and before.isalpha() and _LETTER.match(after) and after.isalpha())
    around = before + after
    if _OWN.search(around) or (text[at] in _DIRECTIONS and _OWN.search(text[max(0, at - _NEAR) : at])):
        return True
    if text[at] == "\u200d":
        return bool(_EMOJI.match(before) or _EMOJI.match(after))
    return not before  # a byte order mark


def pending(text: str) -> int:
    """From where on a chain could still grow, if *text* goes on: the start of what reaches to its end."""
    begin = len(text)
    if _ANY.search(text) is None:
        return max(0, begin - 8)
    at = begin
    limit = begin
    for match in reversed(list(_ANY.finditer(text))):
        if limit - match.start() > _GAP + 8:
            break
        at = limit = match.start()
    return max(0, min(at, begin) - 8)
