"""Decides. Pure: no I/O, no clock, no model; the same policy and detection give the same decision, always.

Content ─detect→ Findings ─**decide**→ Decision ─enforce→ Content′

Every rule that fires asks for its action, every failure for the policy's answer to it, and the strongest wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from guard.decision import Action, Cause, Decision, Detection, Effect, Failure, FailureKind
from guard.policy.model import AnyOf, CategoryIs, Condition, Inconclusive, Missing, Mode, Not, Policy, Rule
from guard.taxonomy import covers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Modality
    from guard.finding import Finding

ALLOW = "allow"
"""What is decided when nothing asks for anything."""
MARK_SEEN = 0.5
"""The score from which a provenance mark counts as present."""

INCONCLUSIVE = "mark.inconclusive"
"""Category of what is neither there nor absent; below it stands the name of the mark that this is said of."""
_UNSOUND = ("mark.tampered", "mark.malformed", "mark.conflict")
_MARK, _METADATA = "mark", "metadata"

_PRECEDENCE = {
    Cause.RULES: 4, Cause.UNSCANNABLE: 3, Cause.OVERLOAD: 2, Cause.TIMEOUT: 1, Cause.ERROR: 0,
}  # fmt: skip
_CAUSES = {
    FailureKind.ERROR: Cause.ERROR,
    FailureKind.TIMEOUT: Cause.TIMEOUT,
    FailureKind.OVERLOAD: Cause.OVERLOAD,
}


def decide(policy: Policy, detection: Detection, decision_id: str) -> Decision:
    """The decision of *policy* on *detection*. Total: it never raises.

    - The order of findings does not matter.
    - With rules free of `not` and `missing`, more findings never weaken the action. (`at_most` bounds each finding
      by itself, so it does not break this; `not` and `missing` ask for absence, so they do.)
    - A score that is no number in [0, 1] is a failure of its classifier, never a reason to allow.
    - Where strengths tie, a rule is named before content that could not be read, and that before a failure.
    """
    sound = tuple([finding for finding in detection.findings if _is_score(finding.score)])
    failures = detection.failures
    if len(sound) < len(detection.findings):
        failures += _nonsense(detection.findings)
    effects = tuple(effect for rule in policy.rules if (effect := _fire(rule, detection, sound)) is not None)

    asked = [(effect.action, Cause.RULES) for effect in effects]
    asked += [(policy.on(failure.kind), _CAUSES.get(failure.kind, Cause.ERROR)) for failure in failures]
    if detection.coverage.unscannable:
        asked.append((policy.unscannable, Cause.UNSCANNABLE))
    action, cause = _strongest(asked)
    return Decision(
        id=decision_id,
        action=action,
        cause=cause,
        policy=policy.name,
        revision=policy.revision,
        direction=detection.direction,
        effects=effects,
        findings=sound,
        failures=failures,
        coverage=detection.coverage,
        enforced=policy.mode is Mode.ENFORCE,
    )


class _Scene(NamedTuple):
    """What one rule looks at: the *findings* within its bounds, of a detection that saw content of *modalities*."""

    findings: Sequence[Finding]
    rule: Rule
    modalities: frozenset[Modality]

    @property
    def present(self) -> bool:
        """Whether there is content that the rule looks at. Worked out only where absence is asked for."""
        return not self.rule.modalities.isdisjoint(self.modalities)


def _fire(rule: Rule, detection: Detection, findings: Sequence[Finding]) -> Effect | None:
    if detection.direction not in rule.directions:
        return None
    modalities, roles = rule.modalities, rule.roles
    # A finding whose role is not known counts for every role: leaving a role out must not slip past a rule.
    within = [f for f in findings if f.modality in modalities and (roles is None or f.role is None or f.role in roles)]
    seen = _seen(rule.when, _Scene(within, rule, detection.modalities))
    if seen is None:
        return None
    fired_on = tuple(finding for i, finding in enumerate(within) if i in seen)
    return Effect(rule.id, rule.then, fired_on, rule.message, modalities)


def _seen(condition: Condition, scene: _Scene) -> frozenset[int] | None:
    """Numbers of the findings that make *condition* true, or None where it is false."""
    if isinstance(condition, CategoryIs):
        return _seen_category(condition, scene)
    if isinstance(condition, Missing):
        return frozenset() if scene.present and _is_missing(condition, scene) else None
    if isinstance(condition, Not):
        return frozenset() if scene.present and _seen(condition.condition, scene) is None else None
    inner = [_seen(one, scene) for one in condition.conditions]
    true = [seen for seen in inner if seen is not None]
    enough = 1 if isinstance(condition, AnyOf) else len(inner)
    return frozenset[int]().union(*true) if len(true) >= enough else None


def _is_missing(condition: Missing, scene: _Scene) -> bool:
    seen = [f for f in scene.findings if f.score >= MARK_SEEN]
    if any(covers(condition.mark, f.category) and not _is_unsound(f.category, condition.mark) for f in seen):
        return False
    if condition.inconclusive is Inconclusive.MISSING or not covers(_MARK, condition.mark):
        return True
    return not any(_leaves_open(finding, condition.mark) for finding in seen)


def _is_unsound(category: str, mark: str) -> bool:
    """Whether *category* is of a mark that was tampered with, say, and so is not what is asked for by *mark*."""
    return mark == _MARK and any(covers(state, category) for state in (*_UNSOUND, INCONCLUSIVE))


def _leaves_open(finding: Finding, mark: str) -> bool:
    """Whether *finding* says that it cannot be told whether *mark* is there."""
    if not covers(INCONCLUSIVE, finding.category):
        return False
    family = finding.category.removeprefix(INCONCLUSIVE).lstrip(".")
    named = f"{_MARK}.{family}" if family and family != _METADATA else _MARK
    return covers(named, mark) or covers(mark, named)


def _seen_category(condition: CategoryIs, scene: _Scene) -> frozenset[int] | None:
    if not scene.findings:
        return None
    low, high = condition.at_least, 1.0 if condition.at_most is None else condition.at_most
    category = condition.category
    seen = [i for i, f in enumerate(scene.findings) if low <= f.score <= high and covers(category, f.category)]
    if len(seen) < condition.count:
        return None
    if condition.count > 1:
        # Two classifiers that see one e-mail address have seen one place, not two. By repr: it is total.
        places = {repr((f.part, f.span, f.box, f.time)) for f in map(scene.findings.__getitem__, seen)}
        if len(places) < condition.count:
            return None
    return frozenset(seen)


def _strongest(asked: Sequence[tuple[Action, Cause]]) -> tuple[str, Cause]:
    if not asked:
        return ALLOW, Cause.NONE
    action, cause = max(asked, key=lambda one: (one[0].strength, _PRECEDENCE[one[1]]))
    return action.name, cause


def _is_score(score: object) -> bool:
    """Whether *score* is a number in [0, 1]; NaN is not, and neither is anything that cannot be compared."""
    try:
        return bool(0.0 <= score <= 1.0)  # type: ignore[operator]  # the type is what a classifier promised
    except (TypeError, ValueError):
        return False


def _nonsense(findings: Sequence[Finding]) -> tuple[Failure, ...]:
    """One failure for each classifier that gave a score which is none."""
    names = sorted({finding.classifier for finding in findings if not _is_score(finding.score)})
    return tuple(Failure(name, FailureKind.ERROR, "score outside 0..1") for name in names)
