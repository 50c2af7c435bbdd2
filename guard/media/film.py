"""Films: what there is to look at and to read in one, to its last frame, within limits.

Every frame is decoded. Kept are those that show something new: any that differs from the frame before it or from the
last one kept, and one every half second in any case; so what is shown in a single frame is kept. Each kept frame stands
for the time until the next. Subtitles and tags are texts; sound tracks are `guard.media.sound`'s.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from guard.classifier import Unreadable
from guard.finding import Quote, Time
from guard.media import _av
from guard.media.sound import check_ends

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray
    from PIL import Image

_GRID = 32
_ALL_OVER, _SOMEWHERE = 0.03, 0.25
"""How much of full scale a frame must differ from another, on average or in one cell of the grid, to be kept."""
_LONGEST_SIDE = 1280
_TOLERANCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """More of any cannot be read. *kept* bounds the frames that show something new: each is judged as a picture."""

    seconds: float = 600.0
    frames: int = 40_000
    pixels: int = 9_000_000
    total_pixels: int = 20_000_000_000
    kept: int = 1200
    texts: int = 20_000
    floor_s: float = 0.5


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame, as a JPEG, and the time that it stands for; a cover stands for all of it."""

    picture: bytes
    time: Time | None


@dataclass(slots=True)
class Film:
    """What a film or sound holds beside its samples."""

    shots: list[Shot] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)
    has_sound: bool = False


def unfold(data: bytes, *, limits: Limits = LIMITS) -> Generator[None, None, Film]:
    """What *data* holds; yields where it may pause.

    Raises:
        Unreadable: not a film that can be read, damaged, cut short, over a limit, or with anything else in it.
    """
    check_ends(data)
    with _av.opened(data, "film") as container:
        film = Film(has_sound=bool(container.streams.audio))
        film.quotes += _tags(container, limits)
        streams = [*container.streams.video, *container.streams.subtitles]
        watchers = {stream.index: _Watcher(stream, limits) for stream in container.streams.video}
        for packet in container.demux(streams) if streams else ():
            yield
            watcher = watchers.get(packet.stream.index)
            if watcher is None:
                film.quotes += _subtitle(packet)
                _check_texts(film, limits)
                continue
            for frame in packet.decode():
                watcher.take(frame)
        film_s = (container.duration or 0) / 1e6
        for watcher in watchers.values():
            film.shots += watcher.shots(film_s)
    return film


class _Watcher:
    """Watches one picture track."""

    def __init__(self, stream: Any, limits: Limits) -> None:
        from av.stream import Disposition

        self._limits = limits
        self._is_cover = bool(stream.disposition & Disposition.attached_pic)
        self._duration = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        self._before: NDArray[np.float32] | None = None
        self._last: NDArray[np.float32] | None = None
        self._kept: list[tuple[float, bytes]] = []
        self._count = 0
        self._end = 0.0

    def take(self, frame: Any) -> None:
        """The next *frame*."""
        limits = self._limits
        self._count += 1
        size = frame.width * frame.height
        if frame.is_corrupt:
            msg = "the film is damaged"
            raise Unreadable(msg)
        if size > limits.pixels or self._count > limits.frames or size * self._count > limits.total_pixels:
            msg = f"the film has more than {limits.frames} frames or {limits.pixels} pixels in one"
            raise Unreadable(msg)
        time = self._end if frame.time is None else max(0.0, float(frame.time))
        if time > limits.seconds:
            msg = f"the film is longer than {limits.seconds:g} seconds"
            raise Unreadable(msg)
        self._end = max(self._end, time)
        small = _small(frame)
        new = (
            self._last is None
            or self._before is None
            or time - self._kept[-1][0] >= limits.floor_s
            or _differ(small, self._before)
            or _differ(small, self._last)
        )
        self._before = small
        if new:
            if len(self._kept) >= limits.kept:
                msg = f"the film shows more than {limits.kept} different pictures"
                raise Unreadable(msg)
            self._last = small
            self._kept.append((time, _encoded(frame)))

    def shots(self, film_s: float) -> list[Shot]:
        """What was kept, if it is as much as the film says."""
        if not self._kept or self._end < self._duration - _TOLERANCE_S:
            msg = "the film is cut short: some of what it declares is not there"
            raise Unreadable(msg)
        if self._is_cover:
            return [Shot(picture, None) for _, picture in self._kept]
        kept = sorted(self._kept, key=lambda one: one[0])
        ends = [time for time, _ in kept[1:]] + [max(film_s, self._end) + 1.0]
        return [Shot(picture, (time, end)) for (time, picture), end in zip(kept, ends, strict=True)]


def _small(frame: Any) -> NDArray[np.float32]:
    from av.video.reformatter import Interpolation

    tiny = frame.reformat(width=_GRID, height=_GRID, format="rgb24", interpolation=Interpolation.AREA)
    found: NDArray[np.float32] = tiny.to_ndarray().astype(np.float32) / np.float32(255.0)
    return found


def _differ(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    difference = np.abs(one - other)
    return float(difference.mean()) > _ALL_OVER or float(difference.max()) > _SOMEWHERE


def _encoded(frame: Any) -> bytes:
    picture: Image.Image = frame.to_image()
    turned = int(getattr(frame, "rotation", 0) or 0)
    if turned:
        picture = picture.rotate(turned, expand=True)
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def _tags(container: Any, limits: Limits) -> Iterator[Quote]:
    """Titles, comments, lyrics, names of chapters: whatever players show of them, each a text of its own."""
    holders = [container.metadata, *(stream.metadata for stream in container.streams)]
    holders += [chapter.get("metadata", {}) for chapter in container.chapters()]
    values = dict.fromkeys(str(value) for holder in holders for value in holder.values())
    if len(values) > limits.texts:
        msg = f"the film has more than {limits.texts} tags"
        raise Unreadable(msg)
    for number, value in enumerate(values):
        yield Quote(value, strand=-1 - number)


def _subtitle(packet: Any) -> Iterator[Quote]:
    """The text of one subtitle, with whatever stands around it in its format."""
    payload = bytes(packet)
    codec = packet.stream.codec_context.name
    if codec == "mov_text":  # 3GPP TS 26.245, 5.17: the length of the text, and boxes with its style behind it
        payload = payload[2:]
    text = payload.decode("utf-8", "replace").strip("\0")
    if text and packet.pts is not None:
        start = max(0.0, float(packet.pts * packet.time_base))
        length = float((packet.duration or 0) * packet.time_base)
        yield Quote(text + "\n", time=(start, start + max(0.0, length)), strand=packet.stream.index)


def _check_texts(film: Film, limits: Limits) -> None:
    if len(film.quotes) > limits.texts:
        msg = f"the film has more than {limits.texts} texts"
        raise Unreadable(msg)
