"""China's label into WAV, MP3 and FLAC. The samples stay as they are, byte for byte.

Sources: TC260-PG-202510A; RIFF (Microsoft, 1991); id3.org ID3v2.3 and 2.4; RFC 9639 (FLAC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard.classifier import Unreadable
from guard.media.marks.block import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDLESS = 0x7FFFFF00
"""Sizes from here on are those of a writer that did not know where its sound would end."""
_MOST_BLOCK = (1 << 24) - 1
_MOST_TAG = (1 << 28) - 1


def wav(data: bytes, label: str) -> bytes:
    """A chunk ``AIGC`` behind the others. Sizes that a stream left open are filled in."""
    if data[:4] != b"RIFF":
        raise Unreadable("a WAV of this kind is not marked")
    body = label.encode("ascii")
    chunk = b"AIGC" + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) & 1)
    kept = []
    stop = 12
    for name, begin, end in _chunks(data):
        size = end - begin - 8
        kept.append(name + size.to_bytes(4, "little") + data[begin + 8 : end] + b"\0" * (size & 1))
        stop = min(len(data), end + (size & 1))
    inner = b"WAVE" + b"".join(kept) + chunk
    return b"RIFF" + len(inner).to_bytes(4, "little") + inner + data[stop:]


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """``(name, start, end)`` of each chunk, its padding not included."""
    whole = int.from_bytes(data[4:8], "little")
    stop = len(data) if whole >= _ENDLESS or whole == 0 else min(len(data), 8 + whole)
    at = 12
    while at + 8 <= stop:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            if data[at : at + 4] != b"data" or size < _ENDLESS:
                raise Broken("a chunk is cut short")
            size = len(data) - at - 8
        yield data[at : at + 4], at, at + 8 + size
        at += 8 + size + (size & 1)


def coded_wav(data: bytes) -> bytes:
    """The form and the samples."""
    return b"".join(name + data[begin + 8 : end] for name, begin, end in _chunks(data) if name in {b"fmt ", b"data"})


def mp3(data: bytes, label: str) -> bytes:
    """A frame ``TXXX`` in front of the others of the ID3v2 tag, or a new tag."""
    frame = b"\0AIGC\0" + label.encode("ascii")
    if data[:3] != b"ID3":
        tag = _frame(frame, 3)
        return b"ID3\3\0\0" + _synchsafe(len(tag)) + tag + data
    version, flags = data[3], data[5]
    if version not in {3, 4} or flags & 0x5F or any(byte & 0x80 for byte in data[6:10]):
        raise Unreadable("an ID3 tag of this kind is not added to")
    tag = _frame(frame, version)
    if flags & 0x80 and b"\xff" in tag:
        raise Unreadable("an ID3 tag of this kind is not added to")
    size = _read_synchsafe(data[6:10]) + len(tag)
    if size > _MOST_TAG:
        raise Unreadable("the ID3 tag has no room for more")
    return data[:6] + _synchsafe(size) + tag + data[10:]


def _frame(body: bytes, version: int) -> bytes:
    size = _synchsafe(len(body)) if version == 4 else len(body).to_bytes(4)
    return b"TXXX" + size + b"\0\0" + body


def _synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _read_synchsafe(data: bytes) -> int:
    return sum((byte & 0x7F) << shift for byte, shift in zip(data, (21, 14, 7, 0), strict=True))


def _behind_tag(data: bytes) -> int:
    return 10 + _read_synchsafe(data[6:10]) if data[:3] == b"ID3" and len(data) >= 10 else 0


def coded_mp3(data: bytes) -> bytes:
    """All behind the first tag."""
    return data[_behind_tag(data) :]


def flac(data: bytes, label: str) -> bytes:
    """A comment ``AIGC=`` behind the others, or a new block of comments."""
    comment = b"AIGC=" + label.encode("ascii")
    comment = len(comment).to_bytes(4, "little") + comment
    blocks, start, end = _blocks(data)
    made = False
    for number, (kind, body) in enumerate(blocks):
        if kind == 4 and not made:
            at = 4 + int.from_bytes(body[:4], "little")
            count = int.from_bytes(body[at : at + 4], "little") + 1
            blocks[number] = kind, body[:at] + count.to_bytes(4, "little") + body[at + 4 :] + comment
            made = True
    if not made:
        blocks.insert(1, (4, b"\0\0\0\0\1\0\0\0" + comment))
    if any(len(body) > _MOST_BLOCK for _, body in blocks):
        raise Unreadable("the comments have no room for more")
    written = b"".join(
        bytes([kind | (0x80 if number == len(blocks) - 1 else 0)]) + len(body).to_bytes(3) + body
        for number, (kind, body) in enumerate(blocks)
    )
    return data[: start + 4] + written + data[end:]


def _blocks(data: bytes) -> tuple[list[tuple[int, bytes]], int, int]:
    """The metadata blocks, where the stream begins, and where the sound does."""
    start = _behind_tag(data)
    at, found, last = start + 4, list[tuple[int, bytes]](), False
    while not last:
        if at + 4 > len(data):
            raise Broken("a block is cut short")
        last, kind, size = bool(data[at] & 0x80), data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4])
        found.append((kind, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found, start, at


def coded_flac(data: bytes) -> bytes:
    """All but the comments."""
    blocks, start, end = _blocks(data)
    return b"".join([data[:start], *(body for kind, body in blocks if kind != 4), data[end:]])
