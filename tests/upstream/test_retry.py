"""S38: what is called again, when, and how often at the most."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, strategies as st

from guard.errors import UpstreamError
from guard.upstream.retry import LONGEST_WAIT_S, RetryBudget, seconds_of, wait_before_retry
from tests.upstream.conftest import Run
from tests.upstream.faults import CHUNKED, ROUTE, Peer, Script, answering, chunk, error_of, faulty, http, opened

OK = http(b"fine")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def in_turn(*answers: bytes) -> tuple[Script, list[float]]:
    """A script that gives each request the next of *answers*, the last one for ever; and when they were heard."""
    heard: list[float] = []

    async def script(peer: Peer) -> None:
        while True:
            await peer.hear()
            heard.append(time.monotonic())
            await peer.say(answers[min(len(heard), len(answers)) - 1])

    return script, heard


def no(status: int, *headers: str) -> bytes:
    return http(b"%d" % status, *headers, status=f"{status} No")


@pytest.mark.parametrize("status", [502, 503, 504])
def test_s38_an_upstream_that_is_busy_twice_is_called_three_times(run: Run, status: int) -> None:
    async def main() -> None:
        script, heard = in_turn(no(status), no(status), OK)
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            reply = await upstream.post(ROUTE, (), b"{}")
            assert (reply.status, reply.body, reply.attempts) == (200, b"fine", 3)
            assert 0.02 < heard[1] - heard[0] < 1
            assert 0.04 < heard[2] - heard[1] < 1
            assert len(there.peers) == 1  # the connection of an answer that is not used is

    run(main())


def test_s38_a_stream_is_called_again_before_its_first_byte(run: Run) -> None:
    async def main() -> None:
        script, heard = in_turn(no(503), CHUNKED + chunk(b"fine") + b"0\r\n\r\n")
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            assert (answer.status, answer.attempts) == (200, 2)
            assert b"".join([piece async for piece in answer.chunks()]) == b"fine"
            assert len(heard) == 2

    run(main())


def test_s38_the_last_answer_is_passed_on_with_its_retry_after(run: Run) -> None:
    async def main() -> None:
        script, heard = in_turn(no(503), no(503), no(502, "Retry-After: 7"), OK)
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            reply = await upstream.post(ROUTE, (), b"{}")
            assert (reply.status, reply.body, reply.attempts) == (502, b"502", 3)
            assert reply.headers == ((b"retry-after", b"7"),)
            assert len(heard) == 3

    run(main())


@pytest.mark.parametrize("status", [200, 201, 400, 401, 404, 408, 409, 413, 422, 500, 501, 505, 529])
def test_s38_nothing_else_is_called_again(run: Run, status: int) -> None:
    async def main() -> None:
        script, heard = in_turn(no(status, "Retry-After: 0"), OK)
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            reply = await upstream.post(ROUTE, (), b"{}")
            assert (reply.status, reply.attempts, len(heard)) == (status, 1, 1)

    run(main())


@pytest.mark.parametrize("status", [429, 503])
def test_s38_a_short_retry_after_is_waited_for(run: Run, status: int) -> None:
    async def main() -> None:
        script, heard = in_turn(no(status, "Retry-After: 1"), OK)
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            reply = await upstream.post(ROUTE, (), b"{}")
            assert (reply.status, reply.attempts) == (200, 2)
            assert 1.0 <= heard[1] - heard[0] < 2

    run(main())


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, []),
        (429, ["Retry-After: 3"]),
        (429, ["Retry-After: soon"]),
        (503, ["Retry-After: 3"]),
        (503, ["Retry-After: Fri, 31 Dec 2199 23:59:59 GMT"]),
    ],
)
def test_s38_an_upstream_that_asks_for_more_patience_is_not_called_again(
    run: Run, status: int, headers: list[str]
) -> None:
    async def main() -> None:
        script, heard = in_turn(no(status, *headers), OK)
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            reply = await upstream.post(ROUTE, (), b"{}")
            assert (reply.status, reply.attempts, len(heard)) == (status, 1, 1)

    run(main())


def test_s38_an_upstream_that_starts_late_is_reached(run: Run) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        async with opened(f"http://127.0.0.1:{port}", retries=2) as upstream:
            call = asyncio.ensure_future(upstream.post(ROUTE, (), b"{}"))
            await asyncio.sleep(0.01)
            async with faulty(answering(OK), port=port):
                reply = await call
                assert reply.status == 200
                assert 2 <= reply.attempts <= 3

    run(main())


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_s38_nobody_there_is_asked_as_often_as_is_configured(run: Run, retries: int) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            async with opened(f"http://127.0.0.1:{taken.getsockname()[1]}", retries=retries) as upstream:
                error = await error_of(upstream.post(ROUTE, (), b"{}"))
                assert (error.code, error.attempts) == ("unreachable", retries + 1)

    run(main())


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([], id="nothing"),
        pytest.param([b"HTTP/1.1 200 OK\r\n"], id="part of a head"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], id="a head"),
        pytest.param([CHUNKED, chunk(b"first")], id="part of a body"),
    ],
)
@pytest.mark.parametrize("silent", [True, False])
def test_s38_what_may_have_been_heard_is_not_said_again(run: Run, before: list[bytes], silent: bool) -> None:
    heard = []

    async def script(peer: Peer) -> None:
        heard.append(await peer.hear())
        for part in before:
            await peer.say(part)
        await asyncio.sleep(0.05)
        if silent:
            await peer.gone()
        peer.reset()

    async def main() -> None:
        async with faulty(script) as there, opened(there.url, retries=2, timeout_s=0.4) as upstream:
            error = await error_of(upstream.post(ROUTE, (), b"{}"))
            assert (error.code, error.attempts) == ("timeout" if silent else "protocol", 1)
            assert len(heard) == 1

    run(main())


def test_s38_the_deadline_of_the_call_bounds_all_of_its_attempts(run: Run) -> None:
    async def main() -> None:
        script, heard = in_turn(no(503, "Retry-After: 1"), OK)
        async with faulty(script) as there, opened(there.url, retries=2, timeout_s=0.8) as upstream:
            began = time.monotonic()
            reply = await upstream.post(ROUTE, (), b"{}")
            assert (reply.status, reply.attempts, len(heard)) == (503, 1, 1)
            assert time.monotonic() - began < 0.6

    run(main())


def test_s38_a_storm_of_failures_is_not_multiplied(run: Run) -> None:
    async def main() -> None:
        script, heard = in_turn(no(503))
        async with faulty(script) as there, opened(there.url, retries=2, breaker_failures=0) as upstream:
            replies = []
            for _ in range(10):
                replies += await asyncio.gather(*(upstream.post(ROUTE, (), b"{}") for _ in range(20)))
            assert {reply.status for reply in replies} == {503}
            assert sum(reply.attempts for reply in replies) == len(heard)
            assert 200 + 10 <= len(heard) <= 200 * 1.2 + 1

    run(main())


def test_a_call_that_is_cancelled_between_attempts_leaves_nothing_behind(run: Run) -> None:
    async def main() -> None:
        script, heard = in_turn(no(503, "Retry-After: 1"), OK)
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            call = asyncio.ensure_future(upstream.post(ROUTE, (), b"{}"))
            await asyncio.sleep(0.1)
            call.cancel()
            await asyncio.wait([call])
            assert (call.cancelled(), len(heard)) == (True, 1)
            assert (await upstream.post(ROUTE, (), b"{}")).body == b"fine"
            assert len(there.peers) == 1

    run(main())


def test_a_kept_connection_that_was_closed_unheard_is_replaced_at_once(run: Run) -> None:
    """The other side closes while this one, busy, does not look, and then sends."""

    async def main() -> None:
        async with faulty(answering(OK)) as there, opened(there.url, retries=0) as upstream:
            for count in range(3):
                reply = await upstream.post(ROUTE, (), b"{}")
                assert (reply.status, reply.attempts) == (200, 1 if count == 0 else 2)
                there.peers[-1].shut()

    run(main())


@pytest.mark.parametrize("reset", [True, False])
def test_a_kept_connection_that_breaks_after_it_was_heard_is_not(run: Run, reset: bool) -> None:
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(OK)
        heard.append(await peer.hear())
        if reset:
            peer.reset()

    async def main() -> None:
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            assert (await upstream.post(ROUTE, (), b"{}")).status == 200
            error = await error_of(upstream.post(ROUTE, (), b"{}"))
            assert (error.code, error.attempts) == ("protocol", 1)
            assert len(there.peers) == 1

    run(main())
    assert len(heard) == 1


def test_an_error_says_how_often_was_called(run: Run) -> None:
    async def main() -> None:
        script, _ = in_turn(no(503), b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
        async with faulty(script) as there, opened(there.url, retries=2) as upstream:
            error = await error_of(upstream.post(ROUTE, (), b"{}"))
            assert (error.code, error.attempts) == ("protocol", 2)

    run(main())


def test_an_error_that_was_never_a_call_counts_none() -> None:
    assert UpstreamError("protocol", "x").attempts == 0


@given(
    st.sampled_from([0, 502, 503, 504]), st.none() | st.floats(0, LONGEST_WAIT_S), st.integers(1, 10), st.floats(0, 1)
)
def test_the_wait_grows_is_bounded_and_never_shorter_than_asked(
    status: int, asked: float | None, retry: int, chance: float
) -> None:
    wait = wait_before_retry(status, asked, retry, chance)
    assert wait is not None
    assert wait >= (asked or 0)
    if asked is None:
        assert min(0.025 * 2 ** (retry - 1), LONGEST_WAIT_S) <= wait <= min(0.0751 * 2 ** (retry - 1), LONGEST_WAIT_S)
    assert wait <= (asked or 0) + LONGEST_WAIT_S


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None), (b"0", 0.0), (b" 2 ", 2.0), (b"0.5", 0.5), (b"120", 120.0), (b"-1", None), (b"1e3", None),
        (b"", None), (b"soon", None), (b"\xff", None), (b"9" * 400, None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True).encode(), 90.0),
        (format_datetime(NOW - timedelta(days=9), usegmt=True).encode(), 0.0),
        (b"Fri, 99 Foo 2030 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text: bytes | None, seconds: float | None) -> None:
    assert seconds_of(text, NOW) == seconds


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_retries_are_a_fifth_of_the_calls_of_any_ten_seconds_or_ten(steps: list[tuple[float, int, int]]) -> None:
    budget, now = RetryBudget(), 1000.0
    calls: list[float] = []
    retries: list[float] = []
    for pause, called, wanted in steps:
        now += pause
        for _ in range(called):
            budget.called(now)
            calls.append(now)
        granted = sum(budget.take(now) for _ in range(wanted))
        retries += [now] * granted
        recent_calls = sum(now - at < 10 for at in calls)
        recent = sum(int(now) - int(at) < 10 for at in retries)
        assert recent <= max(10, 0.2 * recent_calls + 1) or granted == 0
        if granted < wanted:
            assert recent >= 10


def test_a_budget_that_was_spent_comes_back() -> None:
    budget = RetryBudget()
    assert [budget.take(5.0) for _ in range(11)] == [True] * 10 + [False]
    assert not budget.take(14.9)
    assert budget.take(15.0)
