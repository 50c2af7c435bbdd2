"""What a watermark in pixels may say: a few bits, written in a policy as bits, hexadecimal digits or text.

Plain values, so that actions and classifiers check a message when a policy is loaded. `guard.media` reads and writes.
"""

from __future__ import annotations

import functools
import itertools
import math

SHORTEST, LONGEST = 24, 512
"""Bits. Fewer are found by chance too often; more leave each bit too few places in a picture."""
_LIKE, _WEAK = 0.11, 0.05
"""A message is read where another stands if it explains so much of what the places of its bits agree upon (readers ask
for 0.16), and is so much like it that it is seen at all.
"""
_HEAD = 48
"""Bits from which a message of whole bytes may be text."""


def ascii_bits(text: str) -> str:
    """*text* as the scheme's ``bytes`` method writes it.

    >>> ascii_bits("A")
    '01000001'
    """
    return "".join(f"{byte:08b}" for byte in text.encode())


KNOWN: dict[str, str] = {
    "sd1": ascii_bits("StableDiffusionV1"),
    "sd2": ascii_bits("SDV2"),
    "sd1_inpainting": ascii_bits("StableDiffusionV1-Inpainting"),
    "sdxl": "101100111110110010010000011110111011000110011110",
    "flux": "001010101111111010000111100111001111010100101110",
    "invokeai": ascii_bits("InvokeAI"),
}
"""What open generators write by default, by kind.

Sources: the scripts of CompVis and Stability AI (``StableDiffusionV1``, ``SDV2``, inpainting), diffusers' watermark of
SDXL, Black Forest Labs' embed_watermark of FLUX, InvokeAI's invisible_watermark.
"""


def bits_of(word: str) -> str:
    """The bits that *word* stands for: itself if it is bits, hexadecimal after ``0x``, or text in UTF-8.

    Raises:
        ValueError: they are not `SHORTEST` to `LONGEST`, all alike, or one byte over and over.

    >>> bits_of("0xacdc0f")
    '101011001101110000001111'
    """
    if word.startswith("0x"):
        digits = word[2:]
        if not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise ValueError("should have hexadecimal digits after 0x")
        bits = "".join(f"{int(digit, 16):04b}" for digit in digits)
    else:
        bits = word if set(word) <= {"0", "1"} else ascii_bits(word)
    if not SHORTEST <= len(bits) <= LONGEST or len(set(bits)) < 2:
        msg = f"should have {SHORTEST} to {LONGEST} bits, not all alike"
        raise ValueError(msg)
    if bits[8:] == bits[:-8]:  # readers take out what all bytes have in common
        raise ValueError("says one byte over and over, which no reader can tell from none")
    return bits


def weights(bits: str) -> list[float]:
    """*bits* as numbers of mean zero: see `centred`.

    >>> weights("01")
    [-0.5, 0.5]
    """
    return centred([float(bit) for bit in bits])


def centred(values: list[float]) -> list[float]:
    """*values*, one a bit, without their mean; of what may be text without what a place has in common in all bytes."""
    period = 8 if len(values) % 8 == 0 and len(values) > _HEAD else 1
    means = [sum(values[place::period]) * period / len(values) for place in range(period)]
    return [value - means[number % period] for number, value in enumerate(values)]


@functools.lru_cache(64)
def own(word: str) -> str:
    """The bits of *word*, an operator's own message.

    Raises:
        ValueError: as `bits_of`, or it would be read as the mark of a generator that did not write it.
    """
    bits = bits_of(word)
    for kind, known in KNOWN.items():
        if _is_read_in(known, bits):
            msg = f"would be read as the mark of a generator, {kind}; choose another"
            raise ValueError(msg)
    return bits


def _is_read_in(known: str, bits: str) -> bool:
    """Whether a reader who looks for *known* takes *bits*, written again and again, for it."""
    mean, length = bits.count("1") / len(bits), len(known)
    turns = math.lcm(len(bits), length) // length
    written = itertools.cycle([int(bit) - mean for bit in bits])
    sums = [0.0] * length
    for _ in range(turns):
        sums = [total + value for total, value in zip(sums, written, strict=False)]
    agreed = centred([total / turns for total in sums])
    looked = weights(known)
    common = sum(a * b for a, b in zip(agreed, looked, strict=True)) / length
    ours, theirs = (sum(value * value for value in values) / length for values in (agreed, looked))
    if common <= 0 or common * common < _LIKE * ours * theirs:
        return False
    return common >= _WEAK * math.sqrt(mean * (1 - mean) * theirs)
