"""What a policy would have decided on what is on record. Pure.

summary of a record ─`detection`→ Detection ─decide→ `Replay`: the decision, and which of its rules are in doubt

A record holds the findings that a rule fired on and those that score 0.5 or more, without modality or role, and no
content. So of some rules it cannot be told whether they would have fired; which, is part of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.content import Direction, Modality
from guard.decision import Coverage, Decision, Detection, Failure, FailureKind
from guard.finding import Finding
from guard.policy.evaluate import decide
from guard.policy.model import CategoryIs, Missing, Not, Policy, Rule, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECORDED = 0.5
"""The score from which every finding is on record."""
_READABLE = tuple(one for one in Modality if one is not Modality.OPAQUE)


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision, as far as the record goes, and the *doubtful* rules with the reason.

    With *open* the decision itself is in doubt: one of those rules could make it another.
    """

    decision: Decision
    doubtful: tuple[tuple[str, str], ...] = ()
    open: bool = False


def replay(policy: Policy, summary: Mapping[str, Any], direction: Direction, decision_id: str = "") -> Replay:
    """What *policy* would have decided on content going in *direction* of which a record says *summary*.

    Raises:
        ValueError, KeyError, TypeError: it is no summary.
    """
    seen = detection(summary, direction)
    decision = decide(policy, seen, decision_id)
    cut = bool(summary.get("findings_more"))
    doubtful: list[tuple[str, str]] = []
    is_open = False
    strongest = max((effect.action.strength for effect in decision.effects), default=0)
    for rule in policy.rules:
        if direction not in rule.directions:
            continue
        effect = next((one for one in decision.effects if one.rule == rule.id), None)
        why = _doubt_of_silence(rule, cut=cut) if effect is None else _doubt_of_firing(rule, effect.findings)
        if why:
            doubtful.append((rule.id, why))
            is_open |= rule.then.strength > strongest if effect is None else rule.then.strength == strongest
    return Replay(decision, tuple(doubtful), is_open)


def detection(summary: Mapping[str, Any], direction: Direction) -> Detection:
    """What a record says was seen. A finding that may be of several modalities stands there once for each."""
    coverage = summary.get("coverage") or {}
    unscannable = tuple(
        ("", str(reason)) for reason, count in (coverage.get("unscannable") or {}).items() for _ in range(int(count))
    )
    findings = tuple(one for found in summary.get("findings") or () for one in _findings(found))
    return Detection(
        direction,
        modalities=frozenset(_READABLE),
        findings=findings,
        failures=tuple(
            Failure(str(f["classifier"]), FailureKind(f["kind"]), str(f.get("detail", "")))
            for f in summary.get("failures") or ()
        ),
        coverage=Coverage(int(coverage.get("checked", 0)), (), unscannable, int(coverage.get("unchecked", 0))),
    )


def _findings(found: Mapping[str, Any]) -> Iterator[Finding]:
    span, box, time = found.get("span"), found.get("box"), found.get("time")
    if span is not None:
        modalities: tuple[Modality, ...] = (Modality.TEXT,)
    elif box is not None:
        modalities = (Modality.IMAGE,) if time is None else (Modality.VIDEO,)
    else:
        modalities = _READABLE if time is None else (Modality.AUDIO, Modality.VIDEO)
    for modality in modalities:
        yield Finding(
            str(found["category"]),
            float(found["score"]),
            span=None if span is None else (span[0], span[1]),
            box=None if box is None else (box[0], box[1], box[2], box[3]),
            time=None if time is None else (time[0], time[1]),
            part=str(found.get("part", "")),
            modality=modality,
            classifier=str(found.get("classifier", "")),
        )


def _doubt_of_silence(rule: Rule, *, cut: bool) -> str:
    """Why a rule that does not fire on the record may have fired on the content."""
    for condition in walk(rule.when):
        if isinstance(condition, Missing | Not):
            return "it asks for absence, and a record does not say what content there was"
        if isinstance(condition, CategoryIs) and condition.at_least < RECORDED:
            return f"scores below {RECORDED:g} are not on record"
    return "not all findings are on record" if cut else ""


def _doubt_of_firing(rule: Rule, fired: tuple[Finding, ...]) -> str:
    """Why a rule that fires on the record may not have fired on the content."""
    if any(isinstance(condition, Missing | Not) for condition in walk(rule.when)):
        return "it asks for absence, and a record does not say what content there was"
    if rule.roles is not None:
        return "roles are not on record"
    if not rule.modalities.issuperset(_READABLE) and any(one.span is None for one in fired):
        return "modalities are not on record"
    return ""
