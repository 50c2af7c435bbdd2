"""`Block`: one piece of metadata of a file, and `Walk`, what is kept while a container is walked through."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from enum import StrEnum

MOST_BYTES = 4 << 20
"""Of one piece of metadata; what is larger is not read, and that is told."""
MOST_BLOCKS = 2_000
MOST_TOTAL = 32 << 20
MOST_DEPTH = 12


class Kind(StrEnum):
    """What a block holds."""

    XMP = "xmp"
    EXIF = "exif"
    TEXT = "text"
    C2PA = "c2pa"


@dataclass(frozen=True, slots=True)
class Block:
    """*data* of a carrier called *place* (``png tEXt``) at byte *offset*; *key* names it where its carrier does."""

    kind: Kind
    data: bytes
    place: str
    key: str = ""
    offset: int = 0

    @property
    def text(self) -> str:
        """The data as text: UTF-8, or what is left of it."""
        return self.data.decode("utf-8", "replace").strip("\0 \t\r\n\ufeff")


class Broken(Exception):  # noqa: N818  a state of the file, told in the report
    """The container cannot be walked through; the message holds no content."""


@dataclass(slots=True)
class Walk:
    """What one walk gathers: *blocks*, and *trouble*, why something in it could not be read."""

    blocks: list[Block] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    total: int = 0

    def add(self, kind: Kind, data: bytes | memoryview, place: str, *, key: str = "", offset: int = 0) -> None:
        """Keep a block, or tell that it is too much."""
        if len(data) > MOST_BYTES or len(self.blocks) >= MOST_BLOCKS or self.total + len(data) > MOST_TOTAL:
            self.tell(f"{place}: more than is read")
            return
        self.total += len(data)
        self.blocks.append(Block(kind, bytes(data), place, key, offset))

    def manifest(self, data: bytes, place: str, offset: int) -> None:
        """Keep (a piece of) a C2PA manifest. Its library reads it from the file: what is too much here is left out."""
        self.add(Kind.C2PA, data if len(data) <= MOST_BYTES else b"", place, offset=offset)

    def tell(self, trouble: str) -> None:
        """Note that something was there and could not be read."""
        if trouble not in self.trouble and len(self.trouble) < 32:
            self.trouble.append(trouble)

    def inflate(self, data: bytes, place: str) -> bytes | None:
        """*data* inflated, or None where it is damaged or would be too much."""
        try:
            stream = zlib.decompressobj()
            plain = stream.decompress(data, MOST_BYTES)
        except zlib.error:
            self.tell(f"{place}: damaged compression")
            return None
        if stream.unconsumed_tail:
            self.tell(f"{place}: more than is read")
            return None
        return plain
