"""Chinese words by their sound: in pinyin, and in other characters that are read alike. Pure.

Readings are pypinyin's, the first of each character, without tones (``data/sounds.tsv``).
"""

from __future__ import annotations

import functools
import re
from importlib import resources

from guard.text.words import words

FEWEST = 3
"""Syllables of a word that is told by the sound of other characters: shorter ones sound like many."""
_HAN = re.compile("[\u4e00-\u9fff]{2,12}")
_CHARACTER = re.compile("[\u4e00-\u9fff]")
_SHORTEST = 5
"""Letters of pinyin that are hardly something else."""


def sounded(text: str) -> str:
    """*text* with each character as the first of those that are read alike; everything stays in its place.

    >>> sounded("草泥马") == sounded("操你妈")
    True
    """
    return text.translate(_alike()) if has_characters(text) else text


def has_characters(text: str) -> bool:
    """Whether *text* has Chinese characters."""
    return not text.isascii() and _CHARACTER.search(text) is not None


def pinyin(word: str) -> list[str]:
    """The ways to write *word* in pinyin, all of it or one character, where that can be told from English.

    >>> pinyin("杀人"), pinyin("妈的")
    (['sharen', 'sha ren', 'sha人', '杀ren'], [])
    """
    if _HAN.fullmatch(word) is None or not set(word) <= _readings().keys():
        return []
    syllables = [_readings()[char] for char in word]
    joined = "".join(syllables)
    found = [joined] if len(joined) >= _SHORTEST and joined not in words() else []
    if found and not words().issuperset(syllables) and min(map(len, syllables)) > 1:
        found.append(" ".join(syllables))
    mixed = [word[:at] + syllable + word[at + 1 :] for at, syllable in enumerate(syllables) if len(syllable) > _LETTERS]
    return found + mixed if found else []


_LETTERS = 2


@functools.cache
def _readings() -> dict[str, str]:
    return {char: syllable for syllable, chars in _rows() for char in chars}


@functools.cache
def _alike() -> dict[int, str]:
    return {ord(char): chars[0] for _, chars in _rows() for char in chars[1:]}


@functools.cache
def _rows() -> list[tuple[str, str]]:
    text = resources.files("classifiers").joinpath("data/sounds.tsv").read_text("utf-8")
    return [(row.split("\t")[0], row.split("\t")[1]) for row in text.splitlines()]
