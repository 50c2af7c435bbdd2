"""Many streams read together: what comes is what was sent, and few wake-ups bring it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from guard.upstream import gathering
from guard.upstream.gathering import PAUSE_S, Gathering
from tests.upstream.conftest import Run

pytestmark = pytest.mark.skipif(not Gathering.is_possible(), reason="needs epoll, which is Linux'")
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    found = [socket.socketpair() for _ in range(20)]
    for one in (end for pair in found for end in pair):
        one.setblocking(False)
    yield found
    for one in (end for pair in found for end in pair):
        one.close()


class Heard:
    def __init__(self, together: Gathering, pairs: list[Pair]) -> None:
        self.data = [b"" for _ in pairs]
        self.times: list[float] = []
        self.came = asyncio.Event()
        self.ends: list[tuple[int, OSError | None]] = []
        for number, (_, there) in enumerate(pairs):
            together.read(there.fileno(), self.taker(number), lambda error, n=number: self.ends.append((n, error)))

    def taker(self, number: int):
        def take(data: bytes) -> None:
            self.data[number] += data
            self.times.append(time.monotonic())
            self.came.set()

        return take


def test_all_that_is_sent_is_taken_in_order(run: Run, pairs: list[Pair]) -> None:
    async def main() -> None:
        together = Gathering(asyncio.get_running_loop())
        heard = Heard(together, pairs)
        for turn in range(100):
            for number, (here, _) in enumerate(pairs):
                here.send(b"%d:%d " % (number, turn))
            await asyncio.sleep(0.0005)
        await asyncio.sleep(5 * PAUSE_S)
        for number, data in enumerate(heard.data):
            assert data == b"".join(b"%d:%d " % (number, turn) for turn in range(100))
        together.close()

    run(main())


def test_one_packet_after_a_silence_is_taken_at_once(run: Run, pairs: list[Pair], monkeypatch) -> None:
    monkeypatch.setattr(gathering, "BUSY_S", PAUSE_S / 3)
    monkeypatch.setattr(gathering, "PAUSE_S", 0.5)

    async def main() -> None:
        together = Gathering(asyncio.get_running_loop())
        heard = Heard(together, pairs)
        for here, _ in pairs[:5]:
            await asyncio.sleep(0.02)
            began = time.monotonic()
            heard.came.clear()
            here.send(b"x")
            await heard.came.wait()
            assert heard.times[-1] - began < 0.25
        together.close()

    run(main())


def test_many_packets_are_taken_in_few_goes(run: Run, pairs: list[Pair], monkeypatch) -> None:
    monkeypatch.setattr(gathering, "BUSY_S", 2.0)
    goes = 0
    drain = Gathering._drain

    def counted(self: Gathering) -> None:
        nonlocal goes
        goes += 1
        drain(self)

    monkeypatch.setattr(Gathering, "_drain", counted)

    async def main() -> None:
        together = Gathering(asyncio.get_running_loop())
        heard = Heard(together, pairs)
        for _ in range(20):
            for here, _ in pairs:
                here.send(b"x")
                await asyncio.sleep(0)
        await asyncio.sleep(5 * PAUSE_S)
        assert sum(map(len, heard.data)) == 20 * len(pairs)
        together.close()

    run(main())
    assert goes < 200  # of 400 packets


def test_who_is_released_is_read_no_more_and_may_come_back(run: Run, pairs: list[Pair]) -> None:
    async def main() -> None:
        together = Gathering(asyncio.get_running_loop())
        heard = Heard(together, pairs[:2])
        (here, there), _ = pairs[:2]
        together.release(there.fileno())
        together.release(there.fileno())
        here.send(b"kept for later")
        await asyncio.sleep(3 * PAUSE_S)
        assert heard.data[0] == b""
        together.read(there.fileno(), heard.taker(0), lambda _: None)
        await asyncio.sleep(3 * PAUSE_S)
        assert heard.data[0] == b"kept for later"
        together.close()

    run(main())


def test_who_was_closed_by_others_can_be_released(run: Run, pairs: list[Pair]) -> None:
    async def main() -> None:
        together = Gathering(asyncio.get_running_loop())
        heard = Heard(together, pairs[:2])
        fd = pairs[0][1].fileno()
        pairs[0][1].close()
        together.release(fd)
        pairs[1][0].send(b"goes on")
        await asyncio.sleep(5 * PAUSE_S)
        assert heard.data[1] == b"goes on"
        together.close()

    run(main())


def test_an_end_is_told_once_and_the_others_go_on(run: Run, pairs: list[Pair]) -> None:
    async def main() -> None:
        together = Gathering(asyncio.get_running_loop())
        heard = Heard(together, pairs)
        pairs[3][0].send(b"last words")
        pairs[3][0].close()
        await asyncio.sleep(5 * PAUSE_S)
        pairs[4][0].send(b"more")
        await asyncio.sleep(5 * PAUSE_S)
        assert heard.ends == [(3, None)]
        assert heard.data[3:5] == [b"last words", b"more"]
        together.close()

    run(main())


def test_who_releases_another_while_it_is_read_is_not_told_what_came_for_that_one(run: Run, pairs: list[Pair]) -> None:
    async def main() -> None:
        together = Gathering(asyncio.get_running_loop())
        taken: list[int] = []

        def reader(number: int) -> None:
            other = 1 - number

            def take(_: bytes) -> None:
                taken.append(number)
                together.release(pairs[other][1].fileno())

            together.read(pairs[number][1].fileno(), take, lambda _: None)

        reader(0)
        reader(1)
        pairs[0][0].send(b"x")
        pairs[1][0].send(b"x")
        await asyncio.sleep(5 * PAUSE_S)
        assert len(taken) == 1
        together.close()

    run(main())
