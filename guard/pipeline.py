"""detect → decide → enforce, under one deadline: the middle of the line, the same for proxy, library and audit.

`Pipeline.judge` asks those of the engine's classifiers that a policy's rules need, decides, and applies the decision.
It raises nothing but cancellation: whatever goes wrong becomes a `Failure`, and the policy says what that means. What
would hold up the event loop (much text, many parts, media, many findings) is worked out on the engine's threads.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from guard import ledger
from guard.actions import enforce, unchanged
from guard.asking import Prepared, heard
from guard.batching.answers import INTERRUPTS
from guard.batching.pool import PoolClosed
from guard.batching.terms import Terms
from guard.classifier import is_reader
from guard.content import Content, Direction, ImagePart, Medium, Modality, OpaquePart, TextPart, View
from guard.decision import Coverage, Decision, Detection, Failure, FailureKind, Judged, Refusal
from guard.engine import Catalog, Engine, Station
from guard.finding import Quote
from guard.media import edits, envelope, image
from guard.policy.evaluate import decide
from guard.policy.model import Trailing
from guard.quoting import Quoted, placed, quoted
from guard.reading import Reading, Views, locate, media_readings, readings
from guard.stream.whole import Passage, found_in, passages

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from guard.batching.answers import Answer
    from guard.content import Part
    from guard.finding import Finding
    from guard.policy.model import Policy

__all__ = ["Catalog", "Engine", "Pipeline"]

log = logging.getLogger(__name__)

_MOST_TEXT_HERE = 20_000
"""Characters up to which reading and preparing text is quicker than handing it to a thread."""
_MOST_PARTS_HERE = 256
_MOST_BYTES_HERE = 200_000
"""Of pictures: finding the end of more takes longer than handing it to a thread."""
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
        given = content
        # What is sent while it is judged cannot be cut any more.
        raced = policy.race_input and content.direction is Direction.INPUT
        content, changed = await self._examined(content, policy, strip=not raced)
        detection = await self._detect(content, policy, deadline)
        if len(detection.findings) > _MOST_FINDINGS_HERE or len(content.parts) > _MOST_PARTS_HERE:
            judged = await self.engine.aside(_conclude, content, policy, detection, decision_id)
        else:
            judged = _conclude(content, policy, detection, decision_id)
        ledger.enter(judged.decision)
        if not judged.decision.enforced:
            return replace(judged, released=given)
        if isinstance(judged.released, Content) and edits.pending(judged.released):
            changed += tuple(part.pointer for part in judged.released.parts if isinstance(part, Medium) and part.edits)
            judged = replace(judged, released=await self.carry_out(judged.released, judged.decision, deadline))
        return replace(judged, changed=changed) if changed and isinstance(judged.released, Content) else judged

    async def carry_out(self, content: Content, decision: Decision, deadline: float) -> Content | Refusal:
        """*content* with the changes to its media made that *decision* asked for, or a refusal where that fails.

        Its own copy of the policy's strictness: what cannot be hidden is not released. Raises nothing but cancellation.
        """
        if not edits.pending(content):
            return content
        try:
            return await self.engine.media.run(edits.made(content), deadline)
        except TimeoutError:
            return unchanged(decision, content.locale, late=True)
        except INTERRUPTS:
            raise
        except Exception as error:  # noqa: BLE001  encoders raise anything, memory may be short: never a pass
            log.warning("media unchanged id=%s policy=%s error=%s", decision.id, decision.policy, type(error).__name__)
            return unchanged(decision, content.locale)

    async def detect(self, content: Content, policy: Policy, deadline: float) -> Detection:
        """Ask every classifier the policy needs about everything it can read; bytes nobody sees are unscannable."""
        return await self._detect((await self._examined(content, policy, strip=False))[0], policy, deadline)

    async def _examined(self, content: Content, policy: Policy, *, strip: bool) -> tuple[Content, tuple[str, ...]]:
        """*content* with its pictures as they may be judged, and the pointers of those that were cut at their end.

        One that claims to be of another type, or that goes on behind its end where that may be neither stripped nor
        let through, cannot be read.
        """
        pictures = sum(len(part.data) for part in content.parts if isinstance(part, ImagePart))
        if not pictures:
            return content, ()
        trailing = Trailing.REFUSE if policy.trailing is Trailing.STRIP and not strip else policy.trailing
        if pictures > _MOST_BYTES_HERE:
            return await self.engine.aside(_examined, content, trailing)
        return _examined(content, trailing)

    async def _detect(self, content: Content, policy: Policy, deadline: float) -> Detection:
        present = frozenset(part.modality for part in content.parts)
        plan = self.engine.plan(policy, content.direction)
        asked = [station for station in plan if not present.isdisjoint(station.classifier.modalities)]
        readers = [station for station in asked if is_reader(station.classifier)]
        if not readers:
            consultations = await self._consult(content, asked, deadline)
            return self._detected(content, policy, consultations, quoted(content, {}))
        # What looks at media itself need not wait until they are read out.
        media = [one for one in asked if one not in readers and Modality.TEXT not in one.classifier.modalities]
        seen = await self._consult(content, readers + media, deadline)
        about = quoted(content, _quotes(seen))
        rest = [one for one in plan if Modality.TEXT in one.classifier.modalities]
        if not present.isdisjoint({Modality.TEXT}) or about.media:
            seen += await self._consult(about.content, rest, deadline)
        return self._detected(content, policy, seen, about)

    async def _consult(self, content: Content, stations: Sequence[Station], deadline: float) -> list[_Consultation]:
        """Ask *stations*, all of which can read something of *content*, about all of it."""
        large = _is_large(content)
        views = Views(content)
        quick: list[_Consultation] = []
        slow: list[_Consultation] = []
        for station in stations:
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
        return slow + quick

    def _detected(
        self, content: Content, policy: Policy, consultations: Sequence[_Consultation], about: Quoted
    ) -> Detection:
        """What *consultations* about *content*, or about what is said in its media too, gave."""
        plan = self.engine.plan(policy, content.direction)
        found = _detection(content, consultations, self.engine.unread(policy, content.direction), about)
        unchecked = _unchecked(content, plan, consultations, found.coverage, about)
        if not unchecked:
            return found
        failures = (*found.failures, Failure("ledger", FailureKind.ERROR, "Unchecked"))
        return replace(found, failures=failures, coverage=replace(found.coverage, unchecked=unchecked))


def _examined(content: Content, trailing: Trailing) -> tuple[Content, tuple[str, ...]]:
    parts: list[Part] = []
    cut: list[str] = []
    for part in content.parts:
        new: Part = part
        if isinstance(part, ImagePart):
            end = len(part.data) if trailing is Trailing.ALLOW else envelope.end_of(part.data)
            if envelope.lies(part.media_type, part.data):
                new = _unread(part, f"it is no {part.media_type} but {image.sniff(part.data)}")
            elif end < len(part.data) and trailing is Trailing.STRIP and part.editable:
                new = replace(part, data=part.data[:end])
                cut.append(part.pointer)
            elif end < len(part.data):
                new = _unread(part, f"{len(part.data) - end} bytes stand behind the end of the picture")
        parts.append(new)
    if all(new is old for new, old in zip(parts, content.parts, strict=True)):
        return content, ()
    return replace(content, parts=tuple(parts)), tuple(cut)


def _unread(part: ImagePart, reason: str) -> OpaquePart:
    return OpaquePart(reason, part.pointer, part.path, part.role)


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
        self.quotes: dict[int, list[Quote]] = {}

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
        if is_reader(self.station.classifier):
            for reading, found in zip(read, said, strict=True):
                self.quotes[reading.part] = [one for one in found if isinstance(one, Quote)]
            return
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


def _quotes(consultations: Sequence[_Consultation]) -> dict[int, list[Quote]]:
    """What readers read in each medium, by its number. Several readers of one medium are heard one after the other."""
    found: dict[int, list[Quote]] = {}
    for consultation in consultations:
        for number, quotes in consultation.quotes.items():
            found.setdefault(number, []).extend(quotes)
    return found


def _detection(
    content: Content, consultations: Sequence[_Consultation], unread: frozenset[Modality], about: Quoted
) -> Detection:
    findings = placed(about, (finding for consultation in consultations for finding in consultation.findings))
    failures = dict.fromkeys(failure for consultation in consultations for failure in consultation.failures)
    return Detection(
        direction=content.direction,
        modalities=frozenset(part.modality for part in content.parts),
        findings=tuple(findings),
        failures=tuple(failures),
        coverage=_coverage(content, consultations, unread, about),
    )


def _coverage(
    content: Content, consultations: Sequence[_Consultation], unread: frozenset[Modality], about: Quoted
) -> Coverage:
    """Count every part once. A part that one classifier could not read is unscannable, whoever else could."""
    unreadable: dict[int, str] = {}
    for consultation in consultations:
        unreadable.update((about.part(number), why) for number, why in consultation.unreadable.items())
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
        elif number in about.media and Modality.TEXT in unread:
            unscannable.append((part.pointer, "the classifiers that read what it says are not loaded"))
        elif part.modality in read and part.modality not in unread:
            checked += 1
        else:
            reason = getattr(part, "reason", f"no classifier of the policy reads {part.modality.value}")
            unscannable.append((part.pointer, reason))
    return Coverage(checked, tuple(exempt.items()), tuple(unscannable))


def _unchecked(
    content: Content,
    plan: Sequence[Station],
    consultations: Sequence[_Consultation],
    coverage: Coverage,
    about: Quoted,
) -> int:
    """How many parts were not shown to a classifier of the *plan* that reads such, or are not in the *coverage*.

    What is said in media counts as parts of their own.
    """
    asked = {id(consultation.station): consultation for consultation in consultations}
    unseen: set[int] = set()
    for station in plan:
        consultation = asked.get(id(station))
        if consultation is not None and consultation.failures:  # the policy decides what that means
            continue
        if consultation is not None and consultation.unseen is not None:
            missing = consultation.unseen
        else:  # nobody was asked: right where there is nothing of the kind to read
            missing = ledger.unseen(about.content, station.classifier.modalities, ())
        unseen |= missing
    if unseen:
        unseen -= {number for one in consultations for number in one.unreadable}
    return max(len(unseen), ledger.uncounted(content, coverage))
