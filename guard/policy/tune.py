"""Thresholds for a rate of false positives that one can live with, from scores and labels. Pure.

policy ─leaves→ `Leaf` ─scores of labelled records, `threshold`→ number ─`written`→ the policy's text, comments kept
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guard.errors import PolicyError
from guard.policy import document
from guard.policy.model import AllOf, AnyOf, CategoryIs, Condition, Not, Policy, Rule
from guard.taxonomy import covers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from guard.decision import Detection
    from guard.policy.document import Field

DECIMALS = 4
"""Of the thresholds that are written."""
_STEP: int = 10**DECIMALS
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_SCALAR = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|[^\s,}\]#]+")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One ``category:`` in the condition of a rule; *path* leads to it through ``any``, ``all`` and ``not``."""

    number: int
    rule: Rule
    path: tuple[int, ...]
    condition: CategoryIs
    negated: bool = False

    @property
    def fixed(self) -> str:
        """Why its threshold cannot be tuned; empty if it can."""
        if self.negated:
            return "it stands under `not`"
        if self.condition.count > 1:
            return "it has a `count`"
        return "it has an `at_most`" if self.condition.at_most is not None else ""

    def score(self, detection: Detection) -> float | None:
        """The highest score in *detection* that the rule would look at, 0 without one; None if it does not look there.

        It does not where content goes in a direction that the rule is not for, or is all of other modalities.
        """
        rule = self.rule
        if detection.direction not in rule.directions or rule.modalities.isdisjoint(detection.modalities):
            return None
        return max(
            (
                finding.score
                for finding in detection.findings
                if covers(self.condition.category, finding.category)
                and finding.modality in rule.modalities
                and (rule.roles is None or finding.role is None or finding.role in rule.roles)
            ),
            default=0.0,
        )


def leaves(policy: Policy, categories: Sequence[str] = ()) -> tuple[Leaf, ...]:
    """Every condition on one of *categories* or below, in the file's order; on any, if none is named."""
    found = [leaf for number, rule in enumerate(policy.rules) for leaf in _leaves(number, rule, rule.when, ())]
    return tuple(f for f in found if not categories or any(covers(c, f.condition.category) for c in categories))


def _leaves(
    number: int, rule: Rule, condition: Condition, path: tuple[int, ...], *, negated: bool = False
) -> Iterator[Leaf]:
    if isinstance(condition, CategoryIs):
        yield Leaf(number, rule, path, condition, negated)
    elif isinstance(condition, AnyOf | AllOf):
        for n, inner in enumerate(condition.conditions):
            yield from _leaves(number, rule, inner, (*path, n), negated=negated)
    elif isinstance(condition, Not):
        yield from _leaves(number, rule, condition.condition, (*path, 0), negated=True)


def threshold(negatives: Sequence[float], fpr: float) -> float | None:
    """The lowest threshold, a multiple of 0.0001 above 0, that at most *fpr* of the scores *negatives* reach.

    None if there is none: too many of them score 1.

    >>> threshold([0.1, 0.2, 0.3, 0.9], 0.25)
    0.3001
    """
    allowed = math.floor(fpr * len(negatives) + 1e-9)
    if allowed >= len(negatives):
        return 1 / _STEP
    highest = sorted(negatives, reverse=True)[allowed]
    step = max(1, math.floor(highest * _STEP))
    while step <= _STEP and step / _STEP <= highest:
        step += 1
    return step / _STEP if step <= _STEP else None


def reached(scores: Sequence[float], at_least: float) -> int:
    """How many of *scores* a threshold lets through to the rule."""
    return sum(score >= at_least for score in scores)


def written(text: str, policy: Policy, changes: Mapping[Leaf, float]) -> str:
    """*text*, the source of *policy*, with other thresholds; every other character stays as it is.

    The caller loads it and compares it with `expected`.
    """
    rules = document.read(text, policy.path).entries()["rules"].items()
    starts = [0, *(match.end() for match in _BREAK.finditer(text))]
    edits: list[tuple[int, int, str]] = []
    for leaf, value in changes.items():
        field = _descend(rules[leaf.number].entries()["when"], leaf.path)
        parts = field.entries()
        shown = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
        if "at_least" in parts:
            begin = starts[parts["at_least"].line - 1] + parts["at_least"].col - 1
            edits.append((begin, _end(text, begin), shown))
            continue
        category = parts["category"]
        begin = starts[category.line - 1] + category.col - 1
        if field.is_flow:
            edits.append((_end(text, begin), _end(text, begin), f", at_least: {shown}"))
            continue
        after = _BREAK.search(text, begin)
        where, newline = (after.start(), after.group()) if after else (len(text), "\n")
        column = category.key.col - 1 if category.key is not None else 0
        edits.append((where, where, f"{newline}{' ' * column}at_least: {shown}"))
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    return text


def expected(policy: Policy, changes: Mapping[Leaf, float]) -> tuple[Rule, ...]:
    """The rules of *policy* with other thresholds, as `written` has to leave them."""
    rules = list(policy.rules)
    for leaf, value in changes.items():
        rule = rules[leaf.number]
        rules[leaf.number] = replace(rule, when=_with(rule.when, leaf.path, value))
    return tuple(rules)


def _with(condition: Condition, path: tuple[int, ...], value: float) -> Condition:
    if isinstance(condition, CategoryIs):
        return replace(condition, at_least=value)
    if isinstance(condition, AnyOf | AllOf):
        inner = list(condition.conditions)
        inner[path[0]] = _with(inner[path[0]], path[1:], value)
        return replace(condition, conditions=tuple(inner))
    if isinstance(condition, Not):
        return Not(_with(condition.condition, path[1:], value))
    return condition


def _descend(field: Field, path: tuple[int, ...]) -> Field:
    for number in path:
        parts = field.entries()
        inner = parts.get("any") or parts.get("all")
        field = inner.items()[number] if inner is not None else parts["not"]
    return field


def _end(text: str, begin: int) -> int:
    """Where the scalar that begins there ends."""
    match = _SCALAR.match(text, begin)
    if match is None:  # a scalar of another kind: folded, say
        line = text.count("\n", 0, begin) + 1
        raise PolicyError("", line, 1, "the value is written in a way that is not edited here", "write it on one line")
    return match.end()


def said(label: object) -> bool | tuple[str, ...] | None:
    """What *label* says: nothing; a truth (``1``, ``true``, ``yes``); or the names of what is there.

    Names are joined by commas, semicolons or spaces.
    """
    text = str(label).strip()
    if label is None or text in {"", "None", "nan", "null"}:
        return None
    folded = text.lower()
    if folded in _TRUE or folded in _FALSE:
        return folded in _TRUE
    return tuple(name for name in re.split(r"[\s,;|\[\]'\"]+", folded) if name)


def positive(label: object, category: str, named: Sequence[str] = ()) -> bool | None:
    """Whether *label* says that *category* is there; None if it says nothing.

    A label is one of the values *named*, or else what `said` reads: names at or below *category* mean that it is there.
    """
    found = said(label)
    if found is None:
        return None
    if named:
        return str(label).strip() in named
    return found if isinstance(found, bool) else any(covers(category, name) for name in found)


_TRUE = frozenset({"1", "1.0", "true", "yes", "y"})
_FALSE = frozenset({"0", "0.0", "false", "no", "n", "[]", "none", "safe", "ok"})


def is_bare(label: str) -> bool:
    """Whether a label says that something is there, and not what."""
    return said(label) is True
