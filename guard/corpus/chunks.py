"""Items gathered to chunks: always the same, whoever judges them and however often it is begun anew."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from guard.corpus.columns import EVERYTHING, Columns, Named, choose
from guard.corpus.source import Item, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


LARGEST = 16 * 2**20
"""Bytes, about, at which a chunk is full whatever the number of its records."""
_GLANCED_AT = 200
"""Records that columns are inferred from."""


@dataclass(slots=True)
class Chunk:
    """Consecutive records of one source. *rows* are their numbers in the whole input, *number* is the chunk's own."""

    number: int
    source: Source
    columns: Columns
    rows: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    bytes: int = 0


def columns_of(source: Source, named: Named, most_bytes: int) -> Columns:
    """The columns of *source* that are judged; its first records are read for that.

    Raises:
        CorpusError: a column that was named is not there, or nothing looks as if it could be judged.
    """
    if not source.tables:
        return EVERYTHING
    looked = islice(source.items(most_bytes), _GLANCED_AT)
    rows = [item.row for item in looked if item.row is not None]
    source.position = 0
    return choose(source.name, named, rows)


def numbered(
    sources: Sequence[Source], columns: Mapping[str, Columns], most_bytes: int, *, whole: bool
) -> Iterator[tuple[int, Source, Item]]:
    """Every record of *sources* in order, with its number; *whole* where columns that are not judged are needed too."""
    number = 0
    for source in sources:
        chosen = columns[source.name]
        read = None if whole or chosen.all or not source.projects else chosen.noted
        for item in source.items(most_bytes, read):
            yield number, source, item
            number += 1


def sampled(count: int, size: int, seed: int) -> frozenset[int]:
    """*size* of the numbers below *count*, each as likely as any other; all, if there are no more."""
    return frozenset(random.Random(seed).sample(range(count), min(size, count)))  # noqa: S311  a sample, no secret


def chunked(
    records: Iterator[tuple[int, Source, Item]],
    columns: Mapping[str, Columns],
    size: int,
    chosen: frozenset[int] | None = None,
) -> Iterator[Chunk]:
    """*records*, or the *chosen* among them, in chunks of *size*."""
    chunk: Chunk | None = None
    count = 0
    for row, source, item in records:
        if chosen is not None and row not in chosen:
            continue
        if chunk is not None and (chunk.source is not source or len(chunk.rows) >= size or chunk.bytes >= LARGEST):
            yield chunk
            count += 1
            chunk = None
        if chunk is None:
            chunk = Chunk(count, source, columns[source.name])
        chunk.rows.append(row)
        chunk.items.append(item)
        chunk.bytes += weight(item.row)
    if chunk is not None:
        yield chunk


def weight(value: Any) -> int:
    """About how many bytes *value* is."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(map(weight, value.values()))
    if isinstance(value, list):
        return sum(map(weight, value))
    return 8
