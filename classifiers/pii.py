"""Personal data in English and Chinese text: forms that prove themselves, and names by small models, through Presidio.

text ─RE2 gate→ candidates ─checks, context→ scored ─────┐
     ─recognisers of names (only if asked for)→ spans ───┴→ overlaps resolved → findings

Without names no model is loaded, and clean text costs one linear pass. Presidio's validators and phonenumbers do the
judging, and models are recognisers of its kind (``classifiers._pii_presidio`` says what of Presidio is not used, and
why).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from classifiers import _pii_checks as checks
from classifiers._beginnings import backwards
from classifiers._fold import narrowed
from classifiers._growth import Growth, Turned
from classifiers._pii_table import FORMS, Form
from classifiers._pii_world import RECOGNIZERS
from classifiers._scan import Offsets, Scanner, encode, strongest
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.errors import did_you_mean
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from classifiers._names import Name
    from classifiers._pii_presidio import NameRecognizer

LANGUAGES = ("en", "zh")
_NAMES = frozenset({"person", "location", "organization"})
"""What only models read, but for `person`, which has a written form in Chinese as well."""
ENTITIES = frozenset(form.entity for form in FORMS) | _NAMES | RECOGNIZERS.keys()
_DEFAULT = (
    "email", "phone", "credit_card", "iban", "bank_account", "crypto_wallet", "ip_address", "us_ssn", "passport",
    "driver_license", "tax_id", "medical_license", "address", "cn_resident_id", "cn_social_credit_code", "cn_plate",
    "cn_travel_permit", "hk_id_card", "mo_id_card", "tw_id_card", "im_account",
)  # fmt: skip

_BEFORE, _AFTER = 40, 16
"""Characters on either side of a candidate in which a word of context counts."""
_BOOST = 0.35
_UNPROVEN = 0.95
"""The most that a form without a proof is worth."""
_LONGEST_TRIMS = 8
_MODEL = 1_000
"""The rank of what a model read: after every form."""
_FEWEST_DIGITS = 7
"""Of a telephone number."""
_WHOLE_ADDRESS = re.compile(r"\d\W{1,3}[^\W\d_]{2}|[^\W\d_]{2}[^\w-]{1,3}\d|[\u4e00-\u9fff]")
"""A number beside a word with a gap between them, or Chinese."""
_DIALLED = r"\d(?:[ .\-/()]{0,4}\d){6,}\)?(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?"
"""What a telephone number has that could be one: fewer digits are refused whatever stands around them."""


@dataclass(frozen=True)
class PiiOptions:
    """What to look for.

    *languages* whose forms are known: ``en``, ``zh``. *entities* by the last word of their category (``email`` for
    ``pii.email``); those of one country (``es_nif``) only when named. Names of ``person``, ``location`` and
    ``organization`` bring in the models of the languages, which cost a hundred times the rest and then read
    ``address`` as well. Findings below *min_score* are not reported.
    """

    languages: tuple[str, ...] = LANGUAGES
    entities: tuple[str, ...] = _DEFAULT
    min_score: float = 0.5

    def __post_init__(self) -> None:
        for value, known, what in (
            *((language, LANGUAGES, "language") for language in self.languages),
            *((entity, ENTITIES, "entity") for entity in self.entities),
        ):
            if value not in known:
                msg = f"`{value}` is no {what} it knows; {did_you_mean(value, known)}"
                raise ValueError(msg)
        if not self.languages:
            msg = "`languages` is empty; name at least one of en, zh"
            raise ValueError(msg)
        if not 0.0 <= self.min_score <= 1.0:
            msg = "`min_score` is not between 0 and 1"
            raise ValueError(msg)


class _Candidate(NamedTuple):
    """Characters ``start:end`` as *entity*; *rank* orders candidates of one score, lower first."""

    entity: str
    score: float
    start: int
    end: int
    evidence: str
    rank: int


class Pii(Classifier[str]):
    """Finds personal data and says where."""

    Options: ClassVar[type[Any]] = PiiOptions
    categories = frozenset(f"pii.{entity}" for entity in ENTITIES)
    reads: Reads = "stretches"
    horizon = 400  # an address of mail has up to 320 characters; then the words around it
    lookbehind = 128
    dilutes = False  # what is found has a span, whatever else is there
    window = 20_000
    batch_cost = 20_000
    version = "presidio-analyzer-2.2, forms-2, names-1"
    license = "Apache-2.0 (forms; LAC), MIT (presidio-analyzer; spaCy en_core_web_sm), CC-BY-4.0 (Rampart)"
    options: PiiOptions

    def __init__(self, options: PiiOptions | None = None) -> None:
        super().__init__(options)
        asked = frozenset(self.options.entities)
        languages = {"any", *self.options.languages}
        self._forms = [form for form in FORMS if form.entity in asked and form.language in languages]
        self._named = asked & (_NAMES | {"address"}) if asked & _NAMES else frozenset()
        self.inline_cost = 0 if self._named else 1_000
        if self._named:
            self.reads = "sentences"
            self.window = self.batch_cost = 8_000
        self._recognizers: list[NameRecognizer] = []
        self._scanner: Scanner | None = None

    @classmethod
    def provides(cls, options: PiiOptions) -> frozenset[str]:
        """The categories of the entities asked for, as far as their languages are."""
        languages = {"any", *options.languages}
        known = {form.entity for form in FORMS if form.language in languages} | RECOGNIZERS.keys()
        return frozenset(f"pii.{entity}" for entity in options.entities if entity in known | _NAMES)

    def load(self) -> None:
        """Compile the forms, and load the models if names are asked for."""
        from classifiers import _pii_presidio

        self._judges: dict[str, Callable[[str], bool | None]] = {
            "resident_id": lambda text: checks.resident_id(text) or None,
            "old_resident_id": checks.old_resident_id,
            "social_credit": checks.social_credit_code,
            "hk_id": lambda text: checks.hk_id_card(text) or False,
            "tw_id": lambda text: None if checks.tw_id_card(text) else False,
            "handle": lambda text: None if checks.handle(text) else False,
            "plate": lambda text: None if checks.plate(text) else False,
            "ip": lambda text: None if checks.public_address(text) else False,
            "mac": lambda text: None if checks.mac_address(text) else False,
            "plain": lambda text: None,  # noqa: ARG005  a form without a check
            **_pii_presidio.validators(),
        }
        national, judges = _pii_presidio.national(frozenset(self.options.entities))
        self._judges |= judges
        self._forms += national
        self._phone = _pii_presidio.phone
        self._scanner = Scanner([form.pattern for form in self._forms])
        self._growth = Growth(
            (form.pattern for form in self._forms),
            horizon=self.horizon,
            unsettled=[_unsettled(form) for form in self._forms if form.context],
        )
        self._context = [_words(form.context) for form in self._forms]
        if self._named:
            self._recognizers = _pii_presidio.recognizers(self.options.languages, self._named)
        self.classify(["warm up: ana@example.org, +44 20 7946 0958"])

    def prepare(self, part: Readable) -> str:
        """The text, full-width characters as ASCII, character for character."""
        if not isinstance(part, View):
            msg = "personal data is looked for in text only"
            raise Unreadable(msg)
        return narrowed(part.text)

    def cost(self, item: str) -> int:
        """Characters, at least 1."""
        return len(item) or 1

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """Findings with spans, in the order of the text."""
        found = [list(self._written(text)) for text in items]
        for recognizer in self._recognizers:
            for text, candidates, names in zip(items, found, recognizer.names(items), strict=True):
                candidates += [_read(name, text) for name in names]
        return [self._report(candidates) for candidates in found]

    def pending(self, text: str) -> int:
        """Where what could be a form begins that has not ended, or for which a word behind it could still count."""
        if self._scanner is None:
            msg = "pending was called before load"
            raise RuntimeError(msg)
        start = max(0, len(text) - self.window)
        shown, scanner = narrowed(text[start:]), self._scanner
        return start + self._growth.cut(Turned(shown), lambda: scanner.occurring(encode(shown)))

    def _report(self, candidates: Iterable[_Candidate]) -> list[Finding]:
        least = self.options.min_score
        best = _resolve(c for c in candidates if c.score >= least)
        return [Finding(f"pii.{c.entity}", c.score, (c.start, c.end), evidence=c.evidence) for c in best]

    def _written(self, text: str) -> Iterator[_Candidate]:
        """Every candidate of every form in *text*."""
        if self._scanner is None:
            msg = "classify was called before load"
            raise RuntimeError(msg)
        data = encode(text)
        for index in self._scanner.occurring(data):
            at, position = Offsets(data), 0
            while (span := self._scanner.next_span(index, data, position)) is not None:
                start, end = at(span[0]), at(span[1])
                candidate = self._judge(index, text, start, end)
                if candidate is None:
                    position = span[1]
                else:
                    yield candidate
                    # A candidate that was cut leaves the rest to be searched; it is ASCII from the cut on.
                    position = span[1] - (end - candidate.end)

    def _is_in_context(self, index: int, text: str, start: int, end: int) -> bool:
        """Whether a word of context stands near ``start:end``."""
        near = self._context[index]
        return near is not None and bool(
            near.search(text, max(0, start - _BEFORE), start) or near.search(text, end, min(len(text), end + _AFTER))
        )

    def _judge(self, index: int, text: str, start: int, end: int) -> _Candidate | None:
        form = self._forms[index]
        if form.judge == "phone":
            return self._telephone(form, index, text, start, end)
        if form.judge == "ip" and _in_longer_number(text, start, end):
            return None
        if form.judge == "iban":
            end = start + checks.iban_length(text[start:end])
            return _Candidate(form.entity, 1.0, start, end, "iban", index) if end > start else None
        check, behind = self._judges[form.judge], end
        proof = check(text[start:end])
        for _ in range(_LONGEST_TRIMS if form.trim else 0):
            cut = max(text.rfind(mark, start, end) for mark in form.trim)
            if proof is not False or cut <= start:
                break
            end = cut
            proof = check(text[start:end])
        if proof is False:
            return None
        if proof:
            return _Candidate(form.entity, 1.0, start, end, form.judge, index)
        if self._is_in_context(index, text, start, behind):
            return _Candidate(form.entity, min(_UNPROVEN, form.score + _BOOST), start, end, "form in context", index)
        return _Candidate(form.entity, form.score, start, end, "form", index)

    def _telephone(self, form: Form, index: int, text: str, start: int, end: int) -> _Candidate | None:
        if len(checks.digits(checks.dialled(text[start:end]))) < _FEWEST_DIGITS:  # nearly always
            return None
        behind = end
        if (start and _touches(text[start - 1], "$€£¥.-/_@#")) or checks.looks_like_price(text[start:end]):
            return None
        while len(checks.digits(checks.dialled(text[start:end]))) > 15:
            cut = text.rfind(" ", start, end)
            if cut <= start:
                return None
            end = cut
        if end < len(text) and _touches(text[end], "%_@"):
            return None
        score = self._phone(text[start:end], in_context=self._is_in_context(index, text, start, behind))
        return _Candidate(form.entity, score, start, end, "phonenumbers", index) if score else None


def _read(name: Name, text: str) -> _Candidate:
    """What a model read. A whole address counts as a form: the model knows better than the table where one ends."""
    whole = name.entity == "address" and _WHOLE_ADDRESS.search(text, name.start, name.end)
    rank = _MODEL - 1 if whole else _MODEL
    return _Candidate(name.entity, min(_UNPROVEN, name.score), name.start, name.end, name.evidence, rank)


def _unsettled(form: Form) -> str:
    """A pattern, turned around, of *form* where too little has followed to know all of its context."""
    return rf"(?s:.{{0,{_AFTER - 1}}}){backwards(_DIALLED if form.judge == 'phone' else form.pattern)}"


def _touches(char: str, marks: str) -> bool:
    """Whether *char* beside a number makes it part of something longer: an ASCII letter or digit, or one of *marks*."""
    return (char.isascii() and char.isalnum()) or char in marks


def _in_longer_number(text: str, start: int, end: int) -> bool:
    """Whether a dotted number goes on beyond ``start:end``, as section numbers and object identifiers do."""
    return text[max(0, start - 1) : start] == "." or (text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit())


def _words(context: tuple[str, ...]) -> re.Pattern[str] | None:
    """A search for any of the words: English ones whole, Chinese ones anywhere."""
    if not context:
        return None
    alternatives = (rf"\b{re.escape(w)}\b" if w.isascii() else re.escape(w) for w in context)
    return re.compile("|".join(alternatives), re.IGNORECASE | re.ASCII)


def _resolve(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """The best of candidates that overlap, in the order of the text.

    A proof beats a form, which beats a model's name; of one score the longer, then the earlier row of the table.
    """
    found = sorted(candidates, key=lambda c: c.rank)
    kept = strongest([(c.start, c.end) for c in found], lambda i: (found[i].rank < _MODEL, found[i].score))
    return [found[i] for i in kept]
