"""What a model of one's own costs, beside its library's own loops: ``python -m benchmarks models``.

A network in the shape of MiniLM-L6 through `hf`, beside a loop over single texts and ``pipeline(batch_size=32)`` of
transformers; one in the shape of BERT-base in detoxify's format through `toxicity`, beside ``Detoxify.predict`` text by
text. One thread, CPU time, the same texts and weights on both sides; ways take turns in random order, and ratios are
taken within a round. Ours runs on torch in float32 as the others do, and with ``dtype: auto``; and on ONNX Runtime in
float32 and with products of integers. How far scores lie apart is reported beside it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from benchmarks import _harness
from benchmarks._models_work import MIXES, WAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUESTION = "what does a model of one's own cost?"
PROFILES = {"quick": (3, 24), "full": (7, 80)}
"""Rounds, and texts of each; documents and the large model get a quarter."""
OURS = ("ours", "auto", "onnx", "int8")
BARS = {
    ("small", "short chats", "loop"): 3.5,
    ("small", "short chats", "pipeline"): 2.8,
    ("small", "mixed lengths", "loop"): 2.1,
    ("small", "mixed lengths", "pipeline"): 10.0,
    ("small", "500-token documents", "loop"): 1.8,
    ("base", "short chats", "detoxify"): 2.0,
}
"""How many times as many texts a CPU second ours should judge as the other way."""


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Run every model and mix, or *only* some of either."""
    rounds, count = PROFILES[profile]
    runs: dict[tuple[str, str, str], list[Mapping[str, float]]] = {}
    apart = []
    with _harness.python("benchmarks._models_work") as child:
        cells = [(model, mix) for model in WAYS for mix in MIXES if only is None or {model, mix} & only]
        for number in range(rounds):
            for model, mix in cells:
                some = count // 4 if model == "base" or mix.startswith("500") else count
                for way in random.Random(f"{number} {model} {mix}").sample(WAYS[model], len(WAYS[model])):
                    found = child.ask({"model": model, "mix": mix, "way": way, "count": some})
                    runs.setdefault((model, mix, way), []).append({"per_s": some / found["cpu_s"]})
        for model, mix in cells:
            some = count // 4 if model == "base" or mix.startswith("500") else count
            found = child.ask({"model": model, "mix": mix, "way": "apart", "count": some})
            apart += [{"model": model, "mix": mix, "texts": some, "way": way, **of} for way, of in found.items()]
    return {
        "machine": _harness.machine(
            ["guard-gateway", "torch", "transformers", "tokenizers", "detoxify", "onnxruntime"]
        ),
        "rounds": rounds,
        "cells": [cell(runs, *key) for key in runs],
        "apart": apart,
        "bars": bars(runs),
    }


def cell(
    runs: Mapping[tuple[str, str, str], Sequence[Mapping[str, float]]], model: str, mix: str, way: str
) -> dict[str, Any]:
    """Texts a CPU second of one way, and how many times as many each of ours are in the same round."""
    own = runs[model, mix, way]
    found: dict[str, Any] = {"model": model, "mix": mix, "way": way}
    found["per_cpu_s"] = _harness.spread([one["per_s"] for one in own])
    if way not in OURS:
        for one in _ours(runs, model, mix):
            pairs = zip(runs[model, mix, one], own, strict=True)
            found[f"{one}_times"] = _harness.spread([a["per_s"] / b["per_s"] for a, b in pairs])
    return found


def _ours(runs: Mapping[tuple[str, str, str], object], model: str, mix: str) -> list[str]:
    return [one for one in OURS if (model, mix, one) in runs]


def bars(runs: Mapping[tuple[str, str, str], Sequence[Mapping[str, float]]]) -> list[dict[str, Any]]:
    """Each bar against the median of what was measured, for each of ours."""
    found = []
    for key, bar in BARS.items():
        if key in runs:
            measured = cell(runs, *key)
            for one in _ours(runs, *key[:2]):
                times = measured[f"{one}_times"]["median"]
                found.append({"model": key[0], "mix": key[1], "way": key[2], "bar": bar, "ours": one})
                found[-1] |= {"measured": times, "met": times >= bar}
    return found


def table(report: Mapping[str, Any]) -> str:
    """Markdown: a row for each way, then the bars."""
    lines = [f"| model | texts | way | texts/CPU s | {' | '.join(f'{one}, times as many' for one in OURS)} |"]
    lines.append(f"| --- | --- | --- | ---: |{' ---: |' * len(OURS)}")
    for one in report["cells"]:
        times = (_figure(one[f"{name}_times"]) if f"{name}_times" in one else "-" for name in OURS)
        own = _figure(one["per_cpu_s"])
        lines.append(f"| {one['model']} | {one['mix']} | {one['way']} | {own} | {' | '.join(times)} |")
    lines.append("")
    for one in report["apart"]:
        of = f"{one['way']}: {one['model']}, {one['mix']}, {one['texts']} texts"
        lines.append(f"{of}: scores {one['from_float32']:.2g} from float32, {one['from_alone']:.2g} from texts alone")
    for bar in report["bars"]:
        place, met = f"{bar['model']}, {bar['mix']}, {bar['way']}", "met" if bar["met"] else "not met"
        lines.append(f"bar: {place}: {bar['ours']} {bar['measured']} times as many, at least {bar['bar']} ({met})")
    return "\n".join(lines)


def _figure(spread: Mapping[str, float]) -> str:
    return f"{spread['median']:.4g} [{spread['min']:.4g}-{spread['max']:.4g}]"
