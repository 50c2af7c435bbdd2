"""`Engine`: every loaded classifier with its `Batcher`, and the threads that work is put aside on.

One engine is shared by every policy and every caller. It knows nothing of contents: what is asked of whom is the
`guard.pipeline`'s.
"""

from __future__ import annotations

import copy
import json
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from guard import registry, taxonomy
from guard.batching.batcher import Batcher
from guard.batching.pool import Pool, PoolClosed
from guard.batching.terms import ALONE, Bound, Desk, Terms
from guard.classifier import Classifier
from guard.policy.model import Policy, categories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from guard.content import Direction, Modality

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

_CLOSE_S = 2.0
"""Seconds that closing waits for what is running, all threads together."""


class Catalog(Protocol):
    """Where classifiers come from. The module `guard.registry` is one."""

    def create(self, name: str, options: Mapping[str, object] | None = None) -> Classifier[Any]:
        """An instance, its options checked, not yet loaded. Raises `RegistryError`."""
        ...


@dataclass(frozen=True, slots=True)
class Station:
    """A loaded classifier, and where it is asked."""

    name: str
    classifier: Classifier[Any]
    batcher: Desk


class Engine:
    """Every classifier that some policy needs, loaded once. `ensure` blocks while it loads."""

    def __init__(self, catalog: Catalog = registry, *, max_pending_cost: int = 64_000_000) -> None:
        self._catalog = catalog
        self._stations: dict[tuple[str, str], Station] = {}
        self._left_out: dict[tuple[str, str], Classifier[Any]] = {}
        self._plans: dict[tuple[str, Direction, Terms], tuple[Station, ...]] = {}
        self.terms = ALONE
        self._max_pending_cost = max_pending_cost
        # Pictures take long to decode, and strangers' code may hang: neither should keep the others waiting.
        self.text, self.media, self._own = Pool("text"), Pool("media"), Pool("work")

    def ensure(self, policies: Iterable[Policy], *, modalities: frozenset[Modality] | None = None) -> None:
        """Load what *policies* need (of *modalities*, if given) and is not loaded yet.

        Raises:
            RegistryError, WeightsError: a classifier cannot be had; nothing that was loaded before is touched.
        """
        for policy in policies:
            for name, options in policy.needs.items():
                key = _key(name, options)
                if key in self._stations:
                    continue
                classifier = self._catalog.create(name, options)
                if modalities is not None and modalities.isdisjoint(classifier.modalities):
                    self._left_out[key] = classifier
                    continue
                began = time.monotonic()
                classifier.load()
                log.info("classifier loaded name=%s seconds=%.2f", name, time.monotonic() - began)
                self.add(name, options, classifier)

    def add(self, name: str, options: Mapping[str, object], classifier: Classifier[Any]) -> None:
        """Take in a classifier that is loaded already."""
        batcher = Batcher(classifier, max_pending_cost=self._max_pending_cost, name=name)
        self._stations[_key(name, options)] = Station(name, classifier, batcher)
        self._left_out.pop(_key(name, options), None)
        self._plans.clear()

    def under(self, terms: Terms) -> Engine:
        """This engine, asked on *terms*: the same classifiers, queues and threads."""
        if terms == self.terms:
            return self
        other = copy.copy(self)
        other.terms = terms
        return other

    @property
    def backlog_s(self) -> float:
        """About how many seconds the classifier with the most to do needs for what waits for it."""
        return max((station.batcher.backlog_s for station in self._stations.values()), default=0.0)

    def plan(self, policy: Policy, direction: Direction) -> tuple[Station, ...]:
        """The stations whose categories some rule of *policy* asks about in *direction*."""
        known = self._plans.get((policy.revision, direction, self.terms))
        if known is None:
            asked = _asked(policy, direction)
            known = tuple(
                station if self.terms is ALONE else replace(station, batcher=Bound(station.batcher, self.terms))
                for name, options in policy.needs.items()
                if (station := self._stations.get(_key(name, options))) is not None
                and _serves(station.classifier, asked)
            )
            self._plans[policy.revision, direction, self.terms] = known
        return known

    def unread(self, policy: Policy, direction: Direction) -> frozenset[Modality]:
        """The modalities that rules of *policy* ask about and whose classifiers were not to be loaded."""
        if not self._left_out:
            return frozenset()
        asked = _asked(policy, direction)
        left_out = [self._left_out.get(_key(name, options)) for name, options in policy.needs.items()]
        return frozenset(m for one in left_out if one is not None and _serves(one, asked) for m in one.modalities)

    def stations(self) -> tuple[Station, ...]:
        """Everything loaded, by name."""
        return tuple(sorted(self._stations.values(), key=lambda station: station.name))

    async def aside(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What *function*, the gateway's own and pure, returns: worked out off the event loop."""
        try:
            return await self._own.call(function, *arguments, **named)
        except PoolClosed:  # on the way out nothing new comes in: what is left may as well be done here
            return function(*arguments, **named)

    def close(self) -> None:
        """Stop every batcher and every thread; blocks for two seconds at most."""
        end = time.monotonic() + _CLOSE_S
        closers = [pool.close for pool in (self.text, self.media, self._own)]
        closers += [station.batcher.close for station in self._stations.values()]
        for close in closers:
            close(max(0.0, end - time.monotonic()))


def _asked(policy: Policy, direction: Direction) -> set[str]:
    return {c for rule in policy.rules if direction in rule.directions for c in categories(rule.when)}


def _serves(classifier: Classifier[Any], asked: set[str]) -> bool:
    return any(taxonomy.covers(a, c) or taxonomy.covers(c, a) for a in asked for c in classifier.categories)


def _key(name: str, options: Mapping[str, object]) -> tuple[str, str]:
    return name, json.dumps(options, sort_keys=True, default=list)
