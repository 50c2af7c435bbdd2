"""The decision as JSON, one object per input: what ``guard check --json`` prints and ``/guard/v1/check`` answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from guard.content import Medium, TextPart
from guard.decision import Refusal

if TYPE_CHECKING:
    from guard.decision import Coverage, Decision, Judged
    from guard.finding import Finding

SHOWN = 0.5
"""Findings below this score are listed only where a rule fired on them."""
MOST_LISTED = 1000
"""Findings that one report lists."""


def describe(judged: Judged, most: int = MOST_LISTED) -> dict[str, Any]:
    """The contract of design and docs: id, action, rules, findings, failures, coverage, policy, released.

    *released* is the one text that may be used, a list where there are several, and null where nothing is released or
    what is released is no text; media that were changed are listed in ``released_media``. Of more than *most* findings
    the strongest are listed, those that rules fired on first among them, and ``findings_left_out`` counts the others.
    """
    decision = judged.decision
    findings = shown(decision)
    listed = findings if len(findings) <= most else _strongest(findings, decision, most)
    report: dict[str, Any] = {
        "id": decision.id,
        "action": decision.action,
        "cause": decision.cause.value,
        "rules": list(decision.rules),
        "findings": [describe_finding(finding) for finding in listed],
        "failures": [{"classifier": f.classifier, "kind": f.kind.value, "detail": f.detail} for f in decision.failures],
        "coverage": describe_coverage(decision.coverage),
        "policy": f"{decision.policy}@{decision.revision}",
        "enforced": decision.enforced,
        "released": released_text(judged),
    }
    media = [part for part in released_media(judged) if part.pointer in judged.changed]
    if media:
        report["released_media"] = [describe_medium(part) for part in media]
    if len(listed) < len(findings):
        report["findings_left_out"] = len(findings) - len(listed)
    if isinstance(judged.released, Refusal):
        report["refusal"] = {"code": judged.released.code, "message": judged.released.message}
    return report


def shown(decision: Decision) -> list[Finding]:
    """The findings worth a line: strong ones, and those that rules fired on."""
    fired = _fired(decision)
    return [finding for finding in decision.findings if finding.score >= SHOWN or finding in fired]


def _fired(decision: Decision) -> set[Finding]:
    return {finding for effect in decision.effects for finding in effect.findings}


def _strongest(findings: list[Finding], decision: Decision, most: int) -> list[Finding]:
    """*most* of *findings*, in their order."""
    fired = _fired(decision)
    rank = sorted(range(len(findings)), key=lambda n: (findings[n] not in fired, -findings[n].score))
    return [findings[number] for number in sorted(rank[:most])]


def describe_finding(finding: Finding) -> dict[str, Any]:
    """One finding, with whichever of span, box and time it has."""
    found: dict[str, Any] = {"category": finding.category, "score": round(finding.score, 4), "part": finding.part}
    for name in ("span", "box", "time"):
        place = getattr(finding, name)
        if place is not None:
            found[name] = list(place)
    found["classifier"] = finding.classifier
    if finding.evidence:
        found["evidence"] = finding.evidence
    return found


def describe_coverage(coverage: Coverage) -> dict[str, Any]:
    """What was checked, what is exempt and why, what could not be read."""
    return {
        "checked": coverage.checked,
        "exempt": dict(coverage.exempt),
        "unscannable": [{"part": pointer, "reason": reason} for pointer, reason in coverage.unscannable],
        "unchecked": coverage.unchecked,
    }


def released_media(judged: Judged) -> list[Medium]:
    """The pictures, sounds and films that may be used."""
    if isinstance(judged.released, Refusal):
        return []
    return [part for part in judged.released.parts if isinstance(part, Medium)]


def describe_medium(part: Medium) -> dict[str, Any]:
    """A medium that was changed, by what it is; its bytes are for whoever can take them."""
    digest = hashlib.sha256(part.data).hexdigest()
    return {"part": part.pointer, "modality": part.modality.value, "bytes": len(part.data), "sha256": digest}


def released_text(judged: Judged) -> str | list[str] | None:
    """The text that may be used."""
    if isinstance(judged.released, Refusal):
        return None
    texts = [part.text for part in judged.released.parts if isinstance(part, TextPart)]
    if not texts:
        return None
    return texts[0] if len(texts) == 1 else texts
