from __future__ import annotations

import dataclasses
import io
from collections import ChainMap, UserDict, UserList, UserString, deque
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from guard.values import MAX_DEPTH, document, restored


@dataclasses.dataclass
class Message:
    text: str
    tags: list[str] = dataclasses.field(default_factory=list)
    client: object = None


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    text: str


class Pair(NamedTuple):
    first: str
    second: str


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("a", "a"),
        (UserString("a"), "a"),
        (Path("a/b"), "a/b"),
        (["a", ("b",)], ["a", ["b"]]),
        ({"a": 1}, {"a": 1}),
        (MappingProxyType({"a": "b"}), {"a": "b"}),
        (UserDict({"a": "b"}), {"a": "b"}),
        (ChainMap({"a": "b"}), {"a": "b"}),
        (UserList(["a"]), ["a"]),
        (deque(["a"]), ["a"]),
        ({"a"}, ["a"]),
        (frozenset({"a"}), ["a"]),
        ({"a": "b"}.keys(), ["a"]),
        ({"a": "b"}.values(), ["b"]),
        ({"a": "b"}.items(), [["a", "b"]]),
        (Pair("a", "b"), ["a", "b"]),
        (Message("a", ["b"]), ["a", ["b"], None]),
        ([Frozen("a")], [["a"]]),
        (None, None),
        (7, 7),
    ],
)
@pytest.mark.parametrize("returned", [False, True])
def test_every_text_is_read(value: Any, read: Any, returned: bool) -> None:
    assert document(value, returned=returned) == read


@pytest.mark.parametrize(
    ("odd", "right"),
    [
        (b"a", "decode it first"),
        (bytearray(b"a"), "decode it first"),
        (memoryview(b"a"), "decode it first"),
        (iter(["a"]), "a list of what it gives"),
        ((text for text in ["a"]), "a list of what it gives"),
        (map(str, ["a"]), "a list of what it gives"),
        (io.StringIO("a"), "a list of what it gives"),
        ({1: "a"}, "one whose keys are"),
        (Message("a", client=b"a"), "decode it first"),
    ],
)
@pytest.mark.parametrize("returned", [False, True])
def test_what_may_hold_text_and_cannot_be_read_is_refused(odd: Any, right: str, returned: bool) -> None:
    with pytest.raises(TypeError, match=f"a guarded function {'returned' if returned else 'was given'} .*{right}"):
        document({"x": [odd]}, returned=returned)


def test_what_is_asynchronously_iterated_is_refused() -> None:
    async def texts() -> Any:
        yield "a"

    with pytest.raises(TypeError, match="async_generator"):
        document([texts()], returned=False)


@pytest.mark.parametrize("opaque", [object(), print, Message, 1j, range(10**12)])
def test_other_objects_are_left_as_they_are_and_not_returned(opaque: Any) -> None:
    assert restored([opaque, "a"], document([opaque, "a"], returned=False)) == [opaque, "a"]
    with pytest.raises(TypeError, match="it should be text"):
        document([opaque], returned=True)


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError, match=f"deeper than {MAX_DEPTH}"):
        document(endless, returned=False)


def test_a_copy_may_be_written_to() -> None:
    given = {"a": ["b"]}
    copied = document(given, returned=False)
    copied["a"][0] = "c"
    assert given == {"a": ["b"]}


def test_dataclasses_come_back_as_such_and_the_rest_plain() -> None:
    client = object()
    given = {"m": (Message("a", ["b"], client), Frozen("c")), "s": deque(["d"]), "u": UserString("e"), "n": 1}
    masked = document(given, returned=False)
    masked["m"][0][0], masked["m"][0][1][0], masked["m"][1][0] = "A", "B", "C"
    masked["s"][0], masked["u"] = "D", "E"

    assert restored(given, masked) == {"m": [Message("A", ["B"], client), Frozen("C")], "s": ["D"], "u": "E", "n": 1}
    assert given["m"] == (Message("a", ["b"], client), Frozen("c"))
