"""Text in pictures with the networks of PP-OCR: where lines are, what they say. NumPy and Pillow around two sessions.

The first network (DB, https://arxiv.org/abs/1911.08947) draws the shrunken middle of every line of text, the second
(https://arxiv.org/abs/2009.09941) reads one line, letter by letter, from left to right (CTC).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Map = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

THRESHOLD = 0.3
"""From which value on a pixel of the map belongs to a line."""
_LEAST_MEAN = 0.5
_UNCLIP = 1.7
_LEAST_SIDE = 3.0
_HEIGHT = 48
"""Pixels of a line as the second network reads it."""
_LONGEST = 6400
"""And of its length, at most."""
_SNAP = math.radians(4)
_ELONGATED = 1.8
_GAP = 1.6
"""Usual distances of letters, so many of which between two letters are a space that was not read as one."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where a line of text stands: its corners in pixels, clockwise from its top left, and its bounding box."""

    corners: tuple[tuple[float, float], ...]

    @property
    def size(self) -> tuple[float, float]:
        """Its width and height."""
        (a, b, _, d) = self.corners
        return math.dist(a, b), math.dist(a, d)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


def for_detector(image: Image.Image, most_pixels: int) -> tuple[NDArray[np.float32], float, float]:
    """*image* as the first network wants it, of at most *most_pixels*, and how many of its pixels are one of that."""
    scale = min(1.0, math.sqrt(most_pixels / (image.width * image.height)))
    width, height = (max(32, round(side * scale / 32) * 32) for side in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
    data = (pixels[:, :, ::-1] / 127.5 - 1.0).transpose(2, 0, 1)[None]
    return np.ascontiguousarray(data), image.width / width, image.height / height


def lines(drawn: Map, across: float, down: float) -> list[Line]:
    """The lines of text in the map *drawn*, whose pixels are *across* by *down* of the picture's, top to bottom."""
    found = []
    for ys, xs in _regions(drawn > THRESHOLD):
        if float(drawn[ys, xs].mean()) < _LEAST_MEAN:
            continue
        corners = _rectangle(xs.astype(np.float64), ys.astype(np.float64))
        if corners is not None:
            found.append(Line(tuple((x * across, y * down) for x, y in corners)))
    return sorted(found, key=lambda line: (round(line.bounds[1] / 10), line.bounds[0]))


def _regions(mask: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The pixels, as rows and columns, of each connected region: runs of each row, joined where they touch."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    parent = list(range(len(starts)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    rows = starts[:, 0].tolist()
    lows, highs = starts[:, 1].tolist(), ends[:, 1].tolist()
    above, first = 0, 0
    for number, row in enumerate(rows):
        if number and row != rows[number - 1]:
            above, first = (first, number) if rows[first] == row - 1 else (number, number)
        while above < first and highs[above] < lows[number]:
            above += 1
        at = above
        while at < first and lows[at] <= highs[number]:
            parent[root(at)] = root(number)
            at += 1
    members: dict[int, list[int]] = {}
    for number in range(len(rows)):
        members.setdefault(root(number), []).append(number)
    for runs in members.values():
        lengths = [highs[n] - lows[n] for n in runs]
        if sum(lengths) < _LEAST_SIDE * _LEAST_SIDE:
            continue
        ys = np.repeat([rows[n] for n in runs], lengths)
        xs = np.concatenate([np.arange(lows[n], highs[n]) for n in runs])
        yield ys, xs


def _rectangle(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> list[tuple[float, float]] | None:
    """The box around a region, turned as the region is, and grown to what was shrunk; None if it is too thin."""
    angle = 0.0
    width, height = xs.max() - xs.min() + 1, ys.max() - ys.min() + 1
    (xx, xy), (_, yy) = np.cov(xs, ys) + 1e-9 * np.eye(2)
    spread = math.hypot((xx - yy) / 2, xy)
    large, small = (xx + yy) / 2 + spread, (xx + yy) / 2 - spread
    if large > _ELONGATED**2 * max(small, 1e-9):
        angle = 0.5 * math.atan2(2 * xy, xx - yy)
        quarter = math.pi / 2
        if abs(angle - round(angle / quarter) * quarter) < _SNAP:
            angle = 0.0
    cos, sin = math.cos(angle), math.sin(angle)
    along, over = xs * cos + ys * sin, ys * cos - xs * sin
    left, right, top, bottom = along.min(), along.max() + 1, over.min(), over.max() + 1
    width, height = right - left, bottom - top
    if min(width, height) < _LEAST_SIDE:
        return None
    grown = width * height * _UNCLIP / (2 * (width + height))
    left, right, top, bottom = left - grown, right + grown, top - grown, bottom + grown
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return [(a * cos - o * sin, a * sin + o * cos) for a, o in corners]


def cut(image: Image.Image, line: Line, turns: int = 0) -> Image.Image:
    """The *line* of *image*, straight and 48 pixels high, turned by *turns* quarters."""
    corners = line.corners[turns:] + line.corners[:turns]
    a, b, c, d = corners
    width, height = math.dist(a, b), math.dist(a, d)
    size = (max(16, min(_LONGEST, round(width * _HEIGHT / max(height, 1.0)))), _HEIGHT)
    bounds = line.bounds
    # A downscaled crop first: QUAD samples points and would skip most pixels of a large line.
    factor = max(1, int(height // (2 * _HEIGHT)))
    box = (
        max(0, math.floor(bounds[0]) - 2), max(0, math.floor(bounds[1]) - 2),
        min(image.width, math.ceil(bounds[2]) + 2), min(image.height, math.ceil(bounds[3]) + 2),
    )  # fmt: skip
    if box[2] <= box[0] or box[3] <= box[1]:
        return Image.new("RGB", size, "white")
    piece = image.crop(box)
    piece = piece.reduce(factor) if factor > 1 else piece
    quad = [value for x, y in (a, d, c, b) for value in ((x - box[0]) / factor, (y - box[1]) / factor)]
    return piece.transform(size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC, fillcolor=_border(piece))


def _border(piece: Image.Image) -> tuple[int, ...]:
    pixel = piece.getpixel((0, 0))
    return pixel if isinstance(pixel, tuple) else (255, 255, 255)


def for_reader(strips: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Strips of one width as the second network wants them."""
    pixels = np.stack([np.asarray(strip, dtype=np.float32) for strip in strips])
    return np.ascontiguousarray((pixels[:, :, :, ::-1] / 127.5 - 1.0).transpose(0, 3, 1, 2))


def spelt(scores: Map, letters: Sequence[str]) -> tuple[str, float]:
    """What the second network read in one line, and how sure it is: the mean over its letters.

    Letter 0 is none. A space that it did not read, but that is there to see, is put in between Latin letters.
    """
    best = scores.argmax(axis=1)
    sure = scores.max(axis=1)
    kept = [n for n in range(len(best)) if best[n] and (n == 0 or best[n] != best[n - 1])]
    if not kept:
        return "", 0.0
    said = [letters[best[n]] for n in kept]
    latin = [_is_latin(before) and _is_latin(letter) for before, letter in pairwise(said)]
    gaps = [after - before for before, after in pairwise(kept)]
    usual = float(np.median([gap for gap, own in zip(gaps, latin, strict=True) if own] or [0]))
    text = said[0]
    for gap, own, letter in zip(gaps, latin, said[1:], strict=True):
        text += f" {letter}" if own and gap > _GAP * usual + 1 else letter
    return without_zeros(text.strip()), float(np.mean([sure[n] for n in kept]))


def _is_latin(letter: str) -> bool:
    return letter.isalnum() and ord(letter[0]) < 0x250


def _is_ascii_letter(letter: str) -> bool:
    return letter.isascii() and letter.isalpha()


def without_zeros(text: str) -> str:
    """*text* with each 0 between two letters as an O: many fonts strike through one or the other."""
    if "0" not in text:
        return text
    chars = list(text)
    for at in range(1, len(chars) - 1):
        before, after = chars[at - 1], chars[at + 1]
        if chars[at] == "0" and _is_ascii_letter(before) and _is_ascii_letter(after):
            chars[at] = "O" if before.isupper() and after.isupper() else "o"
    return "".join(chars)
