"""classifiers.weights.rows_toxicity: the curated rows, and that no word of a slot leans to one side."""

import json
from collections import Counter

import pytest

from classifiers.weights import rows_toxicity, rows_toxicity_en as en, rows_toxicity_zh as zh
from classifiers.weights.rows_toxicity import Deal, roughen
from classifiers.weights.rows_toxicity_labels import CLEAN, HEADS, INSULT, Block
from guard import taxonomy

ROWS = [json.loads(line) for line in rows_toxicity.FILE.read_text(encoding="utf-8").splitlines()]


def test_the_file_is_what_the_tables_give() -> None:
    assert rows_toxicity.FILE.read_text(encoding="utf-8") == rows_toxicity.render()


def test_no_text_comes_twice() -> None:
    texts = Counter("".join(row["text"].lower().split()) for row in ROWS)

    assert [text for text, count in texts.items() if count > 1] == []


def test_every_head_is_a_category_and_no_head_is_on_both_sides() -> None:
    for row in ROWS:
        positive, negative = set(row["heads"]), set(row.get("not", HEADS)) - set(row["heads"])
        assert positive <= set(HEADS), row
        assert set(row.get("not", ())) <= set(HEADS) - positive, row
        assert "toxicity" in positive or not positive, row
        assert positive or "toxicity" in negative, row
    assert all(taxonomy.is_known(head) for head in HEADS)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_attacks_and_harmless_rows_are_about_equal(language: str) -> None:
    attacks = [bool(row["heads"]) for row in ROWS if row["language"] == language]

    assert len(attacks) > 2_500
    assert 0.4 < sum(attacks) / len(attacks) < 0.6


@pytest.mark.parametrize(("table", "slot"), [(en, "group"), (en, "one"), (zh, "群")], ids=["group", "one", "群"])
def test_every_identity_is_dealt_as_often_as_its_neighbours(table: object, slot: str) -> None:
    words = table.SLOTS[slot]
    template = f"{{{slot}}}"
    for attack in (True, False):
        deal = Deal(table.SLOTS)
        counts = Counter(deal.fill(template, attack=attack) for _ in range(5 * len(words) + 3))
        assert set(counts) == set(words)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_one_slot_twice_in_a_line_is_filled_with_one_word() -> None:
    deal = Deal({"who": ("Ann", "Bo")})

    assert deal.fill("{who} and {who}", attack=False) == "Ann and Ann"


def test_a_row_with_open_heads_names_its_negatives() -> None:
    assert "not" not in rows_toxicity.row("hello", Block("k", CLEAN, ""), "en")
    assert rows_toxicity.row("you fool", Block("k", INSULT, ""), "en")["not"] == [
        head for head in HEADS if head not in ("toxicity", "toxicity.insult", "harassment")
    ]


@pytest.mark.parametrize(
    ("text", "language"), [("You are welcome here, really.", "en"), ("我不讨厌他们，从来没有。", "zh")]
)
def test_roughening_keeps_the_words(text: str, language: str) -> None:
    kept = {letter for letter in roughen(text, language).lower() if letter.isalpha()}

    assert {letter for letter in text.lower() if letter.isalpha()} - kept <= set("yoare")
