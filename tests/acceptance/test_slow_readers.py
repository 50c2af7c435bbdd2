"""S41, the client's half: who does not read its answer loses the connection, and costs little until then."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from guard.audit import State
from guard.exchange.http import PIECE
from guard.server.front import Front
from tests.acceptance.conftest import House, house
from tests.acceptance.wire import request, said
from tests.fakes import CANARY, HARMLESS, completion, eventually

TIMEOUT_S = 1.0
LARGE = 2**19
"""Bytes of an answer that fits into no buffer on its way."""
POLICY = "policy: p\nrules:\n  - {id: block-canary, when: {category: custom.canary, at_least: 0.9}, then: block}\n"
streams = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@contextmanager
def patient(one: House) -> Iterator[socket.socket]:
    """A client with next to no room for what it is sent."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", one.ports.data))
        yield connection


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway that gives a client a second to read something, and itself all the time it needs for large answers."""
    with house(
        tmp_path_factory.mktemp("impatient"), POLICY, timeout_s=120, judge_timeout_s=120, write_timeout_s=TIMEOUT_S
    ) as one:
        yield one


@pytest.fixture
def large(impatient: House) -> House:
    impatient.begin()
    impatient.upstream.answer = completion("x" * LARGE)
    return impatient


def in_flight(one: House) -> int:
    return len(one.gateway.handler._in_flight)


@pytest.fixture(autouse=True, scope="module")
def few_objects() -> Iterator[None]:
    """What is there already is out of the way of `fronts`: libraries of models leave more than a million objects."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def fronts() -> list[Front]:
    """The connections that stand."""
    found = [one for one in gc.get_objects() if type(one) is Front]  # isinstance would ask what libraries left there
    return [one for one in found if one in one.connections]


def waiting(connection: Front) -> int:
    return int(connection.transport.get_write_buffer_size())


def rest(connection: socket.socket) -> int:
    """How many bytes still come until the connection ends."""
    size = 0
    try:
        while chunk := connection.recv(65536):
            size += len(chunk)
    except ConnectionResetError:
        pass
    return size


@streams
def test_s41_a_client_that_does_not_read_loses_its_place_and_its_connection(large: House, stream: bool) -> None:
    with patient(large) as connection:
        connection.sendall(request(said(HARMLESS, stream=stream), close=False))
        if stream:  # its record comes with its end
            assert eventually(lambda: in_flight(large) == 1 and any(map(waiting, fronts())))
        else:
            assert eventually(lambda: len(large.records(0)) == 1)
        assert in_flight(large) == 1
        began = time.monotonic()
        assert eventually(lambda: in_flight(large) == 0, seconds=TIMEOUT_S + 1)
        assert time.monotonic() - began > TIMEOUT_S / 2
        assert eventually(lambda: fronts() == [])
        assert rest(connection) < LARGE
    (record,) = large.records()
    ended = State.CLIENT_GONE if stream else State.ALLOWED
    assert (record.state, record.status, record.stream) == (ended, 200, stream)


@streams
def test_s41_a_client_that_reads_slowly_and_steadily_gets_everything(impatient: House, stream: bool) -> None:
    """For several times as long as it may be still."""
    impatient.begin()
    size = 300_000 if stream else 600_000  # of a stream, more is sent than is said
    impatient.upstream.answer = completion("x" * size)
    began = time.monotonic()
    with patient(impatient) as connection:
        connection.sendall(request(said(HARMLESS, stream=stream)))
        got = 0
        while chunk := connection.recv(8192):
            got += len(chunk)
            time.sleep(0.05)
    assert got > size
    assert time.monotonic() - began > 3 * TIMEOUT_S
    assert impatient.records()[0].state is State.ALLOWED


def test_s41_an_answer_that_is_written_at_once_and_not_read_is_not_kept_for_ever(impatient: House) -> None:
    """Too small for its writing to pause, and more than the kernel takes: the request is over, its bytes are not."""
    impatient.begin()
    impatient.upstream.answer = completion("x" * 110_000)
    with patient(impatient) as connection:
        connection.sendall(request(said(HARMLESS), close=False))
        assert eventually(lambda: impatient._count() == 1 and in_flight(impatient) == 0)
        (front,) = fronts()
        assert 0 < waiting(front) <= PIECE
        assert eventually(lambda: fronts() == [], seconds=2 * TIMEOUT_S + 1)
        assert rest(connection) < 110_000


def test_s41_the_end_of_an_answer_that_nobody_fetches_is_not_kept_for_ever(large: House) -> None:
    """The request is over, and only bytes wait: keep-alive must not keep them."""
    large.upstream.answer = completion("")
    around = len(large.chat().body)
    large.upstream.answer = completion("x" * (LARGE - around))  # it ends with a whole piece
    with patient(large) as connection:
        connection.sendall(request(said(HARMLESS), close=False))
        assert eventually(lambda: in_flight(large) == 1)
        while in_flight(large):
            connection.recv(4096)
            time.sleep(0.005)
        (front,) = fronts()
        assert 0 < waiting(front) <= 2 * PIECE
        assert eventually(lambda: fronts() == [], seconds=2 * TIMEOUT_S + 1)
        assert rest(connection) < LARGE


def test_s41_requests_whose_small_answers_nobody_reads_end_too(impatient: House) -> None:
    impatient.begin()
    with patient(impatient) as connection:
        one = b"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        connection.settimeout(0.2)
        sent = 0
        try:
            while sent < 20_000:
                connection.sendall(one * 100)
                sent += 100
        except TimeoutError:
            pass  # what is not read is not answered, and what is not answered is not read
        assert eventually(lambda: fronts() == [], seconds=20)
    assert impatient._count() < 20_000
    assert {record.status for record in impatient.records(1)} == {404}


def test_s41_fifty_clients_that_do_not_read_hold_up_nobody(large: House) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(patient(large)) for _ in range(50)]
        for connection in slow:
            connection.sendall(request(said(HARMLESS), close=False))
        most = 0
        while large._count() < 50:
            most = max([most, *map(waiting, fronts())])
            time.sleep(0.05)
        assert PIECE <= most <= 2 * PIECE
        large.upstream.answer = completion("all is well")
        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(lambda text: large.chat(text).status, [HARMLESS, CANARY] * 10))
        assert statuses == [200, 400] * 10
        assert eventually(lambda: in_flight(large) == 0, seconds=TIMEOUT_S + 10)
        assert eventually(lambda: fronts() == [], seconds=10)
    states = [record.state for record in large.records(70)]
    assert (states.count(State.ALLOWED), states.count(State.BLOCKED)) == (60, 10)
