"""Sounds and films made on the spot, in the formats that people send, and a reader that hears one tone in them."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from classifiers.asr import Asr
from guard.classifier import Readable, Reader
from guard.content import AudioPart, Modality
from guard.finding import Quote
from guard.media import sound
from tests.fakes import CANARY

SPEECH = Path(__file__).parent / "data" / "sound"
RATE = 16_000
TONE_HZ = 2000.0
FORMATS = {
    "wav": ("wav", "pcm_s16le"),
    "wav of 24 bits": ("wav", "pcm_s24le"),
    "wav of floats": ("wav", "pcm_f32le"),
    "telephone": ("wav", "pcm_mulaw"),
    "mp3": ("mp3", "libmp3lame"),
    "flac": ("flac", "flac"),
    "opus": ("ogg", "libopus"),
    "m4a": ("ipod", "aac"),
    "alac": ("ipod", "alac"),
    "aac": ("adts", "aac"),
    "webm": ("webm", "libopus"),
}
"""Containers and codecs by what people call them."""


def speech(name: str) -> bytes:
    """A sentence that a machine says; see the README beside it."""
    return (SPEECH / f"{name}.ogg").read_bytes()


def murmur(seconds: float, channels: int = 1, rate: int = RATE) -> NDArray[np.float32]:
    """A sound without any tone, each channel another."""
    noise = np.random.default_rng(channels).standard_normal((channels, int(seconds * rate)))
    return (0.05 * noise).astype(np.float32)


def with_tone(
    samples: NDArray[np.float32], start: float, seconds: float = 0.3, channel: int = 0, rate: int = RATE
) -> NDArray[np.float32]:
    """*samples* with the canary of these tests: a tone in one channel."""
    changed = samples.copy()
    low, high = int(start * rate), int((start + seconds) * rate)
    at = np.arange(high - low) / rate
    changed[channel, low:high] += (0.5 * np.sin(2 * np.pi * TONE_HZ * at)).astype(np.float32)
    return changed


def encoded(
    *tracks: NDArray[np.float32], form: str = "wav", rate: int = RATE, tags: dict[str, str] | None = None
) -> bytes:
    """A file of *tracks* in one of `FORMATS`."""
    container, codec = FORMATS[form]
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        target.metadata.update(tags or {})
        streams: list[Any] = []
        for track in tracks:
            layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(track)]
            streams.append(target.add_stream(codec, rate=48_000 if codec == "libopus" else rate, layout=layout))
        for stream, track in zip(streams, tracks, strict=True):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(track), format="fltp", layout=stream.layout.name)
            frame.sample_rate = rate
            target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
    return out.getvalue()


def heard(samples: NDArray[np.float32], rate: int) -> list[tuple[float, float]]:
    """When the tone is to be heard in one channel, to a tenth of a second."""
    size = rate // 10
    found = []
    for start in range(0, len(samples) - size + 1, size):
        piece = samples[start : start + size]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(size)))
        near = np.abs(np.fft.rfftfreq(size, 1 / rate) - TONE_HZ) <= 20
        if spectrum[near].max() > 20 * np.median(spectrum) and spectrum[near].max() > 0.02 * size:
            found.append((start / rate, (start + size) / rate))
    return found


class TonesAreWords(Reader[list[sound.Track]]):
    """Hears the canary where the tone is: so sounds can be judged without a model."""

    modalities = frozenset({Modality.AUDIO})

    def prepare(self, part: Readable) -> list[sound.Track]:
        assert isinstance(part, AudioPart)
        return sound.decode(part.data)

    def cost(self, item: list[sound.Track]) -> int:
        return 1

    def read(self, items: Sequence[list[sound.Track]]) -> list[list[Quote]]:
        return [
            [
                Quote(f"{CANARY} ", time=time, strand=8 * number + place)
                for number, track in enumerate(item)
                for place, channel in enumerate(track.samples)
                for time in heard(channel, track.rate)
            ]
            for item in items
        ]


@functools.cache
def whisper() -> Any:
    """The model, loaded once for all tests."""
    asr = Asr()
    asr.load()
    return asr._model


class SharedAsr(Asr):
    """The real thing, but for how often it is loaded."""

    def load(self) -> None:
        self._model = whisper()


Paint = Callable[[int, NDArray[np.uint8]], None]


def film(
    paint: Paint = lambda _number, _picture: None,
    *,
    seconds: float = 2.0,
    fps: int = 25,
    size: tuple[int, int] = (160, 120),
    codec: str = "libx264",
    container: str = "mp4",
    track: NDArray[np.float32] | None = None,
    speed: int = 3,
) -> bytes:
    """A film of a bar that moves over green, *speed* pixels a frame, each *paint*ed on, with a sound *track* if any."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream: Any = target.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if codec.startswith("libvpx"):
            stream.options = {"deadline": "realtime", "cpu-used": "8"}
        audio: Any = None
        if track is not None:
            voice = "libopus" if container == "webm" else "aac"
            audio = target.add_stream(voice, rate=48_000, layout="mono" if len(track) == 1 else "stereo")
        for number in range(int(seconds * fps)):
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            picture[:, :, 1] = 120
            left = (speed * number) % (size[0] - 20)
            picture[40:60, left : left + 20] = 200
            paint(number, picture)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode(None))
        if audio is not None and track is not None:
            frame = av.AudioFrame.from_ndarray(track, format="fltp", layout=audio.layout.name)
            frame.sample_rate = RATE
            target.mux(audio.encode(frame))
            target.mux(audio.encode(None))
    return out.getvalue()
