"""S41 and S40 at the upstream: pieces as they come, no more of them than are asked for, and an end when nobody asks."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest

from guard.upstream import Answering
from tests.upstream.conftest import Run
from tests.upstream.faults import (
    CHUNKED,
    LAST,
    ROUTE,
    Peer,
    answering,
    chunk,
    chunked,
    error_of,
    faulty,
    http,
    opened,
    read,
    rss,
    streamed,
)

MIB = 2**20
BODY = b"".join(b"data: event %d\n\n" % n for n in range(3000))


@pytest.mark.parametrize("size", [1, 7, 1000, None])
@pytest.mark.parametrize(
    "answer",
    [
        http(BODY[:2000]),
        chunked([BODY[:1], BODY[1:900], BODY[900:2000]]),
        chunked(BODY[n : n + 1] for n in range(2000)),
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http(BODY[:2000]),
        CHUNKED[:-2] + b"Trailer: X-Sum\r\n\r\n" + chunk(BODY[:2000]) + b"0\r\nX-Sum: 1\r\n\r\n",
    ],
    ids=["length", "chunks", "chunks of one byte", "early hints", "trailers"],
)
def test_however_it_is_framed_and_cut_the_same_bytes_come(run: Run, answer: bytes, size: int | None) -> None:
    async def main() -> None:
        async with faulty(answering(answer, size=size)) as there, opened(there.url) as upstream:
            assert await streamed(upstream) == await streamed(upstream) == await read(upstream) == BODY[:2000]
            assert len(there.peers) == 1

    run(main())


def test_the_end_of_a_connection_ends_an_answer_without_a_length(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)

    async def main() -> None:
        async with faulty(script) as there, opened(there.url) as upstream:
            assert await streamed(upstream) == await read(upstream) == BODY
            assert len(there.peers) == 2

    run(main())


def test_pieces_come_as_they_are_sent(run: Run) -> None:
    async def main() -> list[tuple[bytes, float]]:
        script = answering(CHUNKED, *(chunk(b"event %d" % n) for n in range(5)), LAST, size=100, every=0.05)
        async with faulty(script) as there, opened(there.url) as upstream:
            began = time.monotonic()
            answer = await upstream.call(ROUTE, (), b"{}")
            return [(piece, time.monotonic() - began) async for piece in answer.chunks()]

    pieces = run(main())
    assert [piece for piece, _ in pieces] == [b"event %d" % n for n in range(5)]
    assert pieces[-1][1] - pieces[0][1] > 0.15


def test_the_head_is_there_before_the_body(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        head = b"HTTP/1.1 404 No\r\nContent-Type: Text/Event-Stream ; charset=utf-8\r\nX-Request-Id: r1\r\nX-Y: z\r\n"
        await peer.say(head + b"Transfer-Encoding: chunked\r\n\r\n")
        await peer.gone()

    async def main() -> None:
        async with faulty(script) as there, opened(there.url) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            assert (answer.status, answer.media_type, answer.attempts) == (404, b"text/event-stream", 1)
            assert answer.headers == ((b"x-request-id", b"r1"),)
            answer.close()

    run(main())


@pytest.mark.parametrize(
    ("lines", "media_type"),
    [
        ([], b""),
        (["Content-Type: application/json"], b"application/json"),
        (["content-type: IMAGE/PNG;x=y"], b"image/png"),
        (["Content-Type: text/plain", "Content-Type: application/json"], b"text/plain, application/json"),
    ],
)
def test_a_media_type_is_in_lower_case_and_without_parameters(run: Run, lines: list[str], media_type: bytes) -> None:
    async def main() -> None:
        async with faulty(answering(http(b"x", *lines))) as there, opened(there.url) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            assert answer.media_type == media_type
            answer.close()

    run(main())


def test_no_piece_is_empty_or_larger_than_64_kib(run: Run) -> None:
    async def main() -> None:
        async with faulty(answering(http(b"x" * 3 * MIB))) as there, opened(there.url) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            sizes = [len(piece) async for piece in answer.chunks()]
            assert sum(sizes) == 3 * MIB
            assert 0 < min(sizes) <= max(sizes) <= 64 * 1024

    run(main())


def flood(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size


async def pour(peer: Peer, size: int) -> None:
    await peer.hear()
    await peer.say(flood(size))
    for _ in range(size // MIB):
        await peer.say(b"x" * MIB)


async def taken_slowly(answer: Answering, pause: float) -> AsyncIterator[bytes]:
    pieces = answer.chunks()
    yield await anext(pieces)
    await asyncio.sleep(pause)
    async for piece in pieces:
        yield piece


def test_s41_an_upstream_waits_for_a_slow_reader(run: Run) -> None:
    """200 MB behind a reader who pauses: what is not asked for is not taken off the wire, and all of it comes."""

    async def main() -> None:
        async with faulty(lambda peer: pour(peer, 200 * MIB)) as there, opened(there.url, timeout_s=25) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            before, size, most = rss(), 0, 0
            async for piece in taken_slowly(answer, 0.4):
                if not size:
                    early = there.peers[0].sent
                size += len(piece)
                most = max(most, rss()) if size % (4 * MIB) < 65536 else most
            assert size == 200 * MIB
            assert early < 20 * MIB  # the kernel's buffers, and ours
            assert most - before < 32 * MIB

    run(main())


def test_s41_fifty_slow_readers_cost_little(run: Run) -> None:
    async def main() -> None:
        async with faulty(lambda peer: pour(peer, 200 * MIB)) as there, opened(there.url, timeout_s=25) as upstream:
            before = rss()
            answers = await asyncio.gather(*(upstream.call(ROUTE, (), b"{}") for _ in range(50)))
            pieces = [answer.chunks() for answer in answers]
            for one in pieces:
                await anext(one)
            await asyncio.sleep(1)
            sent = sum(peer.sent for peer in there.peers)
            grown = rss() - before - 50 * 2 * MIB  # each of the stub's writers holds a piece of 1 MiB, and copies it
            for answer in answers:
                answer.close()
            assert sent < 50 * 20 * MIB
            assert grown < 64 * MIB

    run(main())


def test_a_reader_who_pauses_longer_than_an_upstream_may_does_not_end_the_answer(run: Run) -> None:
    async def main() -> None:
        async with faulty(lambda peer: pour(peer, 8 * MIB)) as there, opened(there.url, idle_s=0.2) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            assert sum([len(piece) async for piece in taken_slowly(answer, 0.6)]) == 8 * MIB

    run(main())


def test_an_answer_that_stands_still_is_a_timeout(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(CHUNKED + chunk(b"first"))
        await peer.gone()

    async def main() -> None:
        async with faulty(script) as there, opened(there.url, idle_s=0.3) as upstream:
            began = time.monotonic()
            answer = await upstream.call(ROUTE, (), b"{}")
            pieces = answer.chunks()
            assert await anext(pieces) == b"first"
            error = await error_of(anext(pieces))
            assert (error.code, error.attempts, error.message) == (
                "timeout", 1, "The upstream's answer stood still for 0.3 s.",
            )  # fmt: skip
            assert 0.25 < time.monotonic() - began < 1.5

    run(main())


def test_an_answer_that_drips_is_a_timeout_however_often_it_drips(run: Run) -> None:
    async def main() -> None:
        script = answering(CHUNKED + chunk(b"x") * 1000, size=6, every=0.02)
        async with faulty(script) as there, opened(there.url, timeout_s=0.6, idle_s=0.3) as upstream:
            for way in (streamed, read):
                began = time.monotonic()
                error = await error_of(way(upstream))
                assert (error.code, error.message) == ("timeout", "The upstream gave no whole answer in 0.6 s.")
                assert 0.5 < time.monotonic() - began < 1.6

    run(main())


def test_a_reader_who_takes_longer_than_the_call_may_gets_a_timeout_and_the_upstream_no_blame(run: Run) -> None:
    async def main() -> None:
        options = {"timeout_s": 0.3, "breaker_failures": 1}
        async with faulty(lambda peer: pour(peer, 200 * MIB)) as there, opened(there.url, **options) as upstream:
            for _ in range(2):
                began = time.monotonic()
                answer = await upstream.call(ROUTE, (), b"{}")

                async def all_of_it(answer: Answering) -> None:
                    async for _ in answer.chunks():
                        await asyncio.sleep(0.005)

                assert (await error_of(all_of_it(answer))).code == "timeout"
                assert time.monotonic() - began < 1

    run(main())


def test_a_reader_of_what_has_come_whole_may_take_any_time(run: Run) -> None:
    async def main() -> None:
        async with faulty(answering(http(b"x" * 2**17))) as there, opened(there.url, timeout_s=0.2) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            assert sum([len(piece) async for piece in taken_slowly(answer, 0.4)]) == 2**17

    run(main())


@pytest.mark.parametrize("answer", [http(b"x" * 5000), chunked([b"x" * 2500] * 2)])
def test_the_limit_of_a_stream_is_exact_and_its_own(run: Run, answer: bytes) -> None:
    async def main() -> None:
        async with faulty(answering(answer)) as there:
            async with opened(there.url, max_bytes=1, max_stream_bytes=5000) as upstream:
                assert len(await streamed(upstream)) == 5000
            async with opened(there.url, max_stream_bytes=4999) as upstream:
                error = await error_of(streamed(upstream))
                assert (error.code, error.attempts) == ("too_large", 1)

    run(main())


def test_what_came_before_a_break_was_given_out(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(CHUNKED + chunk(b"one") + chunk(b"two") + b"20\r\nhalf a chu")
        await asyncio.sleep(0.05)

    async def main() -> None:
        async with faulty(script) as there, opened(there.url) as upstream:
            answer, got = await upstream.call(ROUTE, (), b"{}"), bytearray()

            async def all_of_it() -> None:
                async for piece in answer.chunks():
                    got.extend(piece)

            assert (await error_of(all_of_it())).code == "protocol"
            assert got == b"onetwohalf a chu"

    run(main())


def test_sifting_comes_back_for_what_is_wanted_alone_and_sees_all(run: Run) -> None:
    async def main() -> None:
        script = answering(CHUNKED, *(chunk(b"%d" % n) for n in range(6)), LAST, size=100, every=0.02)
        async with faulty(script) as there, opened(there.url) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            seen: list[bytes] = []

            def wanted(piece: bytes) -> bool:
                seen.append(piece)
                return piece in {b"2", b"5"}

            back = [b"".join(seen) async for _ in answer.sift(wanted)]

            assert back == [b"012", b"012345"]
            assert await streamed(upstream) == b"012345"
            assert len(there.peers) == 1

    run(main())


def test_nothing_is_sifted_while_nobody_waits(run: Run) -> None:
    async def main() -> None:
        script = answering(CHUNKED, *(chunk(b"%d" % n) for n in range(6)), LAST, size=100, every=0.01)
        async with faulty(script) as there, opened(there.url) as upstream:
            seen: list[bytes] = []
            answer = await upstream.call(ROUTE, (), b"{}")
            async for _ in answer.sift(lambda piece: seen.append(piece) is None):
                before = len(seen)
                await asyncio.sleep(0.03)
                assert len(seen) == before
            assert b"".join(seen) == b"012345"

    run(main())


def test_an_answer_is_not_late_while_pieces_come_that_nobody_wants(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(CHUNKED)
        for _ in range(12):
            await peer.say(chunk(b"x"))
            await asyncio.sleep(0.05)
        await peer.gone()

    async def main() -> None:
        async with faulty(script) as there, opened(there.url, idle_s=0.3) as upstream:
            answer, seen = await upstream.call(ROUTE, (), b"{}"), bytearray()

            def unwanted(piece: bytes) -> bool:
                seen.extend(piece)
                return False

            async def to_the_end() -> None:
                async for _ in answer.sift(unwanted):
                    raise AssertionError("nothing was wanted")

            began = time.monotonic()
            assert (await error_of(to_the_end())).code == "timeout"
            assert seen == b"x" * 12
            assert 0.8 < time.monotonic() - began < 1.6

    run(main())


@pytest.mark.parametrize("number", [0, 3])
def test_what_is_raised_while_sifting_ends_the_answer(run: Run, number: int) -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.hear()
            try:
                await peer.say(CHUNKED)
                for n in range(5):
                    await peer.say(chunk(b"%d" % n))
                    await asyncio.sleep(0.01)
                await peer.gone()
            finally:
                gone.set()

        def refuses(piece: bytes) -> bool:
            if piece == b"%d" % number:
                raise ValueError("no")
            return False

        async with faulty(script) as there, opened(there.url) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            with pytest.raises(ValueError, match="no"):
                await anext(answer.sift(refuses))
            await asyncio.wait_for(gone.wait(), 1)

    run(main())


async def endless(peer: Peer) -> None:
    await peer.hear()
    await peer.say(CHUNKED + chunk(b"first"))
    await peer.gone()


@pytest.mark.parametrize("moment", ["before a piece", "after a piece", "while one is waited for", "left alone"])
def test_s40_an_answer_that_is_closed_frees_the_upstream_at_once(run: Run, moment: str) -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def script(peer: Peer) -> None:
            await endless(peer)
            gone.set()

        async with faulty(script) as there, opened(there.url, idle_s=20, timeout_s=20) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            pieces = answer.chunks()
            if moment != "before a piece":
                await anext(pieces)
            if moment == "while one is waited for":
                waits = asyncio.ensure_future(anext(pieces))  # type: ignore[arg-type]
                await asyncio.sleep(0.05)
                waits.cancel()
                await asyncio.wait([waits])
            elif moment == "left alone":
                await pieces.aclose()  # type: ignore[attr-defined]
            else:
                answer.close()
                answer.close()
            began = time.monotonic()
            await asyncio.wait_for(gone.wait(), 1)
            assert time.monotonic() - began < 0.5

    run(main())


def test_s40_a_call_that_is_cancelled_before_the_head_frees_the_upstream_at_once(run: Run) -> None:
    async def main() -> None:
        heard, gone = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.hear()
            heard.set()
            await peer.gone()
            gone.set()

        async with faulty(script) as there, opened(there.url, timeout_s=20) as upstream:
            call = asyncio.ensure_future(upstream.call(ROUTE, (), b"{}"))
            await heard.wait()
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled()
            await asyncio.wait_for(gone.wait(), 1)

    run(main())


def test_a_connection_is_used_again_after_an_answer_that_came_to_its_end(run: Run) -> None:
    async def main() -> None:
        async with faulty(answering(chunked([BODY]))) as there, opened(there.url) as upstream:
            for _ in range(3):
                assert await streamed(upstream) == BODY
            unread = await upstream.call(ROUTE, (), b"{}")
            await asyncio.sleep(0.05)
            unread.close()  # all of it had come: nobody is kept busy by it
            assert await streamed(upstream) == BODY
            assert len(there.peers) == 1

    run(main())


def test_an_answer_is_taken_once(run: Run) -> None:
    async def main() -> None:
        async with faulty(answering(http(BODY))) as there, opened(there.url) as upstream:
            answer = await upstream.call(ROUTE, (), b"{}")
            assert await answer.read() == BODY
            with pytest.raises(RuntimeError, match="taken once"):
                await answer.read()
            with pytest.raises(RuntimeError, match="taken once"):
                await anext(answer.chunks())
            answer = await upstream.call(ROUTE, (), b"{}")
            pieces = answer.chunks()
            await anext(pieces)
            answer.close()
            with pytest.raises(RuntimeError, match="taken once"):
                await anext(pieces)

    run(main())


def test_others_get_their_turn_while_a_little_becomes_much(run: Run) -> None:
    """64 MB out of 64 kB: nothing has to be waited for between two pieces."""

    async def main() -> None:
        turns, packed = 0, gzip.compress(bytes(64 * MIB))
        script = answering(http(packed, "Content-Encoding: gzip"))

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        for way in (streamed, read):
            async with faulty(script) as there, opened(there.url, max_bytes=64 * MIB) as upstream:
                turning = asyncio.ensure_future(others())
                before = turns
                assert len(await way(upstream)) == 64 * MIB
                turning.cancel()
                assert turns - before >= 64

    run(main())
