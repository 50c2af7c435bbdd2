"""What files say of where they come from: C2PA manifests, China's AIGC label, IPTC source types, generators' traces.

It reads metadata, of pictures, sound and film, and asks no network. It never looks at what is shown: see `watermark`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import Modality, View
from guard.errors import WeightsError
from guard.media.marks.families import METADATA
from guard.media.marks.model import Report, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.finding import Finding


@dataclass(frozen=True)
class ProvenanceOptions:
    """*trust*: files of certificates (PEM) to trust beside C2PA's own list; *max_bytes* of one file."""

    trust: tuple[str, ...] = ()
    max_bytes: int = 128 << 20

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            msg = "max_bytes should be at least 1"
            raise ValueError(msg)


class Provenance(Classifier[Report]):
    """Items are reports; reading them is the work, and `classify` only gives it."""

    Options: ClassVar[type[Any]] = ProvenanceOptions
    categories = categories_of(METADATA)
    modalities = frozenset({Modality.IMAGE, Modality.AUDIO, Modality.VIDEO})
    reads: Reads = "whole"
    batch_cost = 1_000
    license = "Apache-2.0"

    def load(self) -> None:
        """Read the trust lists and open the library."""
        from guard.media.marks import c2pa

        try:
            self._anchors = tuple(Path(name).read_text("ascii") for name in self.options.trust)
            c2pa.check(self._anchors)
        except (OSError, ValueError) as error:
            msg = f"classifier `provenance`: a trust list cannot be read: {error}"
            raise WeightsError(msg) from error

    def prepare(self, part: Readable) -> Report:
        """Read all metadata of *part*."""
        report = self.inspect(part)
        if report.unread:
            msg = f"the file is {report.unread}" if report.media_type is None else report.unread
            raise Unreadable(msg)
        return report

    def inspect(self, part: Readable) -> Report:
        """Everything that is known of *part*'s marks, more than findings hold."""
        from guard.media.marks import metadata

        if isinstance(part, View):
            msg = "provenance reads files only"
            raise Unreadable(msg)
        if len(part.data) > self.options.max_bytes:
            return Report(None, unread="larger than is read")
        return metadata.read(part.data, self._anchors)

    def cost(self, item: Report) -> int:
        """All the same: the work is done by then."""
        return 1 + len(item.marks)

    def classify(self, items: Sequence[Report]) -> list[list[Finding]]:
        """The marks of each item."""
        return [findings(item.marks, _modality(item.media_type)) for item in items]


def _modality(media_type: str | None) -> Modality:
    kind = (media_type or "").partition("/")[0]
    return Modality(kind) if kind in {"image", "audio", "video"} else Modality.OPAQUE
