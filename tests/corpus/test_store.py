from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from guard.corpus.source import CorpusError
from guard.corpus.store import Store

ABOUT: dict[str, Any] = {"policy": "p@1", "inputs": [1], "fingerprint": "f"}


def opened(root: Path, about: dict[str, Any] = ABOUT, *, resume: bool = False) -> Store:
    store = Store(root)
    try:
        store.open(about, resume=resume)
    except CorpusError:
        store.close()
        raise
    return store


def test_a_folder_is_gone_on_with_only_by_the_same_audit_and_only_if_that_is_asked_for(tmp_path: Path):
    opened(tmp_path / "it").close()

    again = Store(tmp_path / "it")
    assert again.open(ABOUT, resume=True)
    again.close()
    for about, resume, says in (
        (ABOUT, False, "add --resume"),
        ({**ABOUT, "policy": "p@2", "fingerprint": "g"}, True, "differs in policy;"),
        ({**ABOUT, "inputs": []}, True, "differs in inputs;"),
    ):
        with pytest.raises(CorpusError, match=says):
            opened(tmp_path / "it", about, resume=resume)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("x")

    with pytest.raises(CorpusError, match="not empty"):
        opened(tmp_path, resume=True)


def test_two_audits_do_not_write_into_one_folder_at_once(tmp_path: Path):
    store = opened(tmp_path / "it")

    with pytest.raises(CorpusError, match="another audit"):
        opened(tmp_path / "it", resume=True)
    store.close()


def test_of_a_torn_journal_all_before_the_tear_counts_and_it_can_be_written_on(tmp_path: Path):
    store = opened(tmp_path / "it")
    journal = store.journal(3)
    journal.append([{"place": 1}, {"place": 2}])
    journal.append([{"place": 3, "unfit": "一"}])
    journal.close()
    path = store.work / "000003.journal"
    path.write_bytes(path.read_bytes()[:-4])

    again = store.journal(3)
    assert again.read() == [{"place": 1}, {"place": 2}]
    again.append([{"place": 4}])
    again.close()

    assert store.journal(3).read() == [{"place": 1}, {"place": 2}, {"place": 4}]
    again.remove()
    assert store.journal(3).read() == []
    store.close()


def test_a_full_disk_leaves_nothing_half_written_and_says_what_to_do(tmp_path: Path):
    store = opened(tmp_path / "it")
    store.write("summary.json", b"before")

    def fails(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(CorpusError, match=r"disk is full.*--resume"):
        store.put(tmp_path / "it" / "summary.json", fails)

    assert (tmp_path / "it" / "summary.json").read_bytes() == b"before"
    assert not list((tmp_path / "it").glob("*.tmp"))
    store.close()


def test_what_was_being_written_when_the_power_went_is_cleared_away(tmp_path: Path):
    store = opened(tmp_path / "it")
    store.close()
    (store.results / "part-000000.parquet.tmp").write_bytes(b"half")

    again = opened(tmp_path / "it", resume=True)

    assert again.done() == set()
    assert not list(again.results.iterdir())
    again.close()


def test_a_folder_that_cannot_be_written_into_is_said_so(tmp_path: Path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(CorpusError, match="cannot be written into"):
        opened(tmp_path / "file" / "it")
