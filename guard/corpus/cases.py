"""`Case`: a record and what was seen in it: as an audit has stored it, or judged here and now.

For tools that ask what another policy would have made of a corpus. What decides between the two is `sees_alike`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard import registry
from guard.corpus.chunks import columns_of, numbered, sampled
from guard.corpus.columns import EVERYTHING, NOTHING_NAMED, Columns, Named
from guard.corpus.inputs import find
from guard.corpus.judge import Judge, Setup
from guard.corpus.records import Record
from guard.corpus.results import FORMAT, detection_of
from guard.corpus.source import CorpusError
from guard.corpus.store import Store
from guard.decision import Detection
from guard.engine import Engine, looks_at, station_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from guard.content import Direction
    from guard.corpus.source import Item, Source
    from guard.policy.model import Policy

_TOGETHER = 32
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Case:
    """One record of a corpus, by its number, its own id and its place, and what was seen in it.

    *left_out* counts findings that were not stored. *by* holds columns that are noted and not judged.
    """

    row: int
    id: str
    source: str
    offset: int
    detection: Detection
    left_out: int = 0
    by: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.source}:{self.offset}"


class Audited:
    """The results of an audit that is done.

    Raises:
        CorpusError: *root* holds none, or one that is not done.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._store = Store(root)
        found = self._store.manifest()
        if found is None or "fingerprint" not in found:
            msg = f"{root}: it holds no audit"
            raise CorpusError(msg)
        self.manifest: dict[str, Any] = found
        if found["format"] != FORMAT:
            msg = f"{root}: its results have format {found['format']}, and this version reads {FORMAT}: audit again"
            raise CorpusError(msg)
        if not (root / "summary.json").is_file():
            msg = f"{root}: the audit is not done; go on with it by `guard audit … --resume`"
            raise CorpusError(msg)

    @property
    def direction(self) -> str:
        """Where its records go: to the generator, or from it."""
        return str(self.manifest["settings"]["direction"])

    @property
    def quarantined(self) -> int:
        """Records that could not be judged."""
        return sum(1 for _ in self._store.quarantined())

    def is_of(self, *policies: Policy) -> bool:
        """Whether one of *policies* is what it was under."""
        return any(self.manifest["policy"] == f"{one.name}@{one.revision}" for one in policies)

    def cases(self) -> Iterator[Case]:
        """Every record that was judged, in order."""
        import pyarrow.parquet as pq

        for path in self._store.parts():
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(256):
                    yield from map(_stored, batch.to_pylist())

    def rows(self) -> frozenset[int]:
        """The numbers of the records that were judged."""
        import pyarrow.parquet as pq

        return frozenset(
            row for path in self._store.parts() for row in pq.read_table(path, columns=["row"])["row"].to_pylist()
        )

    def corpus(self) -> Corpus:
        """The input that it read, to be read again.

        Raises:
            CorpusError: it is not there any more, or is not what it was.
        """
        names = [one["name"] for one in self.manifest["inputs"]]
        try:
            sources, _ = find(names)
        except CorpusError as error:
            msg = f"{error}; run it where the audit ran, or name the input itself"
            raise CorpusError(msg) from error
        was = {one["name"]: one["sha256"] for one in self.manifest["inputs"]}
        for source in sources:
            if was.get(source.name) != source.facts().sha256:
                msg = f"{source.name}: it is not what it was when {self.root} was written; audit it again"
                raise CorpusError(msg)
        settings = self.manifest["settings"]
        columns = {name: _columns(said) for name, said in settings["columns"].items()}
        return Corpus(sources, columns, self.direction, settings["most_bytes"], only=self.rows())


class Corpus:
    """An input, to be judged here. *unfit* counts records that could not be, once `cases` is through."""

    def __init__(
        self,
        sources: Sequence[Source],
        columns: Mapping[str, Columns],
        direction: str,
        most_bytes: int = 64 * 2**20,
        only: frozenset[int] | None = None,
    ) -> None:
        self.sources = sources
        self.columns = columns
        self.direction = direction
        self.most_bytes = most_bytes
        self.unfit = 0
        self._only = only

    @classmethod
    def of(
        cls, inputs: Sequence[str], named: Named = NOTHING_NAMED, direction: str = "output", sample: int | None = None
    ) -> Corpus:
        """The corpus that *inputs* are, or a *sample* of so many of its records.

        Raises:
            CorpusError: there is nothing that could be judged.
        """
        sources, _ = find(inputs)
        most_bytes = 64 * 2**20
        columns = {source.name: columns_of(source, named, most_bytes) for source in sources}
        only = None
        if sample is not None:
            only = sampled(sum(1 for _ in numbered(sources, columns, most_bytes, whole=False)), sample, seed=0)
        return cls(sources, columns, direction, most_bytes, only)

    def cases(self, policies: Sequence[Policy], heard: Callable[[int], None] = lambda _: None) -> Iterator[list[Case]]:
        """Every record as each of *policies* has it seen, in order. Loads their classifiers; *heard* counts."""
        engine = Engine()
        try:
            engine.ensure(policies)
            judges = [Judge(Setup(one.path, self.direction, most_bytes=self.most_bytes), engine) for one in policies]
            records = self._records()
            done = 0
            while held := list(itertools.islice(records, _TOGETHER)):
                given = [record for _, record in held]
                for (about, _), *entries in zip(held, *(judge.judge_chunk(given) for judge in judges), strict=True):
                    if any("unfit" in entry for entry in entries):
                        self.unfit += 1
                    else:
                        yield [_stored({**entry["row"], **about}) for entry in entries]
                done += len(held)
                heard(done)
        finally:
            engine.close()

    def _records(self) -> Iterator[tuple[dict[str, Any], Record]]:
        for row, source, item in numbered(self.sources, self.columns, self.most_bytes, whole=False):
            if self._only is not None and row not in self._only:
                continue
            columns = self.columns[source.name]
            known = frozenset((*columns.noted, *columns.left))
            if item.row is None or (columns.inferred and not columns.all and not known.issuperset(item.row)):
                self.unfit += 1
                continue
            document = item.row if columns.all else {n: item.row[n] for n in columns.judged if n in item.row}
            yield _about(row, source, item, columns), Record(0, str(row), document, columns, str(source.folder))


def is_audit(path: str | Path) -> bool:
    """Whether *path* is a folder that an audit wrote."""
    return (Path(path) / "manifest.json").is_file() and (Path(path) / "results").is_dir()


def sees_alike(one: Policy, other: Policy, direction: Direction) -> tuple[str, ...]:
    """Why the two do not see the same in a record going in *direction*; empty if they do.

    Then what was stored under the one is what the other would be decided on, and no classifier has to run.
    """
    reasons: list[str] = []
    for name in sorted({*one.needs, *other.needs}):
        if name not in one.needs or name not in other.needs:
            reasons.append(f"only one needs `{name}`")
        elif station_key(name, one.needs[name]) != station_key(name, other.needs[name]):
            reasons.append(f"options of `{name}`")
        else:
            classifier = registry.create(name, one.needs[name])
            if looks_at(one, direction, classifier) != looks_at(other, direction, classifier):
                reasons.append(f"what `{name}` is asked to look at")
    if one.trailing != other.trailing:
        reasons.append("`trailing`")
    return tuple(reasons)


def _about(row: int, source: Source, item: Item, columns: Columns) -> dict[str, Any]:
    read = item.row or {}
    named = read.get(columns.id) if columns.id is not None else None
    identifier = str(named) if isinstance(named, str | int) and named != "" else str(item.name) or str(row)
    by = [{"column": name, "value": _said(read.get(name))} for name in columns.by]
    return {"row": row, "id": identifier[:_LONGEST], "source": source.name, "offset": item.offset, "by": by}


def _said(value: object) -> str:
    return str(value)[:_LONGEST]


def _stored(row: Mapping[str, Any]) -> Case:
    by = {one["column"]: one["value"] for one in row["by"] or ()}
    return Case(row["row"], row["id"], row["source"], row["offset"], detection_of(row), row["findings_left_out"], by)


def _columns(said: Mapping[str, Any]) -> Columns:
    if said.get("judged") == "everything":
        return EVERYTHING
    return Columns(
        tuple(said["texts"]),
        tuple(said["media"]),
        tuple(said["messages"]),
        said["id"],
        said["time"],
        tuple(said["by"]),
        inferred=said["inferred"],
        left=tuple(said["not_judged"]),
    )
