"""classifiers.weights.rows_*: the files are what the tables give, and their labels are sound."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from classifiers.weights import rows_calm, rows_harm, rows_prompt, rows_talk
from classifiers.weights.rows_labels import HEADS
from guard import taxonomy

FILES = {
    rows_calm.FILE: lambda: rows_harm.written(rows_calm.rows()),
    rows_harm.FILE: lambda: rows_harm.written(rows_harm.rows()),
    rows_prompt.FILE: lambda: rows_harm.written(rows_prompt.rows()),
    rows_talk.FILE: lambda: rows_harm.written(rows_talk.rows()),
}


@pytest.mark.parametrize(("file", "render"), FILES.items())
def test_the_rows_are_what_their_tables_give(file: Path, render: Callable[[], str]) -> None:
    assert file.read_text(encoding="utf-8") == render()


@pytest.mark.parametrize("file", FILES)
def test_every_row_names_known_heads_with_their_parents_and_stands_once(file: Path) -> None:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    keys = Counter("".join(row["text"].lower().split()) for row in rows)
    assert max(keys.values()) == 1
    for row in rows:
        heads = set(row["heads"])
        assert heads <= set(HEADS)
        assert not heads & set(row.get("not", ()))
        assert set(row.get("not", ())) <= set(HEADS)
        parents = {taxonomy.CATEGORIES[head].parent for head in heads} - {None, "prompt_attack"}
        assert parents <= heads, row
        assert bool(heads) != (".not." in row["kind"]), row
        assert "@@" not in row["text"]
        assert "¶" not in row["text"]


@pytest.mark.parametrize("file", sorted(FILES.keys() - {rows_calm.FILE}))
def test_both_languages_hold_cases_and_look_alikes_in_like_number(file: Path) -> None:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    counts = Counter((row["language"], bool(row["heads"])) for row in rows)
    assert len(counts) == 4
    assert max(counts.values()) < 2 * min(counts.values())
