"""Models that everyone in this process shares who asks for the same classifier with the same options."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.batching import forks
from guard.batching.terms import ALONE, Bound, Desk
from guard.classifier import Classifier
from guard.decision import Failure, FailureKind
from guard.engine import InProcess, station_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.batching.answers import Answer
    from guard.batching.terms import Terms
    from guard.engine import Catalog


Key = tuple[Any, str, str]
"""A catalog, the name of a classifier there, and its options."""


@dataclass(slots=True)
class _Loaded:
    """A classifier, its desk, and how many hold it."""

    classifier: Classifier[Any]
    desk: Desk
    holders: int = 0


class _Known:
    """What is loaded in this process."""

    def __init__(self) -> None:
        self.loaded: dict[Key, _Loaded] = {}
        forks.begin(self)

    def begin(self) -> None:
        """Nobody holds the lock."""
        self.lock = threading.Lock()


_KNOWN = _Known()


class Shared(InProcess):
    """Models run on threads of this process, each of *catalog* loaded once in it.

    A desk closes with the last who holds it.
    """

    def __init__(self, catalog: Catalog) -> None:
        super().__init__()
        self._catalog = catalog

    def place(
        self, name: str, options: Mapping[str, object], classifier: Classifier[Any]
    ) -> tuple[Classifier[Any], Desk]:
        """*classifier*, or the one like it that is loaded already."""
        key = (self._catalog, *station_key(name, options))
        with _KNOWN.lock:  # two who come at once should not both load it
            one = _KNOWN.loaded.get(key)
            if one is None:
                one = _KNOWN.loaded[key] = _Loaded(*super().place(name, options, classifier))
            one.holders += 1
        return one.classifier, _Held(name, key, one)


class _Held(Bound):
    """One holder's desk; it answers its holder until that closes it."""

    def __init__(self, name: str, key: Key, one: _Loaded) -> None:
        super().__init__(one.desk, ALONE)
        self._name = name
        self._key = key
        self._one = one
        self._closed = False
        self.close = self._leave

    async def submit(self, items: Sequence[Any], deadline: float, terms: Terms | None = None) -> list[Answer]:
        """See `Desk`."""
        if self._closed:
            return [Failure(self._name, FailureKind.ERROR, "closed")] * len(items)
        return await self._desk.submit(items, deadline, terms or ALONE)

    def _leave(self, timeout: float = 1.0) -> None:
        """Close the desk if nobody else holds it."""
        with _KNOWN.lock:
            if self._closed:
                return
            self._closed = True
            self._one.holders -= 1
            if self._one.holders:
                return
            del _KNOWN.loaded[self._key]
        self._one.desk.close(timeout)
