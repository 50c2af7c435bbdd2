"""Sound that is no good: silence where there should be sound, and clipping. Measured, not judged by ear.

It says nothing of what is said, so a sound that only this looked at does not count as checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import AudioPart, Modality
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FRAME_S = 0.05
_RUN = 3
"""Samples in a row at the top that a wave has only where it was cut off."""
_TOP, _LOUD = 0.985, 0.5
_CERTAIN = 0.01
"""The share of clipped samples that anybody hears."""


@dataclass(frozen=True)
class SoundQualityOptions:
    """*silent_db* is the level, in decibels of full scale, below which a twentieth of a second is silence."""

    silent_db: float = -50.0
    max_seconds: int = 1800

    def __post_init__(self) -> None:
        if not -120.0 <= self.silent_db <= 0.0 or self.max_seconds < 1:
            msg = "silent_db should be between -120 and 0, max_seconds at least 1"
            raise ValueError(msg)


class Measured(NamedTuple):
    """The share that is silent, the longest silence, the share that clips, and from where to where it does."""

    silent: float
    silence: tuple[float, float] | None
    clipped: float
    clipping: tuple[float, float] | None
    seconds: float


class SoundQuality(Classifier[Measured]):
    """Gives ``quality.silence`` and ``quality.clipping``.

    The first is the share of a sound that is silent in all channels, the second goes from 0 to 1 with the share of
    samples that are cut off at the top, 1 from one in a hundred. *time* is the longest silence, and what clips.
    """

    Options: ClassVar[type[Any]] = SoundQualityOptions
    categories = frozenset({"quality.silence", "quality.clipping"})
    modalities = frozenset({Modality.AUDIO})
    reads: Reads = "whole"
    automatic = False
    vouches = False
    batch_cost = 3600

    def prepare(self, part: Readable) -> Measured:
        """Decode and measure *part*."""
        from guard.media import sound

        if not isinstance(part, AudioPart):
            msg = "sound_quality reads sounds only"
            raise Unreadable(msg)
        tracks = sound.decode(part.data, limits=sound.Limits(seconds=self.options.max_seconds))
        if not tracks:
            return Measured(0.0, None, 0.0, None, 0.0)
        measured = [_measure(track.samples, track.rate, self.options.silent_db) for track in tracks]
        return max(measured, key=lambda one: (one.clipped, one.silent))

    def cost(self, item: Measured) -> int:
        """Seconds."""
        return 1 + int(item.seconds)

    def classify(self, items: Sequence[Measured]) -> list[list[Finding]]:
        """Both, where there is any."""
        return [list(_findings(item)) for item in items]


def _findings(item: Measured) -> list[Finding]:
    found = []
    if item.silent > 0.0:
        found.append(Finding("quality.silence", min(1.0, item.silent), time=item.silence, modality=Modality.AUDIO))
    if item.clipped > 0.0:
        score = min(1.0, item.clipped / _CERTAIN)
        found.append(Finding("quality.clipping", score, time=item.clipping, modality=Modality.AUDIO))
    return found


def _measure(samples: NDArray[np.float32], rate: int, silent_db: float) -> Measured:
    length = samples.shape[1]
    size = max(1, int(rate * _FRAME_S))
    loudest = np.abs(samples).max(axis=0)
    frames = -(-length // size)
    padded = np.pad(loudest, (0, frames * size - length))
    quiet = padded.reshape(frames, size).max(axis=1) < 10 ** (silent_db / 20)
    silence = _longest(quiet)
    cut = _cut_off(samples)
    where = np.flatnonzero(cut)
    return Measured(
        float(quiet.mean()) if frames else 0.0,
        (silence[0] * size / rate, min(silence[1] * size, length) / rate) if silence else None,
        float(cut.mean()) if length else 0.0,
        (float(where[0]) / rate, float(where[-1] + 1) / rate) if len(where) else None,
        length / rate,
    )


def _longest(quiet: NDArray[np.bool_]) -> tuple[int, int] | None:
    """The longest run of frames that are *quiet*."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0]))))
    runs = [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return max(runs, key=lambda run: run[1] - run[0], default=None)


def _cut_off(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which samples stand, in some channel, in a run at the very top of what it reaches."""
    found = np.zeros(samples.shape[1], dtype=np.bool_)
    for channel in samples:
        top = float(np.abs(channel).max(initial=0.0))
        if top < _LOUD:
            continue
        for sign in (1.0, -1.0):
            high = channel * sign >= _TOP * top
            edges = np.flatnonzero(np.diff(np.concatenate(([0], high.astype(np.int8), [0]))))
            for start, end in zip(edges[::2], edges[1::2], strict=True):
                flat = channel[start:end]
                if end - start >= _RUN and float(np.ptp(flat)) <= (1.0 - _TOP) * top / 4:
                    found[start:end] = True
    return found
