"""What a model server says to a question about contents, wherever it runs: prepared, judged, and the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from guard.batching.answers import Unread
from guard.batching.batcher import Batcher
from guard.batching.terms import Keyed, Terms
from guard.classifier import Unreadable
from guard.content import View
from guard.decision import Failure, FailureKind
from guard.placement.wire import answers_out, sources_in

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from guard.batching.answers import Answer
    from guard.batching.terms import Desk
    from guard.classifier import Classifier, Readable
    from guard.engine import Engine, Station

_MOST_TEXT_HERE = 20_000
"""Characters that are prepared on the event loop."""


class Note(Protocol):
    """Somebody who is to know what is being prepared: whoever has to find out what the process died of."""

    def begin(self) -> int:
        """A number for what follows."""

    def run(self, number: int, digests: Sequence[bytes]) -> None:
        """These are prepared now; with none, they are done."""

    def end(self, number: int) -> None:
        """Nothing follows."""


async def answer(
    engine: Engine, station: Station, asked: dict[str, Any], body: bytes, deadline: float, note: Note | None = None
) -> dict[str, Any]:
    """What *station* of *engine* says to what is *asked* about the contents in *body*.

    Raises:
        WireError: *body* is not what *asked* says.
    """
    sources = sources_in(asked["of"], body)
    if asked.get("alone") and isinstance(station.batcher, Batcher):
        station.batcher.suspect([station.batcher.digest(source) for source in sources])
    prepared = await _prepare(engine, station, sources, deadline, note)
    items = [one for one in prepared if isinstance(one, Keyed)]
    terms = Terms(float(asked["patience"]), asked["scope"])
    judged = iter(await station.batcher.submit(items, deadline, terms))
    answers: list[Answer] = [next(judged) if isinstance(one, Keyed) else one for one in prepared]
    return {"answers": answers_out(answers), "backlog": station.batcher.backlog_s}


async def _prepare(
    engine: Engine, station: Station, sources: Sequence[Readable], deadline: float, note: Note | None
) -> list[Keyed[Any] | Failure]:
    """An item for each of *sources*, or why there is none; on another thread if that takes long."""
    texts = all(isinstance(source, View) for source in sources)
    steps = _steps(station, sources, note)
    if texts and sum(len(one.text) for one in sources if isinstance(one, View)) <= _MOST_TEXT_HERE:
        return _finished(steps)
    try:
        return await (engine.text if texts else engine.media).run(steps, deadline)
    except TimeoutError:
        return [Failure(station.name, FailureKind.TIMEOUT, "prepare")] * len(sources)


def _steps(
    station: Station, sources: Sequence[Readable], note: Note | None
) -> Generator[None, None, list[Keyed[Any] | Failure]]:
    number = note.begin() if note is not None else 0
    try:
        found = []
        for source in sources:
            yield
            digest = station.batcher.digest(source)
            if note is not None:
                note.run(number, [digest])
            found.append(_prepared(station.name, station.classifier, station.batcher, source, digest))
        return found
    finally:
        if note is not None:
            note.end(number)


def _prepared(
    name: str, classifier: Classifier[Any], desk: Desk, source: Readable, digest: bytes
) -> Keyed[Any] | Failure:
    refused = desk.refuses(digest) if isinstance(desk, Batcher) else None
    if refused is not None:
        return refused
    try:
        return Keyed(classifier.prepare(source), digest)
    except Unreadable as error:
        return Unread(name, FailureKind.ERROR, "unreadable", reason=str(error))
    except BaseException as error:  # noqa: BLE001  a stranger's code: whatever it raises is a failure, never a pass
        return Failure(name, FailureKind.ERROR, type(error).__name__)


def _finished(steps: Generator[None, None, list[Keyed[Any] | Failure]]) -> list[Keyed[Any] | Failure]:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: list[Keyed[Any] | Failure] = done.value
            return found
