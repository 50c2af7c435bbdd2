"""Small corpora, a policy of key words that loads in no time, and `guard audit` as a process that can be killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from guard.cli import main

POLICY = r"""
policy: house
description: Stops one word, notes another, masks tickets.
classifiers:
  keywords: {lists: {stop: [zorblax], note: [murmur]}, patterns: {mask: ['ticket-\d{4}']}, builtin: []}
rules:
  - {id: stop-it, message: {en: "Not here.", zh: "此处不可。"}, when: {category: custom.stop}, then: block}
  - {id: note-it, when: {category: custom.note}, then: flag}
  - {id: mask-it, when: {category: custom.mask}, then: redact}
"""
FRAGILE = (
    "policy: fragile\nclassifiers: {brittle: {}}\n"
    "rules: [{id: long, when: {category: custom.length, at_least: 0.5}, then: block}]\n"
)
TEXTS = (
    "good morning",
    "say zorblax",
    "一声 murmur",
    "see ticket-4821 please",
    "一段普通的文字",
    "zorblax, murmur, ticket-1111",
)
ACTIONS = ("allow", "block", "flag", "redact", "allow", "block")
COMMAND = [sys.executable, "-c", "from guard.cli import main; raise SystemExit(main())"]


def policy(folder: Path, text: str = POLICY) -> str:
    path = folder / "house.yaml"
    path.write_text(text)
    return str(path)


def jsonl(path: Path, rows: Iterable[dict[str, Any] | bytes]) -> str:
    """A file of *rows*; bytes are put in as they are."""
    with path.open("wb") as file:
        for row in rows:
            file.write((row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode()) + b"\n")
    return str(path)


class Audited:
    """What an audit left in its folder."""

    def __init__(self, out: Path, code: int) -> None:
        self.out = out
        self.code = code

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for part in sorted(self.out.glob("results/*")) for row in pq.read_table(part).to_pylist()]

    @property
    def quarantine(self) -> list[dict[str, Any]]:
        return [
            json.loads(line) for part in sorted(self.out.glob("quarantine/*")) for line in part.read_text().splitlines()
        ]

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.out / "summary.json").read_text()))

    @property
    def report(self) -> str:
        return (self.out / "report.html").read_text(encoding="utf-8")

    @property
    def bytes(self) -> dict[str, bytes]:
        """Every file but the lock, to compare."""
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }


def run(*arguments: str, out: Path, report: bool = False) -> Audited:
    """``guard audit`` in this process; its workers are processes of their own."""
    try:
        code = main(["audit", *arguments, "--out", str(out), "--quiet", *([] if report else ["--no-report"])])
    except SystemExit as left:
        code = int(left.code or 0)
    return Audited(out, code)


def start(*arguments: str, out: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """``guard audit`` as a process."""
    command = [*COMMAND, "audit", *arguments, "--out", str(out), "--quiet", "--no-report"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)


def texts(count: int) -> Sequence[dict[str, Any]]:
    """So many rows, of all kinds in turn."""
    return [{"id": f"r{n}", "text": f"{TEXTS[n % len(TEXTS)]} {n}"} for n in range(count)]
