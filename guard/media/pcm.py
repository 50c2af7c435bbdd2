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
_FILES = (b"RIFF", b"RF64", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"ID3", b"FORM", b".snd", b"caff", b"#!AMR")
_KBITS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Of MPEG sound by its version (whether it is the first) and layer, from index 1 on (ISO/IEC 11172-3, 13818-3)."""
_SAYING = (b"LIST", b"fact")
"""Chunks that encoders write by themselves and that nobody hears."""


def is_raw(data: bytes) -> bool:
    """Whether *data* can be samples: it does not begin as a file of sound does that somebody might play as such."""
    return len(data) % 2 == 0 and not data.startswith(_FILES) and data[4:8] != b"ftyp" and not _is_framed(data)


def _is_framed(data: bytes) -> bool:
    """Whether *data* begins with two frames of MP3 or AAC (ADTS), which need no head before them."""
    if len(data) < 8 or data[0] != 0xFF:
        return False
    size = _adts(data) if data[1] & 0xF6 == 0xF0 else _mpeg(data) if data[1] & 0xE0 == 0xE0 else 0
    return size > 0 and data[size : size + 2] == data[:2]


def _adts(data: bytes) -> int:
    return (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5


def _mpeg(data: bytes) -> int:
    version, layer, bits, rate = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3), data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or layer == 4 or not 1 <= bits <= 14 or rate == 3:
        return 0
    first, padding = version == 3, data[2] >> 1 & 1
    hertz = (44_100, 48_000, 32_000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    speed = 1000 * _KBITS[first, layer if first else min(layer, 2)][bits - 1]
    if layer == 1:
        return (12 * speed // hertz + padding) * 4
    return (72 if layer == 3 and not first else 144) * speed // hertz + padding


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
