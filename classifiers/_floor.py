"""TF-IDF and logistic regression for toxicity and prompt attacks: the floor that needs no ONNX Runtime.

It knows words and how they stand together, not what is meant: see ``weights/toxicity.md`` and
``weights/prompt_attack.md`` for what it was trained on, what was measured, and what it cannot do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers import _linear

if TYPE_CHECKING:
    from collections.abc import Sequence

_WEIGHTS = Path(__file__).parent / "weights"
TOXICITY = (_WEIGHTS / "toxicity.npz", "def0a785b14878deca6f461fd6cbc3bb64135f880976864b4a7c01cd599016a9")
ATTACK = (_WEIGHTS / "prompt_attack.npz", "10b9cab62f3ba173349e870028b30f335356a8b7221a26d4a445ea8d0c673b9d")
"""The two models' files and their checksums."""
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_SENTENCE = re.compile(r"[^。！？!?；;\n…]{1,80}[。！？!?；;\n…]*")
_DENSE = 40
_LEAST_SENTENCE = 4
_PASS = 100


class Floor:
    """Items are texts; cost is their characters and 100 more for each pass."""

    evidence = "tfidf"

    def __init__(self) -> None:
        """Read both models. Raises `WeightsError`."""
        self._toxicity = _linear.load(*TOXICITY)
        self._attack = _linear.load(*ATTACK)

    def item(self, text: str) -> str:
        """The text itself."""
        return text

    def cost(self, item: str) -> int:
        """Characters, and what a pass costs however short the text: two, and one for each sentence scored alone."""
        return sum(_PASS + len(text) for text in (item, item, *sentences(item)))

    def scores(self, items: Sequence[str]) -> list[dict[str, float]]:
        """The probability of each head for each of *items*."""
        return [self._scores(item) for item in items]

    def _scores(self, item: str) -> dict[str, float]:
        toxicity = self._toxicity.scores(item)
        for stretch in sentences(item):
            toxicity = toxicity.clip(min=self._toxicity.scores(stretch))
        attack = self._attack.scores(item)
        found = dict(zip(self._toxicity.heads, map(float, toxicity), strict=True))
        return found | dict(zip(self._attack.heads, map(float, attack), strict=True))


def sentences(text: str) -> list[str]:
    """The sentences to score on their own: those of a text with over 40 Han characters, none of any other.

    A Chinese character says about as much as an English word, so a window full of them dilutes one sentence as a page
    of English would. A sentence without an end is cut at 80 characters.
    """
    if len(text) <= _DENSE or text.isascii() or len(_HAN.findall(text)) <= _DENSE:
        return []
    return [piece for piece in _SENTENCE.findall(text) if len(_HAN.findall(piece)) >= _LEAST_SENTENCE]
