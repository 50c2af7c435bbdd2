"""Films: what there is to look at and to read in one, to its last frame, within limits.

Every frame is decoded. Kept are those that show something new: one every half second, each that begins another scene,
and of those between, each that shows somewhere what neither of its neighbours kept shows, so that what is shown in a
single frame is kept. Each kept frame stands for the time until the next. Subtitles and tags are texts; sound tracks are
`guard.media.sound`'s.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray  # noqa: TC002  a field of a named tuple

from guard.classifier import Unreadable
from guard.finding import Quote, Time
from guard.media import _av
from guard.media.sound import check_ends

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from PIL import Image

_GRID = 32
_SCENE = 0.06
"""How much of full scale a frame must differ on average from the last one kept, to begin another scene."""
_FLASH, _SAME = 0.06, 0.04
"""How far one cell of the grid must be beyond what was there before and is there after; and up to what it is alike."""
_MOST_HELD = 64
_TECHNICAL = re.compile(
    r"[\d:.,\-+/TZ ]{0,40}|[A-Za-z0-9]{1,4}|\[0\]\[0\]\[0\]\[0\]"
    r"|(?:iso[m2-9]|avc1|hev1|av01|mp4[12]|M4[ABVP] |qt  |dash|mmp4|cmf[c2]|3gp[0-9])+"
    r"|Lav[fc][\d.]*(?: [a-z0-9_\-]{1,20})?|LAME ?[\d.]{1,10}(?: ?\([a-z]+\))?|(?:Video|Sound|Subtitle)Handler|Other"
)
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
        watchers = {stream.index: _Watcher(stream, limits) for stream in container.streams.video}
        heard_s = 0.0
        for packet in container.demux():
            yield
            if packet.stream.type == "video":
                for frame in packet.decode():
                    watchers[packet.stream.index].take(frame)
            elif packet.stream.type == "subtitle":
                film.quotes += _subtitle(packet)
                _check_texts(film, limits)
            elif packet.pts is not None:
                heard_s = max(heard_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if not (watchers or film.has_sound):
            msg = "the film shows nothing and says nothing"
            raise Unreadable(msg)
        film_s = (container.duration or 0) / 1e6
        for watcher in watchers.values():
            film.shots += watcher.shots(film_s)
        if watchers and max(heard_s, *(watcher.end for watcher in watchers.values())) < film_s - _TOLERANCE_S:
            msg = "the film is cut short: some of what it declares is not there"
            raise Unreadable(msg)
    return film


class _Watcher:
    """Watches one picture track."""

    def __init__(self, stream: Any, limits: Limits) -> None:
        from av.stream import Disposition

        self._limits = limits
        self._is_cover = bool(stream.disposition & Disposition.attached_pic)
        self._declared = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        self._held: list[_Seen] = []
        """The last frame that was kept, and all since."""
        self._kept: list[Shot] = []
        self._count = 0
        self.end = 0.0

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
        time = self.end if frame.time is None else max(0.0, float(frame.time))
        if time > limits.seconds:
            msg = f"the film is longer than {limits.seconds:g} seconds"
            raise Unreadable(msg)
        self.end = max(self.end, time)
        seen = _Seen(time, _shrunk(frame), _small(frame))
        self._held.append(seen)
        first = self._held[0]
        if seen is first:
            self._keep(seen)
        elif (
            time - first.time >= limits.floor_s
            or len(self._held) > _MOST_HELD
            or float(np.abs(seen.small - first.small).mean()) > _SCENE
        ):
            self._settle()

    def _settle(self) -> None:
        """Keep the last of the frames held, and of those before it what shows something else than both ends."""
        between, last = self._held[1:-1], self._held[-1]
        for number in _flashes(np.stack([one.small for one in self._held])) if between else ():
            self._keep(between[number])
        self._keep(last)
        self._held = [last]

    def _keep(self, seen: _Seen) -> None:
        if len(self._kept) >= self._limits.kept:
            msg = f"the film shows more than {self._limits.kept} different pictures"
            raise Unreadable(msg)
        self._kept.append(Shot(_encoded(seen.frame), (seen.time, seen.time)))

    def shots(self, film_s: float) -> list[Shot]:
        """What was kept, if it is as much as the film says; *film_s* is how long all of it is."""
        if len(self._held) > 1:
            self._settle()
        if not self._kept or (not self._is_cover and self.end < self._declared - _TOLERANCE_S):
            msg = "the film is cut short: some of what it declares is not there"
            raise Unreadable(msg)
        if self._is_cover:
            return [Shot(shot.picture, None) for shot in self._kept]
        kept = sorted(self._kept, key=lambda shot: shot.time or (0.0, 0.0))
        starts = [shot.time[0] if shot.time else 0.0 for shot in kept]
        ends = [*starts[1:], max(film_s, self.end) + 1.0]
        return [Shot(shot.picture, (start, end)) for shot, start, end in zip(kept, starts, ends, strict=True)]


class _Seen(NamedTuple):
    time: float
    frame: Any
    small: NDArray[np.float32]


def _flashes(small: NDArray[np.float32]) -> list[int]:
    """Which of the frames *small* but the first and last (numbered without them) show what neither of those shows.

    A cell that goes over from what it was to what it will be, as most things that move do, is no flash. Of frames that
    show the same one is enough.
    """
    inner = small[1:-1]
    low, high = np.minimum(small[0], small[-1]), np.maximum(small[0], small[-1])
    apart = np.maximum(low - inner, inner - high).max(axis=3) > _FLASH
    found: list[int] = []
    while apart.any():
        best = int(apart.sum(axis=(1, 2)).argmax())
        found.append(best)
        apart[best] = False
        apart &= np.abs(inner - inner[best]).max(axis=3) > _SAME
    return sorted(found)


def _shrunk(frame: Any) -> Any:
    """*frame*, no larger than is looked at, so that many can be held."""
    longest = max(frame.width, frame.height)
    if longest <= _LONGEST_SIDE:
        return frame
    width, height = (max(2, round(side * _LONGEST_SIDE / longest / 2) * 2) for side in (frame.width, frame.height))
    smaller = frame.reformat(width=width, height=height, format="yuv420p")
    return _Turned(smaller, int(getattr(frame, "rotation", 0) or 0))


class _Turned(NamedTuple):
    frame: Any
    rotation: int

    def to_image(self) -> Image.Image:
        picture: Image.Image = self.frame.to_image()
        return picture


def _small(frame: Any) -> NDArray[np.float32]:
    from av.video.reformatter import Interpolation

    tiny = frame.reformat(width=_GRID, height=_GRID, format="rgb24", interpolation=Interpolation.AREA)
    found: NDArray[np.float32] = tiny.to_ndarray().astype(np.float32) / np.float32(255.0)
    return found


def upright(frame: Any) -> Image.Image:
    """*frame* as a picture, turned as it is shown."""
    picture: Image.Image = frame.to_image()
    turned = int(getattr(frame, "rotation", 0) or 0)
    return picture.rotate(turned, expand=True) if turned else picture


def _encoded(frame: Any) -> bytes:
    out = io.BytesIO()
    upright(frame).save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def _tags(container: Any, limits: Limits) -> Iterator[Quote]:
    """Titles, comments, lyrics, names of chapters: whatever players show of them, each a text of its own.

    What programs write of themselves is none: numbers, times, a language, the kinds of a container, its maker's name.
    """
    holders = [container.metadata, *(stream.metadata for stream in container.streams)]
    holders += [chapter.get("metadata", {}) for chapter in container.chapters()]
    values = dict.fromkeys(str(value) for holder in holders for value in holder.values())
    values = {value: None for value in values if not _TECHNICAL.fullmatch(value)}
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
