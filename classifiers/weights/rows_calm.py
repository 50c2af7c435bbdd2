"""Writes the curated rows on mail and on hard questions: ``python -m classifiers.weights.rows_calm``.

Mail as companies, clubs and colleagues send it, full of instructions for people, and the same mail with one for the
assistant that reads it; questions about groups, prejudice, law, grief and health, which name what is bad without being
it. The tables are ``rows_calm_en`` and ``rows_calm_zh``; rows are made as in ``rows_prompt``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.weights import rows_calm_en as en, rows_calm_zh as zh, rows_prompt
from classifiers.weights.rows_harm import written

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parent / "data" / "rows_calm.jsonl"


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
