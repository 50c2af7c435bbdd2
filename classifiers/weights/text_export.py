"""Writes a trained encoder as ONNX, int8, node by node.

Not by an exporter: one that traces a model has been seen to write another one without an error. What is written here
is the arithmetic of ``text_net``, and `parity` runs both on the same texts.

Matrices are int8 with a scale per column and 7 bits used, so that kernels that add two products in 16 bits cannot
overflow and every machine computes the same; activations are quantised as they come, with one scale for the text.
That is why the classifier runs one text at a time: in a batch, the scale would depend on the neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.float32]]

_LEVELS = 63
_EMBEDDING_LEVELS = 127


class Graph:
    """Nodes and constants as they are added; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def constant(self, value: NDArray[Any]) -> str:
        self._count += 1
        name = f"c{self._count}"
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        self._count += 1
        names = [f"t{self._count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x: Any, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """``x @ weight.T + bias`` in int8; *x* is what `quantised` made."""
        values, scale, zero = x
        columns = np.maximum(np.abs(weight).max(axis=1), 1e-8) / _LEVELS
        matrix = np.round(weight / columns[:, None]).astype(np.int8).T
        product = self.node("MatMulInteger", values, self.constant(matrix), zero, self.constant(np.zeros(matrix.shape[1], np.int8)))
        scales = self.node("Mul", scale, self.constant(columns.astype(np.float32)))
        return self.node("Add", self.node("Mul", self.node("Cast", product, to=TensorProto.FLOAT), scales), self.constant(bias))

    def quantised(self, x: str) -> Any:
        return self.node("DynamicQuantizeLinear", x, outputs=3)

    def norm(self, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32], epsilon: float) -> str:
        return self.node("LayerNormalization", x, self.constant(weight), self.constant(bias), axis=-1, epsilon=epsilon)

    def attention(self, x: str, layer: Arrays, heads: int) -> str:
        """Attention of all pieces to all pieces: one text has no padding, so nothing is masked."""
        qkv = self.linear(self.quantised(x), layer["qkv.weight"], layer["qkv.bias"])
        width = layer["out.weight"].shape[0]
        q, k, v = self.node("Split", qkv, self.constant(np.array([width] * 3)), outputs=3, axis=-1)
        read = self.node("MultiHeadAttention", q, k, v, domain="com.microsoft", num_heads=heads)
        return self.linear(self.quantised(read), layer["out.weight"], layer["out.bias"])


def build(weights: Arrays, layers: int, attention: int, epsilon: float) -> onnx.ModelProto:
    """The graph: ``pieces`` (1, n) int32 in, ``logits`` (1, heads) and ``mean`` (1, width) out."""
    graph = Graph()
    words = weights["word.weight"]
    rows = np.maximum(np.abs(words).max(axis=1, keepdims=True), 1e-8) / _EMBEDDING_LEVELS
    stored = graph.constant(np.round(words / rows).astype(np.int8))
    scale = graph.constant(rows.astype(np.float32))
    taken = graph.node("Cast", graph.node("Gather", stored, "pieces"), to=TensorProto.FLOAT)
    x = graph.node("Mul", taken, graph.node("Gather", scale, "pieces"))
    length = graph.node("Shape", "pieces", start=1, end=2)
    positions = graph.constant(weights["position.weight"].astype(np.float16))
    zero, axis = graph.constant(np.array([0])), graph.constant(np.array([0]))
    places = graph.node("Cast", graph.node("Slice", positions, zero, length, axis), to=TensorProto.FLOAT)
    x = graph.norm(graph.node("Add", x, places), weights["norm.weight"], weights["norm.bias"], epsilon)
    for number in range(layers):
        layer = {name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"layers.{number}.")}
        read = graph.attention(x, layer, attention)
        x = graph.norm(graph.node("Add", x, read), layer["norm.weight"], layer["norm.bias"], epsilon)
        up = graph.linear(graph.quantised(x), layer["up.weight"], layer["up.bias"])
        active = graph.node("Gelu", up, domain="com.microsoft")
        down = graph.linear(graph.quantised(active), layer["down.weight"], layer["down.bias"])
        x = graph.norm(graph.node("Add", x, down), layer["last.weight"], layer["last.bias"], epsilon)
    mean = graph.node("ReduceMean", x, graph.constant(np.array([1])), keepdims=0)
    first = graph.node("Gather", x, graph.constant(np.array(0)), axis=1)
    joined = graph.node("Concat", mean, first, axis=1)
    hidden = graph.node("Gemm", joined, *_pair(graph, weights, "hidden"), transB=1)
    logits = graph.node("Gemm", graph.node("Gelu", hidden, domain="com.microsoft"), *_pair(graph, weights, "heads"), transB=1)
    graph.nodes += [helper.make_node("Identity", [a], [b]) for a, b in ((logits, "logits"), (mean, "mean"))]
    made = helper.make_graph(
        graph.nodes,
        "text",
        [helper.make_tensor_value_info("pieces", TensorProto.INT32, [1, "n"])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, weights["heads.bias"].shape[0]]),
            helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, words.shape[1]]),
        ],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=9, producer_name="guard")
    onnx.checker.check_model(model)
    return model


def _pair(graph: Graph, weights: Arrays, name: str) -> tuple[str, str]:
    return graph.constant(weights[f"{name}.weight"]), graph.constant(weights[f"{name}.bias"])
