"""How soon a rise is noticed, and how often none is: ``python -m benchmarks monitor``.

Simulated windows of requests with a known rate of negative ones and a known point of change, through `guard.monitor`'s
own statistic with its default limits; the rate has to be learned from the first 300 windows. *Plain* rates are the same
in every window; *swinging* ones vary as a beta distribution has it; *daily* ones go up and down by half over 288
windows. False alarms are counted where nothing changes.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import _harness
from guard.monitor.cusum import Kind, Limits, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable

QUESTION = "how soon is a rise noticed, and how often is there none?"
PROFILES = {"quick": 10, "full": 60}
"""Series of each kind."""
SHAPES = ("plain", "swinging", "daily")
RATES = (0.005, 0.02, 0.1)
REQUESTS = (50, 500)
"""A window, on average."""
RISES = (2, 3, 5)
QUIET = 2000
CHANGE, LENGTH = 300, 588
_SWING = 500
_DAY = 288


def simulated(
    rng: np.random.Generator,
    shape: str,
    rate: float,
    requests: int,
    windows: int,
    rise: tuple[int, float] | None = None,
) -> list[tuple[int, int]]:
    """Windows as pairs of negatives and requests; from window ``rise[0]`` on the rate is ``rise[1]`` times as high."""
    sizes = rng.poisson(requests, windows)
    rates = np.full(windows, rate)
    if shape == "swinging":
        rates = rng.beta(rate * _SWING, (1 - rate) * _SWING, windows)
    elif shape == "daily":
        rates = rates * (1 + 0.5 * np.sin(2 * np.pi * np.arange(windows) / _DAY))
    if rise is not None:
        rates[rise[0] :] *= rise[1]
    counts = rng.binomial(sizes, np.minimum(rates, 0.95))
    return list(zip(counts.tolist(), sizes.tolist(), strict=True))


def raised(windows: Iterable[tuple[int, int]], limits: Limits | None = None) -> list[int]:
    """The numbers of the windows at which an alert is raised."""
    watch = Watch(limits or Limits())
    signals = [watch.step(*window) for window in windows]
    return [n for n, signal in enumerate(signals) if signal is not None and signal.kind is Kind.RAISED]


def delay(windows: Iterable[tuple[int, int]], change: int) -> int | None:
    """How many windows after *change* the first alert comes, 1 at the soonest; None if none does."""
    return next((n - change + 1 for n in raised(windows) if n >= change), None)


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Simulate every shape, or *only* some, with every rate and number of requests."""
    times = PROFILES[profile]
    rng = np.random.default_rng(20_260_301)
    cells = []
    for shape in SHAPES:
        if only is not None and shape not in only:
            continue
        for rate in RATES:
            for requests in REQUESTS:
                alarms = sum(len(raised(simulated(rng, shape, rate, requests, QUIET))) for _ in range(times))
                cell: dict[str, Any] = {
                    "shape": shape, "rate": rate, "requests": requests, "series": times,
                    "false_alarms_per_10000_windows": round(alarms / times / QUIET * 10_000, 3), "rises": [],
                }  # fmt: skip
                for rise in RISES:
                    delays = [
                        delay(simulated(rng, shape, rate, requests, LENGTH, (CHANGE, rise)), CHANGE)
                        for _ in range(times)
                    ]
                    seen = [one for one in delays if one is not None]
                    cell["rises"].append(
                        {
                            "times": rise,
                            "noticed": round(len(seen) / times, 3),
                            "delay_median": statistics.median(seen) if seen else None,
                            "delay_worst": max(seen, default=None),
                        }
                    )
                cells.append(cell)
    return {"machine": _harness.machine(["guard-gateway", "numpy"]), "limits": _limits(), "cells": cells}


def _limits() -> dict[str, float]:
    limits = Limits()
    return {name: getattr(limits, name) for name in Limits.__slots__}


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each rate; of each rise the share noticed within 288 windows and the median delay."""
    heads = " | ".join(f"× {rise}" for rise in RISES)
    lines = [
        f"| rate | requests a window | false alarms in 10,000 windows | {heads} |",
        "| --- | ---: | ---: |" + " ---: |" * len(RISES),
    ]
    for one in report["cells"]:
        rises = " | ".join(_said(rise) for rise in one["rises"])
        lines.append(
            f"| {one['shape']} {one['rate']:.1%} | {one['requests']} | "
            f"{one['false_alarms_per_10000_windows']:g} | {rises} |"
        )
    return "\n".join(lines)


def _said(rise: dict[str, Any]) -> str:
    return f"{rise['noticed']:.0%}" + (f", after {rise['delay_median']:g}" if rise["delay_median"] else "")


AXES = ("requests a window", "windows until a rise to double is noticed, median")


def series(report: dict[str, Any]) -> list[dict[str, Any]]:
    """For `page`: a line for each rate that does not swing."""
    plain = [one for one in report["cells"] if one["shape"] == "plain"]
    return [
        {
            "name": f"{rate:.1%}",
            "x": [one["requests"] for one in plain if one["rate"] == rate],
            "y": [one["rises"][0]["delay_median"] or LENGTH - CHANGE for one in plain if one["rate"] == rate],
        }
        for rate in RATES
    ]
