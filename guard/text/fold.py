"""Reads a text as it shows: other shapes of letters, look-alikes, unseen signs, turned and reversed text. Pure.

Each function gives a `View` where its disguise is in the text, else None. Linear in the text.
"""

from __future__ import annotations

import functools
import re
import string
from typing import TYPE_CHECKING

from guard.content import Segment, View
from guard.text.align import MOST_EXACT, edited, through
from guard.text.signs import (
    FLIPPED,
    FORMS,
    MARKS,
    SIGNS,
    SPACES,
    TURNED,
    UNSEEN,
    alike,
    lookalikes,
)
from guard.text.spell import CJK, GAP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.text.align import Edit

_PLAIN = "A-Za-z0-9\u00c0-\u024f\u0370-\u058f\u1e00-\u1fff"
_LETTER = f"{_PLAIN}{CJK}"
_SOFT = (
    "\u00ad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202c\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"
    "\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800"
)
"""Unseen signs that ordinary text may have, between words, behind emoji, or in scripts that need them."""
_HARD = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u034f\u202d\u202e\ufff9-\ufffb\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_FLAG = "\U0001f1e6-\U0001f1ff"
_SHAPES = (
    "\u0250-\u02af\u02b0-\u02b8\u02e0-\u02e4\u1d00-\u1dbf\u2071\u207f\u2090-\u209c\u2102\u210a-\u2115\u2119-\u211d"
    "\u2124\u2128\u212c-\u2138\u2145-\u2149\u24b6-\u24e9\u2c60-\u2c7f\ua71b-\ua7ff\ufb00-\ufb06\uff10-\uff19"
    "\uff21-\uff3a\uff41-\uff5a\U00010780-\U000107bf\U0001d400-\U0001d7ff\U0001f110-\U0001f12b\U0001f130-\U0001f149"
    "\U0001f150-\U0001f169\U0001f170-\U0001f189"
)
_ODD = re.compile(f"[{_HARD}{_SOFT}{_FLAG}{_SHAPES}{MARKS}\u00a0\u2000-\u200a\u202f\u3000]")
"""Any sign that could be part of a disguise; most text has none."""
_FLAG_TAGS = "\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{2,6}\U000e007f"
_DISGUISE = re.compile(
    f"{_FLAG_TAGS}|[0-9#*]\ufe0f?\u20e3|(?P<odd>[{_HARD}{_SHAPES}]|[{MARKS}]"
    f"|(?<=[{_LETTER}])[{_SOFT}]++(?=[{_LETTER}])"
    f"|(?<=[{_LETTER}])[{_SELECTORS}]++|[{_SELECTORS}]++(?=[{_LETTER}])"  # a mark to whoever looks for ends of words
    # A payload, such as a signature: it may be taken off, and what it stood between is read as one then.
    f"|[{_SELECTORS}]{{8}}[{_SELECTORS}]*+(?!\\Z)"
    f"|(?<=[A-Za-z])[{SPACES}](?=[A-Za-z0-9])|(?<=[0-9])[{SPACES}](?=[A-Za-z])"
    f"|(?<![{_FLAG}])[{_FLAG}](?![{_FLAG}])|[{_FLAG}]{{5}})"
)
_SIGN = re.compile(f"{_FLAG_TAGS}|(?P<run>[{UNSEEN}{MARKS}{SPACES}{FORMS}]++)")
_STRETCH = 64
_CONTROL = re.compile(r"[^\x08\n]\x08")
_MOST_ERASED = 3
_LONGEST_LEET = 24
_BESIDE = 64
_HAS_LATIN = re.compile("[A-Za-z]")
_REVERSED = re.compile("\u202e([^\u202c\u2069\n]{0,2000})[\u202c\u2069]?")
MOST_REVERSED = 2000


def folded(text: str) -> View | None:
    """*text* in plain letters, without unseen signs and added marks; None where it has no disguise of that kind."""
    return edited(text, _plain(text)) if _is_odd(text) else None


def _is_odd(text: str) -> bool:
    return _ODD.search(text) is not None and any(match["odd"] for match in _DISGUISE.finditer(text))


def _plain(text: str) -> Iterator[Edit]:
    for count, match in enumerate(_SIGN.finditer(text)):
        run = match["run"]
        if run is None:
            continue
        start, end = match.span()
        if count > MOST_EXACT:
            yield start, len(text), text[start:].translate(SIGNS)
            return
        new = run.translate(SIGNS)
        if len(run) < 2 or not new:
            yield start, end, new
        else:
            yield from _one_by_one(start, run)


def _one_by_one(start: int, run: str) -> Iterator[Edit]:
    for place, char in enumerate(run, start):
        yield place, place + 1, char.translate(SIGNS)


_FAR = re.compile("[\U00010000-\U0010ffff]")
"""Signs that make classes slow which have many of them: most text has none, and is gone through with other classes."""
_FAR_INSIDE = re.compile(f"{_FAR.pattern}(?:-{_FAR.pattern})?")


@functools.cache
def _mixed(far: bool) -> tuple[re.Pattern[str], re.Pattern[str], dict[int, str]]:  # noqa: FBT001  an argument of a cache
    near = re.escape("".join(lookalikes()))
    same = re.escape(alike())
    if not far:
        near, same = _FAR_INSIDE.sub("", near), _FAR_INSIDE.sub("", same)
    gate = re.compile(f"[A-Za-z][{near}]|[{near}][A-Za-z]|[{same}]{{4}}")
    word = re.compile(rf"[A-Za-z]*+[{near}][A-Za-z{near}]*+")
    return gate, word, {ord(char): letter for char, letter in lookalikes().items()}


def unmixed(text: str) -> View | None:
    """*text* with words in which letters of other scripts stand for Latin ones in Latin letters; None without any."""
    edits = list(_latin(text))
    return edited(text, edits) if edits else None


def _latin(text: str) -> Iterator[Edit]:
    if text.isascii():
        return
    gate, word, table = _mixed(_FAR.search(text) is not None)
    if gate.search(text) is None:
        return
    same = frozenset(alike())
    for match in word.finditer(text):
        letters = match[0]
        mixed = not letters.isascii() and _HAS_LATIN.search(letters)
        if mixed or (len(letters) > 3 and same.issuperset(letters) and _stands_alone(text, *match.span())):
            yield (*match.span(), letters.translate(table))


def open_word(text: str) -> int:
    """Where a word in letters that look like Latin ones, behind Latin ones, begins that *text* ends with."""
    near = lookalikes()
    start = len(text)
    while start > len(text) - _LONGEST_LEET and text[start - 1 : start] in near:
        start -= 1
    return start if start < len(text) and _HAS_LATIN.search(text, max(0, start - _BESIDE), start) else len(text)


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not (text[start - 1 : start].isalpha() or text[end : end + 1].isalpha())


def erased(text: str) -> View | None:
    """*text* with every character gone that a backspace follows, as far as they follow one another."""
    if _CONTROL.search(text) is None:
        return None
    view = View.of(text)
    for _ in range(_MOST_ERASED):
        edits = [(*match.span(), "") for match in _CONTROL.finditer(view.text)]
        if not edits:
            break
        view = through(edited(view.text, edits), view)
    return view


def _backwards(outer: int, low: int, high: int, end: int, at: int) -> list[Segment]:
    """Segments of ``low:high`` read backwards, character by character, from *at* of the view on.

    The signs around it, ``outer:low`` and ``high:end``, belong to the characters beside them.
    """
    found = [Segment(at + n, at + n + 1, 0, high - n - 1, high - n) for n in range(high - low)]
    if found:
        found[0] = found[0]._replace(origin_end=end)
        found[-1] = found[-1]._replace(origin_start=outer)
    return found


def _turned(text: str, runs: list[tuple[int, int, int, int]], table: dict[int, str]) -> View:
    """*text* with *runs* (``start, end`` of the run and of what it shows) read backwards, their letters by *table*."""
    if sum(high - low for _, low, high, _ in runs) > MOST_EXACT:
        return edited(text, ((outer, end, text[low:high][::-1].translate(table)) for outer, low, high, end in runs))
    pieces: list[str] = []
    segments: list[Segment] = []
    at = taken = 0
    for outer, low, high, end in runs:
        pieces += [text[taken:outer], text[low:high][::-1].translate(table)]
        if outer > taken:
            segments.append(Segment(at, at + outer - taken, 0, taken, outer))
        at += outer - taken
        segments += _backwards(outer, low, high, end, at)
        at += high - low
        taken = end
    pieces.append(text[taken:])
    if taken < len(text):
        segments.append(Segment(at, at + len(text) - taken, 0, taken, len(text)))
    return View("".join(pieces), tuple(segments))


def unreversed(text: str) -> View | None:
    """*text* with what a right-to-left override shows backwards in the order in which it is seen."""
    if "\u202e" not in text:
        return None
    runs = [(match.start(), *match.span(1), match.end()) for match in _REVERSED.finditer(text)]
    return _turned(text, runs, {})


_FLIP = "".join(map(re.escape, FLIPPED))
_FLIPPED = re.compile(f"[{_FLIP}]")
_LAST_FLIPPED = re.compile(f".*[{_FLIP}]", re.DOTALL)
_LONGEST_UPSIDE = 400
_UPSIDE = re.compile(r"[^\n.!?。]{1,400}")
_TURN = {ord(char): letter for char, letter in TURNED.items()}


def upside(text: str) -> View | None:
    """*text* with what is written upside down turned back: from the first turned letter's word to the last one's."""
    runs = list(_flipped(text))
    return _turned(text, runs, _TURN) if runs else None


def _flipped(text: str) -> Iterator[tuple[int, int, int, int]]:
    if text.isascii() or _FLIPPED.search(text) is None:
        return
    for match in _UPSIDE.finditer(text):
        said = match[0]
        first = _FLIPPED.search(said)
        last = _LAST_FLIPPED.match(said)
        if first is not None and last is not None and first.start() < last.end() - 1:
            low = said.rfind(" ", 0, first.start()) + 1
            high = said.find(" ", last.end())
            low, high = match.start() + low, match.start() + (high if high >= 0 else len(said))
            yield low, low, high, high


def open_upside(text: str) -> int:
    """Where what is written upside down begins that *text* ends in the middle of; its length if nothing is."""
    low = max(0, len(text) - _LONGEST_UPSIDE, *(text.rfind(mark, -_LONGEST_UPSIDE) + 1 for mark in "\n.!?。"))
    return next((low + start for start, _, _, end in _flipped(text[low:]) if low + end == len(text)), len(text))


_LEET = dict(zip("0134578@$€£!|", "oieastbaselil", strict=True))
_LEET_TABLE = {ord(sign): letter for sign, letter in _LEET.items()}
_LEET_OTHER = _LEET_TABLE | {ord("1"): "l", ord("!"): "i", ord("|"): "i"}
_LEET_WORD = re.compile(
    r"(?<![A-Za-z0-9@$!|])(?![0-9]++(?:st|nd|rd|th|x[0-9a-fA-F]++)(?![A-Za-z0-9]))"
    r"(?:[A-Za-z]++[0-9@$€£!|]++[A-Za-z]|[0-9$€£!|]{1,3}+[A-Za-z]++)[A-Za-z0-9@$€£!|]*+(?![A-Za-z0-9@])"
)


def unleeted(text: str) -> list[View]:
    """*text* with digits and signs inside of words as the letters they stand for: 1 for i, and once more for l."""
    words = list(_leet(text))
    if not words:
        return []
    other = (
        [(start, end, _unleeted(text[start:end], True)) for start, end, _ in words]  # noqa: FBT003  a cache
        if _EITHER.search(text)
        else []
    )
    return [edited(text, edits) for edits in (words, other) if edits]


def is_leet(text: str) -> bool:
    """Whether *text* has such words."""
    return next(_leet(text), None) is not None


def _leet(text: str) -> Iterator[Edit]:
    for match in _LEET_WORD.finditer(text):
        word = match[0]
        if len(word) <= _LONGEST_LEET and (new := _unleeted(word, False)) != word:  # noqa: FBT003  a cache
            yield (*match.span(), new)


_EITHER = re.compile("[1!|]")


@functools.lru_cache(maxsize=4096)
def _unleeted(word: str, other: bool) -> str:  # noqa: FBT001  an argument of a cache
    """*word* in letters, if it is one with letters replaced, and no name with a number, version or digest."""
    bare = word.rstrip("!|")
    letters = len(bare) - len(bare.translate(_NO_LETTERS))
    signs = bare.translate(_NO_LETTERS)
    if not signs or letters < 2 or len(signs) > 2 * letters or not _LEET.keys() >= set(signs):
        return word
    new = bare.translate(_LEET_OTHER if other else _LEET_TABLE)
    return (new.upper() if bare.upper() == bare else new) + word[len(bare) :]


_NO_LETTERS = dict.fromkeys(map(ord, string.ascii_letters))


_CUT = re.compile(r"(?<=[A-Za-z])\r\n?(?=[A-Za-z0-9]|\Z)")


def rejoined(text: str) -> View | None:
    """*text* with words whole again that a carriage return cuts in two."""
    if "\r" not in text:
        return None
    edits = [(*match.span(), "") for match in _CUT.finditer(text)]
    return edited(text, edits) if edits else None


_ANNOTATED = re.compile("\ufffa[^\ufffb\n]{0,200}\ufffb")


def unannotated(text: str) -> View | None:
    """*text* without what interlinear annotation puts above it."""
    if "\ufffa" not in text:
        return None
    edits = [(*match.span(), "") for match in _ANNOTATED.finditer(text)]
    return edited(text, edits) if edits else None


def is_plain(text: str) -> bool:
    """Whether *text* has no disguise in signs that are not ASCII."""
    if GAP.search(text) is not None:
        return False
    if _gate(_FAR.search(text) is not None).search(text) is None:
        return True
    return not (_is_odd(text) or any(True for _ in _latin(text)) or any(True for _ in _flipped(text)))


@functools.cache
def _gate(far: bool) -> re.Pattern[str]:  # noqa: FBT001  an argument of a cache
    signs = f"{_ODD.pattern[1:-1]}{re.escape(''.join(sorted({*lookalikes(), *FLIPPED})))}"
    return re.compile(f"[{signs if far else _FAR_INSIDE.sub('', signs)}]")
