"""What deciding costs: ``python -m benchmarks policy``.

CPU time of one thread for `decide`, as the rules of a policy, the findings of a request and the size of a rule's
condition grow; and for loading the file that says so. The bar is on how cost grows: ten times as much of anything may
cost at most thirteen times as much.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from benchmarks import _harness
from guard import registry, taxonomy
from guard.actions import ACTIONS
from guard.content import Direction, Modality, TextPart
from guard.decision import Detection
from guard.finding import Finding
from guard.policy.evaluate import decide
from guard.policy.loader import parse_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from guard.policy.model import Policy

QUESTION = "what does deciding cost?"
PROFILES = {"quick": 5, "full": 25}
"""Times that each is measured."""
BAR = 13.0
SIZES = {"rules": (1, 10, 100, 500), "findings": (1, 10, 100, 1000), "parts of a condition": (1, 10, 50)}
_AT_LEAST_S = 0.02
_JUDGED = frozenset(one for name in ("text", "pii", "secrets") for one in registry.provides(name))
_CATEGORIES = tuple(sorted(c for c in taxonomy.CATEGORIES if c in _JUDGED and c != "custom"))


def source(rules: int, conditions: int = 1) -> str:
    """A policy of so many rules, each with so many categories any of which makes it fire."""
    lines = ["policy: measured", "rules:"]
    for number in range(rules):
        names = [_CATEGORIES[(number + n) % len(_CATEGORIES)] for n in range(conditions)]
        parts = ", ".join(f"{{category: {name}, at_least: 0.9}}" for name in names)
        lines += [f"  - id: rule-{number}", f"    when: {{any: [{parts}]}}", "    then: block"]
    return "\n".join(lines) + "\n"


def policy(rules: int, conditions: int = 1) -> Policy:
    """The same, loaded."""
    return parse_policy(source(rules, conditions), actions=ACTIONS, catalog=registry)


def detection(findings: int) -> Detection:
    """So many findings in one text, none of which any rule asks for."""
    part = TextPart("x" * 1000, "/text")
    found = tuple(
        Finding(_CATEGORIES[n % len(_CATEGORIES)], 0.1 + (n % 70) / 100, (n % 900, n % 900 + 9), part=part)
        for n in range(findings)
    )
    return Detection(Direction.INPUT, frozenset({Modality.TEXT}), found)


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Time `decide` and the loader as each of `SIZES` grows, or *only* some of them."""
    times = PROFILES[profile]
    cells = []
    for what, sizes in SIZES.items():
        if only is not None and what not in only:
            continue
        for size in sizes:
            made = policy(size if what == "rules" else 10, size if what.startswith("parts") else 1)
            seen = detection(size if what == "findings" else 10)
            spent = [_us(lambda made=made, seen=seen: decide(made, seen, "it")) for _ in range(times)]
            cells.append({"what": what, "size": size, "decide_us": _harness.spread(spent)})
            if what == "rules":
                text = source(size)
                loaded = [
                    _us(lambda text=text: parse_policy(text, actions=ACTIONS, catalog=registry)) for _ in range(3)
                ]
                cells[-1]["load_us"] = _harness.spread(loaded)
    return {"machine": _harness.machine(["guard-gateway"]), "bar": BAR, "cells": cells, "bars": bars(cells)}


def bars(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many times as much ten times as many cost, at the steepest, for each thing that grows."""
    found = []
    for what in dict.fromkeys(one["what"] for one in cells):
        costs = [(one["size"], one["decide_us"]["median"]) for one in cells if one["what"] == what]
        most = max((10 * (b / a) / (n / m) for (m, a), (n, b) in itertools.pairwise(costs)), default=1.0)
        found.append({"what": what, "bar": BAR, "measured": round(most, 2), "met": most <= BAR})
    return found


def _us(work: Callable[[], object]) -> float:
    """CPU microseconds of *work*: repeated until they can be told from nothing."""
    count, began = 0, time.thread_time()
    while (spent := time.thread_time() - began) < _AT_LEAST_S:
        work()
        count += 1
    return spent / count * 1e6


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each size, then the bars."""
    lines = ["| what grows | to | deciding, µs | loading, ms |", "| --- | ---: | ---: | ---: |"]
    for one in report["cells"]:
        loading = f"{one['load_us']['median'] / 1000:.1f}" if "load_us" in one else "-"
        lines.append(f"| {one['what']} | {one['size']} | {one['decide_us']['median']:.1f} | {loading} |")
    lines.append("")
    for bar in report["bars"]:
        met = "met" if bar["met"] else "not met"
        lines.append(f"bar: ten times as many {bar['what']} cost {bar['measured']} times as much, at most 13 ({met})")
    return "\n".join(lines)


def series(report: dict[str, Any]) -> list[dict[str, Any]]:
    """For `page`: a line for each thing that grows."""
    return _harness.growing(report["cells"], "decide_us")


AXES = ("how many", "CPU µs of a decision")
