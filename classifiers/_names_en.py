"""English names of persons, places and addresses, by Rampart: a BERT of six layers, in integers, on ONNX Runtime.

text ─alphabets, pieces→ words ─network→ a label per piece of a word ─mean over the word→ neighbours joined → names
     ─RE2→ well-known places ──────────────────────────────────────────────────────────────────────────────┘

The network knows places in addresses, not in prose, where *Paris* is no one's home; a list has those that many know.

Made by ``classifiers.weights.convert_names``; ``classifiers/weights/names_en.md`` is its model card. Every text is a
run of its own: the scale of dynamic integers is taken over all of a batch, and a score would depend on strangers.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers import _onnx
from classifiers._names import Name, alphabetic, has_words, is_worth_reading, pieces
from classifiers._scan import Scanner
from classifiers._wordpiece import WordPiece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from classifiers._wordpiece import Word

_WEIGHTS = Path(__file__).parent / "weights"
_MODEL_SHA256 = "ca8de6cd90a48bdf57ec0e3a2390bafb9d9817d0db240814115ee0f7210d302f"
_VOCABULARY_SHA256 = "0fbe6b50061feabb9be68af471e9aa6df07a4bc428bdca4b0eff1fcd3612dee5"
_SLOWER = ("SkipLayerNormFusion",)
"""The runtime would make one operator of a sum and its normalisation, which takes six times as long (1.32, CPU)."""
_BEGIN, _END = 2, 3
_LISTED = 0.6
"""What a place of the list is worth. Some are also names of persons; what the network says goes before."""
_LONGEST = 510
"""Pieces of words at once: the network has 512 places, two of them for the beginning and the end."""

_KINDS = (
    "given name", "surname", "email", "phone", "url", "tax id", "bank account", "routing number", "government id",
    "passport", "driver's licence", "building number", "street", "secondary address", "city", "state", "zip",
)  # fmt: skip
"""What the network tells apart besides "nothing"; of each it has two labels, where one begins and goes on."""
_ENTITIES = ("", "person", "location", "address")
_GROUPS = {
    "given name": 1, "surname": 1, "city": 2, "state": 2, "building number": 3, "street": 3, "secondary address": 3,
    "zip": 3,
}  # fmt: skip
_GAPS = {
    "person": re.compile(r"[ ]?[.'’-]?[ ]?"),
    "location": re.compile(r"[ ]?[.'’-]?[ ]?"),
    "address": re.compile(r"[\s,.#/-]{0,6}"),
}
"""What may stand between two words of one name."""


class EnglishNames:
    """Reads names of persons, places and addresses in Latin letters."""

    entities = frozenset({"person", "location", "address"})

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            WeightsError: they are missing, or others than those pinned.
        """
        vocabulary = _onnx.pinned(_WEIGHTS / "names_en.txt", _VOCABULARY_SHA256).decode("utf-8")
        self._tokenizer = WordPiece(vocabulary.removesuffix("\n").split("\n"))
        self._session = _onnx.session(_WEIGHTS / "names_en.onnx", _MODEL_SHA256, without=_SLOWER)
        self._places = Scanner([_well_known()], longest=True)
        self._groups = np.zeros((1 + 2 * len(_KINDS), len(_ENTITIES)), np.float32)
        self._groups[0, 0] = 1.0
        for number, kind in enumerate(_KINDS):
            self._groups[1 + 2 * number : 3 + 2 * number, _GROUPS.get(kind, 0)] = 1.0

    def read(self, texts: Sequence[str]) -> list[list[Name]]:
        """The names of each text, in order."""
        return [list(self._names(text)) for text in texts]

    def _names(self, text: str) -> Iterator[Name]:
        shown = alphabetic(text)
        for start, end in pieces(text):
            if not is_worth_reading(text, shown, start, end):
                continue
            found: list[Name] = []
            for run in _runs(self._tokenizer.words(shown[start:end])):
                found += self._joined(text, start, run)
            # Numbers are part of an address where something with letters is, too; elsewhere they are any numbers.
            lettered = any(n.entity != "person" and has_words(text, n.start, n.end) for n in found)
            yield from (n for n in found if lettered or n.entity != "address")
        for _, start, end in self._places.find(shown):
            yield Name("location", _LISTED, start, end, "list of places")

    def _joined(self, text: str, offset: int, words: Sequence[Word]) -> Iterator[Name]:
        """The names among *words*, whose places are counted from *offset* of *text*."""
        entities, scores = self._labels(words)
        begun: tuple[int, int, int] | None = None  # entity, first and last word
        for at in np.flatnonzero(entities).tolist():
            entity = int(entities[at])
            if begun is not None:
                kind, first, last = begun
                gap = text[offset + words[last].end : offset + words[at].start]
                if kind == entity and _GAPS[_ENTITIES[kind]].fullmatch(gap):
                    begun = (kind, first, at)
                    continue
                yield _name(words, scores, begun, offset)
            begun = (entity, at, at)
        if begun is not None:
            yield _name(words, scores, begun, offset)

    def _labels(self, words: Sequence[Word]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """For each word the number of its entity, 0 for none, and how sure that is."""
        numbers = [_BEGIN, *[piece for word in words for piece in word.pieces], _END]
        given = np.array([numbers], np.int64)
        (logits,) = self._session.run(None, {"input_ids": given, "positions": np.arange(given.size)[None]})
        # float32 e^88 is the last that is finite; logits of this network stay below 20.
        likely: NDArray[np.float32] = np.exp(logits[0, 1:-1])
        grouped = likely @ self._groups
        grouped /= grouped.sum(axis=1, keepdims=True)
        lengths = np.array([len(word.pieces) for word in words])
        means = np.add.reduceat(grouped, np.cumsum(lengths) - lengths, axis=0) / lengths[:, None]
        return means.argmax(axis=1), means.max(axis=1)


def _well_known() -> str:
    """A pattern for every place of the list, as it is written there."""
    text = resources.files("classifiers").joinpath("data/places_en.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    places = sorted({place for line in lines for place in line.split("; ")})
    return rf"\b(?:{'|'.join(re.escape(place) for place in places)})(?:\b|$)"


def _runs(words: list[Word]) -> Iterator[list[Word]]:
    """*words* in runs that the network can read at once: one, but for text that is cut into very many pieces."""
    run: list[Word] = []
    length = 0
    for word in words:
        if length + len(word.pieces) > _LONGEST:
            yield run
            run, length = [], 0
        run.append(word)
        length += len(word.pieces)
    if run:
        yield run


def _name(words: Sequence[Word], scores: NDArray[Any], begun: tuple[int, int, int], offset: int) -> Name:
    kind, first, last = begun
    score = round(float(scores[first : last + 1].max()), 4)
    return Name(_ENTITIES[kind], score, offset + words[first].start, offset + words[last].end, "rampart")
