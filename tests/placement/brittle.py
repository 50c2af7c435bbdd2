"""A stranger's classifier that takes its process with it, where a text asks for that."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guard.classifier import Classifier, Readable, Unreadable
from guard.content import ImagePart, Modality, View
from guard.finding import Finding

RUNS = "BRITTLE_RUNS"
"""The environment variable with a file that every run is noted in."""


class Brittle(Classifier[str]):
    """Scores a text by its length; one that says so dies, hangs or raises. Pictures are read as text."""

    automatic = False
    categories = frozenset({"custom.length"})
    modalities = frozenset({Modality.TEXT, Modality.IMAGE})
    batch_cost = 1000

    def prepare(self, part: Readable) -> str:
        if isinstance(part, View):
            return part.text
        if not isinstance(part, ImagePart):
            raise Unreadable("neither text nor picture")
        if b"prepare-dies" in part.data:
            note("prepare-dies")
            os.kill(os.getpid(), signal.SIGKILL)
        if not part.data:
            raise Unreadable("an empty picture")
        return part.data.decode()

    def cost(self, item: str) -> int:
        return max(1, len(item))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        note(" | ".join(items))
        if any("slow" in item for item in items):
            time.sleep(0.4)
        if any("die" in item for item in items):
            os.kill(os.getpid(), signal.SIGKILL)
        if any("hang" in item for item in items):
            time.sleep(60)
        if any("raise" in item for item in items):
            raise ValueError(items)
        return [[Finding("custom.length", len(item) / 1000)] for item in items]


def note(what: str) -> None:
    path = os.environ.get(RUNS)
    if path:
        with Path(path).open("a", errors="surrogatepass") as file:
            file.write(what + "\n")


class Catalog:
    """Brittle, under its name."""

    def names(self) -> tuple[str, ...]:
        return ("brittle",)

    def find(self, name: str) -> type[Classifier[Any]]:
        return Brittle

    def provides(self, name: str, options: Mapping[str, object] | None = None) -> frozenset[str]:
        return Brittle.categories

    def create(self, name: str, options: Mapping[str, object] | None = None) -> Classifier[Any]:
        return Brittle()


def install(folder: Path) -> str:
    """Make *folder* hold what an installed package would, so that a process that has it on its path finds Brittle.

    Gives what to set ``PYTHONPATH`` to.
    """
    info = folder / "brittle-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[guard.classifiers]\nbrittle = tests.placement.brittle:Brittle\n")
    root = Path(__file__).parents[2]
    return os.pathsep.join([str(folder), str(root)])
