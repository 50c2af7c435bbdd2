"""The text model's file, and one text through it: pieces in, calibrated scores and a sentence vector out.

The file is one ONNX graph. Its metadata holds the vocabulary, the names of the heads and what calibrates them, so that
one checksum covers all of it. Texts go through one at a time: activations are quantised with one scale for all that is
run at once, so in a batch a score would depend on its neighbours, and on a CPU a batch is hardly faster.
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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = "guard-text-1"
MOST = 256
"""Pieces that are run at once; more are cut into windows that overlap."""
OVERLAP = 32


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
        pieces = stored["pieces"].split("\n")
        scores = np.frombuffer(base64.b64decode(stored["scores"]), np.float32)
        self.pieces = Pieces(pieces, scores.tolist())
        self._slope, self._offset = json.loads(stored["topics"])

    def numbers(self, text: str) -> tuple[tuple[int, ...], ...]:
        """The runs that *text* takes, as numbers of pieces: one for most, none for text that shows nothing."""
        found = self.pieces.encode(text)
        step = MOST - OVERLAP
        starts = range(0, max(1, len(found) - OVERLAP), step) if found else ()
        return tuple((BEGIN, *found[start : start + MOST], END) for start in starts)

    def run(self, numbers: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The score of each head, and the sentence vector, of length one."""
        scores, meaning = self._session.run(None, {"pieces": np.array([numbers], np.int32)})
        if not np.isfinite(scores).all():
            msg = "the text model gave no probability"
            raise ArithmeticError(msg)
        return scores[0], meaning[0]

    def nearness(self, cosine: float) -> float:
        """The score of a text whose vector has this *cosine* to an example of a topic."""
        return 1.0 / (1.0 + math.exp(-(self._slope * cosine + self._offset)))


@functools.cache
def load(path: Path, sha256: str) -> Encoder:
    """The encoder in *path*: read once, however many policies use it.

    Raises:
        WeightsError: the file is missing, is not the one that was pinned, or is no such model.
    """
    return Encoder(_onnx.session(path, sha256))
