"""Which scored stretches are known, and whether one more says anything new; quick for a hundred thousand of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

_STEP = 512  # characters; longer than nearly every finding
_MOST_STEPS = 64  # a stretch over more than this is kept apart: there are few of those

Key = tuple[str, int]
"""A category and the number of a part."""
Span = tuple[int, int]


@dataclass(slots=True)
class Known:
    """What parts show by themselves, by category and part."""

    _scores: dict[Key, float] = field(default_factory=dict)
    _near: dict[tuple[Key, int], list[tuple[int, int, float]]] = field(default_factory=dict)
    _long: dict[Key, list[tuple[int, int, float]]] = field(default_factory=dict)

    def add(self, key: Key, span: Span | None, score: float) -> None:
        """Take in that *key* was seen at *span* (None: all over the part) with *score*."""
        self._scores[key] = max(self._scores.get(key, 0.0), score)
        if span is None:
            self._long.setdefault(key, []).append((0, sys.maxsize, score))
            return
        first, last = span[0] // _STEP, span[1] // _STEP
        if last - first > _MOST_STEPS:
            self._long.setdefault(key, []).append((*span, score))
            return
        for step in range(first, last + 1):
            self._near.setdefault((key, step), []).append((*span, score))

    def score(self, key: Key, default: float = -1.0) -> float:
        """The strongest score of *key*, or *default* where it was not looked for."""
        return self._scores.get(key, default)

    def covers(self, key: Key, span: Span, score: float) -> bool:
        """Whether a stretch at least as sure as *score* holds all of *span*."""
        return any(low <= span[0] and span[1] <= high and score <= s for low, high, s in self._around(key, span))

    def touches(self, key: Key, span: Span, score: float) -> bool:
        """Whether a stretch at least as sure as *score* shares a character with *span*."""
        return any(low < span[1] and span[0] < high and score <= s for low, high, s in self._around(key, span))

    def _around(self, key: Key, span: Span) -> list[tuple[int, int, float]]:
        steps = range(span[0] // _STEP, span[1] // _STEP + 1)
        found = [one for step in steps for one in self._near.get((key, step), ())] if self._near else []
        return found + self._long.get(key, [])
