"""What judging a text costs: ``python -m benchmarks text``.

CPU time of one thread, each text new. The bar is a ratio: every category, cut into pieces and put into findings, over
one pass of the encoder and nothing else.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from benchmarks import _harness
from classifiers import _encoder
from classifiers.text import SHA256, WEIGHTS, Text, TextOptions
from guard.content import View

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTION = "what does judging a text cost?"
PROFILES = {"quick": 40, "full": 400}
"""Texts of each kind."""
BAR = 1.1
_TEXTS = {
    "short, English": "Could you please tell me what the weather will be like in Paris on day {}",
    "short, Chinese": "请告诉我第{}天北京的天气怎么样，要带伞吗",
    "480 characters, English": "The council met on day {} to discuss the new budget for parks and libraries. " * 6,
}


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Time every kind of text, or *only* some of them."""
    classifier, floor = Text(), Text(TextOptions(engine="linear"))
    classifier.load(), floor.load()
    encoder = _encoder.load(WEIGHTS, SHA256)
    kinds = {}
    for kind, template in _TEXTS.items():
        if only is not None and kind not in only:
            continue
        texts = [View.of(template.replace("{}", str(number))[:480]) for number in range(PROFILES[profile])]
        items = [encoder.item(text.text) for text in texts]
        alone, whole, linear = [], [], []
        for text, item in zip(texts, items, strict=True):  # side by side: what else runs slows them alike
            alone.append(_ms(lambda item=item: [encoder.run(run) for run in item]))
            whole.append(_ms(lambda text=text: classifier.classify([classifier.prepare(text)])))
            linear.append(_ms(lambda text=text: floor.classify([floor.prepare(text)])))
        kinds[kind] = {
            "pieces": statistics.median(sum(map(len, item)) for item in items),
            "encoder_ms": _harness.spread(alone),
            "all_categories_ms": _harness.spread(whole),
            "floor_ms": _harness.spread(linear),
            "ratio": round(statistics.median(whole) / statistics.median(alone), 3),
        }
    return {"machine": _harness.machine(["onnxruntime", "numpy"]), "bar": BAR, "kinds": kinds}


def _ms(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return (time.thread_time() - begin) * 1000


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each kind of text."""
    lines = [
        "| text | pieces | encoder alone, ms | every category, ms | ratio (bar 1.1) | floor, ms |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    for kind, found in report["kinds"].items():
        times = (found[name]["median"] for name in ("encoder_ms", "all_categories_ms"))
        alone, whole = (f"{value:.2f}" for value in times)
        floor = f"{found['floor_ms']['median']:.2f}"
        lines.append(f"| {kind} | {found['pieces']:.0f} | {alone} | {whole} | {found['ratio']:.2f} | {floor} |")
    return "\n".join(lines)
