"""Winnowing: which stretches of a text also stand in others, by fingerprints of every run of 24 letters.

A Chinese, Japanese or Korean character counts as three letters: it says about as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

GRAM, WINDOW = 24, 8
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_BLOCK = 1 << 16
_WIDE = ((0x2E80, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


class Letters(NamedTuple):
    """The *units* of a text, and *where* each came from, in characters."""

    units: NDArray[np.uint64]
    where: NDArray[np.int64]


def read(text: str) -> Letters:
    """The letters and digits of *text*, folded."""
    codes: list[int] = []
    where: list[int] = []
    for place, character in enumerate(text):
        if not character.isalnum():
            continue
        for folded in character.casefold():
            code = ord(folded)
            if code >= 0x2E80 and any(low <= code <= high for low, high in _WIDE):
                codes += (code, code + 0x110000, code + 0x220000)
                where += (place, place, place)
            else:
                codes.append(code)
                where.append(place)
    return Letters(np.array(codes, dtype=np.uint64), np.array(where, dtype=np.int64))


def hashes(units: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash of every run of `GRAM` units, modulo 2**64, mixed."""
    count = len(units) - GRAM + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    found = np.empty(count, dtype=np.uint64)
    powers = np.array([pow(_BASE, n, 1 << 64) for n in range(GRAM)], dtype=np.uint64)
    for begin in range(0, count, _BLOCK):
        rows = np.lib.stride_tricks.sliding_window_view(units[begin : begin + _BLOCK + GRAM - 1], GRAM)
        with np.errstate(over="ignore"):
            total = (rows[:_BLOCK] * powers).sum(axis=1, dtype=np.uint64)
            total ^= total >> np.uint64(30)
            total *= np.uint64(0xBF58476D1CE4E5B9)
            total ^= total >> np.uint64(27)
            total *= np.uint64(0x94D049BB133111EB)
            total ^= total >> np.uint64(31)
        found[begin : begin + _BLOCK] = total[: count - begin]
    return found


def winnowed(given: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The smallest hash of every `WINDOW` in a row, each once."""
    if len(given) <= WINDOW:
        return np.unique(given)
    return np.unique(np.lib.stride_tricks.sliding_window_view(given, WINDOW).min(axis=1))


class Index:
    """Fingerprints of protected texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        chosen = [winnowed(hashes(read(text).units)) for text in texts]
        self._known = np.unique(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.uint64)

    def runs(self, letters: Letters, least: int) -> Iterator[tuple[int, int, int]]:
        """``(start, end, letters)`` of every run of at least *least* letters that is protected."""
        given = hashes(letters.units)
        hits = np.flatnonzero(np.isin(given, self._known))
        if not len(hits):
            return
        breaks = np.flatnonzero(np.diff(hits) > GRAM) + 1
        for run in np.split(hits, breaks):
            first, last = int(run[0]), int(run[-1]) + GRAM
            # At each end up to a window of letters has no fingerprint of its own.
            if last - first + WINDOW >= least:
                yield int(letters.where[first]), int(letters.where[last - 1]) + 1, last - first
