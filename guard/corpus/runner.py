"""`Runner`: chunks in, parts out. It reads, hands out, writes, and loses nothing.

A chunk is open from when it is read until its part is written. What workers answer goes into the chunk's journal at
once, so that a process that is killed leaves nothing to be judged again but what was in flight: less than one chunk.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from guard.corpus.chunks import Chunk
from guard.corpus.crew import Crew, Slice
from guard.corpus.manifest import decision_id
from guard.corpus.records import Record
from guard.corpus.source import CorpusError
from guard.corpus.store import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from guard.corpus.crew import Answer
    from guard.corpus.dedup import Dedup
    from guard.corpus.judge import Setup
    from guard.corpus.released import Writer
    from guard.corpus.store import Store

MOST_STRIKES = 3
"""Workers that a record may end before it is quarantined."""
_SLICE = 32
_SLICE_BYTES = 2**18
_DEEP = 3
_MOST_OPEN = 16
_LONGEST_GROUP = 120


class Workers(Protocol):
    """Processes that judge slices, wherever they are: see `guard.corpus.crew.Crew`."""

    @property
    def busy(self) -> bool:
        """Whether anything is being judged."""

    def give(self, slice_: Slice) -> bool:
        """Hand *slice_* to one that has room; False if none has."""

    def answers(self, seconds: float) -> Iterator[Answer]:
        """What came within *seconds*, which may be nothing."""

    def close(self) -> None:
        """Stop all of them."""


@dataclass(slots=True)
class _Open:
    """A chunk that is being judged. *entries* are final, by places; *same* places take the row of an earlier record."""

    chunk: Chunk
    journal: Journal
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)
    strikes: dict[int, int] = field(default_factory=dict)
    same: dict[int, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return len(self.entries) + len(self.same) == len(self.chunk.rows)


class Runner:
    """Judges chunks with *workers* processes, which *crew* starts, and writes what came of them to *store*.

    *heard* is called with how many records are done, after every change and twice a second at least.
    """

    def __init__(
        self,
        store: Store,
        setup: Setup,
        fingerprint: str,
        *,
        workers: int,
        chunk_size: int,
        dedup: Dedup | None = None,
        writer: Writer | None = None,
        crew: Callable[[Setup, int], Workers] = Crew,
        heard: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._setup = setup
        self._fingerprint = fingerprint
        self._workers = workers
        self._slice = max(1, min(_SLICE, chunk_size // (_DEEP * workers)))
        self._most_out = max(workers, chunk_size)
        self._dedup = dedup
        self._writer = writer
        self._crew = crew
        self._heard = heard
        self._done = store.done()
        self._open: dict[int, _Open] = {}
        self._alone: deque[Slice] = deque()
        self._again: deque[Slice] = deque()
        self._out = 0
        self._firsts: list[int] = []
        self.records = 0
        """Records of the input, done in this run or before."""
        self.judged = 0
        """Records judged in this run."""

    def run(self, chunks: Iterator[Chunk]) -> None:
        """Judge every chunk that is not done.

        Raises:
            CorpusError: workers cannot be started, or the disk is full. What is done by then stays done.
        """
        slices = self._slices(chunks)
        waiting = next(slices, None)
        self._finish_complete()
        if waiting is None and not self._alone:  # nothing to judge: no models to load
            return
        crew = self._crew(self._setup, self._workers)
        try:
            while waiting is not None or crew.busy or self._alone or self._again:
                while self._alone and crew.give(self._alone[0]):
                    self._out += len(self._alone.popleft().records)
                while self._again and not self._alone and crew.give(self._again[0]):
                    self._out += len(self._again.popleft().records)
                while waiting is not None and not self._alone and not self._again and self._may(waiting):
                    if waiting.records and not crew.give(waiting):
                        break
                    self._out += len(waiting.records)
                    waiting = next(slices, None)
                for answer in crew.answers(0.5):
                    self._out -= len(answer.slice.records)
                    if answer.entries is not None:
                        self._take(answer.slice, answer.entries)
                    elif answer.how:
                        self._strike(answer.slice, answer.how)
                    else:
                        self._again.append(answer.slice)
                self._finish_complete()
                self._heard(self.judged)
            self._finish_complete()
        finally:
            crew.close()
            for one in self._open.values():
                one.journal.close()
        if self._open:
            raise CorpusError("not every record was judged; this is a defect: --resume goes on with the others")

    def _may(self, slice_: Slice) -> bool:
        """Whether so much may be in flight, and so many chunks wait for one before them."""
        if len(self._open) > _MOST_OPEN and self._out:
            return False
        return self._out + len(slice_.records) <= self._most_out

    def _slices(self, chunks: Iterator[Chunk]) -> Iterator[Slice]:
        """What is to be judged of *chunks*, which are opened one by one as it is asked for."""
        for chunk in chunks:
            self.records += len(chunk.rows)
            self._firsts.append(chunk.rows[0])
            done = chunk.number in self._done
            if done and self._dedup is None:
                continue
            one = _Open(chunk, self._store.journal(chunk.number))
            records = self._records(one, known=done)
            if done:
                continue
            self._open[chunk.number] = one
            self._recall(one)
            held: list[Record] = []
            size = 0
            for record in records:
                if record.place in one.entries:
                    continue
                if one.strikes.get(record.place):
                    self._alone.append(Slice(chunk.number, [record], alone=True))
                    continue
                weight = sum(len(v) for v in record.document.values() if isinstance(v, str | bytes))
                if held and (len(held) >= self._slice or size + weight > _SLICE_BYTES):
                    yield Slice(chunk.number, held)
                    held, size = [], 0
                held.append(record)
                size += weight
            if held or self._dedup is not None:  # a chunk of nothing but duplicates stays open, too
                yield Slice(chunk.number, held)
            self._finish_complete()

    def _records(self, one: _Open, *, known: bool) -> list[Record]:
        """The records of a chunk that are to be judged; for the others their entries are made here."""
        chunk, columns = one.chunk, one.chunk.columns
        folder = str(chunk.source.folder)
        expected = frozenset((*columns.noted, *columns.left)) if columns.inferred else None
        found: list[Record] = []
        for place, (row, item) in enumerate(zip(chunk.rows, chunk.items, strict=True)):
            if item.row is None:
                one.entries[place] = {"unfit": item.problem}
                continue
            if expected is not None and not expected.issuperset(item.row):
                one.entries[place] = {"unfit": "it has a column that the first records have not; name those to judge"}
                continue
            document = item.row if columns.all else {n: item.row[n] for n in columns.judged if n in item.row}
            if self._dedup is not None:
                original = self._dedup.original(row, document, columns)
                if original is not None:
                    one.same[place] = original
                    continue
            if not known:
                found.append(Record(place, decision_id(self._fingerprint, row), document, columns, folder))
        return found

    def _recall(self, one: _Open) -> None:
        """Take over what an earlier run knew of the chunk."""
        for entry in one.journal.read():
            place = entry["place"]
            if "strikes" in entry:
                one.strikes[place] = entry["strikes"]
            else:
                one.entries[place] = entry

    def _take(self, slice_: Slice, entries: list[dict[str, Any]]) -> None:
        one = self._open[slice_.chunk]
        one.journal.append(entries)
        for entry in entries:
            one.entries[entry["place"]] = entry
        self.judged += len(entries)

    def _strike(self, slice_: Slice, how: str) -> None:
        """The worker died with *slice_*: judge each of its records alone, until it is plain which of them it was."""
        one = self._open[slice_.chunk]
        entries: list[dict[str, Any]] = []
        for record in slice_.records:
            strikes = one.strikes[record.place] = one.strikes.get(record.place, 0) + 1
            if strikes >= MOST_STRIKES and slice_.alone:
                entry = {"place": record.place, "unfit": f"it ended a worker {strikes} times ({how})"}
                one.entries[record.place] = entry
            else:
                entry = {"place": record.place, "strikes": strikes}
                self._alone.append(Slice(slice_.chunk, [record], alone=True))
            entries.append(entry)
        one.journal.append(entries)

    def _finish_complete(self) -> None:
        """Write the chunks of which everything is known: in order where rows refer to earlier ones."""
        for number in sorted(self._open):
            if self._open[number].complete:
                self._finish(self._open.pop(number))
            elif self._dedup is not None:
                return

    def _finish(self, one: _Open) -> None:
        chunk = one.chunk
        rows: list[dict[str, Any]] = []
        quarantined: list[dict[str, Any]] = []
        released: list[tuple[int, dict[str, Any]]] = []
        made: dict[int, dict[str, Any]] = {}
        for place, (row, item) in enumerate(zip(chunk.rows, chunk.items, strict=True)):
            entry = one.entries.get(place)
            about = {"row": row, "id": self._id(chunk, item, row), "source": chunk.source.name, "offset": item.offset}
            if entry is None:
                entry = self._copied(one.same[place], row, made)
            made[row] = entry
            if "unfit" in entry:
                quarantined.append({**about, "reason": entry["unfit"]})
                continue
            rows.append({"duplicate_of": None, **entry["row"], **about, **self._noted(chunk, item)})
            if self._writer is not None and entry["released"] is not None:
                released.append((place, entry["released"]))
        if self._writer is not None:
            self._writer.write(chunk, released)
        self._store.finish(chunk.number, rows, quarantined)
        one.journal.remove()

    def _copied(self, original: int, row: int, made: dict[int, dict[str, Any]]) -> dict[str, Any]:
        """The entry of *original*, for a record that says the same."""
        entry = made.get(original) or self._store.entry(bisect_right(self._firsts, original) - 1, original)
        if "row" not in entry:
            return entry
        said = {**entry["row"], "duplicate_of": original, "decision_id": decision_id(self._fingerprint, row)}
        return {**entry, "row": said}

    def _id(self, chunk: Chunk, item: Any, row: int) -> str:
        name = chunk.columns.id
        value = item.row.get(name) if name is not None and item.row is not None else None
        if isinstance(value, str | int) and value != "":
            return str(value)[:_LONGEST_GROUP]
        return str(item.name) or str(row)

    def _noted(self, chunk: Chunk, item: Any) -> dict[str, Any]:
        columns = chunk.columns
        when = item.row.get(columns.time) if columns.time is not None else None
        return {
            "time": None if when is None else str(when)[:_LONGEST_GROUP],
            "by": [{"column": n, "value": str(item.row.get(n))[:_LONGEST_GROUP]} for n in columns.by],
        }
