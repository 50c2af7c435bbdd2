"""The mark that nobody sees, in the pixels of a still picture: what to write, what is there, and the proof.

bytes ─pixels→ marks that are there ─dwtdct.written→ pixels ─coded→ bytes ─read again→ every bit there, or once more
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from guard import watermark
from guard.classifier import Unreadable
from guard.media import image, image_edit
from guard.media.marks import dwtdct as reader
from guard.media.stamps import dwtdct as writer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
_LIMITS = (40_000_000, 1, 40_000_000)
_OURS = "ours"
_NUDGE = np.float32(0.01)
"""Coefficients are halves, but for the last digits of a library's wavelets; edges are halves as well."""
_TRIES = 5
"""How often a picture is coded anew, with more effort for what was lost, before it is refused."""


class Plan(NamedTuple):
    """The *bits* that the picture is to say in the end, in which channel *order*, and whether they *stand* there now.

    *kind* is the generator's whose mark was found and is kept; empty for the operator's own.
    """

    bits: str
    order: str
    stand: bool
    kind: str = ""


def plan(data: bytes, message: str) -> Plan:
    """What the picture *data* is to say: *message* (see `guard.watermark.own`), or the generator's mark that it bears.

    Raises:
        Unreadable: it is too small, moves, or may bear a mark that cannot be told.
    """
    try:
        bits = watermark.own(message)
    except ValueError as error:
        raise Unreadable("the message of the pixel mark is no good") from error
    rgb = _pixels(_still(data).image)
    area = rgb.shape[0] * rgb.shape[1]
    if area < reader.LEAST_AREA or writer.votes_per_bit(rgb.shape[:2], len(bits)) < writer.LEAST_VOTES:
        raise Unreadable("the picture is too small for a pixel mark of so many bits")
    found = reader.read(rgb, {**reader.MESSAGES, _OURS: bits})
    if not found:
        raise Unreadable("the picture is too small for a pixel mark")
    best = max(found, key=lambda one: one.z)
    if best.kind == _OURS and best.is_certain:
        return Plan(bits, "bgr", stand=best.order == "bgr" and not _lost(rgb, bits, "bgr").any())
    seen = max((one for one in found if one.kind != _OURS), key=lambda one: one.z, default=None)
    if seen is not None and seen.is_certain:
        return Plan(reader.MESSAGES[seen.kind], seen.order, stand=True, kind=seen.kind)
    if seen is not None and seen.z >= reader.DOUBTFUL:
        raise Unreadable("another mark may be in the pixels: one more would wipe it out")
    return Plan(bits, "bgr", stand=False)


def marked(
    data: bytes, wanted: Plan, draw: Callable[[Image.Image], Image.Image] | None = None
) -> Generator[None, None, bytes]:
    """The picture *data*, once *draw* has drawn on it, with the mark that is *wanted*. Yields where it may pause.

    Raises:
        Unreadable: it cannot be written as its type, or the mark does not survive that.
    """
    media_type = image.sniff(data) or ""
    frame = _still(data)
    whole = draw(frame.image) if draw is not None else frame.image
    rgb = _pixels(whole)
    alpha = whole.getchannel("A") if whole.mode == "RGBA" else None
    effort = writer.Effort.of(rgb.shape[:2], len(wanted.bits))
    for _ in range(_TRIES):
        yield
        made = Image.fromarray(writer.written(rgb, wanted.bits, effort, wanted.order))
        if alpha is not None:
            made.putalpha(alpha)
        yield
        coded = image_edit.coded([made], [frame.info], frame.mode, media_type)
        yield
        read = _pixels(_still(coded).image)
        lost = _lost(read, wanted.bits, wanted.order)
        if not lost.any() or (wanted.kind and _is_seen(read, wanted)):  # a generator's may never have been whole
            yield from image_edit.check(coded, [made], media_type)
            return coded
        effort = effort.more(lost)
    raise Unreadable("the pixel mark does not survive in this picture")


def check(data: bytes, wanted: Plan) -> None:
    """Whether the picture *data* bears the mark that is *wanted*, by its z-score; of one's own also bit by bit.

    Raises:
        Unreadable: it does not.
    """
    ours = not wanted.kind
    if ours and _lost(_pixels(_still(data).image), wanted.bits, wanted.order).any():
        raise Unreadable("the pixel mark could not be read back")
    if not any(_is_seen(np.asarray(shown), wanted) for shown in image.decode(data, max_frames=1)):
        raise Unreadable("the pixel mark could not be read back")


def _is_seen(rgb: NDArray[np.uint8], wanted: Plan) -> bool:
    kind = wanted.kind or _OURS
    found = reader.read(rgb, {**reader.MESSAGES, kind: wanted.bits})
    return any(one.kind == kind and one.is_certain for one in found)


def _still(data: bytes) -> image.Frame:
    """Its only frame."""
    (frame,) = image.frames(data, limits=_LIMITS)
    return frame


def _pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """Red, green and blue as they are stored, under what is see-through as well: as the library reads a file."""
    return np.asarray(picture)[..., :3]


def _lost(rgb: NDArray[np.uint8], bits: str, order: str) -> NDArray[np.bool_]:
    """Which of *bits* the library's decoder does not read, or not whichever way last digits fall at an edge."""
    band = reader.coarse_in_whole_numbers(rgb, order)
    ways = [reader.votes(band + nudge) for nudge in (-_NUDGE, _NUDGE)]
    least, most = (reader.spelled(pick(*ways), len(bits)) for pick in (np.minimum, np.maximum))
    return np.array([(low if bit == "1" else high) != bit for bit, low, high in zip(bits, least, most, strict=True)])
