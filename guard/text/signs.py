"""What single signs stand for when a text is read for what it shows: Unicode's own forms, look-alikes, unseen signs.

The forms are Python's Unicode data (NFKC); the look-alikes are Unicode's confusables that look like a letter of ASCII,
with some more that are only near (``data/confusables.tsv``; see ``data/SOURCES.md``).
"""

from __future__ import annotations

import functools
import unicodedata
from importlib import resources

MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
"""Marks that can be put on a letter of any script, as a class's inside; those that Indic scripts spell with are not."""
UNSEEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
"""Signs that show nothing, or are not to be seen."""
SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
FORMS = (
    "\u00aa\u00b2\u00b3\u00b9\u00ba\u0250-\u02ff\u1d00-\u1dbf\u2010-\u2015\u2070-\u209c\u2212\u2100-\u2121\u2124-\u214f\u2160-\u2188"
    "\u2460-\u24ff\u2776-\u2793\u2c60-\u2c7f\ua71b-\ua7ff\ufb00-\ufb06\uff01-\uff5e\U00010780-\U000107bf"
    "\U0001d400-\U0001d7ff\U0001f100-\U0001f1ff"
)
"""Other shapes of letters and digits."""
_DASHES = frozenset({*range(0x2010, 0x2016), 0x2212, 0x207B, 0x208B, 0xFE63, 0xFF0D})
_TAGS = range(0xE0020, 0xE007F)
_REGIONAL = range(0x1F1E6, 0x1F200)
_CIRCLED = (0x1F150, 0x1F170)
"""Where the letters A to Z begin in a black circle, and in a black square."""
_PHONETIC = (range(0x250, 0x2B0), range(0x1D00, 0x1DC0), range(0xA720, 0xA800), range(0x10780, 0x107C0))


class Signs(dict[int, str | int]):
    """For `str.translate`: what each sign that is no plain letter reads as. Worked out on demand, once."""

    def __missing__(self, code: int) -> str | int:
        self[code] = found = _sign(code)
        return found


SIGNS = Signs()


def _sign(code: int) -> str | int:
    char = chr(code)
    if code < 0x7F and (code >= 0x20 or char in "\t\n\r"):
        return code
    if code in _TAGS:
        return chr(code - 0xE0000)
    if code in _REGIONAL:
        return chr(code - _REGIONAL.start + 0x41)
    for start in _CIRCLED:
        if start <= code < start + 26:
            return chr(code - start + 0x41)
    if any(code in some for some in _PHONETIC) and char in lookalikes():
        return lookalikes()[char]
    if char in unseen():
        return ""
    if char in marks():
        return ""
    if code in _DASHES:
        return "-"
    normal = unicodedata.normalize("NFKC", char)
    return normal if normal.isascii() or unicodedata.category(normal[0])[0] in "LN" else code


@functools.cache
def unseen() -> frozenset[str]:
    """The signs of `UNSEEN`, one by one."""
    return frozenset(_spelt_out(UNSEEN))


@functools.cache
def marks() -> frozenset[str]:
    """The signs of `MARKS`, one by one."""
    return frozenset(_spelt_out(MARKS))


def _spelt_out(inside: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-":
            found += map(chr, range(ord(inside[at]), ord(inside[at + 2]) + 1))
            at += 3
        else:
            found.append(inside[at])
            at += 1
    return found


@functools.cache
def lookalikes() -> dict[str, str]:
    """Letters of other scripts, each with the letter of ASCII that it looks like."""
    return {char: letter for char, letter, _ in _rows()}


@functools.cache
def alike() -> str:
    """Of those, the ones that cannot be told from it: as a class's inside."""
    return "".join(char for char, _, near in _rows() if not near)


@functools.cache
def _rows() -> list[tuple[str, str, bool]]:
    text = resources.files("guard.text").joinpath("data/confusables.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return [(chr(int(row[0], 16)), row[1], len(row) > 2) for row in rows]


FLIPPED = {
    **dict(zip("ɐɔǝɟƃɓɥıᴉɾʞʅןɯɹʇʌʍʎ", "acefgghiijkllmrtvwy", strict=True)),
    **dict(zip("∀𐐒ꓭƆᗡꓷƎℲ⅁ꓨſꓩʞꓘ⅂⅃ꓶԀΌꓤᴚ┴ꓕ∩Λꓥ⅄ʎ", "ABBCDDEFGGJJKKLLLPQRRTTUVVYY", strict=True)),
    **dict(zip("ƖƐㄣϛㄥ⇂", "134571", strict=True)),
}
"""Letters turned upside down: those that are nothing else."""
TURNED = FLIPPED | dict(
    zip("bqdpnuwmBEHIMNOSWXZosxzl0896-_|<>()[]{}.,'", "qbpduNmwBEHIWNOSMXZosxzl0869-_|><)(][}{˙',", strict=True)
)
"""All letters, turned: some are others then, or themselves."""
TURNED |= {"n": "u", "u": "n", "˙": ".", "M": "W", "W": "M"}
