from __future__ import annotations

import gzip
import json
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from guard.corpus.lines import Csv, Jsonl

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST = 2**20


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def items(kind: type[Jsonl | Csv], path: Path, most: int = MOST):
    return list(kind("it", [path]).items(most))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["plain", "gzip", "zstd"])
def test_lines_are_read_the_same_however_they_are_packed(tmp_path: Path, pack):
    path = write(tmp_path / "it.jsonl", pack('{"text": "一"}\n\n{"text": "b"}\r\n{"text": "c"}'.encode()))

    assert [(item.offset, item.row) for item in items(Jsonl, path)] == [
        (0, {"text": "一"}),
        (17, {"text": "b"}),
        (32, {"text": "c"}),
    ]


@given(rows=st.lists(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[str]):
    path = tmp_path_factory.mktemp("it") / "it.jsonl"
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")

    assert [item.row for item in items(Jsonl, path)] == [{"text": row} for row in rows]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"text": oops}', "cannot be read"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b"[1, 2]", "a JSON array"),
        (b"null", "a JSON null"),
        (b'{"text": "a", "text": "b"}', "the same key twice"),
        (b'{"text": "' + b"x" * MOST + b'"}', "longer than"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper"),
    ],
)
def test_a_bad_line_is_one_item_with_a_reason_that_quotes_nothing_and_its_neighbours_are_read(
    tmp_path: Path, line: bytes, says: str
):
    path = write(tmp_path / "it.jsonl", b'{"n": 1}\n' + line + b'\n{"n": 2}\n')

    before, bad, after = items(Jsonl, path)

    assert (before.row, after.row) == ({"n": 1}, {"n": 2})
    assert bad.row is None
    assert says in bad.problem
    assert "oops" not in bad.problem
    assert bad.offset == 9
    assert after.offset == 9 + len(line) + 1


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_of_a_truncated_file_all_that_is_there_is_read_and_the_rest_is_one_problem(tmp_path: Path, pack):
    whole = pack(b"".join(b'{"n": %d, "x": "%d"}\n' % (n, n * 7919**3) for n in range(50_000)))
    path = write(tmp_path / "it.jsonl", whole[: len(whole) * 3 // 4])

    *good, last = items(Jsonl, path)

    assert len(good) > 1000
    assert all(item.row is not None for item in good[:-1])
    assert "cannot be read" in last.problem


def test_a_line_of_half_a_gigabyte_is_not_held(tmp_path: Path):
    path = tmp_path / "it.jsonl"
    with path.open("wb") as file:
        file.write(b'{"n": 1}\n')
        file.truncate(500 * 2**20)  # a hole: zeros without a line break
        file.seek(0, 2)
        file.write(b'\n{"n": 2}\n')
    tracemalloc.start()

    found = items(Jsonl, path)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [item.row for item in found] == [{"n": 1}, None, {"n": 2}]
    assert peak < 16 * 2**20


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path):
    path = write(tmp_path / "it.jsonl", b'\xef\xbb\xbf{"n": 1}\n')

    assert [item.row for item in items(Jsonl, path)] == [{"n": 1}]


def test_csv_has_quotes_line_breaks_and_rows_that_do_not_fit(tmp_path: Path):
    rows = 'id,text\n1,"a ""b""\nc"\n2,d,e\n3,一\n\n4,'.encode()
    path = write(tmp_path / "it.csv", b"\xef\xbb\xbf" + rows + b"\xff\n")

    found = items(Csv, path)

    assert [item.row for item in found] == [
        {"id": "1", "text": 'a "b"\nc'},
        None,
        {"id": "3", "text": "一"},
        None,
    ]
    assert "3 fields; the header has 2" in found[1].problem
    assert "not UTF-8" in found[3].problem


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_csv_is_seen_in_the_header(tmp_path: Path, delimiter: str):
    lines = [delimiter.join(row) for row in (["id", "text", "n"], ["1", "b", "2"])]
    path = write(tmp_path / "it.csv", "\n".join(lines).encode())

    assert [item.row for item in items(Csv, path)] == [{"id": "1", "text": "b", "n": "2"}]


def test_a_quote_that_nobody_closes_costs_no_memory_without_end(tmp_path: Path):
    path = write(tmp_path / "it.csv", b'id,text\n1,"' + b"x\n" * 5000 + b"2,y\n")

    found = items(Csv, path, most=1000)

    assert found[0].row is None
    assert found[-1].row == {"id": "2", "text": "y"}


def test_an_empty_file_has_no_records(tmp_path: Path):
    path = write(tmp_path / "it", b"")

    assert items(Jsonl, path) == items(Csv, path) == []
