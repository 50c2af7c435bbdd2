"""S37, S38 and S40 for streams: upstreams that fail, clients that leave, logs that cannot be written, signals."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.audit import State
from guard.audit.record import INTERRUPTED
from guard.audit.sqlite import SqliteSink, read
from guard.config import BreakerConfig, UpstreamConfig
from tests.acceptance.conftest import House, house
from tests.acceptance.dialects import (
    DIALECTS,
    LAST,
    Dialect,
    Listening,
    Play,
    chunk,
    cut,
    ending,
    gate,
    gated,
    head,
    playing,
    says,
    until,
)
from tests.acceptance.process import Server, serving
from tests.fakes import HARMLESS, StubUpstream, eventually, running_upstream

IDLE_S, TIMEOUT_S = 0.3, 0.9
ONCE = UpstreamConfig(connect_s=1.0, idle_s=IDLE_S, retries=0, breaker=BreakerConfig(failures=0))
dialects = pytest.mark.parametrize("dialect", DIALECTS, ids=str)
FIRST, HELD = "It is well so far. ", f"But {HARMLESS} is held"
SIGN = b"so far"


@pytest.fixture(scope="module")
def one_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway that is impatient with its upstream, and asks it once."""
    with house(tmp_path_factory.mktemp("faults"), timeout_s=TIMEOUT_S, calls=ONCE) as one:
        yield one


@pytest.fixture
def one(one_house: House) -> House:
    one_house.begin()
    return one_house


def in_flight(one: House) -> int:
    return len(one.gateway.handler._in_flight)


def begun(dialect: Dialect) -> tuple[list[bytes], list[bytes]]:
    """The frames of an answer until its first sentence is known to have ended and more is held; and the rest."""
    frames = dialect.frames([*cut(FIRST, 4), *cut(HELD, 4)])
    at = len(frames) - len(dialect.frames([])) + dialect.opening - 2 * (dialect.name == "messages")
    return frames[:at], frames[at:]


async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    raise ConnectionAbortedError


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.02)  # what was written before is on its way
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()
    raise ConnectionAbortedError


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await asyncio.wait_for(reader.read(1), 10)
    raise ConnectionAbortedError


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, each in time."""
    for byte in b": a comment that never ends" * 40:
        writer.write(chunk(bytes([byte])))
        await writer.drain()
        await asyncio.sleep(0.05)


def writes(data: bytes) -> Play:
    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        raise ConnectionAbortedError

    return play


HALF = b'data: {"id": "chatcmpl-1", "choi'
FAULTS: dict[str, tuple[Play, str]] = {
    "closes": (closes, "protocol"),
    "resets": (resets, "protocol"),
    "hangs": (hangs, "timeout"),
    "drips": (drips, "timeout"),
    "closes within a chunk": (writes(b"ff\r\n" + HALF), "protocol"),
    "closes within an event": (writes(chunk(HALF)), "protocol"),
    "ends within an event": (writes(chunk(HALF) + LAST), "protocol"),
    "ends": (writes(LAST), "protocol"),
    "a chunk without a length": (writes(b"zz\r\n" + HALF), "protocol"),
    "a chunk that is longer than it says": (writes(b"4\r\n" + HALF + b"\r\n"), "protocol"),
}


@pytest.mark.parametrize("fault", FAULTS)
@dialects
def test_s37_what_was_held_when_the_upstream_failed_is_dropped(one: House, dialect: Dialect, fault: str) -> None:
    play, code = FAULTS[fault]
    began = time.monotonic()
    answer = gated(one, dialect, begun(dialect)[0], play, SIGN)
    took = time.monotonic() - began
    heard = dialect.heard(answer)
    assert (heard.ending, heard.text, answer.status) == ("failed", FIRST, 200)
    assert HARMLESS.encode() not in answer.raw
    assert answer.raw.endswith(b"0\r\n\r\n")  # the answer itself is framed to its end
    (record,) = one.records()
    assert (record.state, record.status) == (State.UPSTREAM_ERROR, 200)
    assert (record.error, record.attempts, len(one.upstream.received)) == (f"upstream_{code}", 1, 1)
    assert took < TIMEOUT_S + 0.6
    assert one.leaks(answer) == []
    assert eventually(lambda: in_flight(one) == 0)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("headed", [True, False], ids=["after the head", "before the head"])
@pytest.mark.parametrize("dialect", DIALECTS[:1], ids=str)
def test_s37_where_nothing_was_sent_yet_the_status_says_so(
    one: House, dialect: Dialect, headed: bool, fault: str
) -> None:
    play, code = FAULTS[fault]

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head(dialect.media_type) if headed else b"")
        await play(reader, writer)

    one.upstream.play = late
    began = time.monotonic()
    answer = dialect.send(one)
    assert time.monotonic() - began < TIMEOUT_S + 0.6
    if fault == "drips" and not headed:
        code = "protocol"
    assert (answer.status, answer.json["error"]["code"]) == (504 if code == "timeout" else 502, f"upstream_{code}")
    (record,) = one.records()
    assert (record.state, record.status, record.attempts) == (State.UPSTREAM_ERROR, answer.status, 1)


@pytest.mark.parametrize("told", [-30, 100], ids=["too short", "too long"])
@dialects
def test_s37_a_length_that_is_wrong_cuts_the_answer_off(one: House, dialect: Dialect, told: int) -> None:
    body = b"".join(dialect.frames(cut("It is well so far, is it. So it is.", 4)))
    length = len(body) + (told if told > 0 else told - len(dialect.frames([])[-1]))

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head(dialect.media_type, length=length) + body)
        await writer.drain()
        raise ConnectionAbortedError

    one.upstream.play = play
    answer = dialect.send(one)
    heard = dialect.heard(answer)
    if told > 0 and heard.ending == "whole":  # it said that it was whole before it broke off
        assert heard.text == "It is well so far, is it. So it is."
        return
    assert heard.ending in {"502", "failed"}
    (record,) = one.records()
    assert (record.state, record.error) == (State.UPSTREAM_ERROR, "upstream_protocol")


@pytest.mark.parametrize("status", [400, 429, 500, 503, 529])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/html"])
@dialects
def test_s37_a_status_of_the_upstreams_is_passed_on_and_never_streamed(
    one: House, dialect: Dialect, kind: str, status: int
) -> None:
    frames = b"".join(dialect.frames(cut(f"{FIRST}{HELD}", 4)))
    body = b'{"error": {"message": "slow down"}}' if kind == "application/json" else frames

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head(kind, "Retry-After: 7", status=f"{status} No", length=len(body)) + body)
        await writer.drain()

    one.upstream.play = play
    answer = dialect.send(one)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert answer.headers["retry-after"] == "7"
    assert b"so far" not in answer.body
    (record,) = one.records()
    assert (record.state, record.upstream_status, record.attempts) == (State.UPSTREAM_ERROR, status, 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@dialects
def test_s37_a_redirect_is_not_followed(one: House, dialect: Dialect, status: int) -> None:
    one.upstream.raw = f"HTTP/1.1 {status} X\r\nLocation: {one.upstream.url}/\r\nContent-Length: 0\r\n\r\n".encode()
    assert dialect.send(one).status == 502
    assert len(one.upstream.received) == 1
    assert one.records()[0].error == "upstream_redirect"


def test_s37_a_stream_from_an_upstream_that_is_down_is_a_bad_gateway(one: House) -> None:
    (chat, *_) = DIALECTS
    upstream = one.gateway.upstream
    assert upstream is not None
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        pool = upstream._pool
        assert pool is not None
        before, pool._port = pool._port, taken.getsockname()[1]
        pool.close()
        try:
            answer = chat.send(one)
        finally:
            pool._port = before
    assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_unreachable")
    assert one.records()[0].state is State.UPSTREAM_ERROR


# S38

AGAIN = UpstreamConfig(connect_s=1.0, idle_s=1.0, breaker=BreakerConfig(failures=0))


@pytest.fixture(scope="module")
def again_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("again"), calls=AGAIN, timeout_s=5) as one:
        yield one


@pytest.fixture
def again(again_house: House) -> House:
    again_house.begin()
    return again_house


def busy(one: House, times: int, status: int, then: Play, *lines: str) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(one.upstream.received) <= times:
            writer.write(head("application/json", *lines, status=f"{status} Busy", length=2) + b"{}")
        else:
            await then(reader, writer)

    one.upstream.play = play


@dialects
def test_s38_a_stream_is_asked_for_again_while_nothing_of_it_came(again: House, dialect: Dialect) -> None:
    busy(again, 2, 503, playing(dialect.media_type, dialect.frames(cut(FIRST, 4))))
    heard = dialect.heard(dialect.send(again))
    assert (heard.ending, heard.text) == ("whole", FIRST)
    (record,) = again.records()
    assert (record.state, record.attempts, record.upstream_status) == (State.ALLOWED, 3, 200)
    assert len(again.upstream.received) == 3


@dialects
def test_s38_a_long_retry_after_is_left_to_the_client(again: House, dialect: Dialect) -> None:
    busy(again, 9, 429, hangs, "Retry-After: 7")
    answer = dialect.send(again)
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    (record,) = again.records()
    assert (record.state, record.attempts, len(again.upstream.received)) == (State.UPSTREAM_ERROR, 1, 1)


@pytest.mark.parametrize("fault", ["closes", "resets", "hangs"])
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "only read"])
@dialects
def test_s38_after_the_first_byte_nothing_is_asked_for_again(
    again: House, dialect: Dialect, sent: bool, fault: str
) -> None:
    play, _ = FAULTS[fault]
    before = begun(dialect)[0]
    if sent:
        answer = gated(again, dialect, before, play, SIGN)
    else:

        async def short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head(dialect.media_type) + chunk(b"".join(before[: dialect.opening + 1])))
            await writer.drain()
            await play(reader, writer)

        again.upstream.play = short
        answer = dialect.send(again)
    assert dialect.heard(answer).ending in {"failed", "502", "504"}
    (record,) = again.records()
    assert (record.state, record.attempts, len(again.upstream.received)) == (State.UPSTREAM_ERROR, 1, 1)


# S40


def waiting(gone: list[float], sends: bytes) -> Play:
    """An upstream that says *sends* over and over, and notes when the gateway lets go of it."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = asyncio.ensure_future(reader.read(1))
        try:
            while not left.done():
                writer.write(chunk(sends) if sends else b"")
                await writer.drain()
                await asyncio.wait([left], timeout=0.02)
            await left
        except ConnectionError:
            left.cancel()
        gone.append(time.monotonic())
        raise ConnectionAbortedError

    return play


@pytest.fixture(scope="module")
def patient_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("patient"), timeout_s=30) as one:
        yield one


@pytest.fixture
def patient(patient_house: House) -> House:
    patient_house.begin()
    return patient_house


@pytest.mark.parametrize("talks", [True, False], ids=["talks", "silent"])
@pytest.mark.parametrize("rudely", [True, False], ids=["resets", "closes"])
@pytest.mark.parametrize("read", [True, False], ids=["in the middle", "before the first byte"])
@dialects
def test_s40_a_client_that_leaves_takes_its_call_with_it(
    patient: House, dialect: Dialect, read: bool, rudely: bool, talks: bool
) -> None:
    gone: list[float] = []
    said = b"\n" if talks else b""  # which is nothing, in events and in lines
    client = Listening(patient.ports.data, dialect, dialect.ask())
    before = begun(dialect)[0] if read else []
    patient.upstream.play = gate(dialect, client, before, waiting(gone, said), SIGN if read else b"")
    with client:
        assert eventually(lambda: len(patient.upstream.received) == 1)
        assert eventually(lambda: SIGN in client.raw) if read else client.raw == b""
        assert in_flight(patient) == 1
        left = time.monotonic()
        client.gone(rudely=rudely)
        assert eventually(lambda: gone != [], seconds=5)
    assert gone[0] - left < 1
    (record,) = patient.records()
    assert (record.state, record.status) == (State.CLIENT_GONE, 200 if read else 0)
    assert (record.bytes_out > 0) is read
    assert record.attempts == 1
    assert eventually(lambda: in_flight(patient) == 0)
    assert eventually(lambda: "guard_requests_in_flight 0.0" in patient.admin("/metrics"))
    assert patient._count() == 1


@dialects
def test_s40_a_client_that_leaves_after_the_last_byte_left_nothing_undone(patient: House, dialect: Dialect) -> None:
    says(patient, dialect, cut(FIRST, 4))
    for rudely in (True, False):
        patient.begin()
        says(patient, dialect, cut(FIRST, 4))
        with Listening(patient.ports.data, dialect, dialect.ask()) as client:
            assert eventually(lambda: client.raw.endswith(b"0\r\n\r\n"))
            client.gone(rudely=rudely)
        (record,) = patient.records()
        assert (record.state, record.status) == (State.ALLOWED, 200)
        assert eventually(lambda: in_flight(patient) == 0)
        assert patient._count() == 1


@pytest.mark.parametrize("ends", ["whole", "broken"])
@dialects
def test_s40_a_client_that_leaves_while_its_record_is_written_has_one(
    patient: House, dialect: Dialect, ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    sink = patient.gateway.sink
    assert isinstance(sink, SqliteSink)
    before, after = begun(dialect)
    held: list[bool] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sink.file_lock.acquire()  # from now on no record is written
        held.append(True)
        await (ending(after) if ends == "whole" else closes)(reader, writer)

    client = Listening(patient.ports.data, dialect, dialect.ask())
    patient.upstream.play = gate(dialect, client, before, play, SIGN)
    metrics = patient.admin("/metrics")
    with caplog.at_level(logging.ERROR), client:
        assert eventually(lambda: held == [True])
        time.sleep(0.15)  # the record waits for the log
        client.gone()
        time.sleep(0.15)
        sink.file_lock.release()
        assert eventually(lambda: in_flight(patient) == 0)
    (record,) = patient.records()
    assert record.state in {State.CLIENT_GONE, State.ALLOWED, State.UPSTREAM_ERROR}
    assert patient._count() == 1
    assert "record not written" not in caplog.text
    assert ended(patient.admin("/metrics")) - ended(metrics) == 1


def ended(metrics: str) -> float:
    """Requests that the metrics count as ended."""
    lines = [line for line in metrics.splitlines() if line.startswith("guard_requests_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


# The audit log


@dialects
def test_nothing_of_a_stream_is_sent_whose_beginning_cannot_be_recorded(tmp_path: Path, dialect: Dialect) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with house(shelf) as one:
        says(one, dialect, cut(FIRST + HELD, 4))
        assert dialect.heard(dialect.send(one)).ending == "whole"
        shelf.rename(tmp_path / "elsewhere")  # no file can be made where the log was
        answer = dialect.send(one)
        assert answer.status == 503
        assert b"audit_unavailable" in answer.body
        assert SIGN not in answer.raw
        (tmp_path / "elsewhere").rename(shelf)
        assert dialect.heard(dialect.send(one)).ending == "whole"
        assert [record.state for record in one.records(2)] == [State.ALLOWED] * 2


@dialects
def test_the_end_of_a_stream_is_not_sent_that_cannot_be_recorded(tmp_path: Path, dialect: Dialect) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with house(shelf, timeout_s=10) as one:
        before, after = begun(dialect)

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            shelf.rename(tmp_path / "elsewhere")
            await ending(after)(reader, writer)

        answer = gated(one, dialect, before, play, SIGN)
        heard = dialect.heard(answer)
        assert (heard.ending, heard.text) == ("failed", FIRST)
        assert b"audit_unavailable" in answer.body
        assert HARMLESS.encode() not in answer.raw
        (tmp_path / "elsewhere").rename(shelf)
        says(one, dialect, cut(FIRST, 4))
        assert dialect.heard(dialect.send(one)).ending == "whole"
        assert one.records()[-1].state is State.ALLOWED


# Signals, to a process of its own

MILD = """
policy: mild
classifiers: {keywords: {lists: {word: [zorblax]}, builtin: []}}
rules:
  - {id: stop, when: {category: custom.word}, then: block}
"""


@pytest.fixture
def upstream() -> Iterator[StubUpstream]:
    with running_upstream(StubUpstream()) as stub:
        yield stub


@pytest.fixture
def served(tmp_path: Path, upstream: StubUpstream) -> Iterator[Server]:
    (tmp_path / "policy.yaml").write_text(MILD)
    with serving(tmp_path, "--policy", "policy.yaml", "--upstream", upstream.url) as server:
        yield server.wait_until_ready()


def streaming(served: Server, upstream: StubUpstream, count: int, go_on: list[bool]) -> list[Listening]:
    """So many clients who have got a sentence; the upstream says the rest once *go_on* is not empty."""
    clients = [Listening(served.data, DIALECTS[n % 3], DIALECTS[n % 3].ask()) for n in range(count)]

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = upstream.received[-1]
        dialect = next(one for one in DIALECTS if f"POST {one.path} ".encode() in asked)
        before, after = begun(dialect)
        writer.write(head(dialect.media_type) + b"".join(map(chunk, before)))
        await writer.drain()
        await until(lambda: bool(go_on), 20)
        await ending(after)(reader, writer)

    upstream.play = play
    for client in clients:
        client.__enter__()
        assert eventually(lambda client=client: SIGN in client.raw, 10)  # type: ignore[misc]
    return clients


def test_s43_sigterm_lets_streams_end(served: Server, upstream: StubUpstream) -> None:
    go_on: list[bool] = []
    clients = streaming(served, upstream, 6, go_on)
    served.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert served.process.poll() is None
    go_on.append(True)
    for n, client in enumerate(clients):
        heard = DIALECTS[n % 3].heard(client.answer())
        assert (heard.ending, heard.text) == ("whole", FIRST + HELD)
        client.__exit__()
    assert served.process.wait(10) == 0
    assert [record.state for record in read(served.log)] == [State.ALLOWED] * 6
    assert "Traceback" not in served.stderr


def test_s43_a_second_signal_ends_streams_with_an_error_and_a_record(served: Server, upstream: StubUpstream) -> None:
    clients = streaming(served, upstream, 6, [])
    served.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(10) == 0
    for n, client in enumerate(clients):
        heard = DIALECTS[n % 3].heard(client.answer())
        assert (heard.ending, heard.text) == ("failed", FIRST)
        client.__exit__()
    records = list(read(served.log))
    assert [(record.state, record.error) for record in records] == [(State.ERROR_CLOSED, "shutting_down")] * 6
    assert "Traceback" not in served.stderr


def test_s45_a_gateway_that_is_killed_in_the_middle_of_streams_has_a_record_of_each(
    served: Server, upstream: StubUpstream
) -> None:
    clients = streaming(served, upstream, 6, [])
    served.process.kill()
    served.process.wait()
    for client in clients:
        assert client.answer().raw.count(b"[DONE]") == 0
        client.__exit__()
    assert list(read(served.log)) == []
    options = ("--policy", "policy.yaml", "--upstream", upstream.url)
    with serving(served.folder, *options) as again:
        again.wait_until_ready()
        assert eventually(lambda: len(list(read(again.log))) == 6)
        records = list(read(again.log))
        assert [(record.state, record.error) for record in records] == [(State.ERROR_CLOSED, INTERRUPTED)] * 6
        assert len({record.id for record in records}) == 6
        assert again.stop() == 0
    with serving(served.folder, *options) as third:
        third.wait_until_ready()
        assert len(list(read(third.log))) == 6
