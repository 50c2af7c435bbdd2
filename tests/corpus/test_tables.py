from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guard.corpus.inputs import find
from guard.corpus.source import CorpusError
from guard.corpus.tables import Arrow, Parquet

ROWS = [{"id": n, "text": f"text {n} 一", "blob": b"\xff" * 10} for n in range(300)]


def written(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=100)
    elif path.suffix == ".stream":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
    return path


@pytest.mark.parametrize(("kind", "suffix"), [(Parquet, ".parquet"), (Arrow, ".arrow"), (Arrow, ".stream")])
def test_a_table_gives_its_rows_in_order_and_of_columns_those_that_are_asked_for(tmp_path: Path, kind, suffix):
    path = written(tmp_path / f"it{suffix}")

    whole = list(kind("it", [path]).items(2**20))
    some = list(kind("it", [path]).items(2**20, ["text", "absent"]))

    assert [item.row for item in whole] == ROWS
    assert [item.offset for item in whole] == list(range(300))
    assert [item.row for item in some] == [{"text": row["text"]} for row in ROWS]


def test_of_a_damaged_row_group_every_row_is_a_problem_and_the_others_are_read(tmp_path: Path):
    path = written(tmp_path / "it.parquet")
    data = bytearray(path.read_bytes())
    at = pq.read_metadata(path).row_group(1).column(1).data_page_offset
    data[at : at + 40] = b"\xab" * 40
    path.write_bytes(data)

    found = list(Parquet("it", [path]).items(2**20))

    assert [item.row for item in found[:100]] == ROWS[:100]
    assert all("row group 1" in item.problem for item in found[100:200])
    assert [item.row for item in found[200:]] == ROWS[200:]


@pytest.mark.parametrize(("kind", "suffix"), [(Parquet, ".parquet"), (Arrow, ".arrow"), (Arrow, ".stream")])
def test_a_truncated_table_is_a_problem_and_no_crash(tmp_path: Path, kind, suffix):
    path = written(tmp_path / f"it{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    *_, last = kind("it", [path]).items(2**20)

    assert "read" in last.problem


def test_a_row_that_is_too_large_is_a_problem_by_itself(tmp_path: Path):
    path = written(tmp_path / "it.parquet", [{"text": "a"}, {"text": "b" * 10_000}, {"text": "c"}])

    found = list(Parquet("it", [path]).items(1000))

    assert [item.row for item in found] == [{"text": "a"}, None, {"text": "c"}]


def saved(root: Path, splits: dict[str, int]) -> Path:
    """What `datasets.save_to_disk` leaves."""
    root.mkdir()
    (root / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    for split, count in splits.items():
        (root / split).mkdir()
        written(root / split / "data-00000-of-00001.stream", ROWS[:count]).rename(
            root / split / "data-00000-of-00001.arrow"
        )
        (root / split / "dataset_info.json").write_text("{}")
        (root / split / "state.json").write_text(
            json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]})
        )
    return root


def test_a_saved_data_set_is_read_split_by_split_without_its_library(tmp_path: Path):
    sources, _ = find([str(saved(tmp_path / "it", {"train": 5, "test": 3}))])

    assert [source.name.removeprefix(str(tmp_path)) for source in sources] == [
        "/it/train/data-00000-of-00001.arrow",
        "/it/test/data-00000-of-00001.arrow",
    ]
    assert [len(list(source.items(2**20))) for source in sources] == [5, 3]


@pytest.mark.parametrize("name", ["../../etc/passwd", "absent.arrow", "/etc/passwd"])
def test_a_saved_data_set_cannot_name_a_file_outside_of_it(tmp_path: Path, name: str):
    root = saved(tmp_path / "it", {"train": 5})
    (root / "train" / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))

    with pytest.raises(CorpusError, match="is not there"):
        find([str(root)])
