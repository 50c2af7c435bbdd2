"""Measures the floor as the gateway runs it: ``python -m classifiers.weights.evaluate toxicity --data DIR``.

The linear engine, for prompt attacks with the rules beside it, over windows of the text. The score of a head is the
highest that a window gave to the category or one below it, as a policy's rule on it would see.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers.prompt_attack import PromptAttack
from classifiers.text import Text, TextOptions
from classifiers.weights import train_linear
from guard.content import View
from guard.taxonomy import covers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from classifiers.weights.corpora import Row
    from guard.classifier import Classifier

NAMES = ("toxicity", "prompt_attack")
THRESHOLDS = (0.5, 0.8)
_HEAD = (
    "| split | category | set | cases | harmless | AUC | recall / FPR at 0.5 | recall / FPR at 0.8 |",
    "|---|---|---|--:|--:|--:|--:|--:|",
)


def loaded(name: str) -> list[Classifier[Any]]:
    """The classifiers that judge together what the model *name* is for."""
    found: list[Classifier[Any]] = [Text(TextOptions(engine="linear"))]
    if name == "prompt_attack":
        found.append(PromptAttack())
    for classifier in found:
        classifier.load()
    return found


def scores(classifiers: list[Classifier[Any]], text: str) -> dict[str, float]:
    """The highest score of each category over the windows of *text*."""
    highest: dict[str, float] = defaultdict(float)
    for classifier in classifiers:
        window, horizon = classifier.window or len(text), classifier.horizon
        starts = range(0, max(1, len(text) - horizon), max(1, window - horizon))
        items = [classifier.prepare(View.of(text[start : start + window])) for start in starts]
        for found in classifier.classify(items):
            for finding in found:
                highest[finding.category] = max(highest[finding.category], finding.score)
    return highest


def auc(values: NDArray[np.float64], cases: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a case scores above a harmless text, ties counting half."""
    _, ranks, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    wins = middle[ranks][cases].sum() - cases.sum() * (cases.sum() + 1) / 2
    return float(wins / (cases.sum() * (~cases).sum()))


def report(classifiers: list[Classifier[Any]], splits: dict[str, list[Row]], heads: tuple[str, ...]) -> str:
    """A Markdown table: for each split, head, set and language, AUC and the shares at or above each threshold."""
    lines = list(_HEAD)
    for split, rows in splits.items():
        found = [scores(classifiers, row.text) for row in rows]
        for head in heads:
            groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
            for row, by_category in zip(rows, found, strict=True):
                if head in row.labels:
                    score = max((s for category, s in by_category.items() if covers(head, category)), default=0.0)
                    groups[f"{row.source} ({row.language})"].append((row.labels[head], score))
            for name, pairs in sorted(groups.items()):
                lines.append(f"| {split} | {head} | {name} | {_figures(np.array(pairs))} |")
    return "\n".join(lines)


def _figures(pairs: NDArray[np.float64]) -> str:
    cases, values = pairs[:, 0] > 0.5, pairs[:, 1]
    area = f"{auc(values, cases):.3f}" if cases.any() and not cases.all() else "-"
    shares = [f"{_share(values[cases], t)} / {_share(values[~cases], t)}" for t in THRESHOLDS]
    return " | ".join([str(cases.sum()), str((~cases).sum()), area, *shares])


def _share(values: NDArray[np.float64], threshold: float) -> str:
    return f"{float((values >= threshold).mean()):.3f}" if len(values) else "-"


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.evaluate", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets, one folder a set")
    options = parser.parse_args()
    recipe = train_linear.RECIPES[options.name]
    splits = {
        "held back": train_linear.held_back(options.name, options.data),
        "dev": recipe.dev(options.data),
    }
    print(report(loaded(options.name), splits, recipe.heads))


if __name__ == "__main__":
    main()
