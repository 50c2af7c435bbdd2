"""Fits the sentence vector: ``python -m classifiers.weights.text_vectors --base base.npz --rows rows.jsonl --run run``.

Training for heads bends the space of the encoder to their ends. A linear map of what the middle layers say bends it
back to where the published encoder puts a text (least squares with a ridge, on texts of the training rows). The
published space is narrow (unrelated texts have a cosine of 0.76), so its mean is taken away first.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from classifiers._pieces import BEGIN, END, Pieces
from classifiers.weights import text_rows
from classifiers.weights.text_net import Net
from classifiers.weights.text_rows import CALIBRATION_FOLD, HEADS, HELD_BACK_FOLD
from classifiers.weights.train_text import packed

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX = "query: "
_TEXTS = 6_000
_RIDGE = 3.0
_BULK = ("cold", "davidson", "toxic_spans", "stormfront", "swsr")


def means(net: Net, pieces: Pieces, texts: Sequence[str], prefix: str = "") -> Tensor:
    """The mean over the pieces of each text at the layer that the sentence vector is made of, and at the last."""
    found = []
    for start in range(0, len(texts), 64):
        numbers = [[BEGIN, *pieces.encode(prefix + text), END] for text in texts[start : start + 64]]
        shown, mask, *_ = packed([(one, [0.0], [0.0]) for one in numbers])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            found.append(net.means(shown, mask).float())
    return torch.cat(found)


def main() -> None:
    """Read the command line, fit the map and write it into the run's weights."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_vectors", description=__doc__)
    for name in ("base", "rows", "run"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    base = np.load(options.base, allow_pickle=False)
    pieces = Pieces(base["pieces"].tolist(), base["scores"].tolist())
    published = Net(len(pieces.pieces), 12, len(HEADS))
    published.take(base, list(range(len(pieces.pieces))), list(range(12)))
    with np.load(options.run / "average.npz", allow_pickle=False) as stored:
        weights = {n: torch.from_numpy(stored[n]) for n in stored.files if not n.startswith("meaning")}
    net = Net(
        len(pieces.pieces), len({name.split(".")[1] for name in weights if name.startswith("layers.")}), len(HEADS)
    )
    net.load_state_dict(weights)
    net.eval(), published.eval()
    draw = random.Random(0)
    rows = [row for row in text_rows.load(options.rows) if row.source not in _BULK or draw.random() < 0.1]
    rows = [row for row in rows if len(row.text) < 250]
    draw.shuffle(rows)
    rows = sorted(rows[:_TEXTS], key=lambda row: len(row.text))
    texts = [row.text for row in rows]
    wanted = means(published, pieces, texts, _PREFIX)[:, -net.width :]
    given = means(net, pieces, texts)
    fit = torch.tensor([row.fold not in (CALIBRATION_FOLD, HELD_BACK_FOLD) for row in rows])
    wanted = functional.normalize(wanted, dim=-1)
    for language in ("en", "zh"):  # each by its own mean: what says only which language it is goes too
        of = torch.tensor([row.language == language for row in rows])
        wanted[of] = functional.normalize(wanted[of] - wanted[of & fit].mean(0), dim=-1)
    centre = given[fit].mean(0)
    x = given - centre
    gram = x[fit].T @ x[fit] + _RIDGE * torch.eye(x.shape[1])
    solved = torch.linalg.solve(gram, x[fit].T @ wanted[fit])
    cosine = functional.cosine_similarity(x[~fit] @ solved, wanted[~fit]).mean()
    print(f"cosine to the published vectors: {cosine:.3f} on held-back texts")
    weights["meaning.weight"], weights["meaning.bias"] = solved.T.contiguous(), -(centre @ solved)
    np.savez(options.run / "average.npz", **{name: value.numpy() for name, value in weights.items()})


if __name__ == "__main__":
    main()
