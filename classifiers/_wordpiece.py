"""BERT's uncased tokenizer, with the characters of the text that every piece stands for. Pure.

text ─lower case, accents and controls dropped→ words ─longest piece first→ **pieces of the vocabulary**

As described by Schuster and Nakajima (2012) and used by Devlin et al. (2018); the pieces are those that the
reference tokenizer gives, which ``tests/classifiers/test_wordpiece.py`` holds it to.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LONGEST_WORD = 100
_MOST_KEPT = 20_000
"""Words whose pieces are remembered; most text is made of few."""
_PLAIN = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Word(NamedTuple):
    """Characters ``start:end`` of a text and the *pieces* that they are read as, numbers in the vocabulary."""

    start: int
    end: int
    pieces: tuple[int, ...]


class WordPiece:
    """Cuts text into words, and words into pieces of *vocabulary*, whose order gives them their numbers."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown = (self._numbers["[UNK]"],)
        self._kept: dict[str, tuple[int, ...]] = {}

    def words(self, text: str) -> list[Word]:
        """The words and marks of *text*, in order."""
        return [Word(start, end, self._pieces(word)) for word, start, end in _split(text)]

    def _pieces(self, word: str) -> tuple[int, ...]:
        found = self._kept.get(word)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._kept[word] = self._cut(word)
        return found

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return self._unknown
        pieces = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                number = self._numbers.get(("##" if start else "") + word[start:end])
                if number is not None:
                    break
            else:
                return self._unknown
            pieces.append(number)
            start = end
        return tuple(pieces)


def _split(text: str) -> Iterator[tuple[str, int, int]]:
    if text.isascii() and not _CONTROLS.search(text):
        return ((match[0], *match.span()) for match in _PLAIN.finditer(text.lower()))
    return _split_any(text)


def _split_any(text: str) -> Iterator[tuple[str, int, int]]:
    """As above for text outside of ASCII, one character at a time."""
    letters: list[str] = []
    start = end = 0
    for at, char in enumerate(text):
        kind = unicodedata.category(char)
        if char.isspace():
            alone = letter = ""
        elif kind[0] == "C" or kind == "Mn" or char == "\ufffd":
            continue  # no character of any word, and no end of one
        elif kind[0] == "P" or (char.isascii() and not char.isalnum()) or _is_chinese(char):
            alone, letter = char, ""
        else:
            alone, letter = "", _plain(char)
        if letter:
            start = start if letters else at
            letters.append(letter)
            end = at + 1
            continue
        if letters:
            yield "".join(letters), start, end
            letters = []
        if alone:
            yield _plain(alone) or alone, at, at + 1
    if letters:
        yield "".join(letters), start, end


def _plain(char: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", char) if unicodedata.category(c) != "Mn").lower()


def _is_chinese(char: str) -> bool:
    code = ord(char)
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0x20000 <= code <= 0x2CEAF
        or 0xF900 <= code <= 0xFAFF
        or 0x2F800 <= code <= 0x2FA1F
    )
