"""Fits the sentence vector: ``python -m classifiers.weights.text_vectors --base base.npz --rows rows.jsonl --run run``.

Training for heads bends the space of the encoder to their ends. A linear map of what the middle layers say bends it
back to where the published encoder puts a text (least squares with a ridge, on texts of the training rows, through the
int8 graph). The published space is narrow (unrelated texts have a cosine of 0.76), so its mean is taken away first.

With ``--like text.onnx`` the map leads to where an earlier model puts a text, so that the examples of topics that users
wrote lie as they did.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from torch import Tensor
from torch.nn import functional

from classifiers._pieces import BEGIN, END, Pieces
from classifiers.weights import text_export, text_rows
from classifiers.weights.text_net import Net
from classifiers.weights.text_rows import CALIBRATION_FOLD, HEADS, HELD_BACK_FOLD
from classifiers.weights.train_text import packed

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX = "query: "
_RIDGE = 3.0
_BULK = ("cold", "davidson", "toxic_spans", "stormfront", "swsr")


def published(base: Any, pieces: Pieces, texts: Sequence[str]) -> Tensor:
    """The vectors of the published encoder, all twelve layers of it."""
    net = Net(len(pieces.pieces), 12, len(HEADS))
    net.take(base, list(range(len(pieces.pieces))), list(range(12)))
    net.eval()
    found = []
    for start in range(0, len(texts), 64):
        numbers = [[BEGIN, *pieces.encode(_PREFIX + text), END] for text in texts[start : start + 64]]
        shown, mask, *_ = packed([(one, [0.0], [0.0]) for one in numbers])
        with torch.no_grad():
            found.append(net.means(shown, mask)[:, net.width :])
    return torch.cat(found)


def earlier(path: Path, texts: Sequence[str]) -> Tensor:
    """The vectors of the text model in *path*."""
    encoder = text_export.opened(onnx.load(path))
    return torch.from_numpy(np.stack([encoder.vector(text) for text in texts]))


def main() -> None:
    """Read the command line, fit the map and write it into the run's weights."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_vectors", description=__doc__)
    for name in ("base", "rows", "run"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=6_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--like", type=Path, help="an earlier model to follow, in place of the published encoder")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    base = np.load(options.base, allow_pickle=False)
    pieces = Pieces(base["pieces"].tolist(), base["scores"].tolist())
    with np.load(options.run / "average.npz", allow_pickle=False) as stored:
        weights = {name: stored[name] for name in stored.files if not name.startswith("meaning")}
    draw = random.Random(0)
    rows = [row for row in text_rows.load(options.rows) if row.source not in _BULK or draw.random() < 0.1]
    rows = [row for row in rows if len(row.text) < 250]
    draw.shuffle(rows)
    rows = sorted(rows[: options.texts], key=lambda row: len(row.text))
    texts = [row.text for row in rows]
    session = text_export.session(text_export.averaging(weights))
    runs = [np.array([[BEGIN, *pieces.encode(text), END]], np.int32) for text in texts]
    given = torch.from_numpy(np.concatenate([session.run(None, {"pieces": run})[0] for run in runs]))
    fit = torch.tensor([row.fold not in (CALIBRATION_FOLD, HELD_BACK_FOLD) for row in rows])
    if options.like:
        wanted = earlier(options.like, texts)
    else:
        wanted = functional.normalize(published(base, pieces, texts), dim=-1)
        for language in ("en", "zh"):  # each by its own mean: what says only which language it is goes too
            of = torch.tensor([row.language == language for row in rows])
            wanted[of] = functional.normalize(wanted[of] - wanted[of & fit].mean(0), dim=-1)
    centre = given[fit].mean(0)
    x = given - centre
    gram = x[fit].T @ x[fit] + _RIDGE * torch.eye(x.shape[1])
    solved = torch.linalg.solve(gram, x[fit].T @ wanted[fit])
    cosine = functional.cosine_similarity(x[~fit] @ solved, wanted[~fit]).mean()
    print(f"cosine to the vectors that were to be met: {cosine:.3f} on held-back texts")
    weights |= {"meaning.weight": solved.T.contiguous().numpy(), "meaning.bias": -(centre @ solved).numpy()}
    np.savez(options.run / "average.npz", **weights)


if __name__ == "__main__":
    main()
