"""Invisible marks in sounds by a decoder of one's own: AudioSeal or another, exported to ONNX.

Nothing is bundled: *model* is a path, and pinned. It takes a stretch of one channel ``(1, 1, samples)`` and gives a
number for each bit; a sound is read in stretches that overlap by half, each channel by itself. Looked for are the
messages that are named; draw them by chance, or chance is not what bounds false alarms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from classifiers import _bits
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import AudioPart, Modality
from guard.media.marks.model import Mark, Report, Status, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from guard.finding import Finding

_FAMILY = "audio.decoder"


@dataclass(frozen=True)
class SoundDecoderOptions:
    """*model* is the file, *sha256* its pin; *messages* are what to look for, by name: bits, ``0x…`` or text.

    The model takes *seconds* at *rate* samples a second. Its *output* (the last, if none is named) has numbers above
    *middle* for 1. *at_most* is how often chance may pass for a mark.
    """

    model: str = ""
    sha256: str = ""
    messages: Mapping[str, str] = field(default_factory=dict)
    rate: int = 16_000
    seconds: float = 1.0
    output: str = ""
    middle: float = 0.0
    at_most: float = 1e-6
    max_seconds: int = 600

    def __post_init__(self) -> None:
        _bits.check(self.messages, self.sha256, self.at_most)
        if not (8_000 <= self.rate <= 192_000 and 0.05 <= self.seconds <= 60 and self.max_seconds >= 1):
            msg = "rate should be 8000 to 192000, seconds 0.05 to 60, max_seconds at least 1"
            raise ValueError(msg)


class Stretches(NamedTuple):
    """What of a sound the model can take; *short*: some channel is shorter than that, and was not read."""

    all: list[NDArray[np.float32]]
    short: bool


class SoundDecoder(Classifier[Stretches]):
    """Items are the stretches of a sound."""

    Options: ClassVar[type[Any]] = SoundDecoderOptions
    categories = categories_of({_FAMILY: ()})
    modalities = frozenset({Modality.AUDIO})
    reads: Reads = "whole"
    automatic: ClassVar[bool] = False
    batch_cost = 16
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
        like = np.zeros((1, 1, self._length), np.float32)
        self._decoder = Decoder("sound_decoder", one.model, one.sha256, one.output, one.middle, one.messages, like)

    def prepare(self, part: Readable) -> Stretches:
        """Decode *part* and cut every channel of every track."""
        from guard.media import sound

        if not isinstance(part, AudioPart):
            msg = "sound_decoder reads sounds only"
            raise Unreadable(msg)
        limits = sound.Limits(seconds=self.options.max_seconds)
        tracks = sound.decode(part.data, rate=self.options.rate, limits=limits)
        cut = [self._cut(channel) for track in tracks for channel in track.samples]
        return Stretches([stretch for some in cut for stretch in some], not all(cut))

    def inspect(self, part: Readable) -> Report:
        """All that is found in *part*; what cannot be read is said in the report."""
        from guard.media import _av

        try:
            stretches = self.prepare(part)
        except Unreadable as error:
            return Report(None, unread=str(error))
        return Report(_av.sniff(part.data) if isinstance(part, AudioPart) else None, tuple(self._marks(stretches)))

    def cost(self, item: Stretches) -> int:
        """Stretches, at least 1."""
        return len(item.all) or 1

    def classify(self, items: Sequence[Stretches]) -> list[list[Finding]]:
        """The messages in each item."""
        return [findings(self._marks(item), Modality.AUDIO) for item in items]

    @property
    def _length(self) -> int:
        length: int = round(self.options.rate * self.options.seconds)
        return length

    def _cut(self, channel: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Stretches that leave no sample out, the last of which ends where the channel does; none of a short one."""
        length, last = self._length, len(channel) - self._length
        if last < 0:
            return []
        starts = [*range(0, last, max(1, length // 2)), last]
        return [np.ascontiguousarray(channel[start : start + length], np.float32)[None, None] for start in starts]

    def _marks(self, stretches: Stretches) -> list[Mark]:
        messages = self._decoder.messages
        read = self._decoder.read(stretches.all)
        found = list(_bits.marks(_FAMILY, "sound", read, messages, self.options.at_most))
        if stretches.short or not stretches.all:
            said: dict[str, Any] = {"carrier": "sound", "code": "too short to tell", "score": 0.5}
            open_ = messages.keys() - {mark.kind for mark in found}
            found += [Mark(_FAMILY, Status.INCONCLUSIVE, kind=name, **said) for name in messages if name in open_]
        return found
