"""Documents that are alike: the chunks of a stream say all the same, but for a word or two.

Reading each as strictly as a document deserves costs twenty times as much as seeing that it is the last one again with
other words in the same places. Nothing is taken on trust: where the words stand is proven by putting others there, and
what stands there in a later document must be a JSON string, no less and no more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import orjson

from guard.protocols.strict_json import dump

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Path
    from guard.protocols.strict_json import Json


class Form:
    """What documents that are alike have in common: the bytes before, between and behind the strings that differ."""

    __slots__ = ("_before", "_behind", "_between", "_edges", "_first", "_start")

    def __init__(self, pieces: Sequence[bytes], first: int) -> None:
        """*pieces* of a document; the string of the first path stands behind number *first* of them."""
        self._before, *self._between, self._behind = pieces
        self._first = first
        self._start = len(self._before)
        self._edges = self._start + len(self._behind)

    def word(self, data: bytes) -> str | None:
        """The string at the first path, if *data* is a document of this form; None if that is not certain.

        What is of this form is as acceptable JSON as what the form was made of.
        """
        stop = len(data) - self._edges + self._start
        if stop <= self._start or not data.startswith(self._before) or not data.endswith(self._behind):
            return None
        if not self._between:
            return _string(data[self._start : stop])
        word, at = None, self._start
        for number, piece in enumerate((*self._between, None)):
            end = stop if piece is None else data.find(piece, at, stop)
            said = _string(data[at:end]) if end > at else None
            if said is None:
                return None
            word = said if number == self._first else word
            at = end + (len(piece) if piece is not None else 0)
        return word

    def row(self, head: bytes, tail: bytes) -> Row | None:
        """What documents of this form are in a row, each framed by *head* and *tail*; None if several strings differ.

        Nor if there are line breaks between them: framed, such a document would be another one.
        """
        if self._between or b"\n" in self._before or b"\n" in self._behind:
            return None
        return Row(head + self._before + b'"', b'"' + self._behind + tail)


class Row:
    """Framed documents in a row that differ in one string each, which stands between *first* and *last*."""

    __slots__ = ("_edges", "_first", "_from", "_last", "_seam", "_to")

    def __init__(self, first: bytes, last: bytes) -> None:
        self._first, self._last, self._seam = first, last, last + first
        self._from, self._to = len(first), -len(last)
        self._edges = len(first) + len(last)

    def words(self, data: bytes) -> list[str] | None:
        """The strings of all the documents in *data*; None if it is not certain that it is a row of them.

        The work is that of a few searches, however many there are.
        """
        if len(data) < self._edges or not data.startswith(self._first) or not data.endswith(self._last):
            return None
        pieces = data[self._from : self._to].split(self._seam)
        listed = b'["' + b'","'.join(pieces) + b'"]'
        if listed.count(b'"') != 2 * len(pieces) or b"\\u0000" in listed:
            return None
        # No piece has a quote of its own, so a backslash at the end of one leaves the last quote without its fellow.
        try:
            words: list[str] = orjson.loads(listed)
        except orjson.JSONDecodeError:
            return None
        return words


def form_of(data: bytes, document: Json, paths: Sequence[Path]) -> Form | None:
    """The form of *data*, which is *document*, other strings at *paths*; None if not plain where they are."""
    places: list[_Place] = []
    for number, path in enumerate(paths):
        text = _at(document, path)
        found = [written for written in {dump(text), json.dumps(text).encode()} if data.count(written) == 1]
        if len(found) != 1:
            return None
        start = data.index(found[0])
        places.append(_Place(start, start + len(found[0]), number))
    places.sort()
    edges = [0, *(edge for start, end, _ in places for edge in (start, end)), len(data)]
    pieces = tuple(data[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    if edges != sorted(edges) or not _proven(pieces, places, data, paths):
        return None
    return Form(pieces, [place.path for place in places].index(0))


class _Place(NamedTuple):
    """Bytes ``start:end`` are the string at path number *path*."""

    start: int
    end: int
    path: int


def _proven(pieces: tuple[bytes, ...], places: Sequence[_Place], data: bytes, paths: Sequence[Path]) -> bool:
    """Whether other strings between *pieces* are other strings at *paths*, and nothing else."""
    others = [f"\ue000{place.path}" for place in places]
    probe = b"".join(piece + dump(other) for piece, other in zip(pieces, others, strict=False)) + pieces[-1]
    expected = orjson.loads(data)
    for other, place in zip(others, places, strict=True):
        *steps, last = paths[place.path]
        _at(expected, tuple(steps))[last] = other
    try:
        return bool(orjson.loads(probe) == expected)
    except orjson.JSONDecodeError:
        return False


def _at(document: Json, path: Path) -> Json:
    for step in path:
        document = document[step]
    return document


def _string(data: bytes) -> str | None:
    """The string that *data* is, if a strict reader takes it for one."""
    if data[:1] != b'"':
        return None
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, str) and "\0" not in said else None
