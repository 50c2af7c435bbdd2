"""Documents made from type definitions: one for each place where the types of an SDK have room for a text.

The types of the openai SDK are the census of what its clients may send and read: `TypedDict` for requests, pydantic
models for answers. `planted` walks them and gives, for every leaf, the smallest valid document with a text there.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin

import pydantic
import typing_extensions

_LISTS = (list, Iterable, Sequence, typing.Iterable, typing.Sequence)
_MAPPINGS = (dict, Mapping)


def minimal(hint: Any) -> Any:
    """The smallest valid value of type *hint*."""
    hint = _bare(hint)
    if _is_open(hint):
        return "x"
    origin = get_origin(hint)
    if origin is Literal:
        return get_args(hint)[0]
    if origin in (Union, types.UnionType):
        variants = get_args(hint)
        return None if type(None) in variants else minimal(variants[0])
    if origin in _LISTS:
        return [minimal(get_args(hint)[0])]
    if origin in _MAPPINGS or hint is dict:
        return {}
    if _is_record(hint):
        return {name: minimal(inner) for name, inner, required in _members(hint) if required}
    return {str: "x", bool: False, int: 0, float: 0.0, type(None): None, datetime: "2026-01-02T03:04:05Z"}[hint]


def planted(hint: Any, text: str, above: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every value of type *hint* that is minimal but for *text* in one place; with the name of that place.

    The place may be one that the type gives to a number or a fixed word: nobody forces a client to keep to that.
    Types that hold themselves are entered once.
    """
    hint = _bare(hint)
    origin = get_origin(hint)
    if _is_open(hint):
        yield "", text
        yield "/?", {"k": [text]}
        yield "~key", {text: 1}
    elif origin in (Union, types.UnionType):
        for variant in get_args(hint):
            if variant is not type(None):
                yield from ((f"<{_name(variant)}>{place}", value) for place, value in planted(variant, text, above))
    elif origin in _LISTS:
        (item,) = get_args(hint)[:1]
        if item is int:
            yield "[bytes]", list(text.encode())
        yield from ((f"[]{place}", [value]) for place, value in planted(item, text, above))
    elif origin in _MAPPINGS:
        yield "~key", {text: minimal(get_args(hint)[1])}
        yield from ((f"{{}}{place}", {"k": value}) for place, value in planted(get_args(hint)[1], text, above))
    elif _is_record(hint):
        if hint not in above:
            yield from _planted_in_record(hint, text, (*above, hint))
    else:
        yield "", text


def _planted_in_record(hint: Any, text: str, above: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    base = minimal(hint)
    yield "~key", {**base, text: "x"}
    yield "/undeclared", {**base, "undeclared": text}
    for name, inner, _ in _members(hint):
        for place, value in planted(inner, text, above):
            yield f"/{name}{place}", {**base, name: value}


def _members(hint: Any) -> list[tuple[str, Any, bool]]:
    if issubclass(hint, pydantic.BaseModel):
        return [(f.alias or name, f.annotation, f.is_required()) for name, f in hint.model_fields.items()]
    hints = typing.get_type_hints(hint, include_extras=True)
    usual = Required if hint.__total__ else NotRequired
    said = {name: get_origin(one) for name, one in hints.items()}
    return [
        (name, hints[name], (usual if said[name] not in (Required, NotRequired) else said[name]) is Required)
        for name in hints
    ]


def _bare(hint: Any) -> Any:
    while get_origin(hint) in (Annotated, Required, NotRequired):
        hint = get_args(hint)[0]
    return hint.__bound__ or object if isinstance(hint, TypeVar) else hint


def _is_open(hint: Any) -> bool:
    return hint is object or hint is Any


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and (typing_extensions.is_typeddict(hint) or issubclass(hint, pydantic.BaseModel))


def _name(hint: Any) -> str:
    return str(getattr(_bare(hint), "__name__", _bare(hint)))
