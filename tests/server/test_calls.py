from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from guard.exchange import calls
from guard.exchange.calls import Calls, Key


def key(name: str, tenant: str | None = None) -> Key:
    return Key(tenant, "p@r", name)


def call(held: int = 0, **seen: Any) -> calls._Call:
    return calls._Call(SimpleNamespace(held=held), 0.0, seen=seen)  # type: ignore[arg-type]  # all that is asked of it


def known(some: Calls, names: Sequence[str]) -> list[str]:
    return [name for name in names if key(name) in some._calls]


def test_a_call_goes_on_where_its_texts_begin_with_what_has_come():
    one = call(**{"/texts/0": (4, calls._digest("good"))})

    assert one.continues({"/texts/0": "good day"})
    assert one.continues({"/texts/0": "good", "/texts/1": "new"})
    assert not one.continues({"/texts/0": "goo"})
    assert not one.continues({"/texts/0": "gold day"})
    assert not one.continues({"/texts/1": "good day"})


def test_whoever_takes_a_call_has_it_alone():
    some = Calls()
    one = call()
    some._keep(key("a"), one)

    assert some._take(key("a", "acme")) is None
    assert some._take(key("a")) is one
    assert some._take(key("a")) is None
    assert some._size == 0


def test_the_oldest_are_forgotten_where_there_are_too_many_or_too_long_ones(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calls, "MOST", 2)
    monkeypatch.setattr(calls, "MOST_CHARACTERS", 100)
    some = Calls()
    for name in "abc":
        some._keep(key(name), call(held=10))
    assert known(some, "abc") == ["b", "c"]

    some._keep(key("d"), call(held=95))
    assert known(some, "abcd") == ["d"]
    assert some._size == 95

    some._keep(key("e"), call(held=101))
    assert known(some, "de") == []
    assert some._size == 0


def test_what_was_not_asked_about_for_long_is_forgotten():
    some = Calls()
    some._keep(key("a"), call())
    some._calls[key("a")].touched -= calls.IDLE_S + 1
    some._keep(key("b"), call())

    assert known(some, "ab") == ["b"]
