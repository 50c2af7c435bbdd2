from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from guard.policy.schema import json_schema
from tests.policy.fakes import ACTIONS, CATALOG, Catalogue, policy
from tests.policy.test_loader import FULL, ONE

SCHEMA = json_schema(ACTIONS, CATALOG)


def problems(text: str, schema: dict[str, Any] = SCHEMA) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(yaml.safe_load(text))]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [FULL, ONE])
def test_what_loads_is_valid(text: str) -> None:
    policy(text)

    assert problems(text) == []


@pytest.mark.parametrize(
    "text",
    [
        ONE.replace("policy: p", "polcy: p"),
        ONE.replace("policy: p", "policy: My Policy"),
        ONE.replace("hate", "hat"),
        ONE.replace("hate", "custom."),
        ONE.replace("category: hate", "category: hate, at_least: 80"),
        ONE.replace("category: hate", "category: hate, not: {category: hate}"),
        ONE.replace("category: hate", "any: []"),
        ONE.replace("block", "blok"),
        ONE.replace("then: block", "then: replace"),
        ONE.replace("then: block", "then: {block: {hard: true}}"),
        ONE.replace("then: block", "then: {redact: {style: blur}}"),
        ONE.replace("then: block", "then: {replace: {text: a, weight: b}}"),
        ONE.replace("then: block", "then: block, message: {zh: 不}"),
        ONE.replace("then: block", "then: block, message: {en: a, english: b}"),
        ONE.replace("then: block", "then: block, roles: [usr]"),
        ONE + "mode: off\n",
        ONE + "match: {models: ['gpt-[45]']}\n",
        ONE + "classifiers: {pi: {}}\n",
        ONE + "classifiers: {pii: {languages: en}}\n",
        "policy: p\nrules: []\n",
    ],
)
def test_what_is_wrong_is_seen_by_an_editor_too(text: str) -> None:
    assert problems(text)


def test_a_classifier_that_cannot_be_asked_takes_any_options() -> None:
    schema = json_schema(ACTIONS, Catalogue({}, broken=["pii"]))

    assert problems(ONE + "classifiers: {pii: {anything: 1}}\n", schema) == []


def test_every_key_is_described() -> None:
    rule = SCHEMA["$defs"]["rule"]

    assert all("description" in key for key in (*SCHEMA["properties"].values(), *rule["properties"].values()))
