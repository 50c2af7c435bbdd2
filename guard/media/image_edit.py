"""Edits in pictures: `guard.media.edits` for the kinds ``blur``, ``pixelate``, ``paint`` and ``replace``.

Every frame is changed alike. What is written is an upright picture of the same type and size, 8 bits a sample, with
its colour profile and its timing and without any other metadata: a thumbnail would show what was hidden.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops, ImageStat

from guard.classifier import Unreadable
from guard.media.image import Frame, frames, sniff
from guard.media.notice import draw_notice
from guard.media.stamps import visible

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from guard.content import MediaEdit

    Box = tuple[int, int, int, int]

MOST_PIXELS = 48_000_000
"""Of all frames together: they are held at once, to be written as one file."""
_LIMITS = (40_000_000, 64, MOST_PIXELS)
_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 92},
    "MPO": {"quality": 92},
    "WEBP": {"quality": 92, "method": 2},
    "TIFF": {"compression": "tiff_deflate"},
    "AVIF": {"quality": 85, "speed": 9},
}
_OPAQUE = frozenset({"JPEG", "MPO", "BMP"})
_PAINT = (68, 68, 68)
_MARGIN, _LEAST_MARGIN = 0.06, 2
"""Of each side of a box, and pixels besides: detectors draw boxes tight."""
_CELLS_LONG, _CELLS_SHORT, _LEAST_CELL = 16, 8, 8
"""What is left of a hidden place: at most so many cells along its sides, and cells of at least so many pixels."""
_MOST_LOSS = 24.0
"""Mean difference of samples between what was to be written and what is read back: more, and something went wrong."""


def edited(data: bytes, edits: Sequence[MediaEdit]) -> Generator[None, None, bytes]:
    """The picture *data* with *edits* made in every frame, proved by reading it again.

    Raises:
        Unreadable: it cannot be read, held at once or written as its type.
    """
    media_type = sniff(data) or ""
    if media_type not in _FORMATS:
        msg = f"a picture of type {media_type or 'unknown'} cannot be changed"
        raise Unreadable(msg)
    changed: list[Image.Image] = []
    firsts: list[Frame] = []
    for frame in frames(data, limits=_LIMITS):
        yield
        firsts.append(Frame(frame.image if not firsts else _NOTHING, frame.info, frame.mode))
        image = frame.image
        for edit in edits:
            image = changed_frame(image, edit)
        changed.append(image)
    yield
    written = coded(changed, [frame.info for frame in firsts], firsts[0].mode, media_type)
    yield
    yield from check(written, changed, media_type)
    return written


_NOTHING = Image.new("RGB", (1, 1))


def changed_frame(image: Image.Image, edit: MediaEdit) -> Image.Image:
    """*image* with *edit* made."""
    if edit.kind == "replace":
        return draw_notice(image.size, edit.text)
    if edit.kind == "visible_label":
        return visible.drawn(image, edit.text, dict(edit.options).get("corner", ""))
    box = _pixels(edit.box, image.size)
    image = image.copy()
    size = (box[2] - box[0], box[3] - box[1])
    if edit.kind == "paint":
        image.paste(_PAINT, box)
        return image
    place = image.crop(box)
    if place.mode == "RGBA":  # a place that is see-through still has colours, which some reader shows
        page = Image.new("RGB", size, "white")
        page.paste(place, mask=place.getchannel("A"))
        place = page
    cell = max(max(size) / _CELLS_LONG, min(size) / _CELLS_SHORT, _LEAST_CELL)
    few = (max(1, round(size[0] / cell)), max(1, round(size[1] / cell)))
    cells = place.resize(few, Image.Resampling.BOX)
    sampling = Image.Resampling.NEAREST if edit.kind == "pixelate" else Image.Resampling.BICUBIC
    image.paste(cells.resize(size, sampling), box)
    return image


def _pixels(box: tuple[float, float, float, float] | None, size: tuple[int, int]) -> Box:
    """*box* in pixels with its margin, within the picture and at least one pixel large."""
    if box is None:
        return (0, 0, *size)
    edges = []
    for low, high, full in ((box[0], box[2], size[0]), (box[1], box[3], size[1])):
        margin = _MARGIN * (high - low) * full + _LEAST_MARGIN
        edges.append((max(0, int(low * full - margin)), min(full, int(high * full + margin) + 1)))
    (left, right), (top, bottom) = edges
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def coded(images: Sequence[Image.Image], infos: Sequence[dict[Any, Any]], mode: str, media_type: str) -> bytes:
    """*images* as one picture of *media_type*; *infos* and *mode* are those of the `Frame`s that they were made from.

    Raises:
        Unreadable: they cannot be written so.
    """
    kind = "MPO" if media_type == "image/jpeg" and len(images) > 1 else _FORMATS[media_type]
    images = [_flat(image) if kind in _OPAQUE else image.copy() for image in images]
    for image in images:
        image.info = {}  # writers take comments and more from it
    options: dict[str, Any] = dict(_OPTIONS.get(kind, {}))
    profile = infos[0].get("icc_profile")
    if profile and mode in {"RGB", "RGBA", "P"}:  # that of other modes is of no use to what is RGB now
        options["icc_profile"] = profile
    if len(images) > 1:
        options |= {"save_all": True, "append_images": images[1:]}
        options |= _timing(infos, kind)
    file = io.BytesIO()
    try:
        images[0].save(file, kind, **options)
    except Exception as error:  # encoders raise anything
        msg = f"the picture cannot be written as {kind}"
        raise Unreadable(msg) from error
    return file.getvalue()


def _flat(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image.copy()
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page


def _timing(infos: Sequence[dict[Any, Any]], kind: str) -> dict[str, Any]:
    """How long each frame is shown and how often all of them are, where the type knows such things."""
    if kind not in {"GIF", "WEBP", "PNG", "AVIF"}:
        return {}
    durations = [int(info.get("duration") or 0) for info in infos]
    found: dict[str, Any] = {"duration": durations}
    if "loop" in infos[0] and kind != "AVIF":
        found["loop"] = infos[0]["loop"]
    if kind == "PNG" and infos[0].get("default_image"):
        found |= {"default_image": True, "duration": durations[1:]}
    if kind == "GIF":
        found["disposal"] = 2
    return found


def check(written: bytes, wanted: Sequence[Image.Image], media_type: str) -> Generator[None, None, None]:
    """Whether *written* shows what was *wanted*, frame by frame. Writers of GIFs leave out frames that change nothing.

    Raises:
        Unreadable: it does not.
    """
    found = sniff(written) == media_type
    last: Image.Image | None = None
    number = 0
    for frame in frames(written, limits=_LIMITS):
        yield
        image = _flat(frame.image)
        if number == 0:
            found = found and _alike(image, wanted[0])
        last, number = image, number + 1
        if not found or number > len(wanted):
            break
        if media_type != "image/gif":
            found = _alike(image, wanted[number - 1])
    complete = number == len(wanted) or (media_type == "image/gif" and 0 < number < len(wanted))
    if not (found and complete and last is not None and _alike(last, wanted[-1])):
        msg = "the changed picture could not be read back"
        raise Unreadable(msg)


def _alike(image: Image.Image, wanted: Image.Image) -> bool:
    if image.size != wanted.size:
        return False
    loss = ImageStat.Stat(ImageChops.difference(image, _flat(wanted))).mean
    return max(loss) <= _MOST_LOSS
