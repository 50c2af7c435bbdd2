"""Lets pytest run the policies' own tests: every case of a ``<name>_test.yaml`` is one item.

Cases with `text` need the real classifiers; those are asked for only when such a case runs.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from guard import registry
from guard.actions import ACTIONS
from guard.policy import load_policy, load_tests, run_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from guard.policy import Case, Policy
    from guard.policy.testing import Judge

_load = functools.lru_cache(functools.partial(load_policy, actions=ACTIONS, catalog=registry))


@functools.cache
def _judge() -> Judge:
    """The real classifiers, imported only when a case with `text` runs, and loaded once for all of them."""
    from guard.library import policy_judge

    return policy_judge()


class FailedCase(Exception):  # noqa: N818  a report, not an error
    """A case that did not go as it says."""


class PolicyTests(pytest.File):
    """A test file beside a policy."""

    def collect(self) -> Iterator[pytest.Item]:
        path = self.path.with_name(self.path.name.removesuffix("_test.yaml") + ".yaml")
        for case in load_tests(self.path):
            item = PolicyCase.from_parent(self, name=case.name, case=case, policy=path)
            if case.text is not None:
                item.add_marker(pytest.mark.model)
            yield item


class PolicyCase(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, policy: Path, **parent: object) -> None:
        super().__init__(**parent)
        self._case = case
        self._policy = policy

    def runtest(self) -> None:
        policy: Policy = _load(self._policy)
        report = run_case(policy, self._case, _judge() if self._case.text is not None else None)
        if not report.passed:
            raise FailedCase(report.problem)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        place = f"{self.path}:{self._case.line}:1"
        if isinstance(excinfo.value, FailedCase):
            return f"{place}: {self._case.name}: {excinfo.value}"
        return f"{place}: {self._case.name}\n{super().repr_failure(excinfo)}"

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self._case.line - 1, self._case.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> PolicyTests | None:
    """Take test files of policies for collection."""
    return PolicyTests.from_parent(parent, path=file_path) if file_path.name.endswith("_test.yaml") else None
