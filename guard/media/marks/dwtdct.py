"""The ``dwtDct`` pixel mark of Stable Diffusion, SDXL, FLUX and InvokeAI, read by correlation.

pixels ─chroma→ coarse chroma ─votes→ one vote a block ─aligned | shifted→ z-score for each known message

The scheme (package invisible-watermark, class EmbedMaxDct) takes the U channel's Haar LL band in blocks of 4 × 4, and
moves the largest coefficient but the first to 1/4 or 3/4 of a step of 36; bit *n* of the message goes to every block
whose number is *n* modulo the message's length. Its own decoder takes the majority of each bit and compares. Here all
votes are correlated with the message at once, after local means are taken out: a z-score, whose distribution without a
mark is known.

Messages: the scripts of CompVis and Stability AI (``StableDiffusionV1``, ``SDV2``, inpainting), diffusers' watermark of
SDXL, Black Forest Labs' embed_watermark of FLUX, InvokeAI's invisible_watermark.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

STEP = 36.0
_BLOCK = 4
_PIXELS = 8
"""Of one block on a side: Haar halves the picture."""
LEAST_AREA = 256 * 256
"""Pixels below which the scheme's encoder refuses."""
ALIGNED, DOUBTFUL, SHIFTED = 5.0, 4.0, 9.0
"""z-scores from which a mark counts as seen where it is looked for in place, as in doubt, as seen anywhere."""
_RADIUS = 4
_HEAD = 48
_MIDDLE = 768

_RED, _GREEN, _BLUE, _CHROMA = 0.299, 0.587, 0.114, 0.492
"""U of BT.601 as OpenCV computes it: 0.492 (B - Y)."""


def ascii_bits(text: str) -> str:
    """*text* as the scheme's ``bytes`` method writes it.

    >>> ascii_bits("A")
    '01000001'
    """
    return "".join(f"{byte:08b}" for byte in text.encode())


MESSAGES: dict[str, str] = {
    "sd1": ascii_bits("StableDiffusionV1"),
    "sd2": ascii_bits("SDV2"),
    "sd1_inpainting": ascii_bits("StableDiffusionV1-Inpainting"),
    "sdxl": "101100111110110010010000011110111011000110011110",
    "flux": "001010101111111010000111100111001111010100101110",
    "invokeai": ascii_bits("InvokeAI"),
}
"""What open generators write by default, by kind."""


class Sighting(NamedTuple):
    """The message seen best: its *kind*, the *z*-score, the channel *order*, the *shift* in pixels if it was moved."""

    kind: str
    z: float
    order: str
    shift: tuple[int, int] | None = None


def coarse(rgb: NDArray[np.uint8], top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """The LL band of U for both channel orders, shape (2, rows, columns), of the picture without *top* and *left*."""
    picture = rgb[top:, left:]
    high, wide = picture.shape[0] // 4 * 4, picture.shape[1] // 4 * 4
    pairs = np.add(picture[0:high:2, :wide], picture[1:high:2, :wide], dtype=np.uint16)
    red, green, blue = ((pairs[:, 0::2, n] + pairs[:, 1::2, n]).astype(np.float32) for n in range(3))
    half = 0.5 * _CHROMA
    bands = np.empty((2, high // 2, wide // 2), dtype=np.float32)
    for band, third in zip(bands, (blue, red), strict=True):  # BGR as it should be, and RGB as some gave it
        np.multiply(third, np.float32((1 - _BLUE + _RED) * half), out=band)
    red += blue
    red *= np.float32(_RED * half)
    green *= np.float32(_GREEN * half)
    red += green
    red -= np.float32(256.0)
    bands -= red
    return bands


def votes(band: NDArray[np.float32], top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """What each block says, 0 or 1, of one order's LL *band* from *top* and *left* on."""
    band = band[top:, left:]
    rows, columns = band.shape[0] // _BLOCK, band.shape[1] // _BLOCK
    whole = band[: rows * _BLOCK, : columns * _BLOCK]  # never negative: U is not
    largest = whole[::_BLOCK, 1::_BLOCK].copy()
    for number in range(2, _BLOCK * _BLOCK):
        np.maximum(largest, whole[number // _BLOCK :: _BLOCK, number % _BLOCK :: _BLOCK], out=largest)
    said: NDArray[np.float32] = (largest - STEP * np.floor(largest / STEP) > STEP / 2).astype(np.float32)
    return said


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
    """*bits* as numbers of mean zero; of ASCII text also without what the same place in every byte has in common."""
    weights = np.frombuffer(bits.encode(), dtype=np.uint8).astype(np.float64) - ord("0")
    weights -= weights.mean()
    if len(bits) % 8 == 0 and len(bits) > _HEAD:
        bytewise = weights.reshape(-1, 8)
        weights = (bytewise - bytewise.mean(axis=0)).ravel()
    return weights


def aligned(said: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """The z-score of the message *weights* in *said* (`flattened`), both beginning in the upper left corner."""
    length, flat = len(weights), said.ravel()
    rest = flat.size % length
    sums = flat[: flat.size - rest].reshape(-1, length).sum(axis=0, dtype=np.float64)
    sums[:rest] += flat[flat.size - rest :]
    squares = weights * weights
    energy = squares.sum() * (flat.size // length) + squares[:rest].sum()
    power = float(flat @ flat) / flat.size * float(energy)
    return float(sums @ weights) / math.sqrt(power) if power > 1e-9 else 0.0


def shifted(said: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """The largest z-score of the message at any offset and any width of the picture that it was written to.

    A cut changes where in the message a row begins, by the same number from each row to the next.
    """
    rows, columns = said.shape
    length = len(weights)
    folded = np.zeros((rows, length))
    for column in range(columns):
        folded[:, column % length] += said[:, column]
    spectrum = np.conj(np.fft.rfft(folded, axis=1)) * np.fft.rfft(weights)[None]
    row, turn = np.arange(rows), np.arange(spectrum.shape[1])
    # A turn by `step` each row is a factor in the spectrum: all steps and offsets are one product and one transform.
    turns = np.exp(2j * np.pi * np.outer(row, turn) / length)
    best = -np.inf
    totals = np.empty((length, spectrum.shape[1]), dtype=complex)
    power = np.ones_like(turns)
    for step in range(length):
        totals[step] = (spectrum * power).sum(axis=0)
        power = power * turns
    best = float(np.fft.irfft(totals, n=length, axis=1).max())
    scale = float(said.var() * said.size * (weights * weights).mean())
    return best / math.sqrt(scale) if scale > 1e-9 else 0.0


def read(rgb: NDArray[np.uint8], messages: Mapping[str, str]) -> list[Sighting]:
    """The best sighting of each of *messages* in a picture, RGB, that is as large as it was when it was marked."""
    if rgb.shape[0] * rgb.shape[1] < LEAST_AREA or min(rgb.shape[:2]) < 2 * _PIXELS:
        return []
    patterns = {kind: pattern(bits) for kind, bits in messages.items()}
    best: dict[str, Sighting] = {}
    for order, band in zip(("bgr", "rgb"), coarse(rgb), strict=True):
        said = flattened(votes(band))
        for kind, weights in patterns.items():
            z = aligned(said, weights)
            if kind not in best or z > best[kind].z:
                best[kind] = Sighting(kind, z, order)
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
    if min(middle.shape[:2]) < 4 * _PIXELS:
        return None
    patterns = {kind: pattern(bits) for kind, bits in messages.items()}
    best = max(_anywhere(middle, patterns), key=lambda sighting: sighting.z)
    return best if best.z >= SHIFTED else None


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
