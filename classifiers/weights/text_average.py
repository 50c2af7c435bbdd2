"""Averages runs of one training: ``python -m classifiers.weights.text_average --out both first second``.

Weights of runs that began at one place lie in one valley, and the middle of it generalises better than its sides
(Izmailov et al. 2018, "Averaging weights leads to wider optima").
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Read the command line and write the mean of the runs' weights."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_average", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    stored = [np.load(run / "average.npz", allow_pickle=False) for run in options.runs]
    names = [name for name in stored[0].files if not name.startswith("meaning")]
    mean: dict[str, Any] = {name: sum(one[name] for one in stored) / np.float32(len(stored)) for name in names}
    options.out.mkdir(parents=True, exist_ok=True)
    np.savez(options.out / "average.npz", **mean)


if __name__ == "__main__":
    main()
