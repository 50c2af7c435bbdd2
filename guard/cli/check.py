"""``guard check``: the same decision as the proxy's, on texts and files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from guard.errors import GuardError
from guard.library import Checked, Guard
from guard.media.image import sniff

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


class InputError(GuardError):
    """An input that cannot be judged, with what would be right."""


def check(options: argparse.Namespace) -> int:
    """Judge each input; the exit code is the worst of theirs."""
    inputs = list(_inputs(options))
    kinds = sorted({"text" if isinstance(value, str) else "image" for _, value in inputs})
    guard = Guard(options.policy, modalities=kinds, timeout_s=60)
    worst = 0
    for name, value in inputs:
        if isinstance(value, str):
            checked = guard.check(value, direction=options.direction, locale=options.locale)
        else:
            checked = guard.check(image=value, direction=options.direction, locale=options.locale)
        changed = isinstance(value, str) and checked.released != value
        code = 2 if not checked.allowed else int(changed)
        worst = max(worst, code)
        if options.json:
            report = {"input": name, **checked.to_dict()} if len(inputs) > 1 else checked.to_dict()
            print(orjson.dumps(report).decode())
        else:
            _show(name if len(inputs) > 1 else None, checked, changed=changed)
    guard.close()
    return worst


def _inputs(options: argparse.Namespace) -> Iterator[tuple[str, str | bytes]]:
    if options.text is None and not options.file:
        if sys.stdin.isatty():
            raise InputError("give a TEXT, --file F, or - to read standard input")
        options.text = "-"
    if options.text == "-":
        yield "-", _text("standard input", sys.stdin.buffer.read())
    elif options.text is not None:
        try:
            options.text.encode()
        except UnicodeEncodeError:
            raise InputError("the text is not valid UTF-8; pass it as a file or fix the terminal's encoding") from None
        yield "text", options.text
    for name in options.file:
        data = Path(name).read_bytes()
        yield name, data if sniff(data) else _text(name, data)


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: byte {error.start} is not UTF-8, and the file is no picture that can be read; "
            "texts should be UTF-8"
        ) from None


def _show(name: str | None, checked: Checked, *, changed: bool) -> None:
    head = "refused" if not checked.allowed else "changed" if changed else "released"
    rules = f" by {', '.join(checked.rules)}" if checked.rules else ""
    print(f"{name + ': ' if name else ''}{head} ({checked.action}{rules})")
    if checked.refusal is not None:
        print(f"  message: {checked.refusal.message}")
    elif changed:
        print(f"  released: {checked.released}")
    for finding in checked.to_dict()["findings"]:
        place = f" at {finding['span'][0]}-{finding['span'][1]}" if "span" in finding else ""
        print(f"  {finding['score']:.2f} {finding['category']}{place} [{finding['classifier']}]")
    for failure in checked.failures:
        print(f"  {failure.classifier}: no answer ({failure.kind.value}, {failure.detail})")
    for _, reason in checked.coverage.unscannable:
        print(f"  unscannable: {reason}")
