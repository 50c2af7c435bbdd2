"""Edits in films: ``blur``, ``pixelate`` and ``paint`` over frames, ``mute`` and ``beep`` in the sound.

A film is written anew in its own container and codecs, frame for frame and as long as it was, upright, without
tags. One with subtitles cannot be changed, for they would be lost.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from guard.classifier import Unreadable
from guard.media import _av, film, image_edit, sound_edit
from guard.media.sound import Track, decoding

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from PIL import Image

    from guard.content import MediaEdit

_SOUNDS = ("mute", "beep")
_ENCODERS = {
    "h264": "libx264", "hevc": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9", "libdav1d": "libsvtav1",
    "av1": "libsvtav1", "mpeg4": "mpeg4",
}  # fmt: skip
_QUICK = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libx265": {"preset": "ultrafast", "crf": "22", "x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "6"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "7", "row-mt": "0"},
    "libsvtav1": {"preset": "10", "crf": "30"},
    "mpeg4": {"qscale": "3"},
}
_SLACK_S = 0.001
_MOST_LOSS = 20.0
"""Mean difference of samples of a changed frame between what was to be written and what is read back."""


def edited(data: bytes, edits: Sequence[MediaEdit]) -> Generator[None, None, bytes]:
    """The film *data* with *edits* made, proved by reading it again.

    Raises:
        Unreadable: it cannot be read, or written in its own codecs.
    """
    pictures = [edit for edit in edits if edit.kind not in _SOUNDS]
    sounds = [edit for edit in edits if edit.kind in _SOUNDS]
    tracks = yield from decoding(data)
    out = io.BytesIO()
    with _av.opened(data, "film") as source:
        _check(source)
        yield from _write(out, data, source, tracks, (pictures, sounds))
    written = out.getvalue()
    yield from sound_edit.check(written, tracks, sounds)
    yield from _compare(data, written, pictures)
    return written


def _check(source: Any) -> None:
    if len(source.streams.video) != 1 or source.streams.subtitles:
        msg = "a film with subtitles, or with other than one picture track, cannot be changed"
        raise Unreadable(msg)
    name = source.streams.video[0].codec_context.name
    if name not in _ENCODERS:
        msg = f"nothing here writes {name}"
        raise Unreadable(msg)


def _write(
    out: io.BytesIO,
    data: bytes,
    source: Any,
    tracks: Sequence[Track],
    edits: tuple[Sequence[MediaEdit], Sequence[MediaEdit]],
) -> Generator[None, None, None]:
    import av

    pictures, sounds = edits
    given = source.streams.video[0]
    codec = _ENCODERS[given.codec_context.name]
    container = sound_edit.CONTAINERS[_av.sniff(data) or ""]
    forms = [sound_edit.form_of(stream) for stream in source.streams.audio]
    try:
        target: Any
        stream: Any = None
        with av.open(out, "w", format=container) as target:
            heard = [sound_edit.add_track(target, form) for form in forms]
            for frame, image in frames_of(source):
                yield
                changed = _changed(image, frame, pictures)
                if stream is None:
                    stream = target.add_stream(codec, rate=given.average_rate or 25, options=dict(_QUICK[codec]))
                    stream.width, stream.height = changed.size
                    stream.pix_fmt = "yuv420p"
                    stream.codec_context.time_base = given.time_base
                new: Any = av.VideoFrame.from_image(changed)  # type: ignore[no-untyped-call]
                new.pts, new.time_base = frame.pts, given.time_base
                target.mux(stream.encode(new))
            if stream is not None:
                target.mux(stream.encode(None))
            for one, track in zip(heard, tracks, strict=True):
                quiet = Track(track.rate, sound_edit.hidden(track.samples, track.rate, sounds))
                yield from sound_edit.encode(target, one, quiet)
    except (av.error.FFmpegError, ValueError, TypeError) as error:
        msg = f"the changed film could not be written ({type(error).__name__})"
        raise Unreadable(msg) from error


def frames_of(source: Any) -> Iterator[tuple[Any, Image.Image]]:
    """Every frame of the opened film *source*, as it is stored and as it is seen.

    Raises:
        Unreadable: there are too many, or they are too large.
    """
    for number, frame in enumerate(source.decode(video=0)):
        if number >= film.LIMITS.frames or frame.width * frame.height > film.LIMITS.pixels:
            msg = "the film is too long or too large to be changed"
            raise Unreadable(msg)
        yield frame, film.upright(frame)


def _changed(image: Image.Image, frame: Any, edits: Sequence[MediaEdit]) -> Image.Image:
    time = 0.0 if frame.time is None else float(frame.time)
    for edit in edits:
        low, high = edit.time or (0.0, float("inf"))
        if low - _SLACK_S <= time <= high + _SLACK_S:
            image = image_edit.changed_frame(image, edit)
    return image


def _compare(before: bytes, after: bytes, edits: Sequence[MediaEdit]) -> Generator[None, None, None]:
    """Whether *after* shows frame by frame what *before* does with *edits* made."""
    with _av.opened(before, "film") as old, _av.opened(after, "film") as new:
        pairs = zip(frames_of(old), frames_of(new), strict=True)
        while True:
            yield
            try:
                (frame, image), (_, shown) = next(pairs)
            except StopIteration:
                return
            except ValueError:
                msg = "the changed film has other frames"
                raise Unreadable(msg) from None
            wanted = _changed(image, frame, edits)
            if wanted.size != shown.size:
                msg = "the changed film has another size"
                raise Unreadable(msg)
            loss = np.abs(np.asarray(wanted, np.int16) - np.asarray(shown, np.int16)).mean()
            if loss > _MOST_LOSS:
                msg = "the changed film does not show what was written"
                raise Unreadable(msg)
