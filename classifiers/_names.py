"""Names that a model reads in text: what every reader of them gives, and the pieces of text that it is given. Pure.

A reader is any object with `read`. There are three, for English, for Chinese, and spaCy's for English organisations;
one that takes its spans from another classifier's pass over the same text has to do no more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from guard.text.sentences import boundary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENTITIES = frozenset({"person", "location", "organization", "address"})

_SHORTEST = 160
"""Characters from which on a piece ends with its sentence. With the longest sentence that makes 350 at most."""
_NOT_ALPHABETIC = re.compile(r"[^\x20-\x7e\u00a0-\u052f\u1e00-\u1fff\u2010-\u2027\n]")
"""What is neither Latin, Greek, Cyrillic nor a mark between their words."""
_TWO_LETTERS = re.compile(r"[^\W\d_]{2}")
_TWO_WORDS = re.compile(r"[^\W\d_]{2}[ .,'’-]{1,2}[^\W\d_]{2}")
_LATIN_GAPS = re.compile(r"[^\x20-\x7e\u00a0-\u024f\u1e00-\u1eff\u2010-\u2027\n]")
_PUNCTUATION_RUN = re.compile(r"[^\w\s]{4,}|_{4,}")
_LONG_WORD = re.compile(r"\S{49,}")
_NAME_LETTER = re.compile(r"[A-Z\u00c0-\u00de]|[a-z]{2}")


class Name(NamedTuple):
    """Characters ``start:end`` as *entity*, one of `ENTITIES`, with a score in [0, 1]; *evidence* says who says so."""

    entity: str
    score: float
    start: int
    end: int
    evidence: str


class Reader(Protocol):
    """Reads names. What it says of one text does not depend on the others."""

    @property
    def entities(self) -> frozenset[str]:
        """What it can find, of `ENTITIES`."""
        ...

    def read(self, texts: Sequence[str]) -> list[list[Name]]:
        """The names of each text, in order; spans count its characters."""
        ...


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of the pieces that are read one by one: some whole sentences each, by the text alone."""
    if len(text) <= _SHORTEST:
        if text:
            yield 0, len(text)
        return
    start = end = 0
    while end < len(text):
        end = boundary(text, end, whole=True) or len(text)
        if end - start >= _SHORTEST or end == len(text):
            yield start, end
            start = end


def alphabetic(text: str) -> str:
    """*text* with everything blanked that is in no European script, character for character."""
    return text if text.isascii() else _NOT_ALPHABETIC.sub(" ", text)


def has_words(text: str, start: int, end: int) -> bool:
    """Whether there are two letters in a row anywhere in ``start:end``."""
    return _TWO_LETTERS.search(text, start, end) is not None


def is_worth_reading(text: str, shown: str, start: int, end: int) -> bool:
    """Whether ``start:end`` of *shown*, *text* made `alphabetic`, has words: two in a row amid other scripts.

    One word amid Chinese is a product, a unit or an account, and no model for English knows which.
    """
    words = _TWO_LETTERS if text is shown or text[start:end] == shown[start:end] else _TWO_WORDS
    return words.search(shown, start, end) is not None


def scrub(text: str) -> str:
    """*text* with everything blanked that holds no English name, character for character.

    The models know Latin letters only and make names up elsewhere; and spaCy's tokenizer is quadratic in a stretch
    without white space: twenty thousand brackets or emoji would take half a minute.
    """
    if not _NAME_LETTER.search(text):
        return " " * len(text)
    text = _LATIN_GAPS.sub(" ", text)
    text = _PUNCTUATION_RUN.sub(lambda m: " " * len(m[0]), text)
    return _LONG_WORD.sub(_loosen, text)


def _loosen(match: re.Match[str]) -> str:
    """Break a long stretch at its punctuation; what is a single word of that length is no name."""
    loose = re.sub(r"[^\w'’-]|_", " ", match[0])
    return _LONG_WORD.sub(lambda m: " " * len(m[0]), loose)
