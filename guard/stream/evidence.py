"""What was found so far that rules on several findings together may fire on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guard.finding import Finding
from guard.stream.needs import Needs

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class Evidence:
    """All of it, and *enough*: as few findings as say of every condition whether it is true, however many there are."""

    needs: Needs
    all: list[Finding] = field(default_factory=list)
    enough: list[Finding] = field(default_factory=list)
    _known: dict[tuple[object, ...], set[str]] = field(default_factory=dict)

    def add(self, findings: Iterable[Finding]) -> bool:
        """Take in those of *findings* that are evidence; whether any is."""
        before = len(self.all)
        for finding in findings:
            asked = self.needs.asked(finding)
            if not asked:
                continue
            self.all.append(finding)
            places = self._known.setdefault((asked, finding.modality, finding.role), set())
            place = repr((finding.part, finding.span, finding.box, finding.time))
            if len(places) < self.needs.most and place not in places:
                places.add(place)
                self.enough.append(finding)
        return len(self.all) > before
