"""Makes ``nsfw_quick.onnx``: open_nsfw in integers of 8 bits. ``python -m classifiers.weights.quantise_nsfw FOLDER``.

FOLDER holds pictures (the model card names those that were used); every third one sets the ranges, and what
`nsfw_climb` makes of some. Needs ``guard-gateway[train-text]`` (onnx, torch) and some minutes.

- **Input** is the frame's own bytes, a border of the mean colour around it, in cells of 2 x 2 pixels: the first
  convolution reads integers as they are, and 12 of them in a row.
- **Equalised**: where a ReLU stands between two layers a channel may be multiplied before and divided after; so every
  channel of a tensor fills its range (Nagel et al. 2019, https://arxiv.org/abs/1906.04721). Exact in floats.
- **Weights** have a scale per output channel, and 7 bits: with 8 the AVX2 instruction that adds two products saturates,
  and machines would disagree. Activations have a scale per tensor, the one of least squared error.
- Pooling, the last layer and the softmax stay floats.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers import _onnx
from classifiers.nsfw import MEAN_RGB, SHA256, SIDE, cells, model_path
from classifiers.weights.nsfw_climb import climbed
from classifiers.weights.nsfw_frames import frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WEIGHTS = Path(__file__).parent
_FRAMES, _CLIMBS = 240, 48
_LEVELS = 63
"""Weights are from minus to plus this."""
_SAMPLES = 1000
_ELEMENTWISE = frozenset({"Relu", "MaxPool", "Add", "AveragePool", "Reshape"})
_CELLS = SIDE // 2 + 3


class Network:
    """The published network: its nodes, and its weights, which `equalise` changes. Convolutions take RGB, in floats."""

    def __init__(self) -> None:
        import onnx
        from onnx import numpy_helper

        graph = onnx.load_from_string(_onnx.pinned(model_path(), SHA256)).graph
        self.arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self.nodes: list[Any] = list(graph.node)[1:]  # without the first, a transposition
        self.output = graph.output[0].name
        self.convolutions = [node for node in self.nodes if node.op_type == "Conv"]
        self.first = self.convolutions[0]
        last = next(place for place, node in enumerate(self.nodes) if node.op_type == "AveragePool")
        self.tail = self.nodes[last:]
        weight = self.arrays[self.first.input[1]]
        self.arrays[self.first.input[1]] = np.ascontiguousarray(weight[:, ::-1])

    @property
    def tensors(self) -> list[str]:
        """Names of what lies between layers, before the tail."""
        return [node.output[0] for node in self.nodes if node not in self.tail]

    def same_channels(self) -> dict[str, str]:
        """For each tensor a name that those share whose channels can only be multiplied together."""
        above: dict[str, str] = {}

        def root(name: str) -> str:
            while above.setdefault(name, name) != name:
                name = above[name]
            return name

        for node in self.nodes:
            for name in node.input:
                if node.op_type in _ELEMENTWISE and name not in self.arrays:
                    above[root(name)] = root(node.output[0])
        return {name: root(name) for name in list(above) + self.tensors}


def attribute(node: Any, name: str, default: Sequence[int] = ()) -> list[int]:
    """The integers of an attribute."""
    return next((list(one.ints) for one in node.attribute if one.name == name), list(default))


class Ranges:
    """What every tensor's channels reach on *items*, and a sample of each tensor."""

    def __init__(self, network: Network, items: Sequence[NDArray[np.uint8]]) -> None:
        run = _session(_float_model(network))
        names = network.tensors
        chance = np.random.default_rng(0)
        self.low: dict[str, Floats] = {}
        self.high: dict[str, Floats] = {}
        samples: dict[str, list[Floats]] = defaultdict(list)
        for item in items:
            for name, value in zip(names, run.run(names, {"cells": item}), strict=True):
                channels = value[0].reshape(value.shape[1], -1)
                self.low[name] = np.minimum(self.low.get(name, np.inf), channels.min(axis=1))
                self.high[name] = np.maximum(self.high.get(name, -np.inf), channels.max(axis=1))
                samples[name].append(chance.choice(channels.ravel(), _SAMPLES))
        self.samples = {name: np.concatenate(parts) for name, parts in samples.items()}

    def scale(self, name: str) -> tuple[np.float32, np.uint8]:
        """Scale and zero point of least squared error, from half of the range to all of it."""
        sample = self.samples[name]
        low, high = min(0.0, float(self.low[name].min())), float(self.high[name].max())
        found = (np.inf, 0.0, 0)
        for share in np.linspace(0.5, 1.0, 21):
            scale = max((high - low) * share / 255, 1e-9)
            zero = round(-low * share / scale)
            back = (np.clip(np.round(sample / scale) + zero, 0, 255) - zero) * scale
            found = min(found, (float(((back - sample) ** 2).mean()), scale, zero))
        return np.float32(found[1]), np.uint8(found[2])


def equalise(network: Network, ranges: Ranges) -> None:
    """Multiply channels so that each fills the range of its tensor, as far as the weights after it allow."""
    same, arrays = network.same_channels(), network.arrays
    inner = {node.input[0] for node in network.nodes if node.op_type == "Relu"}  # never written as bytes
    for group in sorted(set(same.values())):
        members = [name for name in ranges.high if same[name] == group and name not in inner]
        before = [node for node in network.convolutions if same[node.output[0]] == group]
        after = [node for node in network.convolutions if same.get(node.input[0]) == group]
        last = [node for node in network.tail if node.op_type == "MatMul" and same.get(node.input[0]) == group]
        if not before:
            continue
        reach = np.max([np.maximum(ranges.high[name], -ranges.low[name]) for name in members], axis=0)
        share = np.ones_like(reach)
        if after:
            rows = [np.abs(arrays[node.input[1]]) for node in after]
            share = np.max([(row / row.max(axis=(1, 2, 3), keepdims=True)).max(axis=(0, 2, 3)) for row in rows], axis=0)
        factor = np.sqrt(np.maximum(reach, reach.max() * 1e-3) / np.maximum(share, 1e-3))
        factor = np.clip(factor / np.exp(np.log(factor).mean()), 1 / 32, 32)
        for node in before:
            arrays[node.input[1]] = arrays[node.input[1]] / factor[:, None, None, None]
            arrays[node.input[2]] = arrays[node.input[2]] / factor
        for node in after:
            arrays[node.input[1]] = arrays[node.input[1]] * factor[None, :, None, None]
        for node in last:
            arrays[node.input[1]] = arrays[node.input[1]] * factor[:, None]


def on_cells(weight: Floats) -> Floats:
    """The first convolution's *weight*, 7 x 7 in steps of 2, as 4 x 4 on cells, whose channels are y, x, colour."""
    wide = np.pad(weight, ((0, 0), (0, 0), (0, 1), (0, 1)))
    outputs = len(wide)
    split = wide.reshape(outputs, 3, 4, 2, 4, 2).transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(split).reshape(outputs, 12, 4, 4)


class _Graph:
    """Nodes and arrays of a new file."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.arrays: dict[str, NDArray[Any]] = {}

    def array(self, name: str, value: NDArray[Any]) -> str:
        self.arrays[name] = value
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def convolution(self, node: Any, inputs: Sequence[str], output: str, *, first: bool) -> str:
        """Like *node*, but that the first one goes over cells."""
        if first:
            return self.node("Conv", inputs, output, kernel_shape=[4, 4])
        shape = {name: attribute(node, name, default) for name, default in (("pads", [0] * 4), ("strides", [1, 1]))}
        return self.node("Conv", inputs, output, kernel_shape=attribute(node, "kernel_shape"), **shape)

    def copy(self, network: Network, node: Any, inputs: Sequence[str], output: str) -> str:
        import onnx

        for name in inputs:
            if name in network.arrays:
                value = network.arrays[name]
                self.array(name, value.astype(np.float32) if value.dtype.kind == "f" else value)
        same = onnx.NodeProto()
        same.CopyFrom(node)
        same.input[:], same.output[:] = list(inputs), [output]
        self.nodes.append(same)
        return output

    def model(self, output: str, also: Sequence[str] = ()) -> Any:
        from onnx import TensorProto, checker, helper, numpy_helper

        entry = helper.make_tensor_value_info("cells", TensorProto.UINT8, [1, _CELLS, _CELLS, 12])
        exits = [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, 2])]
        exits += [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in also]
        arrays = [numpy_helper.from_array(value, name) for name, value in self.arrays.items()]
        graph = helper.make_graph(self.nodes, "open_nsfw", [entry], exits, arrays)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        if not also:  # the shapes of those are not written down
            checker.check_model(model)
        return model


def _float_model(network: Network) -> Any:
    """The network on cells, with everything between its layers as outputs."""
    from onnx import TensorProto

    graph = _Graph()
    numbers = graph.node("Cast", ["cells"], "numbers", to=TensorProto.FLOAT)
    entry = graph.node("Transpose", [numbers], "entry", perm=[0, 3, 1, 2])
    for node in network.nodes:
        first = node is network.first
        if node.op_type != "Conv":
            graph.copy(network, node, node.input, node.output[0])
            continue
        weight, bias = (network.arrays[name].astype(np.float64) for name in node.input[1:])
        if first:
            bias = bias - np.einsum("ocyx,c->o", weight, np.array(MEAN_RGB, dtype=np.float64))
            weight = on_cells(weight)
        names = [
            graph.array(name, value.astype(np.float32))
            for name, value in zip(node.input[1:], (weight, bias), strict=True)
        ]
        graph.convolution(node, [entry if first else node.input[0], *names], node.output[0], first=first)
    return graph.model(network.output, network.tensors)


class _Quantised(_Graph):
    """The network with a quantised tensor between all of its layers, in the form that runtimes fuse (QDQ)."""

    def __init__(self, network: Network, ranges: Ranges) -> None:
        super().__init__()
        self._network, self._ranges = network, ranges
        self._relu = {node.input[0]: node.output[0] for node in network.nodes if node.op_type == "Relu"}
        self._scales: dict[str, tuple[np.float32, np.uint8]] = {}
        entry = self.node("Transpose", ["cells"], "turned", perm=[0, 3, 1, 2])
        current = {"entry": self._read(entry, "entry", (np.float32(1), np.uint8(0)))}
        for node in network.nodes:
            inputs, output = [current.get(name, name) for name in node.input], node.output[0]
            if node in network.tail:
                current[output] = self.copy(network, node, inputs, output)
            elif node.op_type == "Conv":
                inputs = ["entry", *inputs[1:]] if node is network.first else inputs
                current[output] = self._written(self._convolved(node, inputs), output)
            elif node.op_type == "Relu":
                current[output] = inputs[0]  # its range begins at nought
            elif node.op_type == "Add":
                current[output] = self._written(self.node("Add", inputs, f"{output}_sum"), output)
            else:
                value = self.copy(network, node, inputs, f"{output}_pooled")
                current[output] = self._written(value, output, self._scales[inputs[0]])

    def _read(self, value: str, name: str, scale: tuple[np.float32, np.uint8]) -> str:
        """Bytes as floats."""
        self._scales[name] = scale
        parts = [
            self.array(f"{name}_{kind}", np.array(one)) for kind, one in zip(("scale", "zero"), scale, strict=True)
        ]
        return self.node("DequantizeLinear", [value, *parts], name)

    def _written(self, value: str, name: str, scale: tuple[np.float32, np.uint8] | None = None) -> str:
        """Floats as bytes and back."""
        scale = scale or self._ranges.scale(self._relu.get(name, name))
        read = f"{name}_read"
        parts = [
            self.array(f"{read}_{kind}", np.array(one)) for kind, one in zip(("scale", "zero"), scale, strict=True)
        ]
        return self._read(self.node("QuantizeLinear", [value, *parts], f"{name}_bytes"), read, scale)

    def _convolved(self, node: Any, inputs: Sequence[str]) -> str:
        weight, bias = (self._network.arrays[name].astype(np.float64) for name in node.input[1:])
        steps = np.maximum(np.abs(weight).max(axis=(1, 2, 3)) / _LEVELS, 1e-12).astype(np.float32)
        whole = np.clip(np.round(weight / steps[:, None, None, None]), -_LEVELS, _LEVELS)
        first = node is self._network.first
        if first:
            # The border is the mean colour; what the layer makes of that belongs to the bias, exactly.
            mean = np.array(MEAN_RGB, dtype=np.float64)
            bias = bias - np.einsum("ocyx,c->o", whole * steps[:, None, None, None], mean)
            whole = on_cells(whole)
        output = node.output[0]
        step = steps * self._scales[inputs[0]][0]
        names = [
            self._constant(f"{output}_weight", whole.astype(np.int8), steps),
            self._constant(f"{output}_bias", np.round(bias / step).astype(np.int32), step),
        ]
        return self.convolution(node, [inputs[0], *names], f"{output}_float", first=first)

    def _constant(self, name: str, value: NDArray[Any], steps: NDArray[np.float32]) -> str:
        zeros = np.zeros(len(steps), dtype=value.dtype)
        parts = [self.array(f"{name}_bytes", value), self.array(f"{name}_scale", steps)]
        return self.node("DequantizeLinear", [*parts, self.array(f"{name}_zero", zeros)], name, axis=0)


def _session(model: Any) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def quantise(items: Sequence[NDArray[np.uint8]]) -> bytes:
    """The file, its ranges set by *items*, each of the shape that `classifiers.nsfw.cells` gives."""
    network = Network()
    equalise(network, Ranges(network, items))
    graph = _Quantised(network, Ranges(network, items))
    data: bytes = graph.model(network.output).SerializeToString()
    return data


def calibration(folder: Path) -> list[NDArray[np.uint8]]:
    """Frames of every third picture of *folder*, evenly over all of them, and what is made of some."""
    found = [frame for number, _, frame in frames(folder) if number % 3 == 0]
    made = climbed(Network(), _some(found, _CLIMBS))
    return [cells(frame) for frame in [*_some(found, _FRAMES), *_some(made, _FRAMES // 3)]]


def _some(found: Sequence[NDArray[np.uint8]], count: int) -> Sequence[NDArray[np.uint8]]:
    return found[:: max(1, len(found) // count)][:count]


def main() -> None:
    """Quantise, and print what to pin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    data = quantise(calibration(parser.parse_args().folder))
    (WEIGHTS / "nsfw_quick.onnx").write_bytes(data)
    print(f"{hashlib.sha256(data).hexdigest()}  nsfw_quick.onnx  {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
