"""classifiers.export: a checkpoint as ONNX gives the scores that it gives on torch; integers, row by row."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, helper, numpy_helper

from classifiers.export import __main__ as command, export
from classifiers.export.rows import by_rows
from guard.errors import WeightsError
from tests.classifiers import models


def product(weights: Any, kind: str = "MatMul", *nodes: Any, **set_: Any) -> Any:
    """A model of one product of ``x`` (…, rows) with *weights*, then *nodes*; its answer is ``y``."""
    inputs = ["x", "w", *(["b"] if kind == "Gemm" else [])]
    stored = {"w": weights, "b": np.arange(weights.shape[0 if set_.get("transB") else 1], dtype=np.float32)}
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, ["y"], **set_), *nodes],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in stored.items() if name in inputs],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def answer(model: Any, x: Any) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def operators(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


numbers = st.floats(-1e3, 1e3, width=32)
_SCALES_VANISH = 1e-30
"""Rows as small as 1e-38 have scales that float32 has no number for: their products are nought."""


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(48)), elements=numbers), st.integers(0, 9))
def test_a_row_of_a_product_is_near_to_the_exact_one_and_its_own_whatever_the_others(x: Any, seed: int) -> None:
    weights = np.random.default_rng(seed).normal(size=(48, 32)).astype(np.float32)
    made = by_rows(product(weights))

    found = answer(made, x)

    assert "MatMul" not in operators(made)
    farthest = np.abs(x).max(axis=1, keepdims=True) * np.abs(weights).max(axis=0) * 48 * (0.5 / 127 + 0.5 / 63 + 1e-4)
    assert (np.abs(found - x @ weights) <= farthest + _SCALES_VANISH).all()
    for row, of in zip(x, found, strict=True):
        assert answer(made, row[None]).tolist() == [of.tolist()]


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_in_a_row_is_none_in_its_product_and_in_no_other(nothing: float) -> None:
    made = by_rows(product(np.random.default_rng(2).normal(size=(48, 32)).astype(np.float32)))
    x = np.ones((3, 48), np.float32)
    x[1, 5] = nothing

    assert np.isfinite(answer(made, x)).all(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize("shape", [(1, 48), (3, 48), (2, 7, 48), (2, 3, 5, 48)])
def test_products_keep_their_shape_and_what_is_added_to_them(shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(1)
    weights, x = draw.normal(size=(48, 32)).astype(np.float32), draw.normal(size=shape).astype(np.float32)

    assert answer(by_rows(product(weights)), x) == pytest.approx(x @ weights, abs=0.5)
    if len(shape) == 2:
        made = by_rows(product(np.ascontiguousarray(weights.T), "Gemm", transB=1))
        assert answer(made, x) == pytest.approx(x @ weights + np.arange(32), abs=0.5)


def test_what_is_small_scaled_or_no_constant_matrix_stays_as_it_is() -> None:
    wide = np.ones((48, 32), np.float32)
    with pytest.raises(ValueError, match="no product with a constant matrix"):
        by_rows(product(np.ones((48, 31), np.float32)))
    with pytest.raises(ValueError, match="no product"):
        by_rows(product(wide, "Gemm", alpha=2.0))
    with pytest.raises(ValueError, match="no product"):
        by_rows(product(np.ones((2, 48, 32), np.float32)))


def test_weights_that_are_no_numbers_are_refused() -> None:
    weights = np.ones((48, 32), np.float32)
    weights[3, 3] = np.nan

    with pytest.raises(ValueError, match="`w` hold what is no number"):
        by_rows(product(weights))


def test_weights_that_a_graph_within_uses_are_kept() -> None:
    weights = np.ones((48, 32), np.float32)
    inner = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["z"])],
        "inner",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    test = helper.make_node("Constant", [], ["always"], value=numpy_helper.from_array(np.array(True)))
    branch = helper.make_node("If", ["always"], ["unused"], then_branch=inner, else_branch=inner)
    made = by_rows(product(weights, "MatMul", test, branch))

    assert answer(made, np.ones((1, 48), np.float32)) == pytest.approx(np.full((1, 32), 48.0))


def test_both_files_are_written_with_how_far_their_scores_are_off(tmp_path: Path) -> None:
    exact, integers = export(str(models.sequences()), tmp_path / "out", integers=True, texts=["zorblax", "the sea"])

    assert (exact.file.name, integers.file.name) == ("model.onnx", "model_int8.onnx")
    assert exact.texts == integers.texts > 2
    assert exact.apart < 1e-5
    assert integers.apart < 0.02
    made = onnx.load(str(integers.file))
    assert operators(made).count("MatMulIntegerToFloat") == 13  # six of each layer, and the pooler
    assert {node.op_type for node in made.graph.node if node.domain} == {"MatMulIntegerToFloat"}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "bert"
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    code = Path(shutil.copytree(models.sequences(), tmp_path / "code"))
    (code / "model.safetensors").unlink()

    for model, out, task, message in [
        (models.sequences(), tmp_path / "full", "text", "holds something already"),
        (code, tmp_path / "out", "text", r"holds no \.safetensors"),
        (models.picture_folder(), tmp_path / "out", "text", "cannot be loaded"),
    ]:
        with pytest.raises(WeightsError, match=message):
            export(str(model), out, task=task)


@pytest.mark.parametrize(
    "kind", ["Distilbert", "Roberta", "Electra", "XLMRoberta", "MPNet", "Albert", "DebertaV2", "ModernBert"]
)
def test_other_architectures_are_exported_with_their_own_scores(tmp_path: Path, kind: str) -> None:
    import torch
    import transformers

    named = {"Distilbert": "DistilBert"}.get(kind, kind)
    torch.manual_seed(0)
    cut = models.tokenizer()
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    if named == "DistilBert":
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    if named == "Albert":
        sizes["embedding_size"] = 32
    if named == "ModernBert":
        sizes |= {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    config = getattr(transformers, f"{named}Config")(
        vocab_size=len(cut), max_position_embeddings=66, pad_token_id=0, num_labels=3, initializer_range=0.3, **sizes
    )
    place = tmp_path / "model"
    getattr(transformers, f"{named}ForSequenceClassification")(config).save_pretrained(place)
    cut.save_pretrained(place)

    exact, integers = export(str(place), tmp_path / "out", integers=True)

    assert exact.apart < 1e-5
    assert integers.apart < 0.1


def test_the_command_says_what_it_wrote_or_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given_ = ["export", str(models.token_folder()), str(tmp_path / "out"), "--task", "tokens", "--int8"]
    monkeypatch.setattr(sys, "argv", given_)

    assert (command.main(), command.main()) == (0, 2)
    said = capsys.readouterr()
    assert f"{tmp_path}/out/model.onnx: scores of 6 texts within " in said.out
    assert f"{tmp_path}/out/model_int8.onnx: scores of 6 texts within " in said.out
    assert "holds something already" in said.err
