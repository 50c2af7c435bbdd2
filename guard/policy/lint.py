"""What is wrong, or not as it should be, with a policy file: load errors, and what loads but cannot be meant.

``guard policy lint`` prints these, one ``path:line:col: problem`` to a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from guard.content import Modality
from guard.errors import PolicyError, RegistryError
from guard.policy.evaluate import INCONCLUSIVE, MARK_SEEN
from guard.policy.loader import load_policy
from guard.policy.model import (
    AllOf,
    AnyOf,
    CategoryIs,
    Condition,
    Inconclusive,
    Missing,
    Not,
    Policy,
    Rule,
    categories,
    walk,
)
from guard.policy.testing import Case, load_tests, tests_of
from guard.taxonomy import covers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from guard.decision import Action
    from guard.policy.serving import Catalog


class Severity(StrEnum):
    """An error stops the gateway; a warning is for people."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; prints as ``path:line:col: problem``."""

    path: str
    line: int
    col: int
    problem: str
    severity: Severity = Severity.WARNING

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.col}: {self.severity}: {self.problem}"


def lint(path: str | Path, *, actions: Mapping[str, type[Action]], catalog: Catalog) -> list[Problem]:
    """Everything that can be said against the policy in *path* and its tests, in the order of its lines."""
    try:
        policy = load_policy(path, actions=actions, catalog=catalog)
    except PolicyError as error:
        return [_error(error)]
    problems = [
        Problem(policy.path, rule.line, 1, text) for rule in policy.rules for text in _rule(rule, policy, catalog)
    ]
    problems += _duplicates(policy)
    problems.sort(key=lambda problem: problem.line)
    return problems + _tests(policy, tests_of(path), actions)


def _error(error: PolicyError) -> Problem:
    problem = f"{error.problem}; {error.hint}" if error.hint else error.problem
    return Problem(error.path, error.line, error.col, problem, Severity.ERROR)


def _rule(rule: Rule, policy: Policy, catalog: Catalog) -> Iterator[str]:
    name = f"rule `{rule.id}`"
    for condition in walk(rule.when):
        if isinstance(condition, AllOf) and _contradicts(condition):
            yield f"{name} can never fire: it asks for something and for its absence at once"
        if isinstance(condition, AllOf | AnyOf) and len(set(condition.conditions)) < len(condition.conditions):
            yield f"{name} has the same condition twice; take one out"
    for category in categories(rule.when):
        readable = _modalities(category, policy, catalog)
        if readable is not None and readable.isdisjoint(rule.modalities) and not _asks_absence(rule.when, category):
            seen = ", ".join(sorted(readable)) or "nothing"
            yield f"{name} cannot fire on `{category}`: its classifiers read {seen}, and the rule does not look there"
    if rule.then.name in {"block", "review"} and _is_evaded(rule.when, policy):
        yield (
            f"{name} does not fire where a mark cannot be made out; add a rule on `mark.inconclusive`, or write "
            "`inconclusive: missing`"
        )
    if rule.then.name == "redact" and not any(isinstance(c, CategoryIs) for c in _asserted(rule.when)):
        yield f"{name} redacts, but its condition points at nothing that could be masked"
    if rule.then.name == "allow":
        yield f"{name} excuses nothing: the strongest action wins, and `allow` is the weakest"
    if not rule.message and rule.then.name in {"block", "replace", "review"}:
        yield f"{name} has no `message`: people are told nothing of why"
    elif rule.message and "zh" not in rule.message:
        yield f"{name} has no `zh` message"


def _is_evaded(condition: Condition, policy: Policy) -> bool:
    """Whether *condition* asks for a mark's absence, and damage that hides the mark would pass every rule."""
    asks = [c for c in walk(condition) if isinstance(c, Missing) and c.inconclusive is Inconclusive.PRESENT]
    named = [category for rule in policy.rules for category in categories(rule.when)]
    return any(covers("mark", c.mark) for c in asks) and not any(covers(INCONCLUSIVE, one) for one in named)


def _contradicts(condition: AllOf) -> bool:
    """Whether one member asks for what another one excludes."""
    wanted = [c for c in condition.conditions if isinstance(c, CategoryIs)]
    excluded = [c.condition for c in condition.conditions if isinstance(c, Not)]
    excluded += [CategoryIs(c.mark, MARK_SEEN) for c in condition.conditions if isinstance(c, Missing)]
    return any(
        covers(no.category, yes.category)
        and no.at_least <= yes.at_least
        and (no.at_most is None or no.at_most >= (1.0 if yes.at_most is None else yes.at_most))
        and no.count <= yes.count
        for yes in wanted
        for no in excluded
        if isinstance(no, CategoryIs)
    )


def _asserted(condition: Condition) -> Iterator[Condition]:
    """The conditions in *condition* that stand under no `not`."""
    if isinstance(condition, AnyOf | AllOf):
        for inner in condition.conditions:
            yield from _asserted(inner)
    elif not isinstance(condition, Not):
        yield condition


def _asks_absence(condition: Condition, category: str) -> bool:
    return not any(isinstance(c, CategoryIs) and c.category == category for c in _asserted(condition))


def _modalities(category: str, policy: Policy, catalog: Catalog) -> frozenset[Modality] | None:
    """What the classifiers that run for *policy* and give *category* can read; None if that cannot be told."""
    found: frozenset[Modality] = frozenset()
    aloud: frozenset[Modality] = frozenset()  # what is read out to those that read texts
    for name, options in policy.needs.items():
        try:
            gives, kind = catalog.provides(name, options), catalog.find(name)
        except RegistryError:
            return None
        if kind.reader:
            aloud |= kind.modalities | {Modality.VIDEO}
        if any(covers(category, one) or covers(one, category) for one in gives):
            found |= kind.modalities
    return found | aloud if Modality.TEXT in found else found


def _duplicates(policy: Policy) -> list[Problem]:
    problems: list[Problem] = []
    for i, rule in enumerate(policy.rules):
        for earlier in policy.rules[:i]:
            if rule.when == earlier.when and _meet(rule, earlier):
                text = f"rule `{rule.id}` has the condition of rule `{earlier.id}`, and they look at the same content"
                problems.append(Problem(policy.path, rule.line, 1, text))
    return problems


def _meet(one: Rule, other: Rule) -> bool:
    roles = one.roles is None or other.roles is None or not one.roles.isdisjoint(other.roles)
    return roles and not one.directions.isdisjoint(other.directions) and not one.modalities.isdisjoint(other.modalities)


def _tests(policy: Policy, path: Path, actions: Mapping[str, type[Action]]) -> list[Problem]:
    if not path.exists():
        return [Problem(policy.path, 1, 1, f"the policy has no tests; write {path.name} beside it")]
    try:
        cases = load_tests(path)
    except PolicyError as error:
        return [_error(error)]
    return [Problem(str(path), line, 1, text) for line, text in _cases(policy, cases, actions)]


def _cases(policy: Policy, cases: tuple[Case, ...], actions: Mapping[str, type[Action]]) -> Iterator[tuple[int, str]]:
    known = {rule.id for rule in policy.rules}
    expected = {rule for case in cases for rule in case.expect.rules or ()}
    for case in cases:
        if case.expect.action not in actions:
            yield case.line, f"there is no action `{case.expect.action}`"
        for name in sorted(set(case.expect.rules or ()) - known):
            yield case.line, f"there is no rule `{name}`"
    for rule in policy.rules:
        if rule.id not in expected:
            yield 1, f"no case expects rule `{rule.id}` to fire"
    if not any(case.expect.rules == () and not case.detection.failures for case in cases):
        yield 1, "no case expects that nothing fires: write one with `rules: []`"
