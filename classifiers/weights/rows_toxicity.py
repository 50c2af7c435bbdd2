"""Writes the curated toxicity rows: ``python -m classifiers.weights.rows_toxicity``.

The seed rows of ``seeds`` teach words; these teach meaning. Each sentence was written by hand for this project, and
each way of attacking stands next to the ways in which the same words are harmless: denied, reported, answered, quoted,
joked about among friends, or part of a name. The tables are ``rows_toxicity_en`` and ``rows_toxicity_zh``.

A line with ``{slot}``s is filled a few times. Fillings are dealt in turn, separately for attacks and for the rest, so
that every word of a slot is seen equally often on either side and carries no score by itself. Every fourth filling is
roughened the way people type.
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from classifiers.weights import rows_toxicity_en as en, rows_toxicity_zh as zh
from classifiers.weights.rows_toxicity_labels import HEADS, Block, Label

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parent / "data" / "rows_toxicity.jsonl"
ROUGH_EVERY = 4
GRAVE = frozenset({"reporting", "counter", "negation", "harassment", "death_wish"})
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=(?!one\b)[aeioAEIO]|ugly)")


class Deal:
    """Deals the words of each slot in turn, so that counts differ by one at most (per slot and side)."""

    def __init__(self, slots: dict[str, tuple[str, ...]]) -> None:
        self.slots = slots
        self.dealt: Counter[tuple[str, bool]] = Counter()

    def fill(self, template: str, *, attack: bool) -> str:
        """*template* with the next word of each of its slots."""
        names = [name for _, name, _, _ in string.Formatter().parse(template) if name]
        chosen = {}
        for name in dict.fromkeys(names):
            words = self.slots[name]
            turn = self.dealt[name, attack]
            # A step that shares no factor with the length visits every word once a round, in another order.
            chosen[name] = words[turn * _step(len(words)) % len(words)]
            self.dealt[name, attack] += 1
        return template.format(**chosen)


def _step(length: int) -> int:
    """A number near 0.4 x *length* without a common factor, so that neighbours of a table do not follow each other.

    >>> _step(10), _step(1)
    (3, 1)
    """
    step = max(1, int(0.4 * length))
    while step > 1 and any(length % factor == 0 and step % factor == 0 for factor in range(2, step + 1)):
        step -= 1
    return step


def article(text: str) -> str:
    """*text* with "an" where a filled word asks for it.

    >>> article("he is a idiot, a useless one")
    'he is an idiot, a useless one'
    """
    return _ARTICLE.sub(r"\1n ", text)


def capital(text: str) -> str:
    """*text* with its first letter in upper case.

    >>> capital("women vote"), capital("“quoted”")
    ('Women vote', '“quoted”')
    """
    return text[:1].upper() + text[1:]


def roughen(text: str, language: str, *, joking: bool = True) -> str:
    """*text* the way it is typed in a hurry: one of a few habits, chosen by the text itself.

    Without *joking* there is no laughing: "lol" may turn a threat into a joke, and nobody laughs at being hurt.

    >>> roughen("I do not mind, really.", "en") == roughen("I do not mind, really.", "en")
    True
    """
    habit = crc32(text.encode())
    if language == "zh":
        bare = re.sub(r"[，。！？；：、]+", " ", text).strip()
        tails = ("😂", "……", "哈", "！！！", "🙄", "~", "。。。", "😅")
        tail = tails[habit // 7 % len(tails)] if joking else "！！！"
        return (bare, text.rstrip("。") + tail, bare + tail, re.sub(r"[，。！？]", "", text))[habit % 4]
    tails = (" lol", "!!!", " 😂", " tbh", "...", " 🙄", " smh", " 😅")
    tail = tails[habit // 7 % len(tails)] if joking else "!!!"
    lower = text.lower()
    bare = re.sub(r"[.,!?;:'’]", "", lower)
    short = re.sub(r"\byou\b", "u", re.sub(r"\bare\b", "r", bare))
    return (bare, lower.rstrip(".") + tail, short, _slip(lower.rstrip("."), habit), text.rstrip(".") + tail)[habit % 5]


def _slip(text: str, habit: int) -> str:
    """*text* with two inner letters of one longer word exchanged."""
    words = list(re.finditer(r"[a-z]{6,}", text))
    if not words:
        return text
    word = words[habit % len(words)]
    at = word.start() + 2 + habit % 3
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def expand(blocks: tuple[Block, ...], slots: dict[str, tuple[str, ...]], language: str) -> Iterator[tuple[str, Block]]:
    """Every text of *blocks* in *language*, with the block it comes from."""
    deal = Deal(slots)
    for block in blocks:
        for line in filter(None, map(str.strip, block.lines.splitlines())):
            count = block.fillings if _SLOT.search(line) else 1
            for turn in range(count):
                text = deal.fill(line, attack=bool(block.label.heads))
                text = article(text) if language == "en" else text
                text = capital(text) if language == "en" and not block.as_is else text
                rough = count > 1 and turn % ROUGH_EVERY == ROUGH_EVERY - 1 and not block.as_is
                joking = "toxicity.threat" not in block.label.heads and block.kind not in GRAVE
                yield (roughen(text, language, joking=joking) if rough else text), block


def row(text: str, block: Block, language: str) -> dict[str, object]:
    """One line of the file. Without ``not``, every head that is not named is negative; with it, only those are."""
    label: Label = block.label
    written: dict[str, object] = {"text": text, "heads": list(label.heads)}
    if label.unknown:
        written["not"] = [head for head in HEADS if head not in label.heads and head not in label.unknown]
    return written | {"language": language, "kind": block.kind}


def rows() -> Iterator[dict[str, object]]:
    """Every row once; of texts that differ in case and spaces only, the first."""
    seen: set[str] = set()
    for language, table in (("en", en), ("zh", zh)):
        for text, block in expand(table.BLOCKS, table.SLOTS, language):
            key = "".join(text.lower().split())
            if key not in seen:
                seen.add(key)
                yield row(text, block, language)


def render() -> str:
    """The file: one JSON object a line."""
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows())


def main() -> None:
    """Write the file anew."""
    FILE.write_text(render(), encoding="utf-8")
    print(f"{FILE.name}: {render().count(chr(10))} rows")


if __name__ == "__main__":
    main()
