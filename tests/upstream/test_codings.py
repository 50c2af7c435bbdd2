"""S13: an answer that was compressed although nobody asked reads as the plain one, and a bomb does no harm."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import Awaitable, Callable

import brotli
import pytest
from backports import zstd

from guard.upstream import Upstream
from tests.upstream.conftest import Run
from tests.upstream.faults import (
    CHUNKED,
    ROUTE,
    WAYS,
    Peer,
    answering,
    chunk,
    chunked,
    error_of,
    faulty,
    http,
    opened,
    rss,
)

MIB = 2**20
BODY = b"".join(b"data: event %d\n\n" % n for n in range(9000))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstd.compress,
}
CODINGS = pytest.mark.parametrize("coding", PACKERS)
EACH_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
Way = Callable[[Upstream], Awaitable[bytes]]


@EACH_WAY
@CODINGS
@pytest.mark.parametrize("size", [700, None])
def test_s13_a_compressed_answer_reads_as_the_plain_one(run: Run, coding: str, size: int | None, way: Way) -> None:
    packed, header = PACKERS[coding](BODY), f"Content-Encoding: {coding}"
    parts = [packed[i : i + 999] for i in range(0, len(packed), 999)]

    async def main() -> None:
        for answer in (http(packed, header), chunked(parts, header)):
            async with faulty(answering(answer, size=size)) as there, opened(there.url) as upstream:
                assert await way(upstream) == BODY
                assert await way(upstream) == BODY
                assert len(there.peers) == 1

    run(main())


def test_s13_compressed_events_come_as_they_are_flushed(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        packer = zlib.compressobj(wbits=31)
        await peer.say(CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n")
        for number in range(3):
            event = packer.compress(b"event %d" % number) + packer.flush(zlib.Z_SYNC_FLUSH)
            await peer.say(chunk(event))
            await asyncio.sleep(0.1)
        await peer.say(chunk(packer.flush()) + b"0\r\n\r\n")

    async def main() -> list[tuple[bytes, float]]:
        async with faulty(script) as there, opened(there.url) as upstream:
            began = time.monotonic()
            answer = await upstream.call(ROUTE, (), b"{}")
            return [(piece, time.monotonic() - began) async for piece in answer.chunks()]

    pieces = run(main())
    assert [piece for piece, _ in pieces] == [b"event 0", b"event 1", b"event 2"]
    assert pieces[1][1] - pieces[0][1] > 0.05
    assert pieces[2][1] - pieces[1][1] > 0.05


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """300 MB each."""
    return {coding: pack(bytes(300 * MIB)) for coding, pack in PACKERS.items()}


@EACH_WAY
@CODINGS
def test_s13_a_bomb_is_too_large_at_little_cost(run: Run, bombs: dict[str, bytes], coding: str, way: Way) -> None:
    async def main() -> None:
        script = answering(http(bombs[coding], f"Content-Encoding: {coding}"))
        async with faulty(script) as there, opened(there.url, max_stream_bytes=32 * MIB) as upstream:
            before, began = rss(), time.monotonic()
            error = await error_of(way(upstream))
            assert (error.code, error.attempts) == ("too_large", 1)
            assert time.monotonic() - began < 1
            assert rss() - before < 64 * MIB

    run(main())


def test_s13_a_bomb_of_a_stream_never_comes_in_one_piece(run: Run, bombs: dict[str, bytes]) -> None:
    async def main() -> None:
        script = answering(http(bombs["br"], "Content-Encoding: br"))
        async with faulty(script) as there, opened(there.url) as upstream:
            before, most, size = rss(), 0, 0
            answer = await upstream.call(ROUTE, (), b"{}")

            async def all_of_it() -> None:
                nonlocal most, size
                async for piece in answer.chunks():
                    assert len(piece) <= 65536
                    size += len(piece)
                    most = max(most, rss()) if size % (8 * MIB) < 65536 else most

            assert (await error_of(all_of_it())).code == "too_large"
            assert 255 * MIB < size <= 256 * MIB
            assert most - before < 32 * MIB

    run(main())


@EACH_WAY
@CODINGS
def test_s13_a_coding_that_is_damaged_or_cut_short_is_an_error_of_protocol(run: Run, coding: str, way: Way) -> None:
    packed = PACKERS[coding](BODY)
    broken = [packed[:-5], packed + b"more", b"\xff" * 9 + packed, packed[: len(packed) // 2], BODY]

    async def main() -> None:
        for body in broken:
            script = answering(http(body, f"Content-Encoding: {coding}"))
            async with faulty(script) as there, opened(there.url) as upstream:
                assert (await error_of(way(upstream))).code == "protocol"

    run(main())


@EACH_WAY
@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Encoding: gzip, gzip"],
        ["Content-Encoding: gzip", "Content-Encoding: gzip"],
        ["Content-Encoding: gzip", "Content-Encoding: identity"],
        ["Content-Encoding: compress"],
        ["Content-Encoding: zorblax"],
    ],
)
def test_s13_what_cannot_be_decoded_is_never_passed_on(run: Run, headers: list[str], way: Way) -> None:
    async def main() -> None:
        async with faulty(answering(http(gzip.compress(BODY), *headers))) as there, opened(there.url) as upstream:
            error = await error_of(way(upstream))
            assert error.code == "protocol"
            assert "zorblax" not in error.message

    run(main())
