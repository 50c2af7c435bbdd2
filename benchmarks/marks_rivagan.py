"""How well marks ``rivaGan`` are read: ``python -m benchmarks marks_rivagan`` (needs ``.[bench-marks]``).

Written by invisible-watermark on cuts of scikit-image's photographs, each with a message drawn by chance; clean cuts
are read for many messages.
"""

from __future__ import annotations

import random
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import _harness
from benchmarks.marks import milliseconds, pictures, resized, saved
from classifiers import rivagan
from classifiers.rivagan import Rivagan, RivaganOptions

if TYPE_CHECKING:
    from benchmarks.marks import Attack, Pixels

QUESTION = "how well are rivaGan's marks read?"
PROFILES = {"quick": 16, "full": 60}
"""Marked pictures."""
_MESSAGES = 2_000
"""Looked for in each clean picture."""
_ATTACKS: dict[str, Attack] = {
    "none": lambda rgb: rgb,
    "jpeg 90": lambda rgb: saved(rgb, "JPEG", quality=90),
    "jpeg 80": lambda rgb: saved(rgb, "JPEG", quality=80),
    "jpeg 70": lambda rgb: saved(rgb, "JPEG", quality=70),
    "webp 80": lambda rgb: saved(rgb, "WEBP", quality=80),
    "half size and back": lambda rgb: resized(rgb, 0.5),
    "cut": lambda rgb: rgb[37:-50, 21:-40],
}


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Measure all of it, or *only* ``found`` or ``clean``."""
    count = PROFILES[profile]
    reader = Rivagan(RivaganOptions(messages={"ours": "0x1f3a5c7e"}))
    reader.load()
    parts = {"found": lambda: _found(reader, count), "clean": lambda: _clean(reader, 15 * count)}
    report = {name: work() for name, work in parts.items() if only is None or name in only}
    packages = ["invisible-watermark", "numpy", "onnxruntime", "pillow", "scikit-image"]
    return {"machine": _harness.machine(packages), "pictures": count, **report}


def _middle(rgb: Pixels) -> Pixels:
    top, left = (max(0, (side - 256) // 2) for side in rgb.shape[:2])
    return rgb[top : top + 256, left : left + 256]


def _found(reader: Rivagan, count: int) -> dict[str, Any]:
    from imwatermark import WatermarkEncoder

    WatermarkEncoder.loadModel()
    draw = random.Random(5)
    seen: dict[str, list[tuple[float, int]]] = {name: [] for name in _ATTACKS}
    noise = []
    for rgb in pictures(512, count, 22):
        bits = [draw.randint(0, 1) for _ in range(32)]
        encoder = WatermarkEncoder()
        encoder.set_watermark("bits", bits)
        marked = encoder.encode(np.ascontiguousarray(rgb[..., ::-1]), "rivaGan")[..., ::-1]
        noise.append(20 * np.log10(255 / np.sqrt(np.mean((marked.astype(float) - rgb) ** 2))))
        message = 2.0 * np.array(bits) - 1
        for name, attack in _ATTACKS.items():
            leaning = reader._leanings(_middle(attack(np.ascontiguousarray(marked)))) * message  # noqa: SLF001
            seen[name].append((float(leaning.mean()), int((leaning > 0).sum())))
    report: dict[str, Any] = {
        name: {
            "found": round(sum(lean >= rivagan.SEEN and same >= rivagan.AGREE for lean, same in scores) / count, 3),
            "found_or_doubted": round(
                sum(lean >= rivagan.DOUBTFUL and same >= rivagan.AGREE for lean, same in scores) / count, 3
            ),
            "median_lean": round(statistics.median(lean for lean, _ in scores), 1),
            "least_lean": round(min(lean for lean, _ in scores), 1),
        }
        for name, scores in seen.items()
    }
    return {"psnr": round(float(np.mean(noise)), 1), **report}


def _clean(reader: Rivagan, count: int) -> dict[str, Any]:
    messages = np.random.default_rng(0).choice([-1.0, 1.0], (_MESSAGES, 32))
    found = doubted = 0
    most, largest = 0.0, 0.0
    for rgb in pictures(512, count, 21):
        leanings = reader._leanings(_middle(rgb))  # noqa: SLF001
        lean, same = messages @ leanings / 32, (messages * leanings > 0).sum(axis=1)
        found += int(((lean >= rivagan.SEEN) & (same >= rivagan.AGREE)).sum())
        doubted += int(((lean >= rivagan.DOUBTFUL) & (same >= rivagan.AGREE)).sum())
        most, largest = max(most, float(lean.max())), max(largest, float(np.abs(leanings).mean()))
    rgb = next(pictures(512, 1))
    return {
        "pictures": count, "tests": count * _MESSAGES, "found": found, "doubted": doubted,
        "highest_lean": round(most, 2), "highest_lean_of_any_message": round(largest, 2),
        "read_ms": milliseconds(lambda: reader._leanings(_middle(rgb)), 3),  # noqa: SLF001
    }  # fmt: skip


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each figure."""
    rows = ["| what | figure |", "| --- | ---: |"]
    for name, one in report.get("found", {}).items():
        if isinstance(one, dict):
            rows.append(
                f"| found, {name} | {one['found']:.2f}, or in doubt {one['found_or_doubted']:.2f} "
                f"(median lean {one['median_lean']}, least {one['least_lean']}) |"
            )
    rows += [f"| {name} | {value} |" for name, value in report.get("clean", {}).items()]
    return "\n".join(rows)
