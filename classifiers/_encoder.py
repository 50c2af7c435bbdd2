"""The text model's file, and one text through it: pieces in, calibrated scores and a sentence vector out.

The file is one ONNX graph. Its metadata holds the vocabulary, the names of the heads and what turns a cosine into the
score of a topic, so that one checksum covers all of it. Texts go through one at a time: activations are quantised with
one scale for all that is run at once, so in a batch a score would depend on its neighbours, and on a CPU a batch is
hardly faster.
"""

from __future__ import annotations

import base64
import functools
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers import _onnx
from classifiers._pieces import BEGIN, END, Pieces
from guard.errors import WeightsError
from guard.text.sentences import boundary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = "guard-text-1"
MOST = 256
"""Pieces that are run at once; more are cut into windows that overlap."""
OVERLAP = 32
_FIXED_COST = 4
_PARENTS = {
    "toxicity.severe": "toxicity", "toxicity.insult": "toxicity", "toxicity.threat": "toxicity",
    "self_harm.intent": "self_harm", "self_harm.instructions": "self_harm",
    "violence.graphic": "violence", "illicit.violent": "illicit",
}  # fmt: skip
"""Heads that are never surer than the one above them. Obscene words need not be toxic, so `toxicity.obscene` may be."""

Item = tuple[tuple[int, ...], ...]
"""The runs that a text takes, as numbers of pieces."""


class Encoder:
    """A loaded model; `run` may be called from several threads."""

    def __init__(self, session: Any) -> None:
        """Read the metadata of *session*. Raises `WeightsError` if it is no text model."""
        stored = session.get_modelmeta().custom_metadata_map
        if stored.get("format") != FORMAT:
            msg = f"the text model's file is not of format {FORMAT}; export it again"
            raise WeightsError(msg)
        self._session = session
        self.heads: tuple[str, ...] = tuple(json.loads(stored["heads"]))
        scores = np.frombuffer(base64.b64decode(stored["scores"]), np.float32)
        self.pieces = Pieces(stored["pieces"].split("\n"), scores.tolist())
        self._slope, self._offset = json.loads(stored["topics"])

    def item(self, text: str) -> Item:
        """The runs of *text*: all of it and, where it has several, each sentence; none for a text that shows nothing.

        The heads read a mean, in which one bad sentence drowns among good ones.
        """
        shown = [text]
        end = boundary(text, 0, whole=True)
        if end is not None and end < len(text):
            shown += _sentences(text)
        runs = dict.fromkeys(run for one in shown for run in self._runs(one))
        return tuple(runs)

    def _runs(self, text: str) -> list[tuple[int, ...]]:
        found = self.pieces.encode(text)
        starts = range(0, max(1, len(found) - OVERLAP), MOST - OVERLAP) if found else ()
        return [(BEGIN, *found[start : start + MOST], END) for start in starts]

    def run(self, numbers: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The score of each head, and the sentence vector, of length one."""
        scores, meaning = self._session.run(None, {"pieces": np.array([numbers], np.int32)})
        if not np.isfinite(scores).all():
            msg = "the text model gave no probability"
            raise ArithmeticError(msg)
        return scores[0], meaning[0]

    def vector(self, text: str) -> NDArray[np.float32]:
        """The sentence vector of *text*, which shows something; of its first run."""
        return self.run(self.item(text)[0])[1]

    def nearness(self, cosine: float) -> float:
        """The score of a text whose vector has this *cosine* to an example of a topic."""
        return 1.0 / (1.0 + math.exp(-(self._slope * cosine + self._offset)))


def _sentences(text: str) -> Iterator[str]:
    """The sentences of *text*, cut as answers are while they are streamed."""
    start = 0
    while start < len(text):
        end = boundary(text, start, whole=True) or len(text)
        yield text[start:end]
        start = end


@functools.cache
def load(path: Path, sha256: str) -> Encoder:
    """The encoder in *path*: read once, however many policies use it.

    Raises:
        WeightsError: the file is missing, is not the one that was pinned, or is no such model.
    """
    return Encoder(_onnx.session(path, sha256))


class Scorer:
    """An encoder with the topics of one policy. Items are runs; cost is their pieces and 4 more for each.

    Nothing is remembered from call to call: that is the engine's, which knows among whom findings may be shared.
    """

    evidence = "encoder"

    def __init__(self, encoder: Encoder, topics: Mapping[str, Sequence[str]]) -> None:
        """Place the examples of each of *topics*, by category."""
        self._encoder = encoder
        self._topics = [
            (category, np.stack([encoder.vector(text) for text in examples])) for category, examples in topics.items()
        ]

    def item(self, text: str) -> Item:
        """The runs of *text*."""
        return self._encoder.item(text)

    def cost(self, item: Item) -> int:
        """Pieces, and what a run costs however short it is."""
        return max(1, sum(_FIXED_COST + len(run) for run in item))

    def scores(self, items: Sequence[Item]) -> list[dict[str, float]]:
        """The highest score of each category over the runs of each of *items*.

        A run that several of them have is run once: an answer's sentence is read alone, and behind what it follows. A
        text's scores never depend on other texts, so this changes none.
        """
        of = {run: self._run(run) for run in dict.fromkeys(run for item in items for run in item)}
        found: list[dict[str, float]] = []
        for item in items:
            highest: dict[str, float] = {}
            for run in item:
                for category, score in of[run]:
                    highest[category] = max(highest.get(category, 0.0), score)
            found.append(highest)
        return found

    def _run(self, run: tuple[int, ...]) -> list[tuple[str, float]]:
        scores, meaning = self._encoder.run(run)
        of = dict(zip(self._encoder.heads, map(float, scores), strict=True))
        found = [(head, min(score, of[_PARENTS[head]]) if head in _PARENTS else score) for head, score in of.items()]
        found += [
            (category, self._encoder.nearness(float((examples @ meaning).max()))) for category, examples in self._topics
        ]
        return found
