"""Policies: what to look for, and what to do about it.

YAML ─loader→ Policy ─evaluate(Detection)→ Decision

- `model`     what a policy is: frozen values
- `document`  YAML of which every value knows its place; `options` dataclasses from it
- `loader`    a policy from a file, with errors at ``path:line:col``; `serving` which classifiers it needs
- `evaluate`  decides, purely
- `store`     the policies in force, chosen per request by `patterns`, replaced as a whole
- `testing`   tests beside policies; `lint` what loads but cannot be meant
- `explain`   plain language; `schema` JSON Schema for editors
"""

from guard.policy.evaluate import decide
from guard.policy.loader import load_policy, parse_policy
from guard.policy.model import Match, Mode, Policy, Rule, UnknownFields
from guard.policy.schema import json_schema
from guard.policy.serving import Catalog
from guard.policy.store import PolicyStore
from guard.policy.testing import Case, CaseReport, load_tests, run_case, tests_of

__all__ = [
    "Case",
    "CaseReport",
    "Catalog",
    "Match",
    "Mode",
    "Policy",
    "PolicyStore",
    "Rule",
    "UnknownFields",
    "decide",
    "json_schema",
    "load_policy",
    "load_tests",
    "parse_policy",
    "run_case",
    "tests_of",
]
