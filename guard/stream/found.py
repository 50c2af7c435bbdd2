"""What was found in a streamed answer so far, for its record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guard.content import Direction, Modality
from guard.decision import Coverage, Decision, Detection, Failure
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOTEWORTHY = 0.5


@dataclass(slots=True)
class Found:
    """Everything found in the answer so far, for its record; of weak scores the strongest of each part."""

    findings: list[Finding] = field(default_factory=list)
    weak: dict[tuple[str, str], Finding] = field(default_factory=dict)
    failures: dict[Failure, None] = field(default_factory=dict)
    unscannable: dict[tuple[str, str], None] = field(default_factory=dict)
    exempt: dict[str, int] = field(default_factory=dict)
    modalities: set[Modality] = field(default_factory=set)
    checked: int = 0
    unchecked: int = 0

    def add_texts(self, findings: Iterable[Finding], decision: Decision) -> None:
        """Take in the *findings* in growing texts, and what could not be read according to the *decision* on them."""
        self._add_findings(findings)
        self.failures.update(dict.fromkeys(decision.failures))
        self.unscannable.update(dict.fromkeys(decision.coverage.unscannable))

    def add(self, detection: Detection) -> None:
        """Take in what was found in an event."""
        self._add_findings(detection.findings)
        self.failures.update(dict.fromkeys(detection.failures))
        self.unscannable.update(dict.fromkeys(detection.coverage.unscannable))
        self.modalities |= detection.modalities
        self.checked += detection.coverage.checked
        self.unchecked += detection.coverage.unchecked
        for rule, count in detection.coverage.exempt:
            self.exempt[rule] = self.exempt.get(rule, 0) + count

    def _add_findings(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if finding.score >= _NOTEWORTHY:
                self.findings.append(finding)
                continue
            key = finding.category, finding.part
            other = self.weak.get(key)
            if other is None or other.score < finding.score:
                self.weak[key] = finding

    def detection(self, texts: int, *, read: bool) -> Detection:
        """All of it, with *texts* growing texts that classifiers read, if any of them did."""
        strong = {(finding.category, finding.part) for finding in self.findings}
        weak = [finding for key, finding in self.weak.items() if key not in strong]
        exempt = dict(self.exempt)
        if texts and not read:
            exempt["no_rule"] = exempt.get("no_rule", 0) + texts
        return Detection(
            direction=Direction.OUTPUT,
            modalities=frozenset(self.modalities | ({Modality.TEXT} if texts else set())),
            findings=(*self.findings, *weak),
            failures=tuple(self.failures),
            coverage=Coverage(
                self.checked + texts * read, tuple(exempt.items()), tuple(self.unscannable), self.unchecked
            ),
        )
