"""One classifier asked about one content: what it is shown, where that is prepared, what it saw in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard import ledger
from guard.asking import Prepared, heard
from guard.batching.pool import PoolClosed
from guard.content import Content, Direction, TextPart, View
from guard.decision import Failure, FailureKind
from guard.reading import Reading, Views, locate, media_readings, readings
from guard.stream.whole import Passage, found_in, passages

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from guard.batching.answers import Answer
    from guard.engine import Engine, Station
    from guard.finding import Finding, Quote

MOST_TEXT_HERE = 20_000
"""Characters up to which reading and preparing text is quicker than handing it to a thread."""


class Consultation:
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
        """What a reader read, by the numbers of the parts."""

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
        if total > MOST_TEXT_HERE:
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
        if self.station.classifier.reader:
            self._quote(read, said)
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

    def _quote(self, read: Sequence[Reading], said: Sequence[Sequence[Any]]) -> None:
        for reading, quotes in zip(read, said, strict=True):
            self.quotes.setdefault(reading.part, []).extend(quotes)
