r"""Beginnings of listed words and phrases, as RE2 patterns that read folded text from its end. Pure.

A list is a tree of characters; what a text may end with is a path from its root. A mark that follows can still change
the last letter (``e`` becomes ``é``, 가 becomes 각), so letters of the same base count as one there, marks and all.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LETTER = r"\p{L}\p{N}\p{M}_"
"""What a word of a script with spaces between words may not touch: inside of a class."""
LATIN = r"\p{Latin}\p{N}\p{M}_"
"""The same where characters of scripts without such spaces may stand beside the word."""
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts without spaces between words (and Hangul, whose endings are joined to the word)."""
_MARKS = r"[\p{M}\x{1160}-\x{11FF}]*"
_COMPOSED = (range(0xC0, 0x3400), range(0xF900, 0xFE00), range(0x11000, 0x12000))
_SYLLABLES, _PER_LEAD = 0xAC00, 588
_LEADS = range(0x1100, 0x1113)

_Tree = dict[str, "_Tree"]


def is_bounded(char: str) -> bool:
    """Whether a word that begins or ends with *char* may not touch a letter there."""
    return not _UNSPACED.match(char) and (char.isascii() or char.isalnum())


def starts(words: Iterable[str], letters: str = LETTER) -> Iterator[tuple[bool, str]]:
    """Patterns of what *words* (folded, single spaces) begin with, turned around, and whether they read a neighbour.

    The neighbour is the character before a word that may not touch one of *letters*.
    """
    trees: dict[bool, _Tree] = {}
    for word in words:
        node = trees.setdefault(is_bounded(word[0]), {})
        for char in word:
            node = node.setdefault(char, {})
    for bounded, tree in trees.items():
        neighbour = rf"(?:[^{letters}]|\z)" if bounded else ""
        yield bounded, f"{_MARKS}(?:{_turned(tree)}){neighbour}"


def _turned(tree: _Tree) -> str:
    options = []
    for char, rest in tree.items():
        longer = f"(?:{_turned(rest)})?" if rest else ""
        options.append(longer + (r"\s+" if char == " " else rf"\x{{{ord(char):X}}}"))
        base = unicodedata.normalize("NFD", char)[0]
        if base != char:
            options.append(_kin(base))
    return "|".join(options)


@functools.cache
def _kin(base: str) -> str:
    """A class of the characters that are *base* and marks composed, and itself."""
    if ord(base) in _LEADS:
        first = _SYLLABLES + (ord(base) - _LEADS.start) * _PER_LEAD
        return rf"[\x{{{ord(base):X}}}\x{{{first:X}}}-\x{{{first + _PER_LEAD - 1:X}}}]"
    found = [code for some in _COMPOSED for code in some if unicodedata.normalize("NFD", chr(code))[0] == base]
    return "[" + "".join(f"\\x{{{code:X}}}" for code in sorted({ord(base), *found})) + "]"
