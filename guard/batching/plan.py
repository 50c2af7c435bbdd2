"""Which entries to judge next, and what stands before a call that comes now. Pure: nothing that is given is changed.

The budget counts cost units, not items: thirty short texts cost what one long one does. Of the calls that wait the one
that is *due* first has the first turn. A turn takes what fits an equal share of the budget, one entry in any case;
after it the call is due as if it had only just come. So a short call does not wait until a long one is through, a long
one is not kept waiting by ever new short ones, and nobody waits longer than until all that were due before have had
one turn each, however patient it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import log
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_PADDING = 1.15
"""How many times its entries' own cost a batch may cost, where shorter ones are filled up to the longest."""
_LOG_MOST_PADDING = log(MOST_PADDING)
_LOOKED_AT = 64
"""Calls whose next entry is too unlike a batch to go with it, before the batch leaves without looking further."""


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
    """What one call still waits for: its *entries* from *start* on, in their order.

    *due* is when it should have its next turn at the latest, and *patience* how long after a turn it is due again.
    """

    entries: Sequence[E]
    start: int = 0
    due: float = 0.0
    patience: float = 0.0

    @property
    def waiting(self) -> Sequence[E]:
        """The entries that are left."""
        return self.entries[self.start :]


due_at = attrgetter("due")


class Take(NamedTuple, Generic[E]):
    """The entries of some lines, sorted: each is in exactly one of the four, those of a call in their order."""

    batch: list[E]
    expired: list[E]
    abandoned: list[E]
    rest: list[Line[E]]


@dataclass(slots=True)
class _Fill:
    """How full a batch is; where it *pads*, all its entries cost what the longest does.

    *fixed* is what a batch costs besides, in the same units: for so much it is worth while to pad.
    """

    budget: int
    pads: bool
    fixed: int
    count: int = 0
    total: int = 0
    longest: int = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing fits any more."""
        return (self.longest * (self.count + 1) if self.pads else self.total + 1) > self.budget and self.count > 0

    def fits(self, cost: int) -> bool:
        """Whether one more entry may go along. The first always may."""
        if not self.count:
            return True
        total, count = self.total + cost, self.count + 1
        if not self.pads:
            return total <= self.budget
        padded = max(self.longest, cost) * count
        return padded <= self.budget and padded + self.fixed * count <= MOST_PADDING * (total + self.fixed * count)

    def add(self, cost: int) -> None:
        self.count += 1
        self.total += cost
        self.longest = max(self.longest, cost)


def likeness(cost: int, fixed: int) -> int:
    """A number that entries share which may be padded to each other, where a batch costs *fixed* besides."""
    return int(log(cost + fixed) / _LOG_MOST_PADDING)


def take(lines: Sequence[Line[E]], now: float, budget: int, *, pads: bool = False, fixed: int = 0) -> Take[E]:
    """Take entries that together cost at most *budget*, and at least one, from each of *lines* in turn.

    *lines* stand in the order in which they are due, and so does what is left of them. Turns go round until the next
    entry does not fit the budget. Where the classifier *pads* the entries of a batch to the longest, one that
    would waste too much is left for another batch, and the lines behind it have their turn; the line that is due first
    is always in it. Abandoned entries and those whose deadline has come are sorted out on the way; they cost nothing.
    """
    taken, turned = pick(lines, now, budget, pads=pads, fixed=fixed)
    return taken._replace(rest=sorted((*taken.rest, *turned), key=due_at))


def pick(
    lines: Sequence[Line[E]], now: float, budget: int, *, pads: bool = False, fixed: int = 0
) -> tuple[Take[E], list[Line[E]]]:
    """What `take` does, with those lines apart that had a turn and are not through.

    The work is that of the entries that leave; lines that stay are copied, not looked at.
    """
    taken: Take[E] = Take([], [], [], [])
    share = budget // max(1, len(lines))
    fill = _Fill(budget, pads, fixed)
    passed: list[Line[E]] = []
    turned: deque[Line[E]] = deque()
    at = 0
    while at < len(lines) and not fill.is_full and len(passed) < (_LOOKED_AT if pads else 1):
        line, spent = _turn(lines[at], now, share, fill, taken)
        at += 1
        if line.start < len(line.entries):
            if spent:
                turned.append(line._replace(due=now + line.patience))
            else:
                passed.append(line)
    full: list[Line[E]] = []
    while turned and at == len(lines) and not fill.is_full and not (passed or (full and not pads)):
        line, spent = _turn(turned.popleft(), now, share, fill, taken)
        if line.start < len(line.entries):
            (turned if spent else full).append(line)
    return taken._replace(rest=[*passed, *lines[at:]]), [*full, *turned]


def _turn(line: Line[E], now: float, share: int, fill: _Fill, taken: Take[E]) -> tuple[Line[E], int]:
    """Move what one turn takes of *line* to *taken*, and give what stays of it and what that cost."""
    entries, at = line.entries, line.start
    spent = 0
    while at < len(entries):
        entry = entries[at]
        if entry.abandoned:
            taken.abandoned.append(entry)
        elif entry.deadline <= now:
            taken.expired.append(entry)
        elif (spent and spent + entry.cost > share) or not fill.fits(entry.cost):
            break
        else:
            taken.batch.append(entry)
            fill.add(entry.cost)
            spent += entry.cost
        at += 1
    return line._replace(start=at), spent


def ahead(waiting: Iterable[tuple[int, int]], cost: int) -> int:
    """About what is judged before a call of *cost* that comes now is through, itself not counted.

    *waiting* has, for each call that is due before it, what that costs in all and what its next entry does. Calls take
    turns, so that of a longer one no more goes first than the call itself is long, or one entry.
    """
    return sum(min(left, max(cost, following)) for left, following in waiting)
