"""What batching gives: ``python -m benchmarks batching``.

One model thread, calls of one text each at times of a Poisson process. Ours beside a queue that judges one text at a
time, a fixed window (10 ms, 32 texts) and batches in the order of arrival; variants take turns in random order, and
ratios are taken within a round. Loads are parts of what the model judges one by one in that round. An answer counts
that comes before its deadline. How late the event loop was is judged less what the process waited for a processor.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from benchmarks import _harness
from benchmarks._batch_work import MIXES, MODELS, WAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

QUESTION = "what does batching give?"
PROFILES = {"quick": (1, 2.0), "latency": (7, 3.0), "full": (5, 6.0)}
"""Rounds, and seconds of one run."""
LOADS = (0.3, 0.8, 1.5, 3.0)
_PATIENCE = 1 / 3
"""The part of a run that an answer may take."""
Key = tuple[str, str, float, str]
Runs = dict[Key, list[dict[str, float]]]


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Run every model, mix, load and way, or *only* some models and ways."""
    rounds, seconds = PROFILES[profile]
    runs: Runs = {}
    capacities: dict[str, list[float]] = {}
    busy = []
    models, chosen = _chosen(MODELS, only), _chosen(WAYS, only)
    with _harness.python("benchmarks._batch_work") as child:
        for number in range(rounds):
            cells = [(model, mix, load) for model in models for mix in MIXES for load in LOADS]
            random.Random(number).shuffle(cells)
            for place, (model, mix, load) in enumerate(cells):
                capacity = child.ask({"model": model, "mix": mix, "seconds": 0.25})
                capacities.setdefault(f"{model}, {mix}", []).append(capacity)
                ways = random.Random(f"{number} {place}").sample(chosen, len(chosen))
                for way in ways:
                    asked = {"model": model, "mix": mix, "way": way, "rate": load * capacity, "seconds": seconds}
                    before, own = _harness.busy_s(), child.cpu_s()
                    found = child.ask({**asked, "patience": _PATIENCE * seconds, "seed": number})
                    busy.append((_harness.busy_s() - before - (child.cpu_s() - own)) / seconds)
                    runs.setdefault((model, mix, load, way), []).append(found)
    cells_found = [cell(runs, *key) for key in runs]
    return {
        "machine": _harness.machine(["guard-gateway", "onnxruntime", "numpy", "uvloop"]),
        "rounds": rounds,
        "seconds": seconds,
        "patience_s": round(_PATIENCE * seconds, 3),
        "busy_elsewhere": _harness.spread(busy),
        "one_by_one_per_s": {name: _harness.spread(found) for name, found in capacities.items()},
        "cells": sorted(cells_found, key=lambda one: (one["model"], one["mix"], one["load"], WAYS.index(one["way"]))),
        "bars": bars(cells_found),
    }


def _chosen(names: Iterable[str], only: frozenset[str] | None) -> list[str]:
    """Those of *names* that are in *only*; all if none is."""
    return [name for name in names if only is None or name in only] or list(names)


def cell(
    runs: Mapping[Key, Sequence[Mapping[str, float]]], model: str, mix: str, load: float, way: str
) -> dict[str, Any]:
    """The figures of one way under one load, and what they are of those of one by one in the same round."""
    own = runs[model, mix, load, way]
    found: dict[str, Any] = {"model": model, "mix": mix, "load": load, "way": way}
    found |= {name: _harness.spread([run[name] for run in own]) for name in own[0]}
    for other in WAYS:
        beside = runs.get((model, mix, load, other))
        if beside is None or other == way:
            continue
        for name in ("per_s", "p50_ms", "p99_ms"):
            ratios = [a[name] / b[name] for a, b in zip(own, beside, strict=False) if b[name]]
            if ratios:
                found[f"{name}_of_{other}"] = _harness.spread(ratios)
    peak = [
        max(run["per_s"] for (m, x, _, w), all_ in runs.items() if (m, x, w) == (model, mix, way) for run in [all_[n]])
        for n in range(len(own))
    ]
    found["goodput_of_peak"] = _harness.spread([run["per_s"] / top for run, top in zip(own, peak, strict=True) if top])
    return found


_BARS: tuple[tuple[str, str | None, float | None, str, float, bool], ...] = (
    ("p50_ms_of_batch-1", None, 0.3, "at most", 1.10, False),
    ("p99_ms_of_batch-1", None, 0.8, "at most", 1.00, False),
    ("per_s_of_batch-1", "short", 1.5, "at least", 1.20, True),
    ("per_s_of_batch-1", None, 1.5, "at least", 1.00, False),
    ("per_s_of_window", "mix", 1.5, "at least", 3.0, True),
    ("per_s_of_arrival", "mix", 1.5, "at least", 3.0, True),
    ("goodput_of_peak", None, 3.0, "at least", 0.80, False),
    ("refusal_p99_ms", None, 3.0, "at most", 50.0, False),
    ("own_stall_p999_ms", None, None, "at most", 20.0, False),
)
"""Figure, mix, load, kind, bar, and whether it is asked of the padding model alone: others gain nothing by batches."""


def bars(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each bar against the median of each cell of ours that it is about."""
    found = []
    for one in cells:
        for figure, mix, load, kind, bar, padded in _BARS:
            if one["way"] != "ours" or figure not in one or mix not in (None, one["mix"]):
                continue
            if load not in (None, one["load"]) or (padded and one["model"] != "padding model"):
                continue
            measured = one[figure]["median"]
            met = measured <= bar if kind == "at most" else measured >= bar
            about = {"model": one["model"], "mix": one["mix"], "load": one["load"], "figure": figure}
            found.append({**about, "kind": kind, "bar": bar, "measured": measured, "met": met})
    return found


def table(report: Mapping[str, Any]) -> str:
    """Markdown: a row for each way under each load, then the bars."""
    alone = ", ".join(f"{name} {_figure(rate)}/s" for name, rate in report["one_by_one_per_s"].items())
    lines = [
        f"{report['rounds']} rounds of {report['seconds']} s, median [least-most]; one by one: {alone}",
        "",
        "| model, mix, load | way | texts/s | p50 ms | p99 ms | refused | of batch-1 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in report["cells"]:
        figures = " | ".join(_figure(one[name]) for name in ("per_s", "p50_ms", "p99_ms", "refused"))
        ratio = _figure(one["per_s_of_batch-1"]) if "per_s_of_batch-1" in one else "1"
        lines.append(f"| {one['model']}, {one['mix']}, {one['load']:.0%} | {one['way']} | {figures} | {ratio} |")
    lines.append("")
    for bar in report["bars"]:
        place = f"{bar['model']}, {bar['mix']}, {bar['load']:.0%}"
        met = "met" if bar["met"] else "not met"
        lines.append(f"bar: {place}: {bar['figure']} {bar['measured']}, {bar['kind']} {bar['bar']} ({met})")
    return "\n".join(lines)


def _figure(spread: Mapping[str, float]) -> str:
    return f"{spread['median']:.4g} [{spread['min']:.4g}-{spread['max']:.4g}]"
