"""Fingerprints of pictures, to find known ones again: PDQ and pHash, and lists of them.

PDQ (Meta, ThreatExchange, pdq/README and PDQHash.pdf): luma, two passes of box filters, 64 × 64 samples, the lowest
16 × 16 frequencies, each above or below their median. pHash (phash.org, as imagehash has it): 32 × 32 samples, the
lowest 8 × 8. Both survive other sizes and heavy compression. PDQ loses cut pictures, which pHash finds if little is
cut; neither finds mirrored ones, so those are looked for as well.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from guard.errors import GuardError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

PDQ, PHASH = "pdq", "phash"
NEAR = {PDQ: 31, PHASH: 8}
"""Distances, in bits, up to which two fingerprints are of one picture."""
LEAST_QUALITY = 50
"""PDQ's own measure, up to 100: a picture with less structure is like many others."""
_SIDE, _SHRUNK, _MOST = 64, 512, 2_000_000


class Prints(NamedTuple):
    """The fingerprints of one picture, packed; PDQ's *quality*."""

    pdq: NDArray[np.uint64]
    phash: NDArray[np.uint64]
    quality: int


class ListError(GuardError):
    """A list of fingerprints that cannot be read."""


@functools.cache
def _cosines(rows: int, size: int, first: int) -> NDArray[np.float64]:
    """Row *n* is the cosine of frequency *n* + *first* over *size* samples."""
    frequency = np.arange(first, first + rows)[:, None]
    samples = np.arange(size)[None]
    waves: NDArray[np.float64] = np.sqrt(2 / size) * np.cos(np.pi / (2 * size) * frequency * (2 * samples + 1))
    return waves


def prints(picture: Image) -> Prints:
    """Both fingerprints of *picture*, RGB."""
    if max(picture.size) > _SHRUNK:
        scale = _SHRUNK / max(picture.size)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, reducing_gap=2.0)
    rgb = np.asarray(picture, dtype=np.float32)
    luma = rgb @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    small = _sampled(luma)
    waves = _cosines(16, _SIDE, 1)
    low = waves @ small @ waves.T
    return Prints(_packed((low > np.median(low))[::-1, ::-1]), _phash(picture), _quality(small))


def mirrored(picture: Image) -> Prints:
    """The fingerprints of *picture* as a mirror shows it."""
    from PIL import Image as Pillow

    return prints(picture.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT))


def _sampled(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    rows, columns = luma.shape
    smooth = luma.astype(np.float64)
    for _ in range(2):
        smooth = _boxed(smooth, (columns + 2 * _SIDE - 1) // (2 * _SIDE))
        smooth = _boxed(smooth.T, (rows + 2 * _SIDE - 1) // (2 * _SIDE)).T
    places = [((np.arange(_SIDE) + 0.5) * size / _SIDE).astype(int) for size in (rows, columns)]
    return smooth[np.ix_(*places)]


def _boxed(lines: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The mean of *window* neighbours along each line, of fewer at its ends."""
    length = lines.shape[1]
    half = (window + 2) // 2
    sums = np.concatenate([np.zeros((len(lines), 1)), lines.cumsum(axis=1)], axis=1)
    place = np.arange(length)
    low, high = np.maximum(place + half - window, 0), np.minimum(place + half, length)
    boxed: NDArray[np.float64] = (sums[:, high] - sums[:, low]) / (high - low)
    return boxed


def _quality(small: NDArray[np.float64]) -> int:
    steps = [np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum() for axis in (0, 1)]
    return min(100, int(sum(steps) / 90))


def _phash(picture: Image) -> NDArray[np.uint64]:
    from PIL import Image as Pillow

    grey = np.asarray(picture.convert("L").resize((32, 32), Pillow.Resampling.LANCZOS), dtype=np.float64)
    waves = _cosines(8, 32, 0)
    low = waves @ grey @ waves.T
    return _packed(low > np.median(low))


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    return np.packbits(bits.ravel()).view(">u8").astype(np.uint64)


def parse(digits: str) -> NDArray[np.uint64]:
    """A fingerprint from its hexadecimal digits: 64 of PDQ, 16 of pHash."""
    return np.frombuffer(bytes.fromhex(digits), dtype=">u8").astype(np.uint64)


class Known:
    """The fingerprints of a list, both kinds."""

    def __init__(self, pdq: NDArray[np.uint64], phash: NDArray[np.uint64]) -> None:
        self.entries = {PDQ: pdq, PHASH: phash}

    def nearest(self, seen: Prints) -> tuple[str, int] | None:
        """Kind and distance of the entry that is nearest in terms of its kind, if it is near enough to be the same."""
        found: list[tuple[str, int]] = []
        for kind, entries in self.entries.items():
            if len(entries) and (kind != PDQ or seen.quality >= LEAST_QUALITY):
                given = seen.pdq if kind == PDQ else seen.phash
                distance = int(_distances(entries, given).min())
                if distance <= NEAR[kind]:
                    found.append((kind, distance))
        return min(found, key=lambda one: one[1] / NEAR[one[0]], default=None)


def _distances(entries: NDArray[np.uint64], given: NDArray[np.uint64]) -> NDArray[np.uint16]:
    total: NDArray[np.uint16] = np.bitwise_count(entries[:, 0] ^ given[0]).astype(np.uint16)
    for word in range(1, len(given)):
        total += np.bitwise_count(entries[:, word] ^ given[word])
    return total


def load(path: Path) -> Known:
    """The list in *path*: a fingerprint in hexadecimal digits on each line, before a comma or space if more follows.

    Raises:
        ListError: a line that is none, with its number.
    """
    pdq, phash = bytearray(), bytearray()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            digits = line.split(b",", 1)[0].split(None, 1)[0] if line.strip() else b""
            if not digits or digits.startswith(b"#"):
                continue
            try:
                raw = bytes.fromhex(digits.decode("ascii"))
            except ValueError:
                raw = b""
            if len(raw) not in {8, 32} or number > _MOST:
                msg = f"{path}:{number}: should be 64 (PDQ) or 16 (pHash) hexadecimal digits, in at most {_MOST} lines"
                raise ListError(msg)
            (pdq if len(raw) == 32 else phash).extend(raw)
    words = [np.frombuffer(bytes(raw), dtype=">u8").astype(np.uint64) for raw in (pdq, phash)]
    return Known(words[0].reshape(-1, 4), words[1].reshape(-1, 1))
