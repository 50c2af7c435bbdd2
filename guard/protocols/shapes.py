"""Shapes of fields that several protocols have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.protocols.contract import Constrained, Field, refuse, walk_entry
from guard.protocols.posture import Posture, exempt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guard.content import Path
    from guard.protocols.contract import Walk

TIME = Constrained(re.compile(r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d(?:\.\d{1,9})?(?:Z|[+-][01]\d:[0-5]\d)"))
"""A time as RFC 3339 writes it."""


@dataclass(frozen=True, slots=True)
class Spoken(Field):
    """What *role* says, whoever's message it stands in."""

    role: str
    said: Field

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture(f"what the role `{self.role}` says")

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return (("", self.said),)

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:  # noqa: ARG002
        """By its own contract."""
        self.said.walk(value, walk, path, pointer, self.role)


@dataclass(frozen=True, slots=True)
class ListOr(Field):
    """A list by one contract, anything else by another."""

    many: Field
    one: Field

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture("a list, or something else")

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return (("", self.many), ("", self.one))

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """By what it is."""
        (self.many if isinstance(value, list) else self.one).walk(value, walk, path, pointer, role)


@dataclass(frozen=True, slots=True)
class Keyed(Field):
    """An object whose keys are words of the protocol's that match *pattern*, each value by the same contract."""

    pattern: re.Pattern[str]
    item: Field

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture(
            f"an object with keys like `{self.pattern.pattern}`; others are guarded as `unknown`", ("unknown",)
        )

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return (("/*", self.item),)

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Key by key; a pointer has the place of one that does not match, never the key."""
        if value is None:
            walk.spare("scalar")
            return
        if not isinstance(value, dict):
            raise refuse("invalid_type", pointer, "it should be an object")
        for index, (key, item) in enumerate(value.items()):
            if self.pattern.fullmatch(key):
                walk.spare("constrained")
                self.item.walk(item, walk, (*path, key), f"{pointer}/{key}", role)
            else:
                walk_entry(key, item, walk, path, f"{pointer}/?{index}", role, "unknown")


@dataclass(frozen=True, slots=True)
class Beside(Field):
    """What is said beside the content that a decision is asked for: exempt as *rule*, leaf by leaf.

    Only for protocols that ask for decisions, where nothing of it goes anywhere: see `ENVELOPE` and `CONTEXT`.
    """

    rule: str
    words: str

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return exempt(self.rule, self.words)

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:  # noqa: ARG002
        """Count the leaves."""
        left = [value]
        while left:
            one = left.pop()
            if isinstance(one, dict | list):
                left += one.values() if isinstance(one, dict) else one
            else:
                walk.spare(self.rule)


ENVELOPE = Beside("envelope", "what the asking system says of itself, its caller and its settings")
CONTEXT = Beside("context", "what the content answers or goes by, which is asked about by itself")
