"""``guard check``: the same decision as the proxy's, on texts and on files with texts, pictures, sounds and films."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from guard.content import Modality
from guard.errors import GuardError
from guard.library import Checked, Guard
from guard.media import kind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


class InputError(GuardError):
    """An input that cannot be judged, with what would be right."""


def check(options: argparse.Namespace) -> int:
    """Judge each input; the exit code is the worst of theirs."""
    inputs = list(_inputs(options))
    out = Path(options.out) if options.out else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    guard = Guard(options.policy, modalities=sorted({modality for _, modality, _ in inputs}), timeout_s=60)
    worst = 0
    for name, modality, value in inputs:
        subject: Any = {modality: value}
        checked = guard.check(**subject, direction=options.direction, locale=options.locale)
        changed = checked.allowed and checked.released != value
        code = 2 if not checked.allowed else int(changed)
        worst = max(worst, code)
        written = _write(out, name, checked) if out is not None and checked.allowed else None
        if options.json:
            report = {"input": name, **checked.to_dict()} if len(inputs) > 1 else checked.to_dict()
            print(orjson.dumps({**report, "written": str(written)} if written else report).decode())
        else:
            _show(name if len(inputs) > 1 else None, checked, changed=changed, written=written)
    guard.close()
    return worst


def _write(out: Path, name: str, checked: Checked) -> Path | None:
    """Put what may be used of input *name* into folder *out*, under its own name, never over what is there."""
    left = checked.released
    if not isinstance(left, str | bytes):
        return None
    path = out / Path(name).name
    number = 1
    while path.exists():
        number += 1
        path = out / f"{Path(name).stem}-{number}{Path(name).suffix}"
    path.write_bytes(left.encode() if isinstance(left, str) else left)
    return path


def _inputs(options: argparse.Namespace) -> Iterator[tuple[str, str, str | bytes]]:
    """Each input: its name, its modality, and what it is."""
    if options.text is None and not options.file:
        if sys.stdin.isatty():
            raise InputError("give a TEXT, --file F, or - to read standard input")
        options.text = "-"
    if options.text == "-":
        yield "-", "text", _text("standard input", sys.stdin.buffer.read())
    elif options.text is not None:
        try:
            options.text.encode()
        except UnicodeEncodeError:
            raise InputError("the text is not valid UTF-8; pass it as a file or fix the terminal's encoding") from None
        yield "text", "text", options.text
    for name in options.file:
        data = Path(name).read_bytes()
        media_type = kind.sniff(data)
        if media_type is None:
            yield name, "text", _text(name, data)
        else:  # a document is shown to those who read pictures: they say that they cannot
            yield name, (kind.modality(media_type) or Modality.IMAGE).value, data


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: byte {error.start} is not UTF-8, and the file is no picture, sound or film that is known; "
            "texts should be UTF-8"
        ) from None


def _show(name: str | None, checked: Checked, *, changed: bool, written: Path | None) -> None:
    head = "refused" if not checked.allowed else "changed" if changed else "released"
    rules = f" by {', '.join(checked.rules)}" if checked.rules else ""
    print(f"{name + ': ' if name else ''}{head} ({checked.action}{rules})")
    if checked.refusal is not None:
        print(f"  message: {checked.refusal.message}")
    elif written is not None:
        print(f"  released: {written}")
    elif changed:
        left = checked.released
        print(f"  released: {f'{len(left)} bytes; --out DIR writes them' if isinstance(left, bytes) else left}")
    for finding in checked.to_dict()["findings"]:
        place = _place(finding)
        print(f"  {finding['score']:.2f} {finding['category']}{place} [{finding['classifier']}]")
    for failure in checked.failures:
        print(f"  {failure.classifier}: no answer ({failure.kind.value}, {failure.detail})")
    for _, reason in checked.coverage.unscannable:
        print(f"  unscannable: {reason}")


def _place(finding: dict[str, Any]) -> str:
    """Where a finding is, for people."""
    if "span" in finding:
        return f" at {finding['span'][0]}-{finding['span'][1]}"
    shown = ""
    if "box" in finding:
        left, top, right, bottom = (f"{100 * side:.0f}" for side in finding["box"])
        shown += f" in {left}-{right} % across, {top}-{bottom} % down"
    if "time" in finding:
        shown += f" from {finding['time'][0]:.1f} s to {finding['time'][1]:.1f} s"
    return shown
