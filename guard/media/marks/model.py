"""`Mark`, one thing that was found out about provenance, and `Report`, all of it for one file or text."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from guard.content import Modality
from guard.finding import Finding

if TYPE_CHECKING:
    from guard.classifier import Readable


class Status(StrEnum):
    """How far a mark can be relied upon."""

    TRUSTED = "trusted"
    """Signed, intact, and by someone on a trust list."""
    INTACT = "intact"
    """Signed and intact, by someone who is on no trust list."""
    CREDENTIAL = "credential"
    """Signed and intact, with a certificate that is expired, revoked or no good."""
    DECLARED = "declared"
    """Said in unsigned metadata, which anyone can write."""
    DETECTED = "detected"
    """Shown by a statistic or a fingerprint, whose strength is the mark's score."""
    TAMPERED = "tampered"
    """Signed, and changed since."""
    MALFORMED = "malformed"
    """There, and not as its standard asks."""
    CONFLICT = "conflict"
    """There more than once, saying different things."""
    INCONCLUSIVE = "inconclusive"
    """Damaged, out of bounds, unsupported or too little to tell: neither there nor absent."""


class Asserts(StrEnum):
    """What a mark says of the origin."""

    AI = "generated"
    AI_EDITED = "edited"
    MAYBE = "possible"
    SUSPECTED = "suspected"
    HUMAN = "human"
    KNOWN = "known"
    NOTHING = "nothing"


_SOUND = frozenset({Status.TRUSTED, Status.INTACT, Status.CREDENTIAL, Status.DECLARED, Status.DETECTED})
_OF_AI = frozenset({Asserts.AI, Asserts.AI_EDITED, Asserts.MAYBE, Asserts.SUSPECTED})


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark.

    *family* is its kind, a category below ``mark`` (``c2pa``, ``aigc_label``, ``pixel.dwtdct``); *kind* what of it, one
    more step down (``sdxl``). *carrier* is the place in the file (``png iTXt``), *location* where that is in bytes or
    characters. *issuer* and *detail* may hold words of the file: they are for a person's eyes, not for a record.
    *code* says in fixed words what the status rests on. *score* is the evidence's strength in [0, 1], *statistic* a
    z-score or a distance, *p_value* how often chance does as well.
    """

    family: str
    status: Status
    asserts: Asserts = Asserts.NOTHING
    kind: str = ""
    carrier: str = ""
    issuer: str = ""
    code: str = ""
    score: float = 1.0
    statistic: float | None = None
    p_value: float | None = None
    location: tuple[int, int] | None = None
    detail: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def is_sound(self) -> bool:
        """Whether the mark counts as there: not one that was tampered with, or that cannot be made out."""
        return self.status in _SOUND

    @property
    def category(self) -> str:
        """``mark.c2pa.trusted``; for a mark that is not sound ``mark.tampered.c2pa``."""
        if not self.is_sound:
            return f"mark.{self.status.value}.{self.family}"
        return f"mark.{self.family}.{self.kind}" if self.kind else f"mark.{self.family}"

    @property
    def evidence(self) -> str:
        """Why, in a few words of ours."""
        statistic = f"{self.statistic:.1f}" if self.statistic is not None else ""
        return " ".join(word for word in (self.carrier, self.code, statistic) if word)

    def describe(self) -> dict[str, Any]:
        """The mark as JSON; what is empty is left out."""
        said = {
            "family": self.family, "kind": self.kind, "status": self.status.value, "asserts": self.asserts.value,
            "carrier": self.carrier, "issuer": self.issuer, "code": self.code, "score": round(self.score, 4),
            "statistic": None if self.statistic is None else round(self.statistic, 3), "p_value": self.p_value,
            "location": None if self.location is None else list(self.location), "detail": self.detail,
        }  # fmt: skip
        return {key: value for key, value in said.items() if value not in ("", None, {})}


@dataclass(frozen=True, slots=True)
class Report:
    """All *marks* of one thing that was read. *unread* says why it could not be read at all; then nothing is absent."""

    media_type: str | None
    marks: tuple[Mark, ...] = ()
    unread: str = ""

    @property
    def state(self) -> str:
        """``bad`` (some mark is not as it should be), else ``present``, ``inconclusive`` or ``absent``."""
        if any(not mark.is_sound and mark.status is not Status.INCONCLUSIVE for mark in self.marks):
            return "bad"
        if any(mark.is_sound for mark in self.marks):
            return "present"
        return "inconclusive" if self.marks or self.unread else "absent"


class Inspector(Protocol):
    """A classifier that can say more of the marks it sees than findings hold."""

    def inspect(self, part: Readable) -> Report:
        """Everything found out about *part*. Raises nothing on hostile bytes."""


def findings(marks: tuple[Mark, ...] | list[Mark], modality: Modality) -> list[Finding]:
    """*marks* as findings: each by its category, and once more below ``mark.ai`` where a sound one says so."""
    found: dict[tuple[str, tuple[int, int] | None], Finding] = {}
    for mark in marks:
        categories = [mark.category]
        if mark.is_sound and mark.asserts in _OF_AI:
            categories.append(f"mark.ai.{mark.asserts.value}")
        elif mark.is_sound and mark.asserts is Asserts.HUMAN:
            categories.append("mark.human")
        span = mark.location if modality is Modality.TEXT else None
        for category in categories:
            known = found.get((category, span))
            if known is None or known.score < mark.score:
                found[category, span] = Finding(
                    category, mark.score, span=span, modality=modality, evidence=mark.evidence
                )
    return list(found.values())


def categories_of(families: dict[str, tuple[str, ...]]) -> frozenset[str]:
    """Every category that marks of *families* (each with its kinds) can have."""
    names = {f"mark.ai.{one.value}" for one in _OF_AI} | {"mark.human"}
    for family, kinds in families.items():
        names |= {f"mark.{family}", *(f"mark.{family}.{kind}" for kind in kinds)}
        names |= {f"mark.{status.value}.{family}" for status in Status if status not in _SOUND}
    return frozenset(names)
