"""Files that are durable, and locked while they are written."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_sync = getattr(os, "fdatasync", os.fsync)
"""Data and size, not the times of access; macOS has no such call."""


@contextlib.contextmanager
def locked(fd: int) -> Iterator[None]:
    """Keep other processes that write to the same file out: their lines could get between ours, or be cut with them."""
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def append_durably(fd: int, data: bytes) -> None:
    """Add lines to the file, or, where that fails, leave it as it was."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        data = b"\n" + data  # a line torn by a crash was never acknowledged, and must not swallow ours
    try:
        write_all(fd, data)
        _sync(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)  # nobody will be told that these are written, so they should not be
        raise


def write_all(fd: int, data: bytes) -> None:
    """Write every byte of *data*."""
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def sync_folder(folder: Path) -> None:
    """Make the names of its files as durable as their content."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
