"""The ways in which a text can be read besides as it is written: what its disguises show, each with a map back. Pure.

text ─`is_plain`→ nothing, nearly always; else ─fold→ ─decode, layer by layer→ ─join, turn, replace→ views

Each view is the text with one more disguise undone, so that what stands around it is still there. There is a budget: of
what decodes to more than that, or is encoded once more than that, the rest was not read, and that is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.content import View
from guard.text import breaks, chinese, decode, fold, groups, numbers, spell
from guard.text.align import through
from guard.text.runs import has_smuggled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_LAYERS = 8
"""Encodings within encodings that are undone."""
MOST_DECODED = 262_144
"""Characters that the runs of base64 and hex of one text may come to, all layers together."""
MOST_WORK = 2_000_000
"""Characters that are gone through for encodings, all layers of one text together."""
INCOMPLETE = "encoded text beyond the decoding budget"

_SHAPE = bytes(97 if chr(code).isalpha() or chr(code).isdigit() else 32 for code in range(128)) + b" " * 128
_RUN = bytes(98 if chr(code).isalnum() or chr(code) in "+/_-" else 32 for code in range(128)) + b" " * 128
_LEET = (
    bytes(97 if chr(code).isalpha() else 49 if chr(code) in "0134578@$!|" else 32 for code in range(128)) + b" " * 128
)
_HEXED = bytes(104 if chr(code) in "0123456789abcdefABCDEF" else 32 for code in range(128)) + b"." * 128
_CASES = (
    bytes(
        97 if chr(code).islower() or chr(code).isdigit() else 65 if chr(code).isupper() else 32 for code in range(128)
    )
    + b" " * 128
)
_SPELT = (b" a a a", b" a  a  a", b" a   a   a")


@dataclass(frozen=True, slots=True)
class Disguises:
    """What a text shows besides itself. *complete*: nothing was left undone for want of budget."""

    views: tuple[View, ...] = ()
    complete: bool = True


PLAIN = Disguises()


def is_plain(text: str) -> bool:
    """Whether nothing in *text* looks like a disguise: one pass over its bytes, some microseconds a thousand."""
    if not text.isascii() and (
        has_smuggled(text) or not all([of.is_plain(text) for of in (fold, breaks, chinese)])  # noqa: C419  quicker
    ):
        return False
    if breaks.is_cut(text):
        return False
    data = text.encode("ascii", "replace")
    if any([mark in data for mark in _MARKS]) and _ESCAPES.search(text) is not None:  # noqa: C419  quicker
        return False
    if not data.isascii() or data.translate(None, _PRINTED):
        return False
    runs = data.translate(_RUN)
    if b"bbbbbbbbbbbb" in runs or (b"=" in data and _PADDED.search(text) is not None):
        return False
    shape = b" " + data.translate(_SHAPE)
    if any([form in shape for form in _SPELT]):  # noqa: C419  quicker
        return False
    leet = data.translate(_LEET)
    if (b"a1" in leet or b"1a" in leet) and fold.is_leet(text):
        return False
    if b"0x" in data and _PREFIXED.search(text) is not None:
        return False
    if b" hh hh hh hh" in b" " + data.translate(_HEXED) or not numbers.is_plain(text):
        return False
    if b"aA" in data.translate(_CASES) and not groups.is_plain(text):
        return False
    low = data.lower().decode("ascii")
    return not decode.is_turned(f" {low} ")


_MARKS = (b"\\", b"%", b"&", b"=", b"\r", b"U+")
_PRINTED = bytes([9, 10, 13, *range(32, 127)])
_ESCAPES = re.compile(
    r"%[0-9A-Fa-f]{2}|%u[0-9A-Fa-f]{4}|&(?:#|[A-Za-z][A-Za-z0-9]{1,30};)|\\[xuU0-3]|=[0-9A-F]{2}|=\r?\n|[A-Za-z]\r\n?|\bU\+[0-9A-F]{4}"
)
_PREFIXED = re.compile(r"\b0x[0-9A-Fa-f]{2}(?:, |[ :,;-])(?:0x[0-9A-Fa-f]{2}(?:, |[ :,;-])){3}")
_PADDED = re.compile(r"[A-Za-z0-9+/_-]{3}=")


def disguises(text: str, longest: int = MOST_DECODED) -> Disguises:
    """The views of *text*, whose segments speak of part 0; none where it is plain.

    Runs of base64 or hex that are longer than *longest* characters are not read.

    >>> [view.text for view in disguises("it says k i l l").views]
    ['it says kill']
    """
    if is_plain(text):
        return PLAIN
    found: list[View] = []
    current, complete = View.of(text), True
    for step in (decode.unsmuggled, fold.erased, fold.unannotated):
        _after(current, step, found)
    for step in (fold.unreversed, *_SHAPES):
        current = _after(current, step, found)
    budget, layers, work = MOST_DECODED, 0, MOST_WORK
    while True:
        layer = decode.decoded(current.text, longest)
        budget -= layer.size
        complete = complete and layer.complete and budget >= 0
        if layer.view is None or budget < 0:
            break
        layers += 1
        work -= len(current.text)
        if layers > MOST_LAYERS or work < 0:
            complete = False
            break
        current = through(layer.view, current)
        found.append(current)
        for step in _SHAPES:
            current = _after(current, step, found)
    for step in (fold.rejoined, breaks.mended, breaks.mended_apart, fold.upside, decode.rot13):
        _after(current, step, found)
    joined = _after(current, spell.spelt, found)
    if joined is not current:
        complete = complete and not spell.is_beyond(current.text)
        if (parted := spell.parted(joined)) is not None:
            found.append(parted)
    for base in (current,) if joined is current else (current, joined):
        _after(base, chinese.meant, found)
        found += [through(view, base) for view in fold.unleeted(base.text)]
    return Disguises(tuple(_unlike(text, found)), complete)


_SHAPES = (fold.folded, fold.unmixed, breaks.unpictured, breaks.unaccented)


def _after(current: View, step: Callable[[str], View | None], found: list[View]) -> View:
    """*current* with *step* done, kept in *found*; itself where there is nothing to do."""
    view = step(current.text)
    if view is None:
        return current
    view = through(view, current)
    found.append(view)
    return view


def _unlike(text: str, found: list[View]) -> Iterator[View]:
    """The views of *found* that differ from *text* and from one another."""
    seen = {text}
    for view in found:
        if view.text not in seen:
            seen.add(view.text)
            yield view


_OPEN_SPELT = re.compile(
    r"(?<![A-Za-z0-9\u00c0-\u024f])[A-Za-z\u00c0-\u024f](?P<sep>[ .\-_*·•|/,~+:]|[.,;\-|*] | [\-.|*] |  )"
    r"[A-Za-z0-9\u00c0-\u024f](?:(?P=sep)[A-Za-z0-9])?(?P=sep)?\Z"
)


def unfinished(text: str, *, plain: bool = False) -> int:
    """Where a disguise begins that *text* ends in the middle of, so that what follows decides; its length if none.

    *plain* says that nothing in *text* is one already.

    >>> unfinished("it says k i "), unfinished("All is well, é 中 😀. ")
    (8, 20)
    """
    at = _first(text, _begun(text))
    if at and not plain and not is_plain(text[:at]):
        inside = at
        for view in disguises(text[:at]).views:
            inner = _begun(view.text)
            if inner < len(view.text):
                inside = min(inside, view.origins(inner, len(view.text))[0][1])
        at = _first(text, inside) if inside < at else at
    return at if len(text) - at <= decode.LONGEST_RUN else len(text)


def _first(text: str, at: int) -> int:
    """Where the first of those begins that end *text* up to *at*, each of which the next begins in or right behind."""
    if at < len(text):
        for _ in range(_MOST_BEGUN):
            beside = text[max(0, at - 1) : at + 1]
            if len(beside) == 2 and beside.isascii() and beside.isalnum():
                return at  # within a run of letters and digits, of which this is what has to be held
            low = max(0, at - _TAIL)
            gap = _OPEN_GAP.search(text, low, at) if _DENSE.match(text, at) is not None else None
            before = chinese.form_at(text, gap.start()) if gap is not None else low + _begun(text[low:at], more=False)
            if before == at or len(text) - before > decode.LONGEST_RUN:
                return at
            at = before
    return at


_DENSE = re.compile(f"[{spell.CJK}]")
_OPEN_GAP = re.compile(f"[{spell.CJK}]{spell.GAPS}{{1,3}}\\Z")
"""A gap in Chinese behind which something begins."""
_MOST_BEGUN = 64
"""How many disguises that one another begin in are gone back over: lines of a piece each, say."""


def _begun(text: str, *, more: bool = True) -> int:
    """The same for what is not inside of another disguise; without *more*, but for single characters."""
    at = min(decode.unfinished(text), breaks.open_break(text))
    for spelled in spell.SPELT.finditer(text, max(0, len(text) - _TAIL)):
        sep, behind = spelled["sep"], text[spelled.end() :]
        word = spelled[0]
        goes_on = len(behind) <= _WIDEST and not behind.strip(f"{sep} ") and len(word) >= _LONG_WORD
        if goes_on and (sep != " " or word.replace(" ", "").isalpha()):
            at = min(at, spelled.start())
    spelt = _OPEN_SPELT.search(text, max(0, len(text) - 16))
    if spelt is not None and (spelt["sep"] != " " or not _WORDS.issuperset(spelt[0].split())):
        at = min(at, spelt.start())
    if not text.isascii():
        tail = text.rfind("\u202e", max(0, len(text) - fold.MOST_REVERSED))
        if tail >= 0 and not set("\u202c\u2069\n").intersection(text[tail:]):
            at = min(at, tail)
        at = min(at, fold.open_upside(text), fold.open_word(text), chinese.open_form(text) if more else at)
    return at


_TAIL = 400
_WIDEST = 4
_LONG_WORD = 9
"""Five letters and what parts them: abbreviations have fewer."""
_WORDS = frozenset({"a", "A", "I"})
"""Single letters that are words."""
