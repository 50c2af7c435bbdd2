"""What it costs to judge an answer while it is streamed, beside nginx and the pass-throughs people write.

Four figures, each with its bar: how much later the first words come, CPU for each event of the upstream, the work of
the classifiers against judging the same answer whole, and memory for each stream that is open. Load client, upstream
and each server are processes of their own, over loopback; variants take turns in random order, several times.
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
from benchmarks._answers import LANGUAGES, TOKENS, answer, tokens
from benchmarks._work import POLICIES, WAYS
from benchmarks.gateway import DISK, PACKAGES
from guard.text.sentences import boundary

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks._harness import Child

QUESTION = "what judging an answer while it is streamed costs"

VARIANTS = {
    "direct": "the upstream itself",
    "nginx": "nginx, proxy_pass with keep-alive, proxy_buffering off",
    "guard-stream": "the gateway: stub classifier, policy, SQLite record with a sync of the disk",
    "guard-default": "the gateway under the default policy with its own classifiers",
    "stream-aiohttp": "uvicorn, bare ASGI pass-through, aiohttp",
    "stream-httpx": "uvicorn, bare ASGI pass-through, httpx",
    "work": "no server: the classifiers' work on an answer, whole and streamed",
}
BARS = {"rest_ms": 30.0, "cpu_of_nginx": 3.0, "work_of_whole": 1.15, "kib_per_stream": 256.0}
"""How much later than a sentence of upstream time the first words may come, in milliseconds; CPU for each event as a
multiple of nginx'; classifiers' CPU as a multiple of judging the answer whole; memory for each open stream."""

_RATE = 80
"""Tokens a second of an answer whose first words are waited for."""
_MANY, _MANY_RATE = 16, 100
"""Streams at once where CPU is measured, and tokens a second of each."""
_OPEN = (100, 300)
"""Streams that are open when memory is looked at."""
_OPEN_TOKENS = 150
_EVENTS_BESIDE = 2
"""Events of an answer besides its tokens: its role and its end. The mark behind it goes with the latter."""


@dataclass(frozen=True, slots=True)
class Profile:
    """*repeats* rounds; *first* answers in each whose first words are waited for, *length* tokens where CPU counts."""

    repeats: int
    first: int
    length: int
    total_s: float


PROFILES = {
    "quick": Profile(repeats=3, first=3, length=300, total_s=150),
    "full": Profile(repeats=7, first=5, length=1000, total_s=420),
}
_FEWEST_REPEATS = 2
_Run = dict[str, Any]
_Key = tuple[str, ...]
_Runs = dict[_Key, list[_Run]]


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Measure all variants, or *only* these and the baseline, and give everything measured as plain JSON."""
    chosen = PROFILES[profile]
    began = time.monotonic()
    about = _harness.machine(PACKAGES)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=DISK, prefix="guard-benchmark-")))
        upstream = stack.enter_context(_harness.python("benchmarks._stream_upstream"))
        load = stack.enter_context(_harness.python("benchmarks._stream_load"))
        servers, notes = _start(stack, upstream, folder, only)
        work = stack.enter_context(_harness.python("benchmarks._work")) if only is None or "work" in only else None
        runs, elsewhere = _rounds(servers, load, work, chosen, began + chosen.total_s)
        memory = [
            _memory(name, upstream.port, folder, load)
            for name in servers
            if name in {"nginx", "guard-stream", "guard-default"}
        ]
    cells = {
        "first": [first_cell(runs, *key[1:]) for key in runs if key[0] == "first" and key[1] != "direct"],
        "cpu": [cpu_cell(runs, *key[1:]) for key in runs if key[0] == "cpu" and key[1] != "direct"],
        "work": [work_cell(runs, *key[1:]) for key in runs if key[0] == "work"],
        "memory": memory,
    }
    return {
        "question": QUESTION,
        "profile": profile,
        "machine": about,
        "traffic": {language: {"tokens": TOKENS, "characters": len(answer(language))} for language in LANGUAGES},
        "rounds": min(len(one) for one in runs.values()),
        "seconds": round(time.monotonic() - began, 1),
        "busy_elsewhere": elsewhere,
        "notes": notes,
        "cells": cells,
        "bars": bars(cells),
    }


def _start(
    stack: contextlib.ExitStack, upstream: Child, folder: Path, only: frozenset[str] | None
) -> tuple[dict[str, Child], list[str]]:
    """Every server that can be had, the upstream itself as ``direct``; and why others cannot."""
    servers, notes = {"direct": upstream}, []
    for name in VARIANTS:
        if name in {"direct", "work"} or (only is not None and name not in only):
            continue
        if name == "nginx" and shutil.which("nginx") is None:
            notes.append("nginx is not installed: that row is left out, and the bar that is a multiple of it")
            continue
        try:
            servers[name] = stack.enter_context(_server(name, upstream.port, folder))
        except RuntimeError:
            notes.append(f"{name} did not start: that row is left out")
    return servers, notes


def _server(name: str, upstream: int, folder: Path) -> contextlib.AbstractContextManager[Child]:
    if name == "nginx":
        return _nginx.serving(upstream, folder)
    return _harness.python("benchmarks._servers", name, str(upstream), str(folder))


def _rounds(
    servers: dict[str, Child], load: Child, work: Child | None, profile: Profile, deadline: float
) -> tuple[_Runs, dict[str, float]]:
    """Round after round, each cell once per round in random order, until done or the time is over.

    Besides the runs: how many cores others kept busy in each round.
    """
    cells: dict[_Key, Callable[[], _Run]] = {}
    for name, server in servers.items() if len(servers) > 1 else ():  # the upstream is measured to compare with
        for language in LANGUAGES:
            if name in {"direct", "nginx", "guard-stream", "guard-default"}:
                cells["first", name, language] = lambda s=server, g=language: _first(s, load, g, profile.first)
        for pace, rate in (("paced", _MANY_RATE), ("at once", 0)):
            cells["cpu", name, pace] = lambda s=server, r=rate: _cpu(s, load, r, profile.length)
    if work is not None:
        for policy in POLICIES:
            for language in LANGUAGES:
                for way in WAYS:
                    asked = {"policy": policy, "language": language, "way": way}
                    cells["work", policy, language, way] = lambda w=work, a=asked: w.ask(a)
    runs: _Runs = {key: [] for key in cells}
    for run in cells.values():  # connections, caches and code paths are warm before anything counts
        run()
    processes = [*servers.values(), load, *([work] if work else [])]
    elsewhere: list[float] = []
    longest = 0.0
    for number in range(profile.repeats):
        began = time.monotonic()
        if number >= _FEWEST_REPEATS and began + longest > deadline:
            break
        others = _others_s(processes)
        for key in random.sample(list(cells), len(cells)):
            runs[key].append(cells[key]())
        took = time.monotonic() - began
        elsewhere.append((_others_s(processes) - others) / took)
        longest = max(longest, took)
    return runs, _harness.spread(elsewhere)


def _others_s(processes: list[Child]) -> float:
    """CPU seconds spent so far by all that is not this benchmark."""
    return _harness.busy_s() - sum(child.cpu_s() for child in processes) - time.process_time()


# One cell, once


def first_sentence(language: str) -> int:
    """How many tokens must have come for it to be certain where the first sentence of the answer ends."""
    said = ""
    for number, token in enumerate(tokens(language), 1):
        said += token
        if boundary(said) is not None:
            return number
    raise ValueError(language)


def _first(server: Child, load: Child, language: str, times: int) -> _Run:
    """One stream after the other: milliseconds until its first words came, and until its first sentence was whole."""
    count = first_sentence(language)
    told = [_read(server, load, language, _RATE, 1, count + 8, sentence=count)[0] for _ in range(times)]
    middle = {name: _harness.spread([one[name] for one in told])["median"] for name in ("first", "sentence")}
    return {"streams": len(told), **middle}


def _cpu(server: Child, load: Child, rate: int, length: int) -> _Run:
    """Many streams at once: microseconds of the server's CPU for each event of the upstream."""
    began, cpu = time.monotonic(), server.cpu_s()
    told = _read(server, load, "en", rate, _MANY, length)
    events = _MANY * (length + _EVENTS_BESIDE)
    return {
        "cpu_us": (server.cpu_s() - cpu) * 1e6 / events,
        "events_in": events,
        "events_out": sum(one["events"] for one in told),
        "seconds": time.monotonic() - began,
    }


def _read(
    server: Child, load: Child, language: str, rate: int, streams: int, length: int, sentence: int = 1
) -> list[_Run]:
    said = load.ask(
        {
            "do": "read",
            "port": server.port,
            "model": f"{language}-{rate}",
            "tokens": length,
            "streams": streams,
            "sentence": len(answer(language, sentence)),
            "text": answer(language, length),
        }
    )
    if isinstance(said, dict) or not all(one["right"] for one in said):
        msg = f"port {server.port}: an answer was not what the upstream sent"
        raise RuntimeError(msg)
    return list(said)


def _memory(name: str, upstream: int, folder: Path, load: Child) -> _Run:
    """A fresh server's memory with so many streams open, each past its first sentences and standing still."""
    with _server(name, upstream, folder) as server:
        said: dict[str, Any] = {
            "do": "open",
            "port": server.port,
            "model": "en-0-open",
            "tokens": _OPEN_TOKENS,
            "bytes": 1000,
        }
        sizes, opened = [], 0
        load.ask({**said, "streams": 20})
        load.ask({"do": "close"})
        time.sleep(0.5)
        sizes.append(server.rss_mb())
        for number in _OPEN:
            told = load.ask({**said, "streams": number - opened})
            if told.get("open") != number:
                msg = f"{name}: {number} streams could not be opened"
                raise RuntimeError(msg)
            opened = number
            time.sleep(1.0)
            sizes.append(server.rss_mb())
        load.ask({"do": "close"})
    slope = (sizes[-1] - sizes[-2]) * 1e6 / 1024 / (_OPEN[-1] - _OPEN[-2])
    return {
        "variant": name,
        "rss_mb": [round(size, 1) for size in sizes],
        "streams": [0, *_OPEN],
        "kib_per_stream": round(slope, 1),
    }


# Cells from runs


def first_cell(runs: _Runs, name: str, language: str) -> _Run:
    """How much later the first words came than from the upstream, counted round by round.

    Of that, *sentence_ms* is what the upstream took from its first token to the one that shows where the first
    sentence ends, *rest_ms* all else.
    """
    own, direct = runs["first", name, language], runs["first", "direct", language]
    return {
        "variant": name,
        "language": language,
        "first_ms": _harness.spread([run["first"] for run in own]),
        "added_ms": _harness.spread([a["first"] - b["first"] for a, b in zip(own, direct, strict=True)]),
        "sentence_ms": _harness.spread([run["sentence"] - run["first"] for run in direct]),
        "rest_ms": _harness.spread([a["first"] - b["sentence"] for a, b in zip(own, direct, strict=True)]),
    }


def cpu_cell(runs: _Runs, name: str, pace: str) -> _Run:
    """CPU for each event that came in, and the same as a multiple of nginx', round by round."""
    own, bound = runs["cpu", name, pace], runs.get(("cpu", "nginx", pace))
    cell: _Run = {
        "variant": name,
        "pace": pace,
        "cpu_us": _harness.spread([run["cpu_us"] for run in own]),
        "events_out_of_in": round(own[-1]["events_out"] / own[-1]["events_in"], 3),
        "seconds": _harness.spread([run["seconds"] for run in own]),
    }
    if bound is not None and name != "nginx":
        ratios = [a["cpu_us"] / b["cpu_us"] for a, b in zip(own, bound, strict=True)]
        cell["of_nginx"] = _harness.spread(ratios)
    return cell


def work_cell(runs: _Runs, policy: str, language: str, way: str) -> _Run:
    """CPU inside of the classifiers and characters that they read, and both as a multiple of judging it whole.

    *work* is preparing and classifying; *pending*, which is asked of streams alone, is where a match could still grow.
    """
    own, whole = runs["work", policy, language, way], runs["work", policy, language, "whole"]
    return {
        "policy": policy,
        "language": language,
        "way": way,
        "work_ms": _harness.spread([_sum(run, "work_ms") for run in own]),
        "pending_ms": _harness.spread([_sum(run, "pending_ms") for run in own]),
        "characters": _sum(own[-1], "characters"),
        "all_cpu_ms": _harness.spread([run["cpu_ms"] for run in own]),
        "work_of_whole": _harness.spread(
            [_sum(a, "work_ms") / _sum(b, "work_ms") for a, b in zip(own, whole, strict=True)]
        ),
        "characters_of_whole": round(_sum(own[-1], "characters") / _sum(whole[-1], "characters"), 3),
        "classifiers": own[-1]["classifiers"],
    }


def _sum(run: _Run, figure: str) -> float:
    return float(sum(one[figure] for one in run["classifiers"].values()))


def bars(cells: dict[str, list[_Run]]) -> list[_Run]:
    """What was measured against `BARS`."""
    found = [
        *(
            (f"first words, {c['language']}", "rest_ms", c["rest_ms"]["median"])
            for c in cells["first"]
            if c["variant"] in {"guard-stream", "guard-default"}
        ),
        *(
            (f"CPU for each event, {c['pace']}", "cpu_of_nginx", c["of_nginx"]["median"])
            for c in cells["cpu"]
            if c["variant"] == "guard-stream" and c["pace"] == "paced" and "of_nginx" in c
        ),
        *(
            (f"classifiers, {c['policy']}, {c['language']}, {c['way']}", "work_of_whole", c["work_of_whole"]["median"])
            for c in cells["work"]
            if c["way"] != "whole"
        ),
        *(
            (f"memory, {c['variant']}", "kib_per_stream", c["kib_per_stream"])
            for c in cells["memory"]
            if c["variant"] in {"guard-stream", "guard-default"}
        ),
    ]
    return [
        {"of": what, "figure": figure, "bar": BARS[figure], "measured": value, "met": value <= BARS[figure]}
        for what, figure, value in found
    ]


# For eyes


def table(report: dict[str, Any]) -> str:
    """The report for eyes."""
    about, cells = report["machine"], report["cells"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        f"{about['cpu']}, {about['cores']} cores, load {about['load_average']}",
        f"{about['system']}, Python {about['python']}",
        versions,
        f"{report['rounds']} rounds in {report['seconds']:.0f} s; median [min-max]",
        f"cores kept busy by others: {_shown(report['busy_elsewhere'])}",
        "",
        f"{'first words':16} {'ms':>24} {'added':>24} {'a sentence takes':>24} {'the rest':>24}",
    ]
    for c in cells["first"]:
        shown = " ".join(f"{_shown(c[name]):>24}" for name in ("first_ms", "added_ms", "sentence_ms", "rest_ms"))
        lines.append(f"{c['variant'] + ', ' + c['language']:16} {shown}")
    lines += ["", f"{'CPU':24} {'us/event':>26} {'of nginx':>22} {'events out/in':>14} {'seconds':>22}"]
    for c in cells["cpu"]:
        of = _shown(c["of_nginx"]) if "of_nginx" in c else "-"
        lines.append(
            f"{c['variant'] + ', ' + c['pace']:24} {_shown(c['cpu_us']):>26} {of:>22} {c['events_out_of_in']:14.3f}"
            f" {_shown(c['seconds']):>22}"
        )
    lines += [
        "",
        f"{'classifiers':24} {'CPU ms':>24} {'of whole':>22} {'pending ms':>24} {'characters':>10} {'of whole':>8}",
    ]
    for c in cells["work"]:
        lines.append(
            f"{', '.join((c['policy'], c['language'], c['way'])):24} {_shown(c['work_ms']):>24}"
            f" {_shown(c['work_of_whole']):>22} {_shown(c['pending_ms']):>24} {c['characters']:10.0f}"
            f" {c['characters_of_whole']:8.2f}"
        )
    lines += ["", f"{'memory':16} {'RSS MB with ' + '/'.join(map(str, (0, *_OPEN))) + ' open':>32} {'KiB/stream':>12}"]
    for c in cells["memory"]:
        sizes = "/".join(f"{size:.1f}" for size in c["rss_mb"])
        lines.append(f"{c['variant']:16} {sizes:>32} {c['kib_per_stream']:12.1f}")
    lines += ["", *(f"note: {note}" for note in report["notes"])]
    lines += [
        f"bar: {b['of']}: {b['measured']:.2f} of {b['bar']} ({'met' if b['met'] else 'NOT met'})"
        for b in report["bars"]
    ]
    return "\n".join(lines)


def _shown(value: dict[str, float]) -> str:
    return f"{value['median']:.2f} [{value['min']:.2f}-{value['max']:.2f}]"
