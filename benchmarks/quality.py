"""How well text is judged: ``python -m benchmarks quality --data DIR``.

Every set is one that no row was trained or calibrated on. The score of a text is the highest that a window of it got.
AUC and average precision rank by the category's own score; recall and false positives are those of a rule on the
category, which sees the ones below it too. *encoder* is `text` alone; *gateway* adds what
runs beside it by default, word lists and the rules on prompt attacks; *floor* is `text` with its linear engine.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import _harness
from classifiers.keywords import Keywords
from classifiers.prompt_attack import PromptAttack
from classifiers.text import Text, TextOptions
from classifiers.weights import text_rows
from classifiers.weights.evaluate import auc, scores
from guard.taxonomy import covers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from classifiers.weights.text_rows import Row
    from guard.classifier import Classifier

QUESTION = "how well is text judged?"
PROFILES = {"quick": 1000, "full": 100_000}
"""Texts of each set at most."""
THRESHOLDS = (0.5, 0.8, 0.9)
_HARMLESS = ("toxicity", "hate", "sexual", "self_harm", "violence", "illicit", "prompt_attack")


def systems() -> dict[str, list[Classifier[Any]]]:
    """The classifiers that judge together, by name."""
    encoder = Text()
    found: dict[str, list[Classifier[Any]]] = {
        "encoder": [encoder],
        "gateway": [encoder, Keywords(), PromptAttack()],
        "floor": [Text(TextOptions(engine="linear"))],
    }
    for classifier in {id(one): one for group in found.values() for one in group}.values():
        classifier.load()
    return found


def measure(profile: str, *, only: frozenset[str] | None = None, data: Path | None = None) -> dict[str, Any]:
    """Judge every set in *data* with every system, or *only* some of them.

    Raises:
        RuntimeError: no folder with the sets was named.
    """
    if data is None:
        msg = "--data names the folder that holds the sets"
        raise RuntimeError(msg)
    limit = PROFILES[profile]
    sets = {name: rows[:: max(1, len(rows) // limit)] for name, rows in text_rows.measuring(data).items()}
    if profile == "full":
        held = [row for row in text_rows.training(data) if row.fold == text_rows.HELD_BACK_FOLD]
        for row in held:
            sets.setdefault(f"{row.source}, held back", []).append(row)
        among = text_rows.drowned(held)
        sets |= {"our rows, held back": among["alone"], "our rows, drowned": among["drowned"]}
    groups = []
    known: dict[tuple[int, str], list[dict[str, float]]] = {}  # a classifier judges a set once, whatever it is part of
    for name, classifiers in systems().items():
        if only is not None and name not in only:
            continue
        for group, rows in sets.items():
            for one in classifiers:
                if (id(one), group) not in known:
                    known[id(one), group] = [scores([one], row.text) for row in rows]
            found = [highest(judged) for judged in zip(*(known[id(one), group] for one in classifiers), strict=True)]
            groups += [{"system": name, "set": group} | one for one in figures(rows, found)]
            if group.startswith("identity_templates"):
                groups.append({"system": name, "set": group, "category": "identity spread"} | spread(rows, found))
    return {"machine": _harness.machine(["onnxruntime", "numpy"]), "profile": profile, "groups": groups}


def highest(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """The highest score of each category in *found*, one for each classifier.

    >>> highest([{"a": 0.2}, {"a": 0.3, "b": 0.1}])
    {'a': 0.3, 'b': 0.1}
    """
    together: dict[str, float] = {}
    for one in found:
        for category, score in one.items():
            together[category] = max(together.get(category, 0.0), score)
    return together


def figures(rows: Sequence[Row], found: Sequence[dict[str, float]]) -> list[dict[str, Any]]:
    """For each category that the rows' labels name, and language: how cases and harmless texts scored."""
    groups: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for row, by_category in zip(rows, found, strict=True):
        labels = dict.fromkeys(_HARMLESS, 0.0) if row.harmless() else row.labels
        for head, label in labels.items():
            score = max((value for category, value in by_category.items() if covers(head, category)), default=0.0)
            own = by_category.get(head, 0.0) if head != "prompt_attack" else score
            groups[head, row.language].append((label, score, own))
    return [{"category": head, "language": language} | of(pairs) for (head, language), pairs in sorted(groups.items())]


def of(pairs: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    """AUC, average precision, and the shares at the thresholds, with 95 % intervals.

    *pairs* are (label, score as a rule sees it, the category's own score).
    """
    both = np.array(pairs)
    cases, values, own = both[:, 0] > 0.5, both[:, 1], both[:, 2]
    found: dict[str, Any] = {"cases": int(cases.sum()), "harmless": int((~cases).sum())}
    if cases.any() and not cases.all():
        area = auc(own, cases)
        found |= {"auc": round(area, 4), "auc_interval": area_interval(area, found["cases"], found["harmless"])}
        found["average_precision"] = round(average_precision(own, cases), 4)
    for threshold in THRESHOLDS:
        hits, wrong = int((values[cases] >= threshold).sum()), int((values[~cases] >= threshold).sum())
        found[f"at {threshold}"] = {
            "recall": share(hits, found["cases"]),
            "fpr": share(wrong, found["harmless"]),
            "precision": share(hits, hits + wrong) if found["cases"] and found["harmless"] else None,
        }
    return found


def share(count: int, of_all: int) -> list[float] | None:
    """A share with its interval (Wilson 1927, 95 %): ``[share, low, high]``; None of nothing.

    >>> share(8, 10)
    [0.8, 0.4902, 0.9433]
    """
    if not of_all:
        return None
    z, p = 1.96, count / of_all
    centre, width = p + z * z / (2 * of_all), z * math.sqrt(p * (1 - p) / of_all + z * z / (4 * of_all * of_all))
    scale = 1 + z * z / of_all
    return [round(value, 4) for value in (p, max(0.0, (centre - width) / scale), min(1.0, (centre + width) / scale))]


def area_interval(area: float, cases: int, harmless: int) -> list[float]:
    """The interval of an AUC (Hanley and McNeil 1982, 95 %)."""
    above, below = area / (2 - area), 2 * area * area / (1 + area)
    variance = area * (1 - area) + (cases - 1) * (above - area * area) + (harmless - 1) * (below - area * area)
    width = 1.96 * math.sqrt(max(0.0, variance) / (cases * harmless))
    return [round(max(0.0, area - width), 4), round(min(1.0, area + width), 4)]


def average_precision(values: NDArray[np.float64], cases: NDArray[np.bool_]) -> float:
    """Precision at each case, best scores first, in the mean."""
    found = cases[np.argsort(-values, kind="stable")]
    precision = np.cumsum(found) / np.arange(1, len(found) + 1)
    return float(precision[found].mean())


def spread(rows: Sequence[Row], found: Sequence[dict[str, float]]) -> dict[str, Any]:
    """How far the mean toxicity of harmless sentences moves with the term that they end in.

    The distance between the 10th and the 90th of a hundred terms, and that between the furthest two; of terms that at
    least five sentences end in.
    """
    by: dict[str, list[float]] = defaultdict(list)
    for row, scored in zip(rows, found, strict=True):
        if not row.labels["toxicity"] and row.kind in ("name_adj", "you_are_adj", "verb_adj", "am_hate_adj"):
            by[row.text.split(" ")[-1].lower()].append(scored.get("toxicity", 0.0))
        elif not row.labels["toxicity"] and row.kind == "you_are_identity_p":
            by[row.text[-3:]].append(scored.get("toxicity", 0.0))
    means = np.array([np.mean(one) for one in by.values() if len(one) >= 5])
    low, high = np.quantile(means, (0.1, 0.9)) if len(means) else (0.0, 0.0)
    furthest = float(means.max() - means.min()) if len(means) else 0.0
    return {"terms": len(means), "spread": round(float(high - low), 4), "furthest": round(furthest, 4)}


_SHARES = " | ".join(f"recall at {threshold} | FPR at {threshold}" for threshold in THRESHOLDS)
_HEAD = f"| category | set | cases | harmless | AUC | AP | {_SHARES} |"
_RULE = "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |"
_SPREAD = (
    "{set}: the mean toxicity of harmless sentences spreads by {spread:.3f} over {terms} identity terms (10th to 90th "
    "of a hundred), by {furthest:.3f} between the furthest two."
)


def table(report: dict[str, Any]) -> str:
    """Markdown: one table a system."""
    lines = []
    for name in dict.fromkeys(group["system"] for group in report["groups"]):
        lines += [f"### {name}", "", _HEAD, _RULE]
        lines += [_row(group) for group in report["groups"] if group["system"] == name and "cases" in group]
        lines += [""]
        for group in report["groups"]:
            if group["system"] == name and "spread" in group:
                lines += [_SPREAD.format(**group), ""]
    return "\n".join(lines)


def _row(group: dict[str, Any]) -> str:
    cells = [group["category"], f"{group['set']} ({group['language']})", str(group["cases"]), str(group["harmless"])]
    interval = group.get("auc_interval")
    cells.append(f"{group['auc']:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "–")
    cells.append(f"{group['average_precision']:.3f}" if interval else "–")
    for threshold in THRESHOLDS:
        for name in ("recall", "fpr"):
            found = group[f"at {threshold}"][name]
            cells.append(f"{found[0]:.3f} [{found[1]:.3f}, {found[2]:.3f}]" if found else "–")
    return f"| {' | '.join(cells)} |"
