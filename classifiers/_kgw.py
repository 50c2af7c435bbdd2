"""The green-list watermark of text, and SynthID-Text: z-scores from tokens, equal to transformers' own, without torch.

Kirchenbauer et al., A Watermark for Large Language Models (2023); Dathathri et al., Scalable watermarking for
identifying large language model outputs (Nature 634, 2024), both as transformers implements them. N-grams that repeat
are counted once: they are no new evidence, and counting them makes one human text in nine look marked.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from classifiers import _torchless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_TABLE = 1_000_003
_CACHED_BYTES = 32 << 20
_MULTIPLIER, _INCREMENT = np.int64(6364136223846793005), np.int64(1)


class Score(NamedTuple):
    """*z* over *size* n-grams that do not repeat."""

    z: float
    size: int


class KeyRecordError(ValueError):
    """A key record that cannot be used."""


@dataclass(frozen=True)
class GreenList:
    """A key of the green-list scheme. *vocabulary* is the model's ``vocab_size``, which may exceed the tokenizer's."""

    vocabulary: int
    hashing_key: int = 15485863
    ratio: float = 0.25
    seeding: str = "lefthash"
    context_width: int = 1
    _swaps: object = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seeding not in {"lefthash", "selfhash"}:
            raise KeyRecordError("seeding_scheme should be lefthash or selfhash")
        if not 0.0 < self.ratio < 1.0 or self.vocabulary < 2 or self.context_width < 1:
            raise KeyRecordError("greenlist_ratio, vocab_size or context_width is out of bounds")
        green = int(self.vocabulary * self.ratio)
        swaps = functools.lru_cache(max(16, _CACHED_BYTES // (4 * green + 64)))(
            lambda seed: _torchless.partners(seed, self.vocabulary, green)
        )
        object.__setattr__(self, "_swaps", swaps)

    @functools.cached_property
    def _table(self) -> NDArray[np.int64]:
        return _torchless.permutation(self.hashing_key, _TABLE)

    def score(self, tokens: Sequence[int]) -> Score:
        """How much more often than by chance a token is in the list that those before it choose."""
        width = self.context_width + (self.seeding == "lefthash")
        grams = {tuple(tokens[at : at + width]) for at in range(len(tokens) - width + 1)}
        if not grams:
            return Score(0.0, 0)
        green = sum(self._is_green(gram) for gram in grams)
        count = len(grams)
        return Score((green - self.ratio * count) / math.sqrt(count * self.ratio * (1 - self.ratio)), count)

    def _is_green(self, gram: tuple[int, ...]) -> bool:
        seed = self.hashing_key * gram[-2] if self.seeding == "lefthash" else self._own_hash(gram)
        swaps = self._swaps(seed % (2**64 - 1) & 0xFFFF_FFFF)  # type: ignore[operator]  # the cache, kept as an object
        return gram[-1] < self.vocabulary and _torchless.place(gram[-1], swaps) is not None

    def _own_hash(self, gram: tuple[int, ...]) -> int:
        table = self._table
        those = table[np.array(gram, dtype=np.int64) % _TABLE] + 1
        with np.errstate(over="ignore"):
            return int((np.int64(self.hashing_key) * those * those[-1]).min())


@dataclass(frozen=True)
class SynthId:
    """A key of SynthID-Text, without the tournament's training: the weighted mean of the g-values."""

    keys: tuple[int, ...]
    ngram_len: int = 5
    table_size: int = 65_536
    table_seed: int = 0
    history: int = 1_024

    def __post_init__(self) -> None:
        if not self.keys or self.ngram_len < 2 or self.table_size < 2 or self.history < 1:
            raise KeyRecordError("keys, ngram_len, sampling_table_size or context_history_size is out of bounds")

    @functools.cached_property
    def _table(self) -> NDArray[np.uint8]:
        return _torchless.bits(self.table_seed, self.table_size)

    def g_values(self, tokens: NDArray[np.int64]) -> NDArray[np.uint8]:
        """For each n-gram and key 0 or 1, as ``compute_g_values``."""
        grams = np.lib.stride_tricks.sliding_window_view(tokens, self.ngram_len)
        keys = np.array(self.keys, dtype=np.int64)
        with np.errstate(over="ignore"):
            hashed = _hashed(grams)
            places = ((hashed[:, None] + keys) * _MULTIPLIER + _INCREMENT) % self.table_size
        values: NDArray[np.uint8] = self._table[places]
        return values

    def is_new(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which n-grams have a context that is not among the last ones, as ``compute_context_repetition_mask``."""
        contexts = np.lib.stride_tricks.sliding_window_view(tokens[:-1], self.ngram_len - 1)
        with np.errstate(over="ignore"):
            hashes = _hashed(contexts).tolist()
        last: dict[int, int] = {0: -1}  # the history begins as zeros
        new = np.ones(len(hashes), dtype=bool)
        for at, value in enumerate(hashes):
            new[at] = not (value in last and at - last[value] <= self.history)
            last[value] = at
        return new

    def score(self, tokens: Sequence[int]) -> Score:
        """How far the weighted mean of the g-values lies above one half."""
        if len(tokens) < self.ngram_len:
            return Score(0.0, 0)
        row = np.array(tokens, dtype=np.int64)
        fresh = self.g_values(row)[self.is_new(row)]
        depth, count = len(self.keys), len(fresh)
        if not count:
            return Score(0.0, 0)
        weights = np.linspace(10.0, 1.0, depth)
        weights *= depth / weights.sum()
        mean = float((fresh @ weights).sum()) / (depth * count)
        spread = 0.5 * math.sqrt(float((weights * weights).sum())) / (depth * math.sqrt(count))
        return Score((mean - 0.5) / spread, count)


def _hashed(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each row, as ``accumulate_hash`` makes it, in wrapping arithmetic of 64 bits."""
    value = np.ones(len(rows), dtype=np.int64)
    for column in range(rows.shape[1]):
        value = (value + rows[:, column]) * _MULTIPLIER + _INCREMENT
    return value
