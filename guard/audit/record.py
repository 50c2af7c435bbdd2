"""What is recorded of a request: ids, codes, counts, scores and places; never content."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guard.decision import Coverage, Decision
    from guard.finding import Finding

MOST_FINDINGS = 100
"""How many findings one summary lists; a count stands for the rest."""

INTERRUPTED = "interrupted"
"""The error of a request whose process ended while its answer was being released."""

_NOTEWORTHY = 0.5
"""Scores from which a finding is recorded even if no rule fired on it."""


class State(StrEnum):
    """How a request ended. Every request has exactly one record, with one of these."""

    ALLOWED = "allowed"
    FLAGGED = "flagged"
    BLOCKED = "blocked"
    HELD = "held"
    REDACTED = "redacted"
    ERROR_CLOSED = "error_closed"
    ERROR_OPEN = "error_open"
    CLIENT_GONE = "client_gone"
    UPSTREAM_ERROR = "upstream_error"
    SHED = "shed"
    REJECTED_PROTOCOL = "rejected_protocol"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """The one terminal record of a request.

    *time* is from `timestamp`. *status* is the HTTP status sent, 0 where there was none. *source* is ``proxy``,
    ``library`` or ``check``. *input* and *output* come from `summarise`; `summaries` reads them. *error* is a code.
    *timings* are milliseconds by the name of the step. *attempts* counts calls of the upstream. Sizes are bytes.
    """

    id: str
    time: str
    state: State
    status: int = 0
    source: str = "proxy"
    route: str = ""
    tenant: str | None = None
    model: str | None = None
    stream: bool = False
    policy: str = ""
    revision: str = ""
    mode: str = ""
    action: str = ""
    rules: tuple[str, ...] = ()
    input: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    error: str = ""
    upstream_status: int | None = None
    attempts: int = 0
    timings: dict[str, float] = field(default_factory=dict)
    bytes_in: int = 0
    bytes_out: int = 0


def timestamp(moment: datetime | None = None) -> str:
    """*moment*, or now, as a record has it: UTC, ISO 8601, milliseconds, so that texts sort like times.

    >>> timestamp(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    '2026-03-01T12:00:00.000Z'
    """
    utc = datetime.now(UTC) if moment is None else moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def interrupted(record: AuditRecord) -> AuditRecord:
    """The terminal record of a request that was begun as *record* and never completed."""
    return replace(record, state=State.ERROR_CLOSED, error=INTERRUPTED)


def restored(values: Mapping[str, Any]) -> AuditRecord:
    """The record that was written as the JSON object *values*."""
    known = {field.name for field in fields(AuditRecord)}
    kept = {name: value for name, value in values.items() if name in known}
    return AuditRecord(**{**kept, "state": State(kept["state"]), "rules": tuple(kept.get("rules", ()))})


def summarise(decision: Decision) -> dict[str, Any]:
    """What a record says of *decision*, as plain JSON.

    Of the findings, those that a rule fired on come first, then those that score at least 0.5; ``findings_more`` counts
    the ones beyond the first hundred.
    """
    fired = dict.fromkeys(finding for effect in decision.effects for finding in effect.findings)
    noted = [*fired, *(f for f in decision.findings if f.score >= _NOTEWORTHY and f not in fired)]
    return {
        "action": decision.action,
        "cause": decision.cause.value,
        "rules": list(decision.rules),
        "findings": [_finding(finding) for finding in noted[:MOST_FINDINGS]],
        "findings_more": max(0, len(noted) - MOST_FINDINGS),
        "failures": [
            {"classifier": failure.classifier, "kind": failure.kind.value, "detail": failure.detail}
            for failure in decision.failures
        ],
        "coverage": _coverage(decision.coverage),
    }


def summaries(side: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Each decision that a record has on one *side*, its input or its output, as `summarise` told it.

    A request for several decisions has several; a side on which nothing was decided has none.
    """
    if side is None:
        return []
    several = side.get("decisions")
    found = several if isinstance(several, list) else [side]
    return [one for one in found if isinstance(one, dict) and "action" in one]


def _finding(finding: Finding) -> dict[str, Any]:
    noted: dict[str, Any] = {
        "category": finding.category,
        "score": round(float(finding.score), 4),
        "part": finding.part,
        "span": finding.span,
        "classifier": finding.classifier,
    }
    if finding.box is not None:
        noted["box"] = finding.box
    if finding.time is not None:
        noted["time"] = finding.time
    return noted


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "checked": coverage.checked,
        "exempt": dict(coverage.exempt),
        "unscannable": dict(Counter(reason for _, reason in coverage.unscannable)) if coverage.unscannable else {},
        "unchecked": coverage.unchecked,
    }
