"""Writes a trained encoder as ONNX, int8, node by node, and calibrates it.

``python -m classifiers.weights.text_export --base base.npz --rows rows.jsonl --run run --data DIR --out text.onnx``

Not by an exporter: one that traces a model has been seen to write another one without an error. What is written here
is the arithmetic of ``text_net``, and `parity` runs both on the same texts.

Matrices are int8 with a scale per column and 7 bits used, so that kernels that add two products in 16 bits cannot
overflow and every machine computes the same; activations are quantised as they come, with one scale for the text.
That is why the classifier runs one text at a time: in a batch, the scale would depend on the neighbours.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from classifiers._encoder import FORMAT, Encoder
from classifiers.weights import text_rows
from classifiers.weights.corpora import read_csv
from classifiers.weights.text_net import EPSILON
from classifiers.weights.text_rows import CALIBRATION_FOLD, HEADS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.float32]]

_LEVELS = 63
_EMBEDDING_LEVELS = 127
_APART = 0.02
_BULK = ("cold", "davidson", "toxic_spans", "stormfront", "swsr")


class Graph:
    """Nodes and constants as they are added; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def constant(self, value: NDArray[Any]) -> str:
        """A constant of the graph."""
        self._count += 1
        name = f"c{self._count}"
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        """What an operator makes: one name, or a list of *outputs* names."""
        self._count += 1
        names = [f"t{self._count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x: Any, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Any:
        """``x @ weight.T + bias`` in int8; *x* is what `quantised` made."""
        values, scale, zero = x
        columns = np.maximum(np.abs(weight).max(axis=1), 1e-8) / _LEVELS
        matrix = np.round(weight / columns[:, None]).astype(np.int8).T
        product = self.node(
            "MatMulInteger", values, self.constant(matrix), zero, self.constant(np.zeros(matrix.shape[1], np.int8))
        )
        scales = self.node("Mul", scale, self.constant(columns.astype(np.float32)))
        return self.node(
            "Add", self.node("Mul", self.node("Cast", product, to=TensorProto.FLOAT), scales), self.constant(bias)
        )

    def quantised(self, x: str) -> Any:
        """*x* in 8 bits, with the one scale and zero point that all of it has."""
        return self.node("DynamicQuantizeLinear", x, outputs=3)

    def norm(self, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32], epsilon: float) -> Any:
        """Layer norm over the last axis."""
        return self.node("LayerNormalization", x, self.constant(weight), self.constant(bias), axis=-1, epsilon=epsilon)

    def attention(self, x: str, layer: Arrays, heads: int) -> Any:
        """Attention of all pieces to all pieces: one text has no padding, so nothing is masked."""
        qkv = self.linear(self.quantised(x), layer["qkv.weight"], layer["qkv.bias"])
        width = layer["out.weight"].shape[0]
        q, k, v = self.node("Split", qkv, self.constant(np.array([width] * 3)), outputs=3, axis=-1)
        read = self.node("MultiHeadAttention", q, k, v, domain="com.microsoft", num_heads=heads)
        return self.linear(self.quantised(read), layer["out.weight"], layer["out.bias"])


def _encoded(graph: Graph, weights: Arrays, layers: int, attention: int, epsilon: float) -> list[str]:
    """What goes into the first of the lower *layers*, and what comes out of each."""
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
    found = [x]
    for number in range(layers):
        layer = {
            name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"layers.{number}.")
        }
        read = graph.attention(x, layer, attention)
        x = graph.norm(graph.node("Add", x, read), layer["norm.weight"], layer["norm.bias"], epsilon)
        up = graph.linear(graph.quantised(x), layer["up.weight"], layer["up.bias"])
        active = graph.node("Gelu", up, domain="com.microsoft")
        down = graph.linear(graph.quantised(active), layer["down.weight"], layer["down.bias"])
        x = graph.norm(graph.node("Add", x, down), layer["last.weight"], layer["last.bias"], epsilon)
        found.append(x)
    return found


def below(weights: Arrays, layers: int, attention: int = 12, epsilon: float = EPSILON) -> onnx.ModelProto:
    """The lower *layers* alone: ``pieces`` (1, n) int32 in, ``vectors`` (1, n, width) out."""
    graph = Graph()
    x = _encoded(graph, weights, layers, attention, epsilon)[-1]
    graph.nodes.append(helper.make_node("Identity", [x], ["vectors"]))
    return _model(graph, {"vectors": [1, "n", weights["word.weight"].shape[1]]})


def averaging(weights: Arrays, attention: int = 12, epsilon: float = EPSILON) -> onnx.ModelProto:
    """The encoder without heads: ``pieces`` (1, n) int32 in, ``means`` (1, 2 * width) out, as `Net.means` has them."""
    graph = Graph()
    layers = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
    means = _means(graph, _encoded(graph, weights, layers, attention, epsilon))
    graph.nodes.append(helper.make_node("Identity", [means], ["means"]))
    return _model(graph, {"means": [1, 2 * weights["word.weight"].shape[1]]})


def _means(graph: Graph, encoded: list[str]) -> Any:
    """The mean over the pieces at the middle layer, then at the last; *encoded* is what `_encoded` gave."""
    middle = encoded[(len(encoded) - 1) // 2 + 1]
    both = (graph.node("ReduceMean", x, graph.constant(np.array([1])), keepdims=0) for x in (middle, encoded[-1]))
    return graph.node("Concat", *both, axis=1)


def build(weights: Arrays, attention: int = 12, epsilon: float = EPSILON) -> onnx.ModelProto:
    """The graph: ``pieces`` (1, n) int32 in; ``scores`` (1, heads) and ``meaning`` (1, width), of length one, out."""
    graph = Graph()
    layers = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
    encoded = _encoded(graph, weights, layers, attention, epsilon)
    logits = _looked(graph, weights, encoded[-1])
    meaning = graph.node("Gemm", _means(graph, encoded), *_pair(graph, weights, "meaning"), transB=1)
    meaning = graph.node("LpNormalization", meaning, axis=1, p=2)
    outputs = ((graph.node("Sigmoid", logits), "scores"), (meaning, "meaning"))
    graph.nodes += [helper.make_node("Identity", [a], [b]) for a, b in outputs]
    return _model(
        graph, {"scores": [1, weights["heads.bias"].shape[0]], "meaning": [1, weights["word.weight"].shape[1]]}
    )


def _model(graph: Graph, outputs: dict[str, list[Any]]) -> onnx.ModelProto:
    """*graph* as a model that gives *outputs* of these shapes."""
    made = helper.make_graph(
        graph.nodes,
        "text",
        [helper.make_tensor_value_info("pieces", TensorProto.INT32, [1, "n"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=9, producer_name="guard")
    onnx.checker.check_model(model)
    return model


def _looked(graph: Graph, weights: Arrays, x: str) -> Any:
    """``(1, heads)`` log-odds: the mean of the pieces' by each head's own weights."""
    of_piece, of_first = np.split(weights["hidden.weight"], 2, axis=1)
    first = graph.node("Gather", x, graph.constant(np.array(0)), axis=1)
    beside = graph.node("Gemm", first, graph.constant(of_first), transB=1)
    each = graph.node("Add", graph.linear(graph.quantised(x), of_piece, weights["hidden.bias"]), beside)
    hidden = graph.node("Squeeze", graph.node("Gelu", each, domain="com.microsoft"), graph.constant(np.array([0])))
    odds, looks = (graph.node("Gemm", hidden, *_pair(graph, weights, name), transB=1) for name in ("heads", "look"))
    share = graph.node("Softmax", looks, axis=0)
    return graph.node("ReduceSum", graph.node("Mul", share, odds), graph.constant(np.array([0])), keepdims=1)


def _pair(graph: Graph, weights: Arrays, name: str) -> tuple[str, str]:
    return graph.constant(weights[f"{name}.weight"]), graph.constant(weights[f"{name}.bias"])


def parity(weights: Arrays, encoder: Encoder, texts: list[str]) -> None:
    """Hold the graph against ``text_net`` in float32: int8 may cost a little, another model would cost much.

    Raises:
        SystemExit: the scores are further apart than quantising explains.
    """
    import torch

    from classifiers.weights.text_net import Net

    shape = {name: torch.from_numpy(value) for name, value in weights.items() if not name.startswith("meaning")}
    layers = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
    net = Net(len(weights["word.weight"]), layers, len(HEADS))
    net.load_state_dict(shape)
    net.eval()
    apart = []
    for text in texts:
        for run in encoder.item(text):
            numbers = torch.tensor([run])
            with torch.no_grad():
                exact = net(numbers, torch.ones(numbers.shape)).sigmoid()[0].numpy()
            apart.append(np.abs(exact - encoder.run(run)[0]).mean())
    print(f"parity: {len(apart)} runs, scores {np.mean(apart):.4f} apart in the mean, {np.max(apart):.4f} at most")
    if np.mean(apart) > _APART:
        msg = "the exported graph is not the trained model"
        raise SystemExit(msg)


PRIORS = {
    "toxicity": 0.25, "toxicity.severe": 0.05, "toxicity.insult": 0.2, "toxicity.threat": 0.1, "toxicity.obscene": 0.2,
    "hate": 0.2, "harassment": 0.1, "sexual": 0.1, "self_harm": 0.1, "self_harm.intent": 0.05,
    "self_harm.instructions": 0.05, "violence": 0.1, "violence.graphic": 0.05, "illicit": 0.03, "illicit.violent": 0.05,
    "prompt_attack.injection": 0.01, "prompt_attack.jailbreak": 0.01, "prompt_attack.leak": 0.02,
}  # fmt: skip
"""The share of cases that a calibrated score presumes: training sets have far more of them than traffic has."""
_FEWEST = 20
"""Cases that calibrating a head takes; one with fewer keeps its log-odds and only gets its prior."""


def described(model: onnx.ModelProto, base: Any, topics: tuple[float, float]) -> onnx.ModelProto:
    """*model* with the metadata that `Encoder` reads."""
    values = {
        "format": FORMAT,
        "heads": json.dumps(HEADS),
        "pieces": "\n".join(base["pieces"].tolist()),
        "scores": base64.b64encode(base["scores"].astype("<f4").tobytes()).decode(),
        "topics": json.dumps(topics),
    }
    helper.set_model_props(model, values)
    return model


def session(model: onnx.ModelProto) -> Any:
    """A session as the classifier has it: one thread, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def opened(model: onnx.ModelProto) -> Encoder:
    """The encoder as the classifier will run it."""
    return Encoder(session(model))


def log_odds(encoder: Encoder, texts: list[str]) -> NDArray[np.float64]:
    """The highest log-odds of each head over the runs of each text, ``(texts, heads)``."""
    found = np.full((len(texts), len(HEADS)), -20.0)
    for number, text in enumerate(texts):
        for run in encoder.item(text):
            scores = encoder.run(run)[0].astype(np.float64).clip(1e-9, 1 - 1e-9)
            found[number] = np.maximum(found[number], np.log(scores / (1 - scores)))
    return found


def platt(odds: NDArray[np.float64], labels: NDArray[Any], weights: NDArray[Any], prior: float) -> tuple[float, float]:
    """Slope and offset that make *odds* true where *prior* of the texts are cases (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    x = np.concatenate([odds, odds])[:, None]
    y = np.repeat([1, 0], len(odds))
    mass = np.concatenate([labels * weights, (1 - labels) * weights])
    known = mass > 0
    x, y, mass = x[known], y[known], mass[known]
    cases = mass[y == 1].sum()
    if cases < _FEWEST:
        return 1.0, min(0.0, float(np.log(prior / (1 - prior)) - np.log(max(cases, 1.0) / (mass.sum() - cases))))
    mass = np.where(y == 1, mass * prior / cases, mass * (1 - prior) / (mass.sum() - cases)) * len(mass)
    model = LogisticRegression(C=100.0, max_iter=1000).fit(x, y, sample_weight=mass)
    return round(float(model.coef_[0, 0]), 3), round(float(model.intercept_[0]), 3)


def calibrated(weights: Arrays, encoder: Encoder, rows: list[text_rows.Row]) -> Arrays:
    """*weights* with what calibrates each head folded into it.

    *rows* are those held back for that; ours are read alone and between harmless ones, as much text is.
    """
    rows = [row for row in rows if len(row.text) <= 480] + text_rows.drowned(rows)["drowned"]
    labels, masses = text_rows.arrays(rows)
    odds = log_odds(encoder, [row.text for row in rows])
    found = dict(weights)
    found["heads.weight"], found["heads.bias"] = weights["heads.weight"].copy(), weights["heads.bias"].copy()
    for number, head in enumerate(HEADS):
        slope, offset = platt(odds[:, number], labels[:, number], masses[:, number], PRIORS[head])
        found["heads.weight"][number] *= slope
        found["heads.bias"][number] = found["heads.bias"][number] * slope + offset
        cases = int((labels[:, number] > 0.5)[masses[:, number] > 0].sum())
        print(f"{head}: slope {slope}, offset {offset:.3f}, from {cases} cases")
    return found


def topics(encoder: Encoder, data: Path) -> tuple[float, float]:
    """Slope and offset that turn the cosine to the nearest of a topic's examples into a probability.

    Five questions of each subcategory of catqa stand for a topic, in one language or in both; the others of it are the
    cases, those of other categories and ordinary requests are not.
    """
    by: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for language in ("en", "zh"):
        for row in read_csv(data / f"catqa/{language}.csv"):
            by[row["category"], row["subcategory"]].append((language, row["text"]))
    ordinary = [row["text"] for row in read_csv(data / "benign_prompts/prompts.csv") if len(row["text"]) < 200][::4]
    vector = {text: _meaning(encoder, text) for pairs in by.values() for _, text in pairs}
    plain = np.stack([_meaning(encoder, text) for text in ordinary])
    cosines, cases = [], []
    for (category, subcategory), pairs in sorted(by.items()):
        examples = np.stack([vector[text] for language, text in pairs if language == "en"][:5])
        for (other, name), texts in by.items():
            if other == category and name != subcategory:
                continue  # neither the topic nor clearly another one
            for _, text in texts if name != subcategory else [p for p in pairs if p[0] == "zh"] + pairs[5:10]:
                cosines.append(float((examples @ vector[text]).max()))
                cases.append(name == subcategory)
        cosines += (examples @ plain.T).max(0).tolist()
        cases += [False] * len(plain)
    x, y = np.array(cosines), np.array(cases, float)
    slope, offset = platt(x * 10, y, np.ones_like(y), 0.3)
    near = 1 / (1 + np.exp(-(slope * x * 10 + offset)))
    for threshold in (0.3, 0.5, 0.8):
        recall, wrong = (near[y == 1] >= threshold).mean(), (near[y == 0] >= threshold).mean()
        print(f"topics at {threshold}: recall {recall:.3f}, wrong {wrong:.4f}")
    return slope * 10, offset


def _meaning(encoder: Encoder, text: str) -> NDArray[np.float32]:
    return encoder.vector(text)


def main() -> None:
    """Read the command line, calibrate and write the file."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_export", description=__doc__)
    for name in ("base", "rows", "run", "data", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--bulk", type=float, default=1.0, help="share of the rows of the large sets that calibrate")
    options = parser.parse_args()
    base = np.load(options.base, allow_pickle=False)
    with np.load(options.run / "average.npz", allow_pickle=False) as stored:
        weights = {name: stored[name] for name in stored.files}
    rows = [row for row in text_rows.load(options.rows) if row.fold == CALIBRATION_FOLD]
    draw = random.Random(0)
    rows = [row for row in rows if row.source not in _BULK or draw.random() < options.bulk]
    encoder = opened(described(build(weights), base, (1.0, 0.0)))
    parity(weights, encoder, [row.text for row in rows[::50]])
    weights = calibrated(weights, encoder, rows)
    model = described(build(weights), base, topics(encoder, options.data))
    data = model.SerializeToString()
    options.out.write_bytes(data)
    print(f"{options.out.name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
