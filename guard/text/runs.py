"""Text inside of longer runs of base64, and bytes written as variation selectors. Pure; linear in the run.

A run need not begin where its text does: ``key_`` and other letters stand in the alphabet too, and bytes that are no
text may be put before it. So a run is read from each of its first four characters on, and what is text is told by
itself: it begins with `_FEWEST` bytes of ASCII, or some fewer of Chinese, and goes on as UTF-8. Of chance bytes one row
in some millions is.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.text.align import Edit

_FEWEST = 16
"""Bytes of text that are told from chance."""
HELD = 4 * _FEWEST
"""Characters at the end of a run in which text may have begun that is too short yet to be told."""
_STANDARD = {ord("-"): "+", ord("_"): "/"}
_BYTE = (
    rb"(?:[\t\n\r\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3})"
)
_TEXT = re.compile(_BYTE + rb"++")
_CLASSES = bytes(
    97
    if byte in b"\t\n\r" or 0x20 <= byte < 0x7F
    else 99
    if 0x80 <= byte < 0xC0
    else 108
    if 0xE3 <= byte < 0xEA
    else 46
    for byte in range(256)
)
_SEEDS = (b"a" * _FEWEST, b"lcc" * (_FEWEST // 4))
"""What a stretch begins with that is told from chance: letters of ASCII, or Chinese, Japanese or Korean."""
_BREAKS = re.compile(r"[\r\n]+")


def stretches(run: str, most: int) -> list[Edit]:
    """What of *run*, in any alphabet of base64, is text, each stretch with its place in the run, in order.

    Stretches of more than *most* characters are not told apart from the others; overlapping ones, by length.
    """
    bare = _BREAKS.sub("", run).translate(_STANDARD).rstrip("=")
    found = [one for phase in range(4) for one in _texts(bare, phase)]
    if not found:
        return []
    found.sort(key=lambda one: (one[0] - one[1], one[0]))
    kept: list[Edit] = []
    for low, high, text in found[:most]:
        if all(high <= start or end <= low for start, end, _ in kept):
            kept.append((low, high, text))
    places = range(len(bare)) if len(bare) == len(run.rstrip("=")) else _places(run)
    return [(places[low], places[high - 1] + 1, text) for low, high, text in sorted(kept)]


def _places(run: str) -> list[int]:
    """Where each character of *run* that is no line break stands."""
    return [place for place, char in enumerate(run) if char not in "\r\n"]


def _texts(bare: str, phase: int) -> Iterator[Edit]:
    """The stretches of text in the bytes that *bare* says from character *phase* on."""
    data = _bytes(bare, phase)
    for match in _matches(data):
        text = match[0].decode("utf-8")
        said = sum(map(str.isalnum, text)) + sum(map(str.isspace, text))
        if said * 2 >= len(text) and text.isprintable() | any(char.isspace() for char in text):
            low, high = match.span()
            yield phase + low * 4 // 3, min(len(bare), phase - (-high * 4 // 3)), text


def _matches(data: bytes) -> Iterator[re.Match[bytes]]:
    classes = data.translate(_CLASSES)
    ahead = [classes.find(seed) for seed in _SEEDS]
    while (at := min((place for place in ahead if place >= 0), default=-1)) >= 0:
        match = _TEXT.match(data, at)
        if match is None:  # pragma: no cover  a seed is text
            return
        yield match
        end = match.end()
        ahead = [
            classes.find(seed, end) if 0 <= place < end else place for place, seed in zip(ahead, _SEEDS, strict=True)
        ]


def _bytes(bare: str, phase: int) -> bytes:
    length = (len(bare) - phase) // 4 * 4
    whole = bare[phase : phase + length]
    rest = bare[phase + length :]
    rest = rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""
    return binascii.a2b_base64(whole + rest)


_VALUES = {code: value for value, code in enumerate([*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])}
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}+")


def has_smuggled(text: str) -> bool:
    """Whether *text* has variation selectors in a row, where one is all that a character can have."""
    return _SELECTORS.search(text) is not None


def smuggled(text: str) -> Iterator[Edit]:
    """Rows of variation selectors as the bytes that they stand for, 0 to 255, where these are text."""
    for match in _SELECTORS.finditer(text):
        try:
            said = match[0].translate(_VALUES).encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            continue
        if said.isprintable() or not set(said).isdisjoint(" \t\n"):
            yield (*match.span(), said)
