"""Writes the curated rows on prompt attacks: ``python -m classifiers.weights.rows_prompt``.

Jailbreaks, injections and leak requests, each beside its twin: role play without a licence to break rules, documents
whose instructions are meant for people, system prompts as developers write them, talk about attacks, and harmless
requests that hold a trigger word. The tables are ``rows_prompt_en`` and ``rows_prompt_zh``.

Single sentences are filled as in ``rows_harm``. Longer texts are composed of parts that attacks and their twins share
(the opening, the persona's manner, the document around an instruction), so that only what is asked tells them apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from classifiers.weights import rows_prompt_en as en, rows_prompt_zh as zh
from classifiers.weights.rows_harm import Deal, expand, unique, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from classifiers.weights.rows_labels import Block, Composed

FILE = Path(__file__).parent / "data" / "rows_prompt.jsonl"
HERE = "@@"
"""Where the part after a document goes."""


def compose(
    composed: Composed, parts: Mapping[str, tuple[str, ...]], slots: Mapping[str, tuple[str, ...]], language: str
) -> Iterator[str]:
    """The texts of *composed*: for each, one option of every part that its draw includes."""
    deal = Deal(slots)
    for number in range(composed.texts):
        chosen: list[str] = []
        for place, name in enumerate(composed.parts):
            options = parts[name.rstrip("?")]
            draw = crc32(f"{composed.kind} {language} {number} {place}".encode())
            if name.endswith("?") and draw % 5 < 2:
                continue
            # A part is dealt in turn, from a place that each round moves on.
            option = options[(number + number // len(options) + crc32(f"{place} {name}".encode())) % len(options)]
            if option not in chosen:
                chosen.append(option)
        # Filled as one text, so that a name stays the same from part to part.
        yield deal.fill(join(chosen, language), case=bool(composed.label.heads))


def join(chosen: list[str], language: str) -> str:
    """The parts as one text. A part with a ``@@`` is a document, and the next part stands inside it.

    >>> join(["Dear all, @@ Bye.", "eat more."], "en"), join(["Hello.", "Go."], "en")
    ('Dear all, eat more. Bye.', 'Hello. Go.')
    """
    text = ""
    for part in chosen:
        if HERE in text:
            text = text.replace(HERE, part)
        else:
            text += (" " if text and language == "en" and not text.endswith("¶") else "") + part
    return text.replace("¶", "\n").strip()


TABLES = {"en": en, "zh": zh}


def rows(tables: Mapping[str, Any] = TABLES) -> Iterator[dict[str, object]]:
    """Every row of *tables*, by language, once."""
    for language, table in tables.items():
        found: list[tuple[str, Block | Composed, str]] = [
            (text.replace("¶", "\n"), block, language) for text, block in expand(table.BLOCKS, table.SLOTS, language)
        ]
        for each in table.COMPOSED:
            found += [(text, each, language) for text in compose(each, table.PARTS, table.SLOTS, language)]
        yield from unique(found)


def main() -> None:
    """Write the file anew."""
    text = written(rows())
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.name}: {text.count(chr(10))} rows")


if __name__ == "__main__":
    main()
