"""Sounds: every track and channel, to the last sample, within limits.

What a quick look leaves out is where unsafe sound hides: the right channel, the second track, what follows a damaged
packet, what a cut file or an edit list skips. `decode` gives all of it, or raises `Unreadable`; never a part.
Reads wav, mp3, aac, flac, ogg (vorbis, opus), m4a and the sound tracks of films.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from guard.classifier import Unreadable
from guard.media import _av

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_GAP_S = 0.1
"""Seconds by which a sound may be shorter than it says, or than its time stamps: codecs work in frames."""
_EXACT_S = 0.002
_OPEN_ENDED = (0, 0xFFFFFFFF, 0xFFFFFF00)
"""What a wav says of its length that was written before its end was known."""
_PACKETS_A_TURN = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """More of any cannot be read. *channel_seconds* is the length of all channels of all tracks together."""

    seconds: float = 1800.0
    tracks: int = 8
    channels: int = 8
    channel_seconds: float = 3600.0
    rate: int = 192_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Track:
    """One sound track: *samples* are floats of shape (channels, samples), *rate* of them a second."""

    rate: int
    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return float(self.samples.shape[1]) / self.rate


def decode(data: bytes, *, rate: int | None = None, limits: Limits = LIMITS) -> list[Track]:
    """Every track of *data*, at *rate* samples a second if that is given; see `decoding`."""
    steps = decoding(data, rate=rate, limits=limits)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            tracks: list[Track] = done.value
            return tracks


def decoding(data: bytes, *, rate: int | None = None, limits: Limits = LIMITS) -> Generator[None, None, list[Track]]:
    """`decode`, with pauses. Tracks of a film without any sound are an empty list.

    Raises:
        Unreadable: not a sound that can be read, damaged, cut short, followed by something else, or over a limit.
    """
    check_ends(data)
    with _av.opened(data, "sound") as container:
        streams = list(container.streams.audio)
        if len(streams) > limits.tracks:
            msg = f"the sound has {len(streams)} tracks; at most {limits.tracks} are read"
            raise Unreadable(msg)
        takers = {stream.index: _Taker(stream, rate, limits) for stream in streams}
        for number, packet in enumerate(container.demux(streams) if streams else ()):
            if number % _PACKETS_A_TURN == 0:
                yield
            taker = takers[packet.stream.index]
            for frame in packet.decode():
                taker.take(frame)
            taken = sum(one.seconds * one.channels for one in takers.values())
            if taken > limits.channel_seconds:
                msg = f"the sound has more than {limits.channel_seconds:g} seconds in all its channels"
                raise Unreadable(msg)
        declared = _declared(data, container)
        return [taker.track(declared) for taker in takers.values()]


class _Taker:
    """Takes in the frames of one track."""

    def __init__(self, stream: Any, rate: int | None, limits: Limits) -> None:
        import av

        context = stream.codec_context
        self.channels = int(context.channels or 0)
        self._source_rate = int(context.sample_rate or 0)
        if not (0 < self.channels <= limits.channels and 0 < self._source_rate <= limits.rate):
            msg = (
                f"the sound has {self.channels} channels at {self._source_rate} Hz; "
                f"at most {limits.channels} at {limits.rate} Hz are read"
            )
            raise Unreadable(msg)
        self._rate = rate or self._source_rate
        self._limits = limits
        self._stream = stream
        self._layout = context.layout
        self._resampler = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        self._pieces: list[Any] = []
        self._first: float | None = None
        self._end = 0.0
        self._taken = 0

    @property
    def seconds(self) -> float:
        """How much has come."""
        return self._taken / self._source_rate

    def take(self, frame: Any) -> None:
        """The next *frame*."""
        if frame.is_corrupt or len(frame.layout.channels) != self.channels or frame.sample_rate != self._source_rate:
            msg = "the sound is damaged or changes its form on the way"
            raise Unreadable(msg)
        self._taken += frame.samples
        if self.seconds > self._limits.seconds:
            msg = f"the sound is longer than {self._limits.seconds:g} seconds"
            raise Unreadable(msg)
        if frame.time is not None:
            self._first = frame.time if self._first is None else self._first
            self._end = max(self._end, frame.time + frame.samples / self._source_rate)
        self._pieces += [piece.to_ndarray() for piece in self._resampler.resample(frame)]

    def track(self, declared: float | None) -> Track:
        """All that came, if it is as much as the file says, and its times leave no gap."""
        gap = self._end - (self._first or 0.0) - self.seconds
        own = self._stream.duration
        wanted = 0.0 if declared is None else float(own * self._stream.time_base) if own else declared
        exact = self._stream.codec_context.name in ("flac", "alac")
        if gap > _GAP_S or self.seconds < wanted - (_EXACT_S if exact else _GAP_S) or not self._taken:
            msg = "the sound is damaged or cut short: some of what it declares is not there"
            raise Unreadable(msg)
        self._pieces += [piece.to_ndarray() for piece in self._resampler.resample(None)]
        samples = np.concatenate(self._pieces, axis=1, dtype=np.float32)
        if not np.isfinite(samples).all():
            msg = "the sound holds samples that are no numbers"
            raise Unreadable(msg)
        return Track(self._rate, samples)


def _declared(data: bytes, container: Any) -> float | None:
    """How many seconds the file says that it has; None where it does not say so, and FFmpeg guesses."""
    media_type = _av.sniff(data)
    headed = media_type not in ("audio/mpeg", "audio/aac") or any(
        mark in data[: _head_of(data) + 4096] for mark in (b"Xing", b"Info", b"VBRI")
    )
    if not headed or not container.duration:
        return None
    return 0.0 if container.streams.video else container.duration / 1e6  # a film may go on when its sound is over


def _head_of(data: bytes) -> int:
    """The length of the ID3 tag that *data* begins with (https://id3.org/id3v2.4.0-structure, 3.1)."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    a, b, c, d = data[6:10]
    return 10 + (a << 21 | b << 14 | c << 7 | d)


def check_ends(data: bytes) -> None:
    """Whether *data* ends where it says: not before, and with nothing behind that some player might play.

    Raises:
        Unreadable: it does not.
    """
    media_type = _av.sniff(data)
    if media_type == "audio/wav":
        _check_wave(data)
    elif media_type == "audio/ogg":
        last = data.rfind(b"OggS")
        if last < 0 or len(data) < last + 6 or not data[last + 5] & 4:  # RFC 3533, 6: the end-of-stream flag
            msg = "the sound is cut short: its last page is not the last"
            raise Unreadable(msg)
    elif media_type in ("audio/mp4", "video/mp4", "video/quicktime"):
        _check_boxes(data)


def _check_wave(data: bytes) -> None:
    size = int.from_bytes(data[4:8], "little")
    if size in _OPEN_ENDED or data[:4] == b"RF64":
        return
    if len(data) < size + 8:
        msg = "the sound is cut short: it is shorter than it says"
        raise Unreadable(msg)
    if data[size + 8 :].strip(b"\0"):
        msg = "the sound has something behind its end"
        raise Unreadable(msg)


def _check_boxes(data: bytes) -> None:
    """ISO/IEC 14496-12, 4.2: boxes one behind the other to the end, of which one says what the file is."""
    at, files = 0, 0
    while at < len(data):
        size, head = int.from_bytes(data[at : at + 4]), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        size = len(data) - at if size == 0 else size
        files += data[at + 4 : at + 8] == b"ftyp"
        if size < head or at + size > len(data) or files > 1:
            msg = "the file is cut short, or has something behind its end"
            raise Unreadable(msg)
        at += size


def ranges(times: Sequence[tuple[float, float]], seconds: float, margin: float = 0.0) -> list[tuple[float, float]]:
    """*times* in order within ``0..seconds``, each *margin* longer on both sides, those that touch as one."""
    wide = sorted((max(0.0, low - margin), min(seconds, high + margin)) for low, high in times)
    found: list[tuple[float, float]] = []
    for low, high in wide:
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], high)
        elif low < high:
            found.append((low, high))
    return found


def covers_all(windows: Sequence[tuple[int, int]], length: int) -> bool:
    """Whether *windows*, in order, leave no sample of *length* out."""
    if not windows:
        return length == 0
    return windows[0][0] == 0 and windows[-1][1] == length and all(a[1] >= b[0] for a, b in pairwise(windows))
