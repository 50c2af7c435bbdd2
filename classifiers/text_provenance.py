"""C2PA manifests in plain text, and China's AIGC label in the front matter of Markdown.

The whole text is what was signed, so an answer is held back to its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import Modality, View
from guard.errors import WeightsError
from guard.media.marks import c2pa
from guard.media.marks.model import Report, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.finding import Finding


@dataclass(frozen=True)
class TextProvenanceOptions:
    """*trust*: files of certificates (PEM) to trust beside C2PA's own list."""

    trust: tuple[str, ...] = ()


class TextProvenance(Classifier[Report]):
    """Items are reports; reading them is the work, and `classify` only gives it."""

    Options: ClassVar[type[Any]] = TextProvenanceOptions
    categories = categories_of(
        {c2pa.FAMILY: c2pa.KINDS, c2pa.INGREDIENT: ("expired", "revoked", "invalid"), "aigc_label": ()}
    )
    modalities = frozenset({Modality.TEXT})
    reads: Reads = "whole"
    batch_cost = 1_000
    inline_cost = 100
    _anchors: tuple[str, ...] = ()

    def load(self) -> None:
        """Read the trust lists and open the library."""
        try:
            self._anchors = tuple(Path(name).read_text("ascii") for name in self.options.trust)
            c2pa.check(self._anchors)
        except (OSError, ValueError) as error:
            msg = f"classifier `text_provenance`: a trust list cannot be read: {error}"
            raise WeightsError(msg) from error

    def prepare(self, part: Readable) -> Report:
        """Read the manifest in *part*, if there is one."""
        from guard.media.marks import c2pa_text, metadata

        if not isinstance(part, View):
            msg = "text_provenance reads text only"
            raise Unreadable(msg)
        marks = c2pa_text.read(part.text, self._anchors)
        return Report(None, (*marks, *metadata.read_text(part.text)))

    def inspect(self, part: Readable) -> Report:
        """The same."""
        return self.prepare(part)

    def cost(self, item: Report) -> int:
        """All the same: the work is done by then."""
        return 1 + len(item.marks)

    def classify(self, items: Sequence[Report]) -> list[list[Finding]]:
        """The marks of each item."""
        return [findings(item.marks, Modality.TEXT) for item in items]
