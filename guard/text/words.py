"""English words in letters without spaces, and what is no English word. Pure.

The words are SCOWL's common ones, and others of four and five letters (``data/words.txt``; see ``data/SOURCES.md``).
"""

from __future__ import annotations

import functools
from importlib import resources

LONGEST_PARTED = 8_000
"""Letters of one text that are parted into words: fewer than are mapped one by one."""
_LONGEST = 16


@functools.cache
def words() -> frozenset[str]:
    """The words, in small letters."""
    return frozenset(resources.files("guard.text").joinpath("data/words.txt").read_text("utf-8").split())


def parts(letters: str) -> list[int]:
    """Where words begin in *letters* besides at their start: few and long ones; what is no word stays together.

    >>> parts("killyourself"), parts("zorblax")
    ([4], [])
    """
    low, known = letters.lower(), words()
    ends_word: list[_Best] = [(0, 0)]  # what the letters so far cost, and where the last word of them begins
    ends_other: list[_Best] = [(_NEVER, 0)]
    for end in range(1, len(low) + 1):
        cost, start = ends_other[end - 1]
        opened = ends_word[end - 1][0] + _OPENED
        ends_other.append((cost + _LETTER, start) if cost <= opened else (opened + _LETTER, end - 1))
        found = [start for start in range(max(0, end - _LONGEST), end) if low[start:end] in known]
        ends_word.append(
            min(
                ((min(ends_word[at][0], ends_other[at][0]) + _cost(end - at), at) for at in found),
                default=(_NEVER, end),
            )
        )
    cuts: list[int] = []
    at, any_word = len(low), False
    while at:
        word = ends_word[at][0] <= ends_other[at][0]
        start = (ends_word if word else ends_other)[at][1]
        any_word = any_word or (word and at - start >= _TELLING)
        cuts.append(start)
        at = start
    return cuts[-2::-1] if any_word else []


_Best = tuple[int, int]
_NEVER = 1 << 60
_OPENED, _LETTER = 50, 11
"""What letters that are no word cost: at once, and each."""
_TELLING = 3
"""Letters of a word that is hardly there by chance."""


def _cost(length: int) -> int:
    return (30, 22, 20)[length - 1] if length < 4 else 18
