"""Records as JSON lines: for log shippers, and for eyes.

Ids are not compared: a record that is appended twice is there twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from guard.audit.writer import GroupCommitSink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guard.audit.record import AuditRecord
    from guard.errors import AuditError

_sync = getattr(os, "fdatasync", os.fsync)
"""Data and size, not the times of access; macOS has no such call."""


class JsonlSink(GroupCommitSink[bytes]):
    """Appends lines to the file at *path*, which is created if need be, readable by its owner only.

    A file that was moved away is begun anew, as log rotation needs it. A pipe or a terminal cannot be
    synced: there, a record counts as written once it is handed over.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        self._path = Path(path)
        self._fd = -1
        self._regular = True

    def _encode(self, record: AuditRecord) -> bytes:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)

    def _open(self) -> None:
        if self._fd >= 0:
            if self._is_at_path():
                return
            self._close()
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        if self._regular:
            _sync_folder(self._path.parent)

    def _write(self, rows: Sequence[bytes]) -> list[AuditError | None]:
        if self._regular:
            with _locked(self._fd):
                _append_durably(self._fd, b"".join(rows))
        else:
            _write_all(self._fd, b"".join(rows))
        return [None] * len(rows)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _is_at_path(self) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(self._fd), self._path.stat())
        return False


@contextlib.contextmanager
def _locked(fd: int) -> Iterator[None]:
    """Keep other processes that write to the same file out: their lines could get between ours, or be cut with them."""
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def _append_durably(fd: int, data: bytes) -> None:
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        data = b"\n" + data  # a line torn by a crash was never acknowledged, and must not swallow ours
    try:
        _write_all(fd, data)
        _sync(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)  # nobody will be told that these are written, so they should not be
        raise


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _sync_folder(folder: Path) -> None:
    """Make the file's name as durable as its content."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
