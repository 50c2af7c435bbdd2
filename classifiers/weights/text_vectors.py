"""Writes the sentence vectors that the text model learns to keep: those of the encoder as it was published.

``python -m classifiers.weights.text_vectors --base base.npz --rows rows.jsonl --out vectors.npz``. The published space
is narrow (unrelated texts have a cosine of 0.76), so the mean is taken away before vectors are scaled to length one.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from classifiers._pieces import BEGIN, END, Pieces
from classifiers.weights import text_rows
from classifiers.weights.text_net import Net
from classifiers.weights.train_text import packed, text_key

_PREFIX = "query: "
_LARGE = {
    "cold": 0.12, "davidson": 0.1, "toxic_spans": 0.15, "stormfront": 0.2, "swsr": 0.2,
    "rows_toxicity": 0.4, "rows_harm": 0.5, "rows_prompt": 0.4,
}  # fmt: skip
"""Shares of the large sets that are enough."""


def main() -> None:
    """Read the command line and write the vectors."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_vectors", description=__doc__)
    for name in ("base", "rows", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    base = np.load(options.base, allow_pickle=False)
    pieces = Pieces(base["pieces"].tolist(), base["scores"].tolist())
    net = Net(len(pieces.pieces), 12, 1)
    net.take(base, list(range(len(pieces.pieces))), list(range(12)))
    net.eval()
    draw = random.Random(0)
    rows = [row for row in text_rows.load(options.rows) if draw.random() < _LARGE.get(row.source, 1.0)]
    texts = sorted({text_key(row) for row in rows if len(row.text) < 300}, key=len)
    found = []
    for start in range(0, len(texts), 64):
        numbers = [[BEGIN, *pieces.encode(_PREFIX + text), END] for text in texts[start : start + 64]]
        shown, mask, *_ = packed([(one, [0.0], [0.0], -1) for one in numbers])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            _, mean = net(shown, mask)
        found.append(functional.normalize(mean.float(), dim=-1))
    vectors = torch.cat(found)
    vectors = functional.normalize(vectors - vectors.mean(0), dim=-1)
    np.savez(options.out, texts=np.array(texts), vectors=vectors.numpy().astype(np.float16))
    print(f"{len(texts)} vectors")


if __name__ == "__main__":
    main()
