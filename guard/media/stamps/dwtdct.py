"""Writes the ``dwtDct`` pixel mark, so that its original library reads every bit, and JPEG leaves it there.

The scheme's readers (`guard.media.marks.dwtdct`) ask one thing of each block of 8 × 8 pixels: the half of a step of 36
in which the largest of 15 coefficients of its chroma lies. The library's writer moves that one coefficient to the
middle of the half, which changes 2 × 2 pixels by much, makes another the largest now and then, and is what JPEG throws
away first. Here the whole block's chroma is shifted, just over the edge: little for each pixel, in the lowest frequency
that there is. And not each block has to speak: of each bit's blocks those that say it already are left, and of the
others the cheapest are shifted until a share agrees.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from guard.media.marks.dwtdct import BLUE, CHROMA, GREEN, PIXELS, STEP, coarse, largest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

LEAST_VOTES = 16
"""Blocks for each bit, below which pictures are too small for a message."""
_MARGIN, _MORE_MARGIN, _MOST_MARGIN = 3.5, 2.0, 9.0
"""How far from an edge a block is moved that is moved at all, in units of coefficients: what rounding and JPEG take."""
_LEAST_LEAD, _MOST_LEAD, _MORE_LEAD, _CERTAINTY = 0.16, 0.4, 0.12, 1.8
"""What a bit's share of blocks is above one half, at least and at most; and how it grows where blocks are few."""
_ROUNDS = 2
"""Clipping at black and white stops some shifts: the second round shifts others."""
_PLAIN = 8.0
"""A block whose green varies by so much hides a shift half as well as one that is full of detail."""

_BLUE_OF = 0.5 / CHROMA
_GREEN_OF = -0.5 * BLUE / (CHROMA * GREEN)
"""Change of blue and green for one unit of a coefficient, luma and red left alone. A Haar coefficient is twice U."""


def votes_per_bit(size: tuple[int, int], length: int) -> int:
    """How many blocks a picture of *size* (either order) has for each of *length* bits."""
    return (size[0] // PIXELS) * (size[1] // PIXELS) // length


class Effort(NamedTuple):
    """For each bit, both of shape (length,): the *share* of its blocks that are to say it, and their *margin*."""

    share: NDArray[np.float64]
    margin: NDArray[np.float32]

    @classmethod
    def of(cls, size: tuple[int, int], length: int) -> Effort:
        """What is enough for most pictures of *size*."""
        lead = _CERTAINTY / math.sqrt(max(1, votes_per_bit(size, length)))
        share = 0.5 + min(_MOST_LEAD, max(_LEAST_LEAD, lead))
        return cls(np.full(length, share), np.full(length, _MARGIN, dtype=np.float32))

    def more(self, lost: NDArray[np.bool_]) -> Effort:
        """This effort, and more for the bits that were *lost* when the picture was coded."""
        share = np.where(lost, np.minimum(1.0, self.share + _MORE_LEAD), self.share)
        margin = np.where(lost, np.minimum(_MOST_MARGIN, self.margin + _MORE_MARGIN), self.margin)
        return Effort(share, margin.astype(np.float32))


def written(rgb: Pixels, bits: str, effort: Effort, order: str = "bgr") -> Pixels:
    """A copy of *rgb* (height, width, 3) that says *bits*. *order* is that of the channels, as in `Sighting`."""
    picture = rgb.copy()
    message = np.frombuffer(bits.encode(), dtype=np.uint8) == ord("1")
    tried: NDArray[np.bool_] | None = None
    for _ in range(_ROUNDS):
        found = largest(coarse(picture)[0 if order == "bgr" else 1])
        number = (np.arange(found.size) % len(bits)).reshape(found.shape)
        tried = np.zeros(found.shape, dtype=bool) if tried is None else tried
        _shift(picture, _moves(picture, found, (number, message, effort), tried, order), order)
    return picture


def _moves(
    picture: Pixels,
    found: NDArray[np.float32],
    wanted: tuple[NDArray[np.int64], NDArray[np.bool_], Effort],
    tried: NDArray[np.bool_],
    order: str,
) -> NDArray[np.float32]:
    """By how much to shift each block, in units of coefficients. Marks what is to change its vote as *tried*."""
    number, message, effort = wanted
    says, margin = message[number], effort.margin[number]
    rest = found - STEP * np.floor(found / STEP)
    right = (rest > STEP / 2) == says
    edge = says * np.float32(STEP / 2)
    up = _within(edge + margin - rest)
    down = _within(rest - (edge + STEP / 2 - margin))
    blocks = _blocks(picture)
    blue = blocks[..., 2 if order == "bgr" else 0]
    most_up = (255.0 - blue.max(axis=(1, 3))) / _BLUE_OF
    most_down = blue.min(axis=(1, 3)) / _BLUE_OF
    up[up > most_up] = np.inf
    down[down > most_down] = np.inf
    cost = np.minimum(up, down)
    move = np.where(up <= down, up, -down)
    inside = (rest >= edge + margin) & (rest <= edge + STEP / 2 - margin)
    near = right & ~inside & (cost <= margin)

    green = blocks[..., 1]
    detail = (green.max(axis=(1, 3)) - green.min(axis=(1, 3))).astype(np.float32)
    seen = cost * (1 + _PLAIN / (_PLAIN + detail))
    picked = _cheapest(seen, ~right & ~tried & np.isfinite(cost), number, _missing(right, number, effort.share))
    tried |= picked
    moves: NDArray[np.float32] = np.where(picked | near, move, np.float32(0))
    return moves


def _within(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """*distance* up to the next place that is as good: one in every step."""
    wrapped: NDArray[np.float32] = distance - np.float32(STEP) * np.floor(distance / np.float32(STEP))
    return wrapped


def _missing(right: NDArray[np.bool_], number: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many blocks of each bit have still to say it."""
    length = len(share)
    there = np.bincount(number.ravel(), minlength=length)
    agree = np.bincount(number.ravel(), right.ravel(), length)
    return np.maximum(0, np.ceil(share * there - agree)).astype(np.int64)


def _cheapest(
    cost: NDArray[np.float32], free: NDArray[np.bool_], number: NDArray[np.int64], missing: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Of the *free* blocks of each bit those of the least *cost*, as many as are *missing*."""
    candidates = np.flatnonzero(free)
    bit = number.ravel()[candidates]
    order = np.lexsort((cost.ravel()[candidates], bit))
    candidates, bit = candidates[order], bit[order]
    rank = np.arange(len(bit)) - np.searchsorted(bit, bit)
    picked = np.zeros(cost.size, dtype=bool)
    picked[candidates[rank < missing[bit]]] = True
    return picked.reshape(cost.shape)


def _shift(picture: Pixels, moves: NDArray[np.float32], order: str) -> None:
    blocks = _blocks(picture)
    for channel, of in ((2 if order == "bgr" else 0, _BLUE_OF), (1, _GREEN_OF)):
        by = np.rint(moves * np.float32(of)).astype(np.int16)
        changed = blocks[..., channel] + by[:, None, :, None]
        blocks[..., channel] = np.clip(changed, 0, 255)


def _blocks(picture: Pixels) -> Pixels:
    """A view of *picture*, shape (rows, 8, columns, 8, 3), without what is left of the last blocks."""
    rows, columns = picture.shape[0] // PIXELS, picture.shape[1] // PIXELS
    whole = picture[: rows * PIXELS, : columns * PIXELS]
    high, wide, deep = whole.strides
    shape = (rows, PIXELS, columns, PIXELS, 3)
    return np.lib.stride_tricks.as_strided(whole, shape, (high * PIXELS, high, wide * PIXELS, wide, deep))
