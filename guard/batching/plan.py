"""Which entries to judge next. Pure: who waits and the time are given, nothing is changed.

The budget counts cost units, not items: thirty short texts cost what one long one does. The calls that wait take
turns, so that a short one does not wait until a long one is through; each turn takes one entry at least and each call
has its turn before any has two, so that a long one is not kept waiting by ever new short ones either.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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


class Line(NamedTuple, Generic[E]):
    """What one call still waits for: its *entries* from *start* on, in their order."""

    entries: Sequence[E]
    start: int = 0

    @property
    def waiting(self) -> Sequence[E]:
        """The entries that are left."""
        return self.entries[self.start :]


class Take(NamedTuple, Generic[E]):
    """The entries of some lines, sorted: each is in exactly one of the four, those of a call in their order."""

    batch: list[E]
    expired: list[E]
    abandoned: list[E]
    rest: list[Line[E]]


def take(lines: Iterable[Line[E]], now: float, budget: int) -> Take[E]:
    """Take entries that together cost at most *budget*, and at least one, from each of *lines* in turn.

    A turn takes what fits an equal share of the budget, and one entry in any case; turns go round until the next
    entry does not fit the budget. Who had a turn stands behind those who had none in what is left. Abandoned entries
    and those whose deadline has come are sorted out on the way; they cost nothing. The work is that of the entries
    that leave, plus a little for each line; entries that stay are not looked at.
    """
    ring = deque(lines)
    taken: Take[E] = Take([], [], [], [])
    share = budget // max(1, len(ring))
    left = budget
    while ring:
        line, cost = _turn(ring[0], now, share, left, taken)
        left -= cost
        if line.start == len(line.entries):
            ring.popleft()
        elif cost:
            ring.popleft()
            ring.append(line)
        else:
            ring[0] = line
            break
    return taken._replace(rest=list(ring))


def _turn(line: Line[E], now: float, share: int, left: int, taken: Take[E]) -> tuple[Line[E], int]:
    """Move what one turn takes of *line* to *taken*, and give what stays of it and what that cost."""
    entries, at = line
    spent = 0
    while at < len(entries):
        entry = entries[at]
        if entry.abandoned:
            taken.abandoned.append(entry)
        elif entry.deadline <= now:
            taken.expired.append(entry)
        elif (spent and spent + entry.cost > share) or (taken.batch and spent + entry.cost > left):
            break
        else:
            taken.batch.append(entry)
            spent += entry.cost
        at += 1
    return Line(entries, at), spent
