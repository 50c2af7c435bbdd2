"""A policy's own words and patterns, and word lists for obscenity, sexual language and slurs.

text ─fold (NFKC, case)→ RE2 gate → words at boundaries, patterns → findings, spans mapped back
                     └─one character for all that sound alike→ Chinese words by their sound

Words of scripts that put spaces between words match whole words only; Chinese, Japanese, Thai and their like match
anywhere. White space in a phrase matches any white space. Everything is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

from classifiers._fold import Folded, fold, normal
from classifiers._growth import Growth, Turned
from classifiers._scan import BadPattern, Offsets, Scanner, encode
from classifiers._sounds import FEWEST, has_characters, pinyin, sounded
from classifiers._trie import LATIN, LETTER, is_bounded
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.errors import did_you_mean
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BUILTIN = {"profanity": "toxicity.obscene", "sexual": "sexual", "slurs": "hate"}
"""Built-in word lists, each with the category of its findings."""
_PLAIN_SPELLING = frozenset({"slurs"})
"""Lists in which many words are other words by their sound: they are not looked for by it."""
_MEANT_OTHERWISE = frozenset(
    ("biaozi", "caoni", "chusheng", "feiwu", "guizi", "guonan", "jianhuo", "jianren", "jianzhong", "jibai", "koujiao",
     "mugou", "nanren", "yinfu", "yinshui", "ziweidui")
)  # fmt: skip
"""Words of the built-in lists, in pinyin, that ordinary words are written as too: 出生, 飞舞, 坚韧, 饮水."""
_BY_SOUND = 0.9
"""What a word by its sound counts, of what it counts as it is written."""
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
    word that can also be meant badly scores 0.3). With *sounds*, words in Chinese characters are also found in pinyin
    and, of three characters and more, in others that sound alike, at nine tenths of their score.
    """

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    builtin: tuple[str, ...] = tuple(BUILTIN)
    min_score: float = 0.5
    sounds: bool = True

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
    version = "lists-2"
    license = "Apache-2.0; lists MIT (surge-ai/profanity, SexHateLex), CC-BY-4.0 (LDNOOBW); readings MIT (pypinyin)"
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
        options = self.options
        given = [(f"custom.{name}", name, _custom(words)) for name, words in options.lists.items()]
        given += [(BUILTIN[name], name, _builtin(name, options.min_score)) for name in options.builtin]
        self._lists = [part for category, name, scores in given for part in _lists(category, f"list {name}", scores)]
        self._spelt: list[_List] = []
        self._alike: list[_List] = []
        self._exact: dict[str, frozenset[str]] = {}
        for category, name, scores in given if options.sounds else ():
            self._exact[category] = self._exact.get(category, frozenset()) | scores.keys()
            spelt = {form: score for word, score in _by_sound(scores).items() for form in pinyin(word)}
            if name in options.builtin and category == BUILTIN.get(name):
                spelt = {form: score for form, score in spelt.items() if form.replace(" ", "") not in _MEANT_OTHERWISE}
            self._spelt += _lists(category, f"list {name}, in pinyin", spelt, LATIN)
            if name not in _PLAIN_SPELLING or category not in BUILTIN.values():
                alike = {sounded(word): score for word, score in _by_sound(scores).items() if len(word) >= FEWEST}
                self._alike += _lists(category, f"list {name}, by sound", alike)
        self._word_growth = Growth(words=_words(self._lists), horizon=_NEAR)
        self._pinyin_growth = Growth(words=_words(self._spelt), letters=LATIN, horizon=_NEAR)
        self._sound_growth = Growth(words=_words(self._alike), horizon=_NEAR)
        self._lists += self._spelt
        if not self.options.patterns:
            # Longer than any word of a list, so that none seems to begin where the text read does.
            longest = max((len(word) for some in self._lists for word in some.scores), default=0)
            self.lookbehind = min(self.lookbehind, _BESIDE + longest)
        self._words = Scanner([words.pattern for words in self._lists], longest=True)
        self._sounds = Scanner([words.pattern for words in self._alike], longest=True)
        self._pattern_names, self._patterns = _patterns(self.options.patterns)
        patterns = [pattern for patterns in self.options.patterns.values() for pattern in patterns]
        self._pattern_growth = Growth(patterns, horizon=_NEAR)
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
        words, latin, patterns = self._word_growth, self._pinyin_growth, self._pattern_growth
        place = min(patterns.end(raw), folded.begin(min(words.end(plain), latin.end(plain))))
        said = sounded(folded.text)
        heard = Turned(said) if self._alike and said is not folded.text else None
        if heard is not None:
            place = min(place, folded.begin(self._sound_growth.end(heard)))
        before = -1
        while place != before:
            before = place
            first = words.clean(plain, folded.index(place), lambda: self._words.occurring(encode(folded.text)))
            first = latin.clean(plain, first, lambda: self._words.occurring(encode(folded.text)))
            if heard is not None:
                first = self._sound_growth.clean(heard, first, lambda: self._sounds.occurring(encode(said)))
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

        yield from self._heard(folded) if self._alike and has_characters(folded.text) else ()

    def _heard(self, folded: Folded) -> Iterator[Finding]:
        """What sounds like a word and is none of its list as it is written."""
        data = encode(sounded(folded.text))
        for index in self._sounds.occurring(data):
            words, at = self._alike[index], Offsets(data)
            for low, high in self._sounds.spans(index, data):
                start, end = at(low), at(high)
                word = folded.text[start:end]
                if word not in self._exact[words.category]:
                    score = words.scores[sounded(word)]
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


def _custom(words: Iterable[str]) -> dict[str, float]:
    return {" ".join(normal(word).split()): 1.0 for word in words}


def _builtin(name: str, least: float) -> dict[str, float]:
    """The terms of a built-in list that score at least *least*."""
    text = resources.files("classifiers").joinpath(f"data/wordlists/{name}.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {term: float(score) for term, score, _ in rows if float(score) >= least}


def _by_sound(scores: Mapping[str, float]) -> dict[str, float]:
    """Of *scores*, those of words in Chinese characters, less what their sound alone does not prove."""
    return {word: round(score * _BY_SOUND, 3) for word, score in scores.items() if pinyin(word)}


def _words(lists: Iterable[_List]) -> set[str]:
    return {word for some in lists for word in some.scores}


def _lists(category: str, evidence: str, scores: Mapping[str, float], letters: str = LETTER) -> Iterator[_List]:
    """One list for each way in which words may touch neighbours, *letters* or not; the pattern's group is the word."""
    by_bounds: dict[tuple[bool, bool], list[str]] = {}
    for word in sorted(scores):
        by_bounds.setdefault((is_bounded(word[0]), is_bounded(word[-1])), []).append(word)
    for (before, after), words in by_bounds.items():
        left = rf"(?:^|[^{letters}])" if before else ""
        right = rf"(?:[^{letters}]|$)" if after else ""
        yield _List(category, evidence, scores, f"{left}({'|'.join(map(_spaced, words))}){right}")


def _spaced(phrase: str) -> str:
    return r"\s+".join(_ESCAPED.sub(r"\\\g<0>", word) for word in phrase.split())
