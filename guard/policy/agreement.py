"""How far two yes-or-no judges agree: another system's verdicts, and the rules of a policy. Pure.

Detection ─decide→ Decision ─`noticing`→ rules ┐
another system's log ─`verdict`→ bool ────────┴→ `Agreement`: counts, kappa
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.errors import GuardError
from guard.policy.tune import said
from guard.taxonomy import CATEGORIES, covers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.decision import Decision, Detection
    from guard.policy.tune import Leaf

_Z95 = 1.959963984540054


@dataclass(slots=True)
class Agreement:
    """Records on which two judges were asked: what *both* noticed, only one of them, or *neither*."""

    both: int = 0
    ours_alone: int = 0
    theirs_alone: int = 0
    neither: int = 0

    def take(self, *, ours: bool, theirs: bool) -> None:
        """Count a record."""
        self.both += ours and theirs
        self.ours_alone += ours and not theirs
        self.theirs_alone += theirs and not ours
        self.neither += not ours and not theirs

    @property
    def records(self) -> int:
        """All of them."""
        return self.both + self.ours_alone + self.theirs_alone + self.neither

    @property
    def agreed(self) -> int:
        """Those on which the judges say the same."""
        return self.both + self.neither

    @property
    def kappa(self) -> float | None:
        """Agreement beyond chance, 1 at most (Cohen 1960); None where a judge always says the same.

        >>> round(Agreement(both=20, ours_alone=5, theirs_alone=10, neither=15).kappa, 4)
        0.4
        """
        chance = self._chance
        return None if chance is None else (self.agreed / self.records - chance) / (1 - chance)

    @property
    def kappa_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `kappa`, by its standard error in large samples (Fleiss, Cohen and Everitt 1969).

        >>> [round(bound, 3) for bound in Agreement(20, 5, 10, 15).kappa_interval]
        [0.151, 0.649]
        """
        kappa, chance = self.kappa, self._chance
        if kappa is None or chance is None:
            return None
        shares = [[self.both / self.records, self.ours_alone / self.records]]
        shares.append([self.theirs_alone / self.records, self.neither / self.records])
        ours = [sum(row) for row in shares]
        theirs = [shares[0][n] + shares[1][n] for n in (0, 1)]
        same = sum(shares[n][n] * (1 - (ours[n] + theirs[n]) * (1 - kappa)) ** 2 for n in (0, 1))
        other = sum(shares[n][1 - n] * (theirs[n] + ours[1 - n]) ** 2 for n in (0, 1)) * (1 - kappa) ** 2
        variance = (same + other - (kappa - chance * (1 - kappa)) ** 2) / (self.records * (1 - chance) ** 2)
        width = _Z95 * math.sqrt(max(0.0, variance))
        return max(-1.0, kappa - width), min(1.0, kappa + width)

    @property
    def _chance(self) -> float | None:
        """How often two would agree by chance who say yes as often as these; None where one always says the same."""
        if not self.records:
            return None
        ours, theirs = (self.both + self.ours_alone) / self.records, (self.both + self.theirs_alone) / self.records
        return None if {ours, theirs} & {0, 1} else ours * theirs + (1 - ours) * (1 - theirs)


def noticing(decision: Decision, least: int, categories: Sequence[str] = ()) -> tuple[str, ...]:
    """The rules that fired with an action of strength *least* or more; with *categories*, on one of them or below."""
    return tuple(
        effect.rule
        for effect in decision.effects
        if effect.action.strength >= least
        and (not categories or any(covers(c, finding.category) for finding in effect.findings for c in categories))
    )


def verdict(
    log: str, categories: Sequence[str] = (), named: Sequence[str] = (), at_least: float | None = None
) -> bool | None:
    """Whether another system noticed something, by the word that its *log* has; None if that says nothing.

    It is one of the values *named*, in capitals or not; a number of *at_least* so much; or else a truth or names of
    categories, of which with *categories* only those at or below them count.

    Raises:
        GuardError: *log* cannot be read so.
    """
    found = said(log)
    if found is None:
        return None
    if named:
        return log.strip().casefold() in {name.strip().casefold() for name in named}
    if at_least is not None:
        return _number(log) >= at_least
    if isinstance(found, bool):
        return found
    if unknown := [name for name in found if _family(name) not in _FAMILIES]:
        msg = (
            f"the verdict `{unknown[0][:40]}` is neither a truth nor one of our categories; say with --positive what is"
        )
        raise GuardError(msg)
    return not categories or any(covers(category, name) for category in categories for name in found)


def nearest(detection: Detection, leaves: Sequence[Leaf]) -> tuple[Leaf, float] | None:
    """The condition that came closest to its threshold in *detection*, and its score; None if nothing was seen."""
    scored = [(leaf, score) for leaf in leaves if not leaf.negated and (score := leaf.score(detection))]
    return max(scored, key=lambda one: one[1] - one[0].condition.at_least, default=None)


def _number(log: str) -> float:
    try:
        score = float(log)
    except ValueError:
        score = math.nan
    if math.isnan(score):
        msg = f"the verdict `{log[:40]}` is no number; --verdict-at-least needs a column of scores"
        raise GuardError(msg)
    return score


def _family(category: str) -> str:
    return category.partition(".")[0]


_FAMILIES = frozenset({*map(_family, CATEGORIES), "custom"})
