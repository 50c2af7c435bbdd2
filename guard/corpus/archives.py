"""Records that are files: WebDataset archives, in which files of one name belong together, and folders."""

from __future__ import annotations

import sys
import tarfile
import zlib
from typing import TYPE_CHECKING, Any

from guard.corpus.source import Item, Source, printable, reason
from guard.errors import RequestError
from guard.protocols.strict_json import parse

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error, zstd.ZstdError)


class WebDataset(Source):
    """A tar archive: ``000.jpg``, ``000.txt`` and ``000.json`` are one record, as long as they stand together."""

    format = "webdataset"
    tables = False

    def items(self, most_bytes: int, columns: Sequence[str] | None = None) -> Iterator[Item]:  # noqa: ARG002  all of it
        """Sample by sample, in the order of the archive."""
        sample: _Sample | None = None
        with self.files[0].open("rb") as raw:
            try:
                magic = raw.read(4)
                raw.seek(0)
                stream: Any = zstd.ZstdFile(raw) if magic == b"\x28\xb5\x2f\xfd" else raw
                with tarfile.open(fileobj=stream, mode="r|*") as archive:
                    for member in archive:
                        self.position = raw.tell()
                        if member.isdir():
                            continue
                        key, _, kind = _split(member.name)
                        if sample is None or sample.key != key or kind in sample.row:
                            if sample is not None:
                                yield sample.item()
                            sample = _Sample(key, member.offset)
                        sample.take(archive, member, kind, most_bytes)
            except _BROKEN as error:
                if sample is not None:
                    yield sample.item()
                yield Item(raw.tell(), None, f"the rest of the archive cannot be read ({reason(error)})")
                return
        if sample is not None:
            yield sample.item()


class _Sample:
    """The files of one key."""

    def __init__(self, key: str, offset: int) -> None:
        self.key = key
        self.offset = offset
        self.row: dict[str, Any] = {}
        self._problem = ""
        self._size = 0

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo, kind: str, most_bytes: int) -> None:
        self._size += member.size
        if not member.isfile():
            self._problem = "a member is a link or a device, not a file"
        elif self._size > most_bytes:
            self._problem, self.row = f"it is larger than {most_bytes} bytes", {}
        elif not self._problem:
            file = archive.extractfile(member)
            data = file.read() if file is not None else b""
            if len(data) < member.size:
                raise EOFError
            self.row[kind] = value(data, kind)

    def item(self) -> Item:
        return Item(self.offset, None if self._problem else self.row, self._problem, printable(self.key))


class Files(Source):
    """A folder's files that hold no table: each is one record."""

    format = "files"
    tables = False

    def __init__(self, name: str, root: Path, files: Sequence[Path]) -> None:
        super().__init__(name, files)
        self._root = root

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._root

    def items(self, most_bytes: int, columns: Sequence[str] | None = None) -> Iterator[Item]:  # noqa: ARG002  all of it
        """File by file, by their paths' order."""
        for path in self.files:
            name = printable(path.relative_to(self._root).as_posix())
            try:
                size = path.stat().st_size
                if size > most_bytes:
                    yield Item(0, None, f"the file is larger than {most_bytes} bytes", name)
                else:
                    yield Item(0, {"file": value(path.read_bytes(), path.suffix[1:].lower())}, "", name)
                self.position += size
            except OSError as error:
                yield Item(0, None, f"the file cannot be read: {error.strerror}", name)


def value(data: bytes, kind: str) -> Any:
    """*data* of a file whose name ends in *kind*: JSON and text as what they are, bytes otherwise."""
    if kind == "json" or kind.endswith(".json"):
        try:
            return parse(data)
        except RequestError:
            return data
    return data


def _split(name: str) -> tuple[str, str, str]:
    """The key and the extension of a member, as WebDataset takes them: the extension begins at the first dot."""
    folder, slash, base = name.rpartition("/")
    stem, dot, kind = base.partition(".")
    return f"{folder}{slash}{stem}", dot, kind.lower() or "file"


def is_tar(head: bytes) -> bool:
    """Whether a file that begins with *head* (512 bytes) is a tar archive."""
    return head[257:262] == b"ustar"


def text_of(data: bytes) -> str | None:
    """*data* as text, if it is."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
