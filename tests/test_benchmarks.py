"""The benchmark's own arithmetic: a figure that is wrong is worse than none."""

from __future__ import annotations

import json

import pytest

from benchmarks import _harness, _traffic, gateway
from guard.protocols.openai_chat import ADAPTER


def _run(p50: float, cpu_ms: float) -> dict[str, float]:
    return {"requests": 10, "failed": 0, "seconds": 2.0, "p50": p50, "p90": 5.0, "p99": 9.0, "cpu_ms": cpu_ms}


RUNS = {
    ("direct", "unary", 1): [_run(1.0, 0.1), _run(3.0, 0.1), _run(2.0, 0.1)],
    ("direct", "unary", 16): [_run(1.0, 0.1)] * 3,
    ("guard", "unary", 1): [_run(2.0, 0.5), _run(4.0, 0.5), _run(9.0, 0.5)],
    ("guard", "unary", 16): [_run(8.0, 0.4), _run(8.0, 1.2), _run(8.0, 1.1)],
}


def test_what_is_added_is_counted_within_each_round():
    cell = gateway.cell(RUNS, "guard", "unary", 1)

    assert cell["added_p50_ms"] == {"median": 1.0, "min": 1.0, "max": 7.0}
    assert cell["p50_ms"]["median"] == 4.0
    assert cell["requests"] == 30
    assert cell["requests_per_s"]["median"] == 5.0


def test_a_bar_is_met_by_the_median_alone():
    met = {bar["figure"]: bar["met"] for bar in gateway.bars([gateway.cell(RUNS, *key) for key in RUNS])}

    assert met == {"added_p50_ms": True, "cpu_ms": False}


def test_the_table_shows_every_measured_variant_and_no_other():
    cells = [gateway.cell(RUNS, *key) for key in RUNS]
    report = {
        "machine": _harness.machine(["pytest"]),
        "rounds": 3,
        "seconds": 1.0,
        "traffic": {"request_bytes": 1, "answer_bytes": 1},
        "busy_elsewhere": _harness.spread([0.1]),
        "rss_mb": {"guard": 50.0},
        "notes": ["nginx is not installed: that row is left out"],
        "cells": cells,
        "bars": gateway.bars(cells),
    }

    rows = {line.split()[0] for line in gateway.table(report).splitlines() if line}

    assert {"direct", "guard", "note:", "bar:"} <= rows
    assert not {"nginx", "guard-default", "asgi-httpx"} & rows


def test_spread_is_in_order():
    assert _harness.spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}


@pytest.mark.parametrize("stream", [False, True])
def test_the_traffic_is_what_the_gateway_reads(stream: bool):
    body = _traffic.request(stream=stream)
    exchange = ADAPTER.decode_request(body)

    assert exchange.stream is stream
    assert [part.role for part in exchange.content.parts] == ["system", "user", "assistant", "user"]
    assert 1900 <= len(body) <= 2200
    assert 1100 <= len(_traffic.ANSWER) <= 1300


def test_the_stream_says_what_the_answer_says():
    frames = [json.loads(line[6:]) for line in _traffic.STREAM.split(b"\n") if line.startswith(b"data: {")]
    said = "".join(frame["choices"][0]["delta"].get("content", "") for frame in frames)

    assert said == json.loads(_traffic.ANSWER)["choices"][0]["message"]["content"]
