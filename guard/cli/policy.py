"""``guard policy``: lint, test, explain, schema; `agree`, `diff`, `tune` and `replay` are in modules of their own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import orjson

from guard import registry
from guard.actions import ACTIONS
from guard.config import POLICIES, policy_path
from guard.errors import GuardError
from guard.policy.explain import explain
from guard.policy.lint import Severity, lint
from guard.policy.loader import load_policy
from guard.policy.schema import json_schema
from guard.policy.store import policy_files
from guard.policy.testing import load_tests, run_case, tests_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path


def policy(options: argparse.Namespace) -> int:
    """Run one tool; 0 if all is well, 1 if a policy is not."""
    if options.tool == "schema":
        print(orjson.dumps(json_schema(ACTIONS, registry), option=orjson.OPT_INDENT_2).decode())
        return 0
    if options.tool == "diff":
        from guard.cli.policy_diff import diff

        return diff(options)
    if options.tool == "tune":
        from guard.cli.policy_tune import tune

        return tune(options)
    if options.tool == "agree":
        from guard.cli.policy_agree import agree

        return agree(options)
    if options.tool == "replay":
        from guard.cli.policy_replay import replay_log

        return replay_log(options)
    paths = _files(options.paths)
    if options.tool == "lint":
        return _lint(paths)
    if options.tool == "test":
        return _test(paths)
    for path in paths:
        print(explain(load_policy(path, actions=ACTIONS, catalog=registry), options.locale))
        print()
    return 0


def one_policy(name: str) -> Path:
    """The file of the policy called *name*. A folder is none."""
    path = policy_path(name)
    if path.is_dir():
        msg = f"{path} is a folder; name one policy's file"
        raise GuardError(msg)
    return path.absolute()


def _files(names: Iterable[str]) -> list[Path]:
    found: list[Path] = []
    for name in list(names) or [str(POLICIES)]:
        path = policy_path(name)
        found += sorted(policy_files(path)) if path.is_dir() else [path]
    return found


def _lint(paths: Iterable[Path]) -> int:
    problems = [problem for path in paths for problem in lint(path, actions=ACTIONS, catalog=registry)]
    for problem in problems:
        print(problem)
    return int(any(problem.severity is Severity.ERROR for problem in problems))


def _test(paths: Iterable[Path]) -> int:
    from guard.library import policy_judge

    judge = policy_judge()
    passed = failed = 0
    for path in paths:
        tests = tests_of(path)
        if not tests.is_file():
            print(f"{path}: has no tests; write {tests.name} beside it", file=sys.stderr)
            failed += 1
            continue
        loaded = load_policy(path, actions=ACTIONS, catalog=registry)
        for case in load_tests(tests):
            report = run_case(loaded, case, judge)
            passed, failed = passed + report.passed, failed + (not report.passed)
            if not report.passed:
                print(f"{tests}:{case.line}: {case.name}: {report.problem}")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)
