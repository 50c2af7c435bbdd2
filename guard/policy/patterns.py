"""Patterns of requests, in which `*` stands for any characters, and which of two is the more specific. Pure.

Matching takes time in the product of both lengths at worst, with no backtracking: names come from clients.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from guard.policy.model import Match

Rank = tuple[float, float, float]
"""How specific a match is: by route, then tenant, then model."""


def matches(pattern: str, name: str) -> bool:
    """Whether *pattern* stands for *name*.

    >>> matches("/v1/*", "/v1/responses"), matches("gpt-*-mini", "gpt-5"), matches("*", "")
    (True, False, True)
    """
    head, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, tail = rest
    if not name.startswith(head):
        return False
    at = len(head)
    for piece in middle:
        # The leftmost place is always good enough: it leaves the most for the pieces after it.
        at = name.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(name) - at >= len(tail) and name.endswith(tail)


def rank(patterns: Iterable[str], name: str) -> float | None:
    """How closely the closest of *patterns* matches *name*: exact > longer pattern > `*`; None if none does."""
    return max((_weight(pattern) for pattern in patterns if matches(pattern, name)), default=None)


def rank_of(match: Match, route: str, tenant: str, model: str) -> Rank | None:
    """How closely *match* fits a request, or None where it does not."""
    by_route = rank(match.routes, route)
    by_tenant = rank(match.tenants, tenant)
    by_model = rank(match.models, model)
    if by_route is None or by_tenant is None or by_model is None:
        return None
    return by_route, by_tenant, by_model


def tied(one: Match, other: Match) -> tuple[str, str, str] | None:
    """The patterns of *one* under which a request could be for both, with nothing to choose by; None if there is none.

    Routes, tenants and models vary freely, so there is such a request if each of the three can tie.
    """
    route = _tie(one.routes, other.routes)
    tenant = _tie(one.tenants, other.tenants)
    model = _tie(one.models, other.models)
    return None if route is None or tenant is None or model is None else (route, tenant, model)


def is_total(patterns: Iterable[str]) -> bool:
    """Whether one of *patterns* matches everything."""
    return any(pattern.strip("*") == "" for pattern in patterns)


def _weight(pattern: str) -> float:
    return float(len(pattern) - pattern.count("*")) if "*" in pattern else math.inf


def _tie(patterns: Iterable[str], others: Iterable[str]) -> str | None:
    theirs = tuple(others)
    ties = (p for p in patterns for q in theirs if _weight(p) == _weight(q) and _overlap(p, q))
    return next(ties, None)


def _overlap(one: str, other: str) -> bool:
    """Whether some name is matched by both patterns."""
    reached, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        i, j = waiting.pop()
        if i == len(one) and j == len(other):
            return True
        fresh = set(_steps(one, other, i, j)) - reached
        reached |= fresh
        waiting += fresh
    return False


def _steps(one: str, other: str, i: int, j: int) -> Iterator[tuple[int, int]]:
    a, b = one[i : i + 1], other[j : j + 1]
    if a == "*":
        yield i + 1, j
        if b:
            yield i, j + 1
    if b == "*":
        yield i, j + 1
        if a:
            yield i + 1, j
    if a and a == b:
        yield i + 1, j + 1
