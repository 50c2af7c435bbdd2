"""A policy's own words and patterns, and word lists for obscenity, sexual language and slurs.

text ─fold (NFKC, case)→ RE2 gate → words at boundaries, patterns → findings, spans mapped back

Words of scripts that put spaces between words match whole words only; Chinese, Japanese, Thai and their like match
anywhere. White space in a phrase matches any white space. Everything is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

from classifiers._fold import fold, normal
from classifiers._growth import Growth, Turned
from classifiers._scan import BadPattern, Offsets, Scanner, encode
from classifiers._trie import LETTER, is_bounded
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.errors import did_you_mean
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BUILTIN = {"profanity": "toxicity.obscene", "sexual": "sexual", "slurs": "hate"}
"""Built-in word lists, each with the category of its findings."""
_NAME = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_ESCAPED = re.compile(r"[!-/:-@\[-^`{-~]")
_LONGEST = 200
_REPEATS = re.compile(r"[*+]|\{\d")
_NEAR = 256
_FAR = 8192
"""The horizon of patterns that repeat something: a match may be as long as that."""
_BESIDE = 64
"""Characters read before what is new besides those that the longest word could have: there may be spaces in it."""


@dataclass(frozen=True)
class KeywordsOptions:
    """What to look for.

    *lists* of words or phrases and *patterns* in RE2 syntax, by a name: findings are of category ``custom.<name>``,
    score 1.0. Patterns see the text as it is written; ``(?i)`` makes one blind to case. *builtin* lists, any of
    ``profanity``, ``sexual``, ``slurs``; of those, words that score less than *min_score* are left out (an ordinary
    word that can also be meant badly scores 0.3).
    """

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    builtin: tuple[str, ...] = tuple(BUILTIN)
    min_score: float = 0.5

    def __post_init__(self) -> None:
        for name in (*self.lists, *self.patterns):
            if not _NAME.fullmatch(name):
                msg = f"`{name}` cannot be the name of a list; use small letters, digits and _, parts joined by dots"
                raise ValueError(msg)
        for name in self.builtin:
            if name not in BUILTIN:
                msg = f"`{name}` is no built-in list; {did_you_mean(name, BUILTIN)}"
                raise ValueError(msg)
        for name, words in self.lists.items():
            if any(not normal(word).strip() for word in words):
                msg = f"list `{name}` has an empty word; remove it"
                raise ValueError(msg)
            if any(len(word) > _LONGEST for word in words):
                msg = f"list `{name}` has an entry longer than {_LONGEST} characters; shorten it"
                raise ValueError(msg)
        if not 0.0 <= self.min_score <= 1.0:
            msg = "`min_score` is not between 0 and 1"
            raise ValueError(msg)
        _patterns(self.patterns)


@dataclass(frozen=True, slots=True)
class _List:
    """Words of one source with their scores; *pattern* finds any of them."""

    category: str
    evidence: str
    scores: Mapping[str, float]
    pattern: str


class Keywords(Classifier[str]):
    """Finds listed words and patterns and says where."""

    Options: ClassVar[type[Any]] = KeywordsOptions
    categories = frozenset({*BUILTIN.values(), "custom"})
    reads: Reads = "stretches"
    horizon = _NEAR
    lookbehind = 256
    window = 65_536
    batch_cost = 65_536
    inline_cost = 1_000
    version = "lists-1"
    license = "Apache-2.0; lists MIT (surge-ai/profanity, SexHateLex), CC-BY-4.0 (LDNOOBW)"
    options: KeywordsOptions

    @classmethod
    def provides(cls, options: KeywordsOptions) -> frozenset[str]:
        """A category for each list that has words in it."""
        custom = {f"custom.{name}" for given in (options.lists, options.patterns) for name in given if given[name]}
        return frozenset(custom | {BUILTIN[name] for name in options.builtin})

    def __init__(self, options: KeywordsOptions | None = None) -> None:
        super().__init__(options)
        if any(_REPEATS.search(pattern) for patterns in self.options.patterns.values() for pattern in patterns):
            self.horizon = _FAR

    def load(self) -> None:
        """Read the lists and compile everything."""
        self._lists = [
            *(part for name, words in self.options.lists.items() for part in _custom(name, words)),
            *(part for name in self.options.builtin for part in _builtin(name, self.options.min_score)),
        ]
        if not self.options.patterns:
            # Longer than any word of a list, so that none seems to begin where the text read does.
            longest = max((len(word) for some in self._lists for word in some.scores), default=0)
            self.lookbehind = min(self.lookbehind, _BESIDE + longest)
        self._words = Scanner([words.pattern for words in self._lists], longest=True)
        self._pattern_names, self._patterns = _patterns(self.options.patterns)
        self._word_growth = Growth(words={word for some in self._lists for word in some.scores}, horizon=_NEAR)
        given = [pattern for patterns in self.options.patterns.values() for pattern in patterns]
        self._pattern_growth = Growth(given, horizon=_NEAR)
        self.classify(["warm up: damn, 他妈的"])

    def prepare(self, part: Readable) -> str:
        """The text itself."""
        if not isinstance(part, View):
            msg = "keywords are looked for in text only"
            raise Unreadable(msg)
        return part.text

    def cost(self, item: str) -> int:
        """Characters, at least 1."""
        return len(item) or 1

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """Findings with spans, in the order of the text."""
        return [sorted((*self._listed(text), *self._matched(text)), key=_place) for text in items]

    def pending(self, text: str) -> int:
        """Where the last words begin that could be listed ones, or a match of a pattern: a window back at most."""
        start = max(0, len(text) - self.window)
        shown = text[start:]
        folded = fold(shown)
        raw, plain = Turned(shown), Turned(folded.text)
        words, patterns = self._word_growth, self._pattern_growth
        place = min(patterns.end(raw), folded.begin(words.end(plain)))
        before = -1
        while place != before:
            before = place
            first = words.clean(plain, folded.index(place), lambda: self._words.occurring(encode(folded.text)))
            place = patterns.clean(raw, folded.begin(first), lambda: self._patterns.occurring(encode(shown)))
        return start + place

    def _listed(self, text: str) -> Iterator[Finding]:
        folded = fold(text)
        data = encode(folded.text)
        for index in self._words.occurring(data):
            words, at = self._lists[index], Offsets(data)
            for low, high in self._words.spans(index, data):
                start, end = at(low), at(high)
                score = words.scores[" ".join(folded.text[start:end].split())]
                yield Finding(words.category, score, folded.origin(start, end), evidence=words.evidence)

    def _matched(self, text: str) -> Iterator[Finding]:
        for index, start, end in self._patterns.find(text):
            yield Finding(f"custom.{self._pattern_names[index]}", 1.0, (start, end), evidence="pattern")


def _patterns(given: Mapping[str, Iterable[str]]) -> tuple[list[str], Scanner]:
    """The name of each pattern, and all of them compiled.

    Raises:
        ValueError: RE2 cannot use one of them; the message names it and says why.
    """
    flat = [(name, pattern) for name, patterns in given.items() for pattern in patterns]
    try:
        return [name for name, _ in flat], Scanner([pattern for _, pattern in flat])
    except BadPattern as error:
        msg = f"option `patterns`, `patterns.{flat[error.index][0]}`: RE2 refuses it: {error}"
        raise ValueError(msg) from None


def _place(finding: Finding) -> tuple[int, int]:
    return finding.span or (0, 0)


def _custom(name: str, words: Iterable[str]) -> Iterator[_List]:
    scores = {" ".join(normal(word).split()): 1.0 for word in words}
    return _lists(f"custom.{name}", f"list {name}", scores)


def _builtin(name: str, least: float) -> Iterator[_List]:
    """The terms of a built-in list that score at least *least*."""
    text = resources.files("classifiers").joinpath(f"data/wordlists/{name}.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    scores = {term: float(score) for term, score, _ in rows if float(score) >= least}
    return _lists(BUILTIN[name], f"list {name}", scores)


def _lists(category: str, evidence: str, scores: Mapping[str, float]) -> Iterator[_List]:
    """One list for each way in which words may touch their neighbours; the pattern's group is the word."""
    by_bounds: dict[tuple[bool, bool], list[str]] = {}
    for word in sorted(scores):
        by_bounds.setdefault((is_bounded(word[0]), is_bounded(word[-1])), []).append(word)
    for (before, after), words in by_bounds.items():
        left = rf"(?:^|[^{LETTER}])" if before else ""
        right = rf"(?:[^{LETTER}]|$)" if after else ""
        yield _List(category, evidence, scores, f"{left}({'|'.join(map(_spaced, words))}){right}")


def _spaced(phrase: str) -> str:
    return r"\s+".join(_ESCAPED.sub(r"\\\g<0>", word) for word in phrase.split())
