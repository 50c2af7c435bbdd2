from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from guard.errors import PolicyError
from guard.policy.document import read
from guard.policy.options import build, option_types


@dataclass(frozen=True)
class Options:
    names: frozenset[str] = frozenset()
    weights: Mapping[str, float] = field(default_factory=dict)
    either: tuple[int, ...] | str | None = None
    odd: bytes = b""
    made: int = field(default=7, init=False)


def built(text: str) -> Options:
    root = read(text, "o.yaml")
    return build(Options, "`it`", root, root.entries())


def test_each_option_becomes_a_value_of_its_fields_type() -> None:
    assert built("{names: [a, b], weights: {x: 1, y: 0.5}}") == Options(frozenset({"a", "b"}), {"x": 1.0, "y": 0.5})


@pytest.mark.parametrize(("text", "value"), [("[1, 2]", (1, 2)), ("abc", "abc"), ("null", None)])
def test_of_several_types_the_one_is_taken_that_is_written(text: str, value: object) -> None:
    assert built(f"either: {text}").either == value


def test_a_field_that_is_worked_out_is_no_option() -> None:
    assert "made" not in option_types(Options)
    with pytest.raises(PolicyError, match="`it` has no option `made`"):
        built("made: 1")


def test_what_is_no_dataclass_takes_no_options() -> None:
    assert option_types(int) == {}


def test_a_type_that_yaml_cannot_write_is_a_fault_of_the_class() -> None:
    with pytest.raises(TypeError, match="an option of type <class 'bytes'> cannot be written in YAML"):
        built("odd: x")
