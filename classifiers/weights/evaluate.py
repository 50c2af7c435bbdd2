"""Measures a linear model the way it is used: through `LinearModel.scores`, on windows of text."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from classifiers._linear import LinearModel
    from classifiers.weights.corpora import Row

WINDOW, HORIZON = 400, 100
THRESHOLDS = (0.5, 0.8)


def window_scores(model: LinearModel, text: str) -> NDArray[np.float64]:
    """The highest score of each head over the windows of *text*, cut as the gateway cuts them."""
    starts = range(0, max(1, len(text) - HORIZON), WINDOW - HORIZON)
    return np.max([model.scores(text[start : start + WINDOW]) for start in starts], axis=0)


def auc(scores: NDArray[np.float64], cases: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a case scores above a harmless text, ties counting half."""
    _, ranks, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    wins = middle[ranks][cases].sum() - cases.sum() * (cases.sum() + 1) / 2
    return float(wins / (cases.sum() * (~cases).sum()))


def report(model: LinearModel, held_back: list[Row], dev: list[Row]) -> str:
    """A Markdown table: for each head, source and language, AUC and the shares at or above each threshold."""
    lines = [
        "| split | head | set | cases | harmless | AUC | recall / FPR at 0.5 | recall / FPR at 0.8 |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for split, rows in (("held back", held_back), ("dev", dev)):
        scores = np.array([window_scores(model, row.text) for row in rows])
        for number, head in enumerate(model.heads):
            groups: dict[str, list[int]] = defaultdict(list)
            for index, row in enumerate(rows):
                if head in row.labels:
                    groups[f"{row.source} ({row.language})"].append(index)
            for name in sorted(groups):
                labels = np.array([rows[index].labels[head] for index in groups[name]])
                lines.append(f"| {split} | {head} | {name} | {_figures(scores[groups[name], number], labels)} |")
    return "\n".join(lines)


def _figures(scores: NDArray[np.float64], labels: NDArray[np.float64]) -> str:
    cases, harmless = labels > 0.5, labels <= 0.5
    area = f"{auc(scores, cases):.3f}" if cases.any() and harmless.any() else "-"
    shares = [f"{_share(scores[cases], t)} / {_share(scores[harmless], t)}" for t in THRESHOLDS]
    return " | ".join([str(cases.sum()), str(harmless.sum()), area, *shares])


def _share(scores: NDArray[np.float64], threshold: float) -> str:
    return f"{float((scores >= threshold).mean()):.3f}" if len(scores) else "-"
