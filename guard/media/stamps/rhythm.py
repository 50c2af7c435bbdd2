"""The label that people hear: "AI" in Morse code before a sound, as GB 45438-2025 (5.3) lets a sound say it.

Short, long; short, short. The sound behind it is written anew in its own codec, as `guard.media.sound_edit` does.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from guard.classifier import Unreadable
from guard.media import _av, sound_edit
from guard.media.sound import Track, decoding

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

_UNIT_S = 0.1
_LEAD_S = 0.2
"""Silence before it, of which a codec may cut off a little."""
_HZ, _LOUD, _FADE_S = 880.0, 0.25, 0.005
_UNITS = "101110001010000"
_STEP_S = 0.01
_MOST_SHIFT = 15
"""Steps by which a codec may move it, either way."""
_ALIKE = 0.9
_LONGER_S = 0.25


def prepended(data: bytes) -> Generator[None, None, bytes]:
    """The sound *data* with the rhythm before it, or as it is where it begins so already; proved by hearing it again.

    Raises:
        Unreadable: it cannot be read, or written in its own codec.
    """
    tracks = yield from decoding(data)
    if all(begins_so(track) for track in tracks):
        return data
    media_type = _av.sniff(data) or ""
    forms = sound_edit.forms_of(data, len(data) * 8 / max(1.0, *(track.seconds for track in tracks)))
    longer = [
        Track(track.rate, np.concatenate([_rhythm(track.rate, len(track.samples)), track.samples], axis=1))
        for track in tracks
    ]
    yield
    out = io.BytesIO()
    yield from sound_edit.write(out, sound_edit.CONTAINERS[media_type], forms, longer)
    written = out.getvalue()
    heard = yield from decoding(written)
    same = len(heard) == len(longer) and all(
        begins_so(new) and abs(new.seconds - old.seconds) <= _LONGER_S and len(new.samples) == len(old.samples)
        for old, new in zip(longer, heard, strict=True)
    )
    if not same:
        raise Unreadable("the rhythm could not be heard again")
    return written


def begins_so(track: Track) -> bool:
    """Whether *track* begins with the rhythm, in each of its channels."""
    step = max(1, int(_STEP_S * track.rate))
    wanted = _envelope(_rhythm(track.rate, 1)[0], step)
    return all(_is_like(_envelope(channel, step), wanted) for channel in track.samples)


def _is_like(heard: NDArray[Any], wanted: NDArray[Any]) -> bool:
    best = 0.0
    for shift in range(-_MOST_SHIFT, _MOST_SHIFT + 1):
        part = heard[max(0, shift) : shift + len(wanted)]
        same = wanted[len(wanted) - len(part) :] if shift < 0 else wanted[: len(part)]
        if len(part) >= len(wanted) - _MOST_SHIFT and part.std() > 0 and part.max() > _LOUD / 10:
            best = max(best, float(np.corrcoef(part, same)[0, 1]))
    return best >= _ALIKE


def _envelope(samples: NDArray[Any], step: int) -> NDArray[Any]:
    seconds = _LEAD_S + _UNIT_S * len(_UNITS)
    most = int(seconds / _STEP_S) + _MOST_SHIFT
    pieces = samples[: min(len(samples) // step, most) * step].reshape(-1, step)
    loud: NDArray[Any] = np.sqrt(np.mean(np.square(pieces, dtype=np.float64), axis=1))
    return loud


def _rhythm(rate: int, channels: int) -> NDArray[np.float32]:
    unit = int(_UNIT_S * rate)
    gate = np.repeat(np.array([one == "1" for one in _UNITS], dtype=np.float32), unit)
    fade = max(1, int(_FADE_S * rate))
    gate = np.convolve(gate, np.full(fade, 1 / fade, dtype=np.float32), mode="same")
    at = np.arange(len(gate), dtype=np.float32) / np.float32(rate)
    tone = (_LOUD * gate * np.sin(2 * np.pi * _HZ * at)).astype(np.float32)
    whole = np.concatenate([np.zeros(int(_LEAD_S * rate), dtype=np.float32), tone])
    return np.repeat(whole[None], channels, axis=0)
