"""A text that grows: its pieces, its sentences, and no more of its past than somebody still needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from guard.content import Content, Direction, Lane
from guard.text.sentences import LONGEST, boundary, is_amid

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


@dataclass(slots=True)
class Thread:
    """The text of lanes that follow one another. Positions count characters from its very beginning."""

    pieces: list[Piece] = field(default_factory=list)
    text: str = ""
    base: int = 0
    cut: int = 0
    ended: bool = False
    whole: bool = False
    """Nothing of the past may be forgotten."""
    _seen: int = 0
    """Where the text ended when it was last looked through for the end of a sentence."""

    @property
    def end(self) -> int:
        """The position behind its last character."""
        return self.base + len(self.text)

    def grow(self, lane: Lane, text: str) -> list[Sentence]:
        """Add *text* to *lane*, the last piece or a new one, and give the sentences that are complete by it."""
        found: list[Sentence] = []
        if not self.pieces or (self.pieces[-1].lane is not lane and self.pieces[-1].lane.path != lane.path):
            found = self.pause()
            self.pieces.append(Piece(self.end, lane))
        self.ended = False
        before = self.text[-1:]
        self.text += text
        seen, self._seen = self._seen - self.base, self.end
        if self._seen - self.cut <= LONGEST and is_amid(before, text):  # as nearly every token is
            return found
        while (end := boundary(self.text, self.cut - self.base, seen=seen)) is not None:
            found.append(self._cut(self.base + end))
            seen = 0
        return found

    def pause(self) -> list[Sentence]:
        """Take what is there for a sentence."""
        found = []
        while self.cut < self.end:
            end = boundary(self.text, self.cut - self.base, whole=True)
            found.append(self._cut(self.end if end is None else self.base + end))
        return found

    def close(self) -> list[Sentence]:
        """As `pause`, and the last piece is whole."""
        self.ended = True
        return self.pause()

    def final(self) -> Sentence:
        """What says that nothing at all follows: a last sentence without text."""
        self.ended = True
        return Sentence(self.end, self.end, last=True)

    def _cut(self, at: int) -> Sentence:
        sentence = Sentence(self.cut, at, last=False)
        self.cut = at
        return sentence

    def forget(self, before: int) -> None:
        """Drop what stands before position *before*, some characters of context aside."""
        low = before - KEPT
        if not self.whole and low - self.base > len(self.text) // 2:  # rarely, so that it costs little altogether
            self.text = self.text[low - self.base :]
            self.base = low

    def slice(self, low: int, high: int) -> str:
        """Characters ``low:high``."""
        return self.text[low - self.base : high - self.base]

    def lane_at(self, position: int) -> Piece:
        """The piece in which the character at *position* stands."""
        for piece in reversed(self.pieces):
            if piece.start <= position:
                return piece
        return self.pieces[0]

    def end_of(self, piece: Piece) -> int:
        """The position behind the last character of *piece*, so far."""
        number = self.pieces.index(piece) + 1
        return self.pieces[number].start if number < len(self.pieces) else self.end

    def followed_by(self, other: Thread, most: int) -> Thread:
        """This thread with up to *most* characters of *other* behind it, to see what they would make of its end."""
        joined = Thread([*self.pieces], self.text, self.base)
        joined.pieces += [Piece(self.end + start, lane) for start, lane in other.pieces]
        joined.text += other.slice(0, min(other.cut, most))
        return joined

    def content(self, low: int, high: int) -> tuple[Content, list[Piece]]:
        """Characters ``low:high`` as a content of their own, a part for each piece, and these pieces.

        Each is given from where it begins in the content; spans found in the parts count from there.
        """
        shown: list[Piece] = []
        parts = []
        for piece in self.pieces:
            start, stop = max(low, piece.start), min(high, self.end_of(piece))
            if start < stop:
                shown.append(Piece(start, piece.lane))
                parts.append(piece.lane.part(self.slice(start, stop)))
        return Content(Direction.OUTPUT, tuple(parts)), shown
