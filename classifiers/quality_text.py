"""Texts that are no good: gibberish, loops, the wrong language. Counted, not judged; no network.

- ``quality.gibberish``: letters that no word has (English and what is spelled like it), Chinese characters that do not
  go together, characters that were lost (U+FFFD). How far the worst stretch of the text is from what people write.
- ``quality.repetition``: how much of the text was said before in it, as where a generator is caught in a loop (after
  the duplicate n-grams of Rae et al., https://arxiv.org/abs/2112.11446, appendix A1).
- ``quality.wrong_language``: how much of it is in none of the *languages* it should be in; only where they are given.

It says nothing about what a text says: sound words in senseless order pass, and a false answer does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from classifiers import _languages, _quality_words as words
from classifiers._fold import simplified
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

WEIGHTS = Path(__file__).parent / "weights" / "quality_text.npz"
_BITS_FROM, _BITS_TO = 6.3, 7.5
"""Bits a letter, after the two before it, from which and to which letters are gibberish."""
_KNOWN_FROM, _KNOWN_TO = 0.34, 0.14
"""The share of neighbouring characters that stand beside each other in some word."""
_STRETCH = 200
"""Letters that are judged together: a model that fails half way has failed."""
_LEAST_LETTERS, _LEAST_WORDS, _LEAST_PAIRS = 16, 3, 10
_LOST = 0.05
"""The share of characters that were lost from which a text is surely broken."""
_SAID_FROM, _SAID_TO = 0.4, 0.8
_LOOP_FROM, _LOOP_TO = 0.5, 0.85
_NEAR, _LEAST_UNITS = 120, 30
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\u3041-\u30ff"
_UNIT = re.compile(f"[{_HAN}]|[^\\W_{_HAN}]{{1,28}}(?![^\\W_{_HAN}])|[^\\W_{_HAN}]|[^\\w\\s|=_-]")
_ONE_CHARACTER = re.compile(f"[{_HAN}]")
_RULE = re.compile(r"^[\s|:=_*.-]+$", re.MULTILINE)
_LEAST = 0.01


@dataclass(frozen=True)
class QualityTextOptions:
    """*languages*: those that texts should be in, as ISO 639-1 has them (``en``, ``zh`` …); empty: any."""

    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for language in self.languages:
            if language not in _languages.LANGUAGES:
                known = ", ".join(sorted(_languages.LANGUAGES))
                msg = f"languages has `{language}`, which cannot be told apart; those that can are {known}"
                raise ValueError(msg)


class Measured(NamedTuple):
    """Each from 0 to 1, and how many characters were read."""

    gibberish: float
    repetition: float
    wrong_language: float
    length: int


class QualityText(Classifier[Measured]):
    """Items are the measures, made in `prepare`."""

    Options: ClassVar[type[Any]] = QualityTextOptions
    categories = frozenset({"quality.gibberish", "quality.repetition", "quality.wrong_language"})
    reads: Reads = "whole"
    vouches = False  # a well-written text may say anything
    inline_cost = 100_000
    batch_cost = 1_000_000
    version = "1"

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """Without languages none can be wrong."""
        return cls.categories if options.languages else cls.categories - {"quality.wrong_language"}

    def load(self) -> None:
        """Read what was counted, beside this file."""
        with np.load(WEIGHTS) as counted:
            self._letters = counted["letters"].astype(np.float32) / words.STEPS
            self._pairs = np.cumsum(counted["pairs"], dtype=np.int64)
        self._wanted = frozenset(self.options.languages)

    def prepare(self, part: Readable) -> Measured:
        """Measure *part*."""
        if not isinstance(part, View):
            msg = "quality_text reads text only"
            raise Unreadable(msg)
        text = part.text
        wrong = _languages.share_of_others(text, self._wanted) if self._wanted else 0.0
        gibberish = max(self._misspelled(text), self._unpaired(text), _lost(text))
        return Measured(gibberish, repeated(text), wrong, len(text))

    def cost(self, item: Measured) -> int:
        """Characters."""
        return max(1, item.length)

    def classify(self, items: Sequence[Measured]) -> list[list[Finding]]:
        """All that reach 0.01."""
        return [
            [Finding(name, score) for name in sorted(self.categories) if (score := _score(item, name)) >= _LEAST]
            for item in items
        ]

    def _misspelled(self, text: str) -> float:
        """How far the letters of the worst stretch are from words."""
        found = words.words_of(text)
        if len(found) < _LEAST_WORDS or sum(map(len, found)) < _LEAST_LETTERS:
            return 0.0
        codes = [words.codes_of(word) for word in found]
        bits = np.array([self._letters[one[:-2], one[1:-1], one[2:]].sum() for one in codes])
        worst = _worst(bits, np.array([len(word) + 1 for word in found]), _STRETCH, np.max)
        return _between(worst, _BITS_FROM, _BITS_TO)

    def _unpaired(self, text: str) -> float:
        """How few of the Chinese characters of the worst stretch go together."""
        codes = words.pair_codes(simplified(text))
        if len(codes) < _LEAST_PAIRS:
            return 0.0
        places = np.minimum(np.searchsorted(self._pairs, codes), len(self._pairs) - 1)
        known = (self._pairs[places] == codes).astype(np.float64)
        return _between(_worst(known, np.ones(len(known)), _STRETCH // 3, np.min), _KNOWN_FROM, _KNOWN_TO)


def repeated(text: str) -> float:
    """How much of *text* it has said before: all of it, or of the worst stretch within itself."""
    units = [unit.lower() for unit in _UNIT.findall(_RULE.sub(" ", text))]
    if len(units) < _LEAST_UNITS:
        return 0.0
    single = sum(_ONE_CHARACTER.match(unit) is not None for unit in units)
    length = 8 if single * 2 > len(units) else 5
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(unit, len(numbers)) for unit in units], dtype=np.int64)
    said = _said_before(codes, length)
    near = 0.0
    for start in range(0, max(0, len(codes) - _NEAR // 2), _NEAR // 2) if len(codes) > _NEAR else ():
        # What a stretch repeats of itself the text repeats as well: most stretches need no second look.
        if said[start : start + _NEAR].mean() > max(near, _LOOP_FROM):
            near = max(near, float(_said_before(codes[start : start + _NEAR], length).mean()))
    return max(_between(float(said.mean()), _SAID_FROM, _SAID_TO), _between(near, _LOOP_FROM, _LOOP_TO))


def _said_before(codes: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Which of *codes* stand in a run of *length* that stood there before."""
    covered = np.zeros(len(codes), dtype=bool)
    if len(codes) < 2 * length:
        return covered
    runs = np.lib.stride_tricks.sliding_window_view(codes, length)
    # A polynomial over 64 bits, which may wrap: two runs that share one by chance change little.
    keys = (runs.astype(np.uint64) * _POWERS[:length]).sum(axis=1, dtype=np.uint64)
    _, first = np.unique(keys, return_index=True)
    again = np.ones(len(keys), dtype=bool)
    again[first] = False
    for place in range(length):
        covered[place : place + len(again)] |= again
    return covered


_POWERS = np.array([pow(0x9E3779B97F4A7C15, n, 1 << 64) for n in range(1, 9)], dtype=np.uint64)


def _worst(values: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any], stretch: int, pick: Any) -> float:
    """Of the means of *values* by *sizes* over stretches of about *stretch*, the one to *pick*."""
    ends = np.cumsum(sizes)
    groups = np.minimum((ends / stretch).astype(np.int64), max(0, int(ends[-1] // stretch) - 1))
    sums, weights = np.bincount(groups, values), np.bincount(groups, sizes)
    return float(pick(sums[weights > 0] / weights[weights > 0]))


def _lost(text: str) -> float:
    return min(1.0, text.count("\ufffd") / (_LOST * len(text))) if text else 0.0


def _between(value: float, start: float, end: float) -> float:
    """0 at *start*, 1 at *end*, in between in proportion."""
    return min(1.0, max(0.0, (value - start) / (end - start)))


def _score(item: Measured, name: str) -> float:
    score: float = getattr(item, name.partition(".")[2])
    return score
