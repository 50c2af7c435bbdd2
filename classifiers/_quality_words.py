"""How a text is cut into words of Latin letters and pairs of Chinese characters, for `quality_text`. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LETTERS = 27
"""a to z, and what stands around words."""
STEPS = 16
"""Steps of a bit in which the surprise of a letter is kept."""
LONGEST_WORD = 28
"""What is longer is a key, a hash or a path."""
_FIRST, _LAST = 0x4E00, 0x9FFF
_HAN = re.compile("[\u4e00-\u9fff]{2,}")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_THING = re.compile(r"[/@\\_=<>{}#$%^*+~|\d]|[a-z0-9][.:][a-z0-9]", re.IGNORECASE)
"""Addresses, numbers, names of programs: nothing that is spelled like a word."""
_SYMBOL = re.compile(r"[\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ASCII = re.compile(r"[a-z]+")


def words_of(text: str) -> list[str]:
    """The words of *text* that are written in Latin letters, small, without accents; code and addresses left out."""
    pieces = _CODE.sub(" ", text).split()
    plain = [piece for piece in pieces if not _THING.search(piece)]
    if 2 * len(plain) < len(pieces):
        # Mostly symbols: then their letters are all there is to go by.
        plain = [_SYMBOL.sub(" ", piece) for piece in pieces]
    text = " ".join(plain)
    if not text.isascii():
        # What is composed of a letter and marks is the letter; other scripts are no words here.
        text = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
        text = re.sub("[^\x00-\x7f’]+", " ", text)
    found = (re.sub("['’]", "", word) for word in _WORD.findall(text) if not (word.isupper() and len(word) < 6))
    return [low for word in found if len(low := word.lower()) <= LONGEST_WORD and _ASCII.fullmatch(low)]


def codes_of(word: str) -> NDArray[np.intp]:
    """The letters of *word* as numbers, with two ends before and one behind."""
    inner = np.frombuffer(word.encode("ascii"), dtype=np.uint8).astype(np.intp) - 96
    return np.concatenate(([0, 0], inner, [0]))


def pair_codes(text: str) -> NDArray[np.int64]:
    """Every two neighbouring Chinese characters of *text* as one number each."""
    found = []
    for run in _HAN.findall(text):
        codes = np.frombuffer(run.encode("utf-32-le"), dtype=np.uint32).astype(np.int64) - _FIRST
        found.append(codes[:-1] * (_LAST - _FIRST + 1) + codes[1:])
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
