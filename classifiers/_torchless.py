"""The random numbers that torch draws on a CPU, without torch: NumPy's MT19937, seeded with 32 bits of the seed.

``torch.randint(0, 2, …)`` is the lowest bit of each draw; ``torch.randperm(n)`` swaps place *i* with place
*i* + draw mod (*n* - *i*), in order (ATen/native/TensorFactories.cpp, ATen/core/MT19937RNGEngine.h).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


_local = threading.local()


def draws(seed: int, count: int) -> NDArray[np.uint64]:
    """The first *count* numbers of 32 bits after ``manual_seed(seed)``."""
    generator = getattr(_local, "generator", None) or np.random.MT19937()  # making one costs more than it draws
    _local.generator = generator
    generator._legacy_seeding(seed & 0xFFFF_FFFF)  # noqa: SLF001  no other way to seed as torch does
    return np.asarray(generator.random_raw(count), dtype=np.uint64)


def bits(seed: int, count: int) -> NDArray[np.uint8]:
    """``torch.randint(0, 2, (count,))``."""
    return (draws(seed, count) & np.uint64(1)).astype(np.uint8)


def partners(seed: int, size: int, first: int) -> NDArray[np.int32]:
    """With which place each of the *first* places is swapped in ``torch.randperm(size)``."""
    first = min(first, size - 1)
    steps = np.arange(first, dtype=np.int64)
    return (steps + draws(seed, first).astype(np.int64) % (size - steps)).astype(np.int32)


def place(number: int, swaps: NDArray[np.int32]) -> int | None:
    """Where *number* stands in the permutation, if it is among the first ``len(swaps)``.

    One number is followed through the swaps; the others need not be known.
    """
    at, begin = number, 0
    while True:
        before = swaps[begin : min(at, len(swaps))]
        hits = np.flatnonzero(before == at)
        if len(hits):
            return begin + int(hits[0])
        if at >= len(swaps):
            return None
        to = int(swaps[at])
        if to == at:
            return at
        at, begin = to, at + 1


def permutation(seed: int, size: int) -> NDArray[np.int64]:
    """All of ``torch.randperm(size)``; slow, for what is needed once."""
    found = list(range(size))
    for at, other in enumerate(partners(seed, size, size).tolist()):
        found[at], found[other] = found[other], found[at]
    return np.array(found, dtype=np.int64)
