"""What stands around the pixels of a picture: whether it is of the type it claims, and where it ends.

Bytes behind the end are shown by no viewer and read by no decoder; they can hold another picture, a film or a program.
Ends by the formats themselves: ITU-T T.81 (JPEG), PNG third edition, GIF89a, RIFF (WebP), ISO/IEC 14496-12 (AVIF). TIFF
is held together by offsets and has no end.
"""

from __future__ import annotations

import re

from guard.media.image import sniff

_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
    "image/tif": "image/tiff",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/avif-sequence": "image/avif",
}
_JPEG_MARKER = re.compile(rb"\xff+[\x01-\xfe]")
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""The next marker behind entropy-coded bytes, in which ``FF 00`` and restarts are none."""
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_PADDING = b"\0\r\n \x1a"


def lies(claimed: str | None, data: bytes) -> bool:
    """Whether *data* is a picture of another type than *claimed*. A type that says nothing claims nothing."""
    found = sniff(data)
    if not claimed or found is None or not claimed.startswith("image/"):
        return False
    claimed = claimed.partition(";")[0].strip().lower()
    return _SAME.get(claimed, claimed) != _SAME.get(found, found)


def end_of(data: bytes) -> int:
    """Where the picture *data* ends: its length, unless more stands behind it than padding.

    Of bytes that are no sound picture the length: whoever decodes them will say so.
    """
    find = _ENDS.get(sniff(data) or "")
    if find is None:
        return len(data)
    try:
        end = find(data)
    except (IndexError, ValueError):
        return len(data)
    return end if 0 < end < len(data) and data[end:].strip(_PADDING) else len(data)


def _jpeg(data: bytes) -> int:
    """The end of the first picture, or of as many as the index of a multi-picture file lists (CIPA DC-007)."""
    end, pictures = _one_jpeg(data, 0)
    for _ in range(pictures - 1):
        following = data.find(b"\xff\xd8\xff", end)
        if following < 0 or data[end:following].strip(b"\0\xff"):
            break
        end, _ = _one_jpeg(data, following)
    return end


def _one_jpeg(data: bytes, start: int) -> tuple[int, int]:
    at, pictures = start + 2, 1
    while True:
        found = _JPEG_MARKER.match(data, at)
        if found is None:
            raise ValueError
        marker, at = data[found.end() - 1], found.end()
        if marker == 0xD9:
            return at, pictures
        if marker in _ALONE:
            continue
        size = int.from_bytes(data[at : at + 2])
        if size < 2:
            raise ValueError
        if marker == 0xE2 and data[at + 2 : at + 6] == b"MPF\0":
            pictures = _listed(data[at + 6 : at + size])
        at += size
        if marker == 0xDA:  # entropy-coded bytes follow
            scan = _AFTER_SCAN.search(data, at)
            if scan is None:
                raise ValueError
            at = scan.start()


def _listed(index: bytes) -> int:
    """How many pictures the index says there are: its tag B001."""
    order = "little" if index[:2] == b"II" else "big"
    at = int.from_bytes(index[4:8], order)  # type: ignore[arg-type]  # one of the two
    for number in range(int.from_bytes(index[at : at + 2], order)):  # type: ignore[arg-type]
        entry = index[at + 2 + 12 * number : at + 14 + 12 * number]
        if int.from_bytes(entry[:2], order) == 0xB001:  # type: ignore[arg-type]
            return int.from_bytes(entry[8:12], order)  # type: ignore[arg-type]
    return 1


def _png(data: bytes) -> int:
    at = 8
    while at + 12 <= len(data):
        kind, size = data[at + 4 : at + 8], int.from_bytes(data[at : at + 4])
        at += 12 + size
        if kind == b"IEND":
            return at
    raise ValueError


def _gif(data: bytes) -> int:
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while True:
        kind = data[at]
        if kind == 0x3B:
            return at + 1
        if kind == 0x2C:
            at += 10 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0) + 1
        elif kind == 0x21:
            at += 2
        else:
            raise ValueError
        while data[at]:
            at += data[at] + 1
        at += 1


def _webp(data: bytes) -> int:
    size = int.from_bytes(data[4:8], "little")
    return 8 + size + size % 2


def _boxes(data: bytes) -> int:
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if kind not in _KNOWN_BOXES or size < 8 or (kind == b"ftyp" and at):  # another file begins
            break
        at += size
    return at


_KNOWN_BOXES = frozenset((b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"idat"))
_ENDS = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/avif": _boxes,
}
