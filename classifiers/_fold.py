"""Folding of text for comparing words: NFKC, case and simplified characters, with the way back. Pure."""

from __future__ import annotations

import functools
import re
import unicodedata
from bisect import bisect_right
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDE = re.compile(r"[\uff01-\uff5e\u3000]+")
_TO_ASCII = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_SLICE = 256
_CLUSTER = 32
"""The longest stretch of a letter and its marks composed as one (Unicode's stream-safe text has at most 30 marks)."""


class Folded:
    """A text folded: each of *clusters*, stretches of the original in order, became the one of *pieces* beside it.

    Without pieces every character stayed in its place.
    """

    __slots__ = ("_clusters", "_ends", "_pieces", "_starts", "text")

    def __init__(self, text: str, pieces: Sequence[str] | None = None, clusters: Sequence[str] = ()) -> None:
        self.text = text
        self._pieces = pieces
        self._clusters = clusters
        self._starts: list[int] = []
        self._ends: list[int] = []

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that ``start:end`` of the folded text comes from."""
        if self._pieces is None:
            return start, end
        if not self._starts:
            # Made on demand: most text has nothing in it whose place anybody asks for.
            position = 0
            for piece, cluster in zip(self._pieces, self._clusters, strict=True):
                self._starts += [position] * len(piece)
                position += len(cluster)
                self._ends += [position] * len(piece)
        return self._starts[start], self._ends[end - 1]

    def begin(self, index: int) -> int:
        """Where in the original the folded character *index* comes from; where the folded text ends, its end."""
        if self._pieces is None or not self.text:
            return index
        return self.origin(index, index + 1)[0] if index < len(self.text) else self.origin(0, index)[1]

    def index(self, place: int) -> int:
        """The first folded character of what *place* in the original became; where the text ends, its end."""
        if self._pieces is None:
            return place
        self.begin(0)
        return bisect_right(self._ends, place)


def fold(text: str) -> Folded:
    """*text* in NFKC, case folded and simplified, as `normal` gives it, with the map back.

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
            return Folded(simplified(folded))
    letters = set(narrow)
    clusters = _clusters(narrow) if any(map(_continues, letters)) else narrow
    table = {cluster: normal(cluster) for cluster in set(clusters)}
    pieces: list[str] = []
    stretches: list[str] = []
    for cluster in clusters:
        piece = table[cluster]
        if len(cluster) > 1 and _stays(cluster, piece):
            # Each keeps its place, as it does in a text where nothing changes.
            pieces += piece
            stretches += cluster
        else:
            pieces.append(piece)
            stretches.append(cluster)
    return Folded("".join(pieces), pieces, stretches)


def narrowed(text: str) -> str:
    """*text* with full-width forms as ASCII, character for character."""
    return text if text.isascii() else _WIDE.sub(lambda run: run[0].translate(_TO_ASCII), text)


def normal(text: str) -> str:
    """NFKC, case folded, and simplified."""
    return simplified(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def simplified(text: str) -> str:
    """*text* with traditional Chinese characters as simplified ones, character for character (OpenCC's table)."""
    return text if text.isascii() else text.translate(_simple())


@functools.cache
def _simple() -> dict[int, str]:
    rows = resources.files("classifiers").joinpath("data/simplified.tsv").read_text("utf-8").splitlines()
    return {ord(row[0]): row[2] for row in rows}


def _is_normal(text: str) -> bool:
    """Whether *text* is in NFKC. Asked in slices that share a character: sorting one long run of marks is quadratic."""
    return all(unicodedata.is_normalized("NFKC", text[i : i + _SLICE + 1]) for i in range(0, len(text), _SLICE))


def _stays(cluster: str, piece: str) -> bool:
    """Whether *piece*, what *cluster* folds to, is only other letters in the same places."""
    return (
        piece == simplified(cluster.casefold())
        and len(piece) == len(cluster)
        and unicodedata.is_normalized("NFKC", cluster)
    )


def _clusters(text: str) -> list[str]:
    """*text* cut before every character that does not compose with what stands before it."""
    found: list[str] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or end - start >= _CLUSTER or not _continues(text[end]):
            found.append(text[start:end])
            start = end
    return found


def _continues(char: str) -> bool:
    """Whether *char* can compose with what stands before it: a mark, or a vowel or final of Hangul."""
    return char > "\u02ff" and (unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff")
