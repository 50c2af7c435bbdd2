from __future__ import annotations

import doctest
import functools

import pytest
import re2
from presidio_analyzer import predefined_recognizers

from classifiers import _pii_world
from classifiers._pii_world import RECOGNIZERS, linear
from classifiers.pii import Pii, PiiOptions
from guard import taxonomy

PATTERNS = [
    pytest.param(pattern.regex, id=f"{entity}-{number}")
    for entity, name in RECOGNIZERS.items()
    for number, pattern in enumerate(getattr(predefined_recognizers, name)().patterns)
]


@functools.cache
def classifier(*entities: str) -> Pii:
    made = Pii(PiiOptions(entities=entities))
    made.load()
    return made


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_one_for_re2_without_groups(pattern: str):
    assert re2.compile(linear(pattern)).groups == 0


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("NHS number 401-023-2137.", "uk_nhs", "401-023-2137"),
        ("my NINO is AB 12 34 56 C", "uk_nino", "AB 12 34 56 C"),
        ("DNI 12345678Z", "es_nif", "12345678Z"),
        ("RRN 960121-1234567", "kr_rrn", "960121-1234567"),
        ("PAN ABCPK1234F", "in_pan", "ABCPK1234F"),
        ("Steuernummer 181/815/08155", "de_tax_number", "181/815/08155"),
        ("NRIC S1234567D", "sg_nric_fin", "S1234567D"),
        ("pesel 44051401359", "pl_pesel", "44051401359"),
        ("aadhaar 2341 2341 2346", "in_aadhaar", "2341 2341 2346"),
        ("ABN 51 824 753 556", "au_abn", "51 824 753 556"),
        ("codice fiscale RSSMRA85T10A562S", "it_fiscal_code", "RSSMRA85T10A562S"),
        ("社会保险号：social insurance 130-692-544", "ca_sin", "130-692-544"),
        ("TC kimlik 10000000146", "tr_national_id", "10000000146"),
    ],
)
def test_a_number_of_another_country_is_found_when_it_is_asked_for(text: str, entity: str, value: str):
    (findings,) = classifier(entity).classify([text])

    assert [(f.category, text[slice(*f.span)]) for f in findings if f.span] == [(f"pii.{entity}", value)]


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("NINO GB 12 34 56 C", "uk_nino"),  # a prefix that was never given out: looked for without RE2
        ("NHS 401-023-2138", "uk_nhs"),
        ("social insurance 130-692 544", "ca_sin"),
        ("12345678Z", "in_pan"),
    ],
)
def test_what_presidios_own_pattern_or_check_refuses_is_refused(text: str, entity: str):
    assert classifier(entity).classify([text]) == [[]]


def test_none_is_looked_for_unless_named():
    assert not RECOGNIZERS.keys() & set(PiiOptions().entities)
    assert Pii().categories.isdisjoint(f"pii.{entity}" for entity in RECOGNIZERS)
    assert all(taxonomy.is_known(f"pii.{entity}") for entity in RECOGNIZERS)


def test_every_recogniser_is_of_the_entity_that_it_is_filed_under():
    for entity, name in RECOGNIZERS.items():
        assert getattr(predefined_recognizers, name)().supported_entities == [entity.upper()]


def test_the_examples_in_the_documentation_are_true():
    assert doctest.testmod(_pii_world) == (0, 1)
