"""Metadata of RIFF (WAV, WebP, AVI), MP3 with ID3v2, FLAC and Ogg.

Sources: RIFF (Microsoft, 1991); WebP container specification; id3.org ID3v2.3 and 2.4; RFC 9639 (FLAC); RFC 3533 and
7845 (Ogg, Opus); Vorbis I, section 5 (comments).
"""

from __future__ import annotations

from guard.media.marks.block import MOST_BYTES, MOST_DEPTH, Broken, Kind, Walk

_MOST_STEPS = 20_000


def riff(data: bytes, walk: Walk) -> None:
    """The chunks of a RIFF file and of the lists in it."""
    name = {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "avi"}.get(data[8:12], "riff")
    steps = [_MOST_STEPS]
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:
        walk.tell(f"{name}: the file is cut short")
    at = 0
    while at + 12 <= len(data) and data[at : at + 4] in {b"RIFF", b"RF64"}:  # an AVI of some size has several
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        _chunks(data, (at + 12, min(at + 8 + size, len(data))), name, walk, (0, steps))
        at += 8 + size + (size & 1)


def _chunks(data: bytes, bounds: tuple[int, int], name: str, walk: Walk, left: tuple[int, list[int]]) -> None:
    at, end = bounds
    depth, steps = left
    if depth > MOST_DEPTH:
        walk.tell(f"{name}: lists too deep")
        return
    while at + 8 <= end:
        steps[0] -= 1
        if steps[0] < 0:
            walk.tell(f"{name}: too many chunks")
            return
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        stop = min(at + 8 + size, end)
        if kind == b"LIST" and data[at + 8 : at + 12] != b"movi":
            _chunks(data, (at + 12, stop), name, walk, (depth + 1, steps))
        elif kind in _CHUNKS:
            if at + 8 + size > end:
                walk.tell(f"{name}: a chunk is cut short")
            _riff_chunk(kind, data[at + 8 : min(stop, at + 9 + MOST_BYTES)], name, walk, at)
        at += 8 + size + (size & 1)


_CHUNKS = {b"XMP ", b"_PMX", b"EXIF", b"C2PA", b"AIGC", b"id3 ", b"ID3 ", b"ISFT", b"ICMT", b"INAM", b"IART"}


def _riff_chunk(kind: bytes, body: bytes, name: str, walk: Walk, at: int) -> None:
    place = f"{name} {kind.decode('latin-1').strip()}"
    if kind in {b"XMP ", b"_PMX"}:
        walk.add(Kind.XMP, body, place, offset=at)
    elif kind == b"EXIF":
        walk.add(Kind.EXIF, body.removeprefix(b"Exif\0\0"), place, offset=at)
    elif kind == b"C2PA":
        walk.manifest(body, place, at)
    elif kind in {b"id3 ", b"ID3 "}:
        id3(body, walk, name)
    else:
        walk.add(Kind.TEXT, body, place, key=kind.decode().strip(), offset=at)


def mp3(data: bytes, walk: Walk) -> None:
    """The tags before the sound, one after the other."""
    at = 0
    for _ in range(4):
        if data[at : at + 3] != b"ID3":
            return
        at += id3(data[at : at + 10 + (256 << 20)], walk, "mp3", at)


def id3(data: bytes, walk: Walk, name: str, base: int = 0) -> int:
    """One ID3v2 tag at the beginning of *data*; gives its length."""
    if data[:3] != b"ID3" or len(data) < 10 or any(byte & 0x80 for byte in data[6:10]):
        raise Broken("no ID3 header")
    version, flags, size = data[3], data[5], _synchsafe(data[6:10])
    if version not in {2, 3, 4}:
        walk.tell(f"{name} ID3: unknown version")
        return 10 + size
    if 10 + size > len(data):
        walk.tell(f"{name} ID3: the tag is cut short")
    body = data[10 : 10 + size]
    if flags & 0x80 and version < 4:
        body = body.replace(b"\xff\0", b"\xff")
    if flags & 0x40 and version > 2:
        body = body[_synchsafe(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4]) :]
    head, wide = (6, 3) if version == 2 else (10, 4)
    at = 0
    for _ in range(2_000):
        kind = body[at : at + wide]
        if len(kind) < wide or not kind.strip(b"\0"):
            break
        length = _synchsafe(body[at + 4 : at + 8]) if version == 4 else int.from_bytes(body[at + wide : at + 2 * wide])
        if at + head + length > len(body):
            walk.tell(f"{name} ID3: a frame is cut short")
            break
        marks = body[at + 9] if version > 2 else 0
        frame: bytes | None = body[at + head : at + head + length]
        if version == 3 and marks & 0x80 and length < 4:
            walk.tell(f"{name} ID3: damaged compression")
        elif kind in _FRAMES:
            frame = _unpacked(frame or b"", marks, version, f"{name} ID3", walk)
            if frame is not None:
                _frame(kind, frame, name, walk, base + at)
        at += head + length
    return 10 + size + (10 if flags & 0x10 and version == 4 else 0)


_FRAMES = {b"TXXX", b"TXX", b"PRIV", b"GEOB", b"COMM", b"TSSE", b"TENC"}


def _unpacked(frame: bytes, marks: int, version: int, place: str, walk: Walk) -> bytes | None:
    """A frame with its compression and unsynchronisation undone; None where that cannot be."""
    packed, hidden = (marks & 0x08, marks & 0x04) if version == 4 else (marks & 0x80, marks & 0x40)
    if hidden:
        walk.tell(f"{place}: an encrypted frame")
        return None
    if version == 4:
        if marks & 0x40:
            frame = frame[1:]
        if marks & 0x02:
            frame = frame.replace(b"\xff\0", b"\xff")
        if marks & 0x01:
            frame = frame[4:]
        return walk.inflate(frame, place) if packed else frame
    if packed:
        frame = frame[4:]
    if marks & 0x20:
        frame = frame[1:]
    return walk.inflate(frame, place) if packed else frame


def _frame(kind: bytes, frame: bytes, name: str, walk: Walk, at: int) -> None:
    place = f"{name} ID3 {kind.decode()}"
    if kind in {b"TXXX", b"TXX", b"COMM"}:
        code, rest = frame[:1], frame[4:] if kind == b"COMM" else frame[1:]
        key, text = _split(code, rest)
        walk.add(Kind.TEXT, text.encode("utf-8", "replace"), place, key=key, offset=at)
    elif kind == b"PRIV" and frame.startswith(b"XMP\0"):
        walk.add(Kind.XMP, frame[4:], place, offset=at)
    elif kind == b"GEOB" and (b"c2pa" in frame[:256]):
        walk.add(Kind.C2PA, b"", place, offset=at)
    elif kind in {b"TSSE", b"TENC"}:
        walk.add(Kind.TEXT, _decoded(frame[:1], frame[1:]).encode("utf-8", "replace"), place, key="Software", offset=at)


def _split(code: bytes, rest: bytes) -> tuple[str, str]:
    if code in {b"\1", b"\2"}:
        for at in range(0, len(rest) - 1, 2):
            if rest[at : at + 2] == b"\0\0":
                return _decoded(code, rest[:at]), _decoded(code, rest[at + 2 :])
        return "", _decoded(code, rest)
    key, found, text = rest.partition(b"\0")
    return (_decoded(code, key), _decoded(code, text)) if found else ("", _decoded(code, rest))


def _decoded(code: bytes, text: bytes) -> str:
    names = {b"\0": "utf-8", b"\1": "utf-16", b"\2": "utf-16-be", b"\3": "utf-8"}
    return text.decode(names.get(code, "utf-8"), "replace").strip("\0\ufeff")


def _synchsafe(data: bytes) -> int:
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


def flac(data: bytes, walk: Walk) -> None:
    """The metadata blocks."""
    at, last = 4, False
    for _ in range(1_024):
        if at + 4 > len(data):
            raise Broken("a block is cut short")
        last, kind, size = bool(data[at] & 0x80), data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4])
        if at + 4 + size > len(data):
            raise Broken("a block is cut short")
        if kind == 4:
            comments(data[at + 4 : at + 4 + size], walk, "flac comment", at)
        elif kind == 2 and data[at + 4 : at + 8] in {b"c2pa", b"C2PA"}:
            walk.add(Kind.C2PA, b"", "flac APPLICATION", offset=at)
        at += 4 + size
        if last:
            return
    raise Broken("too many blocks")


def comments(data: bytes, walk: Walk, place: str, at: int) -> None:
    """Vorbis comments: ``KEY=value`` each."""
    vendor = int.from_bytes(data[:4], "little")
    where = 8 + vendor
    count = int.from_bytes(data[4 + vendor : where], "little")
    for _ in range(min(count, 2_000)):
        size = int.from_bytes(data[where : where + 4], "little")
        if where + 4 + size > len(data):
            walk.tell(f"{place}: cut short")
            return
        key, found, value = data[where + 4 : where + 4 + size].partition(b"=")
        if found and key.upper() in {b"AIGC", b"XMP", b"COMMENT", b"DESCRIPTION", b"ENCODER"}:
            kind = Kind.XMP if key.upper() == b"XMP" else Kind.TEXT
            walk.add(kind, value, place, key=key.decode("latin-1").upper(), offset=at + where)
        where += 4 + size


def ogg(data: bytes, walk: Walk) -> None:
    """The comment packet of the first stream: the second packet."""
    at, packet, number = 0, bytearray(), 0
    for _ in range(_MOST_STEPS):
        if data[at : at + 4] != b"OggS" or at + 27 > len(data):
            raise Broken("a page is missing")
        count = data[at + 26]
        lacing = data[at + 27 : at + 27 + count]
        where = at + 27 + count
        if where + sum(lacing) > len(data):
            raise Broken("a page is cut short")
        for size in lacing:
            packet += data[where : where + size]
            where += size
            if len(packet) > MOST_BYTES:
                walk.tell("ogg comment: more than is read")
                return
            if size < 255:
                number += 1
                if number == 2:
                    _comment_packet(bytes(packet), walk, at)
                    return
                packet.clear()
        at = where
    raise Broken("too many pages")


def _comment_packet(packet: bytes, walk: Walk, at: int) -> None:
    for head in (b"\x03vorbis", b"OpusTags"):
        if packet.startswith(head):
            comments(packet[len(head) :], walk, "ogg comment", at)
            return
    if packet[:1] == b"\x84" or packet[:1] == b"\x04":  # FLAC in Ogg: a metadata block
        comments(packet[4:], walk, "ogg comment", at)
