"""Folding of text for comparing words: NFKC and case, with the way back to every character. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_WIDE = re.compile(r"[\uff01-\uff5e\u3000]+")
_SLICE = 256
_CLUSTER = 32
"""The longest stretch of a letter and its marks composed as one (Unicode's stream-safe text has at most 30 marks)."""
_TO_ASCII = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


@dataclass(frozen=True, slots=True)
class Folded:
    """*text* folded. *starts* and *ends* give, for each of its characters, where it comes from; None: its own place."""

    text: str
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that ``start:end`` of the folded text comes from."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """*text* in NFKC and case folded, as `normal` gives it, with the map back.

    >>> fold("Ｆｏｏ ①").text
    'foo 1'
    """
    if text.isascii():
        return Folded(text.lower())
    narrow = narrowed(text)
    if _is_normal(narrow):
        folded = narrow.casefold()
        # A character folds to one or more, so the same length means that each stayed in its place.
        if len(folded) == len(narrow) and _is_normal(folded):
            return Folded(folded)
    return _fold_clusters(narrow)


def _is_normal(text: str) -> bool:
    """Whether *text* is in NFKC. Asked in slices that share a character: sorting one long run of marks is quadratic."""
    return all(unicodedata.is_normalized("NFKC", text[i : i + _SLICE + 1]) for i in range(0, len(text), _SLICE))


def narrowed(text: str) -> str:
    """*text* with full-width forms as ASCII, character for character."""
    return text if text.isascii() else _WIDE.sub(lambda run: run[0].translate(_TO_ASCII), text)


def normal(text: str) -> str:
    """NFKC and case folded, until it stays as it is."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _fold_clusters(text: str) -> Folded:
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and end - start < _CLUSTER and _continues(text[end]):
            continue
        piece = normal(text[start:end])
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
        start = end
    return Folded("".join(pieces), tuple(starts), tuple(ends))


def _continues(char: str) -> bool:
    """Whether *char* can compose with what stands before it: a mark, or a vowel or final of Hangul."""
    return unicodedata.combining(char) != 0 or "\u1160" <= char <= "\u11ff"
