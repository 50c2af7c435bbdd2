"""The texts in Python values: what goes into a guarded function, and what comes out of one.

value ─**document**→ JSON-like copy ─judge, mask→ copy′ ─**restored**→ value′

Whatever may hold text and cannot be read without using it up, or at all, is refused: a text that nobody saw must
not pass for one that was found harmless.
"""

from __future__ import annotations

import copy
import dataclasses
import os
from collections import UserString
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence, Set as AbstractSet, ValuesView
from typing import Any, NoReturn

MAX_DEPTH = 64
"""Levels of containers. What is deeper, or holds itself, is refused."""

_BYTES = (bytes, bytearray, memoryview)
_PLAIN = (str, int, float, type(None))
_GROUPS = (Sequence, AbstractSet, ValuesView)


def document(value: Any, *, returned: bool, depth: int = 0) -> Any:
    """A copy of *value* in lists, mappings and texts, all of which may be written to.

    Read are texts, paths, mappings, sequences, sets, views of them and instances of dataclasses (as the list of their
    fields). Other objects are left out (None); in what was *returned* they are refused.

    Raises:
        TypeError: something that may hold text cannot be read.
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, UserString | os.PathLike):
        return document(str(value), returned=returned)
    if depth > MAX_DEPTH:
        _refuse(f"something nested deeper than {MAX_DEPTH} levels", "something flatter", returned=returned)
    items = _items(value, returned=returned)
    if items is None:
        if returned:
            _refuse(f"a {type(value).__name__}", "text, or lists and mappings of text", returned=returned)
        return None
    read = [document(item, returned=returned, depth=depth + 1) for item in items]
    return dict(zip(value, read, strict=True)) if isinstance(value, Mapping) else read


def restored(value: Any, masked: Any) -> Any:
    """*value* with the texts of *masked*, its `document` in which some were changed.

    Mappings and groups are plain dicts and lists then, dataclasses copies of their own class.
    """
    if isinstance(value, Mapping):
        return {key: restored(item, masked[key]) for key, item in value.items()}
    if isinstance(value, _GROUPS) and isinstance(masked, list):
        return [restored(item, new) for item, new in zip(value, masked, strict=True)]
    if _is_record(value):
        changed = copy.copy(value)
        for field, item in zip(dataclasses.fields(value), masked, strict=True):
            object.__setattr__(changed, field.name, restored(getattr(value, field.name), item))
        return changed
    return masked if isinstance(value, str | UserString | os.PathLike) else value


def _items(value: Any, *, returned: bool) -> list[Any] | None:
    """What *value* holds, in order; None if it is no container."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            _refuse("a mapping whose keys are not all text", "one whose keys are", returned=returned)
        return list(value.values())
    if isinstance(value, _BYTES):
        _refuse(f"a {type(value).__name__}", "text: decode it first", returned=returned)
    if isinstance(value, range):  # a sequence without end, nearly, and without text
        return None
    if isinstance(value, _GROUPS):
        return list(value)
    if _is_record(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, Iterator | AsyncIterator):
        _refuse(f"a {type(value).__name__}, which can be read only once", "a list of what it gives", returned=returned)
    return None


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _refuse(what: str, right: str, *, returned: bool) -> NoReturn:
    verb = "returned" if returned else "was given"
    msg = f"a guarded function {verb} {what}; it should be {right}"
    raise TypeError(msg)
