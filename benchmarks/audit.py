"""What auditing a corpus costs: ``python -m benchmarks audit``.

English documents of mixed length, every one new and judged whole under the default policy, against the loops that teams
write today. Rates are records per CPU second, over all processes and beyond start-up (the slope between a small and a
larger corpus): what else runs on the machine changes them least. How two workers compare with one can only be told
from wall time, and means something on an idle machine alone.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import _harness

QUESTION = "what does an audit cost, beside the loops it replaces?"
PROFILES = {"quick": 60, "full": 400, "million": 400}
"""Documents of the larger corpus; the small one is a fifth."""
_MANY = {"quick": (3_000, 30_000), "full": (20_000, 200_000), "million": (10_000, 1_000_000)}
"""Records over which memory and resuming are measured."""
BARS = {"base": 6.0, "same": 2.5, "engine": 0.9, "workers": 1.8, "memory": 0.1, "resume": 0.02}
_SENTENCES = (Path(__file__).parent.parent / "guard" / "demo" / "corpus_en.txt").read_text("utf-8").split("\n")
_LIGHT = """
policy: light
classifiers: {keywords: {lists: {stop: [zorblax]}, builtin: []}}
rules: [{id: stop-it, when: {category: custom.stop}, then: block}]
"""
_COMMAND = (sys.executable, "-c", "from guard.cli import main; raise SystemExit(main())", "audit")


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Audit, the engine alone, the loops; then workers, memory and resuming. *only*: some of them."""
    count = PROFILES[profile]
    wanted = only if only is not None else frozenset(BARS)
    found: dict[str, Any] = {"machine": _harness.machine(["onnxruntime", "presidio-analyzer", "pyarrow", "torch"])}
    with tempfile.TemporaryDirectory(prefix="guard-audit-bench-") as name:
        folder = Path(name)
        small, large = _corpus(folder / "small.jsonl", count // 5, 1), _corpus(folder / "large.jsonl", count, 2)
        if wanted & {"base", "same", "engine", "workers"}:
            found["audit"] = _slope(small, large, folder, 1)
            for way in ("engine", "same", "base"):
                if way in wanted:
                    found[way] = _way(way, large)
                    found[way]["ratio"] = round(found["audit"]["per_cpu_s"] / found[way]["per_cpu_s"], 3)
        if "workers" in wanted:
            two = _slope(small, large, folder, 2)
            found["workers"] = {**two, "ratio": round(two["per_wall_s"] / found["audit"]["per_wall_s"], 3)}
        if wanted & {"memory", "resume"}:
            found["memory"], found["resume"] = _light(folder, *_MANY[profile])
    found["bars"] = BARS
    return found


def _corpus(path: Path, count: int, seed: int) -> Path:
    """Documents of 1 to 16 lines, some 130 words on average; in one of five stands somebody's address."""
    draw = random.Random(seed)
    lines = [line[3:] for line in _SENTENCES if len(line) > 10]
    with path.open("w") as file:
        for number in range(count):
            said = [f"{draw.choice(lines)} ({draw.randrange(10**6)})" for _ in range(draw.randint(1, 6))]
            if number % 5 == 0:
                said.append(f"Write to reader{number}@example.org.")
            file.write(json.dumps({"text": " ".join(said)}) + "\n")
    return path


def _audit(given: Path, out: Path, *more: str, policy: str = "default") -> dict[str, float]:
    """One audit as a process: CPU seconds of it and its workers, wall seconds, the most memory that one process had."""
    command = [*_COMMAND, str(given), "--out", str(out), "--policy", policy, "--quiet", "--no-report", *more]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1, 2}:
        msg = f"`guard audit` ended with {process.returncode}"
        raise RuntimeError(msg)
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.monotonic() - began,
        "most_mb": used.ru_maxrss * 1024 / 1e6,
    }


def _slope(small: Path, large: Path, folder: Path, workers: int) -> dict[str, float]:
    """What records cost beyond start-up."""
    sizes = [len(path.read_text().splitlines()) for path in (small, large)]
    runs = [_audit(path, folder / f"{path.stem}-{workers}", "--workers", str(workers)) for path in (small, large)]
    records = sizes[1] - sizes[0]
    return {
        "records": records,
        "per_cpu_s": round(records / (runs[1]["cpu_s"] - runs[0]["cpu_s"]), 2),
        "per_wall_s": round(records / max(1e-9, runs[1]["wall_s"] - runs[0]["wall_s"]), 2),
        "most_mb": round(runs[1]["most_mb"], 1),
    }


def _way(way: str, given: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks._audit_work", way, str(given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    if done.returncode:
        msg = f"`{way}` failed: {done.stderr[-500:]}"
        raise RuntimeError(msg)
    found = json.loads(done.stdout.splitlines()[-1])
    return {
        "records": found["records"],
        "per_cpu_s": round(found["records"] / found["cpu_s"], 2),
        "per_wall_s": round(found["records"] / found["wall_s"], 2),
    }


def _light(folder: Path, few: int, many: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Memory over *few* records and *many*, and what passing by all of them costs, under a policy of one word.

    What is passed by costs the same under any policy, so its share is given of what judging costs under the default.
    """
    policy = folder / "light.yaml"
    policy.write_text(_LIGHT)
    less, more = (_corpus(folder / f"{n}.jsonl", n, 3) for n in (few, many))
    runs = [_audit(path, folder / path.stem, "--workers", "1", policy=str(policy)) for path in (less, more)]
    again = [_audit(path, folder / path.stem, "--resume", policy=str(policy)) for path in (less, more)]
    passing = (again[1]["cpu_s"] - again[0]["cpu_s"]) / (many - few)
    memory = {
        "records": [few, many],
        "most_mb": [round(run["most_mb"], 1) for run in runs],
        "ratio": round(runs[1]["most_mb"] / runs[0]["most_mb"], 3),
        "per_cpu_s": round((many - few) / (runs[1]["cpu_s"] - runs[0]["cpu_s"]), 1),
    }
    return memory, {"cpu_us_per_record": round(passing * 1e6, 1)}


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each way, and the other bars below."""
    names = {
        "audit": "guard audit, one worker",
        "engine": "the engine alone",
        "same": "same encoder in torch, text by text, + Presidio",
        "base": "BERT base (as Detoxify) in torch, text by text, + Presidio",
    }
    lines = []
    if "audit" in report:
        lines += ["| way | records per CPU second | audit over it (bar) |", "| --- | --: | --: |"]
    for way, name in names.items():
        if way in report:
            ratio = f"{report[way]['ratio']:.2f} ({report['bars'][way]})" if "ratio" in report[way] else ""
            lines.append(f"| {name} | {report[way]['per_cpu_s']:.2f} | {ratio} |")
    if "workers" in report:
        lines.append(f"\nTwo workers: {report['workers']['ratio']:.2f} times the rate of one by wall time (bar 1.8).")
    if "memory" in report:
        memory = report["memory"]
        lines.append(f"\nMost memory of a process, {memory['records']} records: {memory['most_mb']} MB (bar ±10 %).")
        lines.append(f"Passing by a record that is done: {report['resume']['cpu_us_per_record']} µs of CPU.")
    return "\n".join(lines)
