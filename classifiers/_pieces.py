"""Turns text into the numbers of the text model's pieces: a unigram model of subwords, in plain Python.

The best way to cut a word is the one whose pieces have the highest sum of log-probabilities (Kudo 2018, "Subword
regularization"), found from left to right in time linear in the text. Pieces do not cross white space. Training
(``classifiers.weights``) and reading use this one function, so what was learned and what is read are the same pieces.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SPACE = "\u2581"
"""The mark that stands for white space before a word, in front of the first one too."""

BEGIN, PADDING, END, UNKNOWN = range(4)
"""Numbers of the pieces that are no text."""

LONGEST = 16
"""Characters of the longest piece."""

_UNKNOWN_PENALTY = 10.0
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]+")


def fold(text: str) -> str:
    r"""One spelling for what reads the same: compatibility forms, invisible characters, white space, odd capitals.

    A word with a capital behind its first character is taken in lower case: SHOUTING and mIxEd CaSe say no more than
    the word does, and the encoder has few pieces for them.

    >>> fold("ＹＯＵ are  sO\u200b kind")
    'you are so kind'
    """
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    text = _CONTROL.sub(" ", text)
    return " ".join(
        word if word[1:].islower() or word[1:] == word[1:].lower() else word.lower() for word in text.split()
    )


class Pieces:
    """A vocabulary and its scores; `encode` depends on the text alone and may run on any thread."""

    def __init__(self, pieces: Sequence[str], scores: Sequence[float]) -> None:
        """*pieces* in the order of their numbers, the first four being no text; *scores* their log-probabilities."""
        self.pieces = tuple(pieces)
        self._known = {
            piece: (float(score), number)
            for number, (piece, score) in enumerate(zip(pieces, scores, strict=True))
            if number > UNKNOWN
        }
        self._begun = frozenset(piece[:end] for piece in self._known for end in range(1, len(piece)))
        self._worst = min(score for score, _ in self._known.values()) - _UNKNOWN_PENALTY

    def encode(self, text: str) -> list[int]:
        """The numbers of the pieces of *text*, without the marks of begin and end."""
        found: list[int] = []
        for word in fold(text).split(" "):
            if word:
                self._cut(SPACE + word, found)
        return found

    def _cut(self, word: str, found: list[int]) -> None:
        known, size = self._known, len(word)
        whole = known.get(word)
        if whole is not None and size <= 3:
            found.append(whole[1])
            return
        best = [0.0] + [-1e30] * size
        last: list[tuple[int, int]] = [(0, UNKNOWN)] * (size + 1)
        for start in range(size):
            so_far = best[start]
            for end in range(start + 1, min(size, start + LONGEST) + 1):
                stretch = word[start:end]
                piece = known.get(stretch)
                if piece is not None:
                    if so_far + piece[0] > best[end]:
                        best[end] = so_far + piece[0]
                        last[end] = (start, piece[1])
                elif end == start + 1 and so_far + self._worst > best[end]:
                    best[end] = so_far + self._worst
                    last[end] = (start, UNKNOWN)
                if stretch not in self._begun:
                    break
        numbers: list[int] = []
        end = size
        while end:
            end, number = last[end]
            if not (
                number == UNKNOWN and numbers and numbers[-1] == UNKNOWN
            ):  # one mark for a run of strange characters
                numbers.append(number)
        found.extend(reversed(numbers))
