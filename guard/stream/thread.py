"""A text that grows: its pieces, its sentences, and no more of its past than somebody still needs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from guard.content import Content, Direction, Lane
from guard.text.sentences import LONGEST, boundary, is_amid
from guard.text.views import is_plain, unfinished

KEPT = 96
"""Characters of the past that are kept beyond what is asked for, so that a word or an escape is seen whole."""


class Sentence(NamedTuple):
    """Characters ``start:end`` of a thread, all of one piece; *last* if nothing that is read with it follows."""

    start: int
    end: int
    last: bool


class Piece(NamedTuple):
    """One lane's text in its thread, from *start* on."""

    start: int
    lane: Lane


_start = attrgetter("start")


@dataclass(slots=True)
class Thread:
    """The text of lanes that follow one another. Positions count characters from its very beginning."""

    pieces: list[Piece] = field(default_factory=list)
    text: str = ""
    """What is cut into sentences, from *base* on."""
    rest: str = ""
    """What follows it and is not."""
    base: int = 0
    cut: int = 0
    ended: bool = False
    whole: bool = False
    """Nothing of the past may be forgotten."""
    _plain: tuple[int, int] = (0, 0)
    _closed: tuple[int, int, int] = (0, 0, 0)

    @property
    def end(self) -> int:
        """The position behind its last character."""
        return self.base + len(self.text) + len(self.rest)

    def grow(self, lane: Lane, text: str) -> list[Sentence]:
        """Add *text* to *lane*, the last piece or a new one, and give the sentences that are complete by it."""
        found: list[Sentence] = []
        if not self.pieces or (self.pieces[-1].lane is not lane and self.pieces[-1].lane.path != lane.path):
            found = self.pause()
            self.pieces.append(Piece(self.end, lane))
        self.ended = False
        before, seen = self.rest[-1:], len(self.rest)
        self.rest += text
        if len(self.rest) <= LONGEST and is_amid(before, text):  # as nearly every token is
            return found
        return found + self._sentences(whole=False, seen=seen)

    def pause(self) -> list[Sentence]:
        """Take what is there for a sentence."""
        return self._sentences(whole=True)

    def _sentences(self, *, whole: bool, seen: int = 0) -> list[Sentence]:
        """Cut off what is whole of the rest, whose first *seen* characters were none; all of it if *whole*."""
        found: list[Sentence] = []
        at = 0
        while at < len(self.rest):
            end = boundary(self.rest, at, whole=whole, seen=seen)
            if end is None and not whole:
                break
            end = len(self.rest) if end is None else end
            found.append(Sentence(self.cut, self.cut + end - at, last=False))
            self.cut += end - at
            at, seen = end, 0
        self.text += self.rest[:at]
        self.rest = self.rest[at:]
        return found

    def close(self) -> list[Sentence]:
        """As `pause`, and the last piece is whole."""
        self.ended = True
        return self.pause()

    def final(self) -> Sentence:
        """What says that nothing at all follows: a last sentence without text."""
        self.ended = True
        return Sentence(self.end, self.end, last=True)

    def forget(self, before: int) -> None:
        """Drop what stands before position *before*, some characters of context aside."""
        low = before - KEPT
        if not self.whole and low - self.base > len(self.text) // 2:  # rarely, so that it costs little altogether
            self.text = self.text[low - self.base :]
            self.base = low

    def slice(self, low: int, high: int) -> str:
        """Characters ``low:high``."""
        if high <= self.cut:
            return self.text[low - self.base : high - self.base]
        return self.text[low - self.base :] + self.rest[max(0, low - self.cut) : high - self.cut]

    def is_plain(self, low: int, high: int) -> bool:
        """Whether characters ``low:high`` show nothing but themselves. Found out once for all who read them."""
        start, end = self._plain
        if not (start <= low and high <= end) and is_plain(self.slice(low, high)):
            self._plain = (min(low, start), high) if start <= low <= end else (low, high)
            return True
        return start <= low and high <= end

    def closed(self, low: int, high: int) -> int:
        """Up to where characters ``low:high`` hold no disguise that could still go on behind them. Found out once."""
        begin = max(low, self.lane_at(high - 1).start) if high > low else high
        start, end, at = self._closed
        if (begin, high) != (start, end) and not (start <= begin <= at and high == end):
            at = begin + unfinished(self.slice(begin, high), plain=self.is_plain(begin, high))
            self._closed = begin, high, at
        return at

    def lane_at(self, position: int) -> Piece:
        """The piece in which the character at *position* stands."""
        return self.pieces[self.number_at(position)]

    def number_at(self, position: int) -> int:
        """The number of that piece."""
        return max(0, bisect_right(self.pieces, position, key=_start) - 1)

    def end_of(self, piece: Piece) -> int:
        """The position behind the last character of *piece*, so far."""
        number = bisect_left(self.pieces, piece.start, key=_start)
        while self.pieces[number] is not piece:  # of those without text several begin in the same place
            number += 1
        number += 1
        return self.pieces[number].start if number < len(self.pieces) else self.end

    def followed_by(self, other: Thread, most: int) -> Thread:
        """This thread with up to *most* characters of *other* behind it, to see what they would make of its end."""
        pieces = [*self.pieces, *(Piece(self.end + start, lane) for start, lane in other.pieces)]
        text = self.text + other.slice(0, min(other.cut, most))
        return Thread(pieces, text, base=self.base, cut=self.base + len(text))

    def content(self, low: int, high: int) -> tuple[Content, list[Piece]]:
        """Characters ``low:high`` as a content of their own, a part for each piece, and these pieces.

        Each is given from where it begins in the content; spans found in the parts count from there.
        """
        shown: list[Piece] = []
        parts = []
        for piece in islice(self.pieces, self.number_at(low), bisect_left(self.pieces, high, key=_start)):
            start, stop = max(low, piece.start), min(high, self.end_of(piece))
            if start < stop:
                shown.append(Piece(start, piece.lane))
                parts.append(piece.lane.part(self.slice(start, stop)))
        return Content(Direction.OUTPUT, tuple(parts)), shown
