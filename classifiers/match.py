"""Known pictures: fingerprints (PDQ, pHash) compared with lists of them, for what is forbidden or somebody's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.errors import WeightsError
from guard.finding import Finding
from guard.media.marks.model import Asserts, Mark, Report, Status
from guard.taxonomy import is_known, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.media.marks.prints import Known, Prints

_DOUBT = "mark.inconclusive.match"


@dataclass(frozen=True)
class MatchOptions:
    """*lists*: files of fingerprints, each with the category of what is on it, ``intellectual_property`` say."""

    lists: Mapping[str, str] = field(default_factory=dict)
    max_pixels: int = 40_000_000
    max_frames: int = 16

    def __post_init__(self) -> None:
        for category in self.lists.values():
            if not is_known(category):
                msg = f"`{category}` is no category; {suggest(category)}"
                raise ValueError(msg)
        if self.max_pixels < 1 or self.max_frames < 1:
            msg = "max_pixels and max_frames should be at least 1"
            raise ValueError(msg)


class Match(Classifier["tuple[Prints, ...]"]):
    """Items are the fingerprints of every frame and its mirror image."""

    Options: ClassVar[type[Any]] = MatchOptions
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"
    batch_cost = 64

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """The categories of the lists; nothing without lists."""
        return frozenset({*options.lists.values(), _DOUBT} if options.lists else ())

    def load(self) -> None:
        """Read the lists."""
        from guard.media.marks import prints

        self._lists: list[tuple[str, str, Known]] = []
        for name, category in self.options.lists.items():
            try:
                self._lists.append((Path(name).stem, category, prints.load(Path(name))))
            except (OSError, prints.ListError) as error:
                msg = f"classifier `match`: {error}"
                raise WeightsError(msg) from error

    def prepare(self, part: Readable) -> tuple[Prints, ...]:
        """The fingerprints of every frame of *part*."""
        from guard.media import image
        from guard.media.marks import prints

        if not isinstance(part, ImagePart):
            msg = "match reads pictures only"
            raise Unreadable(msg)
        found: list[Prints] = []
        limits = {"max_pixels": self.options.max_pixels, "max_frames": self.options.max_frames}
        for frame in image.decode(part.data, target=256, **limits):
            found += [prints.prints(frame), prints.mirrored(frame)]
        return tuple(found)

    def cost(self, item: tuple[Prints, ...]) -> int:
        """Fingerprints: each is compared with every entry."""
        return len(item)

    def classify(self, items: Sequence[tuple[Prints, ...]]) -> list[list[Finding]]:
        """For each picture the lists that it, or its mirror image, is on."""
        return [self._findings(self._marks(item)) for item in items]

    def inspect(self, part: Readable) -> Report:
        """The lists that *part* is on."""
        try:
            return Report(None, tuple(mark for _, mark in self._marks(self.prepare(part))))
        except Unreadable as error:
            return Report(None, unread=str(error))

    def _findings(self, marks: list[tuple[str, Mark]]) -> list[Finding]:
        best: dict[str, Finding] = {}
        for category, mark in marks:
            finding = Finding(category, mark.score, modality=Modality.IMAGE, evidence=mark.evidence)
            if category not in best or best[category].score < finding.score:
                best[category] = finding
        return list(best.values())

    def _marks(self, item: tuple[Prints, ...]) -> list[tuple[str, Mark]]:
        from guard.media.marks import prints

        found: list[tuple[str, Mark]] = []
        for name, category, known in self._lists:
            hits = [hit for seen in item if (hit := known.nearest(seen)) is not None]
            if hits:
                kind, distance = min(hits, key=lambda hit: hit[1] / prints.NEAR[hit[0]])
                score = 1.0 - 0.4 * distance / prints.NEAR[kind]
                mark = Mark(
                    "match", Status.DETECTED, Asserts.KNOWN, kind, "pixels", code=f"{kind} bits apart", score=score,
                    statistic=float(distance), detail={"list": name, "category": category},
                )  # fmt: skip
                found.append((category, mark))
        if self._lists and not found and any(seen.quality < prints.LEAST_QUALITY for seen in item):
            mark = Mark("match", Status.INCONCLUSIVE, carrier="pixels", code="too plain to tell", score=0.5)
            found.append((_DOUBT, mark))
        return found
