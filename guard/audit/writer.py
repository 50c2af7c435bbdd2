"""Group commit: one thread writes whatever has gathered since its last commit, and commits it as one.

A commit costs a sync of the disk, which is the same for one record and for a hundred. So nobody waits for
company: under little load a record is alone in its group, under much load the groups grow by themselves. The thread is
woken once per turn of an event loop, after all who had something to record in it: while others still run it could not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
import weakref
from abc import abstractmethod
from collections import defaultdict
from concurrent.futures import Future as ThreadFuture
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from guard.audit.sink import AuditSink
from guard.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guard.audit.record import AuditRecord

Row = TypeVar("Row")
_Future = asyncio.Future[None] | ThreadFuture[None]

MOST_WAITING = 10_000
"""Records that may wait to be written; the next one is refused, and its request with it."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[Row]):
    """What is to be written of the request *id*: its terminal record, or its *opening*."""

    id: str
    row: Row
    opening: bool = False


@dataclass(slots=True, eq=False)
class _Waiter(Generic[Row]):
    """One append. *entry* None asks only that the file be open. The future belongs to *loop*, or to no loop."""

    entry: Entry[Row] | None
    future: _Future
    loop: asyncio.AbstractEventLoop | None = None


class GroupCommitSink(AuditSink, Generic[Row]):
    """An `AuditSink` on a thread of its own. A subclass says how a group is made durable, and is called on that thread.

    After an error the file is closed; the next append opens it again. What was begun and not yet completed is noted
    anew in every file that is opened, for it may be another one than before.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._closed = False
        self.commits = 0
        """Groups written since the start."""
        self._begin()
        _SINKS.add(self)

    def _begin(self) -> None:
        """Nobody waits and no thread runs: at the start, and in a forked child."""
        self._begun: dict[str, Entry[Row]] = {}
        self._to_note = False
        self._lock = threading.Lock()  # guards who waits, whether the thread was woken, and whether it is to end
        self._waiting: list[_Waiter[Row]] = []
        self._woken = False
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.file_lock = threading.Lock()
        """Held while the file is written, and while the process forks."""

    @abstractmethod
    def _encode(self, record: AuditRecord) -> Row:
        """The row of *record*; on the caller's thread. Raises `TypeError` if something in it cannot be written."""

    @abstractmethod
    def _open(self) -> bool:
        """Make sure that the file is open and still the one at its path, and whether that took opening it.

        Opening includes recovering what processes that have ended left unfinished in it.
        """

    @abstractmethod
    def _write(self, entries: Sequence[Entry[Row]]) -> list[AuditError | None]:
        """Make *entries* durable, but for the ones refused with an error of their own. Raises if none of them is.

        An opening may be there already, from before the file was opened.
        """

    @abstractmethod
    def _close(self) -> None:
        """Let go of the file, if it is open."""

    def _end(self, *, finished: bool) -> None:
        """The sink is closed for good; *finished* if all that it has begun is completed."""

    def _forked(self) -> None:
        """This is a forked child now: what was begun is its parent's."""

    def open(self) -> None:  # noqa: D102  see AuditSink
        self._wait(None)

    async def append(self, record: AuditRecord) -> None:  # noqa: D102  see AuditSink
        await self._written(self._entry(record))

    def append_sync(self, record: AuditRecord) -> None:  # noqa: D102  see AuditSink
        self._wait(self._entry(record))

    async def begin(self, record: AuditRecord) -> None:  # noqa: D102  see AuditSink
        await self._written(self._entry(record, opening=True))

    def begin_sync(self, record: AuditRecord) -> None:  # noqa: D102  see AuditSink
        self._wait(self._entry(record, opening=True))

    def close(self) -> None:  # noqa: D102  see AuditSink
        with self._lock:
            self._closed = True
            thread = self._thread
        self._bell.put(None)
        if thread is not None:
            thread.join()

    # On the caller's thread

    def _entry(self, record: AuditRecord, *, opening: bool = False) -> Entry[Row]:
        try:
            return Entry(record.id, self._encode(record), opening)
        except TypeError as error:
            msg = f"record `{record.id}` has a field that cannot be written"
            raise AuditError(msg) from error

    async def _written(self, entry: Entry[Row]) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._put(_Waiter(entry, future, loop))
        loop.call_soon(self._wake)
        await future

    def _wait(self, entry: Entry[Row] | None) -> None:
        future: ThreadFuture[None] = ThreadFuture()
        self._put(_Waiter(entry, future))
        self._wake()
        future.result()

    def _put(self, waiter: _Waiter[Row]) -> None:
        with self._lock:
            if self._closed:
                msg = f"audit log `{self._name}` is closed"
                raise AuditError(msg)
            if len(self._waiting) >= MOST_WAITING:
                msg = f"audit log `{self._name}` is overloaded: {MOST_WAITING} records wait to be written"
                raise AuditError(msg)
            if self._thread is None:
                self._start()
            self._waiting.append(waiter)

    def _wake(self) -> None:
        """Have the thread look, if there is anything that it has not been told of."""
        with self._lock:
            if self._woken or not self._waiting:
                return
            self._woken = True
        self._bell.put(None)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="guard-audit", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            msg = f"audit log `{self._name}` cannot be written: no thread can be started"
            raise AuditError(msg) from error
        self._thread = thread

    # On the writer's thread

    def _run(self) -> None:
        closing = False
        while not closing:
            self._bell.get()
            with self._lock:
                group, self._waiting = self._waiting, []
                self._woken = False
                closing = self._closed  # nothing comes after that
            if group:
                with self.file_lock:
                    self._commit(group)
        with self.file_lock:
            self._let_go()
            with contextlib.suppress(Exception):
                self._end(finished=not self._begun)

    def _commit(self, group: list[_Waiter[Row]]) -> None:
        entries = [(index, waiter.entry) for index, waiter in enumerate(group) if waiter.entry is not None]
        errors: list[AuditError | None] = [None] * len(group)
        try:
            self._to_note |= self._open()
            if entries:
                again = list(self._begun.values()) if self._to_note else []
                written = self._write(again + [entry for _, entry in entries])
                self.commits += 1
                self._to_note = False
                for (index, entry), error in zip(entries, written[len(again) :], strict=True):
                    errors[index] = error
                    if error is None:
                        self._keep_count(entry)
        except Exception as error:  # noqa: BLE001  the edge: whatever went wrong, those who wait must hear of it
            self._let_go()
            errors = [self._failed(error) for _ in group]
        _answer(group, errors)

    def _keep_count(self, entry: Entry[Row]) -> None:
        if entry.opening:
            self._begun[entry.id] = entry
        else:
            self._begun.pop(entry.id, None)

    def _failed(self, error: Exception) -> AuditError:
        if isinstance(error, AuditError):
            return AuditError(*error.args)
        said = error.strerror if isinstance(error, OSError) else str(error)
        return AuditError(f"audit log `{self._name}` cannot be written: {said or type(error).__name__}")

    def _let_go(self) -> None:
        # An error while closing changes nothing: what was acknowledged is durable, and the rest has its error.
        with contextlib.suppress(Exception):
            self._close()


def _answer(group: Iterable[_Waiter[Row]], errors: Iterable[AuditError | None]) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[_Future, AuditError | None]]] = defaultdict(list)
    for waiter, error in zip(group, errors, strict=True):
        if waiter.loop is None:
            _settle([(waiter.future, error)])
        else:
            by_loop[waiter.loop].append((waiter.future, error))
    for loop, answers in by_loop.items():
        with contextlib.suppress(RuntimeError):  # that loop is closed, so nobody waits on it
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: Iterable[tuple[_Future, AuditError | None]]) -> None:
    for future, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


# Neither a lock on a file nor a SQLite connection may be carried across a fork (https://www.sqlite.org/howtocorrupt.html
# §2.6), so before one every file is closed, between two commits; whoever writes next opens it again.

_SINKS: weakref.WeakSet[GroupCommitSink[Any]] = weakref.WeakSet()
_FORKING = threading.Lock()
_held: list[GroupCommitSink[Any]] = []

_LONGEST_COMMIT = 5.0
"""Seconds that a fork waits for a commit: a pipe that nobody reads would keep it forever."""


def _before_fork() -> None:
    _FORKING.acquire()
    for sink in list(_SINKS):
        if sink.file_lock.acquire(timeout=_LONGEST_COMMIT):
            _held.append(sink)
            sink._let_go()  # noqa: SLF001  ours


def _after_fork() -> None:
    while _held:
        _held.pop().file_lock.release()
    _FORKING.release()


def _begin_in_child() -> None:
    _after_fork()
    for sink in list(_SINKS):
        sink._begin()  # noqa: SLF001  ours
        with contextlib.suppress(Exception):
            sink._forked()  # noqa: SLF001  ours


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_begin_in_child)
