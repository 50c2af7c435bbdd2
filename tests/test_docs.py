"""What the documentation says is what the code does."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import guard
from docs.contracts import codec_of, described, ending, fields_of
from docs.generate import pages
from guard.protocols.adapter import Adapter, GeneratorAdapter
from guard.protocols.contract import Field

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_generated_page_is_as_the_code_says(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")  # argparse wraps at the terminal's width
    assert path.read_text(encoding="utf-8") == pages()[path], "run `make docs`"


MODULES = [m.name for m in pkgutil.walk_packages(guard.__path__, "guard.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]), ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


GENERATORS = [adapter for adapter in described() if isinstance(adapter, GeneratorAdapter)]


@pytest.mark.parametrize("adapter", GENERATORS, ids=lambda adapter: adapter.name)
def test_a_protocol_with_a_generator_says_what_the_fields_of_both_sides_are(adapter: GeneratorAdapter):
    assert {contract.side for contract in adapter.contracts} == {"request", "answer"}
    codec = codec_of(adapter)
    if codec is not None:
        assert codec.grows, "it should say which texts grow in its streams"
        assert ending(codec)


def kinds(of: type[Field] = Field) -> list[type[Field]]:
    return [kind for one in of.__subclasses__() for kind in (one, *kinds(one))]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_kind_of_field_has_a_posture(kind: type[Field]):
    assert not inspect.isabstract(kind)
    assert kind.posture is not Field.posture


@pytest.mark.parametrize("adapter", described(), ids=lambda adapter: adapter.name)
def test_every_field_says_what_becomes_of_it_and_what_stands_below_it(adapter: Adapter):
    assert adapter.contracts
    for contract in adapter.contracts:
        for field in fields_of(contract.field):
            assert field.posture.words
            below = {id(child) for _, child in field.children()}
            assert all(id(inner) in below for inner in held_by(field)), f"{field.posture.words} hides a field"


def held_by(field: Field) -> list[Field]:
    """The fields that are in *field*'s own attributes."""
    values = [getattr(field, one.name) for one in dataclasses.fields(field)] if dataclasses.is_dataclass(field) else []
    values += [inner for value in values if isinstance(value, dict) for inner in value.values()]
    return [value for value in values if isinstance(value, Field)]
