"""S39: an upstream that fails is left alone for a while, then asked by one call, then by all."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given, strategies as st

from guard import telemetry
from guard.upstream.breaker import PROBE_S, Breaker, Ticket
from tests.upstream.conftest import Run
from tests.upstream.faults import ROUTE, Peer, answering, error_of, faulty, http, opened


def admitted(breaker: Breaker, now: float) -> Ticket:
    ticket = breaker.admit(now)
    assert ticket is not None
    return ticket


def opened_at(now: float, failures: int = 3, open_s: float = 5.0) -> Breaker:
    breaker = Breaker(failures, open_s)
    for _ in range(failures):
        admitted(breaker, now).failed(now)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(3, 5.0)
    for _ in range(2):
        admitted(breaker, 0).failed(0)
    assert not breaker.is_open
    admitted(breaker, 0).failed(0)
    assert breaker.is_open
    assert breaker.admit(4.9) is None
    assert breaker.wait(1.0) == 4.0


def test_a_success_between_starts_the_count_anew() -> None:
    breaker = Breaker(3, 5.0)
    for _ in range(20):
        admitted(breaker, 0).failed(0)
        admitted(breaker, 0).failed(0)
        admitted(breaker, 0).succeeded()
    assert not breaker.is_open


def test_a_neutral_end_counts_neither_way() -> None:
    breaker = Breaker(3, 5.0)
    for end in ("failed", "left", "failed", "left", "failed"):
        ticket = admitted(breaker, 0)
        ticket.failed(0) if end == "failed" else ticket.left()
    assert breaker.is_open


def test_one_probe_at_a_time_decides() -> None:
    breaker = opened_at(0)
    probe = admitted(breaker, 5.0)
    assert probe.probe
    assert [breaker.admit(now) for now in (5.0, 6.0, 20.0)] == [None] * 3
    probe.succeeded()
    assert not breaker.is_open
    assert not admitted(breaker, 20.0).probe


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = opened_at(0)
    admitted(breaker, 5.0).failed(6.0)
    assert breaker.admit(10.9) is None
    admitted(breaker, 11.0).succeeded()
    assert not breaker.is_open
    admitted(breaker, 11.0).failed(11.0)
    assert not breaker.is_open  # it takes as many failures as before


def test_a_neutral_probe_lets_the_next_call_be_one() -> None:
    breaker = opened_at(0)
    for _ in range(3):
        admitted(breaker, 5.0).left()
    assert admitted(breaker, 5.0).probe
    assert breaker.admit(5.0) is None


def test_a_probe_that_never_ends_locks_nobody_out_for_ever() -> None:
    breaker = opened_at(0)
    lost = admitted(breaker, 5.0)
    assert breaker.admit(5.0 + PROBE_S - 1) is None
    second = admitted(breaker, 5.0 + PROBE_S)
    lost.left()
    assert breaker.admit(5.0 + PROBE_S) is None  # the second one is still out
    second.succeeded()
    assert not breaker.is_open


def test_calls_from_before_it_opened_say_nothing_about_after() -> None:
    breaker = Breaker(3, 5.0)
    old = [admitted(breaker, 0) for _ in range(6)]
    for ticket in old[:3]:
        ticket.failed(0)
    old[3].succeeded()
    assert breaker.is_open
    probe = admitted(breaker, 5.0)
    old[4].failed(5.0)
    old[5].left()
    assert breaker.admit(5.0) is None
    probe.succeeded()
    assert not breaker.is_open


def test_the_first_word_counts() -> None:
    breaker = Breaker(1, 5.0)
    ticket = admitted(breaker, 0)
    ticket.left()
    ticket.failed(0)
    assert not breaker.is_open


def test_with_no_failures_it_never_opens() -> None:
    breaker = Breaker(0, 5.0)
    for _ in range(100):
        admitted(breaker, 0).failed(0)
    assert not breaker.is_open


def test_it_tells_each_turn_once() -> None:
    turns: list[bool] = []
    breaker = Breaker(1, 5.0, turns.append)
    admitted(breaker, 0).failed(0)
    admitted(breaker, 5).failed(5)
    admitted(breaker, 10).succeeded()
    admitted(breaker, 10).succeeded()
    assert turns == [True, False]


ENDS = st.sampled_from(["succeeded", "failed", "left"])


@given(st.lists(st.tuples(st.floats(0, 4), st.booleans(), st.integers(0, 5), ENDS), max_size=80))
def test_whatever_happens_at_most_one_probe_is_out_and_it_can_always_recover(
    steps: list[tuple[float, bool, int, str]],
) -> None:
    breaker, now = Breaker(3, 5.0), 0.0
    out: list[Ticket] = []
    for pause, asks, which, end in steps:
        now += pause
        if asks:
            ticket = breaker.admit(now)
            assert (ticket is None) == (breaker.wait(now) > 0) or (ticket is not None and ticket.probe)
            if ticket is not None:
                assert ticket.probe == breaker.is_open
                out.append(ticket)
        elif out:
            ticket = out.pop(which % len(out))
            ticket.failed(now) if end == "failed" else getattr(ticket, end)()
        live = [t for t in out if t.probe and t.epoch == breaker._epoch and now - t.since < PROBE_S]
        assert len(live) <= 1
    admitted(breaker, now + PROBE_S + 5.0).succeeded()
    assert not breaker.is_open


# behind a client

IMPATIENT = {"breaker_failures": 10, "breaker_open_s": 0.5}


def no(status: int) -> bytes:
    return http(b"", "Retry-After: 9", status=f"{status} No")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_s39_ten_failures_in_a_row_open_it_one_probe_closes_it(run: Run, status: int) -> None:
    well = False
    heard = []

    async def script(peer: Peer) -> None:
        while True:
            heard.append(await peer.hear())
            await asyncio.sleep(0.02)
            await peer.say(http(b"fine") if well else no(status))

    async def main() -> None:
        nonlocal well
        async with faulty(script) as there, opened(there.url, **IMPATIENT) as upstream:
            for _ in range(10):
                assert (await upstream.post(ROUTE, (), b"{}")).status == status
            assert telemetry.UPSTREAM_OPEN._value.get() == 1
            error = await error_of(upstream.call(ROUTE, (), b"{}"))
            assert (error.code, error.attempts, error.retry_after_s, len(heard)) == ("unavailable", 0, 1, 10)
            await asyncio.sleep(0.55)
            assert (await upstream.post(ROUTE, (), b"{}")).status == status  # a probe that fails
            assert (await error_of(upstream.post(ROUTE, (), b"{}"))).code == "unavailable"
            well = True
            await asyncio.sleep(0.55)
            before = len(heard)
            outcomes = await asyncio.gather(
                *(upstream.post(ROUTE, (), b"{}") for _ in range(20)), return_exceptions=True
            )
            assert sum(not isinstance(one, Exception) for one in outcomes) == 1
            assert len(heard) - before == 1  # exactly one probe
            replies = await asyncio.gather(*(upstream.post(ROUTE, (), b"{}") for _ in range(20)))
            assert {reply.status for reply in replies} == {200}
            assert telemetry.UPSTREAM_OPEN._value.get() == 0

    run(main())


@pytest.mark.parametrize("status", [400, 401, 404, 408, 429])
def test_s39_a_storm_of_refusals_does_not_open_it(run: Run, status: int) -> None:
    async def main() -> None:
        async with faulty(answering(no(status))) as there, opened(there.url, **IMPATIENT) as upstream:
            for _ in range(25):
                assert (await upstream.post(ROUTE, (), b"{}")).status == status

    run(main())


def test_s39_clients_that_leave_do_not_open_it(run: Run) -> None:
    async def main() -> None:
        async with faulty(answering()) as there, opened(there.url, **IMPATIENT) as upstream:
            for _ in range(25):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(upstream.post(ROUTE, (), b"{}"), 0.01)
            assert len(there.peers) == 25

    run(main())


def test_s39_a_probe_that_is_cancelled_lets_the_next_call_be_one(run: Run) -> None:
    mood = no(500)

    async def script(peer: Peer) -> None:
        while True:
            await peer.hear()
            if not mood:
                await peer.gone()
            await peer.say(mood)

    async def main() -> None:
        nonlocal mood
        async with faulty(script) as there, opened(there.url, **IMPATIENT) as upstream:
            for _ in range(10):
                await upstream.post(ROUTE, (), b"{}")
            await asyncio.sleep(0.55)
            mood = b""
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(upstream.post(ROUTE, (), b"{}"), 0.05)
            mood = http(b"fine")
            assert (await upstream.post(ROUTE, (), b"{}")).status == 200

    run(main())


def test_s39_a_probe_closes_it_by_the_head_of_a_long_answer(run: Run) -> None:
    mood = no(500)

    async def script(peer: Peer) -> None:
        while True:
            await peer.hear()
            await peer.say(mood)

    async def main() -> None:
        nonlocal mood
        async with faulty(script) as there, opened(there.url, **IMPATIENT) as upstream:
            for _ in range(10):
                await upstream.post(ROUTE, (), b"{}")
            await asyncio.sleep(0.55)
            mood = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst"
            long = await upstream.call(ROUTE, (), b"{}")
            mood = http(b"fine")
            assert (await upstream.post(ROUTE, (), b"{}")).status == 200
            long.close()

    run(main())


@pytest.mark.parametrize("way", ["unreachable", "no head", "no end"])
def test_s39_it_opens_on_silence_too(run: Run, way: str) -> None:
    async def main() -> None:
        async with faulty(answering(*([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"] * (way == "no end")))) as there:
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{taken.getsockname()[1]}" if way == "unreachable" else there.url
                async with opened(url, timeout_s=0.1, breaker_failures=3) as upstream:
                    codes = [(await error_of(upstream.post(ROUTE, (), b"{}"))).code for _ in range(4)]
        expected = "unreachable" if way == "unreachable" else "timeout"
        assert codes == [expected] * 3 + ["unavailable"]

    run(main())


def test_s39_it_ends_the_retries_of_calls_under_way(run: Run) -> None:
    async def main() -> None:
        busy = answering(http(b"busy", status="503 No"))
        async with faulty(busy) as there, opened(there.url, breaker_failures=2, retries=5) as upstream:
            reply = await upstream.post(ROUTE, (), b"{}")
            assert (reply.status, reply.body, reply.attempts) == (503, b"busy", 2)

    run(main())
