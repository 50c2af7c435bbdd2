"""Records as JSON lines: for log shippers, and for eyes.

Ids are not compared: a record that is appended twice is there twice. A request that is released before its end is known
has a line ``{"opening": {…}, "owner": "…"}`` before the one with its record.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from guard.audit.files import append_durably, locked, sync_folder, write_all
from guard.audit.owner import Owner, bury, dead
from guard.audit.record import interrupted, restored
from guard.audit.writer import Entry, GroupCommitSink

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from guard.audit.record import AuditRecord
    from guard.errors import AuditError

_OPENING = b'{"opening":'
_ID = re.compile(rb'\{"id":("(?:[^"\\]|\\.)*+")')
"""How the line of a record begins."""
_FAR = 2**20
"""Bytes of log that may be read again, in vain, after a crash."""


class JsonlSink(GroupCommitSink[bytes]):
    """Appends lines to the file at *path*, which is created if need be, readable by its owner only.

    A file that was moved away is begun anew, as log rotation needs it. A pipe or a terminal cannot be
    synced: there, a record counts as written once it is handed over, and nothing is recovered.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        self._path = Path(path)
        self._fd = -1
        self._regular = True
        self._owner = Owner(self._path)
        self._offsets: dict[str, int] = {}  # where each opening stands at the earliest; in order
        self._noted = (0, 0, 0)

    def _encode(self, record: AuditRecord) -> bytes:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)

    def _open(self) -> bool:
        if self._fd >= 0:
            if self._is_at_path():
                return False
            self._close()
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        if self._regular:
            sync_folder(self._path.parent)
            _recover(self._fd, self._path)
        return True

    def _write(self, entries: Sequence[Entry[bytes]]) -> list[AuditError | None]:
        if not self._regular:
            write_all(self._fd, b"".join(_line(entry, "") for entry in entries))
        elif any(entry.opening for entry in entries):
            with locked(self._fd):
                self._begin_here([entry.id for entry in entries if entry.opening])
                append_durably(self._fd, b"".join(_line(entry, self._owner.name) for entry in entries))
        else:
            with locked(self._fd):
                append_durably(self._fd, b"".join([entry.row for entry in entries]))
        if self._offsets:
            for entry in entries:
                if not entry.opening:
                    self._offsets.pop(entry.id, None)
        return [None] * len(entries)

    def _begin_here(self, ids: Sequence[str]) -> None:
        """Leave word of how much of the log has to be read to find every opening of ours."""
        status = os.fstat(self._fd)
        for name in ids:
            self._offsets.pop(name, None)
            self._offsets[name] = status.st_size
        note = (status.st_dev, status.st_ino, next(iter(self._offsets.values())))
        written = b"%d %d %d" % note
        if not self._owner.name:
            self._owner.hold(written)
        elif note[:2] != self._noted[:2] or note[2] - self._noted[2] >= _FAR:
            self._owner.note(written)
        else:
            return
        self._noted = note

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _end(self, *, finished: bool) -> None:
        self._owner.release(finished=finished)

    def _forked(self) -> None:
        self._owner.forget()
        self._offsets = {}

    def _is_at_path(self) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(self._fd), self._path.stat())
        return False


def _line(entry: Entry[bytes], owner: str) -> bytes:
    if not entry.opening:
        return entry.row
    return b'%s%s,"owner":%s}\n' % (_OPENING, entry.row.rstrip(), orjson.dumps(owner))


def _recover(fd: int, path: Path) -> None:
    """Complete what was begun by processes that have ended."""
    with locked(fd):
        buried = dict(dead(path))
        if buried:
            start = min(_start(fd, note) for note in buried.values())
            left = _unfinished(fd, start, {owner.name for owner in buried})
            if left:
                lines = (orjson.dumps(interrupted(each), option=orjson.OPT_APPEND_NEWLINE) for each in left)
                append_durably(fd, b"".join(lines))
    for owner in buried:
        bury(owner)


def _start(fd: int, note: bytes) -> int:
    """Where the openings of the owner that left *note* may begin; 0 if it speaks of another file."""
    try:
        device, inode, offset = map(int, note.split())
    except ValueError:
        return 0
    status = os.fstat(fd)
    return offset if (device, inode) == (status.st_dev, status.st_ino) and offset <= status.st_size else 0


def _unfinished(fd: int, start: int, owners: Collection[str]) -> list[AuditRecord]:
    """The openings of *owners* without a record, in order; two passes, so that nothing hangs on which line is first."""
    begun: dict[str, AuditRecord] = {}
    for line in _lines(fd, start):
        if line.startswith(_OPENING):
            with contextlib.suppress(ValueError, TypeError, KeyError):  # torn by a crash: nobody counts on it
                opening = orjson.loads(line)
                if opening["owner"] in owners:
                    record = restored(opening["opening"])
                    begun[record.id] = record
    for line in _lines(fd, start) if begun else ():
        if (match := _ID.match(line)) is not None and line.endswith(b"}\n"):
            begun.pop(orjson.loads(match[1]), None)
    return list(begun.values())


def _lines(fd: int, start: int) -> Iterator[bytes]:
    with os.fdopen(os.dup(fd), "rb") as file:  # closing a duplicate leaves the lock alone
        file.seek(start)
        yield from file
