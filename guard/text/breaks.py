r"""Mends words: ``ki😀ll``, ``ki\nll``, ``ki-\nll``, and ``ḱíĺĺ`` with an accent on every letter. Pure; linear.

What is put into a word shows by what stands beside it: it is no word, or only both together are one.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING

from guard.text.align import edited
from guard.text.spell import CJK
from guard.text.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.content import View
    from guard.text.align import Edit

LONGEST = 24
"""Letters of a word."""
EMOJI = (
    "\u203c\u2049\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001f0ff"
    "\U0001f200-\U0001faff"
)
"""Pictures and arrows, as a class's inside. Flags are letters, and read as such."""
_PICTURES = re.compile(f"[{EMOJI}](?:[{EMOJI}\ufe0e\ufe0f\u200d]| (?=[{EMOJI}])){{0,31}}+")
_DENSE = re.compile(f"[{CJK}]")
_BEHIND = re.compile(r"[A-Za-z]+\Z")
_AHEAD = re.compile(r"[A-Za-z]+")
_OPEN_PICTURES = re.compile(
    f"[A-Za-z{CJK}]{{1,{LONGEST}}}+(?:[{EMOJI}\ufe0e\ufe0f\u200d]++[A-Za-z{CJK}]{{0,{LONGEST}}}+)++\\Z"
)


def unpictured(text: str) -> View | None:
    """*text* without the emoji that stand in a word, and a space for those between two; None without any."""
    edits = list(_pictures(text))
    return edited(text, edits) if edits else None


def _pictures(text: str) -> Iterator[Edit]:
    if text.isascii():
        return
    behind = -1
    for match in _PICTURES.finditer(text):
        start, end = match.span()
        before, after = text[start - 1 : start], text[end : end + 1]
        if start == behind + 1 and after.strip():  # one more sign by itself
            behind = end
            yield start, end, " " if " " in match[0] else ""
            continue
        if not (before.isalpha() and after.isalpha()):
            continue
        behind = end
        if before.isascii() and after.isascii():
            yield start, end, " " if " " in match[0] else _between(text, start, end)
        elif _DENSE.match(before) and _DENSE.match(after):
            yield start, end, ""


def _between(text: str, start: int, end: int) -> str:
    left, right = _BEHIND.search(text[max(0, start - LONGEST) : start]), _AHEAD.match(text[end : end + LONGEST])
    if left is None or right is None:  # pragma: no cover  letters stand on both sides
        return ""
    both = is_word(left[0]) and is_word(right[0])
    return " " if both and not is_word(left[0] + right[0]) else ""


def is_word(letters: str) -> bool:
    """Whether *letters* are an English word of more than one letter."""
    return len(letters) > 1 and letters.lower() in words()


_CUT = re.compile(r"\n(?<=[A-Za-z]\n)(?=[A-Za-z]|\Z)")  # begins with what is rare, as the next
_HYPHEN = re.compile(r"-(?<=[A-Za-z]-)\r?\n(?=[a-z]|\Z)")
_LONGEST_PIECE = 5
_BEFORE = _LONGEST_PIECE + 1
_LONGEST_NAME = 3


def mended(text: str) -> View | None:
    """*text* with words whole again that go over two lines, with a hyphen or without; None without any."""
    edits = list(_cut(text))
    return edited(text, edits) if edits else None


def mended_apart(text: str) -> View | None:
    r"""*text* mended, but for line breaks behind what is a word by then: ``ki\nll\nyourself``; None without any."""
    cuts = list(_cut(text))
    kept: list[Edit] = []
    number = 0
    while number < len(cuts):
        word, last = _chain(text, cuts, number)
        kept += cuts[number:word]
        if word < last and text[cuts[word][0]] != "\n":  # a hyphen says that it goes on
            kept.append(cuts[word])
        number = min(word + 1, last)
    return edited(text, kept) if len(kept) < len(cuts) else None


def _chain(text: str, cuts: list[Edit], first: int) -> tuple[int, int]:
    """The cut behind the longest word of pieces that begins at cut *first*, and the one that no piece goes on to.

    Where that word is at the end of them, or there is none, both are the same.
    """
    start = cuts[first][0]
    match = _BEHIND.search(text[max(0, start - LONGEST) : start])
    letters = match[0] if match is not None else ""
    word, number = -1, first
    while True:
        ahead = _AHEAD.match(text, cuts[number][1], cuts[number][1] + LONGEST)
        letters += ahead[0] if ahead is not None else ""
        number += 1
        word = number if is_word(letters) else word
        goes_on = number < len(cuts) and ahead is not None and ahead.end() == cuts[number][0]
        if not goes_on or len(letters) > LONGEST:
            return (number if word < 0 else word), number


def is_cut(text: str) -> bool:
    """Whether there are such words in *text*."""
    return any(True for _ in _lines(text)) or (_is_hyphened(text) and _HYPHEN.search(text) is not None)


def _cut(text: str) -> Iterator[Edit]:
    cuts = list(_lines(text))
    if _is_hyphened(text):
        cuts += [match.span() for match in _HYPHEN.finditer(text)]
        cuts.sort()
    return ((*cut, "") for cut in cuts)


def _lines(text: str) -> Iterator[tuple[int, int]]:
    if "\n" in text:
        for match in _CUT.finditer(text):
            start = match.start()
            if _is_piece(text[start - _BEFORE if start > _BEFORE else 0 : start]):
                yield start, start + 1


def _is_hyphened(text: str) -> bool:
    return "\n" in text and ("-\n" in text or "-\r\n" in text)


@functools.lru_cache(maxsize=4096)
def _is_piece(before: str) -> bool:
    """Whether the few letters at the end of *before* are no word; a name neither."""
    match = _BEHIND.search(before)
    piece = match[0] if match is not None else ""
    if not 0 < len(piece) <= _LONGEST_PIECE or before[: -len(piece)][-1:].isalnum():
        return False
    name = piece[0].isupper() and not piece.isupper() and len(piece) > _LONGEST_NAME
    return not name and not (is_word(piece) or piece in "aAI")


_STROKED = dict(zip("ØøĐđĦħŁłŦŧıȻȼɆɇɈɉɊɋɌɍɎɏƀƗƙƘƶƵ", "OoDdHhLlTtiCcEeJjQqRrYybIkKzZ", strict=True))
_LATIN = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_ACCENTED = re.compile(f"[{_LATIN}]{{2}}")
_WORD = re.compile(f"(?<![A-Za-z{_LATIN}])[A-Za-z]*+(?:[{_LATIN}][A-Za-z]++)*+[{_LATIN}]{{2}}[A-Za-z{_LATIN}]*+")
"""A word with two of them side by side; it begins where letters do, so a long run of letters is gone through once."""
_FEWEST_ACCENTED = 4


@functools.lru_cache(maxsize=1024)
def _bare(char: str) -> str:
    """The letter of ASCII under the accents of *char*, or *char* itself."""
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isascii() else _STROKED.get(char, char)


def unaccented(text: str) -> View | None:
    """*text* with words bare that have an accent on nearly every letter, as no language spells; None without any."""
    edits = list(_accented(text))
    return edited(text, edits) if edits else None


def _accented(text: str) -> Iterator[Edit]:
    if text.isascii() or _ACCENTED.search(text) is None:
        return
    for match in _WORD.finditer(text):
        word = match[0]
        if len(word) < _FEWEST_ACCENTED:
            continue
        bare = "".join(map(_bare, word))
        kept = sum(map(str.__eq__, word, bare))
        if bare.isascii() and kept * 5 <= len(word):
            yield (*match.span(), bare)


def is_plain(text: str) -> bool:
    """Whether *text* has neither emoji in words nor words of accented letters."""
    return not (any(True for _ in _pictures(text)) or any(True for _ in _accented(text)))


def open_break(text: str) -> int:
    """Where a word begins that *text* may end in the middle of; its length if it does not."""
    at = len(text)
    tail = text[-3 * LONGEST :]
    if tail.endswith("\n"):
        match = _OPEN_LINE.search(tail)
        if match is not None and (match[2] or _is_piece(tail[: match.end(1)][-_BEFORE:])):
            at = min(at, len(text) - len(tail) + match.start())
    elif not tail.isascii():
        match = _OPEN_PICTURES.search(tail)
        if match is not None:
            at = min(at, len(text) - len(tail) + match.start())
    return at


_OPEN_LINE = re.compile(r"(?<![A-Za-z])([A-Za-z]{1,24})(-)?\r?\n\Z")
