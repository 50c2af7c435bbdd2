"""How far an audit is, on standard error: a line that changes on a terminal, one line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.corpus.source import Source

_EVERY_TERMINAL_S, _EVERY_S = 0.2, 10.0
_LEAST_S = 2.0


class Progress:
    """Records a second, and the time that is left as the bytes read foretell it."""

    def __init__(self, sources: Sequence[Source], *, quiet: bool = False) -> None:
        self._sources = sources
        self._total = sum(source.size for source in sources)
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._began = self._told = time.monotonic()
        self._first: int | None = None
        self._drawn = False

    def heard(self, judged: int) -> None:
        """So many records were judged in this run."""
        now = time.monotonic()
        if self._quiet or now - self._told < (_EVERY_TERMINAL_S if self._terminal else _EVERY_S):
            return
        self._told = now
        line = self.line(judged, now - self._began)
        if self._terminal:
            self._drawn = True
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)  # noqa: T201  what it is for
        else:
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    def line(self, judged: int, seconds: float) -> str:
        """What there is to say after *seconds*."""
        read = sum(source.position for source in self._sources)
        if self._first is None:
            self._first = read  # what was done before this run was only passed by
        share = read / self._total if self._total else 1.0
        said = f"{judged:,} records judged, {judged / seconds if seconds else 0:.1f} a second, {share:.0%} read"
        gone = read - self._first
        if gone > 0 and seconds > _LEAST_S and share < 1:
            said += f", about {duration(seconds * (self._total - read) / gone)} left"
        return said

    def close(self) -> None:
        """Leave the line as it is."""
        if self._drawn:
            print(file=sys.stderr)  # noqa: T201


def duration(seconds: float) -> str:
    """*seconds* as a person says it.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
