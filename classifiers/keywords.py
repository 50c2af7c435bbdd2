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
from classifiers._scan import BadPattern, Offsets, Scanner, encode
from guard.classifier import Classifier, Readable, Unreadable
from guard.content import View
from guard.errors import did_you_mean
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BUILTIN = {"profanity": "toxicity.obscene", "sexual": "sexual", "slurs": "hate"}
"""Built-in word lists, each with the category of its findings."""
_NAME = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts without spaces between words (and Hangul, whose endings are joined to the word)."""
_LETTER = r"\p{L}\p{N}\p{M}_"
_ESCAPED = re.compile(r"[!-/:-@\[-^`{-~]")
_LONGEST = 200


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
    horizon = 256
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

    def load(self) -> None:
        """Read the lists and compile everything."""
        self._lists = [
            *(part for name, words in self.options.lists.items() for part in _custom(name, words)),
            *(part for name in self.options.builtin for part in _builtin(name, self.options.min_score)),
        ]
        self._words = Scanner([words.pattern for words in self._lists], longest=True)
        self._pattern_names, self._patterns = _patterns(self.options.patterns)
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
        by_bounds.setdefault((_is_bounded(word[0]), _is_bounded(word[-1])), []).append(word)
    for (before, after), words in by_bounds.items():
        left = rf"(?:^|[^{_LETTER}])" if before else ""
        right = rf"(?:[^{_LETTER}]|$)" if after else ""
        yield _List(category, evidence, scores, f"{left}({'|'.join(map(_spaced, words))}){right}")


def _is_bounded(char: str) -> bool:
    """Whether a word that begins or ends with *char* may not touch a letter there."""
    return not _UNSPACED.match(char) and (char.isascii() or char.isalnum())


def _spaced(phrase: str) -> str:
    return r"\s+".join(_ESCAPED.sub(r"\\\g<0>", word) for word in phrase.split())
