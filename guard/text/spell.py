"""Joins what is spelt out: ``k i l l``, ``k.i.l.l y.o.u``, ``[k][i][l][l]``, and Chinese with gaps. Pure; linear."""

from __future__ import annotations

import functools
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from guard.text.align import MOST_EXACT, edited, through
from guard.text.words import LONGEST_PARTED, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.content import View
    from guard.text.align import Edit

CJK = "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
"""Characters of scripts without spaces between words, as a class's inside."""
GAPS = "[ \u3000*·._|/~-]"
GAP = re.compile(f"{GAPS}(?<=[{CJK}]{GAPS}){GAPS}{{0,2}}+(?=[{CJK}])")  # begins with what is rare
"""A gap between two of them."""
_WORD = r"A-Za-z0-9\u00c0-\u024f"
_SEPARATOR = r"\r?\n| [\-.|*] |[ .\-_*·•|/,~+:]|[.,;\-|*] |  "
_SIGN = rf"[!-~\u00c0-\u024f](?![{_WORD}])"
_WIDE = r"(?P=sep)? {1,3}+(?P=sep)?"
SPELT = re.compile(
    rf"(?<![{_WORD}])[A-Za-z\u00c0-\u024f](?P<sep>{_SEPARATOR}){_SIGN}"
    rf"(?:(?P=sep)|{_WIDE}(?={_SIGN}(?P=sep)[!-~])){_SIGN}(?:(?:(?P=sep)|{_WIDE}){_SIGN})*+"
)
"""Letters with the same between them, at least twice; words of these with more, or a space."""
_BOXED = re.compile(
    r"(?:\[[A-Za-z]\]){3,}+(?:\[[!-~]\])*+(?: {1,3}+(?:\[[!-~]\])++)*+"
    r"|(?:\([A-Za-z]\)){3,}+(?:\([!-~]\))*+(?: {1,3}+(?:\([!-~]\))++)*+"
)
"""Letters in brackets of their own."""
_FEW = 24
_FEWEST = 2
_LONGEST_EXACT = 4 * MOST_EXACT
_SHORTEST_PARTED = 6
_FEW_LETTERS = 4
_PLAIN = re.compile(f"[A-Za-z]{{{_SHORTEST_PARTED},}}+")


def spelt(text: str) -> View | None:
    """*text* with words that are spelt out joined, and Chinese without spaces inside; None where it has neither."""
    edits: list[Edit] = []
    for match in SPELT.finditer(text):
        edits += _joined(text, match)
    if "][" in text or ")(" in text:
        edits += _unboxed(text)
        edits.sort()
    if not text.isascii():
        edits += [(*match.span(), "") for match in GAP.finditer(text)]
        edits.sort()
    return edited(text, edits) if edits else None


def _joined(text: str, match: re.Match[str]) -> list[Edit]:
    """The gaps of one spelt word: those that are other than the first part words."""
    sep, start, end = match["sep"], *match.span()
    if end - start <= _FEW and sum(map(str.isalpha, text[start:end])) <= _FEWEST:
        return []
    last = min(end - 1, start + _LONGEST_EXACT)
    gaps = _gaps(sep).finditer(text, start + 1, last)
    found = [(*gap.span(), "" if gap[0] == sep else " ") for gap in gaps]
    if last < end - 1:  # more at once than anybody wants mapped letter by letter
        rest = _wide(sep).sub("\0", text[last : end - 1])
        found.append((last, end - 1, rest.replace(sep, "").replace("\0", " ")))
    return found


@functools.cache
def _wide(sep: str) -> re.Pattern[str]:
    other = "" if " " in sep else "| "
    return re.compile(f"[ {re.escape(sep)}]{{{len(sep) + 1},}}{other}")


@functools.cache
def _gaps(sep: str) -> re.Pattern[str]:
    return re.compile(f"[ {re.escape(sep)}]+")


def _unboxed(text: str) -> Iterator[Edit]:
    """Single letters in brackets, in a row, without these."""
    for match in _BOXED.finditer(text):
        at = match.start()
        while at < match.end():
            if text[at] != " ":
                yield at, at + 3, text[at + 1]
                at += 2
            at += 1


def parted(joined: View) -> View | None:
    """*joined*, a view that `spelt` made, with spaces between the words of long ones: ``killyourself``.

    None where there are none. Of spelt letters more than `LONGEST_PARTED` are not parted: see `is_beyond`.
    """
    edits: list[Edit] = []
    budget = LONGEST_PARTED
    for start, end in _letters(joined):
        if end - start > budget:
            break
        budget -= end - start
        for run in _PLAIN.finditer(joined.text, start, end):
            edits += [(at, at + 1, f" {joined.text[at]}") for at in (run.start() + cut for cut in parts(run[0]))]
    return through(edited(joined.text, edits), joined) if edits else None


def is_beyond(text: str) -> bool:
    """Whether *text* has words that are spelt out behind, or of, more gaps than `parted` can see the letters of.

    Rows of very few different letters spell none: bases, marks, yes and no.
    """
    if len(text) <= 2 * LONGEST_PARTED:
        return False
    gaps = 0 if text.isascii() else sum(1 for _ in GAP.finditer(text))
    long = False
    for match in SPELT.finditer(text):
        gaps += len(match[0]) // 2
        long = long or sum(map(str.isalpha, set(match[0].lower()))) > _FEW_LETTERS
    return long and gaps > LONGEST_PARTED


def _letters(joined: View) -> Iterator[tuple[int, int]]:
    """The runs of letters in *joined* each of which comes from a place of its own."""
    start = end = -1
    for one, other in pairwise(joined.segments):
        place = other.start
        if one.end != place or not joined.text[place - 1 : place + 1].isalpha():
            continue
        if place != end:
            if end - start >= _SHORTEST_PARTED:
                yield start, end
            start = place - 1
        end = place + 1
    if end - start >= _SHORTEST_PARTED:
        yield start, end
