"""Invisible marks in pixels that open generators write by default: Stable Diffusion, SDXL, FLUX, InvokeAI.

The mark is ``dwtDct``, the reader `guard.media.marks.dwtdct`. It survives PNG, resizing and back, noise, light JPEG;
with ``effort: high`` cuts, turns and flips as well, at a hundred times the cost. It knows messages, not marks as such:
another word has to be named. Marks whose readers are not public (SynthID) cannot be seen by anyone else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from guard import watermark
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.media.marks.model import Asserts, Mark, Report, Status, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from guard.finding import Finding

_FAMILY = "pixel.dwtdct"
_KINDS = ("sd1", "sd2", "sd1_inpainting", "sdxl", "flux", "invokeai")
_WEAKER = 0.75


@dataclass(frozen=True)
class WatermarkOptions:
    """*messages*: more words to look for, by name: bits, ``0x…`` or text. *effort*: ``high`` looks in cut pictures."""

    effort: Literal["normal", "high"] = "normal"
    messages: Mapping[str, str] = field(default_factory=dict)
    max_pixels: int = 40_000_000
    max_frames: int = 16

    def __post_init__(self) -> None:
        for name, word in self.messages.items():
            if not name.replace("_", "").isalnum() or name != name.lower():
                msg = f"message `{name}` should have a name of lower-case letters, digits and _"
                raise ValueError(msg)
            try:
                watermark.bits_of(word)
            except ValueError as error:
                msg = f"message `{name}` {error}"
                raise ValueError(msg) from error
        if self.max_pixels < 1 or self.max_frames < 1:
            msg = "max_pixels and max_frames should be at least 1"
            raise ValueError(msg)


class Watermark(Classifier[Report]):
    """Items are reports: the work is done on the threads that prepare."""

    Options: ClassVar[type[Any]] = WatermarkOptions
    categories = categories_of({_FAMILY: _KINDS})
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"
    batch_cost = 1_000

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """Those of the known messages, and of the operator's own."""
        return categories_of({_FAMILY: (*_KINDS, *options.messages)})

    def load(self) -> None:
        """Make the patterns and read one picture."""
        import numpy as np

        from guard.media.marks import dwtdct

        ours = {name: watermark.bits_of(word) for name, word in self.options.messages.items()}
        self._messages = {**dwtdct.MESSAGES, **ours}
        dwtdct.read(np.zeros((256, 256, 3), dtype=np.uint8), self._messages)

    def prepare(self, part: Readable) -> Report:
        """Decode *part* and look for every message in every frame."""
        from guard.media import image

        if not isinstance(part, ImagePart):
            msg = "watermark reads pictures only"
            raise Unreadable(msg)
        import numpy as np

        best: dict[str, Mark] = {}
        limits = {"max_pixels": self.options.max_pixels, "max_frames": self.options.max_frames}
        for frame in image.decode(part.data, **limits):
            for mark in self._marks(np.asarray(frame)):
                known = best.get(mark.category)
                if known is None or (mark.statistic or 0.0) > (known.statistic or 0.0):
                    best[mark.category] = mark
        return Report(image.sniff(part.data), tuple(best.values()))

    def inspect(self, part: Readable) -> Report:
        """`prepare`, where what cannot be read is said in the report."""
        try:
            return self.prepare(part)
        except Unreadable as error:
            return Report(None, unread=str(error))

    def cost(self, item: Report) -> int:
        """All the same: the work is done by then."""
        return 1 + len(item.marks)

    def classify(self, items: Sequence[Report]) -> list[list[Finding]]:
        """The marks of each item."""
        return [findings(item.marks, Modality.IMAGE) for item in items]

    def _marks(self, rgb: NDArray[np.uint8]) -> Iterator[Mark]:
        from guard.media.marks import dwtdct

        tries = 2 * len(self._messages)
        found = dwtdct.read(rgb, self._messages)
        if self.options.effort == "high" and all(sighting.z < dwtdct.ALIGNED for sighting in found):
            found, tries = dwtdct.turned(rgb, self._messages), 8 * tries
            if all(sighting.z < dwtdct.ALIGNED for sighting in found):
                moved = dwtdct.anywhere(rgb, self._messages)
                found = [moved] if moved is not None else found
        for one in found:
            if one.is_certain and one.shift is not None:
                yield _mark(one.kind, one.z, "cut picture", min(1.0, 1e5 * dwtdct.chance(one.z, tries)), _WEAKER)
            elif one.is_certain:
                yield _mark(one.kind, one.z, f"channels {one.order}", dwtdct.chance(one.z, tries), 1.0)
            elif one.z >= dwtdct.DOUBTFUL:
                weak = one.shift is None and one.z < dwtdct.ALIGNED
                yield Mark(
                    _FAMILY, Status.INCONCLUSIVE, kind=one.kind, carrier="pixels",
                    code="too weak to tell" if weak else "like a message that is not known", score=0.5,
                    statistic=one.z, p_value=dwtdct.chance(one.z, tries),
                )  # fmt: skip


def _mark(kind: str, z: float, code: str, p_value: float, score: float) -> Mark:
    return Mark(
        _FAMILY, Status.DETECTED, Asserts.AI, kind, "pixels", code=code, score=score, statistic=z, p_value=p_value
    )
