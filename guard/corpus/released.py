"""`Writer`: the copy of a corpus that may be used, in its own shape. Refused and quarantined records are not in it."""

from __future__ import annotations

import csv
import io
import tarfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.corpus.chunks import Chunk
    from guard.corpus.store import Store

Rows = list[tuple[str, dict[str, Any]]]
"""Records by the names that their source gives them."""


class Writer:
    """Writes what is released of each chunk to ``released/<number>-<name of the input>/``."""

    def __init__(self, store: Store, sources: Sequence[str]) -> None:
        self._store = store
        self._folders = {
            name: f"{number:03d}-{name.replace(chr(92), '/').strip('/').rpartition('/')[2] or 'input'}"
            for number, name in enumerate(sources)
        }

    def write(self, chunk: Chunk, released: Sequence[tuple[int, dict[str, Any]]]) -> None:
        """Write the records of *chunk* at the places given, each with its columns that changed."""
        rows: Rows = []
        for place, changed in released:
            item = chunk.items[place]
            row = dict(item.row or {})
            for name, value in changed.items():
                row[name] = value.encode() if isinstance(row.get(name), bytes) and isinstance(value, str) else value
            rows.append((item.name, row))
        folder = self._store.released / self._folders[chunk.source.name]
        kind = chunk.source.format
        if kind == "files":
            for name, row in rows:
                data = _as_bytes(row["file"])
                self._store.put(folder / name, partial(Path.write_bytes, data=data))
            return
        make, suffix = _MAKERS[kind]
        self._store.put(
            folder / f"part-{chunk.number:06d}{suffix}", lambda path: make(path, [r for _, r in rows], rows, chunk)
        )


def _jsonl(path: Path, rows: list[dict[str, Any]], _: Rows, __: Chunk) -> None:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def _csv(path: Path, rows: list[dict[str, Any]], _: Rows, chunk: Chunk) -> None:
    names = list(next((item.row for item in chunk.items if item.row is not None), {}))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, delimiter=getattr(chunk.source, "delimiter", ","))
        writer.writeheader()
        writer.writerows(rows)


def _parquet(path: Path, rows: list[dict[str, Any]], _: Rows, chunk: Chunk) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = getattr(chunk.source, "schema", None)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def _tar(path: Path, _: list[dict[str, Any]], rows: Rows, __: Chunk) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, row in rows:
            for kind, value in row.items():
                data = _as_bytes(value)
                member = tarfile.TarInfo(name if kind == "file" else f"{name}.{kind}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else orjson.dumps(value)


_MAKERS = {
    "jsonl": (_jsonl, ".jsonl"),
    "csv": (_csv, ".csv"),
    "parquet": (_parquet, ".parquet"),
    "arrow": (_parquet, ".parquet"),
    "webdataset": (_tar, ".tar"),
}
