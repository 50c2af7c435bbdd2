"""Toxic language in English and Chinese: TF-IDF and logistic regression, the floor that is always there.

It knows words and how they stand together, not what is meant: see ``weights/toxicity.md`` for what it was trained on,
what it measured, and what it cannot do. A finding is about the whole text it read, so it has no span.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

SHA256 = "def0a785b14878deca6f461fd6cbc3bb64135f880976864b4a7c01cd599016a9"
WEIGHTS = Path(__file__).parent / "weights" / "toxicity.npz"
HEADS = ("toxicity", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate")
_LEAST = 0.01
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_SENTENCE = re.compile(r"[^。！？!?；;\n…]{1,80}[。！？!?；;\n…]*")
_DENSE = 40
_LEAST_SENTENCE = 4
_PASS = 100


class Toxicity(Classifier[str]):
    """Items are texts; cost is their characters and 100 more for each pass. Heads that reach 0.01 give a finding.

    The window is short: a score is of everything in it, and one bad sentence must not drown in a long good text.
    """

    categories = frozenset(HEADS)
    reads: Reads = "sentences"
    window = 256
    horizon = 64
    inline_cost = 220  # one text of 120 characters: some 75 µs
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
        """Characters, and what a pass costs however short the text: one, and one for each sentence scored alone."""
        return sum(_PASS + len(text) for text in (item, *sentences(item)))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """The heads of each text that reach 0.01."""
        return [self._findings(item) for item in items]

    def _findings(self, text: str) -> list[Finding]:
        scores = self._model.scores(text)
        for stretch in sentences(text):
            scores = scores.clip(min=self._model.scores(stretch))
        return [
            Finding(head, float(score), evidence="tfidf")
            for head, score in zip(self._model.heads, scores, strict=True)
            if score >= _LEAST
        ]


def sentences(text: str) -> list[str]:
    """The sentences to score on their own: those of a text with over 40 Han characters, none of any other.

    A Chinese character says about as much as an English word, so a window full of them dilutes one sentence as a page
    of English would. A sentence without an end is cut at 80 characters.
    """
    if len(text) <= _DENSE or text.isascii() or len(_HAN.findall(text)) <= _DENSE:
        return []
    return [piece for piece in _SENTENCE.findall(text) if len(_HAN.findall(piece)) >= _LEAST_SENTENCE]
