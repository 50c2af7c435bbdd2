"""FFmpeg's libraries through PyAV, kept on a short lead: known demuxers, known codecs, nothing opened but the bytes.

PyAV (BSD) comes with the extra ``audio``. Without it nothing here can be read, which is `Unreadable`, never a pass.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from guard.classifier import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMUXERS = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "mov",
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
}
"""By what each type is read. Playlists, which would open other addresses, are none of them."""
_CODECS = (
    "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_u8", "pcm_f32le", "pcm_f64le",
    "pcm_alaw", "pcm_mulaw", "mp3", "mp3float", "flac", "vorbis", "opus", "libopus", "aac", "alac",
    "h264", "hevc", "vp8", "vp9", "libdav1d", "av1", "mpeg4", "mjpeg", "png",
    "mov_text", "srt", "subrip", "webvtt", "ass", "ssa", "text",
)  # fmt: skip
KNOWN = frozenset(_CODECS)
_OPTIONS = {
    "codec_whitelist": ",".join(_CODECS),
    "protocol_whitelist": "none",  # a film may name other files; only the bytes that came are read
    "ignore_editlist": "1",  # players differ in what of a track they skip: all of it is read
    "err_detect": "crccheck",
}
_MAGIC = ((b"fLaC", "audio/flac"), (b"OggS", "audio/ogg"), (b"\x1aE\xdf\xa3", "video/webm"))


def sniff(data: bytes) -> str | None:
    """The type of a sound or film that the first bytes show, whatever its sender claims; None if they show none."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "audio/wav"
    if data[4:8] == b"ftyp":
        if data[8:12] == b"qt  ":
            return "video/quicktime"
        return "audio/mp4" if data[8:12] in (b"M4A ", b"M4B ") else "video/mp4"
    if data[:3] == b"ID3":  # some put such a tag before FLAC, too: C2PA's own library does
        size = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=False))
        return "audio/flac" if data[10 + size : 14 + size] == b"fLaC" else "audio/mpeg"
    if data[:1] == b"\xff" and data[1:2] and data[1] & 0xE6 in (0xE2, 0xE4, 0xE6):
        return "audio/mpeg"
    return "audio/aac" if data[:1] == b"\xff" and data[1:2] and data[1] & 0xF6 == 0xF0 else None


@contextmanager
def opened(data: bytes, what: str) -> Iterator[Any]:
    """The container that *data*, called *what* in messages, is.

    Raises:
        Unreadable: PyAV is missing; empty, of a type or with a codec that is not read here, or damaged, also in the
            course of reading it in the ``with`` block.
    """
    try:
        import av
    except ImportError as error:
        msg = f"the {what} cannot be read: package av is not installed (guard-gateway[audio] brings it)"
        raise Unreadable(msg) from error
    if not data:
        msg = f"the {what} is empty"
        raise Unreadable(msg)
    media_type = sniff(data)
    if media_type is None:
        msg = f"the {what} is of no type that can be read; readable are {', '.join(DEMUXERS)}"
        raise Unreadable(msg)
    try:
        with av.open(
            io.BytesIO(data), format=DEMUXERS[media_type], options=_OPTIONS, metadata_errors="replace"
        ) as container:
            check_streams(container, what)
            yield container
    except av.error.FFmpegError as error:
        msg = f"the {what} is damaged or cut short ({type(error).__name__})"
        raise Unreadable(msg) from error
    except (ValueError, OverflowError, MemoryError) as error:  # what numbers in a damaged header make of PyAV
        msg = f"the {what} is damaged ({type(error).__name__})"
        raise Unreadable(msg) from error


def check_streams(container: Any, what: str) -> None:
    """Refuse what holds anything beside pictures, sounds and subtitles of known codecs: fonts, files, data."""
    for stream in container.streams:
        if stream.type in ("audio", "video", "subtitle"):
            codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
        else:
            codec = stream.type
        if codec not in KNOWN:
            msg = f"the {what} holds something that is not read here ({codec})"
            raise Unreadable(msg)
