"""What one model shows of itself while it works: how large its batches should be, how long they take, when one hangs.

The batcher guards every use with its lock, but for `tune`. What was seen is worked out when somebody asks for it, which
is a caller: the model thread has better things to do between two batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guard.batching.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from guard.classifier import Classifier

STALE_S = 1.0
"""Seconds without a batch after which an estimate refuses nobody: else one that is wrong would never be mended."""
_TUNING_S = 1.0
_MOST_UNSEEN = 64
"""Batches that may be over before they are worked out, if nobody asks."""
_MUCH = 10
"""How many times what was to be expected a batch may take before it hangs."""
_AT_FIRST = 4
"""The same for the first batches, of which nothing is expected, in times of the least that counts as hanging."""


class Pace:
    """The pace of *classifier*, in its units; *clock* counts seconds."""

    def __init__(self, classifier: Classifier[Any], clock: Callable[[], float]) -> None:
        self._classifier = classifier
        self._clock = clock
        self._rate = Rate()
        self._seen: list[tuple[int, float]] = []
        self._shape: tuple[int, int] | None = None
        self._learnt = clock()

    def tune(self, item: Any) -> None:
        """Learn how long batches take: run larger and larger ones of *item*, for a second at most. Blocks."""
        largest = self._classifier.largest_batch
        if largest is None:
            return
        cost, end = max(1, self._classifier.cost(item)), self._clock() + _TUNING_S
        count = 1
        while count == 1 or (count * cost <= largest and self._clock() < end):
            for _ in range(2):
                began = self._clock()
                self._classifier.classify([item] * count)
                self.learn(count * cost, self._clock() - began)
            count *= 2

    def learn(self, cost: int, seconds: float) -> None:
        """A batch of *cost* took so long, and nothing was wrong with it."""
        self._learnt = self._clock()
        self._seen.append((cost, seconds))
        if len(self._seen) >= _MOST_UNSEEN:
            self._known()

    def _known(self) -> Rate:
        """The rate, with all that was seen."""
        if self._seen:
            rate = self._rate
            for cost, seconds in self._seen:
                rate = rate.after(cost, seconds)
            self._rate = rate
            self._seen.clear()
            self._shape = None
        return self._rate

    def is_stale(self, now: float) -> bool:
        """Whether the estimate is too old to refuse anybody."""
        return now > self._learnt + STALE_S

    @property
    def largest(self) -> int:
        """The cost of the largest batch there may be."""
        return self._classifier.largest_batch or self._classifier.batch_cost

    @property
    def budget(self) -> int:
        """The cost of one batch, as it shows so far."""
        cost, largest = self._classifier.batch_cost, self._classifier.largest_batch
        rate = self._known()
        if not rate.is_known:
            return cost
        return rate.budget(cost, largest) if largest is not None else rate.budget(1, cost)

    @property
    def fixed(self) -> int:
        """What a batch costs whatever is in it."""
        return self._known().fixed

    @property
    def shape(self) -> tuple[int, int]:
        """`budget` and `fixed` as they were when somebody last asked for either, or for seconds. Quick."""
        if self._shape is not None:
            return self._shape
        shape = self.budget, self.fixed
        if self._rate.is_known:
            self._shape = shape
        return shape

    def seconds(self, cost: int) -> float:
        """How long work of *cost* takes; 0 as long as nothing is known."""
        return self._known().seconds(cost, self.shape[0])

    def hopeless_s(self, pending: int, now: float) -> float:
        """Seconds within which what is due would be judged in vain: a batch's, where several are *pending*."""
        mean = self._known().mean
        return mean if self.seconds(pending) > 2 * mean and not self.is_stale(now) else 0.0

    def longest_s(self, expected: float, hangs_after: float, *, suspect: bool) -> float:
        """Seconds after which a batch hangs, *hangs_after* at the least. What is *suspect* gets no time to warm up."""
        if self._known().is_known or suspect:
            return max(hangs_after, _MUCH * expected)
        return _AT_FIRST * hangs_after
