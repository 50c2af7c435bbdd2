"""The pixel mark ``rivaGan`` of invisible-watermark, for messages of an operator's own: 32 bits, read by its network.

The network (RivaGAN, https://arxiv.org/abs/1909.01285; MIT License) is a file in the package invisible-watermark, which
is not imported: it would bring torch. It gives a number for each bit, large where a mark is and small where none is. So
both are asked for: that the signs agree with the message, and how far they lean its way.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from classifiers import _bits
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.errors import WeightsError
from guard.media.marks.model import Asserts, Mark, Report, Status, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from guard.finding import Finding

    Tiles = list[NDArray[np.uint8]]

SHA256 = "6b006690cf352fa50a91a0b6d6241dbcded0a9957969e2c0665cf9a7011b3880"
_PACKAGE, _FILE = "imwatermark", "rivagan_decoder.onnx"
_FAMILY = "pixel.rivagan"
_BITS = 32
_TILE, _LEAST = 256, 128
"""Pixels of a side that are read, of the middle of a picture, and below which nothing is looked for."""
SEEN, DOUBTFUL, AGREE = 6.0, 4.0, 26
"""How far bits lean to the message, on average, where it is seen and where it may be; and how many of them at least."""


@dataclass(frozen=True)
class RivaganOptions:
    """*messages*: what to look for, by name, each of 32 bits: bits, ``0x…`` or four letters.

    *model*: where the file lies, if it is not the package's.
    """

    messages: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    max_pixels: int = 40_000_000
    max_frames: int = 16

    def __post_init__(self) -> None:
        _bits.check(self.messages, "", 1e-6)
        for name, word in self.messages.items():
            if len(_bits.bits_of(word)) != _BITS:
                msg = f"message `{name}` should have {_BITS} bits"
                raise ValueError(msg)
        if self.max_pixels < 1 or self.max_frames < 1:
            msg = "max_pixels and max_frames should be at least 1"
            raise ValueError(msg)


class Rivagan(Classifier["Tiles"]):
    """Items are the middles of a picture's frames, RGB, at most 256 × 256; cost is their number."""

    Options: ClassVar[type[Any]] = RivaganOptions
    categories = categories_of({_FAMILY: ()})
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"
    automatic: ClassVar[bool] = False
    batch_cost = 8
    version = "invisible-watermark-0.2.0"
    license = "MIT"

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """One for each message; nothing without messages."""
        return _bits.provided(_FAMILY, options.messages)

    def load(self) -> None:
        """Open the session, where there is something to look for, and run it once."""
        from classifiers import _onnx

        self._messages = {
            name: np.array([1.0 if bit == "1" else -1.0 for bit in _bits.bits_of(word)])
            for name, word in self.options.messages.items()
        }
        if self._messages:
            path = Path(self.options.model).expanduser() if self.options.model else model_path()
            self._session = _onnx.session(path, SHA256)
            self._leanings(np.zeros((_LEAST, _LEAST, 3), np.uint8))

    def prepare(self, part: Readable) -> Tiles:
        """Decode every frame of *part* and cut its middle out; equal neighbours are kept once."""
        from guard.media import image

        if not isinstance(part, ImagePart):
            msg = "rivagan reads pictures only"
            raise Unreadable(msg)
        found: Tiles = []
        for frame in image.decode(part.data, max_pixels=self.options.max_pixels, max_frames=self.options.max_frames):
            left, top = max(0, (frame.width - _TILE) // 2), max(0, (frame.height - _TILE) // 2)
            tile = frame.crop((left, top, min(frame.width, left + _TILE), min(frame.height, top + _TILE)))
            pixels = np.asarray(tile, np.uint8)
            if min(tile.size) >= _LEAST and not (found and np.array_equal(found[-1], pixels)):
                found.append(pixels)
        return found

    def inspect(self, part: Readable) -> Report:
        """All that is found in *part*; what cannot be read is said in the report."""
        from guard.media import image

        try:
            tiles = self.prepare(part)
        except Unreadable as error:
            return Report(None, unread=str(error))
        return Report(image.sniff(part.data) if isinstance(part, ImagePart) else None, tuple(self._marks(tiles)))

    def cost(self, item: Tiles) -> int:
        """Frames."""
        return 1 + len(item)

    def classify(self, items: Sequence[Tiles]) -> list[list[Finding]]:
        """The messages in each item."""
        return [findings(list(self._marks(item)), Modality.IMAGE) for item in items]

    def _marks(self, tiles: Tiles) -> Iterator[Mark]:
        if not self._messages or not tiles:
            return
        read = [self._leanings(tile) for tile in tiles]
        for name, message in self._messages.items():
            found = closest(read, message)
            if found is None:
                continue
            lean, same = found
            said = f"{same} of {_BITS} bits"
            chance = min(1.0, len(read) * len(self._messages) * _bits.chance(same, _BITS))
            if lean >= SEEN:
                yield Mark(
                    _FAMILY, Status.DETECTED, Asserts.AI, name, "pixels", code=said, statistic=lean, p_value=chance
                )
            else:
                yield Mark(
                    _FAMILY, Status.INCONCLUSIVE, kind=name, carrier="pixels", code=f"too weak to tell, {said}",
                    score=0.5, statistic=lean, p_value=chance,
                )  # fmt: skip

    def _leanings(self, tile: NDArray[np.uint8]) -> NDArray[np.float64]:
        # One picture a run: what is beside it changes nothing.
        frame = tile[:, :, ::-1].astype(np.float32) / np.float32(127.5) - np.float32(1)
        (found,) = self._session.run(None, {"frame": np.ascontiguousarray(frame.transpose(2, 0, 1)[None, :, None])})
        values: NDArray[np.float64] = np.asarray(found, np.float64)[0]
        if values.shape != (_BITS,) or not np.isfinite(values).all():
            msg = "the network gave no numbers"
            raise ArithmeticError(msg)
        return values


def closest(read: Sequence[NDArray[np.float64]], message: NDArray[np.float64]) -> tuple[float, int] | None:
    """How far the numbers of one frame lean to *message* (1 and -1), and how many agree, in the best frame.

    None if none may. A frame that leans further and agrees less hides no other.
    """
    leaning = [(float(np.mean(one * message)), int((one * message > 0).sum())) for one in read]
    return max(((lean, same) for lean, same in leaning if lean >= DOUBTFUL and same >= AGREE), default=None)


def model_path() -> Path:
    """Where the package keeps the network, found without importing it."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        msg = "classifier `rivagan` needs the network in package invisible-watermark: install extra `rivagan`"
        raise WeightsError(msg)
    return Path(spec.origin).parent / _FILE
