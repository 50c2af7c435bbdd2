"""Chinese words by their sound or taken apart, read as what is meant: ``自鲨``, ``sha人``, ``弓虽女干``. Pure.

Characters are taken apart by cjk-decomp, where the two halves stand beside each other in no word
(``data/split.txt``); words that sound alike are the project's own table (``data/soundalike.tsv``): what is an ordinary
word as well is not in it. See ``data/SOURCES.md``.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from guard.text.align import edited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.content import View
    from guard.text.align import Edit


class _Tables(NamedTuple):
    """What is *meant* by each form; what may *begin* one; the first two signs of forms; their beginnings; how long."""

    meant: dict[str, str]
    begin: re.Pattern[str]
    heads: frozenset[str]
    begun: frozenset[str]
    longest: int


@functools.cache
def _tables() -> _Tables:
    folder = resources.files("guard.text").joinpath("data")
    meant = {row[:2]: row[2:] for row in folder.joinpath("split.txt").read_text("utf-8").split()}
    for row in folder.joinpath("soundalike.tsv").read_text("utf-8").splitlines():
        word, forms = row.split("\t")
        meant |= dict.fromkeys(forms.split(), word)
    firsts, seconds = ("".join(sorted({form[at] for form in meant})) for at in (0, 1))
    begun = frozenset(form[:length] for form in meant for length in range(1, len(form)))
    begin = re.compile(f"[{firsts}](?=[{seconds}])")
    return _Tables(meant, begin, frozenset(form[:2] for form in meant), begun, max(map(len, meant)))


def meant(text: str) -> View | None:
    """*text* with such forms as the words that are meant; None where it has none."""
    edits = list(_forms(text))
    return edited(text, edits) if edits else None


def is_plain(text: str) -> bool:
    """Whether *text* has no such forms."""
    return next(_forms(text), None) is None


def _forms(text: str) -> Iterator[Edit]:
    if text.isascii():
        return
    known, begin, heads, _, longest = _tables()
    taken = 0
    for match in begin.finditer(text):
        start = match.start()
        if text[start : start + 2] not in heads or start < taken:
            continue
        for length in range(longest, 1, -1):
            word = known.get(text[start : start + length])
            if word is not None and len(text) >= start + length and not _is_inside(text, start, start + length):
                taken = start + length
                yield start, taken, word
                break


def _is_inside(text: str, start: int, end: int) -> bool:
    """Whether a form that begins or ends in Latin letters is cut out of a longer word of them."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return (text[start].isascii() and before.isascii() and before.isalnum()) or (
        text[end - 1].isascii() and after.isascii() and after.isalnum()
    )


def open_form(text: str) -> int:
    """Where a form may begin that *text* ends in the middle of; its length if none does."""
    if text.isascii():
        return len(text)
    _, _, _, begun, longest = _tables()
    for length in range(longest - 1, 0, -1):
        at = len(text) - length
        if at < 0 or text[at:] not in begun:
            continue
        before = text[at - 1 : at] if at else ""
        if not text[at].isascii() or not before.isascii() or before in ("", " ", "\n"):
            return form_at(text, at)
    return len(text)


def form_at(text: str, at: int) -> int:
    """Where the form begins that *at* is inside of, as 鲨 is of 自鲨; *at* if it is in none."""
    known, _, _, _, longest = _tables()
    starts = range(max(0, at - longest + 1), at)
    return next((start for start in starts if _goes_over(text[start : start + longest], at - start, known)), at)


def _goes_over(text: str, at: int, known: dict[str, str]) -> bool:
    """Whether *text* begins with a form that is longer than *at*."""
    return any(text[:end] in known for end in range(at + 1, len(text) + 1))
