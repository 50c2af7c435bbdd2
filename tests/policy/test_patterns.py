import fnmatch
import re

import pytest
from hypothesis import given, strategies as st

from guard.policy.model import Match
from guard.policy.patterns import is_total, matches, rank, rank_of, tied

PATTERNS = st.text("ab*", min_size=1, max_size=8)
NAMES = st.text("ab", max_size=8)


@given(PATTERNS, NAMES)
def test_a_star_stands_for_any_characters(pattern: str, name: str) -> None:
    assert matches(pattern, name) is bool(re.fullmatch(fnmatch.translate(pattern), name))


def test_a_pattern_of_many_stars_is_matched_without_backtracking() -> None:
    assert not matches("*a" * 200 + "b", "a" * 20_000)


def test_exact_is_closer_than_a_longer_pattern_and_that_than_a_shorter() -> None:
    ranks = [rank([pattern], "/v1/chat") for pattern in ("*", "/*", "/v1/*", "/v1/chat")]

    assert None not in ranks
    assert ranks == sorted(set(ranks), key=lambda r: r or 0)


def test_what_no_pattern_matches_has_no_rank() -> None:
    assert rank(["/v2/*"], "/v1/chat") is None
    assert rank_of(Match(tenants=("a",)), "/", "b", "") is None


def test_the_route_counts_before_the_tenant_and_the_tenant_before_the_model() -> None:
    by_route = rank_of(Match(routes=("/v1/*",)), "/v1/x", "t", "m")
    by_tenant = rank_of(Match(tenants=("t",)), "/v1/x", "t", "m")
    by_model = rank_of(Match(models=("m",)), "/v1/x", "t", "m")

    assert by_route is not None
    assert by_tenant is not None
    assert by_model is not None
    assert by_route > by_tenant > by_model


@pytest.mark.parametrize(
    ("one", "other", "ties"),
    [
        (Match(), Match(), True),
        (Match(routes=("/a",)), Match(), False),
        (Match(routes=("/a",)), Match(routes=("/b",)), False),
        (Match(routes=("/a*",)), Match(routes=("/b*",)), False),
        (Match(routes=("/a*",)), Match(routes=("*/b",)), True),
        (Match(routes=("/a",), tenants=("x",)), Match(routes=("/a",), models=("y",)), False),
        (Match(tenants=("x", "y")), Match(tenants=("y", "z")), True),
    ],
)
def test_a_tie_is_a_request_for_which_nothing_is_closer(one: Match, other: Match, ties: bool) -> None:
    assert bool(tied(one, other)) is ties
    assert bool(tied(other, one)) is ties


@given(st.builds(Match, st.tuples(PATTERNS)), st.builds(Match, st.tuples(PATTERNS)), NAMES)
def test_two_policies_that_do_not_tie_are_never_equally_close(one: Match, other: Match, route: str) -> None:
    ours, theirs = rank_of(one, route, "", ""), rank_of(other, route, "", "")

    assert tied(one, other) or ours is None or ours != theirs


def test_only_stars_match_everything() -> None:
    assert is_total(["a", "*"])
    assert not is_total(["a*"])
