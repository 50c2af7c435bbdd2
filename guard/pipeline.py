"""detect → decide → enforce, under one deadline: the middle of the line, the same for proxy, library and audit.

`Engine` owns the loaded classifiers, one `Batcher` each, shared by every policy and every caller. `Pipeline.judge` asks
those that a policy's rules need, decides, and applies the decision. It raises nothing but cancellation: whatever goes
wrong becomes a `Failure`, and the policy says what that means.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from guard import registry, taxonomy, telemetry
from guard.actions import enforce
from guard.batching.answers import NONSENSE
from guard.batching.batcher import Batcher
from guard.classifier import Classifier, Unreadable
from guard.content import Content, Direction, Modality, TextPart, View
from guard.decision import Coverage, Decision, Detection, Failure, FailureKind, Judged
from guard.policy.evaluate import decide
from guard.policy.model import Policy, categories
from guard.reading import Reading, locate, readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guard.finding import Finding

log = logging.getLogger(__name__)


class Catalog(Protocol):
    """Where classifiers come from. The module `guard.registry` is one."""

    def create(self, name: str, options: Mapping[str, object] | None = None) -> Classifier[Any]:
        """An instance, its options checked, not yet loaded. Raises `RegistryError`."""
        ...


_PREPARE_ON_LOOP = 20_000
"""Characters up to which preparing text is quicker than handing it to a thread."""


@dataclass(frozen=True, slots=True)
class Station:
    """A loaded classifier and its batcher."""

    name: str
    classifier: Classifier[Any]
    batcher: Batcher[Any]


class Engine:
    """Every classifier that some policy needs, loaded once. `ensure` blocks while it loads."""

    def __init__(self, catalog: Catalog = registry, *, max_pending_cost: int = 64_000_000) -> None:
        self._catalog = catalog
        self._stations: dict[tuple[str, str], Station] = {}
        self._left_out: dict[tuple[str, str], Classifier[Any]] = {}
        self._plans: dict[tuple[str, Direction], tuple[Station, ...]] = {}
        self._max_pending_cost = max_pending_cost

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

    def plan(self, policy: Policy, direction: Direction) -> tuple[Station, ...]:
        """The stations whose categories some rule of *policy* asks about in *direction*."""
        known = self._plans.get((policy.revision, direction))
        if known is None:
            asked = _asked(policy, direction)
            known = tuple(
                station
                for name, options in policy.needs.items()
                if (station := self._stations.get(_key(name, options))) is not None
                and _serves(station.classifier, asked)
            )
            self._plans[policy.revision, direction] = known
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

    def close(self) -> None:
        """Stop every batcher."""
        for station in self._stations.values():
            station.batcher.close()


def _asked(policy: Policy, direction: Direction) -> set[str]:
    return {c for rule in policy.rules if direction in rule.directions for c in categories(rule.when)}


def _serves(classifier: Classifier[Any], asked: set[str]) -> bool:
    return any(taxonomy.covers(a, c) or taxonomy.covers(c, a) for a in asked for c in classifier.categories)


def _key(name: str, options: Mapping[str, object]) -> tuple[str, str]:
    return name, json.dumps(options, sort_keys=True, default=list)


class Pipeline:
    """Judges contents with the engine's classifiers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def judge(self, content: Content, policy: Policy, *, decision_id: str, deadline: float) -> Judged:
        """Detect, decide, enforce. *deadline* is a `time.monotonic` time after which silence is a time-out."""
        detection = await self.detect(content, policy, deadline)
        decision = decide(policy, detection, decision_id)
        _count(decision)
        return Judged(decision, enforce(content, decision))

    async def detect(self, content: Content, policy: Policy, deadline: float) -> Detection:
        """Ask every classifier the policy needs about everything it can read."""
        stations = self.engine.plan(policy, content.direction)
        quick: list[_Consultation] = []
        slow: list[_Consultation] = []
        for station in stations:
            read = readings(content, station.classifier)
            if read:
                consultation = _Consultation(content, station, read)
                (quick if consultation.prepare_here() else slow).append(consultation)
        # The slow ones start first and run on their threads while the quick ones are answered here.
        if slow or any(not consultation.is_inline() for consultation in quick):
            await asyncio.gather(*(consultation.run(deadline) for consultation in slow + quick))
        else:
            for consultation in quick:
                await consultation.run(deadline)
        return _detection(content, slow + quick, self.engine.unread(policy, content.direction))


class _Consultation:
    """One classifier asked about one content."""

    def __init__(self, content: Content, station: Station, read: list[Reading]) -> None:
        self.content = content
        self.station = station
        self.read = read
        self.items: list[Any] = []
        self.unreadable: dict[int, str] = {}
        self.failures: list[Failure] = []
        self.findings: list[Finding] = []
        self.prepared = False

    def prepare_here(self) -> bool:
        """Prepare now, on this thread, if that is quick. Media and long texts are for another thread."""
        total = 0
        for reading in self.read:
            if not isinstance(reading.source, View):
                return False
            total += len(reading.source.text)
        if total > _PREPARE_ON_LOOP:
            return False
        self._prepare()
        return True

    def is_inline(self) -> bool:
        """Whether the answer comes without waiting for the model thread."""
        classifier = self.station.classifier
        if not classifier.inline_cost:
            return False
        try:
            return sum(map(classifier.cost, self.items)) <= classifier.inline_cost
        except Exception:  # noqa: BLE001  the batcher asks again and turns it into a failure
            return False

    def _prepare(self) -> None:
        kept: list[Reading] = []
        for reading in self.read:
            try:
                self.items.append(self.station.classifier.prepare(reading.source))
            except Unreadable as error:
                source = reading.source
                parts = {s.part for s in source.segments} if isinstance(source, View) else {reading.part}
                self.unreadable |= dict.fromkeys(parts, str(error))
            except Exception as error:  # noqa: BLE001  a stranger's code: whatever it raises is a failure, never a pass
                self.failures.append(Failure(self.station.name, FailureKind.ERROR, type(error).__name__))
            else:
                kept.append(reading)
        self.read = kept
        self.prepared = True

    async def run(self, deadline: float) -> None:
        """Prepare if need be, ask, and put the findings in their places."""
        if not self.prepared:
            try:
                await asyncio.wait_for(asyncio.to_thread(self._prepare), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                self.read = []
                self.failures.append(Failure(self.station.name, FailureKind.TIMEOUT, "prepare"))
                return
        if not self.items:
            return
        answers = await self.station.batcher.submit(self.items, deadline)
        heard: list[Sequence[Finding]] = []
        for reading, answer in zip(self.read, answers, strict=True):
            if isinstance(answer, Failure):
                self.failures.append(answer)
                heard.append(())
            elif _is_about(reading, answer):
                heard.append(answer)
            else:
                self.failures.append(Failure(self.station.name, FailureKind.ERROR, NONSENSE))
                heard.append(())
        self.findings = locate(self.content, self.station.name, self.read, heard)


def _is_about(reading: Reading, findings: Sequence[Finding]) -> bool:
    """Whether every span lies in the text that was read: one outside would belong to no part, and be lost."""
    if not isinstance(reading.source, View):
        return True
    length = len(reading.source.text)
    return all(f.span is None or f.span[0] < f.span[1] <= length for f in findings)


def _detection(
    content: Content, consultations: Sequence[_Consultation], unread: frozenset[Modality] = frozenset()
) -> Detection:
    findings = [finding for consultation in consultations for finding in consultation.findings]
    failures = dict.fromkeys(failure for consultation in consultations for failure in consultation.failures)
    return Detection(
        direction=content.direction,
        modalities=frozenset(part.modality for part in content.parts),
        findings=tuple(findings),
        failures=tuple(failures),
        coverage=_coverage(content, consultations, unread),
    )


def _coverage(content: Content, consultations: Sequence[_Consultation], unread: frozenset[Modality]) -> Coverage:
    """Count every part once. A part that one classifier could not read is unscannable, whoever else could."""
    unreadable: dict[int, str] = {}
    for consultation in consultations:
        unreadable.update(consultation.unreadable)
    read = {modality for consultation in consultations for modality in consultation.station.classifier.modalities}
    exempt = dict(content.exempt)
    checked = 0
    unscannable: list[tuple[str, str]] = []
    for number, part in enumerate(content.parts):
        if number in unreadable:
            unscannable.append((part.pointer, unreadable[number]))
        elif isinstance(part, TextPart):
            if not part.text:
                exempt["empty"] = exempt.get("empty", 0) + 1
            elif Modality.TEXT in unread:
                unscannable.append((part.pointer, "the classifiers that read text are not loaded"))
            elif Modality.TEXT in read:
                checked += 1
            else:
                exempt["no_rule"] = exempt.get("no_rule", 0) + 1
        elif part.modality in read and part.modality not in unread:
            checked += 1
        else:
            reason = getattr(part, "reason", f"no classifier of the policy reads {part.modality.value}")
            unscannable.append((part.pointer, reason))
    return Coverage(checked, tuple(exempt.items()), tuple(unscannable))


def _count(decision: Decision) -> None:
    telemetry.decided(decision.policy, decision.direction.value, decision.action).inc()
    for failure in decision.failures:
        telemetry.FAILURES.labels(failure.classifier, failure.kind.value).inc()
