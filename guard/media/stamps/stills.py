"""XMP into JPEG, PNG and WebP. Everything else of the file stays as it is, byte for byte.

Sources: ITU-T T.81 annex B; XMP specification part 3; W3C PNG third edition; WebP container specification.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from guard.classifier import Unreadable
from guard.media.marks import metadata
from guard.media.marks.block import Block, Broken, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Change = Callable[[bytes | None], bytes]

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF = b"Exif\0\0"
_KEYWORD = b"XML:com.adobe.xmp"
_MOST_SEGMENT = 65_533
_ALONE = {0x01, *range(0xD0, 0xD9)}
_XMP_FLAG = 0x04


def with_xmp(data: bytes, media_type: str, change: Change) -> bytes:
    """*data* with its XMP packet, or None where it has none, replaced by what *change* makes of it.

    Raises:
        Unreadable: there are several packets, or there is no room.
        Broken: the file cannot be walked through.
    """
    found = [block for block in metadata.walk(data, media_type).blocks if block.kind is Kind.XMP]
    main = [block for block in found if block.place in {"jpeg XMP", "png iTXt", "webp XMP"}]
    if len(main) > 1 or len(found) > len(main) + (1 if media_type == "image/jpeg" else 0):
        raise Unreadable("the file holds several packets of XMP")
    old = main[0] if main else None
    packet = change(old.data if old else None)
    return {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}[media_type](data, old, packet)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """``(marker, start, end)`` of each segment before the scan."""
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if data[at] != 0xFF:
            raise Broken("a segment is missing")
        marker = data[at + 1]
        if marker in {0xDA, 0xD9}:
            return
        end = at + 2 if marker in _ALONE else at + 2 + int.from_bytes(data[at + 2 : at + 4])
        yield marker, at, end
        at = end


def _jpeg(data: bytes, old: Block | None, packet: bytes) -> bytes:
    body = _XMP + packet
    if len(body) + 2 > _MOST_SEGMENT:
        raise Unreadable("the XMP of the file has no room for more")
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body
    start = end = 2
    for marker, begin, stop in _segments(data):
        if marker == 0xE2 and data[begin + 4 : begin + 8] == b"MPF\0":
            raise Unreadable("files of several JPEG pictures are not marked")
        if old is not None and begin == old.offset:
            start, end = begin, stop
        elif old is None and end == begin and (marker == 0xE0 or _is_exif(data, marker, begin)):
            start = end = stop
    return data[:start] + segment + data[end:]


def _is_exif(data: bytes, marker: int, begin: int) -> bool:
    return marker == 0xE1 and data[begin + 4 : begin + 10] == _EXIF


def coded_jpeg(data: bytes) -> bytes:
    """All of a JPEG but its APP1 segments."""
    kept, at = [data[:2]], 2
    for marker, begin, end in _segments(data):
        kept.append(data[at:begin] + (b"" if marker == 0xE1 else data[begin:end]))
        at = end
    return b"".join([*kept, data[at:]])


def _png(data: bytes, old: Block | None, packet: bytes) -> bytes:
    body = _KEYWORD + b"\0\0\0\0\0" + packet
    chunk = len(body).to_bytes(4) + b"iTXt" + body + zlib.crc32(b"iTXt" + body).to_bytes(4)
    start = old.offset if old else 20 + int.from_bytes(data[8:12])
    end = start + 12 + int.from_bytes(data[start : start + 4]) if old else start
    return data[:start] + chunk + data[end:]


def coded_png(data: bytes) -> bytes:
    """All chunks of a PNG but its iTXt."""
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] != b"iTXt":
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _riff(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """``(name, start, end)`` of each chunk, its padding included."""
    at, stop = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= stop:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = min(at + 8 + size + (size & 1), len(data))
        yield data[at : at + 4], at, end
        at = end


def _webp(data: bytes, old: Block | None, packet: bytes) -> bytes:
    chunk = b"XMP " + len(packet).to_bytes(4, "little") + packet + b"\0" * (len(packet) & 1)
    kept: list[bytes] = []
    stop = 12
    for name, begin, end in _riff(data):
        stop = end
        if old is not None and begin == old.offset:
            continue
        if not kept and name != b"VP8X":
            kept.append(_extended(name, data[begin + 8 : begin + 18]))
        kept.append(data[begin:end])
    if not kept:
        raise Broken("the picture is missing")
    head = bytearray(kept[0])
    head[8] |= _XMP_FLAG
    body = b"WEBP" + bytes(head) + b"".join(kept[1:]) + chunk
    return b"RIFF" + len(body).to_bytes(4, "little") + body + data[stop:]


def _extended(name: bytes, head: bytes) -> bytes:
    """The VP8X chunk of a simple file, whose only chunk *name* begins with *head*."""
    alpha = False
    if name == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    elif name == b"VP8L" and head[:1] == b"\x2f":
        bits = int.from_bytes(head[1:5], "little")
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    else:
        raise Broken("the picture is missing")
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X\x0a\0\0\0" + bytes([0x10 if alpha else 0, 0, 0, 0]) + size


def coded_webp(data: bytes) -> bytes:
    """All chunks of a WebP but VP8X and XMP."""
    return b"".join(data[begin:end] for name, begin, end in _riff(data) if name not in {b"VP8X", b"XMP "})
