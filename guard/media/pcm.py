"""Raw samples, which say nothing of themselves: judged, and changed, as the WAV that they are without its head.

The form is OpenAI's ``pcm`` and ``pcm16``: 24,000 samples a second of one channel, 16 bits, signed, lower byte first.
RIFF after Microsoft's and IBM's "Multimedia Programming Interface and Data Specifications 1.0".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeGuard

from guard.content import RAW_SAMPLES, AudioPart
from guard.errors import RequestError

if TYPE_CHECKING:
    from guard.content import Part

RATE = 24_000
_FORM = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
_FILES = (b"RIFF", b"RF64", b"OggS", b"fLaC", b"\x1aE\xdf\xa3")
_SAYING = (b"LIST", b"fact")
"""Chunks that encoders write by themselves and that nobody hears."""


def is_raw(data: bytes) -> bool:
    """Whether *data* can be samples: it does not begin as a file of sound does that somebody might play as such."""
    return len(data) % 2 == 0 and not data.startswith((*_FILES, b"ID3")) and data[4:8] != b"ftyp"


def is_wrapped(part: Part) -> TypeGuard[AudioPart]:
    """Whether *part* is what `wrapped` made, called `RAW_SAMPLES`."""
    return isinstance(part, AudioPart) and part.media_type == RAW_SAMPLES


def wrapped(samples: bytes) -> bytes:
    """*samples* as a WAV file."""
    head = b"WAVEfmt " + struct.pack("<I", len(_FORM)) + _FORM + b"data" + struct.pack("<I", len(samples))
    return b"RIFF" + struct.pack("<I", len(head) + len(samples)) + head + samples


def unwrapped(wave: bytes) -> bytes:
    """The samples of a WAV file that `wrapped` made, or that was made of one.

    Raises:
        RequestError: it is of another form, or holds what samples alone cannot.
    """
    form, samples, at = b"", b"", 12
    while at + 8 <= len(wave):
        name, (size,) = wave[at : at + 4], struct.unpack_from("<I", wave, at + 4)
        inside = wave[at + 8 : at + 8 + size]
        if name == b"fmt ":
            form = inside[: len(_FORM)]
        elif name == b"data":
            samples = inside
        elif name not in _SAYING:
            raise RequestError("invalid_answer", "Raw samples cannot hold what was written beside them.")
        at += 8 + size + size % 2
    if form != _FORM or not samples:
        raise RequestError("invalid_answer", "The changed sound is not of the form of raw samples.")
    return samples
