"""Which entries of a queue to judge next. Pure: the queue and the time are given, nothing is changed.

The budget counts cost units, not items: thirty short texts cost what one long one does. Entries leave in the order
they came, so that none can starve behind cheaper ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class Waiting(Protocol):
    """What planning needs to know of an entry."""

    @property
    def cost(self) -> int:
        """Its size in the classifier's units, at least 1."""

    @property
    def deadline(self) -> float:
        """When it is no use any more, on the clock of *now*."""

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for it any more."""


E = TypeVar("E", bound=Waiting)


class Take(NamedTuple, Generic[E]):
    """A queue, sorted: every entry is in exactly one of the four, each in the order of the queue."""

    batch: list[E]
    expired: list[E]
    abandoned: list[E]
    rest: Sequence[E]


def take(queue: Sequence[E], now: float, budget: int) -> Take[E]:
    """Take the first entries of *queue* that together cost at most *budget*, and at least one.

    Abandoned entries and those whose deadline has come are sorted out on the way; they cost nothing. Entries behind the
    first one that does not fit are not looked at.
    """
    batch: list[E] = []
    expired: list[E] = []
    abandoned: list[E] = []
    spent = 0
    for index, entry in enumerate(queue):
        if entry.abandoned:
            abandoned.append(entry)
        elif entry.deadline <= now:
            expired.append(entry)
        elif batch and spent + entry.cost > budget:
            return Take(batch, expired, abandoned, queue[index:])
        else:
            batch.append(entry)
            spent += entry.cost
    return Take(batch, expired, abandoned, queue[:0])
