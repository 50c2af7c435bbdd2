"""`Log`: the records of an audit log, SQLite or JSON lines, from its beginning and then as they come."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from guard.audit.record import AuditRecord, restored
from guard.audit.sqlite import read_after
from guard.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SQLITE = b"SQLite format 3\0"
_OPENING = b'{"opening":'


class Log:
    """The log at *path*. `new` gives what was not given yet; a log that was moved away is read anew from its start.

    Raises:
        AuditError: there is none.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.unread = 0
        """Lines that are no records: torn by a crash, or of something else."""
        self._position = 0
        self._identity: tuple[int, int] | None = None
        if not self.path.is_file():
            msg = f"audit log `{path}` cannot be read: there is no such file"
            raise AuditError(msg)

    def new(self) -> Iterator[AuditRecord]:
        """Every record that has come since it was last asked, in the order they were written.

        Raises:
            AuditError: the log cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                is_sqlite = file.read(len(_SQLITE)) == _SQLITE
        except FileNotFoundError:  # just being rotated
            return
        except OSError as error:
            msg = f"audit log `{self.path}` cannot be read: {error.strerror}"
            raise AuditError(msg) from error
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity or (not is_sqlite and status.st_size < self._position):
            self._identity, self._position = identity, 0
        yield from self._rows() if is_sqlite else self._lines()

    def _rows(self) -> Iterator[AuditRecord]:
        for number, record in read_after(self.path, self._position):
            self._position = number
            yield record

    def _lines(self) -> Iterator[AuditRecord]:
        with self.path.open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):  # still being written
                    return
                self._position += len(line)
                if line.startswith(_OPENING) or not line.strip():
                    continue
                record = _record(line)
                if record is None:
                    self.unread += 1
                else:
                    yield record


def _record(line: bytes) -> AuditRecord | None:
    try:
        said = orjson.loads(line)
        for names, kind in (("input output", dict), ("time tenant model policy", str)):
            if not all(said.get(name) is None or isinstance(said[name], kind) for name in names.split()):
                return None
        return restored(said)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
