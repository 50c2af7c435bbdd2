"""Marks in characters that nobody sees: payloads of tags, selectors, zero-width bits.

Emoji, Persian joiners and French spaces stay clean: see `classifiers._invisible`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers import _invisible
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import Modality, View
from guard.media.marks.model import Mark, Report, Status, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.finding import Finding

_FAMILY = "text.invisible"


class TextMarks(Classifier[str]):
    """Items are texts; cost is characters."""

    categories = categories_of({_FAMILY: _invisible.KINDS})
    modalities = frozenset({Modality.TEXT})
    reads: Reads = "stretches"
    batch_cost = 200_000
    inline_cost = 2_000

    def prepare(self, part: Readable) -> str:
        """The text itself."""
        if not isinstance(part, View):
            msg = "text_marks reads text only"
            raise Unreadable(msg)
        return part.text

    def cost(self, item: str) -> int:
        """Characters."""
        return max(1, len(item))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """The payloads in each text, each with its span."""
        return [findings(self._marks(text), Modality.TEXT) for text in items]

    def inspect(self, part: Readable) -> Report:
        """The payloads in *part*."""
        return Report(None, tuple(self._marks(self.prepare(part))))

    def pending(self, text: str) -> int:
        """From where on a payload could still grow."""
        return _invisible.pending(text)

    def _marks(self, text: str) -> list[Mark]:
        return [
            Mark(
                _FAMILY, Status.DETECTED, kind=kind, carrier="characters", code=f"{links} of a kind",
                location=(start, end),
            )
            for kind, start, end, links in _invisible.chains(text)
        ]  # fmt: skip
