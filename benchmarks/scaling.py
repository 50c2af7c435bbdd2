"""How cost grows: ``python -m benchmarks scaling``.

CPU time of a whole judgement with the default policy's text classifiers, in this process, as texts become longer, more
come at a time, and a policy has more rules or asks about more categories. All of the process is counted, every thread.
Each text is new. Bars: per character and per request cost may not grow, rules and categories may add a tenth.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from typing import TYPE_CHECKING, Any

from benchmarks import _harness
from benchmarks._batch_work import _WORDS
from guard import registry
from guard.actions import ACTIONS
from guard.content import Content, Direction, Modality, TextPart
from guard.engine import Engine
from guard.pipeline import Pipeline
from guard.policy.loader import parse_policy

if TYPE_CHECKING:
    from guard.policy.model import Policy

QUESTION = "how does cost grow with length, rate, rules and categories?"
PROFILES = {"quick": (1, 3), "full": (3, 5)}
"""How many times as many requests, and rounds."""
SIZES: dict[str, tuple[int, ...]] = {
    "characters": (500, 2_000, 8_000, 32_000),
    "at a time": (1, 4, 16, 64),
    "rules": (1, 10, 100, 400),
    "categories": (1, 4, 16),
}
_HEADS = (
    "toxicity", "toxicity.severe", "toxicity.insult", "toxicity.threat", "hate", "harassment", "sexual", "self_harm",
    "self_harm.intent", "self_harm.instructions", "violence", "violence.graphic", "illicit", "illicit.violent",
    "toxicity.obscene", "prompt_attack.leak",
)  # fmt: skip
BARS = {"characters": 1.15, "at a time": 1.15, "rules": 1.10, "categories": 1.10}
"""What a character (or a request) may cost at the largest size, in times of what it costs at the least but one."""
_DEADLINE_S = 600.0
_FEW = 8


def policy(rules: int, categories: int) -> Policy:
    """*rules* rules that ask about the first *categories* heads of `text` in turn."""
    lines = ["policy: measured", "rules:"]
    for number in range(max(rules, categories)):
        when = f"{{category: {_HEADS[number % categories]}, at_least: 0.999}}"
        lines += [f"  - id: rule-{number}", f"    when: {when}", "    then: block"]
    return parse_policy("\n".join(lines) + "\n", actions=ACTIONS, catalog=registry)


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Judge texts as each of `SIZES` grows, or *only* some of them."""
    times, rounds = PROFILES[profile]
    engine = Engine()
    pipeline = Pipeline(engine)
    numbers = itertools.count()
    cells: dict[tuple[str, int], list[float]] = {}
    chosen = {what: sizes for what, sizes in SIZES.items() if only is None or what in only}
    with asyncio.Runner() as runner:
        for number in range(rounds + 1):  # the first warms up
            order = [(what, size) for what, sizes in chosen.items() for size in sizes]
            random.Random(number).shuffle(order)
            for what, size in order:
                made = policy(size if what == "rules" else 16, size if what == "categories" else 16)
                engine.ensure([made], modalities=frozenset({Modality.TEXT}))
                length = size if what == "characters" else 300
                count = max(2, _FEW * times * 300 // length) if what == "characters" else _FEW * times
                texts = [_text(next(numbers), length) for _ in range(max(count, size if what == "at a time" else 0))]
                work = _judge(pipeline, made, texts, size if what == "at a time" else 1)
                began = time.process_time()
                runner.run(work)
                spent = (time.process_time() - began) * 1000 / len(texts)
                if number:
                    cells.setdefault((what, size), []).append(spent / length * 1000 if what == "characters" else spent)
    engine.close()
    found = [
        {"what": what, "size": size, "cpu_ms": _harness.spread(cells[what, size])}
        for what, sizes in chosen.items()
        for size in sizes
    ]
    return {"machine": _harness.machine(["guard-gateway", "onnxruntime"]), "cells": found, "bars": bars(found)}


async def _judge(pipeline: Pipeline, made: Policy, texts: list[str], at_once: int) -> None:
    waiting = iter(texts)

    async def some() -> None:
        for text in waiting:
            content = Content(Direction.INPUT, (TextPart(text, "/text"),))
            end = time.monotonic() + _DEADLINE_S
            decision = (await pipeline.judge(content, made, decision_id="benchmark", deadline=end)).decision
            if decision.failures:
                raise RuntimeError("a classifier did not answer")

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(some())


def _text(number: int, length: int) -> str:
    draw = random.Random(number)
    words = [f"{number}"]
    while sum(map(len, words)) + len(words) < length:
        words.append(draw.choice(_WORDS) + ("." if draw.random() < 0.1 else ""))
    return " ".join(words)[:length]


def bars(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cost at the largest size, in times of that at the second."""
    found = []
    for what in dict.fromkeys(one["what"] for one in cells):
        costs = [one["cpu_ms"]["median"] for one in cells if one["what"] == what]
        grown = costs[-1] / costs[1]
        found.append({"what": what, "bar": BARS[what], "measured": round(grown, 3), "met": grown <= BARS[what]})
    return found


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each size, then the bars."""
    lines = ["| what grows | to | CPU ms |  |", "| --- | ---: | ---: | --- |"]
    for one in report["cells"]:
        per = "a thousand characters" if one["what"] == "characters" else "a request of 300 characters"
        spread = one["cpu_ms"]
        figures = f"{spread['median']:.2f} [{spread['min']:.2f}-{spread['max']:.2f}]"
        lines.append(f"| {one['what']} | {one['size']} | {figures} | {per} |")
    lines.append("")
    for bar in report["bars"]:
        met = "met" if bar["met"] else "not met"
        lines.append(f"bar: {bar['what']}: {bar['measured']} times from the second to the last, {bar['bar']} ({met})")
    return "\n".join(lines)


def series(report: dict[str, Any]) -> list[dict[str, Any]]:
    """For `page`: a line for each thing that grows."""
    return _harness.growing(report["cells"], "cpu_ms")


AXES = ("how many", "CPU ms of a request, or of 1000 characters")
