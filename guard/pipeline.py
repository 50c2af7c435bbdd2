"""detect → decide → enforce, under one deadline: the middle of the line, the same for proxy, library and audit.

`Pipeline.judge` asks those of the engine's classifiers that a policy's rules need, decides, and applies the decision.
It raises nothing but cancellation: whatever goes wrong becomes a `Failure`, and the policy says what that means. What
would hold up the event loop (much text, many parts, media, many findings) is worked out on the engine's threads.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from guard import ledger
from guard.actions import enforce
from guard.asking import Prepared, heard
from guard.batching.pool import PoolClosed
from guard.batching.terms import Terms
from guard.content import Content, Direction, Modality, TextPart, View
from guard.decision import Coverage, Detection, Failure, FailureKind, Judged
from guard.engine import Catalog, Engine, Station, looks_at
from guard.policy.evaluate import decide
from guard.reading import Reading, Views, locate, media_readings, readings
from guard.stream.whole import Passage, found_in, passages

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from guard.batching.answers import Answer
    from guard.finding import Finding
    from guard.policy.model import Policy

__all__ = ["Catalog", "Engine", "Pipeline"]

_MOST_TEXT_HERE = 20_000
"""Characters up to which reading and preparing text is quicker than handing it to a thread."""
_MOST_PARTS_HERE = 256
_MOST_FINDINGS_HERE = 256


class Pipeline:
    """Judges contents with the engine's classifiers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def within(self, policy: Policy, tenant: str | None) -> Pipeline:
        """This pipeline, for a request of *tenant*: findings are shared with those whom *policy* lets share them."""
        engine = self.engine.under(Terms(scope=policy.remember.scope(tenant)))
        return self if engine is self.engine else Pipeline(engine)

    async def judge(self, content: Content, policy: Policy, *, decision_id: str, deadline: float) -> Judged:
        """Detect, decide, enforce. *deadline* is a `time.monotonic` time after which silence is a time-out."""
        detection = await self.detect(content, policy, deadline)
        if len(detection.findings) > _MOST_FINDINGS_HERE or len(content.parts) > _MOST_PARTS_HERE:
            judged = await self.engine.aside(_conclude, content, policy, detection, decision_id)
        else:
            judged = _conclude(content, policy, detection, decision_id)
        ledger.enter(judged.decision)
        return judged

    async def detect(self, content: Content, policy: Policy, deadline: float) -> Detection:
        """Ask every classifier the policy needs about everything it can read."""
        present = frozenset(part.modality for part in content.parts)
        large = _is_large(content)
        views = Views(content)
        quick: list[_Consultation] = []
        slow: list[_Consultation] = []
        for station in self.engine.plan(policy, content.direction):
            if present.isdisjoint(station.classifier.modalities):
                continue
            consultation = _Consultation(content, station, views, large=large)
            if large or not consultation.prepare_here():
                slow.append(consultation)
            elif consultation.read:
                quick.append(consultation)
        # The slow ones start first and run on their threads while the quick ones are answered here.
        if len(slow) + len(quick) > 1 and (slow or not all(consultation.is_inline() for consultation in quick)):
            await asyncio.gather(*(consultation.run(self.engine, deadline) for consultation in slow + quick))
        else:
            for consultation in slow or quick:
                await consultation.run(self.engine, deadline)
        found = _detection(content, present, slow + quick, policy, self.engine.unread(policy, content.direction))
        unchecked = _unchecked(content, self.engine.plan(policy, content.direction), slow + quick, found.coverage)
        if not unchecked:
            return found
        failures = (*found.failures, Failure("ledger", FailureKind.ERROR, "Unchecked"))
        return replace(found, failures=failures, coverage=replace(found.coverage, unchecked=unchecked))


def _conclude(content: Content, policy: Policy, detection: Detection, decision_id: str) -> Judged:
    decision = decide(policy, detection, decision_id)
    return Judged(decision, enforce(content, decision))


def _is_large(content: Content) -> bool:
    """Whether so much is to be read that other requests should not wait for it."""
    if len(content.parts) > _MOST_PARTS_HERE:
        return True
    return sum(len(part.text) for part in content.parts if isinstance(part, TextPart)) > _MOST_TEXT_HERE


class _Consultation:
    """One classifier asked about one content; all of it off the event loop where the content is *large*."""

    def __init__(self, content: Content, station: Station, views: Views, *, large: bool) -> None:
        self.content = content
        self.station = station
        self.views = views
        self.large = large
        self.read: list[Reading] | None = None
        self.prepared: Prepared | None = None
        self.passages: list[Passage] = []
        self.unseen: frozenset[int] | None = None
        self.failures: list[Failure] = []
        self.findings: list[Finding] = []

    @property
    def unreadable(self) -> dict[int, str]:
        """Why parts could not be read, by their numbers."""
        unread = self.prepared.unreadable if self.prepared is not None else {}
        return {**self.views.incomplete, **unread} if self.views.incomplete else unread

    def prepare_here(self) -> bool:
        """Read and prepare now, on this thread, if that is quick. Media and much to read are for another thread."""
        total = 0
        self.read = self._readings()
        for reading in self.read:
            if not isinstance(reading.source, View):
                return False
            total += len(reading.source.text)
        if total > _MOST_TEXT_HERE:
            return False
        prepared = Prepared()
        prepared.take_all(self.station, self.read)
        self._take(prepared)
        return True

    def _readings(self) -> list[Reading]:
        """All that the classifier reads of the content; of an answer's texts the same sentences as in a stream."""
        content, classifier = self.content, self.station.classifier
        if content.direction is Direction.INPUT or classifier.reads != "sentences":
            return readings(content, classifier, self.views)
        self.passages = passages(content, classifier, self.views.incomplete)
        read = [reading for passage in self.passages for reading in passage.window.readings]
        return read + media_readings(content, classifier)

    def is_inline(self) -> bool:
        """Whether the answer comes without waiting for the model thread."""
        classifier = self.station.classifier
        if not classifier.inline_cost or self.prepared is None:
            return False
        try:
            return sum(map(classifier.cost, self.prepared.items)) <= classifier.inline_cost
        except Exception:  # noqa: BLE001  the batcher asks again and turns it into a failure
            return False

    async def run(self, engine: Engine, deadline: float) -> None:
        """Prepare if need be, ask, and put the findings in their places."""
        if self.prepared is None:
            await self._prepare_aside(engine, deadline)
        if self.prepared is None or not self.prepared.items:
            return
        answers = self.prepared.sorted_out(await self.station.batcher.submit(self.prepared.items, deadline))
        if self.large:
            await engine.aside(self._hear, self.prepared.read, answers)
        else:
            self._hear(self.prepared.read, answers)

    async def _prepare_aside(self, engine: Engine, deadline: float) -> None:
        media = any(
            part.modality in self.station.classifier.modalities
            for part in self.content.parts
            if not isinstance(part, TextPart)
        )
        try:
            prepared = await (engine.media if media else engine.text).run(self._steps(), deadline)
        except TimeoutError:
            self.failures.append(Failure(self.station.name, FailureKind.TIMEOUT, "prepare"))
        except PoolClosed:
            self.failures.append(Failure(self.station.name, FailureKind.ERROR, "closed"))
        except Exception as error:  # noqa: BLE001  no thread to be had, or not enough memory: a failure, never a pass
            self.failures.append(Failure(self.station.name, FailureKind.ERROR, type(error).__name__))
        else:
            self._take(prepared)

    def _steps(self) -> Generator[None, None, Prepared]:
        """Read and prepare on another thread, with a pause after each reading; touches nothing that this one reads."""
        read = self._readings() if self.read is None else self.read
        prepared = Prepared()
        for reading in read:
            yield
            prepared.take(self.station, reading)
        return prepared

    def _take(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.failures += prepared.failures

    def _hear(self, read: Sequence[Reading], answers: Sequence[Answer]) -> None:
        self.unseen = ledger.unseen(self.content, self.station.classifier.modalities, read)
        said, failures = heard(self.station.name, read, answers)
        self.failures += failures
        apart = sum(len(passage.window.readings) for passage in self.passages)
        if not apart:
            self.findings = locate(self.content, self.station.name, read, said)
            return
        texts = [number for number, reading in enumerate(read) if isinstance(reading.source, View)]
        media = [number for number in range(len(read)) if number not in texts]
        own = [read[number] for number in texts], [said[number] for number in texts]
        self.findings = found_in(self.passages, self.station.name, *own)
        if media:
            others = [read[number] for number in media], [said[number] for number in media]
            self.findings += locate(self.content, self.station.name, *others)


def _detection(
    content: Content,
    present: frozenset[Modality],
    consultations: Sequence[_Consultation],
    policy: Policy,
    unread: frozenset[Modality],
) -> Detection:
    findings = [finding for consultation in consultations for finding in consultation.findings]
    failures = dict.fromkeys(failure for consultation in consultations for failure in consultation.failures)
    return Detection(
        direction=content.direction,
        modalities=present,
        findings=tuple(findings),
        failures=tuple(failures),
        coverage=_coverage(content, consultations, policy, unread),
    )


def _coverage(
    content: Content, consultations: Sequence[_Consultation], policy: Policy, unread: frozenset[Modality]
) -> Coverage:
    """Count every part once. A part that one classifier could not read is unscannable, whoever else could.

    So is a picture, sound or film that was read only for rules that do not look there: a rule on marks of pictures
    is no reason to let sound through.
    """
    unreadable: dict[int, str] = {}
    for consultation in consultations:
        unreadable.update(consultation.unreadable)
    read = {modality for consultation in consultations for modality in consultation.station.classifier.modalities}
    if any(not isinstance(part, TextPart) for part in content.parts):
        looked = [looks_at(policy, content.direction, one.station.classifier) for one in consultations]
        pairs = zip(consultations, looked, strict=True)
        media = {m for one, modalities in pairs for m in modalities & one.station.classifier.modalities}
        read &= media | {Modality.TEXT}
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


def _unchecked(
    content: Content, plan: Sequence[Station], consultations: Sequence[_Consultation], coverage: Coverage
) -> int:
    """How many parts were not shown to a classifier of the *plan* that reads such, or are not in the *coverage*."""
    asked = {id(consultation.station): consultation for consultation in consultations}
    unseen: set[int] = set()
    for station in plan:
        consultation = asked.get(id(station))
        if consultation is not None and consultation.failures:  # the policy decides what that means
            continue
        if consultation is not None and consultation.unseen is not None:
            missing = consultation.unseen
        else:  # nobody was asked: right where there is nothing of the kind to read
            missing = ledger.unseen(content, station.classifier.modalities, ())
        unseen |= missing
    if unseen:
        unseen -= {number for one in consultations for number in one.unreadable}
    return max(len(unseen), ledger.uncounted(content, coverage))
