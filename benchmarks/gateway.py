"""What a request costs on its way through the gateway, beside nginx and the pass-throughs people write.

A closed loop of chat requests (2 KB, answered with 1.2 KB) over loopback: load client, upstream and each server are
processes of their own. Latency is measured on one connection, CPU per request on sixteen, all variants in turn
in random order, several times. The direct call is the baseline, nginx the lower bound.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _harness, _nginx
from benchmarks._traffic import ANSWER, request

if TYPE_CHECKING:
    from benchmarks._harness import Child

QUESTION = "what a request through the gateway adds to calling the upstream directly"

VARIANTS = {
    "direct": "the upstream itself",
    "nginx": "nginx, proxy_pass with keep-alive",
    "guard": "the gateway: stub classifier, policy, SQLite record with a sync of the disk",
    "guard-no-audit": "the gateway, records thrown away",
    "guard-default": "the gateway under the default policy with its own classifiers",
    "asgi-aiohttp": "uvicorn, bare ASGI pass-through, aiohttp",
    "asgi-httpx": "uvicorn, bare ASGI pass-through, httpx",
    "starlette-httpx": "uvicorn, Starlette pass-through, httpx",
}
_STREAMED = ("direct", "nginx", "guard")
"""A pass-through that holds the answer would be measured twice; these differ between modes."""

BARS = {"added_p50_ms": 1.5, "cpu_ms": 1.0}
"""What the gateway may add to a request with a stub classifier: milliseconds of latency and of CPU."""

PACKAGES = (
    "guard-gateway", "aiohttp", "httptools", "httpx", "orjson", "prometheus-client", "sniffio", "starlette", "uvicorn",
    "uvloop",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is measured: *repeats* rounds, cells of *requests* at most and *seconds* at most, *total_s* in all."""

    repeats: int
    requests: int
    seconds: float
    total_s: float


PROFILES = {
    "quick": Profile(repeats=5, requests=400, seconds=0.25, total_s=45),
    "full": Profile(repeats=9, requests=2500, seconds=0.9, total_s=270),
}
_FEWEST_REPEATS = 2
DISK = "/var/tmp" if Path("/var/tmp").is_dir() else None
"""Where records are written: a disk, not memory, or their sync would cost nothing."""


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Measure all variants, or *only* these and the baseline, and give everything measured as plain JSON."""
    chosen = PROFILES[profile]
    began = time.monotonic()
    about = _harness.machine(PACKAGES)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=DISK, prefix="guard-benchmark-")))
        upstream = stack.enter_context(_harness.python("benchmarks._upstream"))
        load = stack.enter_context(_harness.python("benchmarks._load"))
        servers, notes = _start(stack, upstream, folder, only)
        runs, elsewhere = _rounds(servers, load, chosen, began + chosen.total_s)
        memory = {name: round(server.rss_mb(), 1) for name, server in servers.items() if name != "direct"}
    cells = [cell(runs, *key) for key in runs]
    return {
        "question": QUESTION,
        "profile": profile,
        "machine": about,
        "traffic": {"request_bytes": len(request(stream=False)), "answer_bytes": len(ANSWER)},
        "rounds": min(len(one) for one in runs.values()),
        "seconds": round(time.monotonic() - began, 1),
        "busy_elsewhere": elsewhere,
        "notes": notes,
        "rss_mb": memory,
        "cells": cells,
        "bars": bars(cells),
    }


def _start(
    stack: contextlib.ExitStack, upstream: Child, folder: Path, only: frozenset[str] | None
) -> tuple[dict[str, Child], list[str]]:
    """Every server that can be had, the upstream itself as ``direct``; and why others cannot."""
    servers, notes = {"direct": upstream}, []
    for name in VARIANTS:
        if name == "direct" or (only is not None and name not in only):
            continue
        if name == "nginx":
            if shutil.which("nginx") is None:
                notes.append("nginx is not installed: that row is left out")
                continue
            servers[name] = stack.enter_context(_nginx.serving(upstream.port, folder))
        else:
            try:
                child = _harness.python("benchmarks._servers", name, str(upstream.port), str(folder))
                servers[name] = stack.enter_context(child)
            except RuntimeError:
                notes.append(f"{name} did not start: that row is left out")
    return servers, notes


_Key = tuple[str, str, int]
_Run = dict[str, Any]


def _rounds(
    servers: dict[str, Child], load: Child, profile: Profile, deadline: float
) -> tuple[dict[_Key, list[_Run]], dict[str, float]]:
    """Round after round, each cell once per round in random order, until done or the time is over.

    Besides the runs: how many cores others kept busy in each round. They slow everything down, latency most.
    """
    keys = [
        (name, mode, concurrency)
        for name in servers
        for mode in ("unary", "stream")
        for concurrency in (1, 16)
        if mode == "unary" or name in _STREAMED
    ]
    runs: dict[_Key, list[_Run]] = {key: [] for key in keys}
    for key in keys:  # connections, caches and code paths are warm before anything counts
        _run(servers[key[0]], load, key, Profile(1, 64, 0.5, 0))
    elsewhere: list[float] = []
    longest = 0.0
    for number in range(profile.repeats):
        began = time.monotonic()
        if number >= _FEWEST_REPEATS and began + longest > deadline:
            break
        others = _others_s(servers, load)
        for key in random.sample(keys, len(keys)):
            runs[key].append(_run(servers[key[0]], load, key, profile))
        took = time.monotonic() - began
        elsewhere.append((_others_s(servers, load) - others) / took)
        longest = max(longest, took)
    return runs, _harness.spread(elsewhere)


def _others_s(servers: dict[str, Child], load: Child) -> float:
    """CPU seconds spent so far by all that is not this benchmark."""
    return _harness.busy_s() - sum(child.cpu_s() for child in (*servers.values(), load)) - time.process_time()


def _run(server: Child, load: Child, key: _Key, profile: Profile) -> _Run:
    name, mode, concurrency = key
    cpu = server.cpu_s()
    done: _Run = load.ask(
        {
            "port": server.port,
            "concurrency": concurrency,
            "requests": profile.requests if concurrency == 1 else 2 * profile.requests,
            "seconds": profile.seconds,
            "stream": mode == "stream",
        }
    )
    if done["failed"] or not done["requests"]:
        msg = f"{name}: {done['failed']} of {done['requests']} requests failed"
        raise RuntimeError(msg)
    return {**done, "cpu_ms": (server.cpu_s() - cpu) * 1000 / done["requests"]}


def cell(runs: dict[_Key, list[_Run]], name: str, mode: str, concurrency: int) -> dict[str, Any]:
    """One row: medians over the rounds. What is added is counted round by round against the direct call of the same."""
    own, direct = runs[name, mode, concurrency], runs["direct", mode, concurrency]
    row: dict[str, Any] = {
        "variant": name,
        "mode": mode,
        "concurrency": concurrency,
        "requests": sum(run["requests"] for run in own),
        **{f"{place}_ms": _harness.spread([run[place] for run in own]) for place in ("p50", "p90", "p99")},
        "requests_per_s": _harness.spread([run["requests"] / run["seconds"] for run in own]),
        "cpu_ms": _harness.spread([run["cpu_ms"] for run in own]),
    }
    if name != "direct":
        added = [a["p50"] - b["p50"] for a, b in zip(own, direct, strict=True)]
        row["added_p50_ms"] = _harness.spread(added)
    return row


def bars(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the gateway adds against `BARS`: latency on one connection, CPU on sixteen."""
    found = {(c["variant"], c["mode"], c["concurrency"]): c for c in cells}
    checked = []
    for mode in ("unary", "stream"):
        for figure, concurrency in (("added_p50_ms", 1), ("cpu_ms", 16)):
            row = found.get(("guard", mode, concurrency))
            if row is not None:
                value, bar = row[figure]["median"], BARS[figure]
                checked.append({"mode": mode, "figure": figure, "bar": bar, "measured": value, "met": value <= bar})
    return checked


def table(report: dict[str, Any]) -> str:
    """The report for eyes."""
    about = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    sizes, others = report["traffic"], _shown(report["busy_elsewhere"])
    lines = [
        f"{about['cpu']}, {about['cores']} cores, load {about['load_average']}",
        f"{about['system']}, Python {about['python']}",
        versions,
        f"{report['rounds']} rounds in {report['seconds']:.0f} s; median [min-max]",
        f"cores kept busy by others: {others}",
        f"request {sizes['request_bytes']} B, answer {sizes['answer_bytes']} B",
        "",
    ]
    cells = {(c["variant"], c["mode"], c["concurrency"]): c for c in report["cells"]}
    for mode in ("unary", "stream"):
        lines.append(
            f"{mode:16} {'p50 ms':>8} {'added p50 ms, 1 connection':>28} {'p90':>8} {'p99':>8}"
            f" {'CPU ms/request, 16':>24} {'req/s, 16':>10} {'RSS MB':>7}"
        )
        lines += [
            _row(name, cells[name, mode, 1], cells[name, mode, 16], report["rss_mb"].get(name))
            for name in VARIANTS
            if (name, mode, 1) in cells
        ]
        lines.append("")
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [
        f"bar: {b['mode']} {b['figure']} {b['measured']:.3f} of {b['bar']} ({'met' if b['met'] else 'NOT met'})"
        for b in report["bars"]
    ]
    return "\n".join(lines)


def _row(name: str, one: dict[str, Any], sixteen: dict[str, Any], rss: float | None) -> str:
    added = _shown(one["added_p50_ms"]) if "added_p50_ms" in one else "-"
    return (
        f"{name:16} {one['p50_ms']['median']:8.3f} {added:>28} {one['p90_ms']['median']:8.3f}"
        f" {one['p99_ms']['median']:8.3f} {_shown(sixteen['cpu_ms']):>24}"
        f" {sixteen['requests_per_s']['median']:10.0f} {'-' if rss is None else f'{rss:.0f}':>7}"
    )


def _shown(value: dict[str, float]) -> str:
    return f"{value['median']:.3f} [{value['min']:.3f}-{value['max']:.3f}]"
