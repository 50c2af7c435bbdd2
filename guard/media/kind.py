"""What a file is, by its first bytes: a picture, a sound, a film, or none that is known.

Where a format begins with letters, more of its header is looked at: texts begin with letters too.
"""

from __future__ import annotations

from guard.content import Modality
from guard.media import image

_MAGIC = (
    (b"fLaC\0", "audio/flac"),
    (b"OggS\0", "audio/ogg"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr-wb"),
    (b"MThd\0\0\0\6", "audio/midi"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"FLV\1", "video/x-flv"),
    (b"\0\0\1\xba", "video/mpeg"),
    (b"\0\0\1\xb3", "video/mpeg"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
)
_RIFF = {b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_SOUNDS = frozenset((b"M4A ", b"M4B ", b"M4P "))
_TS_PACKET = 188


def sniff(data: bytes) -> str | None:
    """The media type that the first bytes show, whatever the sender claims; None if they show none."""
    found = image.sniff(data)
    if found is not None:
        return found
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data[:4] in {b"RIFF", b"RF64"}:
        return _RIFF.get(data[8:12])
    if data[:4] == b"FORM" and data[8:12] in {b"AIFF", b"AIFC"}:
        return "audio/aiff"
    if data[:1] == b"\0" and data[4:8] == b"ftyp":
        return "audio/mp4" if data[8:12] in _SOUNDS else "video/mp4"
    if (data[:3] == b"ID3" and data[3:4] in {b"\2", b"\3", b"\4"}) or _is_mpeg_sound(data):
        return "audio/mpeg"
    if data[:1] == b"\x47" and len(data) > 2 * _TS_PACKET and data[_TS_PACKET] == data[2 * _TS_PACKET] == 0x47:
        return "video/mp2t"
    return None


def modality(media_type: str) -> Modality | None:
    """What classifiers read a file of *media_type*."""
    return {"image": Modality.IMAGE, "audio": Modality.AUDIO, "video": Modality.VIDEO}.get(media_type.partition("/")[0])


def _is_mpeg_sound(data: bytes) -> bool:
    """Whether a frame of MPEG audio or of ADTS begins here: its sync, a bit rate and a sampling rate that exist."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return False
    if data[1] & 0x06 == 0:  # ADTS has no layer
        return data[1] & 0xF0 == 0xF0 and (data[2] >> 2) & 0xF < 13
    return data[1] & 0x18 != 0x08 and data[2] >> 4 not in {0, 15} and data[2] & 0x0C != 0x0C
