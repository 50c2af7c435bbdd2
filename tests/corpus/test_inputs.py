from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from guard.corpus.archives import Files, WebDataset
from guard.corpus.inputs import find
from guard.corpus.source import CorpusError


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    return buffer.getvalue()


def tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # one of the modes that write
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_files_of_one_name_in_an_archive_are_one_record(tmp_path: Path, mode: str):
    members = {
        "a/0.txt": "一".encode(),
        "a/0.png": picture(),
        "a/1.json": b'{"caption": "x"}',
        "b/1.json": b"no json",
        "b/2.seg.txt": b"y",
    }
    (source,) = find([str(tar(tmp_path / "it.tar", members, mode))])[0]

    found = list(source.items(2**20))

    assert isinstance(source, WebDataset)
    assert [(item.name, item.row) for item in found] == [
        ("a/0", {"txt": "一".encode(), "png": picture()}),
        ("a/1", {"json": {"caption": "x"}}),
        ("b/1", {"json": b"no json"}),
        ("b/2", {"seg.txt": b"y"}),
    ]


def test_links_large_members_and_the_end_of_a_cut_archive_are_problems(tmp_path: Path):
    path = tar(tmp_path / "it.tar", {"0.txt": b"a", "1.txt": b"b" * 5000})
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("2.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        last = tarfile.TarInfo("3.txt")
        last.size = 900
        archive.addfile(last, io.BytesIO(b"c" * 900))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"ccc") + 100])

    found = list(WebDataset("it", [path]).items(1000))

    assert found[0].row == {"txt": b"a"}
    assert "larger than" in found[1].problem
    assert "link" in found[2].problem
    assert "cannot be read" in found[-1].problem


def test_a_folder_holds_tables_and_files_and_its_links_are_named_and_not_followed(tmp_path: Path):
    root = tmp_path / "it"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("one\nnote")
    (root / "b.md").write_text("another")
    (root / "c.png").write_bytes(picture())
    (root / "d.jsonl").write_text('{"text": "x"}\n')
    (root / "e.json").write_text('{"text": "x"}\n{"text": "y"}\n')
    (root / ".hidden").write_text("no")
    (root / "loop").symlink_to(root)
    (root / "file").symlink_to("/etc/passwd")

    sources, skipped = find([str(root)])

    names = [source.name.removeprefix(str(tmp_path)) for source in sources]
    assert names == ["/it/d.jsonl", "/it/e.json", "/it"]
    assert isinstance(sources[-1], Files)
    assert [item.name for item in sources[-1].items(2**20)] == ["b.md", "c.png", "sub/a.txt"]
    assert sorted(skipped.links) == ["file", "loop"]
    assert skipped.hidden == 1


def test_what_cannot_be_an_input_is_refused_with_a_reason(tmp_path: Path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "empty").mkdir()
    (tmp_path / "it.jsonl").write_text(json.dumps({"text": "x"}))

    for given, says in (
        ([str(tmp_path / "absent")], "no such file"),
        ([str(tmp_path / "loop")], "cannot be read"),
        ([str(tmp_path / "empty")], "holds no file"),
        ([str(tmp_path / "it.jsonl")] * 2, "named twice"),
    ):
        with pytest.raises(CorpusError, match=says):
            find(given)


def test_equal_bytes_have_equal_facts_and_a_renamed_file_in_a_folder_does_not(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text("x")
        (tmp_path / name / "y.txt").write_text("y")
    one, other = (find([str(tmp_path / name)])[0][0].facts().sha256 for name in ("a", "b"))
    assert one == other

    (tmp_path / "b" / "y.txt").rename(tmp_path / "b" / "z.txt")

    assert find([str(tmp_path / "b")])[0][0].facts().sha256 != one


def test_names_that_are_not_utf_8_are_shown_as_far_as_they_can_be(tmp_path: Path):
    (tmp_path / "it").mkdir()
    for name in (b"a\xff.txt", b"b\xff.jsonl"):
        (tmp_path / "it" / os.fsdecode(name)).write_bytes(b"{}\n")

    sources, _ = find([str(tmp_path / "it")])

    assert [source.name.rpartition("/")[2] for source in sources] == ["b\ufffd.jsonl", "it"]
    assert [item.name for item in sources[1].items(2**20)] == ["a\ufffd.txt"]
