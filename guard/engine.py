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
from guard.content import Modality, View
from guard.policy.model import Policy, categories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from guard.content import Direction

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

_SAMPLE = "A text as people write them, to see how long it takes. 一段普通的文字，用来测量需要多长时间。" * 4
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


class Placement(Protocol):
    """Where models run: `InProcess`, or `guard.placement.Link`."""

    def place(
        self, name: str, options: Mapping[str, object], classifier: Classifier[Any]
    ) -> tuple[Classifier[Any], Desk]:
        """*classifier*, which is not loaded, where it will be asked. Blocks while it is loaded.

        Raises:
            WeightsError: it cannot be loaded.
        """
        ...

    def close(self) -> None:
        """Let go of what is not any one classifier's."""


class InProcess:
    """Models run on threads of this process. *options* are those of every `Batcher`."""

    def __init__(self, **options: Any) -> None:
        self._options = {"max_pending_cost": 64_000_000, **options}

    def place(
        self, name: str, options: Mapping[str, object], classifier: Classifier[Any]
    ) -> tuple[Classifier[Any], Desk]:
        """Load *classifier* and tune its batches."""
        began = time.monotonic()
        classifier.load()
        batcher = self.desk(name, options, classifier)
        if classifier.largest_batch is not None and Modality.TEXT in classifier.modalities:
            batcher.tune(classifier.prepare(View.of(_SAMPLE[: classifier.window])))
        log.info("classifier loaded name=%s seconds=%.2f", name, time.monotonic() - began)
        return classifier, batcher

    def desk(self, name: str, options: Mapping[str, object], classifier: Classifier[Any]) -> Batcher[Any]:  # noqa: ARG002  another placement asks
        """The batcher of a classifier that is loaded."""
        return Batcher(classifier, name=name, **self._options)

    def close(self) -> None:
        """Nothing is left: batchers are closed one by one."""


class Engine:
    """Every classifier that some policy needs, loaded once, where the *placement* says. `ensure` blocks while it loads.

    Names of classifiers and their options are looked up in the *catalog*.
    """

    def __init__(self, catalog: Catalog = registry, *, placement: Placement | None = None) -> None:
        self._catalog = catalog
        self._placement = placement or InProcess()
        self._stations: dict[tuple[str, str], Station] = {}
        self._left_out: dict[tuple[str, str], Classifier[Any]] = {}
        self._plans: dict[tuple[str, Direction, Terms], tuple[Station, ...]] = {}
        self.terms = ALONE
        # Pictures take long to decode, and strangers' code may hang: neither should keep the others waiting.
        self.text, self.media, self._own = Pool("text"), Pool("media"), Pool("work")

    def ensure(self, policies: Iterable[Policy], *, modalities: frozenset[Modality] | None = None) -> None:
        """Load what *policies* need (of *modalities*, if given) and is not loaded yet.

        Raises:
            RegistryError, WeightsError: a classifier cannot be had; nothing that was loaded before is touched.
        """
        for policy in policies:
            for name, options in policy.needs.items():
                self.load(name, options, modalities=modalities)

    def load(
        self, name: str, options: Mapping[str, object], *, modalities: frozenset[Modality] | None = None
    ) -> Station | None:
        """The station of classifier *name* with *options*, loaded if need be; None if it reads none of *modalities*.

        Raises:
            RegistryError, WeightsError: it cannot be had.
        """
        key = station_key(name, options)
        if key in self._stations:
            return self._stations[key]
        classifier = self._catalog.create(name, options)
        if modalities is not None and modalities.isdisjoint(classifier.modalities):
            self._left_out[key] = classifier
            return None
        placed, desk = self._placement.place(name, options, classifier)
        return self._add(Station(name, placed, desk), key)

    def add(self, name: str, options: Mapping[str, object], classifier: Classifier[Any]) -> None:
        """Take in a classifier that is loaded already; it runs in this process."""
        self._add(Station(name, classifier, InProcess().desk(name, options, classifier)), station_key(name, options))

    def _add(self, station: Station, key: tuple[str, str]) -> Station:
        self._stations[key] = station
        self._left_out.pop(key, None)
        self._plans.clear()
        return station

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

    def looking(self, policy: Policy, direction: Direction, modality: Modality) -> tuple[Station, ...]:
        """The stations whose categories rules of *policy* ask about that look at *modality* in *direction*."""
        asked = _asked(policy, direction, modality)
        return tuple(one for one in self._serving(policy, direction) if _serves(one.classifier, asked))

    def plan(self, policy: Policy, direction: Direction) -> tuple[Station, ...]:
        """The stations whose categories some rule of *policy* asks about in *direction*, where they can be found."""
        known = self._plans.get((policy.revision, direction, self.terms))
        if known is None:
            known = self._plans[policy.revision, direction, self.terms] = tuple(
                station
                for station in self._serving(policy, direction)
                if looks_at(policy, direction, station.classifier) & station.classifier.modalities
            )
        return known

    def _serving(self, policy: Policy, direction: Direction) -> tuple[Station, ...]:
        """The stations whose categories some rule of *policy* asks about in *direction*, wherever it looks."""
        asked = _asked(policy, direction)
        return tuple(
            station if self.terms is ALONE else replace(station, batcher=Bound(station.batcher, self.terms))
            for name, options in policy.needs.items()
            if (station := self._stations.get(station_key(name, options))) is not None
            and _serves(station.classifier, asked)
        )

    def readers(self, policy: Policy, direction: Direction, modality: Modality) -> tuple[Station, ...]:
        """The readers that *policy* names, if a rule that looks at *modality* in *direction* asks what texts say."""
        looking = self.looking(policy, direction, modality)
        if not any(Modality.TEXT in one.classifier.modalities for one in looking):
            return ()
        keys = (station_key(name, options) for name, options in policy.needs.items())
        return tuple(
            station if self.terms is ALONE else replace(station, batcher=Bound(station.batcher, self.terms))
            for key in keys
            if (station := self._stations.get(key)) is not None and station.classifier.reader
        )

    def unread(self, policy: Policy, direction: Direction) -> frozenset[Modality]:
        """The modalities that rules of *policy* ask about and whose classifiers were not to be loaded."""
        if not self._left_out:
            return frozenset()
        asked = _asked(policy, direction)
        left_out = [self._left_out.get(station_key(name, options)) for name, options in policy.needs.items()]
        unread = frozenset(m for one in left_out if one is not None and _serves(one, asked) for m in one.modalities)
        if Modality.TEXT not in unread:
            return unread
        keys = (station_key(name, options) for name, options in policy.needs.items())
        named = [
            self._left_out.get(key) or (self._stations[key].classifier if key in self._stations else None)
            for key in keys
        ]
        return unread.union(*(one.modalities for one in named if one is not None and one.reader))  # their texts

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
        self._placement.close()


def looks_at(policy: Policy, direction: Direction, classifier: Classifier[Any]) -> frozenset[Modality]:
    """The modalities that rules of *policy* on what *classifier* gives look at: in others its answers mean nothing."""
    asking = [rule for rule in policy.rules if direction in rule.directions]
    looked = [rule.modalities for rule in asking if _serves(classifier, set(categories(rule.when)))]
    return frozenset[Modality]().union(*looked)


def _asked(policy: Policy, direction: Direction, modality: Modality | None = None) -> set[str]:
    """The categories that rules ask about in *direction*; if *modality* is given, rules that look there."""
    return {
        category
        for rule in policy.rules
        if direction in rule.directions and (modality is None or modality in rule.modalities)
        for category in categories(rule.when)
    }


def _serves(classifier: Classifier[Any], asked: set[str]) -> bool:
    return any(taxonomy.covers(a, c) or taxonomy.covers(c, a) for a in asked for c in classifier.categories)


def station_key(name: str, options: Mapping[str, object]) -> tuple[str, str]:
    """What tells one loaded classifier from another."""
    return name, json.dumps(options, sort_keys=True, default=list)
