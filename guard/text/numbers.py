"""Bytes written as numbers: decimal, octal and binary lists, and rows of noughts and ones. Pure; linear.

``107, 105, 108, 108`` is read where what it says is text: small letters and spaces for the most part, or, of eight
numbers and more, letters and digits. A row of marks, years or measures seldom is.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.text.align import Edit

_BETWEEN = r"(?:, ?|[ ;|/-]|,? ?\r?\n)"
_LIST = re.compile(
    rf"(?<![0-9A-Za-z.%&#=+\\])(?:(?P<bits>(?:0b)?[01]{{7,8}}(?:{_BETWEEN}(?:0b)?[01]{{7,8}}(?![0-9A-Za-z])){{3,}}+)"
    rf"|(?P<bytes>[0-9]{{2,3}}(?:{_BETWEEN}[0-9]{{2,3}}(?![0-9A-Za-z])){{3,}}+)|(?P<row>[01]{{28,}}+))(?![0-9A-Za-z])"
)
_NUMBER = re.compile(r"[0-9]+")
_FEWEST_DIGITS = 8
_NO_DIGITS = bytes(code for code in range(256) if not 48 <= code < 58)
_SMALL = frozenset(b" abcdefghijklmnopqrstuvwxyz")
_MANY = 8
_FEWEST = 4
_LONGEST = 16_384
_TAIL = "0123456789b ,;|/-\r\n"
_ESCAPES = frozenset(".%&#=+\\")
"""What a number may stand behind that is part of something else."""
_HELD = frozenset(range(32, 127))


def is_plain(text: str) -> bool:
    """Whether *text* has no such list: most has hardly a digit, and is asked no more."""
    return next(numbers(text), None) is None


def numbers(text: str) -> Iterator[Edit]:
    """The lists of numbers in *text* that say something, each with what it says."""
    if len(text.encode("ascii", "replace").translate(None, _NO_DIGITS)) < _FEWEST_DIGITS:
        return
    for match in _LIST.finditer(text):
        said = _row(match["row"]) if match["row"] else _listed(match[0], bits=match["bits"] is not None)
        if said is not None:
            yield (*match.span(), said)
        elif match["bytes"]:
            yield from _stretches(list(_NUMBER.finditer(text, *match.span())))


def _stretches(found: list[re.Match[str]]) -> list[Edit]:
    """What numbers in a row amid others say: one that is no sign does not hide those beside it."""
    for base in (10, 8):
        edits: list[Edit] = []
        values = [_value(match[0], base) for match in found]
        for plain, run in groupby(range(len(values)), [value in _HELD for value in values].__getitem__):
            row = list(run)
            if len({values[at + 1] - values[at] for at in row[:-1]}) == 1:  # it counts
                continue
            if plain and len(row) >= _FEWEST and (said := _text(values[row[0] : row[-1] + 1])) is not None:
                edits.append((found[row[0]].start(), found[row[-1]].end(), said))
        if edits:
            return edits
    return []


def _value(number: str, base: int) -> int:
    return -1 if base == 8 and {"8", "9"} & set(number) else int(number, base)


def _row(bits: str) -> str | None:
    for size in (8, 7):
        if len(bits) % size == 0:
            said = _text([int(bits[at : at + size], 2) for at in range(0, len(bits), size)])
            if said is not None:
                return said
    return None


def _listed(written: str, *, bits: bool) -> str | None:
    if bits:
        return _text([int(number, 2) for number in _NUMBER.findall(written.replace("0b", ""))])
    found = _NUMBER.findall(written)
    said = _text([int(number) for number in found])
    if said is None and not any("8" in number or "9" in number for number in found):
        said = _text([int(number, 8) for number in found])
    return said


def _text(values: list[int]) -> str | None:
    """What bytes of *values* say, or None where that is no text."""
    if max(values) > 255:
        return None
    try:
        said = bytes(values).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not all(char.isprintable() or char in "\t\r\n" for char in said):
        return None
    if sum(value in _SMALL for value in values) * 4 >= len(values) * 3 or not said.isascii():
        return said
    plain = sum(char.isalnum() or char == " " for char in said)
    letters = sum(map(str.isalpha, said))
    return said if len(values) >= _MANY and plain * 10 >= len(values) * 9 and letters * 2 >= len(values) else None


def open_numbers(text: str) -> int:
    """Where numbers begin that *text* ends with and that signs could be; its length if none do."""
    end = len(text)
    if text[-1:] not in _TAIL:
        return end
    tail = text[-_LONGEST:]
    start = len(tail.rstrip(_TAIL))
    start += len(tail[start:]) - len(tail[start:].lstrip(" ,;|/-\r\nb"))
    found = list(_NUMBER.finditer(tail, start))
    at = len(tail)
    for match in reversed(found):
        number = match[0]
        bits = set(number) <= {"0", "1"}
        if not (bits and len(number) > 3) and not _may_be(number, whole=match.end() < len(tail)):
            break
        at = match.start()
    before = tail[at - 1 : at]
    return end if before.isalnum() or before in _ESCAPES else end - len(tail) + at


def _may_be(number: str, *, whole: bool) -> bool:
    """Whether *number* is a sign of ASCII, or a byte of a longer one; or could become that if it is not *whole*."""
    if len(number) > 3 or (whole and len(number) < 2):
        return False
    value, octal = int(number), int(number, 8) if not {"8", "9"} & set(number) else -1
    return not whole or value in _HELD or octal in _HELD or 128 <= value <= 255
