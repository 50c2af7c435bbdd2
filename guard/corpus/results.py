"""The format of results: one row per input record, never any of its content. Described in docs/audit.md."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from guard.content import Content, Direction, Modality
from guard.decision import Coverage, Detection, Failure, FailureKind, Judged, Refusal
from guard.finding import Finding
from guard.report import MOST_LISTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

FORMAT = 1
"""Raised when a reader of an older one would misunderstand a newer."""
DIGITS = 6
"""Decimals of a score: as many as do not depend on how batches fell, whatever the model."""


def row_of(content: Content, judged: Judged) -> dict[str, Any]:
    """What is kept of one judged record: all of the detection, so that another policy can decide on it again."""
    decision = judged.decision
    fired = {finding for effect in decision.effects for finding in effect.findings}
    findings = list(decision.findings)
    if len(findings) > MOST_LISTED:
        rank = sorted(range(len(findings)), key=lambda n: (findings[n] not in fired, -findings[n].score, n))
        findings = [findings[n] for n in sorted(rank[:MOST_LISTED])]
    if isinstance(judged.released, Refusal):
        released = "refused"
    else:
        released = "as it is" if judged.released.parts == content.parts else "changed"
    return {
        "decision_id": decision.id,
        "action": decision.action,
        "cause": decision.cause.value,
        "enforced": decision.enforced,
        "released": released,
        "rules": list(decision.rules),
        "findings": [_finding(finding, fired=finding in fired) for finding in findings],
        "findings_left_out": len(decision.findings) - len(findings),
        "direction": decision.direction.value,
        "modalities": sorted({part.modality.value for part in content.parts}),
        "coverage": {
            "checked": decision.coverage.checked,
            "exempt": [{"rule": name, "count": count} for name, count in decision.coverage.exempt],
            "unscannable": [{"part": part, "reason": why} for part, why in decision.coverage.unscannable],
            "unchecked": decision.coverage.unchecked,
        },
        "failures": [{"classifier": f.classifier, "kind": f.kind.value, "detail": f.detail} for f in decision.failures],
        "policy": decision.policy,
        "revision": decision.revision,
        "characters": sum(len(getattr(part, "text", "")) for part in content.parts),
    }


def _finding(finding: Finding, *, fired: bool) -> dict[str, Any]:
    start, end = finding.span if finding.span is not None else (None, None)
    return {
        "category": finding.category,
        "score": round(float(finding.score), DIGITS),
        "fired": fired,
        "part": finding.part,
        "start": start,
        "end": end,
        "box": list(finding.box) if finding.box is not None else None,
        "time": list(finding.time) if finding.time is not None else None,
        "modality": finding.modality.value,
        "role": finding.role,
        "classifier": finding.classifier,
        "evidence": finding.evidence,
    }


def detection_of(row: Mapping[str, Any]) -> Detection:
    """The detection that a row was decided on; up to `DIGITS` decimals, and without ``findings_left_out``."""
    coverage = row["coverage"]
    return Detection(
        direction=Direction(row["direction"]),
        modalities=frozenset(map(Modality, row["modalities"])),
        findings=tuple(map(_finding_of, row["findings"])),
        failures=tuple(Failure(f["classifier"], FailureKind(f["kind"]), f["detail"]) for f in row["failures"]),
        coverage=Coverage(
            coverage["checked"],
            tuple((one["rule"], one["count"]) for one in coverage["exempt"]),
            tuple((one["part"], one["reason"]) for one in coverage["unscannable"]),
            coverage["unchecked"],
        ),
    )


def _finding_of(row: Mapping[str, Any]) -> Finding:
    box, time = row["box"], row["time"]
    return Finding(
        category=row["category"],
        score=row["score"],
        span=None if row["start"] is None else (row["start"], row["end"]),
        box=None if box is None else (box[0], box[1], box[2], box[3]),
        time=None if time is None else (time[0], time[1]),
        part=row["part"],
        modality=Modality(row["modality"]),
        role=row["role"],
        classifier=row["classifier"],
        evidence=row["evidence"],
    )


@functools.cache
def schema() -> pa.Schema:
    """The columns of ``results/part-*.parquet``, in their order."""
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    finding = pa.struct(
        [
            ("category", text),
            ("score", pa.float64()),
            ("fired", pa.bool_()),
            ("part", text),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("box", pa.list_(pa.float64())),
            ("time", pa.list_(pa.float64())),
            ("modality", text),
            ("role", text),
            ("classifier", text),
            ("evidence", text),
        ]
    )
    coverage = pa.struct(
        [
            ("checked", pa.int32()),
            ("exempt", pa.list_(pa.struct([("rule", text), ("count", pa.int32())]))),
            ("unscannable", pa.list_(pa.struct([("part", text), ("reason", text)]))),
            ("unchecked", pa.int32()),
        ]
    )
    failure = pa.struct([("classifier", text), ("kind", text), ("detail", text)])
    columns: list[tuple[str, Any]] = [
        ("row", whole),
        ("id", text),
        ("source", text),
        ("offset", whole),
        ("decision_id", text),
        ("action", text),
        ("cause", text),
        ("enforced", pa.bool_()),
        ("released", text),
        ("rules", pa.list_(text)),
        ("findings", pa.list_(finding)),
        ("findings_left_out", pa.int32()),
        ("direction", text),
        ("modalities", pa.list_(text)),
        ("coverage", coverage),
        ("failures", pa.list_(failure)),
        ("policy", text),
        ("revision", text),
        ("characters", whole),
        ("duplicate_of", whole),
        ("time", text),
        ("by", pa.list_(pa.struct([("column", text), ("value", text)]))),
    ]
    return pa.schema(columns, metadata={"guard.audit.format": str(FORMAT)})


def table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """*rows* as a table of that schema."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema())
