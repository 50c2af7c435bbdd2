"""A graph whose large products are of integers, each row of activations with a scale of its own.

    y = x·w  becomes  (round(x / s) · round(w / c)) · s · c,  s = max|x| / 127 of a row,  c = max|w| / 63 of a column

What is no number in a row would be lost on the way to integers, so it makes the row's scale none, too.

Dynamic quantisation as runtimes have it takes one scale for all that is run at once, so that a text's score depends on
its neighbours. A row is one token: here nothing of a text's score comes from another. Weights have 7 bits: kernels of
processors without VNNI add two products in 16 bits, and 8 would overflow there (ADR 0016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_LEAST = 32
"""Products with fewer rows or columns stay as they are: the last layer, where it pays nothing and matters most."""
_OF_WEIGHTS, _OF_ROWS = 63, 127
_RUNTIMES = "com.microsoft"


class _Rows(NamedTuple):
    """Names of a tensor's rows as integers, of their scales, of its shape but for the last side."""

    integers: str
    scales: str
    shape: str


def by_rows(model: Any) -> Any:
    """*model* (``onnx.ModelProto``, float32), its products with constant matrices done in integers. Changes *model*.

    Raises:
        ValueError: it has no such product, or weights that are no numbers.
    """
    from onnx import helper

    graph = _Graph(model)
    graph.check()
    nodes = [made for node in model.graph.node for made in graph.rewritten(node)]
    if not graph.count:
        msg = "it has no product with a constant matrix, so nothing of it can be done in integers"
        raise ValueError(msg)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = set(_used(nodes))
    kept = [one for one in (*model.graph.initializer, *graph.constants) if one.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.opset_import.append(helper.make_opsetid(_RUNTIMES, 1))
    return model


def _used(nodes: Iterable[Any]) -> Iterator[str]:
    """The names of all that *nodes* take, and the nodes of graphs within them."""
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _used(graph.node)
                yield from (output.name for output in graph.output)


class _Graph:
    def __init__(self, model: Any) -> None:
        from onnx import numpy_helper

        self._read = numpy_helper.to_array
        self._stored = {one.name: one for one in model.graph.initializer}
        self._same = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Identity"}
        self._rows: dict[str, _Rows] = {}
        self.count = 0
        self.constants: list[Any] = []
        self._one = self._constant("one", np.array(1, np.float32))
        self._zero = self._constant("zero", np.array(128, np.uint8))
        self._part = self._constant("part", np.array(1 / _OF_ROWS, np.float32))
        self._least = self._constant("least", np.array(1e-30, np.float32))
        self._nothing = self._constant("nothing", np.array(0, np.float32))
        self._first, self._last = (self._constant(f"at{at}", np.array([at], np.int64)) for at in (0, -1))
        self._across = self._constant("across", np.array([1], np.int64))

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(value, f"rows/{name}"))
        return f"rows/{name}"

    def check(self) -> None:
        """Raise `ValueError` if weights hold what is no number; a lone infinite one is what masks are made of."""
        for name, one in self._stored.items():
            value = self._read(one)
            if value.size > 1 and value.dtype.kind == "f" and not np.isfinite(value).all():
                msg = f"its weights `{name}` hold what is no number"
                raise ValueError(msg)

    def rewritten(self, node: Any) -> Iterator[Any]:
        """*node*, or what does the same in integers."""
        from onnx import helper

        weights = self._weights(node)
        if weights is None:
            yield node
            return
        here = f"{self.count}"
        self.count += 1
        if node.input[0] not in self._rows:
            yield from self._made_rows(node.input[0], len(weights), here)
        rows = self._rows[node.input[0]]
        scales = np.abs(weights).max(axis=0) / _OF_WEIGHTS
        scales[scales == 0.0] = 1.0
        integers = self._constant(f"{here}/weights", np.rint(weights / scales).astype(np.int8))
        columns = self._constant(f"{here}/columns", scales.astype(np.float32))
        width = self._constant(f"{here}/width", np.array([weights.shape[1]], np.int64))
        added = list(node.input[2:]) if node.op_type == "Gemm" else []
        product, scaled, shape = (f"rows/{here}/{name}" for name in ("product", "scaled", "shape"))
        shaped = f"rows/{here}/shaped" if added else node.output[0]
        given = [rows.integers, integers, self._one, columns, self._zero]
        yield helper.make_node("MatMulIntegerToFloat", given, [product], domain=_RUNTIMES)
        yield helper.make_node("Mul", [product, rows.scales], [scaled])
        yield helper.make_node("Concat", [rows.shape, width], [shape], axis=0)
        yield helper.make_node("Reshape", [scaled, shape], [shaped])
        if added:
            yield helper.make_node("Add", [shaped, *added], [node.output[0]])

    def _weights(self, node: Any) -> NDArray[np.float32] | None:
        """The constant matrix that *node* multiplies by, shape (rows, columns), if it is worth doing in integers."""
        if node.op_type not in ("MatMul", "Gemm") or node.domain:
            return None
        name = node.input[1]
        while name in self._same:
            name = self._same[name]
        if name not in self._stored:
            return None
        set_ = {one.name: one.f if one.type == 1 else one.i for one in node.attribute}
        weights = np.asarray(self._read(self._stored[name]))
        if set_.pop("transB", 0):
            weights = weights.T
        if set_.pop("transA", 0) or any(value != 1.0 for value in set_.values()):
            return None
        if weights.ndim != 2 or weights.dtype != np.float32 or min(weights.shape) < _LEAST:
            return None
        return weights

    def _made_rows(self, tensor: str, length: int, here: str) -> Iterator[Any]:
        from onnx import helper, numpy_helper

        flat = self._constant(f"{here}/flat", np.array([-1, length], np.int64))
        names = (
            "given", "sizes", "largest", "some", "least", "sum", "none", "scale", "count", "zeros", "integers",
            "scales", "whole", "shape",
        )  # fmt: skip
        of = {name: f"rows/{here}/of/{name}" for name in names}
        zero = numpy_helper.from_array(np.array([128], np.uint8))
        self._rows[tensor] = _Rows(of["integers"], of["scales"], of["shape"])
        yield helper.make_node("Reshape", [tensor, flat], [of["given"]])
        yield helper.make_node("Abs", [of["given"]], [of["sizes"]])
        yield helper.make_node("ReduceMax", [of["sizes"]], [of["largest"]], axes=[1], keepdims=0)
        yield helper.make_node("Mul", [of["largest"], self._part], [of["some"]])
        yield helper.make_node("Max", [of["some"], self._least], [of["least"]])
        yield helper.make_node("ReduceSum", [of["given"], self._across], [of["sum"]], keepdims=0)
        yield helper.make_node("Mul", [of["sum"], self._nothing], [of["none"]])
        yield helper.make_node("Add", [of["least"], of["none"]], [of["scale"]])
        yield helper.make_node("Shape", [of["scale"]], [of["count"]])
        yield helper.make_node("ConstantOfShape", [of["count"]], [of["zeros"]], value=zero)
        yield helper.make_node("QuantizeLinear", [of["given"], of["scale"], of["zeros"]], [of["integers"]], axis=0)
        yield helper.make_node("Unsqueeze", [of["scale"], self._across], [of["scales"]])
        yield helper.make_node("Shape", [tensor], [of["whole"]])
        yield helper.make_node("Slice", [of["whole"], self._first, self._last], [of["shape"]])
