"""A small real model that pads: layers of attention in one ONNX graph, with weights drawn once from a seed.

It says nothing about texts. It does what batching is about: a call costs something however small it is, here the many
small layers, and the items of a batch are filled up to the longest. Padding is masked, so that scores depend on no
neighbour; the runtime is that of the bundled models, on one thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from guard.classifier import Classifier, Readable, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _LAYERS, _WORDS = 16, 96, 4096
_MASKED = -1e9


def graph() -> bytes:
    """The model: numbers, shown (1 or 0) -> one score for each row."""
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(7)
    nodes: list[Any] = []
    weights: list[Any] = []

    def weight(name: str, *shape: int, scale: float = 1.0) -> str:
        values = draw.standard_normal(shape) * scale / _WIDTH**0.5
        weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def constant(name: str, value: Any, kind: Any = np.float32) -> str:
        weights.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def node(operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    one, masked, scale = constant("one", 1), constant("masked", _MASKED), constant("scale", _WIDTH**-0.5)
    middle, last = constant("middle", [1], np.int64), constant("last", [2], np.int64)
    mask = node("Mul", node("Sub", one, node("Unsqueeze", "shown", middle)), masked)
    x = node("Gather", weight("words", _WORDS, _WIDTH, scale=8.0), "numbers")
    for layer in range(_LAYERS):
        query, key, value = (node("MatMul", x, weight(f"{part}{layer}", _WIDTH, _WIDTH)) for part in "qkv")
        near = node("Mul", node("MatMul", query, node("Transpose", key, perm=[0, 2, 1])), scale)
        seen = node("MatMul", node("Softmax", node("Add", near, mask), axis=-1), value)
        x = node("Add", x, node("Tanh", node("MatMul", seen, weight(f"o{layer}", _WIDTH, _WIDTH))))
    along = node("Unsqueeze", "shown", last)
    total = node("ReduceSum", node("Mul", x, along), middle, keepdims=0)
    mean = node("Div", total, node("ReduceSum", along, middle, keepdims=0))
    nodes.append(helper.make_node("Sigmoid", [node("MatMul", mean, weight("head", _WIDTH, 1))], ["scores"]))
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.INT64, ["count", "length"]),
        helper.make_tensor_value_info("shown", TensorProto.FLOAT, ["count", "length"]),
    ]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["count", 1])]
    made = helper.make_graph(nodes, "padded", inputs, outputs, weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    encoded: bytes = model.SerializeToString()
    return encoded


class Padded(Classifier[tuple[int, ...]]):
    """Items are numbers of words; cost is how many, and as many pairs as attention takes the time of a word for."""

    categories = frozenset({"custom.score"})
    batch_cost = 256
    largest_batch = 8192
    pads = True
    window = None

    def load(self) -> None:
        """Make the model."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph(), options, providers=["CPUExecutionProvider"])

    def prepare(self, part: Readable) -> tuple[int, ...]:
        """A number for each word."""
        if not isinstance(part, View):
            raise Unreadable("no text")
        return tuple(sum(map(ord, word)) % _WORDS for word in part.text.split()) or (1,)

    def cost(self, item: tuple[int, ...]) -> int:
        """Its words, and their pairs."""
        return len(item) + len(item) ** 2 // 64

    def classify(self, items: Sequence[tuple[int, ...]]) -> list[list[Finding]]:
        """The score of each item."""
        if not items:
            return []
        longest = max(map(len, items))
        numbers = np.zeros((len(items), longest), np.int64)
        shown = np.zeros((len(items), longest), np.float32)
        for row, item in enumerate(items):
            numbers[row, : len(item)] = item
            shown[row, : len(item)] = 1
        (scores,) = self._session.run(None, {"numbers": numbers, "shown": shown})
        return [[Finding("custom.score", float(score))] for (score,) in scores]


class Timed(Classifier[int]):
    """A model of known pace that needs no processor, as an accelerator needs none of this machine's.

    It waits as long as a small encoder was measured to take for a text, one after the other. What else the machine
    does changes little of it: what differs is the queue.
    """

    categories = frozenset({"custom.score"})
    batch_cost = 16
    window = None
    _EACH_S, _FIXED_S = 0.000_186, 0.000_65

    def prepare(self, part: Readable) -> int:
        """Its pieces, about: four for three words."""
        if not isinstance(part, View):
            raise Unreadable("no text")
        return max(1, len(part.text.split()) * 4 // 3)

    def cost(self, item: int) -> int:
        """Its pieces, and four for what each text costs besides."""
        return item + 4

    def classify(self, items: Sequence[int]) -> list[list[Finding]]:
        """Nothing new, in due time."""
        time.sleep(sum(self._FIXED_S + self._EACH_S * item for item in items))
        return [[Finding("custom.score", 0.5)] for _ in items]
