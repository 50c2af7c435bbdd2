"""Makes the word lists of `keywords` from their sources.

Run as::

    python -m classifiers.weights.wordlists profanity_en.csv en.txt zh.txt SexHateLex.txt --ordinary LABELLED.csv ...

The sources are named in ``classifiers/data/wordlists/SOURCES.md``. *LABELLED* are CSV files with
a ``text`` column and, where there is one, a ``label`` column in which 1 means offensive: a Chinese term that stands in
text nobody found offensive about as often as in text that somebody did is left out.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers import _fold

if TYPE_CHECKING:
    from collections.abc import Iterable

TARGET = Path(__file__).parent.parent / "data" / "wordlists"
LISTS = ("profanity", "sexual", "slurs")
CEILING = {"profanity": 0.95, "sexual": 0.8, "slurs": 0.75}
"""The most one word can prove: a swear word is obscene by itself; a slur may be quoted, or be the topic of the text."""

LOW, TOPIC, MIDDLE = 0.3, 0.45, 0.55
"""What an ordinary word is worth at most, a word that is often just the topic at most, a swear word at least."""


class Curation:
    """What was decided about single terms, from ``curation.toml``."""

    def __init__(self, path: Path) -> None:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        self.ordinary = frozenset(f"{table['ordinary']} {table['zh_ordinary']}".split())
        self.unmistakable = frozenset(table["unmistakable"].split())
        self.zh_taken = frozenset(table["zh_insults"].split())
        self.zh_short = frozenset(table["zh_short"].split())
        self.zh_slurs: dict[str, float] = table["zh_slurs"]
        self.swearing, self.identity, self.zh_sexual, self.zh_swearing, self.zh_topic = (
            re.compile("|".join(table[name].split()))
            for name in ("swearing", "identity", "zh_sexual", "zh_swearing", "zh_topic")
        )


CURATION = Curation(TARGET / "curation.toml")


def english(profanity: Path, ldnoobw: Path) -> dict[str, dict[str, tuple[float, str]]]:
    """Surge AI's words by severity, and those of LDNOOBW that it lacks."""
    lists: dict[str, dict[str, tuple[float, str]]] = {name: {} for name in LISTS}
    for row in csv.DictReader(profanity.open(encoding="utf-8")):
        term, severity = normal(row["text"]), float(row["severity_rating"])
        name = _english_list(term, row["category_1"])
        score = round(min(CEILING[name], 0.05 + 0.3 * severity), 2)
        lists[name][term] = (_settled(term, score), "surge")
    known = {term for terms in lists.values() for term in terms}
    for line in ldnoobw.read_text(encoding="utf-8").splitlines():
        term = normal(line)
        if term and term not in known and term not in CURATION.ordinary and term.isascii():
            swears = CURATION.swearing.search(term)
            lists["profanity" if swears else "sexual"][term] = (_settled(term, 0.55 if swears else 0.4), "ldnoobw")
    return lists


def _settled(term: str, score: float) -> float:
    return (
        min(score, LOW) if term in CURATION.ordinary else max(score, MIDDLE) if term in CURATION.unmistakable else score
    )


def _english_list(term: str, category: str) -> str:
    if category == "racial / ethnic slurs" or (
        category == "sexual orientation / gender" and CURATION.identity.search(term)
    ):
        return "slurs"
    if category == "sexual anatomy / sexual acts" and not CURATION.swearing.search(term):
        return "sexual"
    return "profanity"


def chinese(ldnoobw: Path, sex_hate: Path, labelled: Iterable[Path]) -> dict[str, dict[str, tuple[float, str]]]:
    """LDNOOBW's and SexHateLex's words, without those that plain text uses as well."""
    lists: dict[str, dict[str, tuple[float, str]]] = {name: {} for name in LISTS}
    terms = {normal(t): "sexhatelex" for t in sex_hate.read_text(encoding="utf-8").splitlines()}
    terms |= {normal(t): "ldnoobw" for t in ldnoobw.read_text(encoding="utf-8").splitlines()}
    terms = {
        t: s for t, s in terms.items() if len(t) > 1 and re.search("[\u3400-\u9fff]", t) and t not in CURATION.zh_slurs
    }
    offensive, plain = _occurrences(terms, labelled)
    for term, source in sorted(terms.items()):
        vulgar = (
            bool(CURATION.zh_sexual.search(term) or CURATION.zh_swearing.search(term))
            if len(term) > 2
            else term in CURATION.zh_short
        )
        bad, good = offensive[term], plain[term]
        share = (bad + 1.6) / (bad + good + 2.0)
        if share < 0.6 or not (vulgar or term in CURATION.zh_taken):
            continue
        name = (
            "sexual"
            if CURATION.zh_sexual.search(term) and not re.search("[妈娘屄]|[操干日肏][你妳您他她]", term)
            else "profanity"
        )
        score = (
            LOW if term in CURATION.ordinary else min(TOPIC if CURATION.zh_topic.search(term) else CEILING[name], share)
        )
        lists[name][term] = (round(score, 2), source)
    lists["slurs"] = {term: (score, "own") for term, score in CURATION.zh_slurs.items()}
    return lists


def _occurrences(terms: Iterable[str], labelled: Iterable[Path]) -> tuple[Counter[str], Counter[str]]:
    offensive: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    for path in labelled:
        for row in csv.DictReader(path.open(encoding="utf-8")):
            text = normal(row["text"])
            (offensive if row.get("label") == "1" else plain).update(t for t in terms if t in text)
    return offensive, plain


def normal(text: str) -> str:
    """The form in which words are compared: NFKC, case folded, single spaces."""
    return " ".join(_fold.normal(text).split())


def main() -> None:
    """Read the sources named on the command line and write the lists."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("profanity", "ldnoobw_en", "ldnoobw_zh", "sex_hate"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--ordinary", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    csv.field_size_limit(sys.maxsize)
    en = english(args.profanity, args.ldnoobw_en)
    zh = chinese(args.ldnoobw_zh, args.sex_hate, args.ordinary)
    for name in LISTS:
        rows = sorted(
            (term, score, source) for terms in (en[name], zh[name]) for term, (score, source) in terms.items()
        )
        body = "".join(f"{term}\t{score:.2f}\t{source}\n" for term, score, source in rows)
        (TARGET / f"{name}.tsv").write_text(body, encoding="utf-8")
        print(name, len(rows))


if __name__ == "__main__":
    main()
