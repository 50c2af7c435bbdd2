"""The skeleton of a PDF: where its objects lie, its catalog and its Info dictionary. Pages are not looked at.

Nothing is repaired: what a viewer would have to guess is `Broken`. Entries are looked up where they lie, so that a file
that claims millions of objects costs no more than one that holds ten.

Source: ISO 32000-1:2008, 7.5 (file structure, cross-reference tables and streams, object streams).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

from guard.media.marks.block import Broken
from guard.media.marks.pdf_objects import MOST_DEPTH, Dictionary, Value, dictionary, skip, space

MOST_INFLATED = 48 << 20
"""Bytes that are unpacked of all streams together."""
_MOST_SECTIONS, _MOST_PIECES = 256, 1 << 17
"""Cross-references, and stretches of numbers in all of them."""
_MOST_PREDICTED, _MOST_ROWS = 4 << 20, 1 << 19
"""Bytes, and rows of them, that are told from the ones above or beside them, of all streams together."""
_MOST_TOLD = 2 << 20
"""Bytes of all trailers together: each may lie in another, so their number bounds nothing."""
_MOST_NUMBERS = 1 << 18
_OBJECT = re.compile(rb"[\0\t\n\f\r ]*(\d{1,10})[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+obj(?![^\0\t\n\f\r ()<>\[\]{}/%])")
_START = re.compile(rb"startxref[\0\t\n\f\r ]+(\d{1,10})")
_SUBSECTION = re.compile(rb"[\0\t\n\f\r ]*(\d{1,10})[ \t]+(\d{1,10})[ \t]*(?:\r\n|\r|\n)")
_ENTRY = re.compile(rb"(\d{10}) (\d{5}) ([nf])[\r\n ]{2}")
_STREAM = re.compile(rb"stream(?:\r\n|\n)")
_ENDSTREAM = re.compile(rb"[\0\t\n\f\r ]*endstream")


class TooMuch(Broken):
    """It unpacks to more than is read."""


class Section(NamedTuple):
    """Objects from *first* up to *stop*: lines of a table at *at*, or rows of *widths* in *packed* bytes."""

    first: int
    stop: int
    at: int
    packed: bytes = b""
    widths: tuple[int, ...] = ()


@dataclass(slots=True)
class Pdf:
    """One file, its newest *trailer*, and its cross-reference *sections*, the newest first.

    *start* is where the newest of them lies, *is_table* whether that is a table.
    """

    data: bytes
    start: int = 0
    is_table: bool = False
    trailer: Dictionary = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
    _holders: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    _left: int = MOST_INFLATED
    _rows_left: int = _MOST_ROWS
    _predicted_left: int = _MOST_PREDICTED
    _told: int = 0

    @classmethod
    def of(cls, data: bytes) -> Pdf:
        """The skeleton of *data*.

        Raises:
            Broken: it is not as the standard asks.
        """
        made = cls(data)
        starts = list(_START.finditer(data, max(0, len(data) - 4096)))
        if not starts:
            raise Broken("the end of the PDF is missing")
        made.start = at = int(starts[-1][1])
        seen: set[int] = set()
        while True:
            if at in seen or len(seen) >= _MOST_SECTIONS:
                raise Broken("cross-references go round")
            seen.add(at)
            older = made._read_section(at)
            if older is None:
                break
            at = older
        if "Encrypt" not in made.trailer and made.catalog.get("Pages") is None:
            raise Broken("the PDF has no pages")
        return made

    @property
    def catalog(self) -> Dictionary:
        """The root of the document."""
        root = self.trailer.get("Root")
        found = self.resolve(root) if root is not None and root.reference is not None else None
        if found is None:
            raise Broken("the PDF has no catalog")
        return dictionary(found)[0]

    def resolve(self, value: Value) -> Value | None:
        """What *value* is, or points at; None for an object that is not there."""
        for _ in range(MOST_DEPTH):
            number = value.reference
            if number is None:
                return value
            found = self.object(number)
            if found is None:
                return None
            value = found
        raise Broken("references go round")

    def object(self, number: int) -> Value | None:
        """Object *number*; None if it is free or was never there."""
        kind, where, index = self._entry(number)
        if kind == 1:
            return self._at(number, where)
        return self._packed(number, where, index) if kind == 2 else None

    @property
    def size(self) -> int:
        """A number that no object has."""
        given = self.trailer.get("Size")
        ends = [section.stop for section in self.sections]
        return max([given.number if given is not None else 0, *ends])

    def stream(self, value: Value) -> bytes:
        """The bytes of the stream that begins with the dictionary *value*, unpacked.

        Raises:
            Broken: it is no stream, or packed in a way that is not read here.
        """
        about, end = dictionary(value)
        begin = _STREAM.match(value.source, space(value.source, end))
        length = self.resolve(about["Length"]) if "Length" in about else None
        if begin is None or length is None or value.offset < 0:
            raise Broken("a stream is missing")
        stop = begin.end() + length.number
        if not _ENDSTREAM.match(value.source, stop):
            raise Broken("a stream is cut short")
        return self._inflate(value.source[begin.end() : stop], about)

    def _inflate(self, data: bytes, about: Dictionary) -> bytes:
        filters = about["Filter"].raw.strip(b"[] \r\n\t") if "Filter" in about else b""
        if not filters:
            self._left -= len(data)
            if self._left <= 0:
                raise TooMuch("more than is read")
            return data
        if filters != b"/FlateDecode":
            raise Broken("a filter that is not read")
        try:
            unpack = zlib.decompressobj()
            made = unpack.decompress(data, max(1, self._left))
        except zlib.error as error:
            raise Broken("a stream is damaged") from error
        self._left -= len(made)
        if unpack.unconsumed_tail or self._left <= 0:
            raise TooMuch("more than is read")
        given = about.get("DecodeParms")
        return self._predicted(made, dictionary(given)[0]) if given is not None and given.raw[:2] == b"<<" else made

    def _predicted(self, data: bytes, about: Dictionary) -> bytes:
        """*data* as it was before PNG's filters (RFC 2083, 6), of which packed cross-references use the first three."""
        kind = about["Predictor"].number if "Predictor" in about else 1
        if kind == 1:
            return data
        row = about["Columns"].number if "Columns" in about else 1
        if kind < 10 or row < 1 or any(name in about and about[name].number != one
                                       for name, one in (("Colors", 1), ("BitsPerComponent", 8))):  # fmt: skip
            raise Broken("a predictor that is not read")
        self._predicted_left -= len(data)
        self._rows_left -= len(data) // (row + 1)
        if self._predicted_left < 0 or self._rows_left < 0:
            raise TooMuch("more than is read")
        return _unfiltered(data, row)

    def _tell(self, size: int) -> None:
        """Take in that *size* bytes were gone through for a trailer."""
        self._told += size
        if self._told > _MOST_TOLD:
            raise TooMuch("more than is read")

    def _read_section(self, at: int) -> int | None:
        """Take in what is written at *at*; where the one before it is, None for none."""
        if self.data[at : at + 4] == b"xref":
            about, older = self._read_table(at + 4)
        else:
            found = _OBJECT.match(self.data, at)
            if found is None:
                raise Broken("a cross-reference is missing")
            about = self._read_packed(Value(self.data, found.end(), len(self.data), found.end()))
            older = about.get("Prev")
        if not self.trailer:
            self.trailer = about
            self.is_table = self.data[at : at + 4] == b"xref"
        return older.number if older is not None else None

    def _read_table(self, at: int) -> tuple[Dictionary, Value | None]:
        own: list[Section] = []
        while (head := _SUBSECTION.match(self.data, at)) is not None:
            first, count = int(head[1]), int(head[2])
            at = head.end() + 20 * count
            if at > len(self.data) or len(own) >= 1 << 16:
                raise Broken("a cross-reference is cut short")
            if len(self.sections) + len(own) >= _MOST_PIECES:
                raise TooMuch("more than is read")
            own.append(Section(first, first + count, head.end()))
        before = at
        at = space(self.data, at)
        if self.data[at : at + 7] != b"trailer":
            raise Broken("a trailer is missing")
        begin = space(self.data, at + 7)
        about, end = dictionary(Value(self.data, begin, len(self.data), begin))
        self._tell(end - before)
        if "XRefStm" in about:  # of a file that readers of PDF 1.4 are to open as well: the rest of its objects
            hidden = _OBJECT.match(self.data, about["XRefStm"].number)
            if hidden is None:
                raise Broken("a cross-reference is missing")
            self._read_packed(Value(self.data, hidden.end(), len(self.data), hidden.end()))
        self.sections += own
        return about, about.get("Prev")

    def _read_packed(self, value: Value) -> Dictionary:
        begin = space(value.source, value.at)
        value = Value(value.source, begin, value.end, begin)
        about, end = dictionary(value)
        self._tell(end - begin)
        rows = self.stream(value)
        try:
            widths = tuple(int(width) for width in about["W"].raw.strip(b"[]").split())
            size = about["Size"].number
            index = [int(one) for one in about["Index"].raw.strip(b"[]").split()] if "Index" in about else [0, size]
        except (KeyError, ValueError) as error:
            raise Broken("a cross-reference is damaged") from error
        row, at = sum(widths), 0
        if len(widths) != 3 or row == 0 or max(widths) > 8 or min(widths) < 0 or len(index) > 1 << 17:
            raise Broken("a cross-reference is damaged")
        for first, count in zip(index[::2], index[1::2], strict=False):
            if count < 0 or first < 0 or at + row * count > len(rows):
                raise Broken("a cross-reference is cut short")
            if len(self.sections) >= _MOST_PIECES:
                raise TooMuch("more than is read")
            self.sections.append(Section(first, first + count, at, rows, widths))
            at += row * count
        return about

    def _entry(self, number: int) -> tuple[int, int, int]:
        """``(kind, where, index)`` of object *number*: 0 free or not there, 1 at an offset, 2 in a stream."""
        section = next((one for one in self.sections if one.first <= number < one.stop), None)
        if section is None:
            return 0, 0, 0
        if not section.widths:
            line = _ENTRY.match(self.data, section.at + 20 * (number - section.first))
            if line is None:
                raise Broken("a cross-reference is damaged")
            return (1 if line[3] == b"n" else 0), int(line[1]), int(line[2])
        at = section.at + sum(section.widths) * (number - section.first)
        found = []
        for width in section.widths:
            found.append(int.from_bytes(section.packed[at : at + width]))
            at += width
        return (found[0] if section.widths[0] else 1), found[1], found[2]

    def _at(self, number: int, offset: int) -> Value:
        head = _OBJECT.match(self.data, offset)
        if head is None or int(head[1]) != number:
            raise Broken("an object is not where it should be")
        begin = space(self.data, head.end())
        return Value(self.data, begin, skip(self.data, begin), begin)

    def _packed(self, number: int, holder: int, index: int) -> Value:
        """Object *number*, the one at *index* of those in object stream *holder*."""
        if holder not in self._holders:
            kind, where, _ = self._entry(holder)
            if kind != 1 or len(self._holders) >= 16:
                raise Broken("an object stream is missing")
            found = self._at(holder, where)
            about, _ = dictionary(found)
            if "First" not in about or about["First"].number > _MOST_NUMBERS:
                raise Broken("an object stream is damaged")
            self._holders[holder] = self.stream(found), about["First"].number
        rows, first = self._holders[holder]
        numbers = rows[:first].split(None, 2 * index + 2)
        try:
            own, at = int(numbers[2 * index]), int(numbers[2 * index + 1])
        except (IndexError, ValueError) as error:
            raise Broken("an object stream is damaged") from error
        if own != number:
            raise Broken("an object is not where it should be")
        begin = space(rows, first + at)
        return Value(rows, begin, skip(rows, begin))


def _unfiltered(data: bytes, row: int) -> bytes:
    """*data*, in rows of *row* bytes behind the number of their filter, without filters."""
    before, made = bytes(row), bytearray()
    for at in range(0, len(data) - row, row + 1):
        line = bytearray(data[at + 1 : at + 1 + row])
        if data[at] == 1:
            for number in range(1, row):
                line[number] = (line[number] + line[number - 1]) & 255
        elif data[at] == 2:
            line = bytearray((one + other) & 255 for one, other in zip(line, before, strict=True))
        elif data[at] != 0:
            raise Broken("a predictor that is not read")
        made += line
        before = bytes(line)
    return bytes(made)
