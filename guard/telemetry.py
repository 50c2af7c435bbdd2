"""Names of what is measured, and the one logger setting. Nothing here ever sees content: ids, counts and times only."""

from __future__ import annotations

import functools
import logging

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge per series that nobody reads

REGISTRY = CollectorRegistry()

REQUESTS = Counter(
    "guard_requests", "Requests answered, by how they ended.", ["route", "state", "status"], registry=REGISTRY
)
DECISIONS = Counter(
    "guard_decisions", "Decisions, by policy and action.", ["policy", "direction", "action"], registry=REGISTRY
)
FAILURES = Counter(
    "guard_classifier_failures", "Classifiers that gave no answer.", ["classifier", "kind"], registry=REGISTRY
)
UNSCANNABLE = Counter("guard_parts_unscannable", "Parts that no classifier could read.", ["policy"], registry=REGISTRY)
PARTS_CHECKED = Counter("guard_parts_checked", "Parts that classifiers were shown.", registry=REGISTRY)
PARTS_EXEMPT = Counter(
    "guard_parts_exempt",
    "Parts and values that need no judging, by the rule that says so.",
    ["rule"],
    registry=REGISTRY,
)
PARTS_UNCHECKED = Counter(
    "guard_parts_unchecked", "Parts that should have been judged and were not: a defect. Stays 0.", registry=REGISTRY
)
OVERHEAD = Histogram(
    "guard_overhead_seconds",
    "Time a request spent in the gateway, without the upstream's.",
    ["route"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
UPSTREAM_RETRIES = Counter("guard_upstream_retries", "Calls of the upstream made again.", registry=REGISTRY)
UPSTREAM_OPEN = Gauge(
    "guard_upstream_breaker_open", "1 while the upstream fails and is not called, else 0.", registry=REGISTRY
)
RELOADS = Counter("guard_policy_reloads", "Policy reloads, by how they ended.", ["ok"], registry=REGISTRY)
RATE_ALERTS = Counter(
    "guard_rate_alerts",
    "Changes of how often a category is found, by what is said.",
    ["category", "kind"],
    registry=REGISTRY,
)
REVIEWS = Counter("guard_reviews", "Held answers that a person decided on, by how.", ["standing"], registry=REGISTRY)
IN_FLIGHT = Gauge("guard_requests_in_flight", "Requests being answered.", registry=REGISTRY)


def render() -> bytes:
    """Everything measured, in the Prometheus text format."""
    return generate_latest(REGISTRY)


def set_up_logging(level: str) -> None:
    """Log the gateway's own events to standard error; libraries stay at warnings, since theirs may hold content."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.WARNING)
    logging.getLogger("guard").setLevel(level.upper())


@functools.cache
def request_ended(route: str, state: str, status: str) -> Counter:
    """The counter of requests that ended so, kept: looking one up takes a lock and a hash of its labels."""
    return REQUESTS.labels(route, state, status)


@functools.cache
def exempt(rule: str) -> Counter:
    """The counter of what one rule spared."""
    return PARTS_EXEMPT.labels(rule)


@functools.cache
def overhead(route: str) -> Histogram:
    """The histogram of one route."""
    return OVERHEAD.labels(route)


@functools.cache
def decided(policy: str, direction: str, action: str) -> Counter:
    """The counter of decisions of one kind."""
    return DECISIONS.labels(policy, direction, action)
