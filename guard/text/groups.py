"""Base64 and base32 in groups or in quoted lines, and base32 in one run. Pure; linear.

Groups are of one length, but for the last: ``a2ls bCB5 b3U=``. Words that happen to be as long may stand around them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.text.align import Edit

_SIGN = "[A-Za-z0-9+/_-]"
_GAP = r"(?:[ \t]{1,2}|\r?\n[> \t|]{0,8})"
_ROW = re.compile(rf"(?<![A-Za-z0-9+/=_-]){_SIGN}{{4,76}}+(?:{_GAP}{_SIGN}{{1,76}}+={{0,6}}+)++")
_GROUP = re.compile(rf"{_SIGN}+=*")
_THIRTY_TWO = re.compile(r"(?<![A-Za-z0-9+/=_-])(?:[A-Z2-7]{8,}+|[a-z2-7]{8,}+)={0,6}+(?![A-Za-z0-9+/=_-])")
_RUN = bytes(97 if chr(code).isalnum() else 32 for code in range(128)) + b" " * 128
_SHORTEST = 16
_FEWEST = 3
_LONGEST = 16_384
_WORD = re.compile("[A-Za-z]?[a-z]+")
_MIXED = re.compile("[a-z][A-Z0-9]|[0-9][A-Za-z]|[A-Z][0-9]")

Text = Callable[[str], str | None]
"""What a run of base64 says, if that is text."""


def is_plain(text: str) -> bool:
    """Whether *text* has no groups of mixed letters and digits in a row."""
    return not any(_is_mixed(match[0]) for match in _ROW.finditer(text)) and _THIRTY_TWO.search(text) is None


def _is_mixed(row: str) -> bool:
    return _MIXED.search(row) is not None


def grouped(text: str, said: Text) -> Iterator[Edit]:
    """Groups in *text* of one length that together are base64 or base32, each row with what it says by *said*."""
    for match in _ROW.finditer(text):
        if _is_mixed(match[0]) or match[0].isupper():
            for groups in _alike(text, [group.span() for group in _GROUP.finditer(text, *match.span())]):
                found = _read([text[start:end] for start, end in groups], said)
                if found is not None:
                    first, last, new = found
                    yield groups[first][0], groups[last][1], new


def _alike(text: str, groups: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The rows of at least three *groups* that are of one length, each with the shorter one behind it.

    Of long ones two are enough, on lines of their own.
    """
    sizes = [end - start for start, end in groups]
    start = 0
    while start < len(groups):
        size, end = sizes[start], start + 1
        while end < len(groups) and sizes[end] == size:
            end += 1
        more = end < len(groups) and sizes[end] < size and text[groups[end - 1][1] - 1] != "="
        row = groups[start : end + more]
        if len(row) >= _FEWEST or (len(row) > 1 and size >= _SHORTEST and "\n" in text[row[0][1] : row[1][0]]):
            yield row
        start = end


def _read(groups: list[str], said: Text) -> tuple[int, int, str] | None:
    """The first and last of *groups* that say something, and what; without words beside them if they do not with."""
    high = len(groups)
    low = next((at for at in range(high) if not _WORD.fullmatch(groups[at])), None)
    if low is None:
        return None
    top = next(at for at in range(high, low, -1) if not _WORD.fullmatch(groups[at - 1]))
    uneven = len(groups[-1]) < len(groups[0])
    ends = [high - 1, high] if uneven and top < high else [high, high - uneven]
    for first, last in dict.fromkeys((start, end) for start in (0, low) for end in (*ends, top)):
        run = "".join(groups[first:last])
        if len(run) >= _SHORTEST - 4 and (new := said(run) or thirty_two(run)) is not None:
            return first, last - 1, new
    return None


def bare(text: str) -> Iterator[Edit]:
    """Runs of base32 in *text*."""
    if b"aaaaaaaa" not in text.encode("ascii", "replace").translate(_RUN):
        return
    for match in _THIRTY_TWO.finditer(text):
        new = thirty_two(match[0])
        if new is not None:
            yield (*match.span(), new)


def thirty_two(run: str, *, open_: bool = False) -> str | None:
    """What *run* in base32 says, or None if that is no text; with *open_*, of what there is of it so far."""
    bare_run = run.rstrip("=")
    if not (bare_run.isupper() or bare_run.islower()):
        return None
    bare_run = bare_run.upper()
    if not open_ and len(bare_run) < _SHORTEST and "=" not in run:
        return None
    if bare_run.isalpha() and "=" not in run and len(bare_run) < 2 * _SHORTEST and not open_:
        return None
    if len(bare_run) % 8 in (1, 3, 6):
        if not open_:
            return None
        bare_run = bare_run[: len(bare_run) - 1]
    bare_run = bare_run[: len(bare_run) // 8 * 8] if open_ else bare_run
    try:
        found = base64.b32decode(bare_run + "=" * (-len(bare_run) % 8)).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    plain = sum(char.isalnum() or char.isspace() for char in found)
    return found if found and found.isprintable() and plain * 4 >= len(found) * 3 else None


_BACK = re.compile(r"((?:[> \t|]{0,8}\n\r?|[ \t]{1,2})?)(=*[A-Za-z0-9+/_-]{1,76}+)(?![A-Za-z0-9+/_-])")
"""A gap and the group before it, read from their end."""
_HELD_LINE = 8


def open_groups(text: str, said: Text) -> int:
    """Where groups begin that go on to the end of *text*, and are text so far by *said*; its length if none do."""
    tail = text[: -_LONGEST - 1 : -1]
    at, size = 0, 0
    found: list[tuple[int, str]] = []
    while (match := _BACK.match(tail, at)) is not None:
        group = match[2][::-1]
        if found and not match[1]:
            break
        if (len(found) > 1 and len(group) != size) or (len(found) == 1 and len(group) < size):
            break
        size = len(group)
        at = match.end()
        found.append((len(text) - at, group))
    while found and _WORD.fullmatch(found[-1][1]):
        found.pop()
    if not found or (len(found) == 1 and not _begins(text[found[0][0] :], found[0][1])):
        return len(text)
    run = "".join(group for _, group in reversed(found))
    return found[-1][0] if said(run) is not None or thirty_two(run, open_=True) is not None else len(text)


def _begins(end: str, group: str) -> bool:
    """Whether *group*, which *end* begins with, may be the first: a mixed one, or a long one, and a gap behind it."""
    if len(group) == len(end):
        return False
    return (len(group) >= _HELD_LINE and ("\n" in end or group.isupper())) or _is_mixed(group)
