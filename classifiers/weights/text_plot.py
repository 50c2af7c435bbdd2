"""Draws how true the text model's scores are: ``python -m classifiers.weights.text_plot --rows rows.jsonl``.

Held-back rows by score, and the share of cases among them, weighted so that each head has the share of cases that its
calibration presumes. On the diagonal a score is what it says.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers import _encoder
from classifiers.text import SHA256, WEIGHTS
from classifiers.weights import text_rows
from classifiers.weights.text_export import PRIORS, log_odds
from classifiers.weights.text_rows import HEADS, HELD_BACK_FOLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = (
    "toxicity",
    "toxicity.insult",
    "hate",
    "sexual",
    "self_harm",
    "violence",
    "illicit",
    "prompt_attack.jailbreak",
)
_BINS = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
_SIZE, _EDGE = 130, 26


def points(
    scores: NDArray[np.float64], labels: NDArray[np.float32], weights: NDArray[np.float32], prior: float
) -> list[tuple[float, float]]:
    """``(mean score, share of cases)`` of each bin that at least five rows fall into."""
    case, other = labels * weights, (1 - labels) * weights
    case, other = case * prior / case.sum(), other * (1 - prior) / other.sum()
    found = []
    for low, high in itertools.pairwise(_BINS):
        inside = (scores >= low) & (scores < high + (high == 1.0)) & (weights > 0)
        mass = (case + other)[inside].sum()
        if inside.sum() >= 5 and mass > 0:
            mean = float((scores * (case + other))[inside].sum() / mass)
            found.append((mean, float(case[inside].sum() / mass)))
    return found


def panel(number: int, head: str, found: list[tuple[float, float]]) -> str:
    """One head's square of the picture."""
    left, top = _EDGE + number % 4 * (_SIZE + _EDGE), _EDGE + number // 4 * (_SIZE + 2 * _EDGE)
    line = " ".join(f"{left + x * _SIZE:.1f},{top + (1 - y) * _SIZE:.1f}" for x, y in found)
    dots = "".join(f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="2.5"/>' for p in line.split(" ") if p)
    return (
        f'<rect x="{left}" y="{top}" width="{_SIZE}" height="{_SIZE}" fill="none" stroke="#888"/>'
        f'<path d="M{left} {top + _SIZE}L{left + _SIZE} {top}" stroke="#bbb" stroke-dasharray="3"/>'
        f'<polyline points="{line}" fill="none" stroke="#1660a8" stroke-width="1.5"/><g fill="#1660a8">{dots}</g>'
        f'<text x="{left}" y="{top - 6}">{head}</text>'
        f'<text x="{left}" y="{top + _SIZE + 12}">0</text><text x="{left + _SIZE - 6}" y="{top + _SIZE + 12}">1</text>'
    )


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_plot", description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("text_reliability.svg"))
    parser.add_argument("--bulk", type=float, default=1.0, help="share of the rows of the large sets that are drawn")
    options = parser.parse_args()
    rows = [row for row in text_rows.load(options.rows) if row.fold == HELD_BACK_FOLD and len(row.text) <= 480]
    rows = text_rows.thinned(rows, options.bulk)
    labels, weights = text_rows.arrays(rows)
    scores = 1 / (1 + np.exp(-log_odds(_encoder.load(WEIGHTS, SHA256), [row.text for row in rows])))
    panels = [
        panel(number, head, points(scores[:, at], labels[:, at], weights[:, at], PRIORS[head]))
        for number, head in enumerate(_SHOWN)
        for at in [HEADS.index(head)]
    ]
    width, height = _EDGE + 4 * (_SIZE + _EDGE), 2 * (_SIZE + 2 * _EDGE)
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"'
    options.out.write_text(f'{frame} font-size="10">{"".join(panels)}</svg>\n', encoding="utf-8")


if __name__ == "__main__":
    main()
