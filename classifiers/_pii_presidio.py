"""The parts of Presidio that judge and read: validators, phonenumbers, recognisers. Imported in `load` only.

What is not used, and why. Presidio's own pattern search gives up after a timeout, logs a warning and carries on as if
nothing had been found; its context enhancer reads the whole document again for every candidate, and needs lemmas;
its e-mail check may fetch a suffix list from the network. The search is RE2's here, context is looked for next to the
candidate, and the suffix list is the one inside tldextract.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import phonenumbers
import tldextract
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult, predefined_recognizers
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    MedicalLicenseRecognizer,
    UsSsnRecognizer,
)

from classifiers import _pii_checks as checks
from classifiers._names import ENTITIES, Name, Reader
from classifiers._names_en import EnglishNames
from classifiers._names_zh import ChineseNames
from classifiers._organizations_en import EnglishOrganizations
from classifiers._pii_table import Form
from classifiers._pii_world import RECOGNIZERS, linear

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from presidio_analyzer.nlp_engine import NlpArtifacts

_GROUP = re.compile(r"[0-9]{3}")
"""Of telephone numbers that are none of any plan: pairs of digits alone are draws, dates and scores."""
_PRIVATE_SUFFIXES = frozenset({"local", "internal", "intranet", "corp", "lan", "home", "example", "test"})


def validators() -> Mapping[str, Callable[[str], bool | None]]:
    """Checks by name: true proves, false refutes, None has no opinion."""
    card, crypto = CreditCardRecognizer(), CryptoRecognizer()
    licence, ssn = MedicalLicenseRecognizer(), UsSsnRecognizer()
    suffixes = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)
    suffixes("example.org")

    def email(text: str) -> bool:
        domain = text.rpartition("@")[2]
        if domain.rpartition(".")[2].lower() in _PRIVATE_SUFFIXES:
            return True
        parts = suffixes.extract_str(domain)
        return bool(parts.suffix and parts.domain)

    return {
        "card": lambda text: bool(card.validate_result(text)) and checks.card_number(text),
        "crypto": lambda text: bool(crypto.validate_result(text)),
        "medical_license": lambda text: bool(licence.validate_result(text)),
        "us_ssn": lambda text: False if ssn.invalidate_result(text) else None,
        "email": email,
    }


def national(entities: frozenset[str]) -> tuple[list[Form], dict[str, Callable[[str], bool | None]]]:
    """Presidio's forms of the *entities* that one country gives out, and the checks that they name."""
    forms, judges = [], {}
    for entity in sorted(entities & RECOGNIZERS.keys()):
        recognizer: PatternRecognizer = getattr(predefined_recognizers, RECOGNIZERS[entity])()
        patterns: list[Pattern] = recognizer.patterns  # type: ignore[has-type]  # set in its constructor, undeclared
        for number, pattern in enumerate(patterns):
            judge = f"{entity} {number}"
            judges[judge] = _judge(recognizer, pattern.regex)
            context = tuple(word.lower() for word in recognizer.context or ())
            forms.append(Form(entity, "any", linear(pattern.regex), pattern.score, judge, context))
    return forms, judges


def _judge(recognizer: PatternRecognizer, pattern: str) -> Callable[[str], bool | None]:
    """What *recognizer* thinks of a text that its *pattern* may match."""
    exact = re.compile(pattern.replace("(?i)", ""), re.IGNORECASE | re.DOTALL)

    def judge(text: str) -> bool | None:
        if not exact.fullmatch(text) or recognizer.invalidate_result(text):
            return False
        proof: bool | None = recognizer.validate_result(text)
        return proof

    return judge


def phone(text: str, *, in_context: bool) -> float:
    """How surely *text* is a telephone number as English writers give it, in [0, 1]; 0 where it cannot be one."""
    dialled = checks.dialled(text)
    number = checks.digits(dialled)
    international = dialled.startswith(("+", "00"))
    if not 7 <= len(number) <= 15 or (not international and checks.looks_like_date(dialled)):
        return 0.0
    separated = len(dialled) > len(number)
    if international and _valid(f"+{number.removeprefix('00')}", None):
        return 0.95 if in_context else 0.75
    if any(_valid(number, region) for region in _regions(number)):
        if separated:
            return 0.95 if in_context else 0.6
        return 0.75 if in_context else 0.4
    # A number that nobody was given can still be somebody's to the writer; a plain run of digits is not enough.
    return 0.55 if in_context and separated and _GROUP.search(dialled) else 0.0


def _regions(number: str) -> tuple[str, ...]:
    """Regions in whose national form *number* can be. Asking the library is slow, so it is asked about little else."""
    if number[0] == "0" and 10 <= len(number) <= 11:
        return ("GB", "FR", "AU", "IN", "NZ", "IE", "ZA", "DE", "IT")
    national = number[1:] if len(number) == 11 and number[0] == "1" else number
    if len(national) != 10:
        return ()
    nanp = national[0] in "23456789" and national[3] in "23456789"
    return (("US",) if nanp else ()) + (("IN",) if national[0] in "6789" else ())


def _valid(number: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


class NameRecognizer(EntityRecognizer):
    """A reader of names as one of Presidio's recognisers, for its analyzer as well as for `classifiers.pii`.

    Where names come out of another classifier's pass over the text, this is what they enter by: any `Reader` will do.
    """

    def __init__(self, reader: Reader, language: str, wanted: frozenset[str] = ENTITIES) -> None:
        """Take from *reader*, which reads *language*, the entities that are *wanted*."""
        self._reader = reader
        self._wanted = wanted & reader.entities
        super().__init__(
            supported_entities=[entity.upper() for entity in sorted(self._wanted)],
            name=type(reader).__name__,
            supported_language=language,
        )

    def load(self) -> None:
        """Nothing to do: the reader has loaded its weights."""

    def analyze(
        self,
        text: str,
        entities: list[str],
        nlp_artifacts: NlpArtifacts | None = None,  # noqa: ARG002  Presidio's signature; readers have their own words
    ) -> list[RecognizerResult]:
        """The names in *text* of the given *entities*."""
        return [
            RecognizerResult(name.entity.upper(), name.start, name.end, name.score)
            for name in self.names([text])[0]
            if name.entity.upper() in entities
        ]

    def names(self, texts: Sequence[str]) -> list[list[Name]]:
        """The names of all *texts* that are wanted, in order."""
        return [[name for name in names if name.entity in self._wanted] for names in self._reader.read(texts)]


def recognizers(languages: Sequence[str], wanted: frozenset[str]) -> list[NameRecognizer]:
    """What reads the names that are *wanted* in *languages*.

    Raises:
        WeightsError: weights are missing, or others than those pinned.
    """
    found = []
    if "en" in languages:
        if wanted & EnglishNames.entities - {"address"}:
            found.append(NameRecognizer(EnglishNames(), "en", wanted))
        if "organization" in wanted:
            found.append(NameRecognizer(EnglishOrganizations(), "en", wanted))
    if "zh" in languages:
        found.append(NameRecognizer(ChineseNames(), "zh", wanted))
    return found
