"""How fast a model is, learnt from the batches it had: what waiting costs before anybody waits. Pure.

A batch of cost c is taken to need ``fixed + each * c`` seconds. Both are fitted to the batches that were, the last ones
counting most, so that the estimate follows a machine that becomes slower or faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, sqrt

_FORGET = 0.95
"""What a batch counts for when one more has come: the last twenty or so make the estimate."""
_ENOUGH = 2.5
"""Batches, as they count, before an estimate is given."""
_MOST_SURPRISE = 4.0
_MOST_FIXED = 1 << 20
_PAUSE_S = 0.002
_HOP_S = 0.0001
"""What a batch costs in any case: two threads wake each other."""
_SURE = 2.0
"""Standard errors by which a fixed part may be smaller than it seems."""
_FIXED_PART = 0.05
"""A batch is large enough when what it costs whatever its size is this part of it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Sums over batches of cost x and time y, each weighted by how long ago it was."""

    weight: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0
    fit: tuple[float, float] = field(init=False)
    """``fixed, each``: neither is negative. Where all batches cost the same, nothing is fixed."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fit", self._fitted())

    def after(self, cost: int, seconds: float) -> Rate:
        """The rate once a batch of *cost* has taken *seconds*.

        One that took very much longer than usual counts less: perhaps the machine paused. If it has become slower, the
        next batches say so too.
        """
        if self.is_known:
            fixed, each = self.fit
            seconds = min(seconds, _MOST_SURPRISE * (fixed + each * cost) + _PAUSE_S)
        return Rate(
            self.weight * _FORGET + 1,
            self.x * _FORGET + cost,
            self.y * _FORGET + seconds,
            self.xx * _FORGET + cost * cost,
            self.xy * _FORGET + cost * seconds,
            self.yy * _FORGET + seconds * seconds,
        )

    @property
    def is_known(self) -> bool:
        """Whether enough batches were seen to say anything."""
        return self.weight >= _ENOUGH and self.y > 0

    def _fitted(self) -> tuple[float, float]:
        if not self.x:
            return 0.0, 0.0
        spread = self.weight * self.xx - self.x * self.x
        if spread > 1e-6 * self.weight * self.xx:
            each = (self.weight * self.xy - self.x * self.y) / spread
            fixed = (self.y - each * self.x) / self.weight
            if each >= 0 and fixed >= 0:
                return fixed, each
            if each < 0:
                return self.y / self.weight, 0.0
        return 0.0, self.y / self.x

    @property
    def mean(self) -> float:
        """Seconds that batches took on average; 0 as long as nothing is known."""
        return self.y / self.weight if self.is_known else 0.0

    @property
    def fixed(self) -> int:
        """What a batch costs whatever is in it, in units of cost; 0 as long as nothing is known."""
        fixed, each = self.fit
        return min(_MOST_FIXED, round(fixed / each)) if self.is_known and each else 0

    @property
    def surely_fixed(self) -> float:
        """Seconds that a batch costs whatever is in it, as far as they are sure: two standard errors less than fitted.

        On a machine that does other work as well, times scatter, and the fit takes some of that for a fixed part. Who
        then waits for larger batches waits for nothing.
        """
        fixed, _ = self.fit
        spread = self.weight * self.xx - self.x * self.x
        if not fixed or spread <= 0:
            return 0.0
        along = self.weight * self.xy - self.x * self.y
        rest = max(0.0, self.weight * self.yy - self.y * self.y - along * along / spread) / self.weight
        error = sqrt(rest / max(0.5, self.weight - 2) * self.xx / spread)
        return max(0.0, fixed - _SURE * error)

    def seconds(self, cost: int, budget: int) -> float:
        """What batches of *budget*, or of what they cost of late, that together cost *cost* will take.

        0 as long as nothing is known. Single items may cost more than any budget, and then batches do.
        """
        if cost <= 0 or not self.is_known:
            return 0.0
        fixed, each = self.fit
        return fixed * ceil(cost / max(1, budget, self.x / self.weight)) + each * cost

    def budget(self, least: int, most: int) -> int:
        """The smallest budget, in bounds, of which the fixed part of a batch is but a twentieth: see ADR 0005.

        Larger ones are no quicker by the item, and whoever is in one waits for all of it.
        """
        _, each = self.fit
        if not each:
            return most
        fixed = max(self.surely_fixed, _HOP_S)
        return int(min(most, max(least, fixed * (1 - _FIXED_PART) / (_FIXED_PART * each))))
