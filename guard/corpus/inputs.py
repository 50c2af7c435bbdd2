"""Which files an audit reads, and as what: by what they are called, and by their first bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from guard.corpus.archives import Files, WebDataset, is_tar
from guard.corpus.lines import Csv, Jsonl
from guard.corpus.source import CorpusError, Source, printable
from guard.corpus.tables import Arrow, Parquet
from guard.errors import RequestError
from guard.protocols.strict_json import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CODINGS = (".gz", ".zst", ".zstd")
_FORMATS: dict[str, type[Source]] = {
    ".jsonl": Jsonl, ".ndjson": Jsonl, ".csv": Csv, ".tsv": Csv, ".parquet": Parquet, ".pq": Parquet, ".arrow": Arrow,
    ".feather": Arrow, ".ipc": Arrow, ".tar": WebDataset, ".tgz": WebDataset,
}  # fmt: skip
_GLANCE = 65_536


class Skipped:
    """What was seen in folders and is no input, by why; counted, so that nothing is left out in silence."""

    def __init__(self) -> None:
        self.links: list[str] = []
        self.hidden = 0


def find(inputs: Sequence[str]) -> tuple[list[Source], Skipped]:
    """The sources that *inputs* are or hold, in the order given and then by name.

    Raises:
        CorpusError: one is not there, cannot be read, or holds nothing.
    """
    sources: list[Source] = []
    skipped = Skipped()
    for given in inputs:
        path = Path(given)
        try:
            path.stat()
            shown = printable(given)
            found = list(_in_folder(path, shown, skipped)) if path.is_dir() else [_file(path, shown)]
        except FileNotFoundError:
            msg = f"{given}: there is no such file or folder"
            raise CorpusError(msg) from None
        except OSError as error:
            msg = f"{given}: it cannot be read: {error.strerror}"
            raise CorpusError(msg) from error
        if not found:
            msg = f"{given}: the folder holds no file that could be judged"
            raise CorpusError(msg)
        sources += found
    names = [source.name for source in sources]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        msg = f"{twice}: it is named twice; name each input once"
        raise CorpusError(msg)
    return sources, skipped


def _file(path: Path, name: str) -> Source:
    kind = _kind(path)
    if kind is None:
        return Files(name, path.parent, [path])
    return kind(name, [path])


def _kind(path: Path) -> type[Source] | None:
    """The reader of a file that holds records; None if it is one record itself."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _CODINGS:
        suffixes.pop()
    if suffixes and suffixes[-1] in _FORMATS:
        return _FORMATS[suffixes[-1]]
    with path.open("rb") as file:
        head = file.read(_GLANCE)
    if head[:4] == b"PAR1":
        return Parquet
    if head[:6] == b"ARROW1":
        return Arrow
    if is_tar(head):
        return WebDataset
    coded = path.suffix.lower() in _CODINGS
    return Jsonl if coded or (suffixes[-1:] in ([".json"], [".txt"], []) and _are_objects(head)) else None


def _are_objects(head: bytes) -> bool:
    """Whether each of the first lines is a JSON object by itself."""
    lines = head.splitlines()[: -1 if len(head) == _GLANCE else None][:3]
    if len(lines) < 2 or not all(line.lstrip().startswith(b"{") for line in lines):
        return False
    try:
        return all(isinstance(parse(line), dict) for line in lines)
    except RequestError:
        return False


def _in_folder(root: Path, name: str, skipped: Skipped) -> Iterator[Source]:
    saved = _saved(root)
    if saved:
        for path in saved:
            yield Arrow(f"{name.rstrip('/')}/{printable(path.relative_to(root).as_posix())}", [path])
        return
    alone: list[Path] = []
    for path in _walk(root, skipped):
        kind = _kind(path)
        if kind is None:
            alone.append(path)
        else:
            yield kind(f"{name.rstrip('/')}/{printable(path.relative_to(root).as_posix())}", [path])
    if alone:
        yield Files(name.rstrip("/") or "/", root, alone)


def _walk(root: Path, skipped: Skipped) -> Iterator[Path]:
    """Regular files below *root* by name. Links are not followed, so that no loop is walked and nothing is outside."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        for one in [*folders, *files]:
            if (here / one).is_symlink():
                skipped.links.append(printable((here / one).relative_to(root).as_posix()))
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not (here / f).is_symlink())
        skipped.hidden += sum(f.startswith(".") for f in files)
        for one in sorted(files):
            if not one.startswith(".") and not (here / one).is_symlink() and (here / one).is_file():
                yield here / one


def _saved(root: Path) -> list[Path]:
    """The Arrow files of a data set, or of several, that Hugging Face's `save_to_disk` wrote to *root*."""
    if (root / "dataset_dict.json").is_file():
        splits = json.loads((root / "dataset_dict.json").read_bytes()).get("splits", [])
        return [path for split in splits for path in _saved(root / str(split))]
    state = root / "state.json"
    if not state.is_file() or not (root / "dataset_info.json").is_file():
        return []
    listed = [str(one["filename"]) for one in json.loads(state.read_bytes()).get("_data_files", [])]
    missing = [one for one in listed if Path(one).name != one or not (root / one).is_file()]
    if missing:
        msg = f"{root}: state.json names {missing[0]!r}, which is not there"
        raise CorpusError(msg)
    return [root / one for one in listed]
