"""Where in a picture something is, by a detector of one's own: any ONNX file with the interface of YOLOv8.

Nothing is bundled: *model* is a path. It takes one picture ``(1, 3, side, side)``, RGB in [0, 1], fitted into the top
left corner and padded with black, and gives ``(1, 4 + labels, places)``: centre and size of a box in pixels, then one
probability per label. NudeNet's 320n.onnx is such a file (AGPL-3.0: read its licence before you serve others with it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    Pixels = NDArray[np.uint8]

_OVERLAP = 0.45
"""Share of two boxes of one label that overlaps, from which on they are one."""
_MOST = 100


@dataclass(frozen=True)
class BoxesOptions:
    """*model* is the file, *labels* are its labels in order, *categories* says which of them each category means.

    *side* is the picture's that the model takes; what scores below *at_least* is nothing. *sha256* pins the file.
    """

    model: str = ""
    sha256: str = ""
    labels: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    side: int = 320
    at_least: float = 0.2
    max_pixels: int = 40_000_000
    max_frames: int = 64

    def __post_init__(self) -> None:
        if not (32 <= self.side <= 4096 and 0 < self.at_least < 1 and self.max_pixels >= 1 and self.max_frames >= 1):
            msg = "side should be 32 to 4096, at_least between 0 and 1, max_pixels and max_frames at least 1"
            raise ValueError(msg)
        unknown = {label for labels in self.categories.values() for label in labels} - set(self.labels)
        if unknown:
            msg = f"categories name the label `{min(unknown)}`, which is not in labels"
            raise ValueError(msg)


class Boxes(Classifier["list[tuple[Pixels, tuple[float, float]]]"]):
    """Items are the frames of a picture, each as the model takes it and with how much of the square it fills."""

    Options: ClassVar[type[Any]] = BoxesOptions
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"
    automatic: ClassVar[bool] = False
    batch_cost = 8
    version = "1"
    license = "that of the model"

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """The categories that *options* name."""
        return frozenset(options.categories)

    def load(self) -> None:
        """Open the session and run it once, to see that it has as many labels as were named."""
        from classifiers import _onnx
        from guard.errors import WeightsError

        path = Path(self.options.model)
        if not self.options.model or not self.options.labels:
            msg = "classifier `boxes` needs its options `model`, the path of an ONNX file, and `labels`"
            raise WeightsError(msg)
        self._session = _onnx.session(path, self.options.sha256)
        self._input = self._session.get_inputs()[0].name
        side = self.options.side
        (output,) = self._session.run(None, {self._input: np.zeros((1, 3, side, side), np.float32)})
        if output.ndim != 3 or output.shape[1] != 4 + len(self.options.labels):
            msg = f"model file {path.name} gives {output.shape}; with these labels it should be (1, 4 + labels, places)"
            raise WeightsError(msg)
        meant = {label: category for category, labels in self.options.categories.items() for label in labels}
        self._meant = [meant.get(label) for label in self.options.labels]

    def prepare(self, part: Readable) -> list[tuple[Pixels, tuple[float, float]]]:
        """Decode every frame of *part*; equal neighbours are kept once."""
        from guard.media import image

        if not isinstance(part, ImagePart):
            msg = "boxes reads pictures only"
            raise Unreadable(msg)
        limits = {"max_pixels": self.options.max_pixels, "max_frames": self.options.max_frames}
        found: list[tuple[Pixels, tuple[float, float]]] = []
        for frame in image.decode(part.data, target=self.options.side, **limits):
            pixels, share = _fitted(frame, self.options.side)
            if not found or not np.array_equal(found[-1][0], pixels):
                found.append((pixels, share))
        return found

    def cost(self, item: list[tuple[Pixels, tuple[float, float]]]) -> int:
        """Frames."""
        return len(item)

    def classify(self, items: Sequence[list[tuple[Pixels, tuple[float, float]]]]) -> list[list[Finding]]:
        """Every place of each item that shows something one of the categories means."""
        return [[one for pixels, share in item for one in self._found(pixels, share)] for item in items]

    def _found(self, pixels: Pixels, share: tuple[float, float]) -> list[Finding]:
        data = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32) / 255.0
        (output,) = self._session.run(None, {self._input: data})
        table = output[0].T
        if not np.isfinite(table).all():
            msg = "the detector gave no numbers"
            raise ArithmeticError(msg)
        scores, side = table[:, 4:], self.options.side
        places, labels = np.nonzero(scores >= self.options.at_least)
        ranked = sorted(zip(places.tolist(), labels.tolist(), strict=True), key=lambda one: -scores[one])
        kept: list[tuple[int, tuple[float, float, float, float]]] = []
        found: list[Finding] = []
        for place, label in ranked:
            category = self._meant[label]
            box = _share(table[place, :4] / side, share)
            if category is None or box is None or any(n == label and _overlap(b, box) > _OVERLAP for n, b in kept):
                continue
            kept.append((label, box))
            score = min(1.0, float(scores[place, label]))
            evidence = self.options.labels[label]
            found.append(Finding(category, score, box=box, modality=Modality.IMAGE, evidence=evidence))
            if len(found) >= _MOST:
                break
        return found


def _fitted(frame: Image, side: int) -> tuple[Pixels, tuple[float, float]]:
    """*frame* in the top left corner of a black square, and the shares of its sides that it takes."""
    scale = side / max(frame.size)
    width, height = (max(1, round(length * scale)) for length in frame.size)
    square = np.zeros((side, side, 3), dtype=np.uint8)
    square[:height, :width] = np.asarray(frame.resize((width, height)), dtype=np.uint8)
    return square, (width / side, height / side)


def _share(box: NDArray[np.float32], share: tuple[float, float]) -> tuple[float, float, float, float] | None:
    """A box of centre and size in shares of the square, as sides in shares of the picture; None if it is outside."""
    across, down, width, height = map(float, box)
    left, right = (_within(edge / share[0]) for edge in (across - width / 2, across + width / 2))
    top, bottom = (_within(edge / share[1]) for edge in (down - height / 2, down + height / 2))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)
