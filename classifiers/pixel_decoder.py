"""Invisible marks in pictures by a decoder of one's own: TrustMark, WAM, VideoSeal or another, exported to ONNX.

Nothing is bundled: *model* is a path, and pinned. It takes one picture ``(1, 3, side, side)``, RGB, squeezed into the
square, and gives a number for each bit. Looked for are the messages that are named: the whole row of bits, error
correction included, as the writer put it there. Draw them by chance, or chance is not what bounds false alarms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from classifiers import _bits
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.media.marks.model import Mark, Report, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from guard.finding import Finding

    Frames = list[NDArray[np.uint8]]

_FAMILY = "pixel.decoder"


@dataclass(frozen=True)
class PixelDecoderOptions:
    """*model* is the file, *sha256* its pin; *messages* are what to look for, by name: bits, ``0x…`` or text.

    *side* is the square's that the model takes, *pixels* from -1 to 1 (``signed``) or from 0 to 1 (``unit``). Its
    *output* (the last, if none is named) has numbers above *middle* for 1. *at_most* is how often chance may pass for
    a mark.
    """

    model: str = ""
    sha256: str = ""
    messages: Mapping[str, str] = field(default_factory=dict)
    side: int = 256
    pixels: Literal["signed", "unit"] = "signed"
    output: str = ""
    middle: float = 0.0
    at_most: float = 1e-6
    max_pixels: int = 40_000_000
    max_frames: int = 16

    def __post_init__(self) -> None:
        _bits.check(self.messages, self.sha256, self.at_most)
        if not (16 <= self.side <= 4096 and self.max_pixels >= 1 and self.max_frames >= 1):
            msg = "side should be 16 to 4096, max_pixels and max_frames at least 1"
            raise ValueError(msg)


class PixelDecoder(Classifier["Frames"]):
    """Items are the frames of a picture, each as large as the model takes it."""

    Options: ClassVar[type[Any]] = PixelDecoderOptions
    categories = categories_of({_FAMILY: ()})
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"
    automatic: ClassVar[bool] = False
    batch_cost = 8
    version = "1"
    license = "that of the model"

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """One for each message; nothing without messages."""
        return _bits.provided(_FAMILY, options.messages)

    def load(self) -> None:
        """Open the session and run it once, to see that it has as many bits as the messages."""
        from classifiers._decoder import Decoder

        one = self.options
        like = self._input(np.zeros((one.side, one.side, 3), np.uint8))
        self._decoder = Decoder("pixel_decoder", one.model, one.sha256, one.output, one.middle, one.messages, like)

    def prepare(self, part: Readable) -> Frames:
        """Decode every frame of *part*; equal neighbours are kept once."""
        from guard.media import image

        if not isinstance(part, ImagePart):
            msg = "pixel_decoder reads pictures only"
            raise Unreadable(msg)
        limits = {"max_pixels": self.options.max_pixels, "max_frames": self.options.max_frames}
        side = (self.options.side, self.options.side)
        found: Frames = []
        for frame in image.decode(part.data, **limits):
            pixels = np.asarray(frame.resize(side), np.uint8)
            if not found or not np.array_equal(found[-1], pixels):
                found.append(pixels)
        return found

    def inspect(self, part: Readable) -> Report:
        """All that is found in *part*; what cannot be read is said in the report."""
        from guard.media import image

        try:
            frames = self.prepare(part)
        except Unreadable as error:
            return Report(None, unread=str(error))
        return Report(image.sniff(part.data) if isinstance(part, ImagePart) else None, tuple(self._marks(frames)))

    def cost(self, item: Frames) -> int:
        """Frames."""
        return len(item)

    def classify(self, items: Sequence[Frames]) -> list[list[Finding]]:
        """The messages in each item."""
        return [findings(self._marks(item), Modality.IMAGE) for item in items]

    def _marks(self, frames: Frames) -> list[Mark]:
        read = self._decoder.read([self._input(frame) for frame in frames])
        return list(_bits.marks(_FAMILY, "pixels", read, self._decoder.messages, self.options.at_most))

    def _input(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        unit = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        return unit * 2 - 1 if self.options.pixels == "signed" else unit
