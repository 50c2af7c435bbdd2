"""The small linear text models: n-gram hashing, and arrays that hold TF-IDF and logistic regression in one.

A model is a sum. Every distinct n-gram of the text that the vocabulary knows adds one row of numbers; the sum, divided
by the length of the TF-IDF vector, is the log-odds of each head. Calibration is already folded into the numbers.
NumPy is all it needs: training (``classifiers.weights.train_linear``) calls `grams` too, so what was learned and what
is read are the same features by construction.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from guard.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

FEATURES = "grams-2"
"""Name of the feature space below; a file of another one is refused."""

SLOT_BITS = 20
"""A feature's slot is the top bits of its hash; the vocabulary holds at most one feature per slot."""

_LONGEST = 5
_BASE = np.uint32(0x01000193)
_SALTS = np.arange(_LONGEST + 1, dtype=np.uint32) * np.uint32(0x9E3779B9)
_MIX_A, _MIX_B = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_HAN_FIRST, _HAN_LAST, _HAN_SUPPLEMENT = 0x3400, 0x9FFF, 0x20000
_WORD = re.compile(r"[^\W_\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]+(?:'[^\W_\u3040-\u9fff]+)*")
# Letters of every script but Latin and Han. The training sets hold next to none of them, and what they hold would make
# the model judge a language instead of what is said in it.
_UNREAD = re.compile(
    r"[\u0370-\u1dff\u1f00-\u1fff\u2c00-\u2dff\u3040-\u312f\u3130-\u33ff\ua000-\ud7ff\ufb13-\ufdff\ufe70-\ufefe"
    r"\U00010000-\U0001cfff\U0001e000-\U0001efff]+"
)


def fold(text: str) -> str:
    """One spelling for what reads the same (compatibility forms, case, white space); other scripts become a space."""
    if not text.isascii():
        text = _UNREAD.sub(" ", unicodedata.normalize("NFKC", text).replace("\u2019", "'"))
    return f" {' '.join(text.lower().split())} "


def grams(text: str) -> NDArray[np.uint32]:
    """Hashes of every n-gram of *text*, with repeats, in no order that means anything.

    Words and pairs of words; 2 to 5 characters within a run between white space, its borders included; and single
    Han characters, since a Chinese run is a sentence and one character may be a word.
    """
    folded = fold(text)
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    han = ((codes >= _HAN_FIRST) & (codes <= _HAN_LAST)) | (codes >= _HAN_SUPPLEMENT)
    found = [codes[han] + _SALTS[1], *_runs(codes), *_words(folded)]
    return _mixed(np.concatenate(found))


def _runs(codes: NDArray[np.uint32]) -> list[NDArray[np.uint32]]:
    """Character n-grams that have no white space inside (their first and last character may be one)."""
    space = codes == 0x20
    rolling, torn = codes, np.zeros(len(codes), dtype=bool)
    found = []
    for length in range(2, min(_LONGEST, len(codes)) + 1):
        rolling = rolling[:-1] * _BASE + codes[length - 1 :]
        torn = torn[:-1] | space[length - 2 : len(space) - 1] if length > 2 else torn[:-1]
        found.append(rolling[~torn] + _SALTS[length])
    return found


def _words(folded: str) -> list[NDArray[np.uint32]]:
    """Words of scripts that put spaces between them, and pairs of neighbours."""
    words = _WORD.findall(folded)
    if not words:
        return []
    single = np.array([crc32(word.encode()) for word in words], dtype=np.uint32)
    return [single, single[:-1] * _BASE + _mixed(single[1:])]


def _mixed(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Spread every input bit over all 32 (the `lowbias32` finaliser), for the top bits choose the slot."""
    hashes = (hashes ^ (hashes >> np.uint32(16))) * _MIX_A
    hashes = (hashes ^ (hashes >> np.uint32(15))) * _MIX_B
    return hashes ^ (hashes >> np.uint32(16))


@dataclass(frozen=True)
class LinearModel:
    """TF-IDF and one logistic regression per head, ready to score.

    *keys* are the hashes of the n-grams it knows, *slots* maps the top bits of a hash to a row or -1, *rows* has for
    each n-gram idf squared and then its calibrated weight for each head, *bias* one number per head.
    """

    heads: tuple[str, ...]
    keys: NDArray[np.uint32]
    slots: NDArray[np.int32]
    rows: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, text: str) -> NDArray[np.float64]:
        """The probability of each head, in the order of *heads*. Depends on *text* alone."""
        hashes = grams(text)
        rows = self.slots[hashes >> np.uint32(32 - SLOT_BITS)]
        # A slot of nothing is -1 and so points at the last key, which then differs.
        rows = rows[self.keys[rows] == hashes]
        present = np.sort(rows)
        if len(present):
            first = np.empty(len(present), dtype=bool)
            first[0] = True
            np.not_equal(present[1:], present[:-1], out=first[1:])
            present = present[first]
        total = self.rows[present].sum(axis=0, dtype=np.float64)
        logits = total[1:] / max(np.sqrt(total[0]), 1.0) + self.bias
        scores: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logits))
        return scores


def slots_of(keys: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Row number by slot, or -1; *keys* must have no two of the same slot."""
    slots = np.full(1 << SLOT_BITS, -1, dtype=np.int32)
    slots[keys >> np.uint32(32 - SLOT_BITS)] = np.arange(len(keys), dtype=np.int32)
    return slots


def load(path: Path, sha256: str) -> LinearModel:
    """Read the model at *path*.

    Raises:
        WeightsError: the file is missing, is not the one that was pinned, or is not such a model.
    """
    arrays = _arrays(path, sha256)
    try:
        if str(arrays["features"]) != FEATURES:
            msg = f"{path.name} was trained on other features than this version reads; train it again"
            raise WeightsError(msg)
        keys = arrays["keys"]
        weights = arrays["weights"].astype(np.float32) * arrays["scale"]
        rows = np.column_stack([np.square(arrays["idf"].astype(np.float32)), weights])
        return LinearModel(
            heads=tuple(str(head) for head in arrays["heads"]),
            keys=keys,
            slots=slots_of(keys),
            rows=np.ascontiguousarray(rows, dtype=np.float32),
            bias=arrays["bias"],
        )
    except KeyError as error:
        msg = f"{path.name} holds no array {error}; it should be written by classifiers.weights.train_linear"
        raise WeightsError(msg) from error


def _arrays(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"model file {path.name} cannot be read ({error.strerror}); install the package again"
        raise WeightsError(msg) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        msg = f"model file {path.name} has sha256 {found}; this version is pinned to {sha256}"
        raise WeightsError(msg)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        msg = f"model file {path.name} holds no plain arrays"
        raise WeightsError(msg) from error
