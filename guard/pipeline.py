"""detect → decide → enforce, under one deadline: the middle of the line, the same for proxy, library and audit.

`Pipeline.judge` asks those of the engine's classifiers that a policy's rules need, decides, and applies the decision.
It raises nothing but cancellation: whatever goes wrong becomes a `Failure`, and the policy says what that means. What
would hold up the event loop (much text, many parts, media, many findings) is worked out on the engine's threads.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from guard import ledger
from guard.actions import enforce, unchanged
from guard.batching.answers import INTERRUPTS
from guard.batching.terms import Terms
from guard.classifier import Unreadable
from guard.consulting import MOST_TEXT_HERE, Consultation
from guard.content import AudioPart, Content, Direction, ImagePart, Medium, Modality, OpaquePart, TextPart, VideoPart
from guard.decision import Coverage, Decision, Detection, Failure, FailureKind, Held, Judged, Refusal
from guard.engine import Catalog, Engine, Station, looks_at
from guard.inside import Inside
from guard.media import edits, envelope, image
from guard.policy.evaluate import decide
from guard.policy.model import Trailing
from guard.reading import Views

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from guard.content import Part
    from guard.media.film import Film
    from guard.policy.model import Policy

__all__ = ["Catalog", "Engine", "Pipeline"]

log = logging.getLogger(__name__)

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
        detection = await self._detect(content, policy, deadline, None)
        if len(detection.findings) > _MOST_FINDINGS_HERE or len(content.parts) > _MOST_PARTS_HERE:
            judged = await self.engine.aside(_conclude, content, policy, detection, decision_id)
        else:
            judged = _conclude(content, policy, detection, decision_id)
        ledger.enter(judged.decision)
        if not judged.decision.enforced:
            return replace(judged, released=given)
        held = judged.released if isinstance(judged.released, Held) else None
        left = held.content if held is not None else judged.released
        if isinstance(left, Content) and edits.pending(left):
            changed += tuple(part.pointer for part in left.parts if isinstance(part, Medium) and part.edits)
            left = await self.carry_out(left, judged.decision, deadline)
            kept = replace(held, content=left) if held is not None and isinstance(left, Content) else left
            judged = replace(judged, released=kept)
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
            reason = repr(str(error)) if isinstance(error, Unreadable) else type(error).__name__  # no content in either
            log.warning("media unchanged id=%s policy=%s error=%s", decision.id, decision.policy, reason)
            return unchanged(decision, content.locale)

    async def detect(self, content: Content, policy: Policy, deadline: float) -> Detection:
        """Ask every classifier the policy needs about everything it can read; bytes nobody sees are unscannable."""
        return await self._detect((await self._examined(content, policy, strip=False))[0], policy, deadline, None)

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

    async def _detect(self, content: Content, policy: Policy, deadline: float, outside: Modality | None) -> Detection:
        """`detect`, of what is inside of a medium of modality *outside* if that is not None."""
        direction = content.direction
        plan = (
            self.engine.plan(policy, direction) if outside is None else self.engine.looking(policy, direction, outside)
        )
        own = _consultations(content, plan)
        readers = self._readers(content, policy, outside)
        films = self._films(content, policy, own + readers) if outside is None else []
        within: list[_Within] = []
        if readers or films:
            _, read, watched = await asyncio.gather(
                self._ask(own, deadline),
                self._read(content, policy, deadline, readers, outside),
                asyncio.gather(*(self._watch(content, policy, deadline, number) for number in films)),
            )
            within = [*read, *(one for one in watched if one is not None)]
        else:
            await self._ask(own, deadline)
        looked_for = policy if outside is None else None  # of what is inside, the plan says all
        unread = self.engine.unread(policy, direction)
        found = _detection(content, own + readers, within, looked_for, unread)
        stations = [*plan, *(reader.station for reader in readers)]
        unchecked = _unchecked(content, stations, own + readers, found.coverage)
        unchecked += sum(one.detection.coverage.unchecked for one in within)
        if not unchecked:
            return found
        failures = (*found.failures, Failure("ledger", FailureKind.ERROR, "Unchecked"))
        return replace(found, failures=failures, coverage=replace(found.coverage, unchecked=unchecked))

    async def _ask(self, consultations: Sequence[Consultation], deadline: float) -> None:
        """Have all *consultations* answered."""
        # The slow ones start first and run on their threads while the quick ones are answered here.
        slow = [one for one in consultations if one.prepared is None]
        quick = [one for one in consultations if one.prepared is not None]
        if len(slow) + len(quick) > 1 and (slow or not all(consultation.is_inline() for consultation in quick)):
            await asyncio.gather(*(consultation.run(self.engine, deadline) for consultation in slow + quick))
        else:
            for consultation in slow or quick:
                await consultation.run(self.engine, deadline)

    def _readers(self, content: Content, policy: Policy, outside: Modality | None) -> list[Consultation]:
        """Those who read texts off the media of *content*, for rules that look at media of their modality."""
        found: dict[int, Station] = {}
        for modality in {part.modality for part in content.parts} - {Modality.TEXT, Modality.OPAQUE}:
            for station in self.engine.readers(policy, content.direction, outside or modality):
                if modality in station.classifier.modalities:
                    found[id(station.classifier)] = station
        return [Consultation(content, station, Views(content), large=True) for station in found.values()]

    async def _read(
        self,
        content: Content,
        policy: Policy,
        deadline: float,
        readers: Sequence[Consultation],
        outside: Modality | None,
    ) -> list[_Within]:
        """What classifiers of texts see in what *readers* read: in media of each modality for rules that look there."""
        await self._ask(readers, deadline)
        insides: dict[Modality, Inside] = {}
        for reader in readers:
            for number, quotes in reader.quotes.items():
                medium = content.parts[number]
                insides.setdefault(outside or medium.modality, Inside()).add_texts(number, quotes, medium.role)
        return [
            _Within(inside, await self._detect(inside.content(content), policy, deadline, modality))
            for modality, inside in insides.items()
            if inside.parts
        ]

    def _films(self, content: Content, policy: Policy, asked: Sequence[Consultation]) -> list[int]:
        """The numbers of the parts that are to be unfolded: films that a rule looks at, and sounds that are heard."""
        heard = any(Modality.AUDIO in one.station.classifier.modalities for one in asked)
        seen = any(isinstance(part, VideoPart) for part in content.parts) and bool(
            self.engine.looking(policy, content.direction, Modality.VIDEO)
        )
        return [
            number
            for number, part in enumerate(content.parts)
            if (isinstance(part, VideoPart) and seen) or (isinstance(part, AudioPart) and heard)
        ]

    async def _watch(self, content: Content, policy: Policy, deadline: float, number: int) -> _Within | None:
        """What is seen in film or sound *number* of *content*: in its frames, its sound and its texts."""
        medium = content.parts[number]
        if not isinstance(medium, AudioPart | VideoPart):
            return None
        inside = Inside()
        try:
            inside.add_film(number, medium, await self.engine.media.run(_unfolded(medium.data), deadline))
        except Unreadable as error:
            if isinstance(medium, AudioPart):  # who hears it says so, or knows more formats
                return None
            return _Within(inside, Detection(content.direction), {number: str(error)})
        except TimeoutError:
            return _failed(inside, content, FailureKind.TIMEOUT, "decode")
        except Exception as error:  # noqa: BLE001  no thread to be had, or not enough memory: a failure, never a pass
            return _failed(inside, content, FailureKind.ERROR, type(error).__name__)
        if not inside.parts:
            return None
        return _Within(inside, await self._detect(inside.content(content), policy, deadline, medium.modality))


class _Within(NamedTuple):
    """What was seen inside of media; *unread* says why some could not be looked into, by their numbers."""

    inside: Inside
    detection: Detection
    unread: Mapping[int, str] = MappingProxyType({})

    @property
    def numbers(self) -> set[int]:
        """The parts that were looked into."""
        return {origin.number for origin in self.inside.origins}

    def unscannable(self) -> dict[int, str]:
        """Why media could not be read, by their numbers."""
        found = {self.inside.number_of(pointer): why for pointer, why in self.detection.coverage.unscannable}
        return {**found, **self.unread}


def _unfolded(data: bytes) -> Generator[None, None, Film]:
    """What the film or sound *data* holds; raises `Unreadable`."""
    from guard.media import film  # on this thread: it brings numpy, which takes longer than all else here

    return (yield from film.unfold(data))


def _failed(inside: Inside, content: Content, kind: FailureKind, detail: str) -> _Within:
    return _Within(inside, Detection(content.direction, failures=(Failure("film", kind, detail),)))


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
    return sum(len(part.text) for part in content.parts if isinstance(part, TextPart)) > MOST_TEXT_HERE


def _consultations(content: Content, plan: Sequence[Station]) -> list[Consultation]:
    """Every station of the *plan* that can read some of *content*; what is quick is prepared."""
    present = frozenset(part.modality for part in content.parts)
    large = _is_large(content)
    views = Views(content)
    found: list[Consultation] = []
    for station in plan:
        if present.isdisjoint(station.classifier.modalities):
            continue
        consultation = Consultation(content, station, views, large=large)
        if large or not consultation.prepare_here() or consultation.read:
            found.append(consultation)
    return found


def _detection(
    content: Content,
    consultations: Sequence[Consultation],
    within: Sequence[_Within],
    looked_for: Policy | None,
    unread: frozenset[Modality],
) -> Detection:
    findings = [finding for consultation in consultations for finding in consultation.findings]
    findings += [one for inner in within for one in inner.inside.put_back(inner.detection.findings, content)]
    failures = dict.fromkeys(failure for consultation in consultations for failure in consultation.failures)
    failures |= dict.fromkeys(failure for inner in within for failure in inner.detection.failures)
    return Detection(
        direction=content.direction,
        modalities=frozenset(part.modality for part in content.parts),
        findings=tuple(findings),
        failures=tuple(failures),
        coverage=_coverage(content, consultations, within, looked_for, unread),
    )


def _coverage(
    content: Content,
    consultations: Sequence[Consultation],
    within: Sequence[_Within],
    looked_for: Policy | None,
    unread: frozenset[Modality],
) -> Coverage:
    """Count every part once. A part that one classifier could not read is unscannable, whoever else could.

    So is a picture, sound or film that was read only for rules of *looked_for* that do not look there: a rule on marks
    of pictures is no reason to let sound through.
    """
    unreadable: dict[int, str] = {}
    for inner in within:
        unreadable.update(inner.unscannable())
    for consultation in consultations:
        unreadable.update(consultation.unreadable)
    judges = [one.station.classifier for one in consultations if one.station.classifier.vouches]
    read = {modality for classifier in judges for modality in classifier.modalities}
    if looked_for is not None:
        where = {one: one.modalities if one.reader else looks_at(looked_for, content.direction, one) for one in judges}
        media = {modality for one, looked in where.items() for modality in looked & one.modalities}
        read &= media | {Modality.TEXT}
    seen = {n for inner in within for n in inner.numbers if isinstance(content.parts[n], VideoPart)}
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
        elif number in seen or (part.modality in read and part.modality not in unread):
            checked += 1
        else:
            reason = getattr(part, "reason", f"no classifier of the policy reads {part.modality.value}")
            unscannable.append((part.pointer, reason))
    return Coverage(checked, tuple(exempt.items()), tuple(unscannable))


def _unchecked(
    content: Content, plan: Sequence[Station], consultations: Sequence[Consultation], coverage: Coverage
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
