"""Records in one SQLite file: the default audit sink, and how tools read it.

Write-ahead log, one transaction per group, a sync per commit with ``synchronous=FULL``
(https://www.sqlite.org/pragma.html#pragma_synchronous). Several processes may write to the same file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import fields
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from guard.audit.owner import Owner, bury, dead, is_alive
from guard.audit.record import INTERRUPTED, AuditRecord, State, restored
from guard.audit.writer import Entry, GroupCommitSink
from guard.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCHEMA_VERSION = 2

_APPLICATION_ID = 0x47554152
"""The four letters GUAR, at offset 68 of the file."""

_BUSY_SECONDS = 2.0
"""How long a commit waits for another process that writes to the same file."""

_FIELDS = """
      id TEXT NOT NULL UNIQUE,
      time TEXT NOT NULL,
      state TEXT NOT NULL,
      status INTEGER NOT NULL,
      source TEXT NOT NULL,
      route TEXT NOT NULL,
      tenant TEXT,
      model TEXT,
      stream INTEGER NOT NULL,
      policy TEXT NOT NULL,
      revision TEXT NOT NULL,
      mode TEXT NOT NULL,
      action TEXT NOT NULL,
      rules TEXT NOT NULL,
      input TEXT,
      output TEXT,
      error TEXT NOT NULL,
      upstream_status INTEGER,
      attempts INTEGER NOT NULL,
      timings TEXT NOT NULL,
      bytes_in INTEGER NOT NULL,
      bytes_out INTEGER NOT NULL
"""
_SECOND = (
    f"CREATE TABLE openings (owner TEXT NOT NULL, {_FIELDS}) STRICT",  # all that a record needs, checked beforehand
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
"""What makes a log of version 2 out of one of version 1."""
_SCHEMA = (
    f"CREATE TABLE records (seq INTEGER PRIMARY KEY, {_FIELDS}) STRICT",
    "CREATE INDEX records_time ON records (time)",
    "CREATE INDEX records_state ON records (state, time)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    *_SECOND,
)

_COLUMNS = tuple(column.name for column in fields(AuditRecord))
_JSON_COLUMNS = frozenset({"rules", "input", "output", "timings"})
_JSON_PLACES = tuple(place for place, name in enumerate(_COLUMNS) if name in _JSON_COLUMNS)
_STATE, _STREAM = _COLUMNS.index("state"), _COLUMNS.index("stream")
_values = attrgetter(*_COLUMNS)
_NAMES, _MARKS = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
_BEGIN = f"INSERT OR REPLACE INTO openings ({_NAMES}, owner) VALUES ({_MARKS}, ?)"  # noqa: S608  ours
_COMPLETE = "DELETE FROM openings WHERE id = ?"
_KEPT = ", ".join({"state": f"'{State.ERROR_CLOSED}'", "error": f"'{INTERRUPTED}'"}.get(n, n) for n in _COLUMNS)
_RECOVER = (
    f"INSERT INTO records ({_NAMES}) SELECT {_KEPT} FROM openings WHERE owner = ? ORDER BY rowid "  # noqa: S608  ours
    "ON CONFLICT (id) DO NOTHING"
)
_MOST_AT_ONCE = 16
"""Rows of one statement. Under load the interpreter's lock is waited for at the end of each."""

_Row = tuple[str | int | None, ...]


@cache
def _insert(rows: int) -> str:
    marks = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO records ({', '.join(_COLUMNS)}) VALUES {', '.join([marks] * rows)}"  # noqa: S608  ours


class SqliteSink(GroupCommitSink[_Row]):
    """Appends to the SQLite file at *path*, which is created if need be; its folder is not.

    *synchronous* ``NORMAL`` is faster and may lose the last records if the machine, not just the process, goes down.
    """

    def __init__(self, path: str | Path, *, synchronous: Literal["FULL", "NORMAL", "EXTRA"] = "FULL") -> None:
        super().__init__(str(path))
        if synchronous not in ("FULL", "NORMAL", "EXTRA"):
            msg = f"synchronous is {synchronous!r}; it should be FULL, NORMAL or EXTRA"
            raise ValueError(msg)
        self._path = Path(path)
        self._synchronous = synchronous
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._owner = Owner(self._path)

    def _encode(self, record: AuditRecord) -> _Row:
        values: list[Any] = list(_values(record))
        for place in _JSON_PLACES:
            if values[place] is not None:
                values[place] = orjson.dumps(values[place]).decode()
        # Plain types: others SQLite asks for an adapter first.
        values[_STATE], values[_STREAM] = str(values[_STATE].value), int(values[_STREAM])
        orjson.dumps(values)  # refuses in one go what SQLite would trip over later: odd types, lone surrogates
        return tuple(values)

    def _open(self) -> bool:
        if self._connection is not None:
            if self._file == _identity(self._path):
                return False
            self._close()  # moved or deleted under us: what we would write now, nobody would find
        with contextlib.suppress(FileExistsError):
            # Readable by its owner only. O_EXCL, for closing a file that is in use would drop its locks (fcntl(2)).
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=2 * _MOST_AT_ONCE,
        )
        try:
            self._prepare(connection)
            _recover(connection, self._path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._file = _identity(self._path)
        return True

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if self._missing(connection):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in self._missing(connection):  # none, if another process was quicker
                connection.execute(statement)
            connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")

    def _missing(self, connection: sqlite3.Connection) -> tuple[str, ...]:
        """What is to be done to make the file a log of our version."""
        names = ("application_id", "user_version", "schema_version")
        marks = [int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in names]
        if not any(marks):
            return _SCHEMA
        if marks[0] != _APPLICATION_ID or not 1 <= marks[1] <= SCHEMA_VERSION:
            msg = f"`{self._path}` is no audit log of version {SCHEMA_VERSION}; give a file that is one, or a new name"
            raise AuditError(msg)
        return _SECOND if marks[1] == 1 else ()

    def _write(self, entries: Sequence[Entry[_Row]]) -> list[AuditError | None]:
        connection = self._connection
        if connection is None:
            msg = "the file is not open"
            raise AuditError(msg)
        if any(entry.opening or entry.id in self._begun for entry in entries):
            return self._write_one_by_one(connection, entries)
        rows = [entry.row for entry in entries]
        alone = len(rows) <= _MOST_AT_ONCE  # one statement is a transaction by itself
        try:
            if not alone:
                connection.execute("BEGIN IMMEDIATE")
            for start in range(0, len(rows), _MOST_AT_ONCE):
                some = rows[start : start + _MOST_AT_ONCE]
                connection.execute(_insert(len(some)), [value for row in some for value in row])
            if not alone:
                connection.execute("COMMIT")
        except (sqlite3.IntegrityError, OverflowError):
            connection.rollback()
            return self._write_one_by_one(connection, entries)
        return [None] * len(rows)

    def _write_one_by_one(
        self, connection: sqlite3.Connection, entries: Sequence[Entry[_Row]]
    ) -> list[AuditError | None]:
        """In one transaction as well, without the rows that cannot be written."""
        errors: list[AuditError | None] = []
        owner = self._owner.hold() if any(entry.opening for entry in entries) else ""
        connection.execute("BEGIN IMMEDIATE")
        for entry in entries:
            try:
                if entry.opening:
                    connection.execute(_BEGIN, (*entry.row, owner))
                else:
                    connection.execute(_insert(1), entry.row)
                    if entry.id in self._begun:
                        connection.execute(_COMPLETE, (entry.id,))
                errors.append(None)
            except (sqlite3.IntegrityError, OverflowError) as error:
                # As a rule that undoes the one statement (https://www.sqlite.org/lang_conflict.html, ABORT).
                if not connection.in_transaction:
                    raise
                what = "is there already" if "records.id" in str(error) else "has a field that cannot be written"
                errors.append(AuditError(f"record `{entry.id}` {what}"))
        connection.execute("COMMIT")
        return errors

    def _end(self, *, finished: bool) -> None:
        self._owner.release(finished=finished)

    def _forked(self) -> None:
        self._owner.forget()

    def _close(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()
        if self._file != _identity(self._path):
            # Where the file was moved, its write-ahead log has stayed behind with the last records in it, and a
            # new file at this path would throw them away: better no record now than one less.
            _, frames, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if copied < frames:
                msg = f"audit log `{self._path}` was moved while somebody reads it; end the reading or move it back"
                raise AuditError(msg)
        self._connection = None
        connection.close()


def read(path: str | Path, *, limit: int | None = None, newest_first: bool = True) -> Iterator[AuditRecord]:
    """The records of the log at *path*, at most *limit*, in the order they were written or the reverse.

    Raises:
        AuditError: there is no such log, or it cannot be read.
    """
    order = "DESC" if newest_first else "ASC"
    query = f"SELECT {', '.join(_COLUMNS)} FROM records ORDER BY seq {order} LIMIT ?"  # noqa: S608  ours
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            for row in connection.execute(query, (-1 if limit is None else limit,)):
                yield _record(row)
    except sqlite3.Error as error:
        msg = f"audit log `{path}` cannot be read: {error}"
        raise AuditError(msg) from error


def read_after(path: str | Path, seq: int) -> Iterator[tuple[int, AuditRecord]]:
    """The records of the log at *path* that were written after number *seq*, in order, each with its number.

    Raises:
        AuditError: there is no such log, or it cannot be read.
    """
    query = f"SELECT seq, {', '.join(_COLUMNS)} FROM records WHERE seq > ? ORDER BY seq"  # noqa: S608  ours
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            for number, *row in connection.execute(query, (seq,)):
                yield number, _record(tuple(row))
    except sqlite3.Error as error:
        msg = f"audit log `{path}` cannot be read: {error}"
        raise AuditError(msg) from error


def _recover(connection: sqlite3.Connection, path: Path) -> None:
    """Complete what was begun by processes that have ended."""
    owners = [str(name) for (name,) in connection.execute("SELECT DISTINCT owner FROM openings")]
    ended = [owner for owner in owners if not is_alive(path, owner)]
    if ended:
        connection.execute("BEGIN IMMEDIATE")
        for owner in ended:
            connection.execute(_RECOVER, (owner,))
            connection.execute("DELETE FROM openings WHERE owner = ?", (owner,))
        connection.execute("COMMIT")
    for file, _ in dead(path):
        bury(file)


def _record(row: tuple[Any, ...]) -> AuditRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in _JSON_COLUMNS:
        if values[name] is not None:
            values[name] = orjson.loads(values[name])
    return restored(values | {"stream": bool(values["stream"])})


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  twice as quick as the path's own way, at every commit
    except OSError:
        return None
    return status.st_dev, status.st_ino
