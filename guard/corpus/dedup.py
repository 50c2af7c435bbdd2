"""Finding records that say what an earlier one said, so that no text is judged twice.

*exact*: the judged columns are equal. *near*: the texts are equal up to case, width and white space, or their sets of
character 5-grams overlap by about `SIMILAR` (Jaccard), as MinHash estimates it: 128 minima, in 32 bands of 4 to find
candidates (Broder 1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3). Of a record that is like
several the first is its original, and no record that has an original is one itself.

The index is on disk, in a file without a name: it is made anew in every run, from the input.
"""

from __future__ import annotations

import hashlib
import sqlite3
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    from guard.corpus.columns import Columns

SIMILAR = 0.9
_GRAM = 5
_BANDS, _DEEP = 32, 4
_BLOCK = 4096
_rng = np.random.Generator(np.random.PCG64(45654))
_FACTORS = _rng.integers(0, 2**63, size=(_BANDS * _DEEP, 1), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_SHIFTS = _rng.integers(0, 2**63, size=(_BANDS * _DEEP, 1), dtype=np.uint64)


class Dedup:
    """Knows what was seen. *mode* is ``exact`` or ``near``."""

    def __init__(self, mode: str) -> None:
        self._near = mode == "near"
        self._base = sqlite3.connect("", isolation_level=None)  # SQLite's own temporary file: spills, and is gone after
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute("PRAGMA synchronous = OFF")
        self._base.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, row INTEGER) WITHOUT ROWID")
        self._base.execute("CREATE TABLE band (hash INTEGER, row INTEGER)")
        self._base.execute("CREATE INDEX by_hash ON band (hash)")
        self._base.execute("CREATE TABLE minima (row INTEGER PRIMARY KEY, minima BLOB)")
        self._base.execute("BEGIN")

    def original(self, row: int, document: dict[str, Any], columns: Columns) -> int | None:
        """The first row that says what this one does, or None: then others may be like this one."""
        texts = _texts(document, columns) if self._near else None
        said = _digest(document) if texts is None else _digest(texts)
        found = self._base.execute("SELECT row FROM seen WHERE digest = ?", (said,)).fetchone()
        if found is not None:
            return int(found[0])
        if texts is not None:
            minima = signature("\n".join(texts))
            if minima is not None:
                like = self._like(minima)
                if like is not None:
                    return like
                bands = [(int(band), row) for band in _bands(minima)]
                self._base.executemany("INSERT INTO band VALUES (?, ?)", bands)
                self._base.execute("INSERT INTO minima VALUES (?, ?)", (row, minima.tobytes()))
        self._base.execute("INSERT INTO seen VALUES (?, ?)", (said, row))
        return None

    def close(self) -> None:
        """Forget everything."""
        self._base.close()

    def _like(self, minima: np.ndarray[Any, Any]) -> int | None:
        marks = ",".join("?" * _BANDS)
        candidates = self._base.execute(
            f"SELECT DISTINCT m.row, m.minima FROM band b JOIN minima m USING (row) WHERE b.hash IN ({marks}) "  # noqa: S608
            "ORDER BY m.row LIMIT 64",
            [int(band) for band in _bands(minima)],
        )
        for row, stored in candidates:
            if similarity(minima, np.frombuffer(stored, dtype=np.uint32)) >= SIMILAR:
                return int(row)
        return None


def signature(text: str) -> np.ndarray[Any, Any] | None:
    """128 minima of the hashes of the text's 5-grams; None if it has too few for them to mean anything."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    if len(points) < 4 * _GRAM:
        return None
    grams = np.zeros(len(points) - _GRAM + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for place in range(_GRAM):
            grams = grams * np.uint64(1_000_003) + points[place : place + len(grams)]
        grams ^= grams >> np.uint64(29)
        grams *= np.uint64(0xBF58476D1CE4E5B9)
        grams = np.unique(grams)
        minima = np.full((_BANDS * _DEEP,), np.iinfo(np.uint64).max, dtype=np.uint64)
        for begin in range(0, len(grams), _BLOCK):
            hashed = grams[begin : begin + _BLOCK] * _FACTORS + _SHIFTS  # modulo 2^64: the upper half is what is random
            minima = np.minimum(minima, hashed.min(axis=1))
    return (minima >> np.uint64(32)).astype(np.uint32)


def similarity(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """About what share of all 5-grams of two texts both have."""
    return float(np.mean(one == other))


def _bands(minima: np.ndarray[Any, Any]) -> list[int]:
    rows = minima.reshape(_BANDS, _DEEP)
    return [
        int.from_bytes(hashlib.blake2b(bytes([n]) + row.tobytes(), digest_size=8).digest(), "little", signed=True)
        for n, row in enumerate(rows)
    ]


def _texts(document: dict[str, Any], columns: Columns) -> list[str] | None:
    """What a near comparison compares: texts, folded; None where a record holds anything else."""
    values = [document.get(name) for name in columns.texts]
    if columns.all or columns.media or columns.messages or not all(isinstance(v, str) or v is None for v in values):
        return None
    return [" ".join(unicodedata.normalize("NFKC", value or "").casefold().split()) for value in values]


def _digest(value: Any) -> bytes:
    said = orjson.dumps(value, default=_bytes, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(said, digest_size=16).digest()


def _bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return ["bytes", hashlib.blake2b(value, digest_size=16).hexdigest()]
    return [type(value).__name__, str(value)]
