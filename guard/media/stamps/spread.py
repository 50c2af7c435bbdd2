"""Writes the keyed mark of `guard.media.marks.spread` into a sound, as softly as it can still be read back.

Each cell of the pattern becomes louder or softer by one decibel, in all channels alike: the mark lies some 25 dB below
the sound, at the same times and frequencies, and is silent where the sound is. Short sounds take more.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from guard.classifier import Unreadable
from guard.media import _av, sound_edit
from guard.media.marks import spread
from guard.media.sound import Track, decoding

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

STRENGTHS_DB = (1.0, 1.5, 2.0)
"""Tried in this order; the last is for sounds of some two seconds."""
LEAST_Z = 8.0
"""What is written has to be read back with this z-score: more than it takes to see it, for what copies will lose."""
_WINDOW_S = 0.032
_BLOCK = 512
_LONGER_S = 0.15


def marked(data: bytes, source: str) -> Generator[None, None, bytes]:
    """The sound *data* with the mark of the key that *source* names, or as it is where all of it has that already.

    Raises:
        Unreadable: the key or the sound cannot be read, it cannot be written in its own codec, or there is too little
            of it for a mark that can be read back.
    """
    pattern = _pattern(source)
    before = yield from decoding(data, rate=spread.RATE)
    if not before:
        raise Unreadable("there is no sound in the file")
    cells = yield from _cells(before)
    if all(spread.is_throughout(one, pattern, LEAST_Z) for one in cells):
        return data
    tracks = yield from decoding(data)
    forms = sound_edit.forms_of(data, len(data) * 8 / max(1.0, *(track.seconds for track in tracks)))
    for strength in STRENGTHS_DB:
        changed = []
        for track in tracks:
            samples = yield from _louder_and_softer(track, pattern, strength)
            changed.append(Track(track.rate, samples))
        out = io.BytesIO()
        yield from sound_edit.write(out, sound_edit.CONTAINERS[_av.sniff(data) or ""], forms, changed)
        after = yield from decoding(out.getvalue(), rate=spread.RATE)
        _check_length(tracks, after)
        if (yield from _all_bear(after, pattern)):
            return out.getvalue()
    raise Unreadable("the mark in sound could not be read back: there is too little sound for it")


def bears(data: bytes, source: str) -> Generator[None, None, bool]:
    """Whether each track of the sound *data* has the mark of the key that *source* names.

    Raises:
        Unreadable: the key or the sound cannot be read.
    """
    tracks = yield from decoding(data, rate=spread.RATE)
    return bool(tracks) and (yield from _all_bear(tracks, _pattern(source)))


def _all_bear(tracks: Sequence[Track], pattern: NDArray[np.float32]) -> Generator[None, None, bool]:
    cells = yield from _cells(tracks)
    return all(spread.sighting(one, pattern).whole >= LEAST_Z for one in cells)


def _cells(tracks: Sequence[Track]) -> Generator[None, None, list[spread.Cells]]:
    found = []
    for track in tracks:
        found.append(spread.cells(track.samples))
        yield
    return found


def _pattern(source: str) -> NDArray[np.float32]:
    try:
        return spread.signs(spread.secret(source))
    except (OSError, ValueError) as error:
        raise Unreadable("the key of the mark in sound cannot be read") from error


def _check_length(before: Sequence[Track], after: Sequence[Track]) -> None:
    same = len(before) == len(after) and all(
        len(old.samples) == len(new.samples) and abs(old.seconds - new.seconds) <= _LONGER_S
        for old, new in zip(before, after, strict=True)
    )
    if not same:
        raise Unreadable("the marked sound is not as long as it was")


def _louder_and_softer(
    track: Track, pattern: NDArray[np.float32], strength: float
) -> Generator[None, None, NDArray[np.float32]]:
    """The samples of *track* with each cell of *pattern* changed by *strength* decibels; no louder than full scale.

    Half-overlapping sine windows, before and after, add up to one (Princen and Bradley 1986).
    """
    rate, length = track.rate, track.samples.shape[1]
    size = 1 << max(2, round(np.log2(_WINDOW_S * rate)))
    half = size // 2
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    band = np.floor((np.fft.rfftfreq(size, 1 / rate) - spread.LOWEST_HZ) / spread.BAND_HZ).astype(int)
    own = (band >= 0) & (band < spread.BANDS)
    gains = np.zeros((spread.PERIOD, len(band)), np.float32)
    gains[:, own] = 10 ** (strength / 20 * pattern[:, band[own]]) - 1
    changed = track.samples.copy()
    frames = -(-length // half) + 1
    for first in range(0, frames, _BLOCK):
        yield
        count = min(_BLOCK, frames - first)
        at = (np.arange(first, first + count) * half / rate / spread.CELL_S).astype(int) % spread.PERIOD
        start, stop = (first - 1) * half, (first + count) * half
        low, high = max(0, start), min(length, stop)
        for channel, into in zip(track.samples, changed, strict=True):
            piece = np.pad(channel[low:high], (low - start, stop - high))
            cut = np.lib.stride_tricks.sliding_window_view(piece, size)[::half]
            change = np.fft.irfft(np.fft.rfft(cut * window, axis=1) * gains[at], n=size, axis=1) * window
            added = np.zeros_like(piece)
            added[:-half] += change[:, :half].ravel()
            added[half:] += change[:, half:].ravel()
            into[low:high] += added[low - start : high - start]
    most = max(1.0, float(track.samples.max(initial=0.0)), -float(track.samples.min(initial=0.0)))
    np.clip(changed, -most, most, out=changed)
    return changed
