"""A dataclass from YAML: every option checked against the type of its field, every error at its place."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from guard.errors import did_you_mean

if TYPE_CHECKING:
    from guard.policy.document import Field

Made = TypeVar("Made")


def option_types(cls: type[Any]) -> dict[str, Any]:
    """The options that the dataclass *cls* takes, each with its type."""
    if not dataclasses.is_dataclass(cls):
        return {}
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls) if f.init}


def build(cls: type[Made], what: str, at: Field, given: Mapping[str, Field]) -> Made:
    """An instance of the dataclass *cls* with the options *given*; *what* names it in errors."""
    known = option_types(cls)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            (value.key or value).fail(f"{what} has no option `{name}`", _options_hint(name, known))
        values[name] = _value(value, known[name])
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        at.fail(f"{what}: {error}", _options_hint("", known))


def _options_hint(name: str, known: Mapping[str, Any]) -> str:
    return did_you_mean(name, known) if known else "it takes no options"


def _value(field: Field, hint: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [arg for arg in args if arg is not types.NoneType]
        if field.is_null and len(inner) < len(args):
            return None
        return _value(field, next((arg for arg in inner if _has_shape(field, arg)), inner[0]))
    if origin is tuple:
        return tuple(_value(item, args[0]) for item in field.items())
    if origin is frozenset:
        return frozenset(_value(item, args[0]) for item in field.items())
    if origin in (dict, Mapping):
        return {key: _value(value, args[1]) for key, value in field.entries().items()}
    if origin is typing.Literal:
        return field.one_of(str(arg) for arg in args)
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return hint(field.one_of(member.value for member in hint))
    return _scalar(field, hint)


def _has_shape(field: Field, hint: Any) -> bool:
    """Whether a value of type *hint* is written as *field* is: a mapping, a list, or neither."""
    origin = typing.get_origin(hint)
    return (origin in (dict, Mapping), origin in (tuple, frozenset)) == (field.is_mapping, field.is_list)


def _scalar(field: Field, hint: Any) -> Any:
    if hint is bool:
        return field.boolean()
    if hint is int:
        return field.whole()
    if hint is float:
        return field.number(float("-inf"), float("inf"))
    if hint is str:
        return field.text()
    msg = f"an option of type {hint!r} cannot be written in YAML"
    raise TypeError(msg)
