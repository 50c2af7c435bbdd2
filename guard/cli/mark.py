"""``guard mark``: write marks of provenance into one file, prove them, and only then write the result."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from guard import watermark
from guard.actions.label import Label
from guard.classifier import Unreadable
from guard.errors import GuardError
from guard.media.stamps.stamp import ORDER, TEXT_C2PA, Stamp, stamped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator


class MarkError(GuardError):
    """A file cannot be marked as asked."""


def mark(options: argparse.Namespace) -> int:
    """Mark one file. Nothing is written where a mark is not found when the bytes are read again."""
    names = tuple(dict.fromkeys(name.strip() for name in options.marks.split(",") if name.strip()))
    unknown = [name for name in names if name not in ORDER]
    if unknown or not names:
        raise MarkError(f"no mark `{', '.join(unknown)}`; there are {', '.join(ORDER)}")
    if "aigc_label" in names and not options.producer:
        raise MarkError("aigc_label needs --producer CODE, that of whoever offers the service")
    for name in {"c2pa", TEXT_C2PA}.intersection(names):
        if not (options.certificate and options.key):
            raise MarkError(f"{name} needs --certificate PEM and --key KEY")
    if "pixel_mark" in names:
        _check_message(options.message)
    if "audio_mark" in names and not options.audio_key:
        raise MarkError("audio_mark needs --audio-key FILE, or env:NAME")
    data = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    stamp = Stamp(
        names, options.text or Label().in_words(options.locale), options.producer, options.produce_id, options.system,
        options.corner, options.certificate, options.key, options.audio_key, options.message,
    )  # fmt: skip
    try:
        made = _done(stamped(data, stamp))
    except Unreadable as error:
        raise MarkError(f"{options.file}: not marked: {error}") from error
    if options.out == "-":
        sys.stdout.buffer.write(made)
    else:
        _write(Path(options.out), made)
        print(f"{options.out}: {', '.join(name for name in ORDER if name in names)}; read back")
    return 0


def _check_message(message: str) -> None:
    if not message:
        raise MarkError("pixel_mark needs --message M, what it is to say: text, 0x… or bits")
    try:
        watermark.own(message)
    except ValueError as error:
        raise MarkError(f"--message {error}") from error


def _done(steps: Generator[None, None, bytes]) -> bytes:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bytes(end.value)


def _write(path: Path, data: bytes) -> None:
    """All of *data* at *path*, or what was there before."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            file.close()
            Path(file.name).chmod(0o666 & ~_umask())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
