"""`hf` on ONNX files: the scores of the network itself, whatever shares a batch; and what it says of bad files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings, strategies as st
from onnx import TensorProto, helper, numpy_helper

from classifiers import _onnx_hf, _torch
from classifiers._runs import in_batches
from guard import Guard, registry
from guard.classifier import Classifier
from guard.content import View
from guard.errors import RegistryError, WeightsError
from guard.finding import Finding
from tests.classifiers import models

LONG = "the tide came slowly over the flat grey sand " * 60
EVERY = ("model.onnx", "model_int8.onnx", "model_dynamic.onnx")


def loaded(**options: Any) -> Classifier[Any]:
    one = registry.create("hf", {"onnx": "model.onnx", "labels": models.LABELS, **options})
    one.load()
    return one


def dynamic() -> Path:
    """The folder of the exported model, with a third file, as `optimum` quantises: one scale for all of a batch."""
    from onnxruntime.quantization import quantize_dynamic

    place = models.root() / "exported-dynamic"
    if not place.exists():
        shutil.copytree(models.exported(), place)
        quantize_dynamic(place / "model.onnx", place / "model_dynamic.onnx", per_channel=True)
    return place


@pytest.fixture(scope="module")
def every() -> dict[str, Classifier[Any]]:
    place = dynamic()
    return {file: loaded(model=str(place), onnx=file) for file in EVERY}


@pytest.fixture(scope="module")
def tokens() -> Classifier[Any]:
    return loaded(model=str(models.exported_tokens()), labels={"NAME": "pii.person"}, task="tokens")


def judged(classifier: Classifier[Any], *texts: str) -> list[list[Finding]]:
    return classifier.classify([classifier.prepare(View.of(text)) for text in texts])


def scores(findings: list[Finding]) -> dict[str, float]:
    return {finding.category: finding.score for finding in findings}


def copied(place: Path, to: Path) -> Path:
    return Path(shutil.copytree(place, to))


def test_scores_are_those_of_the_network_on_torch(every: dict[str, Classifier[Any]]) -> None:
    own = registry.create("hf", {"model": str(models.sequences()), "labels": models.LABELS, "device": "cpu"})
    own.load()
    texts = ["it is zorblax in the sea", "hello world", LONG + "zorblax", "a", "", "zorblax " * 30]

    for found, exact, integers in zip(
        judged(own, *texts), judged(every["model.onnx"], *texts), judged(every["model_int8.onnx"], *texts), strict=True
    ):
        assert scores(exact) == pytest.approx(scores(found), abs=1e-5)
        for category in models.LABELS.values():
            assert abs(scores(integers).get(category, 0) - scores(found).get(category, 0)) < 0.02


def test_spans_are_those_of_the_network_on_torch(tokens: Classifier[Any]) -> None:
    given_ = {"labels": {"NAME": "pii.person"}, "task": "tokens"}
    own = registry.create("hf", {"model": str(models.token_folder()), "device": "cpu", **given_})
    own.load()
    integers = loaded(model=str(models.exported_tokens()), onnx="model_int8.onnx", **given_)
    text = f"hello — 你好 😀 zorblax, and zorblax zorblax {LONG} zorblax"

    (theirs,), (ours,), (fast,) = (judged(one, text) for one in (own, tokens, integers))

    assert [text[slice(*f.span)] for f in ours if f.span] == ["zorblax", "zorblax zorblax", "zorblax"]
    assert [(f.category, f.span) for f in ours] == [(f.category, f.span) for f in theirs]
    assert [(f.category, f.span) for f in fast] == [(f.category, f.span) for f in theirs]
    assert [f.score for f in ours] == pytest.approx([f.score for f in theirs], abs=1e-5)


@given(st.text(max_size=400) | st.lists(st.sampled_from(["zorblax", "the", "sea", "你", "\ud800"])).map(" ".join))
def test_texts_are_cut_into_the_runs_that_transformers_cuts(text: str) -> None:
    import transformers

    place = models.exported()
    network = models.sequence_model()
    ours = _onnx_hf.Tokens(place, _onnx_hf.configuration(place), most=None, overlap=32)
    theirs = _torch.Tokens(transformers.AutoTokenizer.from_pretrained(place), network.config, most=None, overlap=32)

    assert ours.runs(text) == theirs.runs(text)
    assert (ours.most, ours.padding) == (theirs.most, theirs.padding)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["zorblax", *models.WORDS.split()]), max_size=90).map(" ".join), min_size=2, max_size=8
    ),
    st.sampled_from(EVERY),
)
def test_no_score_depends_on_a_neighbour(every: dict[str, Classifier[Any]], texts: list[str], file: str) -> None:
    classifier = every[file]

    for text, among in zip(texts, judged(classifier, *texts), strict=True):
        (alone,) = judged(classifier, text)
        for category in models.LABELS.values():
            assert abs(scores(alone).get(category, 0) - scores(among).get(category, 0)) < 1e-4
    assert judged(classifier, *texts[::-1]) == judged(classifier, *texts)[::-1]


def test_a_file_with_one_scale_for_a_batch_would_give_other_scores_in_a_batch() -> None:
    place = dynamic()
    draw = np.random.default_rng(0)
    runs = [(2, *draw.integers(4, 100, length).tolist(), 3) for length in draw.integers(1, 60, 12)]
    apart = {}
    for file in EVERY:
        graph = _onnx_hf.Graph((place / file).read_bytes(), file, {}, tokens=False)
        alone, together = (np.array(in_batches(runs, budget, graph._run, 0)) for budget in (1, 4_000))
        apart[file] = float(np.abs(alone - together).max())
        assert graph.reads_together(runs[:3], 0) is (file != "model_dynamic.onnx")

    assert apart["model_dynamic.onnx"] > 1e-4
    assert max(apart["model.onnx"], apart["model_int8.onnx"]) < 1e-5


def test_no_part_of_a_long_text_is_left_out(every: dict[str, Classifier[Any]]) -> None:
    for classifier in every.values():
        for text in (f"zorblax {LONG}", f"{LONG}zorblax {LONG}", f"{LONG}zorblax"):
            assert scores(judged(classifier, text)[0])["toxicity"] > 0.9
        assert max(scores(judged(classifier, LONG)[0]).values(), default=0) < 0.5


def test_neither_torch_nor_transformers_is_imported() -> None:
    code = f"""
import sys
from guard import Guard, registry
from guard.content import View
options = {{"onnx": "model_int8.onnx", "labels": {models.LABELS}}}
one = registry.create("hf", {{"model": {str(models.exported())!r}, **options}})
one.load()
(found,) = one.classify([one.prepare(View.of("zorblax in the sea"))])
print(len(found), sorted({{"torch", "transformers", "onnx"}} & sys.modules.keys()))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.split("\n")[-2] == "2 []"


def test_files_in_a_folder_of_their_own_are_read_as_optimum_lays_them_out(tmp_path: Path) -> None:
    place = copied(models.exported(), tmp_path / "model")
    (place / "onnx").mkdir()
    made = onnx.load(str(place / "model.onnx"))
    onnx.save(made, str(place / "onnx" / "model.onnx"), save_as_external_data=True, location="model.onnx_data")
    (place / "model.onnx").unlink()
    data = {
        name: hashlib.sha256((place / name).read_bytes()).hexdigest()
        for name in ("onnx/model.onnx", "onnx/model.onnx_data")
    }

    pinned = loaded(model=str(place), onnx="onnx/model.onnx", sha256=data)

    whole = loaded(model=str(models.exported()))
    assert judged(pinned, "zorblax in the sea") == judged(whole, "zorblax in the sea")
    for bad, message in [
        ({"onnx/model.onnx": data["onnx/model.onnx"]}, "does not name onnx/model.onnx_data"),
        ({**data, "onnx/model.onnx_data": "00" * 32}, r"model\.onnx_data has sha256 .* pinned to 00"),
        ({**data, "onnx/model.onnx": "00" * 32}, r"model\.onnx has sha256 .* pinned to 00"),
        ({**data, "config.json": "00" * 32}, r"config\.json has sha256"),
    ]:
        with pytest.raises(WeightsError, match=message):
            loaded(model=str(place), onnx="onnx/model.onnx", sha256=bad)


@pytest.mark.parametrize("name", ["../weights.bin", "/etc/hostname", "a/../../weights.bin", "C:weights.bin", "w\0"])
def test_weights_outside_of_the_folder_are_never_read(tmp_path: Path, name: str) -> None:
    place = copied(models.exported(), tmp_path / "model")
    made = onnx.load(str(place / "model.onnx"))
    onnx.save(made, str(place / "model.onnx"), save_as_external_data=True, location="weights.bin")
    (place / "weights.bin").rename(tmp_path / "weights.bin")
    moved = onnx.load(str(place / "model.onnx"), load_external_data=False)
    for tensor in moved.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = name
    (place / "model.onnx").write_bytes(moved.SerializeToString())

    with pytest.raises(WeightsError, match=r"model\.onnx names `.*`, which does not lie in the model's folder"):
        loaded(model=str(place))
    with pytest.raises(WeightsError, match="option `onnx` names"):
        loaded(model=str(place), onnx="../model/model.onnx")
    with pytest.raises(WeightsError, match="`sha256` names"):
        loaded(model=str(place), sha256={"../x": "00" * 32})


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    place = copied(models.exported(), tmp_path / "model")
    made = onnx.load(str(place / "model.onnx"))
    onnx.save(made, str(place / "model.onnx"), save_as_external_data=True, location="weights.bin")
    (place / "weights.bin").unlink()
    os.mkfifo(place / "weights.bin")
    with pytest.raises(WeightsError, match=r"weights\.bin is no file"):
        loaded(model=str(place))


def test_a_folder_that_holds_no_such_model_says_what_it_lacks(tmp_path: Path) -> None:
    torn, other, text, bare = (copied(models.exported(), tmp_path / name) for name in ("torn", "other", "text", "bare"))
    (torn / "model.onnx").write_bytes((torn / "model.onnx").read_bytes()[:10_000])
    (other / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}}))
    (text / "model.onnx").write_text("no model")
    (bare / "tokenizer.json").unlink()

    for place, file, message in [
        (torn, "model.onnx", "torn, or no ONNX file"),
        (text, "model.onnx", "no ONNX file"),
        (other, "model.onnx", "names 3 labels, and the graph gives 2"),
        (bare, "model.onnx", "cannot be loaded"),
        (torn, "onnx/model.onnx", r"has no file onnx/model\.onnx; of ONNX files it has: model\.onnx, model_int8\.onnx"),
        (tmp_path / "nowhere", "model.onnx", "there is no folder"),
    ]:
        with pytest.raises(WeightsError, match=message):
            loaded(model=str(place), onnx=file)
    with pytest.raises(WeightsError, match=r"holds no \.safetensors, but ONNX: name it, as in `onnx: model\.onnx`"):
        loaded(model=str(torn), onnx="")
    with pytest.raises(WeightsError, match="no label `toxic`; `labels` can name LABEL_0, LABEL_1"):
        loaded(model=str(models.exported()), labels={"toxic": "toxicity"})


def test_options_that_an_onnx_file_cannot_meet_are_refused() -> None:
    for options, message in [
        ({"task": "image"}, "pictures take torch"),
        ({"device": "cuda"}, "runs on the CPU"),
        ({"dtype": "bfloat16"}, "leave `device` and `dtype` out"),
    ]:
        with pytest.raises(RegistryError, match=message):
            registry.create("hf", {"onnx": "model.onnx", **options})


def handmade(
    place: Path,
    *,
    inputs: list[Any] | None = None,
    outputs: dict[str, str] | None = None,
    nodes: list[Any] | None = None,
    weights: dict[str, Any] | None = None,
) -> Path:
    """A folder with a graph of our own: two logits, the sum and the largest of the tokens' numbers that count."""
    shape = ["texts", "tokens"]
    given_ = inputs or [
        helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")
    ]
    usual = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["seen"]),
        helper.make_node("Cast", ["seen"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["numbers", "one"], ["sum"], keepdims=1),
        helper.make_node("ReduceMax", ["numbers"], ["largest"], axes=[1], keepdims=1),
        helper.make_node("Concat", ["sum", "largest"], ["raw"], axis=1),
        helper.make_node("Mul", ["raw", "small"], ["logits"]),
    ]
    stored = {"one": np.array([1], np.int64), "small": np.array(0.01, np.float32), **(weights or {})}
    graph = helper.make_graph(
        [*usual, *(nodes or [])],
        "handmade",
        given_,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs or {"logits": ""}],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    copied(models.exported(), place)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(place / "model.onnx")
    )
    return place


def test_graphs_that_want_or_give_something_else_are_refused(tmp_path: Path) -> None:
    whole = TensorProto.INT64

    def value(name: str, kind: int = whole, shape: tuple[Any, ...] = ("texts", "tokens")) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    ids, mask = value("input_ids"), value("attention_mask")
    more = [helper.make_node("Identity", ["raw"], ["other"])]
    flat = [helper.make_node("ReduceMax", ["logits"], ["logit"], keepdims=0, axes=[0])]
    for name, made, message in [
        ("more", {"inputs": [ids, mask, value("pixels")]}, "it wants attention_mask, input_ids, pixels; what can"),
        ("fixed", {"inputs": [value("input_ids", whole, (1, 128)), mask]}, "export it with dynamic axes"),
        ("outputs", {"outputs": {"raw": "", "other": ""}, "nodes": more}, "it gives raw, other, none of which"),
        ("shape", {"outputs": {"logit": ""}, "nodes": flat}, r"answer of shape \(2,\) where \(1, 'labels'\)"),
        ("nan", {"weights": {"small": np.array(np.nan, np.float32)}}, "gave no probability"),
        ("infinite", {"weights": {"small": np.array(np.inf, np.float32)}}, "gave no probability"),
    ]:  # fmt: skip
        with pytest.raises(WeightsError, match=message):
            loaded(model=str(handmade(tmp_path / name, **made)))
    assert loaded(model=str(handmade(tmp_path / "good")))


def test_an_answer_that_is_no_number_is_a_failure_and_no_finding(tmp_path: Path) -> None:
    logs = [helper.make_node("Sub", ["million", "raw"], ["left"]), helper.make_node("Log", ["left"], ["logs"])]
    million = {"million": np.array(1e6, np.float32)}
    classifier = loaded(model=str(handmade(tmp_path / "logs", nodes=logs, outputs={"logs": ""}, weights=million)))
    good = classifier.prepare(View.of("zorblax"))
    bad = tuple(run._replace(tokens=(2_000_000,) * len(run.tokens)) for run in good)

    assert classifier.classify([good]) != [[]]
    with pytest.raises(ArithmeticError, match="no probability"):
        classifier.classify([good, bad])


def test_a_graph_whose_scores_depend_on_neighbours_is_given_one_text_at_a_time(tmp_path: Path) -> None:
    mean = [
        helper.make_node("ReduceMean", ["logits"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Add", ["logits", "mean"], ["apart"]),
    ]
    classifier = loaded(model=str(handmade(tmp_path / "mean", nodes=mean, outputs={"apart": ""})))
    texts = ["a", "zorblax", "you and we have been to the sea"]

    assert judged(classifier, *texts) == [judged(classifier, text)[0] for text in texts]
    assert not classifier.pads


def test_a_model_without_a_mask_is_given_one_text_at_a_time(tmp_path: Path) -> None:
    usual = ["input_ids"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"]) for name in usual]
    place = handmade(tmp_path / "bare", inputs=inputs, weights={"attention_mask": np.array([[1]], np.int32)})
    classifier = loaded(model=str(place))

    assert judged(classifier, "a", "zorblax and you") == [
        judged(classifier, text)[0] for text in ("a", "zorblax and you")
    ]


def test_labels_that_the_configuration_does_not_name_are_numbered(tmp_path: Path) -> None:
    place = copied(models.exported(), tmp_path / "model")
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({key: config[key] for key in config.keys() - {"id2label"}}))

    assert scores(judged(loaded(model=str(place)), "zorblax")[0]).keys() == {"toxicity", "toxicity.insult"}


def test_labels_share_one_probability_unless_the_configuration_says_otherwise(tmp_path: Path) -> None:
    place = copied(models.exported(), tmp_path / "model")
    config = json.loads((place / "config.json").read_text()) | {"problem_type": None}
    (place / "config.json").write_text(json.dumps(config))

    shared = scores(judged(loaded(model=str(place)), "zorblax")[0])
    own = scores(judged(loaded(model=str(place), independent=True), "zorblax")[0])

    assert sum(shared.values()) == pytest.approx(1.0, abs=1e-6)
    assert min(own.values()) > 0.9


@pytest.mark.parametrize("placement", ["in-process", "process"])
def test_a_policy_blocks_by_a_model_of_ones_own(tmp_path: Path, placement: Any) -> None:
    hf = {"model": str(dynamic()), "onnx": "model_dynamic.onnx", "labels": models.LABELS}
    rule = {
        "id": "no-zorblax",
        "message": {"en": "No."},
        "when": {"category": "toxicity", "at_least": 0.5},
        "then": "block",
    }
    policy = {"policy": "mine", "description": "Test.", "classifiers": {"hf": hf}, "rules": [rule]}
    (tmp_path / "mine.yaml").write_text(json.dumps(policy))

    guard = Guard(tmp_path / "mine.yaml", placement=placement)
    try:
        good, bad = guard.check("the tide came"), guard.check(f"{LONG} zorblax")
    finally:
        guard.close()

    assert (good.action, bad.action) == ("allow", "block")
    assert not good.failures
