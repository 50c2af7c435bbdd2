from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from guard.audit import AuditRecord, State
from guard.audit.writer import MOST_WAITING, Entry, GroupCommitSink
from guard.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Held(GroupCommitSink[str]):
    """Keeps groups of ids in memory; holds each until it may go on, and fails where told to."""

    def __init__(self) -> None:
        super().__init__("held")
        self.groups: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.fails: Exception | None = None
        self.opened = self.closed = 0
        self.shut = True
        self.finished: bool | None = None

    def _encode(self, record: AuditRecord) -> str:
        return record.id

    def _open(self) -> bool:
        self.opened += 1
        first, self.shut = self.shut, False
        return first

    def _write(self, entries: Sequence[Entry[str]]) -> list[AuditError | None]:
        rows = [f"begin {entry.row}" if entry.opening else entry.row for entry in entries]
        self.begun.release()
        assert self.go_on.acquire(timeout=5)
        if self.fails is not None:
            raise self.fails
        self.groups.append(rows)
        return [AuditError("refused") if row == "refused" else None for row in rows]

    def _close(self) -> None:
        self.closed += 1
        self.shut = True

    def _end(self, *, finished: bool) -> None:
        self.finished = finished


def record(name: str) -> AuditRecord:
    return AuditRecord(id=name, time="t", state=State.ALLOWED)


def test_whatever_gathers_during_a_commit_goes_into_the_next_one():
    sink = Held()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sink.append(record("first")))
            await asyncio.to_thread(sink.begun.acquire)
            for i in range(50):
                group.create_task(sink.append(record(f"r{i}")))
            await asyncio.sleep(0)
            sink.go_on.release(2)

    asyncio.run(main())
    sink.close()

    assert sink.groups == [["first"], [f"r{i}" for i in range(50)]]


def test_append_does_not_return_before_the_commit():
    sink = Held()

    async def main() -> None:
        task = asyncio.ensure_future(sink.append(record("a")))
        await asyncio.to_thread(sink.begun.acquire)
        await asyncio.sleep(0.01)
        assert not task.done()
        sink.go_on.release()
        await task

    asyncio.run(main())
    sink.close()


def test_only_the_refused_record_of_a_group_fails():
    sink = Held()
    sink.go_on.release(5)

    async def main() -> list[object]:
        names = ("a", "refused", "b")
        return await asyncio.gather(*(sink.append(record(name)) for name in names), return_exceptions=True)

    answers = asyncio.run(main())
    sink.close()

    assert [str(answer) for answer in answers] == ["None", "refused", "None"]


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (OSError(28, "No space left on device"), "audit log `held` cannot be written: No space left on device"),
        (ValueError(), "audit log `held` cannot be written: ValueError"),
        (AuditError("in its own words"), "in its own words"),
    ],
)
def test_after_an_error_the_file_is_closed_and_the_next_append_starts_afresh(raised: Exception, said: str):
    sink = Held()
    sink.go_on.release(2)
    sink.fails = raised
    with pytest.raises(AuditError) as caught:
        sink.append_sync(record("a"))
    closed = sink.closed
    sink.fails = None
    sink.append_sync(record("b"))
    sink.close()

    assert str(caught.value) == said
    assert closed == 1
    assert sink.groups == [["b"]]


def test_beyond_its_bound_the_queue_refuses_records():
    sink = Held()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sink.append(record("first")))
            await asyncio.to_thread(sink.begun.acquire)
            for i in range(MOST_WAITING):
                group.create_task(sink.append(record(f"r{i}")))
            await asyncio.sleep(0)
            with pytest.raises(AuditError, match="overloaded"):
                await sink.append(record("one too many"))
            sink.go_on.release(2)

    asyncio.run(main())
    sink.close()

    assert sum(map(len, sink.groups)) == MOST_WAITING + 1


def test_a_loop_that_ended_before_the_commit_does_not_stop_the_writer():
    sink = Held()

    async def leave() -> None:
        sink._put_task = asyncio.ensure_future(sink.append(record("left")))
        await asyncio.to_thread(sink.begun.acquire)

    asyncio.run(leave())
    sink.go_on.release(2)
    sink.append_sync(record("stays"))
    sink.close()

    assert sink.groups == [["left"], ["stays"]]


def test_opening_asks_for_the_file_and_writes_nothing():
    sink = Held()
    sink.open()
    sink.close()

    assert (sink.opened, sink.groups, sink.commits) == (1, [], 0)


def test_what_is_begun_is_noted_anew_in_every_file_that_is_opened_until_it_is_completed():
    sink = Held()
    sink.go_on.release(9)
    sink.begin_sync(record("a"))
    sink.begin_sync(record("b"))
    sink.append_sync(record("a"))
    sink.fails = OSError(28, "No space left on device")
    with pytest.raises(AuditError):
        sink.append_sync(record("c"))
    with pytest.raises(AuditError):
        sink.begin_sync(record("d"))
    sink.fails = None
    sink.append_sync(record("e"))
    sink.append_sync(record("b"))
    sink.close()

    assert sink.groups == [["begin a"], ["begin b"], ["a"], ["begin b", "e"], ["b"]]
    assert sink.finished is True


def test_a_sink_that_is_closed_with_something_begun_is_not_finished():
    sink = Held()
    sink.go_on.release(1)
    sink.begin_sync(record("a"))
    sink.close()

    assert sink.finished is False
