"""What the rules of a policy ask of a stream: which answers can only be decided whole, and what is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.actions.label import Label
from guard.actions.replace import Replace
from guard.content import Direction, Modality
from guard.policy.model import AllOf, CategoryIs, Missing, Mode, Not, Policy, Rule, walk
from guard.taxonomy import covers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guard.finding import Finding

_CHANGES = 30
"""The strength from which an action changes what is released."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What holds an answer back beyond its sentences.

    *whole* says why nothing can be released early, "" if it can. *joint* rules fire on several findings together, so
    everything is held from the first of them on. With *replaces* each text is held to its end. *changes* says whether
    texts may be cut, *labels* whether messages may get a last line.
    """

    whole: str
    joint: tuple[Rule, ...]
    replaces: bool
    changes: bool
    labels: bool

    def asked(self, finding: Finding) -> frozenset[int]:
        """Which of all conditions of joint rules *finding* is a part of, by their numbers."""
        conditions = (condition for rule in self.joint for condition in walk(rule.when))
        return frozenset(number for number, condition in enumerate(conditions) if _is_asked(condition, finding))

    @property
    def most(self) -> int:
        """How many findings any condition of a joint rule asks for."""
        conditions = (condition for rule in self.joint for condition in walk(rule.when))
        return max((one.count for one in conditions if isinstance(one, CategoryIs)), default=1)


def needs_of(policy: Policy) -> Needs:
    """What *policy* needs for the text of an answer."""
    rules = list(_changing(policy))
    labels = [rule for rule in _enforced(policy) if isinstance(rule.then, Label) and rule.then.labels_text]
    return Needs(
        whole=_why_held(policy) or _why_whole(rules, labels) or _why_signed(policy),
        joint=tuple(rule for rule in rules if _is_joint(rule)),
        replaces=any(isinstance(rule.then, Replace) for rule in rules),
        changes=any(rule.then.strength < Replace.strength for rule in rules),
        labels=bool(labels),
    )


def _why_held(policy: Policy) -> str:
    """What is held for a person is held whole, wherever in it the reason is."""
    for rule in policy.rules:
        if rule.then.name == "review" and Direction.OUTPUT in rule.directions and policy.mode is not Mode.SHADOW:
            return f"rule `{rule.id}` holds answers for review"
    return ""


def _why_whole(rules: Iterable[Rule], labels: Iterable[Rule]) -> str:
    for rule in rules:
        if _asks_for_absence(rule):
            return f"rule `{rule.id}` asks for what is not there"
    for rule in labels:
        if isinstance(rule.then, Label) and rule.then.place == "start":
            return f"rule `{rule.id}` labels the beginning"
    return ""


def _why_signed(policy: Policy) -> str:
    """A signature is over all of a text, and where it cannot be made nothing may have been sent."""
    for rule in policy.rules:
        if isinstance(rule.then, Label) and rule.then.signs_text and policy.mode is not Mode.SHADOW:
            return f"rule `{rule.id}` signs texts"
    return ""


def _enforced(policy: Policy) -> list[Rule]:
    if policy.mode is Mode.SHADOW:
        return []
    return [rule for rule in policy.rules if Direction.OUTPUT in rule.directions and Modality.TEXT in rule.modalities]


def _changing(policy: Policy) -> Iterable[Rule]:
    return (rule for rule in _enforced(policy) if rule.then.strength >= _CHANGES)


def _asks_for_absence(rule: Rule) -> bool:
    return any(isinstance(condition, Missing | Not) for condition in walk(rule.when))


def _is_joint(rule: Rule) -> bool:
    return any(
        isinstance(condition, AllOf) or (isinstance(condition, CategoryIs) and condition.count > 1)
        for condition in walk(rule.when)
    )


def _is_asked(condition: object, finding: Finding) -> bool:
    if not isinstance(condition, CategoryIs) or not covers(condition.category, finding.category):
        return False
    high = 1.0 if condition.at_most is None else condition.at_most
    return condition.at_least <= finding.score <= high
