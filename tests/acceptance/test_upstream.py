"""S13, S38 and S39 through the whole gateway: what its clients, its upstream and its audit log see of them."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from pathlib import Path
from typing import Any

import brotli
import pytest
from backports import zstd

from guard.audit import State
from guard.config import BreakerConfig, UpstreamConfig
from tests.acceptance.conftest import House, house
from tests.fakes import CANARY, HARMLESS, completion

AGAIN = UpstreamConfig(connect_s=1.0, breaker=BreakerConfig(failures=10, open_s=0.4))
PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}


def http(body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{lines}\r\n".encode() + body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("coding", PACKERS)
def test_s13_an_answer_that_was_compressed_is_decided_like_the_plain_one(
    guarded: House, coding: str, stream: bool
) -> None:
    for said, status in ((CANARY, 400), (HARMLESS, 200)):
        packed = PACKERS[coding](json.dumps(completion(said)).encode())
        guarded.upstream.raw = http(packed, f"Content-Encoding: {coding}")
        answer = guarded.chat(stream=stream)
        assert answer.status == status, answer.body
        assert guarded.leaks(answer) == []
        assert (HARMLESS.encode() in answer.body) == (said == HARMLESS)


@pytest.mark.parametrize("coding", PACKERS)
def test_s13_a_bomb_is_a_bad_gateway_soon(guarded: House, coding: str) -> None:
    bomb = bytes(200 * 2**20)
    packed = brotli.compress(bomb, quality=5) if coding == "br" else PACKERS[coding](bomb)
    guarded.upstream.raw = http(packed, f"Content-Encoding: {coding}")
    began = time.monotonic()
    answer = guarded.chat()
    assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_too_large")
    assert time.monotonic() - began < 1
    (record,) = guarded.records()
    assert (record.state, record.attempts) == (State.UPSTREAM_ERROR, 1)


def busy(one: House, times: int, status: int, **headers: str) -> None:
    """Let the stub be busy so many times, and then well."""

    def script(_: bytes) -> dict[str, Any]:
        more = len(one.upstream.received) <= times
        return {"status": status, "headers": headers} if more else {}

    one.upstream.script = script


def test_s38_an_upstream_that_is_busy_twice_is_called_again_for_one_record(tmp_path: Path) -> None:
    with house(tmp_path, calls=AGAIN) as one:
        busy(one, 2, 503)
        answer = one.chat(HARMLESS)
        assert answer.status == 200
        assert len(one.upstream.received) == 3
        (record,) = one.records()
        assert (record.state, record.status, record.upstream_status, record.attempts) == (State.ALLOWED, 200, 200, 3)


def test_s38_what_is_busy_for_longer_is_passed_on_with_its_retry_after(tmp_path: Path) -> None:
    with house(tmp_path, calls=AGAIN) as one:
        busy(one, 99, 429, **{"Retry-After": "7"})
        answer = one.chat(HARMLESS)
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")
        (record,) = one.records()
        assert (record.state, record.attempts) == (State.UPSTREAM_ERROR, 1)
        assert len(one.upstream.received) == 1


def test_s38_what_is_blocked_is_never_called(tmp_path: Path) -> None:
    with house(tmp_path, calls=AGAIN) as one:
        busy(one, 2, 503)
        assert one.chat(CANARY).status == 400
        assert one.records()[0].attempts == 0
        assert one.upstream.received == []


def test_s39_an_upstream_that_fails_is_left_alone_and_comes_back(tmp_path: Path) -> None:
    with house(tmp_path, calls=AGAIN) as one:
        one.upstream.status = 500
        assert [one.chat(HARMLESS).status for _ in range(10)] == [500] * 10
        answer = one.chat(HARMLESS)
        assert (answer.status, answer.json["error"]["code"]) == (503, "upstream_unavailable")
        assert len(one.upstream.received) == 10
        record = one.records(11)[-1]
        assert (record.state, record.status, record.attempts) == (State.UPSTREAM_ERROR, 503, 0)
        assert "guard_upstream_breaker_open 1.0" in one.admin("/metrics")
        one.upstream.status = 200
        time.sleep(0.45)
        assert [one.chat(HARMLESS).status for _ in range(3)] == [200] * 3
        assert "guard_upstream_breaker_open 0.0" in one.admin("/metrics")
