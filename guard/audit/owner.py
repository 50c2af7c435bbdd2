"""Who still lives: a locked file beside the log for every process that has begun requests in it.

A process id says little: it is used again, and means nothing in another container. A lock (flock(2)) is let go by the
system however its process ends. The folder of the log has to be one for all who write to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from typing import TYPE_CHECKING

from guard.audit.files import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LONGEST_NOTE = 100


class Owner:
    """One sink's claim to what it has begun in *log*. Nothing is made before the first `hold`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._fd = -1
        self._path: Path | None = None

    @property
    def name(self) -> str:
        """The name of the locked file, in the log's folder; empty before `hold`."""
        return self._path.name if self._path is not None else ""

    def hold(self, note: bytes = b"") -> str:
        """Make sure that everybody sees this owner live, whatever happens to the machine later; its `name`."""
        while self._path is None:
            path = _folder(self._log) / f"{_prefix(self._log)}{uuid.uuid4().hex}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                os.pwrite(fd, note.ljust(_LONGEST_NOTE), 0)
                os.fsync(fd)
                sync_folder(path.parent)
                kept = os.path.samestat(os.fstat(fd), path.stat())
            except FileNotFoundError:
                kept = False
            except BaseException:
                os.close(fd)
                raise
            if kept:
                self._fd, self._path = fd, path
            else:
                os.close(fd)  # somebody tidied up between the making and the locking
        return self.name

    def note(self, note: bytes) -> None:
        """Leave word for whoever finds this owner dead. Old word may be found instead."""
        os.pwrite(self._fd, note.ljust(_LONGEST_NOTE), 0)

    def release(self, *, finished: bool) -> None:
        """End the claim; *finished* if nothing that was begun is left to be recovered."""
        path, fd, self._path, self._fd = self._path, self._fd, None, -1
        if path is not None:
            if finished:
                path.unlink(missing_ok=True)
            os.close(fd)

    def forget(self) -> None:
        """Leave the claim to the process that this one was forked from."""
        if self._path is not None:
            os.close(self._fd)
        self._path, self._fd = None, -1


def is_alive(log: Path, name: str) -> bool:
    """Whether the owner called *name* in *log* still lives."""
    return _is_held(_folder(log) / name)


def dead(log: Path) -> Iterator[tuple[Path, bytes]]:
    """The files of owners that ended with something unfinished, each with the note left in it.

    One that is about to live may be among them: look for what it has begun only while it cannot begin anything.
    """
    for path in sorted(_folder(log).iterdir()):
        if path.name.startswith(_prefix(log)) and not _is_held(path):
            with contextlib.suppress(FileNotFoundError):
                yield path, path.read_bytes().strip()


def bury(path: Path) -> None:
    """Take away the file of a dead owner. One that was only about to live stays, or makes itself another."""
    _is_held(path, fcntl.LOCK_EX, lambda: path.unlink(missing_ok=True))


def _is_held(path: Path, mode: int = fcntl.LOCK_SH, otherwise: Callable[[], None] | None = None) -> bool:
    """Whether somebody holds *path*; if not, *otherwise* is done while nobody can.

    The lock is shared where possible, so that two who ask at once do not take each other for the owner.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, mode | fcntl.LOCK_NB)
        if otherwise is not None:
            otherwise()
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _folder(log: Path) -> Path:
    return log.resolve().parent  # two names of one log are the same log


def _prefix(log: Path) -> str:
    return f"{log.resolve().name}-alive-"
