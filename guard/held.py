"""Answers that wait for a person: kept in one SQLite file until somebody releases or refuses them, or time is up.

Several processes may share the file. It holds content, unlike the audit log: only its owner may read it, what was
refused is deleted from it at once, what expired with the next `HeldStore.sweep`, and what it may hold is bounded.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from guard.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST = 10_000
"""Answers that may wait at the same time."""
_REMEMBERED_S = 30 * 86_400.0
"""For how long it is known of a ticket what became of its answer."""
_BUSY_S = 5.0
_APPLICATION_ID = 0x47484C44
"""The four letters GHLD, at offset 68 of the file."""
_SCHEMA = """
CREATE TABLE held (
  id TEXT PRIMARY KEY,
  tenant TEXT,
  created REAL NOT NULL,
  expires REAL NOT NULL,
  keeps REAL NOT NULL,
  standing TEXT NOT NULL,
  size INTEGER NOT NULL,
  about TEXT NOT NULL,
  body BLOB
) STRICT;
CREATE INDEX held_standing ON held (standing, expires);
"""


def _now() -> float:
    return datetime.now(UTC).timestamp()


class HeldError(GuardError):
    """An answer that cannot be kept or decided on, with why."""


class Standing(StrEnum):
    """What became of an answer."""

    PENDING = "pending"
    RELEASED = "released"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """One answer that was held, without its body.

    *expires* is when it is too late to decide, or once released to fetch it: seconds since 1970, as *created*. *keeps*
    is how many seconds that is from a release on. *summary* is what the audit record says of the decision; *headers*
    are sent with the body. *asset* is the sha256 of a file that is not to be served before; its bytes are kept to be
    looked at, not to be fetched.
    """

    id: str
    created: float
    expires: float
    keeps: float
    tenant: str | None = None
    standing: Standing = Standing.PENDING
    size: int = 0
    status: int = 200
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    route: str = ""
    model: str | None = None
    policy: str = ""
    revision: str = ""
    message: str = ""
    summary: dict[str, Any] | None = None
    by: str = ""
    reason: str = ""
    decided: float | None = None
    asset: str = ""


_ABOUT = (
    "status", "media_type", "headers", "route", "model", "policy", "revision", "message", "summary", "by", "reason",
    "decided", "asset",
)  # fmt: skip


class HeldStore:
    """The file at *path*, made when the first answer is kept. Blocking; for use from any thread."""

    def __init__(
        self, path: str | Path, *, max_bytes: int = 2**30, most: int = MOST, clock: Callable[[], float] = _now
    ) -> None:
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def keep(self, answer: HeldAnswer, body: bytes) -> None:
        """Keep *answer* with its *body*, durably; what is known of the same ticket already stays.

        Raises:
            HeldError: there is no room, or the file cannot be written.
        """
        with self._writing(make=True) as connection:
            if connection is None:
                raise HeldError("the file could not be made")
            self._forget(connection)
            count, size = connection.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM held WHERE body IS NOT NULL"
            ).fetchone()
            if count >= self._most or size + len(body) > self._max_bytes:
                msg = f"{count} answers with {size} bytes are held, and there is no room for {len(body)} bytes more"
                raise HeldError(msg)
            connection.execute(
                "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (
                    answer.id, answer.tenant, answer.created, answer.expires, answer.keeps, answer.standing.value,
                    len(body), _about(answer), body,
                ),
            )  # fmt: skip

    def find(self, ticket: str) -> HeldAnswer | None:
        """The answer of that *ticket*; None if there is none that is known."""
        with self._reading() as connection:
            row = connection and connection.execute(_SELECT + " WHERE id = ?", (ticket,)).fetchone()
        return self._answer(row) if row else None

    def body(self, ticket: str) -> bytes | None:
        """What is kept of an answer; None if that is nothing any more."""
        with self._reading() as connection:
            row = (
                connection
                and connection.execute(
                    "SELECT body FROM held WHERE id = ? AND expires > ?", (ticket, self._clock())
                ).fetchone()
            )
        return row[0] if row else None

    def waiting(self, most: int = 100) -> list[HeldAnswer]:
        """The answers that wait, those first whose time is up first."""
        with self._reading() as connection:
            rows = connection.execute(
                _SELECT + " WHERE standing = 'pending' AND expires > ? ORDER BY expires, id LIMIT ?",
                (self._clock(), most),
            ).fetchall() if connection else []  # fmt: skip
        return [self._answer(row) for row in rows]

    def load(self) -> tuple[int, int]:
        """How many answers wait, and how many bytes everything that is kept has."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT count(*) FILTER (WHERE standing = 'pending' AND expires > ?), coalesce(sum(size), 0) "
                "FROM held WHERE body IS NOT NULL",
                (self._clock(),),
            ).fetchone() if connection else (0, 0)  # fmt: skip
        return int(row[0]), int(row[1])

    def decide(
        self,
        ticket: str,
        standing: Standing,
        *,
        by: str,
        reason: str = "",
        record: Callable[[HeldAnswer], None] = lambda _: None,
    ) -> HeldAnswer:
        """Release or refuse what waits, once *record* has written that down; if that raises, it goes on waiting.

        Raises:
            HeldError: nothing waits under that *ticket*.
        """
        with self._writing() as connection:
            row = connection and connection.execute(_SELECT + " WHERE id = ?", (ticket,)).fetchone()
            answer = self._answer(row) if row else None
            if connection is None or answer is None:
                raise HeldError("no answer is held under that ticket")
            if answer.standing is not Standing.PENDING:
                raise HeldError(f"the answer is {answer.standing.value}, so nothing is left to decide")
            now = self._clock()
            expires = now + answer.keeps if standing is Standing.RELEASED else answer.expires
            decided = replace(answer, standing=standing, by=by, reason=reason, decided=now, expires=expires)
            connection.execute(
                "UPDATE held SET standing = ?, expires = ?, about = ?, body = CASE WHEN ? THEN body END WHERE id = ?",
                (standing.value, expires, _about(decided), standing is Standing.RELEASED and not answer.asset, ticket),
            )
            record(decided)
        if standing is Standing.REFUSED:
            with contextlib.suppress(HeldError):  # it is decided even so
                self._shed()
        return decided

    def drop(self, ticket: str) -> None:
        """Forget an answer that nobody was told of."""
        with self._writing() as connection:
            if connection is not None:
                connection.execute("DELETE FROM held WHERE id = ?", (ticket,))

    def sweep(self) -> None:
        """Delete what has expired."""
        with self._writing() as connection:
            if connection is not None:
                self._forget(connection)
        self._shed()

    def close(self) -> None:
        """Let go of the file. It can be used again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _shed(self) -> None:
        """Empty the file of what was written last, which has what was deleted since; later, where others read it."""
        with self._reading() as connection:
            if connection is not None:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _answer(self, row: tuple[Any, ...]) -> HeldAnswer:
        ticket, tenant, created, expires, keeps, standing, size, about = row
        known: dict[str, Any] = orjson.loads(about)
        known["headers"] = tuple((name, value) for name, value in known["headers"])
        over = standing in {Standing.PENDING, Standing.RELEASED} and expires <= self._clock()
        return HeldAnswer(
            ticket, created, expires, keeps, tenant, Standing.EXPIRED if over else Standing(standing), size, **known
        )

    def _forget(self, connection: sqlite3.Connection) -> None:
        """Delete the bodies of what expired, and what is known of it after a while."""
        now = self._clock()
        connection.execute("UPDATE held SET body = NULL WHERE expires <= ? AND body IS NOT NULL", (now,))
        connection.execute("DELETE FROM held WHERE expires <= ?", (now - _REMEMBERED_S,))

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._lock, _told():
            yield self._opened(make=False)

    @contextlib.contextmanager
    def _writing(self, *, make: bool = False) -> Iterator[sqlite3.Connection | None]:
        """A transaction, kept if nothing is raised in it."""
        with self._lock, _told():
            connection = self._opened(make=make)
            if connection is None:
                yield None
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _opened(self, *, make: bool) -> sqlite3.Connection | None:
        """The file, open; None if there is none and it is not to be made."""
        if self._connection is not None and self._path.exists():
            return self._connection
        if self._connection is not None:  # deleted under us: what we would write now, nobody would find
            self._connection.close()
            self._connection = None
        if not make and not self._path.exists():
            return None
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA secure_delete = ON")  # what was refused is not left in free pages
        connection.execute("BEGIN IMMEDIATE")
        mark, tables = (
            connection.execute(f"SELECT {what}").fetchone()[0]
            for what in ("application_id FROM pragma_application_id", "count(*) FROM sqlite_schema")
        )
        if not tables:
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
        elif mark != _APPLICATION_ID:
            connection.execute("ROLLBACK")
            raise HeldError(f"`{self._path}` holds something else; name another file in `held: {{path: …}}`")
        connection.execute("COMMIT")


_SELECT = "SELECT id, tenant, created, expires, keeps, standing, size, about FROM held"


def _about(answer: HeldAnswer) -> str:
    return orjson.dumps({name: getattr(answer, name) for name in _ABOUT}).decode()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise HeldError(f"held answers cannot be read or written: {type(error).__name__}") from error
