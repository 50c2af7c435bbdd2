"""Toxic language in English and Chinese: TF-IDF and logistic regression, the floor that is always there.

It knows words and how they stand together, not what is meant: see ``weights/toxicity.md`` for what it was trained on,
what it measured, and what it cannot do. A finding is about the whole text it read, so it has no span.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from guard.classifier import Classifier, Readable, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

SHA256 = "34888a538e52a017898cd79041ed6de0aceb79b94c3bac2eac07104960324d49"
WEIGHTS = Path(__file__).parent / "weights" / "toxicity.npz"
HEADS = ("toxicity", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate")
_LEAST = 0.01


class Toxicity(Classifier[str]):
    """Items are texts, cost is their length; every head that reaches 0.01 gives a finding.

    The window is short: a score is of everything in it, and one bad sentence must not drown in a long good text.
    """

    categories = frozenset(HEADS)
    window = 400
    horizon = 100
    inline_cost = 256
    version = "tfidf-1"

    def load(self) -> None:
        """Read the arrays beside this file."""
        from classifiers import _linear

        self._model = _linear.load(WEIGHTS, SHA256)
        self._model.scores("warm up")

    def prepare(self, part: Readable) -> str:
        """The text itself."""
        if not isinstance(part, View):
            msg = "toxicity reads text only"
            raise Unreadable(msg)
        return part.text

    def cost(self, item: str) -> int:
        """Characters."""
        return max(1, len(item))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """The heads of each text that reach 0.01."""
        return [self._findings(item) for item in items]

    def _findings(self, text: str) -> list[Finding]:
        scores = self._model.scores(text)
        return [
            Finding(head, float(score), evidence="tfidf")
            for head, score in zip(self._model.heads, scores, strict=True)
            if score >= _LEAST
        ]
