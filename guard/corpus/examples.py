"""Excerpts of the worst records, read again from the input, for a report that was asked to show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guard.content import Direction, TextPart
from guard.corpus.chunks import numbered
from guard.corpus.records import Record, Unfit, content_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guard.corpus.columns import Columns
    from guard.corpus.source import Source

_AROUND = 80

Excerpt = tuple[str, str, str]
"""What stands before, what a rule fired on, what stands behind."""


def excerpts(
    worst: Mapping[str, Iterable[Mapping[str, Any]]],
    sources: Sequence[Source],
    columns: Mapping[str, Columns],
    direction: str,
    most_bytes: int,
) -> dict[int, list[Excerpt]]:
    """Up to three excerpts of each of the *worst* records, by their rows."""
    wanted = {entry["row"]: entry for entries in worst.values() for entry in entries}
    found: dict[int, list[Excerpt]] = {}
    for row, source, item in numbered(sources, columns, most_bytes, whole=False):
        entry = wanted.get(row)
        if entry is None or item.row is None:
            continue
        record = Record(0, "", item.row, columns[source.name], str(source.folder))
        found[row] = _of(record, entry, direction, most_bytes)
        if len(found) == len(wanted):
            break
    return found


def _of(record: Record, entry: Mapping[str, Any], direction: str, most_bytes: int) -> list[Excerpt]:
    try:
        content = content_of(record, Direction(direction), "en", most_bytes)
    except Unfit:
        return []
    texts = {part.pointer: part.text for part in content.parts if isinstance(part, TextPart)}
    found: list[Excerpt] = []
    for finding in entry["findings"]:
        text, start, end = texts.get(finding["part"], ""), finding["start"] or 0, finding["end"]
        end = min(len(text), start + 3 * _AROUND) if end is None else end
        before = ("…" if start > _AROUND else "") + text[max(0, start - _AROUND) : start]
        behind = text[end : end + _AROUND] + ("…" if len(text) > end + _AROUND else "")
        said = (before, text[start:end][: 4 * _AROUND], behind)
        if text and said not in found:
            found.append(said)
    return found[:3]
