"""The label that people see: words in a corner of a picture, of the size that GB 45438-2025 (5.2) asks for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from guard.classifier import Unreadable
from guard.media.image import frames
from guard.media.notice import font

if TYPE_CHECKING:
    Box = tuple[int, int, int, int]

SHARE = 0.05
"""Of the picture's shorter side: the height of the smallest letter, at least."""
_LEAST = 8
"""Pixels of the smallest letter: less cannot be read."""
_PAPER, _INK = (24, 24, 24), (255, 255, 255)
_LEAST_CONTRAST, _MOST_LOSS = 90, 24
_LIMITS = (40_000_000, 64, 48_000_000)
CORNERS = ("bottom_right", "bottom_left", "top_right", "top_left")


def drawn(image: Image.Image, text: str, corner: str) -> Image.Image:
    """*image* with *text* in its *corner*.

    Raises:
        Unreadable: it would not fit.
    """
    box, size, words = placed(image.size, text, corner)
    image = image.copy()
    page = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), _PAPER)
    centre = ((box[2] - box[0]) / 2, (box[3] - box[1]) / 2)
    ImageDraw.Draw(page).text(centre, words, _INK, font(size), anchor="mm")
    image.paste(page, box)
    return image


@functools.lru_cache(maxsize=256)
def placed(size: tuple[int, int], text: str, corner: str) -> tuple[Box, int, str]:
    """Where *text* stands in a picture of *size*, the size of its letters in pixels, and its words in one line."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    letters = _letters(words, min(size))
    margin = max(2, letters // 3)
    left, top, right, bottom = font(letters).getbbox(words)
    width, height = round(right - left) + 2 * margin, max(round(bottom - top), letters) + margin
    if not words or width > size[0] or height > size[1]:
        raise Unreadable("the picture is too small for a label that can be read")
    x = 0 if corner.endswith("left") else size[0] - width
    y = 0 if corner.startswith("top") else size[1] - height
    return (x, y, x + width, y + height), letters, words


def _letters(words: str, side: int) -> int:
    """The size at which every letter and digit of *words* is as high as it has to be."""
    wanted = max(_LEAST, SHARE * side)
    size = max(_LEAST, round(wanted))
    while (lowest := _lowest(words, size)) < wanted:
        size = max(size + 1, round(size * wanted / max(lowest, 1)))
        if size > 4_000:
            raise Unreadable("the label holds letters that have no height")
    return size


def _lowest(words: str, size: int) -> float:
    boxes = [font(size).getbbox(char) for char in set(words) if char.isalnum()]
    return min((bottom - top for _, top, _, bottom in boxes), default=size)


def check(data: bytes, text: str, corner: str) -> None:
    """Whether every frame of the picture *data* shows *text* in its *corner*.

    Raises:
        Unreadable: one does not.
    """
    for frame in frames(data, limits=_LIMITS):
        check_frame(frame.image, text, corner)


def check_frame(image: Image.Image, text: str, corner: str) -> None:
    """Whether *image* shows *text* in its *corner*.

    Raises:
        Unreadable: it does not.
    """
    image = image.convert("RGB")
    box, _, _ = placed(image.size, text, corner)
    shown = image.crop(box).convert("L")
    wanted = drawn(image, text, corner).crop(box).convert("L")
    low, high = shown.getextrema()
    pairs = zip(shown.tobytes(), wanted.tobytes(), strict=True)
    apart = sum(abs(a - b) for a, b in pairs) / (shown.width * shown.height)
    if high - low < _LEAST_CONTRAST or apart > _MOST_LOSS:  # type: ignore[operator]  # one channel
        raise Unreadable("the visible label could not be read back")
