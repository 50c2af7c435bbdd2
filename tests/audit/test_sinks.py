"""What every sink promises, and what each of ours does beyond."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from guard.audit import AuditRecord, State
from guard.audit.jsonl import JsonlSink
from guard.audit.sqlite import SqliteSink, read
from guard.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from guard.audit import AuditSink

KINDS = {"sqlite": SqliteSink, "jsonl": JsonlSink}


def record(name: str, **more: Any) -> AuditRecord:
    return AuditRecord(id=name, time="2026-03-01T12:00:00.000Z", state=State.ALLOWED, **more)


def ids(path: Path) -> list[str]:
    """The ids in the log at *path*, as a stranger to the sink sees them."""
    if path.suffix == ".sqlite":
        return [each.id for each in read(path, newest_first=False)]
    return [orjson.loads(line)["id"] for line in path.read_bytes().split(b"\n")[:-1]]


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"audit.{request.param}"


@pytest.fixture
def make(path: Path) -> Iterator[Callable[..., Any]]:
    made: list[AuditSink] = []

    def build(at: Path | None = None) -> AuditSink:
        made.append(KINDS[path.suffix[1:]](at or path))
        return made[-1]

    yield build
    for sink in made:
        sink.close()


@pytest.fixture
def sink(make: Callable[..., Any]) -> Any:
    return make()


def test_a_record_is_in_the_file_when_append_returns(sink: Any, path: Path):
    async def main() -> None:
        for i in range(3):
            await sink.append(record(f"r{i}"))
            assert ids(path)[-1] == f"r{i}"

    asyncio.run(main())
    sink.append_sync(record("r3"))

    assert ids(path) == ["r0", "r1", "r2", "r3"]


def test_only_its_owner_can_read_the_file(sink: Any, path: Path):
    sink.open()

    assert path.stat().st_mode & 0o777 == 0o600


def test_many_appends_at_once_share_few_commits(sink: Any, path: Path):
    async def main() -> None:
        await asyncio.gather(*(sink.append(record(f"r{i}")) for i in range(500)))

    asyncio.run(main())

    assert ids(path) == [f"r{i}" for i in range(500)]
    assert 1 <= sink.commits <= 20


def test_one_append_waits_for_no_company(sink: Any):
    sink.append_sync(record("a"))
    sink.append_sync(record("b"))

    assert sink.commits == 2


def test_loops_and_threads_write_at_the_same_time(sink: Any, path: Path):
    async def main(name: str) -> None:
        await asyncio.gather(*(sink.append(record(f"{name}-{i}")) for i in range(50)))

    def plain(name: str) -> None:
        for i in range(20):
            sink.append_sync(record(f"{name}-{i}"))

    threads = [threading.Thread(target=lambda n=n: asyncio.run(main(f"loop{n}"))) for n in range(3)]
    threads += [threading.Thread(target=plain, args=(f"thread{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    expected = {f"loop{n}-{i}" for n in range(3) for i in range(50)} | {
        f"thread{n}-{i}" for n in range(2) for i in range(20)
    }
    assert sorted(ids(path)) == sorted(expected)


def test_a_cancelled_append_is_written_all_the_same(sink: Any, path: Path):
    async def main() -> None:
        task = asyncio.ensure_future(sink.append(record("gone")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sink.append(record("stays"))

    asyncio.run(main())

    assert ids(path) == ["gone", "stays"]


def test_closing_writes_what_was_accepted(sink: Any, path: Path):
    async def main() -> None:
        tasks = [asyncio.ensure_future(sink.append(record(f"r{i}"))) for i in range(100)]
        await asyncio.sleep(0)
        sink.close()
        assert len(ids(path)) == 100
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_a_closed_sink_refuses_records_and_closes_again_in_peace(sink: Any):
    sink.append_sync(record("a"))
    sink.close()
    sink.close()

    with pytest.raises(AuditError, match="is closed"):
        sink.append_sync(record("b"))


def test_a_sink_that_was_never_used_leaves_no_file(sink: Any, path: Path):
    sink.close()

    assert not path.exists()


def test_a_file_that_cannot_be_made_is_said_at_once_and_the_sink_recovers(make: Callable[..., Any], path: Path):
    later = path.parent / "later" / path.name
    sink = make(later)

    with pytest.raises(AuditError, match="cannot be written"):
        sink.open()
    with pytest.raises(AuditError, match="cannot be written"):
        asyncio.run(sink.append(record("a")))
    later.parent.mkdir()
    sink.append_sync(record("b"))

    assert ids(later) == ["b"]


def test_every_record_of_a_group_that_failed_hears_of_it(make: Callable[..., Any], path: Path):
    sink = make(path.parent / "missing" / path.name)

    async def main() -> list[Any]:
        return await asyncio.gather(*(sink.append(record(f"r{i}")) for i in range(50)), return_exceptions=True)

    errors = asyncio.run(main())

    assert [type(error) for error in errors] == [AuditError] * 50
    assert len({id(error) for error in errors}) == 50


def test_a_file_that_was_moved_away_is_begun_anew(sink: Any, path: Path):
    sink.append_sync(record("old"))
    path.rename(path.with_stem("moved"))
    sink.append_sync(record("new"))

    assert ids(path) == ["new"]
    assert ids(path.with_stem("moved")) == ["old"]


def test_a_record_that_cannot_be_written_fails_alone_and_says_nothing_of_its_content(sink: Any, path: Path):
    odd = [record("odd1", model="zorblax\ud800"), record("odd2", input={"zorblax": object()})]

    async def main() -> list[Any]:
        group = [record("a"), *odd, record("b")]
        return await asyncio.gather(*(sink.append(each) for each in group), return_exceptions=True)

    answers = asyncio.run(main())

    assert [type(answer) for answer in answers] == [type(None), AuditError, AuditError, type(None)]
    assert not any("zorblax" in str(answer) for answer in answers)
    assert ids(path) == ["a", "b"]


KILLED = """
import asyncio, sys
from pathlib import Path
from guard.audit import AuditRecord, State
from guard.audit.jsonl import JsonlSink
from guard.audit.sqlite import SqliteSink

path = Path(sys.argv[1])
sink = (SqliteSink if path.suffix == ".sqlite" else JsonlSink)(path)

async def client(name):
    for i in range(1_000_000):
        await sink.append(AuditRecord(id=f"{name}-{i}", time="t", state=State.ALLOWED))
        sys.stdout.write(f"{name}-{i}\\n")
        sys.stdout.flush()

async def main():
    await asyncio.gather(*(client(n) for n in range(8)))

asyncio.run(main())
"""


def test_s45_after_kill_9_every_acknowledged_record_is_there_once(path: Path):
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(400)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.readlines()

    names = [line.decode().strip() for line in acknowledged if line.endswith(b"\n")]
    stored = ids(path)
    assert len(names) >= 400
    assert set(names) <= set(stored)
    assert len(stored) == len(set(stored))


def test_several_processes_write_to_the_same_file(path: Path):
    program = KILLED.replace("1_000_000", "20").replace("client(n)", "client(f'{sys.argv[2]}-{n}')")
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(path), str(n)], stdout=subprocess.DEVNULL)
        for n in range(3)
    ]

    assert [process.wait(20) for process in processes] == [0, 0, 0]
    assert len(set(ids(path))) == len(ids(path)) == 3 * 8 * 20


# SQLite alone


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "audit.sqlite"


@pytest.fixture
def log(database: Path) -> Iterator[SqliteSink]:
    sink = SqliteSink(database)
    yield sink
    sink.close()


def test_a_record_is_read_as_it_was_written(log: SqliteSink, database: Path):
    full = AuditRecord(
        id="full", time="2026-03-01T12:00:00.000Z", state=State.REDACTED, status=200, source="library", route="/v1/x",
        tenant="t", model="模型", stream=True, policy="p", revision="r", mode="enforce", action="redact",
        rules=("a", "b"), input={"findings": [{"span": [1, 2]}]}, output={"action": "allow"}, error="e",
        upstream_status=502, attempts=2, timings={"total": 1.25}, bytes_in=10, bytes_out=20,
    )  # fmt: skip
    log.append_sync(full)
    log.append_sync(record("bare"))

    assert list(read(database)) == [record("bare"), full]
    assert [type(each.state) for each in read(database)] == [State, State]


def test_reading_gives_the_newest_first_and_no_more_than_asked(log: SqliteSink, database: Path):
    for i in range(5):
        log.append_sync(record(f"r{i}"))

    assert [each.id for each in read(database, limit=2)] == ["r4", "r3"]
    assert [each.id for each in read(database, limit=2, newest_first=False)] == ["r0", "r1"]


def test_reading_a_log_that_is_not_there_is_an_error_and_makes_no_file(database: Path):
    with pytest.raises(AuditError, match="cannot be read"):
        list(read(database))

    assert not database.exists()


def test_an_id_that_is_there_already_is_refused_and_the_rest_of_the_group_is_written(log: SqliteSink, database: Path):
    log.append_sync(record("a"))

    async def main() -> list[Any]:
        return await asyncio.gather(*(log.append(record(name)) for name in "bacb"), return_exceptions=True)

    answers = asyncio.run(main())

    assert [str(answer) for answer in answers] == [
        "None",
        "record `a` is there already",
        "None",
        "record `b` is there already",
    ]
    assert ids(database) == ["a", "b", "c"]


def test_a_number_too_large_for_the_file_fails_alone(log: SqliteSink, database: Path):
    with pytest.raises(AuditError, match="record `big` has a field that cannot be written"):
        log.append_sync(record("big", bytes_in=2**63))

    log.append_sync(record("a"))
    assert ids(database) == ["a"]


def test_a_group_that_cannot_be_committed_is_refused_whole_and_the_next_one_is_written(log: SqliteSink, database: Path):
    log.append_sync(record("a"))
    other = sqlite3.connect(database, isolation_level=None)
    other.execute(
        "CREATE TRIGGER full AFTER INSERT ON records WHEN NEW.id = 'd' BEGIN SELECT RAISE(ROLLBACK, 'full'); END"
    )

    async def main() -> list[Any]:
        return await asyncio.gather(*(log.append(record(name)) for name in "bcde"), return_exceptions=True)

    answers = asyncio.run(main())
    other.execute("DROP TRIGGER full")
    other.close()
    log.append_sync(record("f"))

    assert isinstance(answers[2], AuditError)
    written = [name for name, answer in zip("bcde", answers, strict=True) if answer is None]
    assert ids(database) == ["a", *written, "f"]


def test_another_process_that_keeps_the_file_locked_is_an_error_and_passes(log: SqliteSink, database: Path):
    log.append_sync(record("a"))
    log._connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(AuditError, match="locked"):
        log.append_sync(record("b"))

    other.execute("ROLLBACK")
    other.close()
    log.append_sync(record("c"))
    assert ids(database) == ["a", "c"]


def test_a_file_that_is_moved_while_it_is_read_loses_no_record(log: SqliteSink, database: Path):
    log.append_sync(record("a"))
    reading = sqlite3.connect(database, isolation_level=None)
    reading.execute("BEGIN")
    reading.execute("SELECT id FROM records").fetchall()
    log.append_sync(record("b"))
    database.rename(database.with_stem("moved"))

    for _ in range(2):
        with pytest.raises(AuditError, match="was moved while somebody reads it"):
            log.append_sync(record("c"))
    reading.close()
    log.append_sync(record("d"))

    assert ids(database.with_stem("moved")) == ["a", "b"]
    assert ids(database) == ["d"]


@pytest.mark.parametrize("content", [b"a text of some length, not a database" * 40, None], ids=["text", "other"])
def test_a_file_that_is_no_audit_log_is_left_alone(database: Path, content: bytes | None):
    if content is None:
        other = sqlite3.connect(database)
        other.execute("CREATE TABLE records (id TEXT)")
        other.close()
    else:
        database.write_bytes(content)
    before = database.read_bytes()
    sink = SqliteSink(database)

    with pytest.raises(AuditError, match=r"no audit log of version 2|not a database"):
        sink.open()

    sink.close()
    assert database.read_bytes() == before


def test_a_log_is_continued_after_a_restart(log: SqliteSink, database: Path):
    log.append_sync(record("a"))
    log.close()
    again = SqliteSink(database)
    again.append_sync(record("b"))
    again.close()

    assert ids(database) == ["a", "b"]


def test_the_file_says_what_it_is_and_syncs_each_commit(log: SqliteSink, database: Path):
    log.append_sync(record("a"))

    assert log._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    other = sqlite3.connect(database)
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert other.execute("PRAGMA user_version").fetchone() == (2,)
    plan = str(other.execute("EXPLAIN QUERY PLAN SELECT * FROM records WHERE state = 'x' AND time > 'y'").fetchall())
    other.close()
    assert "records_state" in plan


def test_a_way_to_sync_that_sqlite_does_not_know_is_refused(database: Path):
    with pytest.raises(ValueError, match="it should be FULL, NORMAL or EXTRA"):
        SqliteSink(database, synchronous="OFF")  # type: ignore[arg-type]


# JSON lines alone


def test_a_line_is_the_whole_record(tmp_path: Path):
    sink = JsonlSink(tmp_path / "a.jsonl")
    written = record("a", rules=("x",), timings={"total": 1.5}, tenant="租户")
    sink.append_sync(written)
    sink.close()

    (line,) = (tmp_path / "a.jsonl").read_bytes().splitlines()
    assert orjson.loads(line) == {**asdict(written), "rules": ["x"]}


def test_a_full_disk_is_an_error(tmp_path: Path):
    sink = JsonlSink("/dev/full")

    with pytest.raises(AuditError, match="No space left on device"):
        sink.append_sync(record("a"))

    sink.close()


LIMITED = textwrap.dedent("""
    import resource, signal, sys
    from guard.audit import AuditRecord, State
    from guard.audit.jsonl import JsonlSink
    from guard.errors import AuditError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sink = JsonlSink(sys.argv[1])
    sink.append_sync(AuditRecord(id="a", time="t", state=State.ALLOWED))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        sink.append_sync(AuditRecord(id="b" * 500, time="t", state=State.ALLOWED))
        sys.exit("the disk was not full")
    except AuditError:
        pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    sink.append_sync(AuditRecord(id="c", time="t", state=State.ALLOWED))
    sink.close()
""")


def test_a_line_that_did_not_fit_leaves_no_piece_behind_and_the_sink_recovers(tmp_path: Path):
    subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path / "a.jsonl")], check=True, timeout=20)

    assert ids(tmp_path / "a.jsonl") == ["a", "c"]


def test_a_line_torn_by_a_crash_does_not_swallow_the_next(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id":"whole"}\n{"id":"to')
    sink = JsonlSink(path)
    sink.append_sync(record("next"))
    sink.close()

    lines = path.read_bytes().splitlines()
    assert lines[:2] == [b'{"id":"whole"}', b'{"id":"to']
    assert orjson.loads(lines[2])["id"] == "next"


def test_a_pipe_is_written_to_without_a_sync(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = JsonlSink(pipe)
    sink.append_sync(record("a"))

    assert orjson.loads(os.read(reader, 10_000))["id"] == "a"
    sink.close()
    os.close(reader)
