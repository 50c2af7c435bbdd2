"""The texts in a framework's own objects, and the objects with other texts in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guard import values

Back = Callable[[Any], Any]
"""From a document with some texts changed to the value with the same ones changed."""
Special = Callable[[Any], tuple[Any, Back] | None]
"""How a framework's own objects are read; None of one that is not its own."""


def opened(value: Any, special: Special = lambda _: None, *, returned: bool = True) -> tuple[Any, Back]:
    """A JSON-like document of the texts in *value*, and the way back.

    Of what is not *returned* but given, objects that are none of text are passed on as they are: models, functions.

    Raises:
        TypeError: something in it may hold text and cannot be read.
    """
    found = special(value)
    if found is not None:
        return found
    if value is None or isinstance(value, str | int | float):
        return value, _same
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        inside = {key: opened(item, special, returned=returned) for key, item in value.items()}
        document = {key: one for key, (one, _) in inside.items()}
        return document, lambda new: {key: back(new[key]) for key, (_, back) in inside.items()}
    if isinstance(value, list | tuple):
        items = [opened(item, special, returned=returned) for item in value]
        made = tuple if isinstance(value, tuple) else list
        return [one for one, _ in items], lambda new: made(back(one) for (_, back), one in zip(items, new, strict=True))
    if hasattr(value, "model_dump") and hasattr(type(value), "model_validate"):
        return value.model_dump(mode="json", by_alias=True), type(value).model_validate
    return values.document(value, returned=returned), lambda new: values.restored(value, new)


def _same(value: Any) -> Any:
    return value
