"""Metadata of JPEG, PNG, GIF, TIFF and what stands in EXIF.

Sources: ITU-T T.81 annex B; XMP specification part 3 (2020); W3C PNG third edition; GIF89a; TIFF 6.0; Exif 3.0 (CIPA
DC-008); C2PA technical specification 2.2, annex A.
"""

from __future__ import annotations

import zlib

from guard.media.marks.block import Broken, Kind, Walk

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_ALONE = {0x01, *range(0xD0, 0xD9)}
_MOST_STEPS = 20_000


def jpeg(data: bytes, walk: Walk) -> None:
    """The segments before the picture itself."""
    more: dict[bytes, list[tuple[int, bytes]]] = {}
    at = 2
    for _ in range(_MOST_STEPS):
        while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] == b"\xff":  # fill bytes
            at += 1
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            raise Broken("a segment is missing")
        marker = data[at + 1]
        if marker in _ALONE:
            at += 2
            continue
        if marker in {0xDA, 0xD9}:
            break
        size = int.from_bytes(data[at + 2 : at + 4])
        if size < 2 or at + 2 + size > len(data):
            raise Broken("a segment is cut short")
        _segment(marker, data[at + 4 : at + 2 + size], walk, at, more)
        at += 2 + size
    else:
        raise Broken("too many segments")
    for pieces in more.values():
        walk.add(Kind.XMP, b"".join(piece for _, piece in sorted(pieces)), "jpeg extended XMP")


def _segment(marker: int, body: bytes, walk: Walk, at: int, more: dict[bytes, list[tuple[int, bytes]]]) -> None:
    if marker == 0xE1 and body.startswith(_EXIF):
        walk.add(Kind.EXIF, body[len(_EXIF) :], "jpeg EXIF", offset=at)
    elif marker == 0xE1 and body.startswith(_XMP):
        walk.add(Kind.XMP, body[len(_XMP) :], "jpeg XMP", offset=at)
    elif marker == 0xE1 and body.startswith(_XMP_MORE):
        head = body[len(_XMP_MORE) :]
        if len(head) >= 40 and (len(more) < 4 or head[:32] in more):
            more.setdefault(head[:32], []).append((int.from_bytes(head[36:40]), head[40:]))
    elif marker == 0xEB and body[:2] == b"JP" and b"jumb" in body[:32]:
        first = int.from_bytes(body[4:8]) == 1  # later segments repeat the head of the box
        walk.manifest(body[8 if first else 16 :], "jpeg APP11", at)
    elif marker == 0xFE:
        walk.add(Kind.TEXT, body, "jpeg comment", key="Comment", offset=at)
    elif 0xE0 <= marker <= 0xEF and (found := body.find(b"AIGC{")) >= 0:
        walk.add(Kind.TEXT, body[found + 4 :], "jpeg APP", key="AIGC", offset=at)


def png(data: bytes, walk: Walk) -> None:
    """Every chunk; ends at IEND, and what has none is cut short."""
    at = 8
    while True:
        if at + 12 > len(data):
            raise Broken("the picture is cut short")
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if at + 12 + size > len(data) or not name.isalpha():
            raise Broken("a chunk is damaged")
        if name in {b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"caBX"}:
            body = data[at + 8 : at + 8 + size]
            place = f"png {name.decode()}"
            if zlib.crc32(name + body) != int.from_bytes(data[at + 8 + size : at + 12 + size]):
                walk.tell(f"{place}: wrong checksum")
            elif len(walk.blocks) >= 1_000:
                walk.tell(f"{place}: more than is read")
                return
            else:
                _chunk(name, body, place, walk, at)
        at += 12 + size
        if name == b"IEND":
            return


def _chunk(name: bytes, body: bytes, place: str, walk: Walk, at: int) -> None:
    if name == b"caBX":
        walk.manifest(body, place, at)
    elif name == b"eXIf":
        walk.add(Kind.EXIF, body, place, offset=at)
    else:
        keyword, _, rest = body.partition(b"\0")
        key = keyword.decode("latin-1")
        plain: bytes | None = rest
        if name == b"zTXt":
            plain = walk.inflate(rest[1:], place)
        elif name == b"iTXt":
            packed, rest = rest[:1] == b"\1", rest[2:]
            _, _, rest = rest.partition(b"\0")
            _, _, rest = rest.partition(b"\0")
            plain = walk.inflate(rest, place) if packed else rest
        else:
            plain = rest.decode("latin-1").encode() if not _is_utf8(rest) else rest
        if plain is not None:
            kind = Kind.XMP if key == "XML:com.adobe.xmp" else Kind.TEXT
            walk.add(kind, plain, place, key=key, offset=at)


def _is_utf8(data: bytes) -> bool:
    """Whether a tEXt chunk holds UTF-8, as many writers put there, against the letter of the standard."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def gif(data: bytes, walk: Walk) -> None:
    """The extensions, in between of the frames."""
    at = 13 + ((3 << (data[10] & 7) + 1) if len(data) > 10 and data[10] & 0x80 else 0)
    while True:
        mark = data[at : at + 1]
        if mark == b";":
            return
        if mark == b",":
            packed = data[at + 9 : at + 10] or b"\0"
            at = _after(data, at + 11 + ((3 << (packed[0] & 7) + 1) if packed[0] & 0x80 else 0))
        elif mark == b"!":
            at = _extension(data, at, walk)
        else:
            raise Broken("a block is missing")


def _extension(data: bytes, at: int, walk: Walk) -> int:
    label = data[at + 1 : at + 2]
    end = _after(data, at + 2)
    if label == b"\xff" and data[at + 3 : at + 14] == b"XMP DataXMP":
        walk.add(Kind.XMP, data[at + 14 : max(at + 14, end - 258)], "gif XMP", offset=at)
    elif label == b"\xff" and data[at + 3 : at + 11] == b"C2PA_GIF":
        walk.add(Kind.C2PA, b"", "gif C2PA", offset=at)
    elif label == b"\xfe":
        walk.add(Kind.TEXT, _joined(data, at + 2), "gif comment", key="Comment", offset=at)
    return end


def _after(data: bytes, at: int) -> int:
    """The place behind the sub-blocks that begin at *at*."""
    while True:
        if at >= len(data):
            raise Broken("a block is cut short")
        size = data[at]
        at += 1 + size
        if size == 0:
            return at


def _joined(data: bytes, at: int) -> bytes:
    found = bytearray()
    while at < len(data) and data[at] and len(found) < 1 << 20:
        found += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return bytes(found)


TAGS = {
    0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software", 0x013B: "Artist",
    0x8298: "Copyright", 0x9286: "UserComment", 0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x9C9E: "XPKeywords",
}  # fmt: skip
_POINTERS = {0x8769, 0x8825, 0xA005}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


def tiff(data: bytes, walk: Walk, place: str = "tiff", base: int = 0) -> None:
    """The directories of a TIFF file, or of EXIF, which is one."""
    order = {b"II": "little", b"MM": "big"}.get(data[:2])
    if order is None or len(data) < 8:
        raise Broken("no TIFF header")
    waiting = [_number(data, 4, 4, order)]
    seen: set[int] = set()
    entries = 0
    while waiting:
        at = waiting.pop()
        if at in seen or at == 0:
            continue
        seen.add(at)
        count = _number(data, at, 2, order)
        entries += count
        if len(seen) > 64 or entries > 4_096:
            raise Broken("too many entries")
        for n in range(count):
            entry = at + 2 + 12 * n
            tag, kind, many = (_number(data, entry + a, b, order) for a, b in ((0, 2), (2, 2), (4, 4)))
            size = _SIZES.get(kind, 0) * many
            where = entry + 8 if size <= 4 else _number(data, entry + 8, 4, order)
            if tag in _POINTERS:
                waiting.append(_number(data, entry + 8, 4, order))
                continue
            if tag not in TAGS and tag not in {0x02BC, 0xCD41}:
                continue
            if where + size > len(data):
                walk.tell(f"{place}: a value is cut short")
                continue
            _value(tag, data[where : where + size], order, walk, (place, base + where))
        following = _number(data, at + 2 + 12 * count, 4, order, missing=0)
        waiting.append(following)


def _value(tag: int, body: bytes, order: str, walk: Walk, where: tuple[str, int]) -> None:
    place, offset = where
    if tag == 0x02BC:
        walk.add(Kind.XMP, body, f"{place} XMP", offset=offset)
    elif tag == 0xCD41:
        walk.manifest(body, f"{place} C2PA", offset)
    else:
        name = TAGS[tag]
        if name == "UserComment":
            body = _comment(body, order)
        elif name.startswith("XP"):
            body = body.decode("utf-16-le", "replace").encode()
        walk.add(Kind.TEXT, body, f"{place} {name}", key=name, offset=offset)


def _comment(body: bytes, order: str) -> bytes:
    """A UserComment begins with eight bytes that name its character code; writers disagree on the order of UTF-16."""
    code, text = body[:8], body[8:]
    if code == b"UNICODE\0":
        given = "utf-16-le" if order == "little" else "utf-16-be"
        other = "utf-16-be" if order == "little" else "utf-16-le"
        if text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            return text.decode("utf-16", "replace").encode()
        zeros = (text[0:200:2].count(0), text[1:200:2].count(0))
        latin = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le" if zeros[1] > zeros[0] else given
        return text.decode(latin if latin in {given, other} else given, "replace").encode()
    return text if code in {b"ASCII\0\0\0", b"\0" * 8, b"JIS\0\0\0\0\0"} else body


def _number(data: bytes, at: int, size: int, order: str, *, missing: int | None = None) -> int:
    if at + size > len(data):
        if missing is not None:
            return missing
        raise Broken("a directory is cut short")
    return int.from_bytes(data[at : at + size], "little" if order == "little" else "big")
