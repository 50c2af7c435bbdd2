"""Both ends of asking one classifier: readings made into items, and its answers taken for what they are worth.

Whatever a classifier does, what it did not judge does not pass for judged: that is a `Failure`, or cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guard.batching.answers import INTERRUPTS, NONSENSE, Unread
from guard.batching.terms import Keyed
from guard.classifier import Unreadable
from guard.content import View
from guard.decision import Failure, FailureKind
from guard.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.batching.answers import Answer
    from guard.engine import Station
    from guard.finding import Finding


@dataclass(slots=True)
class Prepared:
    """What preparing gave: items, the readings they are of, and what could not be prepared."""

    read: list[Reading] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def take_all(self, station: Station, readings: list[Reading]) -> None:
        """Prepare them all; where that fails, one by one, to learn which it is."""
        prepare, digest = station.classifier.prepare, station.batcher.digest
        try:
            self.items = [prepare(reading.source) for reading in readings]
            if station.batcher.shares:
                sources = (reading.source for reading in readings)
                self.items = [Keyed(item, digest(one)) for item, one in zip(self.items, sources, strict=True)]
        except INTERRUPTS:
            raise
        except BaseException:  # noqa: BLE001  as below
            self.items = []
            for reading in readings:
                self.take(station, reading)
        else:
            self.read = readings

    def sorted_out(self, answers: Sequence[Answer]) -> list[Answer]:
        """*answers* without those that say only where the model is that something cannot be read; it is noted here."""
        if not any(isinstance(answer, Unread) for answer in answers):
            return list(answers)
        left: list[tuple[Reading, Any, Answer]] = []
        for reading, item, answer in zip(self.read, self.items, answers, strict=True):
            if isinstance(answer, Unread):
                self.cannot_read(reading, answer.reason)
            else:
                left.append((reading, item, answer))
        self.read, self.items = [one[0] for one in left], [one[1] for one in left]
        return [one[2] for one in left]

    def cannot_read(self, reading: Reading, reason: str) -> None:
        """Note the parts that *reading* is of."""
        source = reading.source
        parts = {s.part for s in source.segments} if isinstance(source, View) else {reading.part}
        parts = {reading.parts[number] for number in parts} if reading.parts else parts
        self.unreadable |= dict.fromkeys(parts, reason)

    def take(self, station: Station, reading: Reading) -> None:
        """Prepare one reading."""
        source, desk = reading.source, station.batcher
        try:
            item = station.classifier.prepare(source)
            self.items.append(Keyed(item, desk.digest(source)) if desk.shares else item)
        except Unreadable as error:
            self.cannot_read(reading, str(error))
        except INTERRUPTS:
            raise
        except BaseException as error:  # noqa: BLE001  a stranger's code: whatever it raises is a failure, never a pass
            self.failures.append(Failure(station.name, FailureKind.ERROR, type(error).__name__))
        else:
            self.read.append(reading)


def heard(
    name: str, read: Sequence[Reading], answers: Sequence[Answer]
) -> tuple[list[Sequence[Finding]], list[Failure]]:
    """What classifier *name* found in each reading (nothing where it failed or answered nonsense), and its failures."""
    said: list[Sequence[Finding]] = []
    failures: list[Failure] = []
    for reading, answer in zip(read, answers, strict=True):
        if isinstance(answer, Failure):
            failures.append(answer)
        elif not answer or _is_about(reading, answer):
            said.append(answer)
            continue
        else:
            failures.append(Failure(name, FailureKind.ERROR, NONSENSE))
        said.append(())
    return said, failures


def _is_about(reading: Reading, findings: Sequence[Finding]) -> bool:
    """Whether every span lies in the text that was read: one outside would belong to no part, and be lost."""
    if not isinstance(reading.source, View):
        return True
    length = len(reading.source.text)
    for finding in findings:
        span = finding.span
        if span is not None and not span[0] < span[1] <= length:
            return False
    return True
