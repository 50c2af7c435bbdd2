"""Writes ``organizations_en.onnx`` and ``…_words.onnx``: ``python -m classifiers.weights.graph_organizations``.

Needs ``guard-gateway[train]`` (onnx). The files hold operators and no weights; `classifiers._organizations_en` gives
them those of spaCy's model when it loads.
A network of hashed embeddings and convolutions, as https://explosion.ai/blog/deep-learning-formula-nlp describes it, in
the sizes that the model's own configuration names, and the part of its parser that is the same for every token.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).parent
WIDTH, PIECES, DEPTH = 96, 3, 4
HIDDEN, CHOICES, FEATURES = 64, 2, 3
FORMS, ROWS, TABLE = 4, 4, 11_000
ACTIONS = 74
_EPSILON = 1e-8


class _Graph:
    """Operators of the file, and arrays that it names and does not hold."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def given(self, name: str, *shape: int) -> str:
        """An array that is given when the file is loaded."""
        from onnx import TensorProto

        array = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
        array.external_data.add(key="location", value="given")
        self.arrays.append(array)
        return name

    def numbers(self, name: str, *values: int) -> str:
        from onnx import TensorProto, helper

        self.arrays.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def product(self, value: str, name: str, inputs: int, outputs: int) -> str:
        """A matrix and its bias."""
        weights, bias = self.given(f"{name}.weights", inputs, outputs), self.given(f"{name}.bias", outputs)
        return self.node("Gemm", [value, weights, bias], f"{name}.product")

    def largest(self, value: str, name: str, pieces: int) -> str:
        """For each output the largest of its *pieces*, which lie one behind the other."""
        from onnx import helper

        parts = [f"{name}.piece{number}" for number in range(pieces)]
        self.nodes.append(helper.make_node("Split", [value], parts, axis=-1, num_outputs=pieces))
        return self.node("Max", parts, f"{name}.largest")

    def layer(self, value: str, name: str, inputs: int) -> str:
        """The largest of three products for each output (Goodfellow et al. 2013), normalised (Ba et al. 2016)."""
        most = self.largest(self.product(value, name, inputs, WIDTH * PIECES), name, PIECES)
        scale, shift = self.given(f"{name}.gain", WIDTH), self.given(f"{name}.offset", WIDTH)
        return self.node("LayerNormalization", [most, scale, shift], name, axis=-1, epsilon=_EPSILON)

    def model(self, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
        """All of it as a model."""
        from onnx import helper

        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.arrays)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def words() -> Any:
    """The vector of each word, which does not depend on others, from *rows* of the table: sixteen, four for each form.

    Apart from the rest, so that words that come again need not be looked up again.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    found = graph.node("Gather", [graph.given("table", TABLE, WIDTH), "rows"], "found")
    summed = graph.node("ReduceSum", [found, graph.numbers("second", 2)], "summed", keepdims=0)
    joined = graph.node("Reshape", [summed, graph.numbers("flat", -1, FORMS * WIDTH)], "joined")
    vectors = graph.layer(joined, "embed", FORMS * WIDTH)
    inputs = [helper.make_tensor_value_info("rows", TensorProto.INT64, ["words", FORMS, ROWS])]
    outputs = [helper.make_tensor_value_info(vectors, TensorProto.FLOAT, ["words", WIDTH])]
    return graph.model("organizations_en_words", inputs, outputs)


def text() -> Any:
    """One text per run: *words*, a vector each, to *scores* of actions and *parts* of states.

    *scores* are those where no name is open. Where one is, a state is the sum of one part of each of three words.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    # What stands before and behind a text are rows of zeros, as many as a word sees through all layers.
    value = graph.node("Pad", ["words", graph.numbers("margins", DEPTH, 0, DEPTH, 0)], "padded")
    first, step = graph.numbers("first", 0), graph.numbers("step", 1)
    last, end = graph.numbers("last", -1), graph.numbers("end", 2**62)
    before, behind = graph.numbers("before", -2), graph.numbers("behind", 2)
    for number in range(DEPTH):
        name = f"layer{number}"
        left = graph.node("Slice", [value, first, before, first], f"{name}.left")
        middle = graph.node("Slice", [value, step, last, first], f"{name}.middle")
        right = graph.node("Slice", [value, behind, end, first], f"{name}.right")
        window = graph.node("Concat", [left, middle, right], f"{name}.window", axis=-1)
        value = graph.node("Add", [middle, graph.layer(window, name, 3 * WIDTH)], f"{name}.sum")
    value = graph.product(value, "narrow", WIDTH, HIDDEN)
    state = HIDDEN * CHOICES
    parts = graph.node("MatMul", [value, graph.given("states", HIDDEN, FEATURES * state)], "parts")
    own = graph.node("Slice", [parts, first, graph.numbers("one", state), step], "own")
    closed = graph.node("Add", [own, graph.given("closed", state)], "alone")
    scores = graph.product(graph.largest(closed, "hidden", CHOICES), "actions", HIDDEN, ACTIONS)
    inputs = [helper.make_tensor_value_info("words", TensorProto.FLOAT, ["length", WIDTH])]
    outputs = [
        helper.make_tensor_value_info(scores, TensorProto.FLOAT, ["length", ACTIONS]),
        helper.make_tensor_value_info(parts, TensorProto.FLOAT, ["length", FEATURES * state]),
    ]
    return graph.model("organizations_en", inputs, outputs)


FILES = {"organizations_en.onnx": text, "organizations_en_words.onnx": words}


def main() -> None:
    """Write the files, and print what to pin."""
    for name, build in FILES.items():
        data = build().SerializeToString()
        (WEIGHTS / name).write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {name}  {len(data)} bytes")


if __name__ == "__main__":
    main()
