"""What an ONNX file says of itself: its operators and the files that it refers to, wherever in it they are named."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    StringStringEntryProto,
    TensorProto,
    TrainingInfoProto,
    helper,
    numpy_helper,
)

from classifiers import _onnx
from classifiers._onnx_file import _INSIDE, outline
from guard.errors import WeightsError


def stored(name: str, place: str = "") -> TensorProto:
    tensor = numpy_helper.from_array(np.ones(3, np.float32), name)
    if place:
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", place), ("offset", "0"), ("length", "12")):
            tensor.external_data.append(StringStringEntryProto(key=key, value=value))
        tensor.ClearField("raw_data")
    return tensor


def model(*nodes: NodeProto, weights: tuple[Any, ...] = ()) -> ModelProto:
    number = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
    graph = helper.make_graph(list(nodes), "test", [number], [number], list(weights))
    return helper.make_model(graph)


def test_files_are_found_wherever_a_tensor_can_stand():
    inner = helper.make_graph([helper.make_node("Floor", ["x"], ["y"])], "inner", [], [], [stored("b", "branch.bin")])
    made = model(
        helper.make_node("If", ["c"], ["y"], then_branch=inner),
        helper.make_node("Constant", [], ["k"], value=stored("k", "constant.bin")),
        weights=(stored("w", "weights.bin"), stored("v")),
    )
    sparse = SparseTensorProto(values=stored("s", "values.bin"), indices=stored("i", "indices.bin"), dims=[3])
    made.graph.sparse_initializer.append(sparse)
    body = [helper.make_node("Constant", [], ["k"], value=stored("f", "function.bin"))]
    made.functions.append(FunctionProto(name="f", node=body))
    made.training_info.append(TrainingInfoProto(algorithm=helper.make_graph([], "t", [], [], [stored("t", "t.bin")])))

    found = outline(made.SerializeToString())

    assert found.operators == {"If", "Floor", "Constant"}
    assert sorted(found.beside) == [
        "branch.bin", "constant.bin", "function.bin", "indices.bin", "t.bin", "values.bin", "weights.bin",
    ]  # fmt: skip


def test_the_numbers_of_fields_are_those_of_the_format():
    kinds = {
        "model": ModelProto, "training": TrainingInfoProto, "function": FunctionProto, "graph": GraphProto,
        "node": NodeProto, "attribute": AttributeProto, "sparse": SparseTensorProto, "tensor": TensorProto,
        "entry": StringStringEntryProto,
    }  # fmt: skip
    wanted = {kind.DESCRIPTOR.full_name: name for name, kind in kinds.items()}
    for name, kind in kinds.items():
        held = {
            field.number: wanted[field.message_type.full_name]
            for field in kind.DESCRIPTOR.fields
            if field.message_type is not None and field.message_type.full_name in wanted
            if field.name not in ("metadata_props", "initialization_binding", "update_binding")  # names, no files
        }
        assert held == {number: inner for number, inner in _INSIDE[name].items() if inner in kinds}
    assert NodeProto.DESCRIPTOR.fields_by_name["op_type"].number == 4
    assert TensorProto.DESCRIPTOR.fields_by_name["external_data"].number == 13


WHOLE = model(helper.make_node("Add", ["x", "w"], ["y"], name="n"), weights=(stored("w", "w.bin"),)).SerializeToString()


@given(st.integers(0, len(WHOLE) - 1))
def test_a_torn_file_is_refused_or_read_as_far_as_it_says(size: int):
    try:
        found = outline(WHOLE[:size])
    except ValueError:
        return
    assert found.operators <= {"Add"}


@given(st.binary(max_size=200))
def test_what_is_no_onnx_is_refused(data: bytes):
    with contextlib.suppress(ValueError):
        assert outline(data).operators


def test_graphs_without_end_are_refused():
    inner = helper.make_graph([helper.make_node("Floor", ["x"], ["y"])], "inner", [], [])
    for _ in range(30):
        inner = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=inner)], "inner", [], [])

    with pytest.raises(ValueError, match="too deep"):
        outline(helper.make_model(inner).SerializeToString())


def test_weights_in_other_files_are_not_picked_up_from_where_the_process_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model(helper.make_node("Add", ["x", "w"], ["y"]), weights=(stored("w", "w.bin"),))
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    (tmp_path / "w.bin").write_bytes(np.ones(3, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)

    with pytest.raises(WeightsError, match=r"m\.onnx keeps weights in other files \(w\.bin\)"):
        _onnx.session(tmp_path / "m.onnx", "")


def test_a_field_whose_number_is_too_long_hides_nothing():
    import onnxruntime

    tensor = stored("w").SerializeToString()
    field = bytes([5 << 3 | 2 | 0x80, 0x80, 0x80, 0x80, 0x10, len(tensor)]) + tensor  # of 33 bits: 5 to who reads 32
    graph = bytes([7 << 3 | 2, len(field)]) + field
    hidden = model(helper.make_node("Add", ["x", "w"], ["y"])).SerializeToString() + graph
    with pytest.raises(ValueError, match="torn"):
        outline(hidden)
    runtime = onnxruntime.InferenceSession(hidden, providers=["CPUExecutionProvider"])
    assert runtime.get_inputs()[0].name == "x"  # and the sum has its weights
