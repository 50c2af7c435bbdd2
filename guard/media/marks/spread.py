"""A mark in sounds that only whoever has the key can read: spread spectrum over time and frequency.

The key draws a sign for each cell of `PERIOD` times (96 ms) × `BANDS` bands (125 Hz, 0.4 to 6.9 kHz); the pattern
repeats every 3 s. The writer (`guard.media.stamps.spread`) makes each cell louder or softer, by as much in every
channel. Here the logarithm of the power, less its mean over times and bands nearby, is folded over the period and
correlated with the signs at every place where the pattern could begin: so cuts, other loudness, other rates and codecs
leave it.

How sure that is does not rest on what sounds are like: of signs that the sound does not know, a sum with weights *u*
exceeds ``z * |u|`` with a probability of at most ``exp(-z²/2)``, whatever *u* is (Hoeffding 1963, theorem 2).
`Sighting` multiplies this by the number of places that were tried.

Spread spectrum in sound: Cox et al. 1997; Kirovski and Malvar 2003.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FAMILY = "audio.spread"
RATE = 16_000
"""Samples a second of what is read here."""
PERIOD, BANDS, CELL_S, BAND_HZ, LOWEST_HZ = 32, 52, 0.096, 125.0, 398.4375
SEEN, DOUBTFUL = 1e-6, 1e-2
"""Bounds on chance below which a sound counts as marked, and as in doubt."""
LEAST_S = 5.0
"""Seconds of sound over all bands below which nothing can be told."""
_SHORTEST_KEY, _LONGEST_KEY = 16, 4_096
_WINDOW, _HOP = 1_024, 256
_STEP = round(CELL_S * RATE / _HOP)
_FOLD = PERIOD * _STEP
_BINS = round(BAND_HZ * _WINDOW / RATE)
_FIRST = math.ceil(LOWEST_HZ * _WINDOW / RATE)
_NEAR_TIMES, _NEAR_BINS, _SPREAD_TIMES, _SPREAD_BINS = 31, 25, 31, 17
"""Frames and bins over which the mean is taken that is left out, and the spread that weighs what remains."""
_LEAST_SPREAD_DB, _CLIP = 0.5, 2.0
_SILENT, _FAINT = 1e-7, 1e-6
"""Of the mean power: below the first there is nothing, below the second nothing that counts as sound."""
_BLOCK, _MARGIN = 2_048, 48
_TOGETHER, _STRIDE = 4, 2
"""Periods that are read together, and from where to where: a piece of some seconds in a long sound is seen, too."""
_THROUGHOUT = 3.0


class Cells(NamedTuple):
    """A sound as it is compared: *values* of shape (frames, `BANDS`), *heard* the share of bands with sound in each."""

    values: Floats
    heard: Floats

    @property
    def seconds(self) -> float:
        """How much sound there is, as if it filled all bands."""
        return float(self.heard.sum()) * _HOP / RATE


@dataclass(frozen=True, slots=True)
class Sighting:
    """The best place for the pattern: *z*, *p_value* (at most), *start* and *stop* in seconds; *whole*: z of it all."""

    z: float
    p_value: float
    start: float
    stop: float
    whole: float


def secret(source: str) -> bytes:
    """The key that *source* names: ``env:NAME``, or a file.

    Raises:
        ValueError: it has less than 16 bytes, or far too many. The message does not hold it.
        OSError: the file cannot be read.
    """
    if source.startswith("env:"):
        found = os.environ.get(source[4:], "").encode()
    else:
        with Path(source).open("rb") as file:
            found = file.read(_LONGEST_KEY + 1)
    key = found.strip()
    if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        msg = f"a key has {_SHORTEST_KEY} to {_LONGEST_KEY} bytes, drawn by chance"
        raise ValueError(msg)
    return key


def signs(key: bytes) -> Floats:
    """The pattern of *key*: 1 or -1, of shape (`PERIOD`, `BANDS`)."""
    bits = hashlib.shake_256(b"guard audio.spread 1\0" + key).digest(PERIOD * BANDS // 8)
    drawn = np.unpackbits(np.frombuffer(bits, np.uint8)).astype(np.float32)
    return (2 * drawn - 1).reshape(PERIOD, BANDS)


def cells(samples: Floats) -> Cells:
    """What *samples*, of shape (channels, samples) at `RATE`, are compared by."""
    if samples.shape[1] < _WINDOW:
        samples = np.pad(samples, ((0, 0), (0, _WINDOW - samples.shape[1])))
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    mean = sum(float(np.dot(channel, channel)) for channel in samples) / samples.shape[1]
    level = mean * float(np.square(window).sum())
    frames = 1 + (samples.shape[1] - _WINDOW) // _HOP
    values, heard = [], []
    for start in range(0, frames, _BLOCK):
        low, high = max(0, start - _MARGIN), min(frames, start + _BLOCK + _MARGIN)
        power = _power(samples[:, low * _HOP : (high - 1) * _HOP + _WINDOW], window)
        own = slice(start - low, min(frames, start + _BLOCK) - low)
        loud = power[own].reshape(-1, BANDS, _BINS).mean(axis=2) > _FAINT * level
        heard.append(loud.mean(axis=1, dtype=np.float32))
        levels = (10 * np.log10(power + (_SILENT * level + 1e-20))).astype(np.float32)
        values.append(np.where(loud, _weighed(levels)[own].reshape(-1, BANDS, _BINS).mean(axis=2), np.float32(0)))
    return Cells(np.concatenate(values), np.concatenate(heard))


def _power(samples: Floats, window: Floats) -> Floats:
    """Of shape (frames, bins): the sum over channels, so that it does not matter how these are mixed."""
    power: Any = np.float32(0)
    for channel in samples:
        frames = np.lib.stride_tricks.sliding_window_view(channel, _WINDOW)[::_HOP]
        spectrum = np.fft.rfft(frames * window, axis=1)[:, _FIRST : _FIRST + BANDS * _BINS]
        power = power + np.square(np.abs(spectrum)).astype(np.float32)
    return np.asarray(power, np.float32)


def _weighed(levels: Floats) -> Floats:
    """*levels*, in decibels, without what is the same nearby; where they vary much they count less."""
    rest = levels - _mean(levels, _NEAR_TIMES, 0)
    rest = rest - _mean(rest, _NEAR_BINS, 1)
    spread: NDArray[Any] = np.sqrt(_mean(_mean(rest * rest, _SPREAD_TIMES, 0), _SPREAD_BINS, 1)) + _LEAST_SPREAD_DB
    weighed: Floats = np.clip(rest / spread, -_CLIP, _CLIP) / spread
    return weighed


def _mean(values: Floats, size: int, axis: int) -> Floats:
    """The mean over *size* neighbours, fewer at the edges."""
    length = values.shape[axis]
    sums = np.insert(np.cumsum(values, axis=axis, dtype=np.float64), 0, 0.0, axis=axis)
    at = np.arange(length)
    low, high = np.maximum(0, at - size // 2), np.minimum(length, at + size // 2 + 1)
    count = (high - low).reshape((-1, 1) if axis == 0 else (1, -1))
    found: Floats = ((np.take(sums, high, axis) - np.take(sums, low, axis)) / count).astype(np.float32)
    return found


def sighting(heard: Cells, pattern: Floats, tries: int = 1) -> Sighting:
    """Where *pattern* fits best: in the whole sound, or in some seconds of it. *tries*: how often this is asked."""
    windows = list(_windows(len(heard.values)))
    scores = _scores(heard.values, windows, pattern)
    at = int(scores.max(axis=1).argmax())
    z = float(scores[at].max())
    chance = tries * scores.size * math.exp(-(max(0.0, z) ** 2) / 2)
    start, stop = (place * _HOP / RATE for place in windows[at])
    return Sighting(z, min(1.0, chance), start, stop, float(scores[0].max()))


def is_throughout(heard: Cells, pattern: Floats, least: float) -> bool:
    """Whether *pattern* fits the whole sound with a z of *least*, and every part of it that has sound."""
    windows = list(_windows(len(heard.values)))
    scores = _scores(heard.values, windows, pattern)
    place = int(scores[0].argmax())
    return bool(scores[0, place] >= least) and all(
        score >= _THROUGHOUT
        for (start, stop), score in zip(windows, scores[:, place], strict=True)
        if heard.heard[start:stop].sum() * _HOP / RATE >= LEAST_S
    )


def _windows(frames: int) -> Iterator[tuple[int, int]]:
    """All of it first, then its parts."""
    yield 0, frames
    if frames > _TOGETHER * _FOLD:
        for start in range(0, frames, _STRIDE * _FOLD):
            yield start, min(frames, start + _TOGETHER * _FOLD)


def _scores(values: Floats, windows: list[tuple[int, int]], pattern: Floats) -> NDArray[Any]:
    """A z-score for each of *windows* and each place where the pattern may begin, of shape (windows, places)."""
    turns = -(-len(values) // _FOLD)
    padded = np.pad(values, ((0, turns * _FOLD - len(values)), (0, 0))).reshape(turns, _FOLD, BANDS)
    sums = np.stack([padded[start // _FOLD : -(-stop // _FOLD)].sum(axis=0) for start, stop in windows])
    cell = sum((np.roll(sums, -step, axis=1) for step in range(_STEP)), np.zeros_like(sums))
    spaced = np.zeros((_FOLD, BANDS), np.float32)
    spaced[::_STEP] = pattern
    product = np.fft.rfft(cell, axis=1) * np.conj(np.fft.rfft(spaced, axis=0))
    fits = np.fft.irfft(product.sum(axis=2), n=_FOLD, axis=1)
    lengths = np.square(cell).sum(axis=2).reshape(len(windows), PERIOD, _STEP).sum(axis=1)
    scores: NDArray[Any] = fits / np.sqrt(np.tile(lengths, (1, PERIOD)) + 1e-9)
    return scores
