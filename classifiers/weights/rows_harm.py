"""Writes the curated rows on harm: ``python -m classifiers.weights.rows_harm``.

Self-harm, violence, illicit requests and sexual content, each beside what only looks like it: support, news, law,
medicine, games, idioms. Each sentence was written by hand for this project, none with a detail that could be used. The
tables are ``rows_harm_en`` and ``rows_harm_zh``.

A line with ``{slot}``s is filled a few times. The same acts fill the requests and the harmless sentences about them,
and are dealt in turn on either side, so that an act by itself carries no score. Some fillings are roughened the way
people type.
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from classifiers.weights import rows_harm_en as en, rows_harm_zh as zh
from classifiers.weights.rows_labels import HEADS, Block, Composed, lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FILE = Path(__file__).parent / "data" / "rows_harm.jsonl"
ROUGH_EVERY = 5


class Deal:
    """Deals the words of each slot in turn, so that counts differ by one at most (per slot and side)."""

    def __init__(self, slots: Mapping[str, tuple[str, ...]]) -> None:
        self.slots = slots
        self.dealt: Counter[tuple[str, bool]] = Counter()

    def fill(self, template: str, *, case: bool) -> str:
        """*template* with the next word of each of its slots; *case* names the side."""
        chosen = {}
        for name in sorted({name for _, name, _, _ in string.Formatter().parse(template) if name}):
            turn = self.dealt[name, case]
            self.dealt[name, case] += 1
            # Each round begins one further on: slots of one length would else always meet the same partners.
            words = self.slots[name]
            chosen[name] = words[(turn + turn // len(words) + crc32(name.encode())) % len(words)]
        return template.format(**chosen)


def roughen(text: str, language: str) -> str:
    """*text* the way it is typed in a hurry: one of a few habits, chosen by the text itself.

    >>> roughen("我不知道。", "zh") in ("我不知道。", "我不知道", "我不知道……")
    True
    """
    habit = crc32(text.encode()) % 4
    if language == "zh":
        bare = text.rstrip("。！？，")
        return (re.sub(r"[，。！？；：、]", " ", text).strip(), bare, f"{bare}……", re.sub(r"[，。！？]", "", text))[
            habit
        ]
    bare = text.rstrip(".?!")
    return (bare.lower(), f"{bare}...", text.upper() if len(text) < 60 else text.lower(), f"Hey. {text}")[habit]


def capital(text: str) -> str:
    """*text* with its first letter in upper case.

    >>> capital("killing time")
    'Killing time'
    """
    return text[:1].upper() + text[1:]


def expand(blocks: Iterable[Block], slots: Mapping[str, tuple[str, ...]], language: str) -> Iterator[tuple[str, Block]]:
    """Every text of *blocks* in *language*, with the block it comes from."""
    deal = Deal(slots)
    for block in blocks:
        for line in lines(block.lines):
            for turn in range(block.fillings if "{" in line else 1):
                text = capital(deal.fill(line, case=bool(block.label.heads)))
                rough = turn % ROUGH_EVERY == ROUGH_EVERY - 1
                yield (roughen(text, language) if rough else text), block


def row(text: str, block: Block | Composed, language: str) -> dict[str, object]:
    """One line of the file. Without ``not``, every head that is not named is negative; with it, only those are."""
    heads, unknown = block.label
    written: dict[str, object] = {"text": text, "heads": list(heads)}
    if unknown:
        written["not"] = [head for head in HEADS if head not in heads and head not in unknown]
    return written | {"language": language, "kind": block.kind}


def unique(found: Iterable[tuple[str, Block | Composed, str]]) -> Iterator[dict[str, object]]:
    """Rows of (text, block, language); of texts that differ in case and spaces only, the first."""
    seen: set[str] = set()
    for text, block, language in found:
        key = "".join(text.lower().split())
        if key not in seen:
            seen.add(key)
            yield row(text, block, language)


def rows() -> Iterator[dict[str, object]]:
    """Every row of the file, once."""
    for language, table in (("en", en), ("zh", zh)):
        yield from unique((*each, language) for each in expand(table.BLOCKS, table.SLOTS, language))


def written(found: Iterable[dict[str, object]]) -> str:
    """A file of rows: one JSON object a line."""
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in found)


def main() -> None:
    """Write the file anew."""
    text = written(rows())
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.name}: {text.count(chr(10))} rows")


if __name__ == "__main__":
    main()
