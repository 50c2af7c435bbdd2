"""The objects of a PDF as they are written: where one ends, and what stands in a dictionary.

Source: ISO 32000-1:2008, 7.2 (characters), 7.3 (objects).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from guard.media.marks.block import Broken

MOST_DEPTH, MOST_NAMES = 24, 1 << 14
_SPACE = re.compile(rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*+")
_REGULAR = re.compile(rb"[^\0\t\n\f\r ()<>\[\]{}/%]+")
_REFERENCE = re.compile(rb"(\d{1,10})[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+R(?![^\0\t\n\f\r ()<>\[\]{}/%])")
_HEX = re.compile(rb"#([0-9A-Fa-f]{2})")


class Value(NamedTuple):
    """An object's bytes: *source* from *at* to *end*; *offset* is where it begins in the file, -1 if it is packed."""

    source: bytes
    at: int
    end: int
    offset: int = -1

    @property
    def raw(self) -> bytes:
        """The bytes as they are written."""
        return self.source[self.at : self.end]

    @property
    def number(self) -> int:
        """A whole number that is not negative; Broken if it is none."""
        if not self.raw.isdigit() or len(self.raw) > 10:
            raise Broken("a number is missing")
        return int(self.raw)

    @property
    def reference(self) -> int | None:
        """The number of the object that this points at; None if it is no reference."""
        found = _REFERENCE.fullmatch(self.raw)
        return int(found[1]) if found else None

    @property
    def generation(self) -> int:
        """How often the number of the object that this points at was given before."""
        found = _REFERENCE.fullmatch(self.raw)
        return int(found[2]) if found else 0


Dictionary = dict[str, Value]


def space(data: bytes, at: int) -> int:
    """Where what stands behind spaces and comments at *at* begins."""
    found = _SPACE.match(data, at)
    return found.end() if found else at


def skip(data: bytes, at: int, depth: int = 0) -> int:
    """Where the object that begins at *at* ends."""
    if depth > MOST_DEPTH or at >= len(data):
        raise Broken("an object is cut short")
    byte = data[at]
    if data[at : at + 2] == b"<<" or byte == 0x5B:
        close = b">>" if byte == 0x3C else b"]"
        at = space(data, at + len(close))
        while not data.startswith(close, at):
            at = space(data, skip(data, at, depth + 1))
        return at + len(close)
    if byte == 0x28:
        return _skip_literal(data, at + 1)
    if byte == 0x3C:
        end = data.find(b">", at) + 1
        if end == 0:
            raise Broken("a string is cut short")
        return end
    reference = _REFERENCE.match(data, at)
    if reference is not None:
        return reference.end()
    word = _REGULAR.match(data, at + 1 if byte == 0x2F else at)
    if word is None and byte != 0x2F:
        raise Broken("an object is damaged")
    return word.end() if word is not None else at + 1


_IN_LITERAL = re.compile(rb"[()\\]")


def _skip_literal(data: bytes, at: int) -> int:
    depth = 1
    while depth:
        found = _IN_LITERAL.search(data, at)
        if found is None:
            raise Broken("a string is cut short")
        at = found.end() + (found[0] == b"\\")
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
    return at


def dictionary(value: Value) -> tuple[Dictionary, int]:
    """The entries of the dictionary *value*, by their names, and where it ends.

    Raises:
        Broken: it is none, or a name stands in it twice.
    """
    data, at = value.source, value.at
    if not data.startswith(b"<<", at):
        raise Broken("a dictionary is missing")
    found: Dictionary = {}
    shift = value.offset - value.at if value.offset >= 0 else None
    at = space(data, at + 2)
    while not data.startswith(b">>", at):
        if data[at : at + 1] != b"/":
            raise Broken("a dictionary is damaged")
        end = skip(data, at)
        name = _HEX.sub(lambda code: bytes([int(code[1], 16)]), data[at + 1 : end]).decode("latin-1")
        begin = space(data, end)
        at = skip(data, begin, 1)
        if name in found:
            raise Broken("a dictionary has a name twice")
        if len(found) >= MOST_NAMES:
            raise Broken("a dictionary has more names than are read")
        found[name] = Value(data, begin, at, begin + shift if shift is not None else -1)
        at = space(data, at)
    return found, at + 2
