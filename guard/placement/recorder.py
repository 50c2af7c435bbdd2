"""What a model server was running when it died: digests in a file that it shares with whoever finds it dead.

Written before a batch is run and wiped after it. The file is mapped into memory: what a process has written there
outlives it, whatever kills it, and costs no system call.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SLOTS = 64
"""Classifiers that are watched; any more are not."""
_DIGEST = 16
_MOST = 1000
_COUNT = struct.Struct("=I")
_SLOT = _COUNT.size + _DIGEST * (1 + _MOST)


class Recorder:
    """The file at *path*, made if need be. One writer for each slot."""

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, SLOTS * _SLOT)
            self._map = mmap.mmap(fd, SLOTS * _SLOT)
        finally:
            os.close(fd)

    def run(self, slot: int, owner: bytes, digests: Sequence[bytes]) -> None:
        """Note that *owner*, 16 bytes that name a classifier, runs *digests*; none when it is done."""
        if slot >= SLOTS:
            return
        begin = slot * _SLOT
        known = [digest for digest in digests if digest][:_MOST]
        if known:
            data = owner + b"".join(known)
            self._map[begin + _COUNT.size : begin + _COUNT.size + len(data)] = data
        # The count last: what it counts is there then.
        self._map[begin : begin + _COUNT.size] = _COUNT.pack(len(known))

    def running(self) -> dict[bytes, list[bytes]]:
        """The digests that were running, by their owners."""
        found: dict[bytes, list[bytes]] = {}
        for begin in range(0, SLOTS * _SLOT, _SLOT):
            (count,) = _COUNT.unpack(self._map[begin : begin + _COUNT.size])
            if not 0 < count <= _MOST:
                continue
            start = begin + _COUNT.size
            data = self._map[start : start + _DIGEST * (1 + count)]
            found[data[:_DIGEST]] = [data[at : at + _DIGEST] for at in range(_DIGEST, len(data), _DIGEST)]
        return found

    def wipe(self) -> None:
        """Forget all of it."""
        for begin in range(0, SLOTS * _SLOT, _SLOT):
            self._map[begin : begin + _COUNT.size] = _COUNT.pack(0)

    def close(self) -> None:
        """Let go of the file; it stays."""
        self._map.close()
