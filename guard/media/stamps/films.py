"""China's label into MP4, M4A and MOV. What is shown and heard stays as it is; only its address may change.

Sources: TC260-PG-20257A; ISO/IEC 14496-12; Apple's QuickTime file format (metadata with keys).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard.classifier import Unreadable
from guard.media.marks.block import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLES = {b"stco": 4, b"co64": 8}
_DOWN = {b"trak", b"mdia", b"minf", b"stbl"}
_MOST_ADDRESSES = 1_000_000
_BY_ADDRESS = (b"mvex", b"saio")
"""Boxes of films whose other addresses would have to be moved, too."""


def mp4(data: bytes, label: str) -> bytes:
    """The key ``AIGC`` in ``moov.udta.meta``; beside it, in ``moov.meta``, where that holds another kind of list."""
    moov = [(begin, end) for kind, begin, end in boxes(data, 0, len(data)) if kind == b"moov"]
    if len(moov) != 1 or data[moov[0][0] : moov[0][0] + 4] == b"\0\0\0\1":
        raise Unreadable("a film of this kind is not marked")
    begin, end = moov[0]
    old = data[begin + 8 : end]
    if any(mark in old for mark in _BY_ADDRESS):
        raise Unreadable("a film in fragments is not marked")
    new = _labelled(old, label)
    grown = len(new) - len(old)
    return data[:begin] + _box(b"moov", _moved(new, end, grown)) + data[end:]


def boxes(data: bytes, at: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """``(kind, start, end)`` of each box."""
    while at + 8 <= stop:
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        size = int.from_bytes(data[at + 8 : at + 16]) if size == 1 else size or stop - at
        if size < 8 or at + size > stop:
            raise Broken("a box is cut short")
        yield kind, at, at + size
        at += size


def _box(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4) + kind + body


def _labelled(moov: bytes, label: str) -> bytes:
    for kind, begin, end in boxes(moov, 0, len(moov)):
        if kind != b"udta":
            continue
        udta = moov[begin + 8 : end].removesuffix(b"\0\0\0\0")
        for inner, start, stop in boxes(udta, 0, len(udta)):
            if inner == b"meta":
                return _beside(moov, udta[start + 8 : stop], (begin + 8 + start, begin + 8 + stop, begin, end), label)
        return moov[:begin] + _box(b"udta", udta + _meta(label)) + moov[end:]
    return moov + _box(b"udta", _meta(label))


def _beside(moov: bytes, meta: bytes, where: tuple[int, int, int, int], label: str) -> bytes:
    """*moov*, whose ``udta`` has a *meta* already, with the label in that one or next to it."""
    start, stop, begin, end = where
    kept = {kind: meta[a:b] for kind, a, b in boxes(meta, 4, len(meta))} if meta[:4] == b"\0\0\0\0" else {}
    if kept.get(b"hdlr", b"")[16:20] == b"mdta" and b"keys" in kept and b"ilst" in kept:
        count = int.from_bytes(kept[b"keys"][12:16]) + 1
        keys = _box(b"keys", bytes(4) + count.to_bytes(4) + kept[b"keys"][16:] + _box(b"mdta", b"AIGC"))
        entry = _box(b"ilst", kept[b"ilst"][8:] + _entry(count, label))
        kept |= {b"keys": keys, b"ilst": entry}
        new = _box(b"meta", bytes(4) + b"".join(kept.values()))
        udta = moov[begin + 8 : start] + new + moov[stop:end]
        return moov[:begin] + _box(b"udta", udta) + moov[end:]
    if any(kind == b"meta" for kind, _, _ in boxes(moov, 0, len(moov))):
        raise Unreadable("the film has no room for more metadata")
    return moov + _meta(label)


def _entry(number: int, label: str) -> bytes:
    return _box(number.to_bytes(4), _box(b"data", b"\0\0\0\1\0\0\0\0" + label.encode("ascii")))


def _meta(label: str) -> bytes:
    handler = _box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    keys = _box(b"keys", bytes(4) + b"\0\0\0\1" + _box(b"mdta", b"AIGC"))
    return _box(b"meta", bytes(4) + handler + keys + _box(b"ilst", _entry(1, label)))


def _moved(moov: bytes, end: int, grown: int) -> bytes:
    """*moov* with the addresses of what lies behind it, from *end* on, put off by *grown* bytes."""
    made = bytearray(moov)
    waiting = [(0, len(moov))]
    while waiting:
        for kind, begin, stop in boxes(moov, *waiting.pop()):
            if kind in _DOWN:
                waiting.append((begin + 8, stop))
            wide = _TABLES.get(kind)
            if wide is None:
                continue
            count = int.from_bytes(moov[begin + 12 : begin + 16])
            if begin + 16 + wide * count > stop:
                raise Broken("a table is cut short")
            if count > _MOST_ADDRESSES:
                raise Unreadable("the film is in more pieces than are moved")
            for at in range(begin + 16, begin + 16 + wide * count, wide):
                address = int.from_bytes(moov[at : at + wide])
                if address >= end:
                    made[at : at + wide] = (address + grown).to_bytes(wide)
    return bytes(made)


def coded_mp4(data: bytes) -> bytes:
    """All boxes but ``moov``."""
    return b"".join(data[begin:end] for kind, begin, end in boxes(data, 0, len(data)) if kind != b"moov")
