"""An autoregressive language model, small enough to be trained from its corpus at start-up in under a second.

Interpolated Kneser-Ney 5-grams (Chen and Goodman 1999, section 2.7) over the help pages of a bookshop that does not
exist. What makes it answer instead of babble: every occurrence counts with the weight of its page, and the pages
nearest to the prompt by TF-IDF weigh most. The text is sampled token by token, so it is new each time, mostly
fluent, and sometimes wrong, like any generator's.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

START, END = 0, 1
_HAN = "\u4e00-\u9fff"
_TOKEN = re.compile(rf"\s?(?:[{_HAN}]|(?:(?![{_HAN}])[^\W\d_])+|\d+|[^\w\s]|_)")
_DISCOUNT = 0.15
"""Mass taken from each seen continuation: lower stays nearer to the corpus, higher wanders more between its pages."""
_SHARPNESS = 2.5
"""How steeply a page's weight falls with its similarity to the prompt."""
_FLOOR = 1e-3
"""Weight of a page that shares no word with the prompt: everything stays possible."""
_MEMORY = 0.25
"""What a turn of the conversation counts for, against the one after it."""


def tokenize(text: str) -> list[str]:
    """Words, digits, marks and single Han characters, each with the space before it; joined they are the text.

    >>> tokenize("Write to help@example.org")
    ['Write', ' to', ' help', '@', 'example', '.', 'org']
    """
    return _TOKEN.findall(" ".join(text.split()))


@dataclass(frozen=True, slots=True)
class Page:
    """One question of the corpus and its answer."""

    question: str
    answer: str


def read_pages(text: str) -> list[Page]:
    """Pages of a corpus file: blocks of a ``Q:`` line and an ``A:`` line, with empty lines between."""
    blocks = (block.split("\nA: ") for block in text.strip().split("\n\n"))
    return [Page(question.removeprefix("Q: "), answer) for question, answer in blocks]


class Retriever:
    """Weighs pages by their TF-IDF cosine to a conversation."""

    def __init__(self, pages: Sequence[Page]) -> None:
        documents = [Counter(_features(f"{p.question} {p.question} {p.answer}")) for p in pages]
        self._column = {feature: i for i, feature in enumerate(sorted({f for d in documents for f in d}))}
        present = Counter(feature for document in documents for feature in document)
        self._idf = np.array([np.log((len(pages) + 1) / present[feature]) for feature in self._column])
        self._rows = np.stack([self._vector(document) for document in documents])

    def _vector(self, counts: Counter[str]) -> Floats:
        vector = np.zeros(len(self._column))
        for feature, count in counts.items():
            if (column := self._column.get(feature)) is not None:
                vector[column] = np.log1p(count) * self._idf[column]
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    def weights(self, turns: Sequence[str]) -> Floats:
        """One weight in (0, 1] per page, 1 for the nearest; all are 1 where nothing is near."""
        similarity = np.zeros(len(self._rows))
        for age, turn in enumerate(reversed(turns)):
            similarity += _MEMORY**age * (self._rows @ self._vector(Counter(_features(turn))))
        if not similarity.any():
            return np.ones_like(similarity)
        weights: Floats = np.maximum((similarity / similarity.max()) ** _SHARPNESS, _FLOOR)
        return weights


def _features(text: str) -> Iterator[str]:
    """Words cut to five letters (a stem that is good enough here), and Han characters one by one and in pairs."""
    previous = ""
    for token in (t.strip().lower() for t in tokenize(text)):
        is_han = "\u4e00" <= token <= "\u9fff"
        if is_han and previous:
            yield previous + token
        if token[0].isalnum():
            yield token[:5]
        previous = token if is_han else ""


class LanguageModel:
    """Interpolated Kneser-Ney over token ids, whose counts can be weighted page by page.

    It reads the answers, each as ``START … answer END``. Instead of counts it keeps where each context
    occurs; counting waits for the weights, and it is through them alone that a prompt has its say.
    """

    def __init__(self, pages: Sequence[Page], order: int = 5) -> None:
        self.order = order
        ids = {"<|start|>": START, "<|end|>": END}
        tokens: list[int] = []
        targets: list[tuple[int, int]] = []
        for number, page in enumerate(pages):
            answer = [ids.setdefault(token, len(ids)) for token in tokenize(page.answer)]
            tokens += [START] * order
            targets += [(len(tokens) + i, number) for i in range(len(answer) + 1)]
            tokens += [*answer, END]
        self.vocabulary = list(ids)
        self._next: Ints = np.array([tokens[position] for position, _ in targets])
        self._page: Ints = np.array([number for _, number in targets])
        self._shares = [_shares(tokens, targets, length) for length in range(order - 1)] + [np.ones(len(targets))]
        seen: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for target, (position, _) in enumerate(targets):
            for length in range(order):
                seen[tuple(tokens[position - length : position])].append(target)
        self._seen = {context: np.array(where) for context, where in seen.items()}

    def distribution(self, history: Sequence[int], weights: Floats) -> Floats:
        """Probability of each token of the vocabulary after *history*, with one weight in (0, 1] per page."""
        probability = np.zeros(len(self.vocabulary))
        for length in range(self.order):
            where = self._seen.get(tuple(history[len(history) - length :]))
            if where is None:
                break
            mass = weights[self._page[where]] * self._shares[length][where]
            counts = np.bincount(self._next[where], weights=mass, minlength=len(probability))
            kept = counts - _DISCOUNT * np.minimum(counts, 1.0) if length else counts
            probability = (kept + (counts.sum() - kept.sum()) * probability) / counts.sum()
        return probability


def _shares(tokens: Sequence[int], targets: Sequence[tuple[int, int]], length: int) -> Floats:
    """What each occurrence counts for below the highest order: one over how often its left-extended n-gram occurs.

    Summed over all occurrences of an n-gram that is the number of different tokens seen before it: Kneser and Ney's
    continuation count. At the start of an answer, where nothing stands before, the plain count stays.
    """
    longer = [tuple(tokens[position - length - 1 : position + 1]) for position, _ in targets]
    times = Counter(longer)
    return np.array([1.0 if length and ngram[1] == START else 1.0 / times[ngram] for ngram in longer])


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token: its text, its natural-log probability, and the likeliest tokens in its place."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw: *temperature* 0 takes the likeliest token; equal *seed* and *index* give equal text."""

    max_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    index: int = 0
    stop: tuple[str, ...] = ()
    top_logprobs: int = 0


class Generation:
    """One answer in the making: iterate for its tokens, once; then *finish_reason* and *count* are final."""

    def __init__(self, model: LanguageModel, weights: Floats, sampling: Sampling) -> None:
        self.finish_reason = "length"
        self.count = 0
        self._model, self._weights, self._sampling = model, weights, sampling
        self._history = [START] * model.order
        # A negative seed is legal on the wire, numpy wants none: both ends of the 64-bit range stay apart.
        self._rng = np.random.default_rng(None if sampling.seed is None else [sampling.seed % 2**64, sampling.index])

    def __iter__(self) -> Iterator[Token]:
        held: list[Token] = []
        for token in self._tokens():
            held.append(token)
            text = "".join(t.text for t in held)
            if (cut := _find_first(text, self._sampling.stop)) is not None:
                self.finish_reason = "stop"
                yield from _before(held, cut)
                return
            safe = len(text) - _open_tail(text, self._sampling.stop)
            while held and len(held[0].text) <= safe:
                safe -= len(held[0].text)
                yield held.pop(0)
        yield from held

    def _tokens(self) -> Iterator[Token]:
        model, sampling = self._model, self._sampling
        while self.count < sampling.max_tokens:
            probability = model.distribution(self._history[-model.order :], self._weights)
            chosen = _draw(probability, sampling, self._rng)
            if chosen == END:
                self.finish_reason = "stop"
                return
            self._history.append(chosen)
            self.count += 1
            likeliest = np.argsort(-probability, kind="stable")[: sampling.top_logprobs]
            top = tuple((model.vocabulary[i], float(np.log(probability[i]))) for i in likeliest if probability[i] > 0)
            yield Token(model.vocabulary[chosen], float(np.log(probability[chosen])), top)


def _draw(probability: Floats, sampling: Sampling, rng: np.random.Generator) -> int:
    if sampling.temperature == 0.0:
        return int(probability.argmax())
    # Against the largest first: a small temperature would underflow all of them.
    tempered = (probability / probability.max()) ** (1.0 / sampling.temperature)
    order = np.argsort(-tempered, kind="stable")
    sums = np.cumsum(tempered[order]) / tempered.sum()
    nucleus = int(np.searchsorted(sums, sampling.top_p)) + 1
    point = rng.random() * sums[:nucleus][-1]
    return int(order[np.searchsorted(sums[:nucleus], point, side="right")])


def _find_first(text: str, stops: Iterable[str]) -> int | None:
    return min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)


def _open_tail(text: str, stops: Iterable[str]) -> int:
    """Length of the longest end of *text* that a stop string may still grow out of."""
    return max((n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)


def _before(tokens: Iterable[Token], cut: int) -> Iterator[Token]:
    """The tokens before character *cut*, the last one shortened to it."""
    for token in tokens:
        if cut <= 0:
            return
        yield Token(token.text[:cut], token.logprob, token.top)
        cut -= len(token.text)


class Generator:
    """The model of each language and its retriever; immutable once built, so that threads may share it."""

    def __init__(self, english: Sequence[Page], chinese: Sequence[Page]) -> None:
        self._languages = {
            is_chinese: (LanguageModel(pages), Retriever(pages))
            for is_chinese, pages in ((False, english), (True, chinese))
        }
        self.fingerprint = hashlib.sha256(repr((english, chinese, _DISCOUNT, _SHARPNESS)).encode()).hexdigest()[:12]

    @classmethod
    @functools.cache
    def default(cls) -> Generator:
        """The generator of the bookshop's help pages, trained on first use."""
        folder = importlib.resources.files("guard.demo")
        english, chinese = (
            read_pages((folder / f"corpus_{language}.txt").read_text(encoding="utf-8")) for language in ("en", "zh")
        )
        return cls(english, chinese)

    def generate(self, turns: Sequence[str], sampling: Sampling | None = None) -> Generation:
        """Answer the last of *turns*, in its language, with the earlier ones in mind."""
        model, retriever = self._languages[re.search(rf"[{_HAN}]", turns[-1]) is not None]
        return Generation(model, retriever.weights(turns), sampling or Sampling())
