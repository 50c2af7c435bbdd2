"""Known texts: long runs that stand in a text and in a protected one word for word, found by winnowing.

Letters and digits only, without case, so that other spacing and punctuation change nothing. Fingerprints are chosen as
in Schleimer, Wilkerson, Aiken, Winnowing: Local Algorithms for Document Fingerprinting (2003).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.errors import WeightsError
from guard.finding import Finding
from guard.media.marks.model import Asserts, Mark, Report, Status
from guard.taxonomy import is_known, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from classifiers._winnow import Index


@dataclass(frozen=True)
class TextMatchOptions:
    """*texts*: files or folders of protected UTF-8 texts, each with its category. *at_least*: letters in a row.

    A Chinese character counts as three letters. Shorter runs than *at_least* do not count.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    at_least: int = 150

    def __post_init__(self) -> None:
        for category in self.texts.values():
            if not is_known(category):
                msg = f"`{category}` is no category; {suggest(category)}"
                raise ValueError(msg)
        if self.at_least < 50:
            msg = "at_least should be 50 or more: shorter runs are anybody's"
            raise ValueError(msg)


class TextMatch(Classifier[str]):
    """Items are texts; cost is characters."""

    Options: ClassVar[type[Any]] = TextMatchOptions
    reads: Reads = "whole"
    batch_cost = 200_000

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """The categories of the texts; nothing without texts."""
        return frozenset(options.texts.values())

    def load(self) -> None:
        """Read the protected texts."""
        from classifiers import _winnow

        self._indexes: list[tuple[str, str, Index]] = []
        for name, category in self.options.texts.items():
            path = Path(name)
            try:
                files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
                index = _winnow.Index([file.read_text("utf-8") for file in files])
            except (OSError, UnicodeDecodeError) as error:
                msg = f"classifier `text_match`: {name} cannot be read: {error}"
                raise WeightsError(msg) from error
            self._indexes.append((path.stem, category, index))

    def prepare(self, part: Readable) -> str:
        """The text itself."""
        if not isinstance(part, View):
            msg = "text_match reads text only"
            raise Unreadable(msg)
        return part.text

    def cost(self, item: str) -> int:
        """Characters."""
        return max(1, len(item))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """The runs of each text that stand in a protected one, each with its span."""
        return [
            [
                Finding(str(mark.detail["category"]), mark.score, span=mark.location, evidence=mark.evidence)
                for mark in self._marks(text)
            ]
            for text in items
        ]

    def inspect(self, part: Readable) -> Report:
        """The runs of *part* that stand in a protected text."""
        return Report(None, tuple(self._marks(self.prepare(part))))

    def _marks(self, text: str) -> list[Mark]:
        from classifiers import _winnow

        read = _winnow.read(text)
        least = self.options.at_least
        return [
            Mark(
                "match", Status.DETECTED, Asserts.KNOWN, "text", "words", code="letters in a row",
                score=min(1.0, 0.5 + 0.5 * (letters - least) / least), statistic=float(letters), location=(start, end),
                detail={"list": name, "category": category},
            )
            for name, category, index in self._indexes
            for start, end, letters in index.runs(read, least)
        ]  # fmt: skip
