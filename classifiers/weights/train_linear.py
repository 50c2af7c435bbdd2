"""Trains the small linear models: ``python -m classifiers.weights.train_linear toxicity --data DIR``.

Needs ``guard-gateway[train]`` (scikit-learn) and one core for a minute or two. Nothing is random, so the same sets
and library versions give the same file. It prints the sha256 to pin in the classifier; then
``classifiers.weights.evaluate`` measures the figures of the model card.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers import _linear
from classifiers.weights import corpora
from classifiers.weights.corpora import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS = Path(__file__).parent
CALIBRATION_FOLD, HELD_BACK_FOLD = 8, 9


@dataclass(frozen=True)
class Recipe:
    """How one model is trained.

    *limit* is the largest number of n-grams kept; *strength* scikit-learn's C; *priors* the share of cases that the
    calibrated score of each head presumes, since training sets have far more of them than traffic has.
    """

    heads: tuple[str, ...]
    priors: tuple[float, ...]
    rows: Callable[[Path], list[Row]]
    dev: Callable[[Path], list[Row]]
    min_rows: int
    limit: int
    strength: float


RECIPES = {
    "toxicity": Recipe(
        corpora.TOXICITY_HEADS,
        (0.33, 0.25, 0.1, 0.2, 0.25),
        corpora.toxicity,
        corpora.toxicity_dev,
        min_rows=4,
        limit=160_000,
        strength=4.0,
    ),
    "prompt_attack": Recipe(
        corpora.ATTACK_HEADS,
        (0.1, 0.04),
        corpora.prompt_attack,
        corpora.prompt_attack_dev,
        min_rows=3,
        limit=50_000,
        strength=15.0,
    ),
}


def train(name: str, data: Path, out: Path) -> str:
    """Train model *name* from the sets in *data*, write ``<name>.npz`` into *out*; the file's sha256."""
    recipe = RECIPES[name]
    dev = recipe.dev(data)
    rows = without_overlap(recipe.rows(data), dev)
    fit = [row for row in rows if row.fold not in (CALIBRATION_FOLD, HELD_BACK_FOLD)]
    calibration = [row for row in rows if row.fold == CALIBRATION_FOLD]
    hashed = [np.unique(_linear.grams(row.text)) for row in fit]
    keys, idf = vocabulary(hashed, recipe.min_rows, recipe.limit)
    fit_x = vectors(hashed, keys, idf)
    calibration_x = vectors([np.unique(_linear.grams(row.text)) for row in calibration], keys, idf)
    weights, bias = [], []
    for head, prior in zip(recipe.heads, recipe.priors, strict=True):
        w, b = logistic(fit_x, fit, head, recipe.strength)
        slope, offset = platt(calibration_x @ w + b, calibration, head, prior)
        weights.append(w * slope)
        bias.append(b * slope + offset)
    path = out / f"{name}.npz"
    write(path, recipe.heads, keys, idf, np.array(weights).T, np.array(bias))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path.name}: {len(fit)} rows, {len(keys)} n-grams, {path.stat().st_size} bytes, sha256 {sha256}")
    return sha256


def held_back(name: str, data: Path) -> list[Row]:
    """The rows of the training sets that no model was trained or calibrated on."""
    recipe = RECIPES[name]
    return [row for row in without_overlap(recipe.rows(data), recipe.dev(data)) if row.fold == HELD_BACK_FOLD]


def without_overlap(rows: list[Row], dev: list[Row]) -> list[Row]:
    """Rows whose text is in no measuring set, each once per source, and in a script that the features read."""
    reserved = {_linear.fold(row.text) for row in dev}
    seen: set[tuple[str, str]] = set()
    kept = []
    for row in rows:
        key = (row.source, _linear.fold(row.text))
        readable = 2 * len(key[1].strip()) > len(row.text.strip())
        if readable and key[1] not in reserved and key not in seen:
            seen.add(key)
            kept.append(row)
    return kept


def vocabulary(
    hashed: list[NDArray[np.uint32]], min_rows: int, limit: int
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The n-grams of the most rows, at most one per slot, sorted by hash; and their idf, as it will be stored."""
    found, counts = np.unique(np.concatenate(hashed), return_counts=True)
    order = np.lexsort((found, -counts))
    order = order[counts[order] >= min_rows]
    _, first = np.unique(found[order] >> np.uint32(32 - _linear.SLOT_BITS), return_index=True)
    chosen = np.sort(order[np.sort(first)[:limit]])
    idf = np.log((1 + len(hashed)) / (1 + counts[chosen])) + 1
    return found[chosen], idf.astype(np.float16).astype(np.float32)


def vectors(hashed: list[NDArray[np.uint32]], keys: NDArray[np.uint32], idf: NDArray[np.float32]) -> Any:
    """Rows of idf, scaled to length one: a sparse matrix (texts, n-grams)."""
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

    slots = _linear.slots_of(keys)
    columns = []
    for hashes in hashed:
        found = slots[hashes >> np.uint32(32 - _linear.SLOT_BITS)]
        columns.append(np.sort(found[keys[found] == hashes]))
    values = [idf[found] / max(float(np.sqrt(np.square(idf[found], dtype=np.float64).sum())), 1.0) for found in columns]
    ends = np.cumsum([0, *(len(found) for found in columns)])
    return csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=(len(hashed), len(keys)))


def labelled(rows: list[Row], head: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Row numbers, labels and weights of *head*: a row that raters disagreed on stands twice, once for each side."""
    index, label, weight = [], [], []
    for number, row in enumerate(rows):
        share = row.labels.get(head, corpora.UNKNOWN)
        for side, part in ((1, share), (0, 1 - share)):
            if part > 0:  # false for NaN: its set does not say
                index.append(number)
                label.append(side)
                weight.append(part * row.weight)
    return np.array(index), np.array(label), np.array(weight)


def logistic(x: Any, rows: list[Row], head: str, strength: float) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of one head."""
    from sklearn.linear_model import LogisticRegression

    index, label, weight = labelled(rows, head)
    model = LogisticRegression(C=strength, solver="liblinear", random_state=0, max_iter=200)
    model.fit(x[index], label, sample_weight=weight)
    return model.coef_[0], float(model.intercept_[0])


def platt(scores: NDArray[np.float64], rows: list[Row], head: str, prior: float) -> tuple[float, float]:
    """Slope and offset that turn *scores* into log-odds where *prior* of the texts are cases."""
    from sklearn.linear_model import LogisticRegression

    index, label, weight = labelled(rows, head)
    cases = weight[label == 1].sum()
    weight = np.where(label == 1, weight * prior / cases, weight * (1 - prior) / (weight.sum() - cases))
    model = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    model.fit(scores[index, None], label, sample_weight=weight * len(weight))
    # Rounded, so that sums in another order do not make another file.
    return round(float(model.coef_[0, 0]), 3), round(float(model.intercept_[0]), 3)


def write(
    path: Path,
    heads: tuple[str, ...],
    keys: NDArray[np.uint32],
    idf: NDArray[np.float32],
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
) -> None:
    """Store the model, idf multiplied into the weights and those as one byte each with a scale per head."""
    weights = weights * idf[:, None]
    scale = np.abs(weights).max(axis=0) / 127
    np.savez_compressed(
        path,
        features=np.array(_linear.FEATURES),
        heads=np.array(heads),
        keys=keys,
        idf=idf.astype(np.float16),
        weights=np.round(weights / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=bias.astype(np.float32),
    )


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.train_linear", description=__doc__)
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, required=True, help="folder with the training sets, one folder a set")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where the model goes (default: beside this file)")
    options = parser.parse_args()
    import sklearn.linear_model  # noqa: F401  its libraries are limited only once they are loaded
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    with threadpool_limits(1):  # several threads add in another order, and so end in other last bits
        train(options.name, options.data, options.out)


if __name__ == "__main__":
    main()
