"""What an ONNX file says of itself, read without its library: which operators it uses, which files it refers to. Pure.

A file is a protocol buffer (``ModelProto`` of onnx.proto; numbers of fields are its own). Weights may lie in other
files, at places that the file names, so those have to be known before a runtime goes and reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST = 64
_INSIDE: Final = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {4: "operator", 5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {1: "key", 2: "value"},
}
"""Of each kind of message, which of its fields hold what."""


class Outline(NamedTuple):
    """Names of the *operators* that a model uses, and of the files *beside* it that hold weights."""

    operators: frozenset[str]
    beside: tuple[str, ...]


def outline(data: bytes) -> Outline:
    """The outline of the model in *data*.

    Raises:
        ValueError: it is no ONNX file.
    """
    operators: set[str] = set()
    beside: dict[str, None] = {}
    for kind, name in _names(memoryview(data), "model", 0):
        if kind == "operator":
            operators.add(name)
        else:
            beside[name] = None
    if not operators:
        msg = "it has no operators: it is no ONNX file"
        raise ValueError(msg)
    return Outline(frozenset(operators), tuple(beside))


def _names(data: memoryview, message: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        msg = "its graphs lie too deep in one another"
        raise ValueError(msg)
    of = _INSIDE[message]
    entry: dict[str, str] = {}
    for number, content in _fields(data):
        kind = of.get(number)
        if kind in ("operator", "key", "value"):
            entry[kind] = bytes(content).decode("utf-8")
        elif kind is not None:
            yield from _names(content, kind, depth + 1)
    if "operator" in entry:
        yield "operator", entry["operator"]
    elif entry.get("key") == "location":
        yield "beside", entry.get("value", "")


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message that have a length, each with its number."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag >> 32:  # readers cut it off, so that it would be another field's to them
            break
        match tag & 7:
            case 0:
                _, at = _varint(data, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:
                size, at = _varint(data, at)
                if size > len(data) - at:
                    break
                yield tag >> 3, data[at : at + size]
                at += size
            case _:
                break
    if at != len(data):
        msg = "it is torn, or no ONNX file"
        raise ValueError(msg)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    msg = "it is torn, or no ONNX file"
    raise ValueError(msg)
