"""Writes our own training rows from templates: ``python -m classifiers.weights.seeds``.

The public sets leave holes that a word model falls into: Chinese insults and threats, neutral sentences about groups
of people, violent words in harmless use, and texts *about* attacks that are none. Each template below has a twin on the
other side. A template is text with ``{slot}``s; it is expanded over every word of its slots, then thinned evenly.
"""

from __future__ import annotations

import itertools
import json
import string
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.weights import seed_tables as tables

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parent / "data"
PER_TEMPLATE = 16


def expand(template: str, slots: dict[str, tuple[str, ...]]) -> list[str]:
    """Every filling of *template*, thinned evenly to at most `PER_TEMPLATE`.

    >>> expand("{a} and {b}", {"a": ("x",), "b": ("1", "2")})
    ['x and 1', 'x and 2']
    """
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    fillings = list(itertools.product(*(slots[name] for name in names)))
    step = max(1, -(-len(fillings) // PER_TEMPLATE))
    return [template.format(**dict(zip(names, filling, strict=True))) for filling in fillings[::step]]


def rows(name: str) -> Iterator[dict[str, object]]:
    """The rows of one classifier: text, the heads it is a case of (none: harmless), language."""
    for heads, language, slots, templates in tables.TABLES[name]:
        for template in templates:
            for text in expand(template, slots):
                yield {"text": text, "heads": list(heads), "language": language}


def render(name: str) -> str:
    """The file of one classifier: one JSON object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(name))


def main() -> None:
    """Write every file anew."""
    for name in tables.TABLES:
        path = DATA / f"{name}_seeds.jsonl"
        path.write_text(render(name), encoding="utf-8")
        print(f"{path.name}: {render(name).count(chr(10))} rows")


if __name__ == "__main__":
    main()
