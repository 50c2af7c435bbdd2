"""What is released before its end is known has a record all the same, whatever happens in between."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
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

KINDS: dict[str, Any] = {"sqlite": SqliteSink, "jsonl": JsonlSink}


def record(name: str, state: State = State.ALLOWED, **more: Any) -> AuditRecord:
    return AuditRecord(id=name, time="2026-03-01T12:00:00.000Z", state=state, **more)


def terminal(path: Path) -> list[dict[str, Any]]:
    """The records in the log at *path*, in the order they were written, openings left out."""
    if path.suffix == ".sqlite":
        return [{"id": r.id, "state": r.state.value, "error": r.error} for r in read(path, newest_first=False)]
    lines, torn = [], []
    for line in path.read_bytes().splitlines():
        try:
            lines.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            torn.append(line)  # what was being written when the process was killed; nobody was told that it was
    assert len(torn) <= 1
    return [{name: line[name] for name in ("id", "state", "error")} for line in lines if "opening" not in line]


def states(path: Path) -> dict[str, str]:
    found = [(each["id"], each["error"] or each["state"]) for each in terminal(path)]
    assert len(found) == len(dict(found)), "an id has two records"
    return dict(found)


def owners(path: Path) -> list[str]:
    return [each.name for each in path.parent.iterdir() if "-alive-" in each.name]


def reopen(path: Path) -> None:
    sink = KINDS[path.suffix[1:]](path)
    sink.open()
    sink.close()


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"audit.{request.param}"


@pytest.fixture
def make(path: Path) -> Iterator[Callable[..., Any]]:
    made: list[AuditSink] = []

    def build() -> AuditSink:
        made.append(KINDS[path.suffix[1:]](path))
        return made[-1]

    yield build
    for sink in made:
        sink.close()


PROGRAM = """
import asyncio, sys
from pathlib import Path
from guard.audit import AuditRecord, State
from guard.audit.jsonl import JsonlSink
from guard.audit.sqlite import SqliteSink

path = Path(sys.argv[1])
sink = (SqliteSink if path.suffix == ".sqlite" else JsonlSink)(path)

def record(name):
    return AuditRecord(id=name, time="t", state=State.ALLOWED, status=200, tenant="acme", route="/v1/x", stream=True,
                       policy="p", revision="r", input={"action": "redact"}, rules=("mask",), bytes_in=7)

def say(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()

for line in sys.stdin:
    verb, name = line.split()
    if verb == "begin":
        sink.begin_sync(record(name))
    elif verb == "append":
        sink.append_sync(record(name))
    elif verb == "many":
        async def stream(i):
            await sink.begin(record(f"{name}-{i}"))
            say(f"begun {name}-{i}")
            await asyncio.sleep(0)
            await sink.append(record(f"{name}-{i}"))
            say(f"done {name}-{i}")
        async def client(n):
            for i in range(n, 1_000_000, 8):
                await stream(i)
        async def main():
            await asyncio.gather(*map(client, range(8)))
        asyncio.run(main())
    say("ok")
"""


class Process:
    """A process of its own that writes to the log when told to."""

    def __init__(self, path: Path) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, *words: str) -> None:
        self.send(*words)
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline() == "ok\n"

    def send(self, *words: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(" ".join(words) + "\n")
        self.popen.stdin.flush()

    def kill(self) -> list[str]:
        """End it at once; what it still had said."""
        self.popen.kill()
        assert self.popen.stdout is not None
        left = self.popen.stdout.readlines()
        self.popen.wait(10)
        return left


@contextmanager
def running(path: Path) -> Iterator[Process]:
    process = Process(path)
    try:
        yield process
    finally:
        process.kill()
        assert process.popen.stdin is not None
        assert process.popen.stdout is not None
        process.popen.stdin.close()
        process.popen.stdout.close()


def test_an_opening_is_no_record_and_its_completion_is_one(make: Callable[..., Any], path: Path):
    sink = make()

    async def main() -> None:
        await sink.begin(record("a"))
        assert terminal(path) == []
        await sink.append(record("a", State.BLOCKED))

    asyncio.run(main())
    sink.close()
    reopen(path)

    assert states(path) == {"a": "blocked"}


def test_after_kill_9_the_opening_becomes_the_one_record_with_what_was_known(path: Path):
    with running(path) as process:
        process.tell("begin", "cut")
        process.tell("append", "whole")
        process.kill()
        reopen(path)
        reopen(path)

    assert states(path) == {"whole": "allowed", "cut": "interrupted"}
    if path.suffix == ".sqlite":
        (found,) = [each for each in read(path) if each.id == "cut"]
        assert found == AuditRecord(
            id="cut", time="t", state=State.ERROR_CLOSED, error="interrupted", status=200, tenant="acme",
            route="/v1/x", stream=True, policy="p", revision="r", input={"action": "redact"}, rules=("mask",),
            bytes_in=7,
        )  # fmt: skip
    else:
        last = orjson.loads(path.read_bytes().splitlines()[-1])
        assert (last["tenant"], last["status"], last["input"], last["state"]) == (
            "acme", 200, {"action": "redact"}, "error_closed",
        )  # fmt: skip
    assert owners(path) == []


def test_after_kill_9_in_the_midst_of_many_every_stream_has_exactly_one_record(path: Path):
    with running(path) as process:
        process.send("many", "s")
        said = [process.popen.stdout.readline() for _ in range(600)]
        said += process.kill()
        reopen(path)

    found = states(path)
    whole = [line.split() for line in said if line.endswith("\n")]
    begun = {name for verb, name in whole if verb == "begun"}
    assert begun <= set(found)
    assert all(found[name] == "allowed" for verb, name in whole if verb == "done")
    assert len(begun) >= 300
    assert sum(error == "interrupted" for error in found.values()) <= 8


def test_what_a_living_process_has_begun_is_left_to_it(make: Callable[..., Any], path: Path):
    with running(path) as living, running(path) as dying:
        living.tell("begin", "lives")
        dying.tell("begin", "dies")
        dying.kill()
        reopen(path)
        assert states(path) == {"dies": "interrupted"}
        living.tell("append", "lives")

    assert states(path) == {"dies": "interrupted", "lives": "allowed"}


def test_two_sinks_of_one_process_leave_each_others_streams_alone(make: Callable[..., Any], path: Path):
    first, second = make(), make()
    first.begin_sync(record("a"))
    second.begin_sync(record("b"))
    reopen(path)
    first.append_sync(record("a"))
    second.append_sync(record("b"))

    assert states(path) == {"a": "allowed", "b": "allowed"}


def test_a_log_known_by_two_names_is_one_log(make: Callable[..., Any], path: Path, tmp_path: Path):
    sink = make()
    sink.begin_sync(record("a"))
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / path.with_stem("other").name
    link.symlink_to(path)
    reopen(link)

    sink.append_sync(record("a"))

    assert states(path) == {"a": "allowed"}


def test_a_sink_that_is_closed_in_the_midst_of_a_stream_leaves_it_to_the_next(make: Callable[..., Any], path: Path):
    sink = make()
    sink.begin_sync(record("a"))
    sink.close()
    assert terminal(path) == []

    reopen(path)

    assert states(path) == {"a": "interrupted"}
    assert owners(path) == []


def test_a_closed_sink_that_finished_everything_leaves_nothing_beside_the_log(make: Callable[..., Any], path: Path):
    sink = make()
    sink.begin_sync(record("a"))
    assert len(owners(path)) == 1
    sink.append_sync(record("a"))
    sink.close()

    assert owners(path) == []


def test_requests_that_are_not_begun_leave_nothing_beside_the_log(make: Callable[..., Any], path: Path):
    make().append_sync(record("a"))

    assert owners(path) == []


def test_what_was_begun_in_a_log_that_was_moved_away_is_recovered_in_the_new_one(path: Path):
    with running(path) as process:
        process.tell("begin", "cut")
        process.tell("begin", "whole")
        path.rename(path.with_stem("moved"))
        process.tell("append", "whole")
        process.kill()
        reopen(path)

    assert states(path) == {"whole": "allowed", "cut": "interrupted"}
    assert terminal(path.with_stem("moved")) == []


def test_a_forked_child_does_not_keep_its_parents_streams_alive(path: Path):
    program = f"""
import os, sys, time
from guard.audit import AuditRecord, State
from guard.audit.jsonl import JsonlSink
from guard.audit.sqlite import SqliteSink
sink = {KINDS[path.suffix[1:]].__name__}(sys.argv[1])
record = lambda name: AuditRecord(id=name, time="t", state=State.ALLOWED)
sink.begin_sync(record("parent"))
child = os.fork()
if child == 0:
    sink.begin_sync(record("child"))
    print("ready", flush=True)
    sys.stdin.readline()
    sink.append_sync(record("child"))
    print("done", flush=True)
    os._exit(0)
os.waitpid(child, 0) if len(sys.argv) > 2 else os.kill(os.getpid(), 9)
"""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.wait(10)
        reopen(path)
        assert states(path) == {"parent": "interrupted"}
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    reopen(path)
    assert states(path) == {"parent": "interrupted", "child": "allowed"}


def test_an_opening_that_cannot_be_written_is_an_error(path: Path):
    sink = KINDS[path.suffix[1:]](path.parent / "missing" / path.name)

    with pytest.raises(AuditError, match="cannot be written"):
        sink.begin_sync(record("a"))

    sink.close()


def test_a_process_that_died_before_it_began_anything_is_tidied_away(path: Path):
    reopen(path)
    (path.parent / f"{path.name}-alive-0123").write_bytes(b"")
    (path.parent / f"other{path.name}-alive-0123").write_bytes(b"")

    reopen(path)

    assert owners(path) == [f"other{path.name}-alive-0123"]


# SQLite alone


FIRST = """
CREATE TABLE records (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, time TEXT NOT NULL, state TEXT NOT NULL, status INTEGER NOT NULL,
  source TEXT NOT NULL, route TEXT NOT NULL, tenant TEXT, model TEXT, stream INTEGER NOT NULL, policy TEXT NOT NULL,
  revision TEXT NOT NULL, mode TEXT NOT NULL, action TEXT NOT NULL, rules TEXT NOT NULL, input TEXT, output TEXT,
  error TEXT NOT NULL, upstream_status INTEGER, attempts INTEGER NOT NULL, timings TEXT NOT NULL,
  bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL
) STRICT;
CREATE INDEX records_time ON records (time);
CREATE INDEX records_state ON records (state, time);
PRAGMA application_id = 0x47554152;
PRAGMA user_version = 1;
INSERT INTO records VALUES (1, 'old', 't', 'allowed', 200, 'proxy', '/v1/x', NULL, 'm', 0, 'p', 'r', 'enforce', 'allow',
  '[]', NULL, NULL, '', 200, 1, '{}', 1, 2);
"""


def test_a_log_of_version_1_is_read_and_goes_on_as_one_of_version_2(tmp_path: Path):
    path = tmp_path / "audit.sqlite"
    old = sqlite3.connect(path)
    old.executescript(FIRST)
    old.close()
    assert states(path) == {"old": "allowed"}

    sink = SqliteSink(path)
    sink.begin_sync(record("new"))
    sink.append_sync(record("new"))
    sink.close()

    assert states(path) == {"old": "allowed", "new": "allowed"}
    made = sqlite3.connect(path)
    assert made.execute("PRAGMA user_version").fetchone() == (2,)
    made.close()


def test_a_record_that_is_there_already_is_not_written_again_for_its_opening(tmp_path: Path):
    path = tmp_path / "audit.sqlite"
    sink = SqliteSink(path)
    sink.append_sync(record("a"))
    sink.begin_sync(record("a"))
    sink.close()

    reopen(path)

    assert states(path) == {"a": "allowed"}


def test_the_opening_goes_in_the_commit_that_brings_the_record(tmp_path: Path):
    path = tmp_path / "audit.sqlite"
    sink = SqliteSink(path)
    sink.begin_sync(record("a"))
    before = sink.commits
    sink.append_sync(record("a"))
    sink.close()

    made = sqlite3.connect(path)
    assert made.execute("SELECT count(*) FROM openings").fetchone() == (0,)
    made.close()
    assert sink.commits == before + 1


# JSON lines alone


def test_only_the_end_of_a_long_log_is_read_after_a_crash(tmp_path: Path):
    path = tmp_path / "audit.jsonl"
    head = b'{"id":"old"' + b" " * 80 + b'"state":"allowed","error":""}\n'  # no JSON: reading it would show
    path.write_bytes(head * 1000)
    with running(path) as process:
        process.tell("begin", "cut")
        (owner,) = owners(path)
        noted = int((tmp_path / owner).read_bytes().split()[2])
        process.kill()
    reopen(path)

    assert noted == len(head) * 1000
    assert orjson.loads(path.read_bytes().splitlines()[-1])["error"] == "interrupted"


def test_a_long_life_moves_the_place_from_which_to_read(tmp_path: Path):
    path = tmp_path / "audit.jsonl"
    sink = JsonlSink(path)
    for i in range(4):
        sink.begin_sync(record(f"r{i}"))
        sink.append_sync(record(f"r{i}", input={"padding": "x" * 2**20}))
    sink.begin_sync(record("last"))
    (owner,) = owners(path)
    noted = int((tmp_path / owner).read_bytes().split()[2])
    sink.close()
    reopen(path)

    assert noted > 4 * 2**20
    assert states(path)["last"] == "interrupted"


@pytest.mark.parametrize("note", ["torn", "1 1 100", "{0.st_dev} {0.st_ino} 99999"], ids=["torn", "other", "cut"])
def test_a_note_that_says_nothing_of_this_log_has_all_of_it_read(tmp_path: Path, note: str):
    path = tmp_path / "audit.jsonl"
    with running(path) as process:
        process.tell("begin", "cut")
        process.kill()
    (owner,) = owners(path)
    (tmp_path / owner).write_text(note.format(path.stat()))
    reopen(path)

    assert states(path) == {"cut": "interrupted"}


def test_a_torn_opening_is_passed_over(tmp_path: Path):
    path = tmp_path / "audit.jsonl"
    with running(path) as process:
        process.tell("begin", "cut")
        process.kill()
    path.write_bytes(path.read_bytes() + b'{"opening":{"id":"to')
    reopen(path)

    assert orjson.loads(path.read_bytes().splitlines()[-1])["id"] == "cut"


def test_a_pipe_is_told_of_openings_and_has_nobody_beside_it(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = JsonlSink(pipe)
    sink.begin_sync(record("a"))
    sink.append_sync(record("a"))
    sink.close()

    first, second = os.read(reader, 10_000).splitlines()
    os.close(reader)
    assert orjson.loads(first)["opening"]["id"] == orjson.loads(second)["id"] == "a"
    assert list(tmp_path.iterdir()) == [pipe]
