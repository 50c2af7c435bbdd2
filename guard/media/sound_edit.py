"""Edits in sounds: `guard.media.edits` for the kinds ``mute`` and ``beep``.

A sound is written anew in its own container and codec, with the same tracks, channels and rate, and as long as it was;
nothing else that its file said is kept, for a title may say what the voice did. Each channel of each track is changed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from guard.classifier import Unreadable
from guard.media import _av
from guard.media.sound import Track, decoding, ranges

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from guard.content import MediaEdit

MARGIN_S = 0.15
"""Seconds that are hidden on each side: nobody hears to the sample where a word begins."""
_FADE_S = 0.005
_TONE_HZ, _TONE = 1000.0, 0.2
_QUIET = 10 ** (-45 / 20)
_PRIMING = 1024
"""Samples that an AAC encoder puts before a sound: those that are there are left out for those that will be."""
_LONGER_S = 0.15
"""How much longer or shorter a sound may become: codecs work in frames."""
_ENCODERS = {
    "mp3": "libmp3lame", "mp3float": "libmp3lame", "flac": "flac", "opus": "libopus", "libopus": "libopus",
    "aac": "aac", "alac": "alac", "vorbis": "vorbis",
}  # fmt: skip
CONTAINERS = {
    "audio/wav": "wav", "audio/mpeg": "mp3", "audio/aac": "adts", "audio/flac": "flac", "audio/ogg": "ogg",
    "audio/mp4": "ipod", "video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm",
}  # fmt: skip
_OPUS_RATES = (48_000, 24_000, 16_000, 12_000, 8_000)
_LEAST_BIT_RATE = 24_000


@dataclass(frozen=True, slots=True)
class Form:
    """How a track is written."""

    codec: str
    rate: int
    layout: str
    bit_rate: int


def edited(data: bytes, edits: Sequence[MediaEdit]) -> Generator[None, None, bytes]:
    """The sound *data* with *edits* made, proved by reading it again.

    Raises:
        Unreadable: it cannot be read, or written in its own codec.
    """
    media_type = _av.sniff(data) or ""
    tracks = yield from decoding(data)
    forms = forms_of(data, len(data) * 8 / max(1.0, *(track.seconds for track in tracks)))
    changed = [Track(track.rate, hidden(track.samples, track.rate, edits)) for track in tracks]
    yield
    out = io.BytesIO()
    yield from write(out, CONTAINERS[media_type], forms, changed)
    written = out.getvalue()
    yield from check(written, tracks, edits)
    return written


def hidden(samples: NDArray[np.float32], rate: int, edits: Sequence[MediaEdit]) -> NDArray[np.float32]:
    """*samples* with the times of *edits* silent, or with a tone in their place."""
    changed = samples.copy()
    seconds = samples.shape[1] / rate
    for beeps in (True, False):  # what is to be silent is, whatever else is asked for
        times = [edit.time or (0.0, seconds) for edit in edits if (edit.kind == "beep") == beeps]
        for low, high in ranges(times, seconds, MARGIN_S):
            start, end = int(low * rate), min(samples.shape[1], int(high * rate) + 1)
            changed[:, start:end] = _tone(end - start, rate) if beeps else 0.0
    return changed


def _tone(length: int, rate: int) -> NDArray[np.float32]:
    at = np.arange(length, dtype=np.float32) / np.float32(rate)
    edge = np.minimum(1.0, np.minimum(at, at[::-1]) / _FADE_S)
    tone: NDArray[np.float32] = (_TONE * edge * np.sin(2 * np.pi * _TONE_HZ * at)).astype(np.float32)
    return tone


def check(data: bytes, before: Sequence[Track], edits: Sequence[MediaEdit]) -> Generator[None, None, None]:
    """Whether the sound *data* is as long as *before*, and silent where it should be."""
    after = yield from decoding(data)
    if len(after) != len(before):
        msg = "the changed sound has other tracks"
        raise Unreadable(msg)
    for old, new in zip(before, after, strict=True):
        if abs(old.seconds - new.seconds) > _LONGER_S or len(old.samples) != len(new.samples):
            msg = "the changed sound is not as long as it was"
            raise Unreadable(msg)
        for low, high in ranges([e.time or (0.0, old.seconds) for e in edits if e.kind == "mute"], old.seconds):
            heard = new.samples[:, int(low * new.rate) : int(high * new.rate)]
            if float(np.sqrt(np.mean(np.square(heard))) if heard.size else 0.0) > _QUIET:
                msg = "the changed sound is not silent where it should be"
                raise Unreadable(msg)


def forms_of(data: bytes, bit_rate: float) -> list[Form]:
    """How the tracks of the sound *data* are to be written again; see `form_of`."""
    with _av.opened(data, "sound") as container:
        if container.streams.video or container.streams.subtitles:
            covers = "a cover" if container.streams.video else "subtitles"
            msg = f"a sound with {covers} cannot be changed"
            raise Unreadable(msg)
        streams = container.streams.audio
        return [form_of(stream, int(bit_rate / len(streams))) for stream in streams]


def form_of(stream: Any, bit_rate: int = 0) -> Form:
    """How *stream* is to be written again; with *bit_rate*, if it does not know its own.

    Raises:
        Unreadable: nothing here writes its codec.
    """
    context = stream.codec_context
    name = context.name
    codec = name if name.startswith("pcm_") else _ENCODERS.get(name)
    if codec is None:
        msg = f"nothing here writes {name}"
        raise Unreadable(msg)
    rate = int(context.sample_rate)
    if codec == "libopus" and rate not in _OPUS_RATES:
        rate = _OPUS_RATES[0]
    bit_rate = int(context.bit_rate or stream.bit_rate or bit_rate or 64_000 * len(context.layout.channels))
    return Form(codec, rate, context.layout.name, max(_LEAST_BIT_RATE, bit_rate))


def write(
    out: io.BytesIO, container: str, forms: Sequence[Form], tracks: Sequence[Track]
) -> Generator[None, None, None]:
    """Write *tracks* into a file of the kind *container*.

    Raises:
        Unreadable: its encoder refuses.
    """
    import av

    try:
        with av.open(out, "w", format=container) as target:
            streams = [add_track(target, form) for form in forms]
            for stream, track in zip(streams, tracks, strict=True):
                yield from encode(target, stream, track)
    except (av.error.FFmpegError, ValueError) as error:
        msg = f"the changed sound could not be written ({type(error).__name__})"
        raise Unreadable(msg) from error


def add_track(target: Any, form: Form) -> Any:
    """A track of *target* in *form*."""
    stream = target.add_stream(form.codec, rate=form.rate, layout=form.layout)
    if not form.codec.startswith(("pcm_", "flac", "alac")):
        stream.bit_rate = form.bit_rate
    if form.codec == "vorbis":
        stream.codec_context.options = {"strict": "experimental"}
    return stream


def encode(target: Any, stream: Any, track: Track) -> Generator[None, None, None]:
    """Write *track* into *stream* of *target*."""
    import av

    layout = stream.codec_context.layout.name
    samples = track.samples[:, _PRIMING:] if stream.codec_context.name == "aac" else track.samples
    for start in range(0, samples.shape[1], track.rate):
        yield
        piece = np.ascontiguousarray(samples[:, start : start + track.rate])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
        frame.sample_rate = track.rate
        frame.pts = start
        for packet in stream.encode(frame):
            target.mux(packet)
    for packet in stream.encode(None):
        target.mux(packet)
