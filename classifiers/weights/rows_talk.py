"""Writes the curated rows on discussion and on work: ``python -m classifiers.weights.rows_talk``.

Posts of discussion pages, long, quoting and procedural, with an insult somewhere in them or none; groups named in
harmless sentences and in attacks; swearing at nobody, and malice without a rude word; requests about programs,
security, medicine and law, harmless ones beside the ones whose purpose is harm. The tables are ``rows_talk_en`` and
``rows_talk_zh``; rows are made as in ``rows_prompt``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.weights import rows_prompt, rows_talk_en as en, rows_talk_zh as zh
from classifiers.weights.rows_harm import written

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parent / "data" / "rows_talk.jsonl"


def rows() -> Iterator[dict[str, object]]:
    """Every row of the file, once."""
    return rows_prompt.rows({"en": en, "zh": zh})


def main() -> None:
    """Write the file anew."""
    text = written(rows())
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.name}: {text.count(chr(10))} rows")


if __name__ == "__main__":
    main()
