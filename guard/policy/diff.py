"""What a change of policy changes: two policies on one detection. Pure.

Detection ─decide(old), decide(new)→ **Change** ─`Tally`→ counts and examples
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from guard.decision import Decision
from guard.policy.evaluate import ALLOW, decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.decision import Detection
    from guard.policy.model import Policy

BLOCK = "block"
_EDITS = frozenset({"redact", "replace", "label"})
_UNSEEN = ("match", "unknown_fields", "race_input", "release_below", "remember")

Place = TypeVar("Place")


@dataclass(frozen=True, slots=True)
class Change:
    """One record on which two policies do not agree: what each decides."""

    before: Decision
    after: Decision

    @property
    def gained(self) -> tuple[str, ...]:
        """Rules that fire now and did not."""
        return tuple(rule for rule in self.after.rules if rule not in self.before.rules)

    @property
    def lost(self) -> tuple[str, ...]:
        """Rules that fired and do not now."""
        return tuple(rule for rule in self.before.rules if rule not in self.after.rules)

    @property
    def touched(self) -> tuple[str, ...]:
        """The rules that the change is filed under: those gained and lost, or else all that fire."""
        return (*self.gained, *self.lost) or tuple(dict.fromkeys((*self.before.rules, *self.after.rules)))

    @property
    def actions(self) -> tuple[str, str]:
        """What is done before and after; in shadow mode that is nothing."""
        return _done(self.before), _done(self.after)


def compare(old: Policy, new: Policy, detection: Detection, decision_id: str = "") -> Change | None:
    """What changes for a record with *detection*; None if it is decided, changed and told the same.

    Other scores that a rule fires on, or rules in another order, are no change where what is done is the same.
    """
    before, after = decide(old, detection, decision_id), decide(new, detection, decision_id)
    return differing(before, after)


def differing(before: Decision, after: Decision) -> Change | None:
    """The change between two decisions on one record, if it is one."""
    return None if _outcome(before) == _outcome(after) else Change(before, after)


def unseen(old: Policy, new: Policy) -> tuple[str, ...]:
    """Keys in which two policies differ and which no decision on a record depends on."""
    return tuple(name for name in _UNSEEN if getattr(old, name) != getattr(new, name))


def _done(decision: Decision) -> str:
    return decision.action if decision.enforced else ALLOW


def _outcome(decision: Decision) -> tuple[object, ...]:
    """All of a decision that somebody would notice. Actions and messages by their repr: it is total."""
    if decision.action == BLOCK:  # nothing of the others is carried out
        stops = [effect for effect in decision.effects if effect.action.name == BLOCK]
        said = next((repr(effect.message) for effect in stops if effect.message), "")  # the first one with words speaks
        done = {said, *(repr(effect.action) for effect in stops)}
    else:
        done = {
            repr((effect.action, effect.message, finding))
            for effect in decision.effects
            if effect.action.name in _EDITS
            for finding in effect.findings or (None,)
        }
    return decision.action, decision.enforced, decision.cause, frozenset(decision.rules), frozenset(done)


@dataclass(slots=True)
class Tally(Generic[Place]):
    """Counts over many records, and the first *most* examples of every rule."""

    most: int = 3
    records: int = 0
    changed: int = 0
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    otherwise: Counter[str] = field(default_factory=Counter)
    """Rules that fire before and after, on records where they do something else."""
    without_rule: int = 0
    """Changes that no rule has a part in: of what failures and unreadable parts ask for."""
    examples: defaultdict[str, list[tuple[Place, Change]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, place: Place, change: Change | None) -> None:
        """Count a record; *place* is how an example of it is found again."""
        self.records += 1
        if change is None:
            return
        self.changed += 1
        self.actions[change.actions] += 1
        self.gained.update(change.gained)
        self.lost.update(change.lost)
        if not (change.gained or change.lost):
            self.otherwise.update(change.touched)
        if not change.touched:
            self.without_rule += 1
        for rule in change.touched or ("",):
            if len(self.examples[rule]) < self.most:
                self.examples[rule].append((place, change))

    @property
    def rules(self) -> Iterator[tuple[str, int, int, int]]:
        """Every rule with a part in a change: how often gained, lost, and doing something else; the most first."""
        total = self.gained + self.lost + self.otherwise
        for rule, _ in sorted(total.items(), key=lambda one: (-one[1], one[0])):
            yield rule, self.gained[rule], self.lost[rule], self.otherwise[rule]
