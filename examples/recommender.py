"""Books that somebody may like, each with a blurb written for them: ``POST /recommend``.

What is recommended is nearest to what was read and liked (words in common, the rare ones most); the blurb is put
together by a model of which word follows which in the shop's own blurbs.
"""

from __future__ import annotations

import functools
import math
import random
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from examples.serving import Wrong, main, number

if TYPE_CHECKING:
    from collections.abc import Mapping

ASKED: tuple[dict[str, Any], ...] = (
    {
        "reader": {"likes": "quiet stories of the coast; mail reader@example.org", "has_read": ["Rust"]},
        "count": 2,
    },
)
BOOKS = {
    "The Salt Road": "A slow journey along the coast, told by a woman who mends nets and keeps the diary of a village.",
    "Nine Lighthouses": "A quiet story of a keeper who keeps the light for ships that no longer come to the coast.",
    "Bread for Beginners": "A patient guide to flour and water, told by a baker who mends what went wrong in the oven.",
    "The Winter Oven": "A warm guide to slow cooking in the winter, with soups and bread for a long evening.",
    "Rust": "A quick thriller of a harbour town, a missing ship and a detective who keeps the wrong company.",
    "The Ninth Witness": "A dark thriller of a city court, told by a detective who no longer believes the diary.",
    "Small Stars": "A clear guide to the night sky for a long evening, with maps of the winter stars.",
    "A Map of Rain": "A quiet story of a cartographer who keeps maps of a city that no longer stands on the coast.",
    "The Garden Clock": "A patient diary of a garden, with plants for the winter and for a slow summer.",
    "Letters to Orion": "A warm story of two astronomers and the letters that went wrong on a journey to the stars.",
}
_WORD = re.compile(r"[a-z]+")
_COMMON = frozenset(("a", "of", "the", "and", "to", "for", "that", "who", "in", "by", "with", "no", "on", "it", "is"))


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _COMMON]


@functools.cache
def _weights() -> dict[str, float]:
    often = Counter(word for title, blurb in BOOKS.items() for word in set(_words(f"{title} {blurb}")))
    return {word: math.log(len(BOOKS) / count) + 0.1 for word, count in often.items()}


@functools.cache
def _followers() -> dict[tuple[str, str], list[str]]:
    followers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for blurb in BOOKS.values():
        words = ["", "", *blurb.split(), ""]
        for one, two, three in zip(words, words[1:], words[2:], strict=False):
            followers[one, two].append(three)
    return followers


def blurb(seed: str) -> str:
    """A sentence of words that followed each other in some blurb."""
    draw, words = random.Random(seed), ["", ""]  # noqa: S311  nothing secret
    while len(words) < 40:
        words.append(draw.choice(_followers()[words[-2], words[-1]]))
        if not words[-1]:
            break
    return " ".join(words).strip()


def recommend(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request."""
    reader = asked.get("reader")
    if not isinstance(reader, dict) or not isinstance(reader.get("likes"), str):
        raise Wrong("reader.likes should be a text")
    read = {str(title) for title in reader.get("has_read") or ()}
    liked = Counter(_words(" ".join([reader["likes"], *(BOOKS.get(title, "") for title in read)])))
    scores = {
        title: sum(_weights()[word] * math.log1p(liked[word]) for word in set(_words(f"{title} {text}")))
        for title, text in BOOKS.items()
        if title not in read
    }
    best = sorted(scores, key=lambda title: (-scores[title], title))[: number(asked, "count", 1, 5, 2)]
    items = [
        {"title": title, "score": round(scores[title], 4), "blurb": blurb(title + reader["likes"])} for title in best
    ]
    return {"for": reader["likes"], "items": items}


if __name__ == "__main__":
    main("recommender")
