"""What a decoder's bits say of a mark: how many of a message's are there, and how often chance does as well. Pure.

For a message that was drawn by chance, whatever a decoder makes of unmarked content agrees with it like a row of fair
coins: the binomial distribution bounds false alarms without any clean content to fit a threshold on.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

from guard.media.marks.model import Asserts, Mark, Status, categories_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Bits = NDArray[np.bool_]

DOUBTFUL = 1e-2
"""A chance below which the mark may be there, and is not said to be absent."""
LONGEST = 1024


def bits_of(word: str) -> str:
    """*word* as bits: itself if it is of 0 and 1, hexadecimal digits behind ``0x``, or its letters in UTF-8."""
    if word and set(word) <= {"0", "1"}:
        return word
    data = bytes.fromhex(word[2:]) if word.startswith("0x") else word.encode()
    return "".join(f"{byte:08b}" for byte in data)


def check(messages: Mapping[str, str], sha256: str, at_most: float) -> None:
    """Refuse options that no decoder can be asked with.

    Raises:
        ValueError: says what would be right.
    """
    for name, word in messages.items():
        if not name.replace("_", "").isalnum() or name != name.lower() or not name.isascii():
            msg = f"message `{name}` should have a name of lower-case letters, digits and _"
            raise ValueError(msg)
        bits = bits_of(word)
        if not 0 < len(bits) <= LONGEST or len(set(bits)) < 2:
            msg = f"message `{name}` should have at most {LONGEST} bits, not all alike"
            raise ValueError(msg)
        if 2.0 ** -len(bits) > at_most:
            msg = f"message `{name}` has {len(bits)} bits, which chance hits more often than at_most ({at_most:g})"
            raise ValueError(msg)
    if sha256 and (len(sha256) != 64 or not set(sha256.lower()) <= set("0123456789abcdef")):
        msg = "sha256 should be 64 hexadecimal digits: that of the model file"
        raise ValueError(msg)
    if not 0 < at_most < DOUBTFUL:
        msg = f"at_most should be above 0 and below {DOUBTFUL:g}: how often chance may pass for a mark"
        raise ValueError(msg)


def provided(family: str, messages: Mapping[str, str]) -> frozenset[str]:
    """The categories that a decoder of *messages* can give."""
    return categories_of({family: tuple(messages)}) if messages else frozenset()


def chance(same: int, of: int) -> float:
    """How often *same* or more of *of* fair coins fall as foretold.

    >>> chance(3, 3), chance(0, 3)
    (0.125, 1.0)
    """
    return float(sum(comb(of, count) for count in range(same, of + 1)) / (1 << of))


def marks(
    family: str, carrier: str, read: Sequence[Bits], messages: Mapping[str, Bits], at_most: float
) -> Iterator[Mark]:
    """What *read*, the bits of each frame or stretch, say of each of *messages*: the one that agrees most speaks."""
    tries = max(1, len(read) * len(messages))
    for name, message in messages.items():
        same = max((int((bits == message).sum()) for bits in read), default=0)
        p_value = min(1.0, tries * chance(same, len(message)))
        said = f"{same} of {len(message)} bits"
        if p_value <= at_most:
            yield Mark(family, Status.DETECTED, Asserts.AI, name, carrier, code=said, p_value=p_value)
        elif p_value <= DOUBTFUL:
            code = f"too weak to tell, {said}"
            yield Mark(family, Status.INCONCLUSIVE, kind=name, carrier=carrier, code=code, score=0.5, p_value=p_value)
