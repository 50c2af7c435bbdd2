"""`Watch`: has the rate of something risen beyond its own history? Pure: no clock, no I/O.

A one-sided CUSUM (Page 1954) of log-likelihood ratios. A window of *n* requests, *k* of them negative, adds ::

    (k ln(p1 / p0) + (n - k) ln((1 - p1) / (1 - p0))) / d

to a sum that never falls below 0. *p0* is the usual rate: that of the history, and one standard error on top, so that
a short history is not overtrusted. *p1* has `Limits.odds` times its odds. *d* is the dispersion of the history
(Pearson's, at least 1): where rates swing more than chance would have them, a swing says less. A signal is given when
the sum exceeds `Limits.bound` and at least `Limits.least` negatives made it up.

With a known *p0* and windows that are independent, the time between false alarms is at least exp(bound) windows on
average (Lorden 1971); ``python -m benchmarks monitor`` measures it with a rate that has to be learned.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Limits:
    """*odds* is the rise that is looked for, *bound* how sure one has to be, *least* the fewest negatives.

    *windows* and *requests* are the history that is needed first. A window counts as history *lag* windows later, and
    only if nothing was wrong by then; it weighs half after *half_life* windows. A rise that lasts *settled* windows is
    the new usual.
    """

    odds: float = 2.0
    bound: float = 10.0
    least: int = 10
    windows: int = 24
    requests: int = 200
    lag: int = 48
    half_life: float = 500.0
    settled: int = 288


class Kind(StrEnum):
    """What a signal says."""

    RAISED = "raised"
    ENDED = "ended"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Signal:
    """A change of state: *count* of *requests* since it rose, *windows* ago; *usual* is the rate before."""

    kind: Kind
    count: int
    requests: int
    windows: int
    usual: float
    statistic: float

    @property
    def rate(self) -> float:
        """The rate since it rose."""
        return self.count / self.requests if self.requests else 0.0


@dataclass(slots=True)
class Watch:
    """One series. `step` is called for every window with requests, in order."""

    limits: Limits = field(default_factory=Limits)
    raised: bool = False
    statistic: float = 0.0
    _waiting: deque[tuple[int, int]] = field(default_factory=deque)
    _negatives: float = 0.0
    _requests: float = 0.0
    _windows: int = 0
    _swing: float = 0.0
    _weight: float = 0.0
    _count: int = 0
    _seen: int = 0
    _length: int = 0

    @property
    def ready(self) -> bool:
        """Whether there is history enough to compare with."""
        return self._windows >= self.limits.windows and self._requests >= self.limits.requests

    @property
    def usual(self) -> float:
        """The rate of the history; with none, a half."""
        return (self._negatives + 0.5) / (self._requests + 1)

    @property
    def dispersion(self) -> float:
        """How much more than by chance the rate swings; 1 is chance."""
        return max(1.0, self._swing / self._weight) if self._weight else 1.0

    def step(self, count: int, requests: int) -> Signal | None:
        """Take a window in which *count* of *requests* were negative; gives what changed.

        Raises:
            ValueError: *count* is not from 0 to *requests*.
        """
        if not 0 <= count <= requests:
            msg = f"{count} of {requests} is no count"
            raise ValueError(msg)
        if not requests:
            return None
        if not self.ready:
            self._learn(count, requests)
            return None
        signal = self._judge(count, requests)
        if signal is not None and signal.kind is not Kind.RAISED:
            self._waiting.clear()
        elif not self.raised:
            self._waiting.append((count, requests))
            if len(self._waiting) > self.limits.lag:
                self._learn(*self._waiting.popleft())
        return signal

    def _judge(self, count: int, requests: int) -> Signal | None:
        limits, usual = self.limits, self.usual
        spread = self.dispersion
        p0 = min(0.95, usual + math.sqrt(spread * usual * (1 - usual) / self._requests))
        odds = limits.odds * p0 / (1 - p0)
        p1 = odds / (1 + odds)
        gain = (count * math.log(p1 / p0) + (requests - count) * math.log((1 - p1) / (1 - p0))) / spread
        self.statistic = min(2 * limits.bound, max(0.0, self.statistic + gain))
        self._count, self._seen, self._length = self._count + count, self._seen + requests, self._length + 1
        if self.statistic == 0.0:
            ended = self._signal(Kind.ENDED, usual) if self.raised else None
            self.raised = False
            self._count = self._seen = self._length = 0
            return ended
        if self.raised and self._length >= limits.settled:
            signal = self._signal(Kind.SETTLED, usual)
            self._forget()
            return signal
        if not self.raised and self.statistic > limits.bound and self._count >= limits.least:
            self.raised = True
            self._waiting.clear()  # what was not history yet may be part of the rise
            return self._signal(Kind.RAISED, usual)
        return None

    def _signal(self, kind: Kind, usual: float) -> Signal:
        return Signal(kind, self._count, self._seen, self._length, usual, self.statistic)

    def _learn(self, count: int, requests: int) -> None:
        keep = 0.5 ** (1 / self.limits.half_life)
        if self._windows:
            rate = self.usual
            swing = (count - requests * rate) ** 2 / (requests * rate * (1 - rate))
            self._swing = keep * self._swing + min(swing, 25.0)  # one wild window must not blind it
            self._weight = keep * self._weight + 1
        self._negatives = keep * self._negatives + count
        self._requests = keep * self._requests + requests
        self._windows += 1

    def _forget(self) -> None:
        """The rise is the new usual: learn anew."""
        self.raised, self.statistic = False, 0.0
        self._negatives = self._requests = self._swing = self._weight = 0.0
        self._windows = self._count = self._seen = self._length = 0
        self._waiting.clear()
