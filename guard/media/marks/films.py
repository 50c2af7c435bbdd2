"""Metadata of ISO base media files (MP4, MOV, M4A, HEIC, AVIF, JPEG XL), Matroska and FLV.

Sources: ISO/IEC 14496-12 and 23008-12; Apple's QuickTime file format; ISO/IEC 18181-2; RFC 9559 (Matroska), RFC 8794
(EBML); Adobe's FLV 10.1 and AMF 0; XMP specification part 3; C2PA 2.2 annex A.5.
"""

from __future__ import annotations

from guard.media.marks.block import MOST_BYTES, MOST_DEPTH, Broken, Kind, Walk

_INSIDE = {b"moov", b"udta", b"meta", b"ilst", b"trak", b"mdia"}
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MOST_STEPS = 20_000


class _Boxes:
    """One walk through the boxes of a file."""

    def __init__(self, data: bytes, walk: Walk, name: str) -> None:
        self.data, self.walk, self.name = data, walk, name
        self.steps = _MOST_STEPS
        self.keys: list[str] = []
        self.items: dict[int, tuple[bytes, bytes]] = {}

    def read(self, at: int, end: int, depth: int = 0, inside: bytes = b"") -> None:
        data, walk = self.data, self.walk
        if depth > MOST_DEPTH:
            walk.tell(f"{self.name}: boxes too deep")
            return
        number = 0
        while at + 8 <= end:
            self.steps -= 1
            number += 1
            if self.steps < 0:
                walk.tell(f"{self.name}: too many boxes")
                return
            size, kind, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
            if size == 1:
                size, head = int.from_bytes(data[at + 8 : at + 16]), 16
            elif size == 0:
                size = end - at
            if size < head:
                if depth == 0:
                    raise Broken("a box is damaged")
                walk.tell(f"{self.name}: a box is damaged")
                return
            if at + size > end:
                walk.tell(f"{self.name}: a box is cut short")
            self.box(kind, (at + head, min(at + size, end)), depth, inside)
            at += size

    def box(self, kind: bytes, bounds: tuple[int, int], depth: int, inside: bytes) -> None:
        data, walk, (at, end) = self.data, self.walk, bounds
        if inside == b"ilst":
            self.tag(kind, at, end)
        elif kind in _INSIDE:
            if kind == b"meta" and data[at + 4 : at + 8] != b"hdlr":
                at += 4  # a full box; QuickTime's is none
            self.read(at, end, depth + 1, kind)
        elif kind == b"keys":
            self.named(at, end)
        elif kind == b"uuid" and data[at : at + 16] == _C2PA:
            walk.manifest(data[at + 16 : end], f"{self.name} uuid", at)
        elif kind == b"uuid" and data[at : at + 16] == _XMP:
            self.keep(Kind.XMP, (at + 16, end), f"{self.name} uuid XMP")
        elif kind == b"XMP_":
            self.keep(Kind.XMP, bounds, f"{self.name} udta XMP")
        elif kind in {b"xml ", b"Exif"} and self.name == "jxl":
            self.keep(Kind.XMP if kind == b"xml " else Kind.EXIF, (at + 4 * (kind == b"Exif"), end), f"jxl {kind!r}")
        elif kind == b"jumb":
            walk.manifest(data[at:end], f"{self.name} jumb", at)
        elif kind == b"brob":
            walk.tell(f"{self.name}: a compressed box")
        elif kind == b"AIGC":
            self.keep(Kind.TEXT, bounds, f"{self.name} AIGC", "AIGC")
        elif kind == b"iinf" and inside == b"meta":
            self.infos(at, end)
        elif kind == b"iloc" and inside == b"meta":
            self.located(at, end)

    def keep(self, kind: Kind, bounds: tuple[int, int], place: str, key: str = "") -> None:
        at, end = bounds
        self.walk.add(kind, self.data[at : min(end, at + MOST_BYTES + 1)], place, key=key, offset=at)

    def named(self, at: int, end: int) -> None:
        """``keys``: the names that the entries of ``ilst`` go by."""
        count, at = int.from_bytes(self.data[at + 4 : at + 8]), at + 8
        for _ in range(min(count, 2_000)):
            size = int.from_bytes(self.data[at : at + 4])
            if size < 8 or at + size > end:
                return
            self.keys.append(self.data[at + 8 : at + size].decode("utf-8", "replace"))
            at += size

    def tag(self, kind: bytes, at: int, end: int) -> None:
        """An entry of ``ilst``: by number into ``keys``, by four letters, or ``----`` with a name of its own."""
        number = int.from_bytes(kind)
        key = self.keys[number - 1] if 0 < number <= len(self.keys) else kind.decode("latin-1")
        for _ in range(8):
            size, inner = int.from_bytes(self.data[at : at + 4]), self.data[at + 4 : at + 8]
            if size < 8 or at + size > end:
                return
            if inner == b"name":
                key = self.data[at + 12 : at + size].decode("utf-8", "replace")
            elif inner == b"data":
                key = key.removeprefix("com.apple.quicktime.").removeprefix("mdta")
                self.keep(Kind.TEXT, (at + 16, at + size), f"{self.name} ilst", key)
            at += size

    def infos(self, at: int, end: int) -> None:
        """``iinf`` of a HEIF file: which items are XMP or EXIF."""
        wide = 4 if self.data[at] else 2
        at += 4 + wide
        while at + 8 <= end and len(self.items) < 1_000:
            size = int.from_bytes(self.data[at : at + 4])
            if size < 12 or self.data[at + 4 : at + 8] != b"infe":
                return
            version = self.data[at + 8]
            if version >= 2:
                width = 4 if version > 2 else 2
                number = int.from_bytes(self.data[at + 12 : at + 12 + width])
                where = at + 14 + width
                self.items[number] = self.data[where : where + 4], self.data[where + 4 : at + size]
            at += size

    def located(self, at: int, end: int) -> None:
        """``iloc`` of a HEIF file: where items lie. Only those of one piece in the file itself."""
        data, version = self.data, self.data[at]
        sizes = data[at + 4 : at + 6]
        if len(sizes) < 2 or version > 2:
            return
        offset, length, base, index = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15 if version else 0
        wide = 4 if version == 2 else 2
        count, at = int.from_bytes(data[at + 6 : at + 6 + wide]), at + 6 + wide
        for _ in range(min(count, 1_000)):
            if at + wide > end:
                return
            number, at = int.from_bytes(data[at : at + wide]), at + wide
            way = int.from_bytes(data[at : at + 2]) & 15 if version else 0
            at += 2 if version else 0
            start, at = int.from_bytes(data[at + 2 : at + 2 + base]), at + 2 + base
            extents, at = int.from_bytes(data[at : at + 2]), at + 2
            first = (0, 0)
            for n in range(min(extents, 4_096)):
                at += index
                one = int.from_bytes(data[at : at + offset]), int.from_bytes(data[at + offset : at + offset + length])
                at += offset + length
                first = one if n == 0 else first
            self.item(number, (start + first[0], first[1]), whole=way == 0 and extents == 1)

    def item(self, number: int, where: tuple[int, int], *, whole: bool) -> None:
        kind, rest = self.items.get(number, (b"", b""))
        is_xmp = kind == b"mime" and b"rdf+xml" in rest[:128]
        if not is_xmp and kind != b"Exif":
            return
        start, length = where
        place = f"{self.name} {'XMP' if is_xmp else 'EXIF'} item"
        if not whole or start + length > len(self.data):
            self.walk.tell(f"{place}: cannot be located")
        elif is_xmp:
            self.keep(Kind.XMP, (start, start + length), place)
        else:
            skip = 4 + int.from_bytes(self.data[start : start + 4])
            self.keep(Kind.EXIF, (start + min(skip, length), start + length), place)


def boxes(data: bytes, walk: Walk, name: str) -> None:
    """Everything between the first box and the last."""
    _Boxes(data, walk, name).read(0, len(data))


_SEGMENT, _TAGS, _TAG, _SIMPLE, _NAME, _STRING = 0x18538067, 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487


def matroska(data: bytes, walk: Walk) -> None:
    """The tags of a Matroska or WebM file."""
    _elements(data, (0, len(data)), walk, (0, [_MOST_STEPS]))


def _elements(data: bytes, bounds: tuple[int, int], walk: Walk, left: tuple[int, list[int]]) -> None:
    at, end = bounds
    depth, steps = left
    if depth > MOST_DEPTH:
        walk.tell("mkv: elements too deep")
        return
    name = ""
    while at < end:
        steps[0] -= 1
        kind, at = _varint(data, at, keep=True)
        size, at = _varint(data, at, keep=False)
        if steps[0] < 0:
            walk.tell("mkv: too many elements")
            return
        stop = end if size is None else at + size
        if stop > end:
            walk.tell("mkv: an element is cut short")
            stop = end
        if kind in {_SEGMENT, _TAGS, _TAG, _SIMPLE}:
            _elements(data, (at, stop), walk, (depth + 1, steps))
        elif kind == _NAME:
            name = data[at : min(stop, at + 256)].decode("utf-8", "replace").strip("\0")
        elif kind == _STRING and name:
            walk.add(Kind.TEXT, data[at : min(stop, at + MOST_BYTES + 1)], "mkv tag", key=name, offset=at)
        at = stop


def _varint(data: bytes, at: int, *, keep: bool) -> tuple[int | None, int]:
    """A number of RFC 8794, and the place behind it; None for a size that is not known. *keep* its marker bit."""
    first = data[at] if at < len(data) else 0
    if first == 0:
        raise Broken("an element is damaged")
    size = 9 - first.bit_length()
    if at + size > len(data):
        raise Broken("an element is cut short")
    number = int.from_bytes(data[at : at + size])
    if not keep:
        number &= (1 << 7 * size) - 1
        if number == (1 << 7 * size) - 1:
            return None, at + size
    return number, at + size


def flv(data: bytes, walk: Walk) -> None:
    """The strings of ``onMetaData``."""
    at = int.from_bytes(data[5:9]) + 4
    for _ in range(64):
        if at + 11 > len(data):
            return
        kind, size = data[at] & 0x1F, int.from_bytes(data[at + 1 : at + 4])
        if kind == 18:
            _script(data[at + 11 : at + 11 + size], walk, at)
        at += 15 + size


def _script(data: bytes, walk: Walk, offset: int) -> None:
    """AMF 0: keys with strings behind them, wherever they stand."""
    at = 0
    while (at := data.find(b"\x00\x04AIGC", at)) >= 0:
        at += 6
        if data[at : at + 1] == b"\x02":
            size, start = int.from_bytes(data[at + 1 : at + 3]), at + 3
        elif data[at : at + 1] == b"\x0c":
            size, start = int.from_bytes(data[at + 1 : at + 5]), at + 5
        else:
            continue
        walk.add(Kind.TEXT, data[start : start + size], "flv onMetaData", key="AIGC", offset=offset + start)
