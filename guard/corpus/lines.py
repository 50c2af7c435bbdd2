"""Files of lines, JSONL and CSV, plain or compressed, in bounded memory whatever a line is."""

from __future__ import annotations

import csv
import gzip
import sys
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from guard.corpus.source import Item, Source
from guard.errors import RequestError
from guard.protocols.strict_json import parse

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BLOCK = 2**20
_BOM = b"\xef\xbb\xbf"
_BROKEN = (OSError, EOFError, zlib.error, zstd.ZstdError)
"""What reading raises where a file is damaged or ends too early."""
_DELIMITERS = (",", "\t", ";", "|")


class Line:
    """One line without its end; *data* is None if it was longer than may be held."""

    __slots__ = ("data", "offset")

    def __init__(self, offset: int, data: bytes | None) -> None:
        self.offset = offset
        self.data = data


class LinesSource(Source):
    """A file that is read line by line."""

    def lines(self, most_bytes: int) -> Iterator[Line | Item]:
        """Its lines; an `Item` where the rest cannot be read."""
        with ExitStack() as stack:
            raw = stack.enter_context(self.files[0].open("rb"))
            stream = _plain(raw, stack)
            start = length = 0
            held = bytearray()
            while True:
                try:
                    block = stream.read(_BLOCK)
                except _BROKEN as error:
                    yield Item(start, None, f"the rest of the file cannot be read: {_why(error)}")
                    return
                self.position = raw.tell()
                if not block:
                    break
                at = 0
                while at <= len(block):
                    end = block.find(b"\n", at)
                    piece = block[at:] if end < 0 else block[at:end]
                    length += len(piece)
                    if length <= most_bytes:
                        held += piece
                    else:
                        held.clear()
                    if end < 0:
                        break
                    yield Line(start, bytes(held) if length <= most_bytes else None)
                    start, length, at = start + length + 1, 0, end + 1
                    held.clear()
            if length:
                yield Line(start, bytes(held) if length <= most_bytes else None)


class Jsonl(LinesSource):
    """One JSON object a line. Blank lines are no records."""

    format = "jsonl"

    def items(self, most_bytes: int, columns: Sequence[str] | None = None) -> Iterator[Item]:  # noqa: ARG002  a line is read whole
        """Object by object; read as strictly as a request is."""
        for line in self.lines(most_bytes):
            if isinstance(line, Item):
                yield line
                continue
            if line.data is None:
                yield Item(line.offset, None, f"the line is longer than {most_bytes} bytes")
                continue
            data = line.data.removeprefix(_BOM) if line.offset == 0 else line.data
            if data.isspace() or not data:
                continue
            try:
                row = parse(data)
            except RequestError as error:
                yield Item(line.offset, None, error.message.replace("The request body", "the line").rstrip("."))
                continue
            if isinstance(row, dict):
                yield Item(line.offset, row)
            else:
                yield Item(line.offset, None, f"the line is a JSON {_kind(row)}; it should be an object")


class Csv(LinesSource):
    """RFC 4180 with a header line; the delimiter is the one of ``, ; | tab`` that the header has most of."""

    format = "csv"

    def items(self, most_bytes: int, columns: Sequence[str] | None = None) -> Iterator[Item]:
        """Row by row. A quoted field may go over several lines."""
        feed = _Feed(self.lines(most_bytes))
        first = next(feed, None)
        if first is None:
            if feed.broken is not None:
                yield feed.broken
            return
        csv.field_size_limit(max(csv.field_size_limit(), min(most_bytes, 2**31 - 1)))
        self.delimiter = max(_DELIMITERS, key=first.count)
        header = next(csv.reader([first], delimiter=self.delimiter))
        wanted = [(at, name) for at, name in enumerate(header) if columns is None or name in columns]
        reader = csv.reader(feed, delimiter=self.delimiter, strict=False)
        while True:
            feed.begin(most_bytes)
            try:
                fields = next(reader)
            except StopIteration:
                break
            except csv.Error:
                yield Item(feed.offset, None, "the row cannot be read as CSV")
                reader = csv.reader(feed, delimiter=self.delimiter, strict=False)
                continue
            if feed.problem:
                yield Item(feed.offset, None, feed.problem)
                reader = csv.reader(feed, delimiter=self.delimiter, strict=False)
            elif not fields:
                continue
            elif len(fields) != len(header):
                yield Item(feed.offset, None, f"the row has {len(fields)} fields; the header has {len(header)}")
            else:
                yield Item(feed.offset, {name: fields[at] for at, name in wanted})
        if feed.broken is not None:
            yield feed.broken

    delimiter = ","


class _Feed:
    """Lines as `csv.reader` wants them, with what is wrong with the record that is being read."""

    def __init__(self, lines: Iterator[Line | Item]) -> None:
        self._lines = lines
        self.broken: Item | None = None
        self.offset = 0
        self.problem = ""
        self._fresh = True
        self._most = self._held = 0

    def begin(self, most_bytes: int) -> None:
        self.problem, self._fresh, self._most, self._held = "", True, most_bytes, 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if isinstance(line, Item):
            self.broken = line
            raise StopIteration
        if self._fresh:
            self.offset, self._fresh = line.offset, False
        if line.data is None:
            self.problem = "the line is longer than may be held"
            return "\n"
        self._held += len(line.data)
        if self._most and self._held > self._most:  # a quote that nobody closed: go on behind it
            raise csv.Error("too long")
        data = line.data.removeprefix(_BOM) if line.offset == 0 else line.data
        try:
            return data.decode() + "\n"
        except UnicodeDecodeError as error:
            self.problem = f"byte {error.start} of a line is not UTF-8"
            return data.decode("utf-8", "replace") + "\n"


def _plain(raw: BinaryIO, stack: ExitStack) -> BinaryIO:
    """*raw* decompressed, as its first bytes say."""
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=raw)))
    if magic == b"\x28\xb5\x2f\xfd":
        return cast("BinaryIO", stack.enter_context(zstd.ZstdFile(raw)))
    return raw


def _why(error: BaseException) -> str:
    return "it ends too early" if isinstance(error, EOFError) else f"it is damaged ({type(error).__name__})"


def _kind(value: Any) -> str:
    names = {list: "array", str: "string", bool: "truth value", type(None): "null"}
    return names.get(type(value), "number")
