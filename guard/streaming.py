"""An answer judged while it is streamed: the shell around the gate, as `guard.pipeline` is the one for whole contents.

items ─`take`→ gate → windows → classifiers → decide → gate → what may be sent

Classifiers, rules and actions are those of the whole answer, and so is what comes of it: however the answer was cut on
its way, the same text is released and the same is decided. An answer that is blocked ends before the first sentence
that a blocking rule fired on; what stood before it has been sent.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from guard import ledger
from guard.actions import enforce
from guard.actions.label import Label
from guard.asking import Prepared, heard
from guard.content import Content, Direction, Modality, TextPart
from guard.decision import Cause, Coverage, Decision, Detection, Effect, Failure, Refusal
from guard.policy.evaluate import decide
from guard.policy.model import Mode
from guard.stream.changes import Changes
from guard.stream.evidence import Evidence
from guard.stream.found import Found
from guard.stream.gate import Entry, Gate, Growing, Marked, Out, Said, Text
from guard.stream.items import Delta, Item
from guard.stream.needs import needs_of
from guard.stream.scan import Scan, Spot, Window, placed, reach_of
from guard.stream.thread import Sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from guard.classifier import Classifier
    from guard.engine import Station
    from guard.finding import Finding
    from guard.pipeline import Pipeline
    from guard.policy.model import Policy
    from guard.stream.thread import Thread

_PASSIVE = frozenset({"allow", "flag", "label"})
_MOST_TEXT_AT_ONCE = 16_384
"""Characters that are judged together: more would keep what comes first waiting for what comes last."""
_MOST_REMEMBERED = 1024
_LONGEST_REMEMBERED = 256
_UNREAD = Scan()
Early = Callable[[list[Out]], Awaitable[None]]


def whole_only(pipeline: Pipeline, policy: Policy) -> str:
    """Why answers under *policy* can only be judged whole; "" if they can be judged while they are streamed."""
    for station in _stations(pipeline, policy):
        if station.classifier.reads == "whole":
            return f"classifier `{station.name}` reads whole texts"
    if Modality.TEXT in pipeline.engine.unread(policy, Direction.OUTPUT):
        return "the classifiers that read text are not loaded"
    return needs_of(policy).whole


def _stations(pipeline: Pipeline, policy: Policy) -> list[Station]:
    plan = pipeline.engine.plan(policy, Direction.OUTPUT)
    return [station for station in plan if Modality.TEXT in station.classifier.modalities]


class Asked(NamedTuple):
    """A window to judge: of *thread*, which is that of *growing*, perhaps with the beginning of the next behind it."""

    growing: Growing
    thread: Thread
    scan: Scan
    window: Window


class Sighting(NamedTuple):
    """Something seen in a window of *thread*, which is that of *growing*."""

    growing: Growing
    thread: Thread
    spot: Spot

    def findings(self) -> list[Finding]:
        """It, on each text that it touches."""
        return placed(self.spot, self.thread)


@dataclass(slots=True)
class _Outcome:
    """What one round of judging gave, before any of it is acted on."""

    decision: Decision
    affected: list[Growing]
    spots: list[Sighting] = field(default_factory=list)
    detections: list[tuple[Marked, Detection]] = field(default_factory=list)
    judged: dict[Marked, Content | Refusal] = field(default_factory=dict)

    def findings(self) -> Iterator[Finding]:
        """What was seen in growing texts, on each text that it touches."""
        return (finding for spot in self.spots for finding in spot.findings())

    @property
    def refusal(self) -> Refusal | None:
        """What is sent instead of the rest of the answer, if an event was refused."""
        return next((one for one in self.judged.values() if isinstance(one, Refusal)), None)

    @property
    def ends(self) -> bool:
        """Whether the answer ends here."""
        return self.refusal is not None or _is_refusal(self.decision)


class AnswerJudge:
    """Judges one streamed answer. `take` and `close` give what may be sent; after *refusal* is set, nothing more."""

    def __init__(self, pipeline: Pipeline, policy: Policy, *, decision_id: str, locale: str = "en") -> None:
        self.refusal: Refusal | None = None
        self._pipeline = pipeline
        self._policy = policy
        self._id = decision_id
        self._locale = locale
        self._needs = needs_of(policy)
        self._stations = _stations(pipeline, policy)
        reach = max((reach_of(station.classifier) for station in self._stations), default=0)
        self._gate = Gate(
            redacts=self._needs.changes, reach=reach, keep=self._needs.replaces, labels=self._needs.labels
        )
        self._coming: deque[Item] = deque()
        self._fed: list[Entry] = []
        self._scans: dict[tuple[Growing, str], Scan] = {}
        self._marks = ledger.Marks()
        self._found = Found()
        self._evidence = Evidence(self._needs)
        self._fired: dict[str, set[int]] = {}
        self._joint: dict[Growing, int] = {}
        self._late: list[tuple[Marked, Detection]] = []
        self._changes = Changes(
            self._gate, policy, decision_id=decision_id, locale=locale, replaces=self._needs.replaces
        )
        self.early = 0
        """Characters that were released before all classifiers had read them: see `Policy.release_below`."""
        self._early_below = policy.release_below if policy.mode is Mode.ENFORCE else None
        self._exact = [station for station in self._stations if station.classifier.reads == "stretches"]
        self._seen: set[tuple[object, str]] = set()

    def fork(self) -> AnswerJudge:
        """Another judge that goes on from here: what it is told and gives is nothing to this one."""
        shared = (self._pipeline, self._policy, self._needs, *self._stations)
        return copy.deepcopy(self, {id(one): one for one in shared})

    @property
    def held(self) -> int:
        """Characters that have come and were not released."""
        return sum(one.thread.end - one.released for one in self._gate.threads.values())

    async def take(self, items: Sequence[Item], deadline: float, early: Early | None = None) -> list[Out]:
        """Judge what *items* complete, and give what may be sent. *deadline* is a `time.monotonic` time.

        Where the policy says so, *early* is given what goes out before all of it is judged.
        """
        self.feed(items)
        out: list[Out] = []
        while self._fed and self.refusal is None:
            entries, self._fed = self._fed, []
            if early is not None and out:  # what is let out early stands behind it
                await early(out)
                out = []
            out += await self._judged(entries, deadline, early)
            while self._coming and not self._fed:
                await asyncio.sleep(0)
                self._feed_some()
        return out

    async def _judged(self, entries: list[Entry], deadline: float, early: Early | None) -> list[Out]:
        readers = self._stations
        if early is not None and self._early_below is not None:
            before = self._copied(entries)
            if await self._go_ahead(entries, deadline, early):
                readers = [station for station in self._stations if station not in self._exact]
            else:
                self._restore(before)
        return await self._rounds(entries, deadline, readers)

    async def _go_ahead(self, entries: list[Entry], deadline: float, early: Early) -> bool:
        """Release what classifiers of exact matches let go; those that score sentences read it afterwards.

        False where that would be the end of the answer: it is judged anew, by all of them.
        """
        outcome = await self._judge([entry for entry in entries if isinstance(entry, Said)], deadline, self._exact)
        if outcome.ends:
            return False
        self._found.add_texts(outcome.findings(), outcome.decision)
        self._settle_texts(outcome, self._exact)
        await self._change_texts(outcome)
        out = self._release()
        self.early += sum(len(one.text) for one in out if isinstance(one, Text))
        if out:
            await early(out)
        return True

    def feed(self, items: Sequence[Item]) -> bool:
        """Take *items* in; whether they complete something, so that the next `take` has to judge."""
        if len(items) == 1 and not (self._coming or self._fed or _is_large(items[0])):  # as of nearly every packet
            self._fed += self._gate.feed(items[0])
        else:
            self._coming += _small(items)
        while self._coming and not self._fed:
            self._feed_some()
        return bool(self._fed)

    def _feed_some(self) -> None:
        """Take in what has come, as far as others should wait for it."""
        size = 0
        while self._coming and size < _MOST_TEXT_AT_ONCE:
            item = self._coming.popleft()
            self._fed += self._gate.feed(item)
            size += len(item.text) if isinstance(item, Delta) else 0

    async def close(self, deadline: float) -> list[Out]:
        """Nothing follows: judge and give the rest."""
        out = await self.take((), deadline) if self._coming else []
        if self.refusal is not None:
            return out
        entries, self._fed = [*self._fed, *self._gate.end()], []
        out += await self._rounds(entries, deadline, self._stations)
        if self.refusal is None:  # what other findings could have made of what is held, they no longer can
            self._joint.clear()
            for marked, detection in self._late:
                await self._settle(marked, detection, deadline)
            effects = self._decided_all().effects if self._needs.labels else ()
            for growing in self._gate.threads.values():
                await self._reconsider(growing)
                self._changes.label(growing, effects)
            self._gate.close()
        return out + self._release()

    def decision(self) -> Decision:
        """The decision on all that came, for the record."""
        decision = self._decided_all()
        coverage = decision.coverage
        readers = self._exact if self.early else self._stations  # an answer may break off before the others are done
        unseen = self._marks.unseen(self._gate.threads.values(), [station.name for station in readers])
        if unseen:
            decision = replace(decision, coverage=replace(coverage, unchecked=coverage.unchecked + unseen))
        ledger.enter(decision)
        return decision

    def _decided_all(self) -> Decision:
        texts = sum(len(one.thread.pieces) for one in self._gate.threads.values())
        return decide(self._policy, self._found.detection(texts, read=bool(self._stations)), self._id)

    async def _rounds(self, entries: list[Entry], deadline: float, readers: Sequence[Station]) -> list[Out]:
        """Judge *entries*, not too many at once; and one by one where one of them ends the answer.

        So what was released before a block is the same whether its sentences came alone or together.
        """
        out: list[Out] = []
        for some in _portions(entries):
            before = self._copied(some) if len(some) > 1 else {}
            outcome = await self._judge(some, deadline, readers)
            if outcome.ends and len(some) > 1:
                self._restore(before)
                for number, entry in enumerate(some):
                    await self._apply(await self._judge([entry], deadline, readers))
                    out += self._release(before=some[number + 1] if number + 1 < len(some) else None)
                    if self.refusal is not None:
                        return out
            else:
                await self._apply(outcome)
                out += self._release()
            if self.refusal is not None:
                return out
        return out

    def _copied(self, entries: Sequence[Entry]) -> dict[tuple[Growing, str], Scan | None]:
        """The states of the scans that judging *entries* moves on; None for one that there is not yet."""
        keys = [(growing, station.name) for growing in _affected(entries) for station in self._stations]
        return {key: scan.copy() if (scan := self._scans.get(key)) is not None else None for key in keys}

    def _restore(self, before: dict[tuple[Growing, str], Scan | None]) -> None:
        for key, scan in before.items():
            if scan is not None:
                self._scans[key] = scan
            else:
                self._scans.pop(key, None)

    def _release(self, before: Entry | None = None) -> list[Out]:
        return self._gate.release(before) if self.refusal is None else []

    # Detect and decide: nothing is changed but the places up to which classifiers have read

    async def _judge(self, entries: Sequence[Entry], deadline: float, readers: Sequence[Station]) -> _Outcome:
        sentences: dict[Growing, list[Sentence]] = {}
        for entry in entries:
            if isinstance(entry, Said):
                sentences.setdefault(entry.growing, []).append(entry.sentence)
        asked = [(station, windows) for station in readers if (windows := self._windows(station, sentences))]
        answers = await self._ask_all(asked, deadline)
        spots = [spot for answer in answers for spot in answer.spots]
        detections = [(entry, await self._detect(entry, deadline)) for entry in entries if isinstance(entry, Marked)]
        detection = Detection(
            direction=Direction.OUTPUT,
            modalities=frozenset({Modality.TEXT}),
            findings=(*self._evidence.enough, *(finding for spot in spots for finding in spot.findings())),
            failures=tuple(failure for answer in answers for failure in answer.failures),
            coverage=Coverage(unscannable=tuple(one for answer in answers for one in answer.unscannable)),
        )
        outcome = _Outcome(decide(self._policy, detection, self._id), _affected(entries), spots, detections)
        for marked, seen in detections:
            if marked.event.content is not None:
                left = self._enforced(marked.event.content, seen, self._evidence.enough)
                if isinstance(left, Content):
                    left = await self._pipeline.carry_out(left, outcome.decision, deadline)
                outcome.judged[marked] = left
        return outcome

    def _enforced(self, content: Content, seen: Detection, evidence: Sequence[Finding]) -> Content | Refusal:
        """What is left of an event's *content*; what rules say of text elsewhere is not its concern, but a block is.

        Labels in words are no concern of it at all: they stand at the end of what is said. Marks in media are.
        """
        detection = replace(seen, findings=(*seen.findings, *evidence))
        decision = decide(self._policy, detection, self._id)
        content = replace(content, locale=self._locale)
        own = {part.pointer for part in content.parts}
        effects = []
        for effect in decision.effects:
            findings = tuple(finding for finding in effect.findings if finding.part in own)
            if isinstance(effect.action, Label):
                if effect.action.marks_media:
                    wordless = replace(effect.action, marks=effect.action.marks_media)
                    effects.append(replace(effect, findings=findings, action=wordless))
            elif effect.action.name == "block" or findings:
                effects.append(replace(effect, findings=findings))
        action = decision.action
        if decision.cause is Cause.RULES:  # nothing but a rule asked for it, and that may have been about other texts
            strongest = max((effect.action for effect in effects), key=lambda one: one.strength, default=None)
            action = strongest.name if strongest is not None else "allow"
        return enforce(content, replace(decision, action=action, effects=tuple(effects)))

    def _windows(self, station: Station, sentences: dict[Growing, list[Sentence]]) -> list[Asked]:
        """What *station* reads of *sentences*."""
        classifier = station.classifier
        asked: list[Asked] = []
        for growing, some in sentences.items():
            scan = self._scans.setdefault((growing, station.name), Scan())
            asked += [
                Asked(growing, growing.thread, scan, scan.window(growing.thread, classifier, group))
                for group in (
                    [some] if len(some) == 1 or _reads_on(growing.thread, classifier, some) else [[one] for one in some]
                )
                if group[-1].end > group[0].start or (group[-1].last and scan.known < group[-1].end)
            ]
        for second in sentences:
            first = second.before
            if first is not None:
                scan = self._scans.get((first, station.name), _UNREAD)
                if scan.known < first.thread.end == first.thread.cut:
                    asked += self._bridge(station, first, second, scan)
        return asked

    def _bridge(self, station: Station, first: Growing, second: Growing, scan: Scan) -> list[Asked]:
        """What could still grow at the end of *first*, with the beginning of *second*, which is read next."""
        end = first.thread.end
        if second.thread.base:  # more of it has come than anything that began before could take up
            scan.known = end
            return []
        joined = first.thread.followed_by(second.thread, station.classifier.horizon)
        window = scan.window(joined, station.classifier, [Sentence(end, joined.end, last=False)], bridge=True)
        scan.known = min(scan.known, end)
        return [Asked(first, joined, scan, replace(window, limit=scan.known))]

    async def _ask_all(self, asked: Sequence[tuple[Station, list[Asked]]], deadline: float) -> list[_Heard]:
        if len(asked) < 2:
            return [await _ask(station, windows, deadline, self._marks) for station, windows in asked]
        return list(
            await asyncio.gather(*(_ask(station, windows, deadline, self._marks) for station, windows in asked))
        )

    async def _detect(self, marked: Marked, deadline: float) -> Detection:
        content = marked.event.content
        if content is None:
            return Detection(Direction.OUTPUT)
        new = tuple(
            part for part in content.parts if not isinstance(part, TextPart) or (part.path, part.text) not in self._seen
        )
        return await self._pipeline.detect(replace(content, parts=new), self._policy, deadline)

    # Act

    async def _settle(self, marked: Marked, detection: Detection, deadline: float) -> None:
        """Decide an event again that rules on several findings could still change: nothing more will be found."""
        content = marked.event.content
        if content is not None and self.refusal is None:
            left = self._enforced(content, detection, self._evidence.all)
            if isinstance(left, Content):
                left = await self._pipeline.carry_out(left, decide(self._policy, detection, self._id), deadline)
            self.refusal = left if isinstance(left, Refusal) else None
            marked.after = left if isinstance(left, Content) else None
        marked.decided = True

    async def _apply(self, outcome: _Outcome) -> None:
        self._found.add_texts(outcome.findings(), outcome.decision)
        if self._early_below is not None and self._highest(outcome) >= self._early_below:
            self._early_below = None
        for marked, detection in outcome.detections:
            self._found.add(detection)
            self._remember(marked, detection)
        self._settle_texts(outcome, self._stations)
        decision = outcome.decision
        if not decision.enforced:
            for marked in outcome.judged:
                marked.after, marked.decided = marked.event.content, True
            return
        if outcome.ends:
            empty = Content(Direction.OUTPUT, (), locale=self._locale)
            left = outcome.refusal or enforce(empty, decision)
            self.refusal = left if isinstance(left, Refusal) else enforce(empty, _blocked(decision))  # type: ignore[assignment]
            return
        for marked, left in outcome.judged.items():
            marked.after = left if isinstance(left, Content) else None
            marked.decided = True
        await self._change_texts(outcome)

    def _settle_texts(self, outcome: _Outcome, readers: Sequence[Station]) -> None:
        """Note how far all *readers* have read the texts that *outcome* is about."""
        for growing in outcome.affected:
            known = [self._scans.get((growing, station.name), _UNREAD).known for station in readers]
            growing.settled = min(known, default=growing.thread.cut)

    async def _change_texts(self, outcome: _Outcome) -> None:
        """Do to growing texts what rules ask for."""
        effects = self._new(outcome.decision)
        self._weigh(outcome)
        for effect in effects:
            if effect.action.name not in _PASSIVE:
                self._changes.ask(effect)
        for growing in outcome.affected:
            await self._reconsider(growing)

    def _highest(self, outcome: _Outcome) -> float:
        """The highest score of a classifier that the answer does not wait for."""
        exact = {station.name for station in self._exact}
        scores = (one.spot.finding.score for one in outcome.spots if one.spot.finding.classifier not in exact)
        return max(scores, default=0.0)

    def _remember(self, marked: Marked, detection: Detection) -> None:
        """Texts of events that nothing was found in need not be judged again: names come with every chunk."""
        content = marked.event.content
        if content is None or detection.findings or detection.failures or detection.coverage.unscannable:
            return
        if len(self._seen) < _MOST_REMEMBERED:
            self._seen.update(
                (part.path, part.text)
                for part in content.parts
                if isinstance(part, TextPart) and len(part.text) <= _LONGEST_REMEMBERED
            )

    def _new(self, decision: Decision) -> list[Effect]:
        """The effects of *decision* with what nothing was done about yet.

        Evidence was dealt with when it was found, but by joint rules: those may have needed what was found since.
        """
        old = {id(finding) for finding in self._evidence.enough}
        if not old:
            return list(decision.effects)
        joint = {rule.id for rule in self._needs.joint}
        effects = []
        for effect in decision.effects:
            findings = tuple(finding for finding in effect.findings if id(finding) not in old)
            if effect.rule in joint:
                known = self._fired.setdefault(effect.rule, set())
                since = {id(finding) for finding in effect.findings} & old - known
                known |= since
                findings = self._all_of(effect, decision) if since else findings
            effects.append(replace(effect, findings=findings))
        return effects

    def _all_of(self, effect: Effect, decision: Decision) -> tuple[Finding, ...]:
        """What the rule of *effect* fires on, of *decision* and of all the evidence before it."""
        detection = Detection(decision.direction, findings=(*self._evidence.all, *decision.findings))
        effects = decide(self._policy, detection, self._id).effects
        return next((one.findings for one in effects if one.rule == effect.rule), effect.findings)

    def _weigh(self, outcome: _Outcome) -> None:
        """Hold what a rule on several findings together may still ask for."""
        if not self._needs.joint:
            return
        for growing, thread, spot in outcome.spots:
            if self._evidence.add(placed(spot, thread)):
                self._joint[growing] = min(spot.start, self._joint.get(growing, spot.start))
        for marked, detection in outcome.detections:
            if self._evidence.add(detection.findings):
                self._late.append((marked, detection))
                marked.decided = False

    async def _reconsider(self, growing: Growing) -> None:
        """Work out what is held of *growing*, and change the pieces that are whole by now."""
        growing.held = self._joint.get(growing)
        refusal = await self._changes.carry_out(growing, self._pipeline.engine.aside)
        self.refusal = self.refusal or refusal


@dataclass(slots=True)
class _Heard:
    """What one classifier said of some windows."""

    spots: list[Sighting] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unscannable: list[tuple[str, str]] = field(default_factory=list)


def _reads_on(thread: Thread, classifier: Classifier[Any], sentences: Sequence[Sentence]) -> bool:
    """Whether *classifier* may read *sentences* as one text, which is quicker, and sees the same as one by one.

    What a disguise ends with can look like the beginning of a longer one once more is there: with one near, how much is
    read at once would change what is known of a sentence when the next one is judged.
    """
    low = max(thread.base, sentences[0].start - reach_of(classifier))
    return classifier.reads != "sentences" and thread.is_plain(low, sentences[-1].end)


async def _ask(station: Station, asked: Sequence[Asked], deadline: float, marks: ledger.Marks) -> _Heard:
    """Have *station* judge all that is *asked* in one call, and mark what it was shown."""
    said = _Heard()
    prepared: list[Prepared] = []
    for one in asked:
        ready = Prepared()
        ready.take_all(station, one.window.readings)
        prepared.append(ready)
        said.failures += ready.failures
        unread = {**one.window.incomplete, **ready.unreadable}
        said.unscannable += [(one.window.content.parts[n].pointer, why) for n, why in unread.items()]
    answers = await station.batcher.submit([item for ready in prepared for item in ready.items], deadline)
    at = 0
    for (growing, thread, scan, window), ready in zip(asked, prepared, strict=True):
        findings, failures = heard(station.name, ready.read, answers[at : at + len(ready.items)])
        at += len(ready.items)
        said.failures += failures
        failed = bool(ready.failures or ready.unreadable)
        marks.show(growing, station.name, window, ready.read, failed=failed)
        spots = scan.found(window.only(ready.read), station.name, findings)
        said.spots += [Sighting(growing, thread, spot) for spot in spots]
    return said


def _small(items: Iterable[Item]) -> Iterable[Item]:
    """*items*, large pieces of text in several: others wait while one is cut into sentences."""
    for item in items:
        if isinstance(item, Delta) and _is_large(item):
            for at in range(0, len(item.text), _MOST_TEXT_AT_ONCE):
                yield Delta(item.lane, item.text[at : at + _MOST_TEXT_AT_ONCE])
        else:
            yield item


def _is_large(item: Item) -> bool:
    return isinstance(item, Delta) and len(item.text) > _MOST_TEXT_AT_ONCE


def _affected(entries: Sequence[Entry]) -> list[Growing]:
    """The texts that judging *entries* can say something new of: their own, and those that they are read behind."""
    own = dict.fromkeys(entry.growing for entry in entries if isinstance(entry, Said))
    return list(own | dict.fromkeys(one.before for one in own if one.before is not None))


def _portions(entries: Sequence[Entry]) -> Iterable[list[Entry]]:
    """*entries* in lists that hold not too much text each."""
    some: list[Entry] = []
    size = 0
    for entry in entries:
        some.append(entry)
        size += entry.sentence.end - entry.sentence.start if isinstance(entry, Said) else 0
        if size > _MOST_TEXT_AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some


def _is_refusal(decision: Decision) -> bool:
    """Whether *decision* lets nothing more through: it blocks, or nothing can carry out what it asks for."""
    if not decision.enforced or decision.action in _PASSIVE:
        return False
    return decision.action == "block" or all(effect.action.name != decision.action for effect in decision.effects)


def _blocked(decision: Decision) -> Decision:
    return replace(decision, action="block", effects=())
