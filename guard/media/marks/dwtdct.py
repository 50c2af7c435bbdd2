"""The ``dwtDct`` pixel mark of Stable Diffusion, SDXL, FLUX and InvokeAI, read by correlation.

pixels ─chroma→ coarse chroma ─votes→ one vote a block ─aligned | shifted→ z-score for each known message

The scheme (package invisible-watermark, class EmbedMaxDct) takes the U channel's Haar LL band in blocks of 4 × 4, and
moves the largest coefficient but the first to 1/4 or 3/4 of a step of 36; bit *n* of the message goes to every block
whose number is *n* modulo the message's length. Its own decoder takes the majority of each bit and compares. Here all
votes are correlated with the message at once, after local means are taken out: a z-score, whose distribution without a
mark is known.

Messages: `guard.watermark`. `guard.media.stamps.dwtdct` writes.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from guard import watermark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

STEP = 36.0
_BLOCK = 4
PIXELS = 8
"""Of one block on a side: Haar halves the picture."""
LEAST_AREA = 256 * 256
"""Pixels below which the scheme's encoder refuses."""
ALIGNED, DOUBTFUL, SHIFTED = 5.0, 4.0, 9.0
"""z-scores from which a mark counts as seen where it is looked for in place, as in doubt, as seen anywhere."""
_EXPLAINS, _EXPLAINS_SHIFTED = 0.16, 0.4
"""Least share of what is there that a message has to explain, in place and shifted.

Of marks of the original library the least was 0.20, where JPEG had left a z-score of 6; of likenesses of other messages
the most was 0.14. Among all shifts there are better likenesses.
"""
_RADIUS = 4
_MIDDLE = 768
_STRIP = 256

RED, GREEN, BLUE, CHROMA = 0.299, 0.587, 0.114, 0.492
"""U of BT.601 as OpenCV computes it: 0.492 (B - Y)."""


MESSAGES = watermark.KNOWN
"""What open generators write by default, by kind."""


class Sighting(NamedTuple):
    """The message seen best: its *kind*, the *z*-score, the channel *order*, the *shift* in pixels if it was moved.

    *explains* is the share that the message has of all that blocks of one bit agree upon: little where another message
    stands, of which this one is a likeness.
    """

    kind: str
    z: float
    order: str
    shift: tuple[int, int] | None = None
    explains: float = 1.0

    @property
    def is_certain(self) -> bool:
        """Whether the message counts as seen."""
        if self.shift is not None:
            return self.z >= SHIFTED and self.explains >= _EXPLAINS_SHIFTED
        return self.z >= ALIGNED and self.explains >= _EXPLAINS


def coarse(rgb: NDArray[np.uint8], top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """The LL band of U for both channel orders, shape (2, rows, columns), of the picture without *top* and *left*."""
    picture = rgb[top:, left:]
    high, wide = picture.shape[0] // 4 * 4, picture.shape[1] // 4 * 4
    pairs = np.add(picture[0:high:2, :wide], picture[1:high:2, :wide], dtype=np.uint16)
    red, green, blue = ((pairs[:, 0::2, n] + pairs[:, 1::2, n]).astype(np.float32) for n in range(3))
    half = 0.5 * CHROMA
    bands = np.empty((2, high // 2, wide // 2), dtype=np.float32)
    for band, third in zip(bands, (blue, red), strict=True):  # BGR as it should be, and RGB as some gave it
        np.multiply(third, np.float32((1 - BLUE + RED) * half), out=band)
    red += blue
    red *= np.float32(RED * half)
    green *= np.float32(GREEN * half)
    red += green
    red -= np.float32(256.0)
    bands -= red
    return bands


def coarse_in_whole_numbers(rgb: NDArray[np.uint8], order: str = "bgr") -> NDArray[np.float32]:
    """The LL band of one *order* as the library gets it: OpenCV rounds Y and U of each pixel, after 14 binary digits.

    Slower than `coarse`, from which it is less than 1.5 apart; for proof that the library reads what was written.
    """
    high, wide = rgb.shape[0] // 4 * 4, rgb.shape[1] // 4 * 4
    band = np.empty((high // 2, wide // 2), dtype=np.float32)
    for top in range(0, high, _STRIP):  # wide numbers are held for a strip only
        planes = rgb[top : min(top + _STRIP, high), :wide].astype(np.int32)
        third, green, first = (planes[..., n] for n in ((2, 1, 0) if order == "bgr" else (0, 1, 2)))
        luma = (1868 * third + 9617 * green + 4899 * first + (1 << 13)) >> 14
        chroma = np.clip(((third - luma) * 8061 + (128 << 14) + (1 << 13)) >> 14, 0, 255)
        pairs = chroma[0::2] + chroma[1::2]
        band[top // 2 : (top + len(planes)) // 2] = (pairs[:, 0::2] + pairs[:, 1::2]) / 2
    return band


def largest(band: NDArray[np.float32], top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """The coefficient that each block of one order's LL *band* speaks by, shape (rows, columns)."""
    band = band[top:, left:]
    rows, columns = band.shape[0] // _BLOCK, band.shape[1] // _BLOCK
    whole = band[: rows * _BLOCK, : columns * _BLOCK]  # never negative: U is not
    found = whole[::_BLOCK, 1::_BLOCK].copy()
    for number in range(2, _BLOCK * _BLOCK):
        np.maximum(found, whole[number // _BLOCK :: _BLOCK, number % _BLOCK :: _BLOCK], out=found)
    return found


def votes(band: NDArray[np.float32], top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """What each block says, 0 or 1, of one order's LL *band* from *top* and *left* on."""
    found = largest(band, top, left)
    said: NDArray[np.float32] = (found - STEP * np.floor(found / STEP) > STEP / 2).astype(np.float32)
    return said


def spelled(said: NDArray[np.float32], length: int) -> str:
    """The message of *length* bits in *said* (`votes`), as the library's decoder takes it: by each bit's majority."""
    number = np.arange(said.size) % length
    shares = np.bincount(number, said.ravel(), length) / np.bincount(number, minlength=length)
    return "".join("1" if share * 255 > 127 else "0" for share in shares)


def flattened(said: NDArray[np.float32]) -> NDArray[np.float32]:
    """*said* without local means: what a smooth surface says is the same in all its blocks, and no message."""
    size = 2 * _RADIUS + 1
    padded = np.pad(said.astype(np.int32), _RADIUS, mode="edge")  # ones and zeros: sums are exact
    sums = np.zeros((padded.shape[0] + 1, padded.shape[1] + 1), dtype=np.int32)
    np.cumsum(padded.cumsum(0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    boxes = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    flat: NDArray[np.float32] = said - boxes.astype(np.float32) * np.float32(1 / (size * size))
    return flat


@functools.lru_cache(64)
def pattern(bits: str) -> NDArray[np.float64]:
    """`guard.watermark.weights` of *bits*."""
    return np.array(watermark.weights(bits))


def aligned(said: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """The z-score of the message *weights* in *said* (`flattened`), both beginning in the upper left corner."""
    length, flat = len(weights), said.ravel()
    rest = flat.size % length
    squares = weights * weights
    energy = squares.sum() * (flat.size // length) + squares[:rest].sum()
    power = float(flat @ flat) / flat.size * float(energy)
    return float(_folded(flat, length) @ weights) / math.sqrt(power) if power > 1e-9 else 0.0


def _folded(flat: NDArray[np.float32], length: int) -> NDArray[np.float64]:
    """The sum of each bit's blocks."""
    rest = flat.size % length
    sums = flat[: flat.size - rest].reshape(-1, length).sum(axis=0, dtype=np.float64)
    sums[:rest] += flat[flat.size - rest :]
    found: NDArray[np.float64] = sums
    return found


def _explained(said: NDArray[np.float32], sums: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """See `Sighting`: the share of *weights* in *sums*, one for each bit, over what chance gives."""
    scale = math.sqrt(float(np.mean(said * said)) * said.size / len(weights))
    units = np.array(watermark.centred([float(one) / scale for one in sums])) if scale > 1e-9 else np.zeros(1)
    ours = float(units @ weights) ** 2 / float(weights @ weights) if scale > 1e-9 else 0.0
    return ours / max(float(units @ units) - len(weights), ours, 1e-9)


def shifted(said: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """The largest z-score of the message at any offset and any width of the picture that it was written to."""
    best = float(_turned(said, weights)[0].max())
    scale = float(said.var() * said.size * (weights * weights).mean())
    return best / math.sqrt(scale) if scale > 1e-9 else 0.0


def _turned(said: NDArray[np.float32], weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What *weights* have in common with *said* for each step and offset, and the rows of *said*, folded.

    A cut changes where in the message a row begins, by the same number from each row to the next.
    """
    rows, columns = said.shape
    length = len(weights)
    folded = np.zeros((rows, length))
    for column in range(columns):
        folded[:, column % length] += said[:, column]
    spectrum = np.conj(np.fft.rfft(folded, axis=1)) * np.fft.rfft(weights)[None]
    # A turn by `step` each row is a factor in the spectrum: all steps and offsets are one product and one transform.
    turns = np.exp(2j * np.pi * np.outer(np.arange(rows), np.arange(spectrum.shape[1])) / length)
    totals = np.empty((length, spectrum.shape[1]), dtype=complex)
    power = np.ones_like(turns)
    for step in range(length):
        totals[step] = (spectrum * power).sum(axis=0)
        power = power * turns
    return np.fft.irfft(totals, n=length, axis=1), folded


def _explained_anywhere(said: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """`_explained` at the step and offset at which *weights* are seen best."""
    scores, folded = _turned(said, weights)
    step, offset = np.unravel_index(int(scores.argmax()), scores.shape)
    places = np.arange(folded.shape[1])
    turned = np.stack([row[(places - offset - number * step) % len(places)] for number, row in enumerate(folded)])
    return _explained(said - said.mean(), turned.sum(axis=0), weights)


def read(rgb: NDArray[np.uint8], messages: Mapping[str, str]) -> list[Sighting]:
    """The best sighting of each of *messages* in a picture, RGB, that is as large as it was when it was marked."""
    if rgb.shape[0] * rgb.shape[1] < LEAST_AREA or min(rgb.shape[:2]) < 2 * PIXELS:
        return []
    patterns = {kind: pattern(bits) for kind, bits in messages.items()}
    best: dict[str, Sighting] = {}
    for order, band in zip(("bgr", "rgb"), coarse(rgb), strict=True):
        said = flattened(votes(band))
        for kind, weights in patterns.items():
            z = aligned(said, weights)
            if kind not in best or z > best[kind].z:
                share = _explained(said, _folded(said.ravel(), len(weights)), weights) if z >= ALIGNED else 1.0
                best[kind] = Sighting(kind, z, order, explains=share)
    # A message that is there has likenesses among the others.
    top = max(sighting.z for sighting in best.values())
    return [sighting for sighting in best.values() if top < ALIGNED or sighting.z > top / 2]


def anywhere(rgb: NDArray[np.uint8], messages: Mapping[str, str]) -> Sighting | None:
    """The best sighting in a picture that was cut, over all 64 ways in which a cut may lie to the blocks.

    Of a large picture its middle is enough. Where one message is, others correlate with it over so many tries: only the
    best of all counts.
    """
    high, wide = rgb.shape[:2]
    top, left = max(0, (high - _MIDDLE) // 2), max(0, (wide - _MIDDLE) // 2)
    middle = rgb[top : top + _MIDDLE, left : left + _MIDDLE]
    if min(middle.shape[:2]) < 4 * PIXELS:
        return None
    patterns = {kind: pattern(bits) for kind, bits in messages.items()}
    best = max(_anywhere(middle, patterns), key=lambda sighting: sighting.z)
    if best.z < SHIFTED or best.shift is None:
        return None
    (top, left), (down, right) = ((by % 2 for by in best.shift), (by // 2 for by in best.shift))
    said = flattened(votes(coarse(middle, top, left)[0 if best.order == "bgr" else 1], down, right))
    return best._replace(explains=_explained_anywhere(said, patterns[best.kind]))


def _anywhere(rgb: NDArray[np.uint8], patterns: Mapping[str, NDArray[np.float64]]) -> list[Sighting]:
    best: dict[str, Sighting] = {}
    for top in range(2):
        for left in range(2):
            for order, band in zip(("bgr", "rgb"), coarse(rgb, top, left), strict=True):
                for down in range(_BLOCK):
                    for right in range(_BLOCK):
                        said = flattened(votes(band, down, right))
                        for kind, weights in patterns.items():
                            z = shifted(said, weights)
                            if kind not in best or z > best[kind].z:
                                best[kind] = Sighting(kind, z, order, (top + 2 * down, left + 2 * right))
    return list(best.values())


def chance(z: float, tries: int) -> float:
    """How often the largest of *tries* z-scores is at least *z* where there is no mark, at most."""
    return min(1.0, tries * 0.5 * math.erfc(z / math.sqrt(2)))


def turned(rgb: NDArray[np.uint8], messages: Mapping[str, str]) -> list[Sighting]:
    """The best sighting of each message over the eight ways in which a picture can be turned and flipped."""
    best: dict[str, Sighting] = {}
    for quarter in range(4):
        for flipped in (False, True):
            view = np.rot90(rgb[:, ::-1] if flipped else rgb, quarter)
            for sighting in read(np.ascontiguousarray(view), messages):
                if sighting.kind not in best or sighting.z > best[sighting.kind].z:
                    best[sighting.kind] = sighting
    return list(best.values())
