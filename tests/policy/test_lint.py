from pathlib import Path

import pytest

from guard.policy.lint import Severity, lint
from tests.policy.fakes import ACTIONS, CATALOG

TESTS = """\
- {name: fires, given: [{category: hate, score: 1}], expect: {action: block, rules: [r]}}
- {name: passes, given: [], expect: {action: allow, rules: []}}
"""
GOOD = "policy: p\nrules:\n  - {id: r, when: {category: hate}, then: block, message: {en: Stop, zh: 停}}\n"


def problems(folder: Path, text: str, tests: str | None = TESTS) -> list[str]:
    path = folder / "p.yaml"
    path.write_text(text, encoding="utf-8")
    if tests is not None:
        (folder / "p_test.yaml").write_text(tests, encoding="utf-8")
    return [str(problem).removeprefix(f"{folder}/") for problem in lint(path, actions=ACTIONS, catalog=CATALOG)]


def test_a_good_policy_has_no_problems(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


def test_what_does_not_load_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("policy: p\nruls: []\n", encoding="utf-8")

    (problem,) = lint(path, actions=ACTIONS, catalog=CATALOG)

    assert problem.severity is Severity.ERROR
    assert str(problem) == f"{path}:2:1: error: the file has no key `ruls`; did you mean `rules`?"


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("when: {all: [{category: hate}, {not: {category: hate}}]}, then: flag", "can never fire"),
        ("when: {all: [{category: mark.a, at_least: 0.9}, {missing: mark}]}, then: flag", "can never fire"),
        ("when: {any: [{category: hate}, {category: hate}]}, then: flag", "the same condition twice"),
        ("when: {category: hate}, modalities: [image], then: flag", "cannot fire on `hate`: its classifiers read text"),
        ("when: {not: {category: hate}}, then: redact", "points at nothing that could be masked"),
        ("when: {category: hate}, then: allow", "excuses nothing"),
    ],
)
def test_what_loads_but_cannot_be_meant_is_said(tmp_path: Path, rule: str, problem: str) -> None:
    found = problems(tmp_path, f"policy: p\nrules:\n  - {{id: r, {rule}, message: {{en: Stop, zh: 停}}}}\n")

    assert len(found) == 1
    assert found[0].startswith("p.yaml:3:1: warning: rule `r` ")
    assert problem in found[0]


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{category: hate}, {not: {category: hate, at_least: 0.9}}]}",
        "{all: [{category: hate, at_least: 0.6}, {not: {category: hate, at_least: 0.5, at_most: 0.7}}]}",
        "{all: [{category: toxicity}, {not: {category: toxicity.insult}}]}",
        "{all: [{category: hate}, {not: {category: hate, count: 2}}]}",
    ],
)
def test_a_condition_that_can_be_met_is_no_contradiction(tmp_path: Path, when: str) -> None:
    assert problems(tmp_path, GOOD.replace("{category: hate}", when)) == []


def test_two_rules_that_ask_the_same_of_the_same_content_are_named(tmp_path: Path) -> None:
    second = "  - {id: s, when: {category: hate}, then: flag, directions: [input]}\n"
    tests = TESTS + "- {name: both, given: [], expect: {action: flag, rules: [s]}}\n"

    assert problems(tmp_path, GOOD + second, tests) == [
        "p.yaml:4:1: warning: rule `s` has the condition of rule `r`, and they look at the same content"
    ]


def test_two_rules_that_look_at_different_content_may_ask_the_same(tmp_path: Path) -> None:
    one = GOOD.replace("then: block", "then: block, directions: [output]")
    second = "  - {id: s, when: {category: hate}, then: flag, directions: [input]}\n"

    assert problems(tmp_path, one + second, TESTS.replace("[r]", "[r, s]")) == []


def test_words_for_people_are_asked_for(tmp_path: Path) -> None:
    assert "people are told nothing" in problems(tmp_path, GOOD.replace(", message: {en: Stop, zh: 停}", ""))[0]
    assert "has no `zh` message" in problems(tmp_path, GOOD.replace(", zh: 停", ""))[0]


@pytest.mark.parametrize(
    ("tests", "found"),
    [
        (None, ["p.yaml:1:1: warning: the policy has no tests; write p_test.yaml beside it"]),
        ("- {name: a}", ["p_test.yaml:1:3: error: a case has no `expect`; add `expect:`"]),
        (
            TESTS.splitlines()[0],
            ["p_test.yaml:1:1: warning: no case expects that nothing fires: write one with `rules: []`"],
        ),
        (TESTS.splitlines()[1], ["p_test.yaml:1:1: warning: no case expects rule `r` to fire"]),
        (
            TESTS.replace("[r]", "[r, q]").replace("action: block", "action: blok"),
            [
                "p_test.yaml:1:1: warning: there is no action `blok`",
                "p_test.yaml:1:1: warning: there is no rule `q`",
            ],
        ),
    ],
)
def test_tests_are_asked_for_a_case_that_fires_and_one_that_does_not(
    tmp_path: Path, tests: str | None, found: list[str]
) -> None:
    assert [problem.replace("1:3: warning", "1:1: warning") for problem in problems(tmp_path, GOOD, tests)] == found
