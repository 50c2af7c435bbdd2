"""Small changes that a reader hardly notices, made while the text model trains so that it does not notice them either.

Cases and harmless texts are changed alike: a trick of writing is no sign of either.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEET = str.maketrans({"a": "@", "e": "3", "i": "1", "o": "0", "s": "$"})
_MARKS = re.compile(r"[.,;:!?，。！？；：、…\"'“”]+")
_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass
class Noise:
    """Draws changes from *source*; *traditional* writes simplified Chinese in traditional characters."""

    source: random.Random
    traditional: Callable[[str], str]

    def changed(self, text: str) -> str:
        """*text* with none, one or two changes."""
        draw = self.source.random
        if draw() < 0.45:
            return text
        if _HAN.search(text):
            if draw() < 0.2:
                text = self.traditional(text)
            if draw() < 0.1:
                text = self._between(text)
        else:
            if draw() < 0.4:
                text = text.lower()
            if draw() < 0.25:
                text = self._word(text)
        if draw() < 0.2:
            text = _MARKS.sub(" ", text)
        elif draw() < 0.1:
            text = text + self.source.choice(("!", "!!", "...", " lol", "？", "~", " 哈哈", "。"))
        return text

    def _word(self, text: str) -> str:
        """One word of *text* in leet, spaced out, or with a slip of the finger."""
        words = text.split(" ")
        number = self.source.randrange(len(words))
        word = words[number]
        if len(word) < 3:
            return text
        kind, at = self.source.random(), self.source.randrange(1, len(word) - 1)
        if kind < 0.3:
            words[number] = word.translate(_LEET)
        elif kind < 0.5:
            words[number] = self.source.choice(" .-*_").join(word)
        elif kind < 0.65:
            words[number] = word[:at] + word[at + 1 :]
        elif kind < 0.8:
            words[number] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        else:
            words[number] = word[:at] + word[at] * self.source.randrange(2, 4) + word[at + 1 :]
        return " ".join(words)

    def _between(self, text: str) -> str:
        """Something between the characters of a short stretch."""
        at = self.source.randrange(len(text))
        stretch = text[at : at + 5]
        return text[:at] + self.source.choice(" .*-_~").join(stretch) + text[at + 5 :]


def joined(source: random.Random, left: Any, right: Any) -> tuple[str, list[float], list[float]]:
    """Two texts as one: a case of what one of them is a case of, and of nothing only where both are known to be none.

    *left* and *right* are ``(text, labels, weights)``.
    """
    (a, la, wa), (b, lb, wb) = left, right
    joint = "" if _HAN.search(a[-1:]) and _HAN.search(b[:1]) else " "
    text = a + (source.choice(("\n", joint, joint)) if a[-1:] in "。！？.!?…" else "\n") + b
    labels, weights = [], []
    for x, u, y, v in zip(la, wa, lb, wb, strict=True):
        if u > 0 and v > 0:
            top = max(x, y)
            labels.append(top)
            weights.append(min(u, v) if top <= 0.5 else u if x >= y else v)
        elif u > 0 and x > 0.5:
            labels.append(x)
            weights.append(u)
        elif v > 0 and y > 0.5:
            labels.append(y)
            weights.append(v)
        else:
            labels.append(0.0)
            weights.append(0.0)
    return text, labels, weights


def crop(source: random.Random, text: str, size: int) -> str:
    """A window of *size* characters of *text*: its beginning half of the time."""
    if len(text) <= size:
        return text
    at = 0 if source.random() < 0.5 else source.randrange(len(text) - size)
    return text[at : at + size]


def batches(source: random.Random, lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Numbers of texts in batches of about one length, *budget* pieces each, padding included; in random order."""
    order = list(range(len(lengths)))
    source.shuffle(order)
    made: list[list[int]] = []
    for start in range(0, len(order), 4096):
        part = sorted(order[start : start + 4096], key=lambda number: lengths[number])
        batch: list[int] = []
        for number in part:
            if (batch and max(lengths[number], 8) * (len(batch) + 1) > budget) or len(batch) == 128:
                made.append(batch)
                batch = []
            batch.append(number)
        if batch:
            made.append(batch)
    source.shuffle(made)
    return made
