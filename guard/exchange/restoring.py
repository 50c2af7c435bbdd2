"""Values that were masked in a request, put back into an answer while it is streamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.placeholders import incomplete, reads_as_json, restore_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guard.content import Lane


@dataclass(slots=True)
class _Tail:
    """What of a lane waits to be a whole placeholder, and whether the lane is JSON."""

    json: bool
    text: str = ""


class Restoring:
    """Puts *masked* values back, each once its placeholder is whole."""

    def __init__(self, masked: Mapping[str, str]) -> None:
        self.masked = masked
        self._tails: dict[Lane, _Tail] = {}

    def text(self, lane: Lane, text: str) -> str:
        """*text* as it goes on, but for a placeholder that is not whole."""
        if not self.masked:
            return text
        tail = self._tails.get(lane)
        if tail is None:
            tail = self._tails[lane] = _Tail(reads_as_json(lane.kind, text))
        text = tail.text + text
        whole = incomplete(text, self.masked)
        tail.text = text[whole:]
        return restore_text(text[:whole], self.masked, json=tail.json)

    def rest(self) -> list[tuple[Lane, str]]:
        """What looked like the beginning of a placeholder and was none."""
        found = [(lane, tail.text) for lane, tail in self._tails.items() if tail.text]
        for tail in self._tails.values():
            tail.text = ""
        return found
