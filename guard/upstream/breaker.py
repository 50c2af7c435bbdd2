"""When to stop calling an upstream that fails, and when to try it again. A state machine: the clock is the caller's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PROBE_S = 30.0
"""Seconds that a probe keeps others out. One that takes longer, as a generation may, is not waited for."""


class Breaker:
    """Opens after *failures* in a row; *open_s* seconds later lets one call through, and closes when that succeeds.

    ``closed → open → half-open → closed | open``. A call that ends as neither success nor failure counts for nothing;
    if it was the probe, the next call is. With *failures* 0 it never opens.
    """

    def __init__(self, failures: int, open_s: float, turned: Callable[[bool], object] = bool) -> None:
        """*turned* is told whether it is open now, each time it opens or closes."""
        self._most = failures
        self._open_s = open_s
        self._turned = turned
        self._failures = 0
        self._opened: float | None = None
        self._probe: Ticket | None = None
        self._epoch = 0

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for a probe."""
        return self._opened is not None

    def admit(self, now: float) -> Ticket | None:
        """Leave for one call, or None while it is open. Whoever takes a ticket says how the call went."""
        if self._opened is None:
            return Ticket(self, self._epoch, now, probe=False)
        if self.wait(now) > 0:
            return None
        self._probe = Ticket(self, self._epoch, now, probe=True)
        return self._probe

    def wait(self, now: float) -> float:
        """Seconds until a call may be let through: 0 if one may now."""
        if self._opened is None:
            return 0.0
        until = self._opened + self._open_s
        if self._probe is not None:
            until = max(until, self._probe.since + PROBE_S)
        return max(0.0, until - now)

    # its tickets call these

    def succeeded(self, ticket: Ticket) -> None:
        """A call went well."""
        if ticket.epoch == self._epoch:  # a call from before it opened says nothing about now
            self._failures = 0
            if self._opened is not None:
                self._turn(None)

    def failed(self, ticket: Ticket, now: float) -> None:
        """A call failed."""
        if ticket.epoch == self._epoch:
            self._failures += 1
            if self._opened is not None or self._failures == self._most:
                self._turn(now)

    def left(self, ticket: Ticket) -> None:
        """A call ended and says nothing about the upstream."""
        if self._probe is ticket:
            self._probe = None

    def _turn(self, opened: float | None) -> None:
        if (self._opened is None) is not (opened is None):
            self._turned(opened is not None)
        self._opened, self._probe = opened, None
        self._epoch += 1


class Ticket:
    """Leave for one call. The first word on how it went counts; there has to be one."""

    __slots__ = ("_breaker", "_settled", "epoch", "probe", "since")

    def __init__(self, breaker: Breaker, epoch: int, since: float, *, probe: bool) -> None:
        self._breaker = breaker
        self._settled = False
        self.epoch = epoch
        self.since = since
        self.probe = probe

    def succeeded(self) -> None:
        """The upstream does its work."""
        if self._settle():
            self._breaker.succeeded(self)

    def failed(self, now: float) -> None:
        """It cannot be reached, does not answer in time, or says itself that it cannot."""
        if self._settle():
            self._breaker.failed(self, now)

    def left(self) -> None:
        """The call was given up, or refused for what it asked."""
        if self._settle():
            self._breaker.left(self)

    def _settle(self) -> bool:
        first, self._settled = not self._settled, True
        return first
