"""The mark that `label` writes into sounds with ``audio_mark``, read with your keys: `guard.media.marks.spread`.

Only a key that the sound was marked with sees anything; marks of others (AudioSeal, SynthID) are not read here. Less
than five seconds of sound tell nothing, and neither does a weak trace: both are in doubt, not absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import AudioPart, Modality
from guard.errors import WeightsError
from guard.media.marks.model import Asserts, Mark, Report, Status, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guard.finding import Finding
    from guard.media.marks import spread

_FAMILY = "audio.spread"


@dataclass(frozen=True)
class SoundWatermarkOptions:
    """*keys*, by names for them: each a file, or ``env:NAME``, with 16 bytes or more that nobody can guess."""

    keys: Mapping[str, str] = field(default_factory=dict)
    max_seconds: int = 1800

    def __post_init__(self) -> None:
        for name, source in self.keys.items():
            if not name.replace("_", "").isalnum() or name != name.lower() or not name.isascii():
                msg = f"key `{name}` should have a name of lower-case letters, digits and _"
                raise ValueError(msg)
            if not source.removeprefix("env:"):
                msg = f"key `{name}` should be a file, or env: and the name of a variable"
                raise ValueError(msg)
        if self.max_seconds < 1:
            msg = "max_seconds should be at least 1"
            raise ValueError(msg)


class SoundWatermark(Classifier[Report]):
    """Items are reports: the work is done on the threads that prepare."""

    Options: ClassVar[type[Any]] = SoundWatermarkOptions
    categories = categories_of({_FAMILY: ()})
    modalities = frozenset({Modality.AUDIO})
    reads: Reads = "whole"
    batch_cost = 1_000

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """One for each key; nothing without keys."""
        return categories_of({_FAMILY: tuple(options.keys)}) if options.keys else frozenset()

    def load(self) -> None:
        """Read the keys and make their patterns."""
        from guard.media.marks import spread

        self._patterns = {}
        for name, source in self.options.keys.items():
            try:
                self._patterns[name] = spread.signs(spread.secret(source))
            except (OSError, ValueError) as error:
                msg = f"classifier `sound_watermark`: key `{name}` ({source}): {error}"
                raise WeightsError(msg) from error

    def prepare(self, part: Readable) -> Report:
        """Decode *part* and look for the mark of every key in every track."""
        from guard.media import _av, sound
        from guard.media.marks import spread

        if not isinstance(part, AudioPart):
            msg = "sound_watermark reads sounds only"
            raise Unreadable(msg)
        if not self._patterns:
            return Report(_av.sniff(part.data))
        limits = sound.Limits(seconds=self.options.max_seconds)
        tracks = [spread.cells(one.samples) for one in sound.decode(part.data, rate=spread.RATE, limits=limits)]
        return Report(_av.sniff(part.data), tuple(self._marks(tracks)))

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
        return [findings(item.marks, Modality.AUDIO) for item in items]

    def _marks(self, tracks: list[spread.Cells]) -> Iterator[Mark]:
        """What each key says of the track that speaks for it most."""
        from guard.media.marks import spread

        tries = len(tracks) * len(self._patterns)
        for name, pattern in self._patterns.items():
            seen = [spread.sighting(track, pattern, tries) for track in tracks]
            if not seen:
                continue
            best = min(seen, key=lambda one: one.p_value)
            said: dict[str, Any] = {"carrier": "sound", "statistic": best.z, "p_value": best.p_value}
            if best.p_value <= spread.SEEN:
                times = {"from": math.floor(best.start), "to": math.ceil(best.stop)}
                yield Mark(_FAMILY, Status.DETECTED, Asserts.AI, name, code="z", detail=times, **said)
            elif best.p_value <= spread.DOUBTFUL or min(track.seconds for track in tracks) < spread.LEAST_S:
                weak = best.p_value <= spread.DOUBTFUL
                code = "too weak to tell, z" if weak else "too short to tell, z"
                yield Mark(_FAMILY, Status.INCONCLUSIVE, kind=name, code=code, score=0.5, **said)
