"""The folder an audit writes: what is in it is whole, and says what it is of.

::

    DIR/manifest.json            inputs with their hashes, and the fingerprint of policy, models and code
    DIR/results/part-*.parquet   one row per judged record; a chunk is done once its part is here
    DIR/quarantine/part-*.jsonl  one line per record that could not be judged: where it stands, and why
    DIR/released/…               on request, what may be used, in the input's shape
    DIR/work/*.journal           entries of chunks that are not done yet
    DIR/summary.json  DIR/report.html

Files come into being as ``.tmp``, are synced, and renamed. A journal is appended to; of one whose last line is torn,
all before it counts.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from guard.corpus.results import table
from guard.corpus.source import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_MOST_READ = 16
"""Parts that are kept in memory for rows that refer to them."""


class Store:
    """The folder of one audit, held by one process at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results = root / "results"
        self.quarantine = root / "quarantine"
        self.released = root / "released"
        self.work = root / "work"
        self._lock: int | None = None
        self._read: dict[int, dict[int, dict[str, Any]]] = {}

    def open(self, manifest: Mapping[str, Any], *, resume: bool) -> bool:
        """Take hold of the folder for an audit of *manifest*; True if some of it is done already.

        Raises:
            CorpusError: it holds another audit, or one that is not to be resumed, or something else.
        """
        with _clear(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            msg = f"{self.root}: another audit is writing into it; wait for it, or name another folder"
            raise CorpusError(msg) from None
        before = self.manifest()
        if before is not None:
            if not resume:
                msg = f"{self.root}: it holds an audit already; add --resume to go on with it, or name another folder"
                raise CorpusError(msg)
            differing = _differences(before, dict(manifest))
            if differing:
                msg = (
                    f"{self.root}: it holds an audit that differs in {', '.join(differing)}; results of both in one "
                    "folder would not belong together: name another folder"
                )
                raise CorpusError(msg)
        elif any(path.name != ".lock" for path in self.root.iterdir()):
            msg = f"{self.root}: it is not empty, and what it holds is no audit; name another folder"
            raise CorpusError(msg)
        with _clear(self.root):
            for folder in (self.results, self.quarantine, self.work):
                folder.mkdir(exist_ok=True)
            for left in (*self.root.glob("*.tmp"), *self.root.glob("*/*.tmp")):
                left.unlink()
            for number in self.done():  # it was killed between the two
                self.journal(number).remove()
        if before is None:
            self.write("manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n")
        return before is not None

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def manifest(self) -> dict[str, Any] | None:
        """What the folder says that it is of; None if it says nothing."""
        try:
            read = orjson.loads((self.root / "manifest.json").read_bytes())
        except FileNotFoundError:
            return None
        except orjson.JSONDecodeError:
            msg = f"{self.root}/manifest.json: it is damaged; name another folder"
            raise CorpusError(msg) from None
        return dict(read)

    def write(self, name: str, data: bytes) -> None:
        """Make *name*, whole or not at all."""
        self.put(self.root / name, lambda path: path.write_bytes(data))

    def put(self, target: Path, make: Callable[[Path], object]) -> None:
        """Have *make* write a file, and give it its name once all of it is on the disk."""
        draft = target.with_name(target.name + ".tmp")
        with _clear(self.root):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                make(draft)
                with draft.open("rb") as file:
                    os.fsync(file.fileno())
                draft.replace(target)
                _sync(target.parent)
            except BaseException:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
                raise

    def part(self, number: int) -> Path:
        """The results of chunk *number*."""
        return self.results / f"part-{number:06d}.parquet"

    def done(self) -> set[int]:
        """The chunks that are done."""
        return {int(path.stem.removeprefix("part-")) for path in self.results.glob("part-*.parquet")}

    def finish(self, number: int, rows: Sequence[dict[str, Any]], quarantined: Sequence[dict[str, Any]]) -> None:
        """Write chunk *number*: its quarantine first, for it is done once its results are there."""
        import pyarrow.parquet as pq

        if quarantined:
            lines = b"".join(orjson.dumps(one) + b"\n" for one in quarantined)
            self.put(self.quarantine / f"part-{number:06d}.jsonl", partial(Path.write_bytes, data=lines))
        made = table(rows)
        self.put(self.part(number), lambda path: pq.write_table(made, path, compression="zstd"))

    def parts(self) -> list[Path]:
        """The results, in the order of the input."""
        return sorted(self.results.glob("part-*.parquet"))

    def entry(self, number: int, row: int) -> dict[str, Any]:
        """What became of *row* in chunk *number*, which is done: as a worker's answer has it."""
        known = self._read.get(number)
        if known is None:
            known = self._read[number] = self._entries(number)
            if len(self._read) > _MOST_READ:
                del self._read[next(iter(self._read))]
        return known[row]

    def _entries(self, number: int) -> dict[int, dict[str, Any]]:
        import pyarrow.parquet as pq

        found: dict[int, dict[str, Any]] = {
            row["row"]: {"row": row} for row in pq.read_table(self.part(number)).to_pylist()
        }
        path = self.quarantine / f"part-{number:06d}.jsonl"
        if path.exists():
            with path.open("rb") as file:
                found |= {one["row"]: {"unfit": one["reason"]} for one in map(orjson.loads, file)}
        return found

    def count(self) -> int:
        """The records in results and quarantine together."""
        import pyarrow.parquet as pq

        judged: int = sum(pq.read_metadata(path).num_rows for path in self.parts())
        return judged + sum(1 for _ in self.quarantined())

    def quarantined(self) -> Iterator[dict[str, Any]]:
        """Every entry of the quarantine, in the order of the input."""
        for path in sorted(self.quarantine.glob("part-*.jsonl")):
            with path.open("rb") as file:
                yield from map(orjson.loads, file)

    def journal(self, number: int) -> Journal:
        """What is known of chunk *number* that is not done yet."""
        return Journal(self.work / f"{number:06d}.journal")


class Journal:
    """Entries of one chunk, appended as they come: what was judged is not judged again after a crash."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def read(self) -> list[dict[str, Any]]:
        """Every entry that was written whole; what was torn is cut off."""
        entries: list[dict[str, Any]] = []
        good = 0
        try:
            with self._path.open("rb") as file:
                for line in file:
                    entry = _entry(line)
                    if entry is None:
                        break
                    entries.append(entry)
                    good += len(line)
        except FileNotFoundError:
            return []
        with self._path.open("r+b") as file:
            file.truncate(good)
        return entries

    def append(self, entries: Sequence[dict[str, Any]]) -> None:
        """Write *entries*; they outlive this process, though not a power cut."""
        if not entries:
            return
        with _clear(self._path.parent.parent):
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            data = b"".join(b"%08x %s\n" % (zlib.crc32(said), said) for said in map(orjson.dumps, entries))
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]

    def close(self) -> None:
        """Keep it for later."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """The chunk is done."""
        self.close()
        self._path.unlink(missing_ok=True)


def _entry(line: bytes) -> dict[str, Any] | None:
    said = line[9:-1]
    if not line.endswith(b"\n") or line[:8] != b"%08x" % zlib.crc32(said):
        return None
    return dict(orjson.loads(said))


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What two manifests do not agree in, in a person's words."""
    return [
        key.replace("_", " ") for key in {**before, **now} if key != "fingerprint" and before.get(key) != now.get(key)
    ]


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _clear(root: Path) -> Iterator[None]:
    """Say what a full disk means here."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            msg = (
                f"{root}: the disk is full ({os.strerror(error.errno)}); nothing was left half-written: make room, and "
                "go on with --resume"
            )
            raise CorpusError(msg) from error
        if error.errno in {errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}:
            msg = f"{root}: it cannot be written into: {os.strerror(error.errno)}"
            raise CorpusError(msg) from error
        raise
