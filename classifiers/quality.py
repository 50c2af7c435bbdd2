"""Pictures that are no good: blank ones, noise, blur. Measured on the luminance, at two sizes; no network.

- ``quality.blank``: nothing is shown; how little the picture departs from one colour.
- ``quality.noise``: neighbours have nothing to do with each other, as where a generator failed: how little they do.
- ``quality.blur``: no edge is sharp; how much of the detail of the picture is left after it is smoothed again
  (a no-reference measure after Crete et al., https://doi.org/10.1117/12.702790).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    Grey = NDArray[np.float32]

_SIDE = 512
"""Pixels of the longer side at which pictures are measured."""
_STEADY = 6.0
"""Of 255: what differs less from a picture's usual value is that value, after lossy coding."""
_BLANK_FROM, _BLANK_TO = 0.985, 0.9995
_NOISE_FROM, _NOISE_TO = 0.75, 0.35
_BLUR_FROM, _BLUR_TO = 0.72, 0.93
_LEAST_CONTRAST = 4.0
_LEAST_HALF = 64
_LEAST = 0.01


@dataclass(frozen=True)
class QualityOptions:
    """*max_pixels* of one frame and *max_frames* of a picture; more of either cannot be read."""

    max_pixels: int = 40_000_000
    max_frames: int = 64

    def __post_init__(self) -> None:
        if self.max_pixels < 1 or self.max_frames < 1:
            msg = "max_pixels and max_frames should be at least 1"
            raise ValueError(msg)


class Measures(NamedTuple):
    """Of one frame: the share of pixels that are its usual value, what neighbours share, what smoothing leaves."""

    steady: float
    alike: float
    soft: float


class Quality(Classifier["list[Measures]"]):
    """Items are the measures of each frame; a picture is as bad as its best frame."""

    Options: ClassVar[type[Any]] = QualityOptions
    categories = frozenset({"quality.blank", "quality.noise", "quality.blur"})
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"
    vouches = False  # a sharp picture may show anything
    inline_cost = 64
    version = "1"
    license = "Apache-2.0"

    def prepare(self, part: Readable) -> list[Measures]:
        """Measure every frame of *part*."""
        from guard.media import image

        if not isinstance(part, ImagePart):
            msg = "quality measures pictures only"
            raise Unreadable(msg)
        limits = {"max_pixels": self.options.max_pixels, "max_frames": self.options.max_frames}
        return [measured(_grey(frame)) for frame in image.decode(part.data, target=_SIDE // 2, **limits)]

    def cost(self, item: list[Measures]) -> int:
        """Frames."""
        return len(item)

    def classify(self, items: Sequence[list[Measures]]) -> list[list[Finding]]:
        """How bad the best frame of each item is, in each way."""
        return [self._found(item) for item in items]

    def _found(self, item: list[Measures]) -> list[Finding]:
        blank = min(_between(one.steady, _BLANK_FROM, _BLANK_TO) for one in item)
        noise = min(_between(one.alike, _NOISE_FROM, _NOISE_TO) for one in item)
        blur = min(_between(one.soft, _BLUR_FROM, _BLUR_TO) for one in item)
        scores = {"quality.blank": blank, "quality.noise": noise, "quality.blur": blur}
        return [Finding(name, score, modality=Modality.IMAGE) for name, score in scores.items() if score >= _LEAST]


def measured(grey: Grey) -> Measures:
    """The measures of the luminance *grey*, 0 to 255."""
    usual = float(np.median(grey))
    steady = float((np.abs(grey - usual) <= _STEADY).mean())
    if min(grey.shape) < 8 or float(grey.std()) < _LEAST_CONTRAST:
        return Measures(steady, 1.0, 0.0)
    pairs = ((grey[:, :-1], grey[:, 1:]), (grey[:-1], grey[1:]))
    alike = min(_correlation(one, other) for one, other in pairs)
    # At half the size too: what a strong blur leaves is little more than rounding, which looks like detail.
    half = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
    half = half.reshape(half.shape[0] // 2, 2, half.shape[1] // 2, 2).mean(axis=(1, 3))
    sizes = (grey, half) if min(half.shape) >= _LEAST_HALF else (grey,)
    soft = max(min(_left_by_smoothing(one, axis) for axis in (0, 1)) for one in sizes)
    return Measures(steady, alike, soft)


def _correlation(one: Grey, other: Grey) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float((one * one).sum()) * float((other * other).sum()))
    return float((one * other).sum()) / scale if scale else 1.0


def _left_by_smoothing(grey: Grey, axis: int) -> float:
    """The share of the differences between neighbours that is left when nine of them are averaged."""
    width = 9
    sums = np.cumsum(np.insert(grey, 0, 0, axis=axis), axis=axis, dtype=np.float64)
    length = sums.shape[axis]
    smooth = (np.take(sums, range(width, length), axis) - np.take(sums, range(length - width), axis)) / width
    inner = np.take(grey, range(width // 2, grey.shape[axis] - width // 2), axis)
    before, after = np.abs(np.diff(inner, axis=axis)), np.abs(np.diff(smooth, axis=axis))
    total = float(before.sum())
    return 1.0 - float(np.maximum(before - after, 0).sum()) / total if total else 1.0


def _between(value: float, start: float, end: float) -> float:
    """0 at *start*, 1 at *end*, in between in proportion."""
    return min(1.0, max(0.0, (value - start) / (end - start)))


def _grey(frame: Image) -> Grey:
    from PIL import Image as Pillow

    scale = _SIDE / max(frame.size)
    if scale < 1:
        size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
        frame = frame.resize(size, Pillow.Resampling.BILINEAR)
    return np.asarray(frame.convert("L"), dtype=np.float32)
