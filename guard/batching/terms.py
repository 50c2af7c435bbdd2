"""On what terms a call is judged: how soon it wants to be, and with whom it may share what was found before.

`Keyed` marks an item with what it was made of, `Desk` is what a batcher is to those who ask it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.batching.answers import Answer
    from guard.classifier import Readable

Item = TypeVar("Item")

INTERACTIVE = 10.0
"""Seconds between two turns of a call that somebody waits for, and before its first if its deadline is not sooner."""
BULK = 60.0
"""The same for a call of an audit: behind what people wait for, but never for ever."""


@dataclass(frozen=True, slots=True)
class Terms:
    """*patience*, in seconds, says who goes first: see `guard.batching.plan`.

    Calls of one *scope* share findings: identical items are judged once while they are in flight, and remembered after.
    Calls without one share nothing, not even with themselves.
    """

    patience: float = INTERACTIVE
    scope: str | None = None


ALONE = Terms()
"""Somebody waits, and nothing is shared."""


class Keyed(NamedTuple, Generic[Item]):
    """An item and the digest of what it was prepared from: items of equal digests have equal findings."""

    item: Item
    digest: bytes


@dataclass(frozen=True, slots=True)
class BatcherStats:
    """Counts since the start, and the state of now.

    *batches* and their *items*, *inline* calls, items that were *known* before they were run, and calls *refused*
    because they would have come too late. *backlog_s* is about how long all that waits will take, *batch_cost* the
    budget.
    """

    batches: int
    items: int
    inline: int
    known: int
    refused: int
    queued: int
    pending_cost: int
    stuck_threads: int
    backlog_s: float
    batch_cost: int


class Desk(Protocol):
    """Where one classifier is asked, wherever its model runs: see `guard.batching.batcher.Batcher`."""

    @property
    def shares(self) -> bool:
        """Whether items should come `Keyed`."""

    @property
    def stats(self) -> BatcherStats:
        """How much it has done, and what waits."""

    @property
    def backlog_s(self) -> float:
        """About how many seconds all that is admitted and not answered will take."""

    def digest(self, source: Readable) -> bytes:
        """By what an item made of *source* is known here."""

    async def submit(self, items: Sequence[Any], deadline: float, terms: Terms = ALONE) -> list[Answer]:
        """The findings of each item, or why there are none: same length, same order.

        *deadline* is a `time.monotonic` time. Raises nothing but `asyncio.CancelledError`.
        """

    def close(self, timeout: float = 1.0) -> None:
        """Fail what waits, and what comes; blocks for *timeout* seconds at most. Safe to repeat."""


class Bound:
    """A desk that is asked on one caller's *terms*."""

    def __init__(self, desk: Desk, terms: Terms) -> None:
        self._desk = desk
        self._terms = terms
        self.shares = desk.shares
        self.digest = desk.digest
        self.close = desk.close

    @property
    def stats(self) -> BatcherStats:
        """The desk's."""
        return self._desk.stats

    @property
    def backlog_s(self) -> float:
        """The desk's."""
        return self._desk.backlog_s

    async def submit(self, items: Sequence[Any], deadline: float, terms: Terms | None = None) -> list[Answer]:
        """`Desk.submit` on the terms that it is bound to, unless others are given."""
        return await self._desk.submit(items, deadline, terms or self._terms)
