"""What a reader gives: `Item`s of a `Source`, in order, each with where it stands."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from guard.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class CorpusError(GuardError):
    """An audit that cannot be done, or not go on, with what would be right."""


class Item(NamedTuple):
    """One record of a source as it was read, or why it could not be.

    *offset* is where it begins: a byte of the decompressed file for lines and members of archives, a row for tables.
    *name* is what the source itself calls it, if it does.
    """

    offset: int
    row: dict[str, Any] | None
    problem: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What tells one input from another: its bytes."""

    name: str
    format: str
    bytes: int
    sha256: str


class Source(ABC):
    """One input: a file, or a folder of files that are records each.

    *name* is what results call it. A source of *tables* has columns; in any other all of a record is judged.
    *position* counts bytes of the files that were read so far, of `size`.
    """

    format: str
    tables = True
    projects = False
    """Whether columns that are not asked for cost nothing."""

    def __init__(self, name: str, files: Sequence[Path]) -> None:
        self.name = name
        self.files = tuple(files)
        self.position = 0
        self.size = sum(path.stat().st_size for path in self.files)

    @property
    def folder(self) -> Path:
        """Where paths in its records count from; no record reaches outside of it."""
        return self.files[0].parent

    @abstractmethod
    def items(self, most_bytes: int, columns: Sequence[str] | None = None) -> Iterator[Item]:
        """Every record, in order; of tables the given *columns* alone. One larger than *most_bytes* is not held.

        Raises nothing for what is wrong with the input: that is an item with a *problem*.
        """

    def facts(self) -> Facts:
        """Read all of it once, for its digest."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
            if len(self.files) > 1:
                digest.update(path.name.encode("utf-8", "surrogateescape"))
        return Facts(self.name, self.format, self.size, digest.hexdigest())


def printable(name: str) -> str:
    """*name* of a file as results can hold it: bytes that are not UTF-8 are shown as such."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def reason(error: BaseException) -> str:
    """What went wrong, in words that hold nothing of the content: messages of parsers may quote it."""
    return type(error).__name__
