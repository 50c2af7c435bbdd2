"""Parquet and Arrow, and data sets that Hugging Face's library saved to disk; read batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guard.corpus.source import Item, Source, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

_ROWS = 64
"""Rows that are made Python values at once: a column may hold pictures."""


class Parquet(Source):
    """A Parquet file. Of a row group that is damaged every row is an item with a problem."""

    format = "parquet"
    projects = True

    def items(self, most_bytes: int, columns: Sequence[str] | None = None) -> Iterator[Item]:
        """Row by row."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(self.files[0])
            self.schema = file.schema_arrow
            groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        except (pa.ArrowException, OSError) as error:
            yield Item(0, None, f"the file is no Parquet file that can be read ({reason(error)})")
            return
        with file:
            at = 0
            for number, rows in enumerate(groups):
                end = at + rows
                try:
                    for batch in file.iter_batches(_ROWS, row_groups=[number], columns=_present(file, columns)):
                        for item in _items(batch, at, most_bytes):
                            yield item
                            at += 1
                except (pa.ArrowException, OSError) as error:
                    for row in range(at, end):
                        yield Item(row, None, f"row group {number} cannot be read ({reason(error)})")
                at = end
                self.position = self.size * (number + 1) // len(groups)


class Arrow(Source):
    """Arrow's IPC format, as a file or a stream; what `datasets.save_to_disk` writes is the latter."""

    format = "arrow"
    projects = True

    def items(self, most_bytes: int, columns: Sequence[str] | None = None) -> Iterator[Item]:
        """Row by row."""
        import pyarrow as pa

        at = 0
        try:
            with pa.memory_map(str(self.files[0])) as raw:
                for batch in _batches(raw):
                    self.schema = batch.schema
                    some = batch if columns is None else batch.select([c for c in columns if c in batch.schema.names])
                    for begin in range(0, batch.num_rows, _ROWS):
                        for item in _items(some.slice(begin, _ROWS), at, most_bytes):
                            yield item
                            at += 1
                    self.position = raw.tell()
        except (pa.ArrowException, OSError) as error:
            yield Item(at, None, f"the rest of the file cannot be read ({reason(error)})")


def _batches(raw: Any) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    if raw.read(6) == b"ARROW1":
        raw.seek(0)
        file = pa.ipc.open_file(raw)
        for number in range(file.num_record_batches):
            yield file.get_batch(number)
        return
    raw.seek(0)
    yield from pa.ipc.open_stream(raw)


def _present(file: Any, columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else [name for name in columns if name in file.schema_arrow.names]


def _items(batch: pa.RecordBatch, at: int, most_bytes: int) -> Iterator[Item]:
    import pyarrow as pa

    whole = batch.nbytes <= most_bytes
    if whole:
        try:
            for number, row in enumerate(batch.to_pylist()):
                yield Item(at + number, row)
        except (UnicodeDecodeError, ValueError, OverflowError):
            pass
        else:
            return
    for number in range(batch.num_rows):
        one = batch.slice(number, 1)
        if one.nbytes > most_bytes:
            yield Item(at + number, None, f"the row is larger than {most_bytes} bytes")
            continue
        try:
            (row,) = one.to_pylist()
        except (UnicodeDecodeError, ValueError, OverflowError, pa.ArrowException) as error:
            yield Item(at + number, None, f"the row cannot be read ({reason(error)})")
        else:
            yield Item(at + number, row)
