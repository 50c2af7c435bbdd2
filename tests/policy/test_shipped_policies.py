"""The policies that come with the project, against the categories that their classifiers are to give."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from guard.actions import ACTIONS
from guard.policy import json_schema, load_policy, load_tests, run_case, tests_of as beside
from guard.policy.explain import explain
from guard.policy.lint import lint
from tests.policy.fakes import SHIPPED

POLICIES = sorted(
    path for path in (Path(__file__).parents[2] / "policies").glob("*.yaml") if not path.stem.endswith("_test")
)


def test_there_are_seven() -> None:
    names = ["ca-sb942", "cn-gb45438", "default", "eu-cop-2026", "minors", "quality", "strict"]
    assert [path.stem for path in POLICIES] == names


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
class TestShipped:
    def test_nothing_can_be_said_against_it(self, path: Path) -> None:
        assert lint(path, actions=ACTIONS, catalog=SHIPPED) == []

    def test_its_cases_go_as_they_say(self, path: Path) -> None:
        policy = load_policy(path, actions=ACTIONS, catalog=SHIPPED)

        reports = [run_case(policy, case) for case in load_tests(beside(path)) if case.text is None]

        assert [report for report in reports if not report.passed] == []

    def test_it_fits_the_schema(self, path: Path) -> None:
        schema = json_schema(ACTIONS, SHIPPED)

        assert list(Draft202012Validator(schema).iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))) == []

    def test_it_fails_closed(self, path: Path) -> None:
        policy = load_policy(path, actions=ACTIONS, catalog=SHIPPED)

        answers = (policy.on_error, policy.on_timeout, policy.on_overload, policy.unscannable)
        assert {action.name for action in answers} == {"block"}

    def test_it_can_be_explained(self, path: Path) -> None:
        policy = load_policy(path, actions=ACTIONS, catalog=SHIPPED)

        for locale in ("en", "zh"):
            assert all(f"`{rule.id}`" in explain(policy, locale) for rule in policy.rules)
