"""Pictures and sounds inside texts that grow: judged before their bytes are released.

A data URL in a streamed answer is shown as soon as a client has it. From its comma on, its payload is kept back until
it ends; the medium in it becomes an event before the text that holds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guard.content import Content, Direction, Lane
from guard.protocols.embedded import HEAD, begins_like_a_file, media_inside
from guard.stream.items import Delta, End, Event, Pause

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guard.content import Path
    from guard.stream.items import Item

_HEAD = re.compile(HEAD, re.IGNORECASE)
_NO_PAYLOAD = re.compile(r"[^\sA-Za-z0-9+/_\-%\\=]")
_LONGEST_HEAD = 2048
"""Characters of a data URL up to its comma: a type, and eight parameters."""
_ENOUGH = 42
"""Characters of base64 that say whether they begin a file."""
_GLANCE = 128
"""Characters, white space too, that say it in any case."""


@dataclass(slots=True)
class _Watch:
    """One lane: the last characters that were passed on, and a payload that is being kept."""

    recent: str = ""
    head: str = ""
    kept: list[str] | None = None
    is_file: bool = False
    length: int = 0
    media: int = 0

    def remember(self, text: str) -> None:
        """Take *text* for what was passed on last; of more than a head could have, the rest is forgotten in time."""
        self.recent += text
        if len(self.recent) > 4 * _LONGEST_HEAD:
            self.recent = self.recent[-_LONGEST_HEAD:]


class MediaWatch:
    """Passes the items of one answer on, with an event before each medium in its texts."""

    def __init__(self) -> None:
        self._lanes: dict[Path, _Watch] = {}

    def passed(self, items: Iterable[Item]) -> list[Item]:
        """*items*, what is kept aside."""
        out: list[Item] = []
        for item in items:
            if isinstance(item, Delta):
                watch = self._lanes.get(item.lane.path) or self._lanes.setdefault(item.lane.path, _Watch())
                if watch.kept is None and watch.length and "," not in item.text:  # no head ends in it
                    watch.length += len(item.text)
                    watch.remember(item.text)
                    out.append(item)
                else:
                    out += self._grow(item.lane, watch, item.text)
            elif isinstance(item, End | Pause):
                watch = self._lanes.setdefault(item.lane.path, _Watch())
                if isinstance(item, End) or not (watch.head or watch.is_file):
                    out += self._let_go(item.lane, watch)
                out.append(item)
            else:
                out.append(item)
        return out

    def _grow(self, lane: Lane, watch: _Watch, text: str) -> Iterable[Item]:
        out: list[Item] = []
        if not watch.length and watch.kept is None and text:
            watch.kept = []  # a text may begin with base64 that has no head
        watch.length += len(text)
        while text:
            if watch.kept is not None:
                end = _NO_PAYLOAD.search(text)
                if end is None:
                    watch.kept.append(text)
                    if not watch.head and not self._may_be_file(watch):
                        out += self._let_go(lane, watch)
                    return out
                watch.kept.append(text[: end.start()])
                out += self._let_go(lane, watch)
                text = text[end.start() :]
            known = watch.recent + text
            head = _HEAD.search(known, max(0, len(watch.recent) - _LONGEST_HEAD)) if "64," in known else None
            if head is None or head.end() <= len(watch.recent):
                out += self._pass(lane, watch, text)
                return out
            cut = head.end() - len(watch.recent)
            out += self._pass(lane, watch, text[:cut])
            watch.head, watch.kept, watch.recent = head[0], [], ""
            text = text[cut:]
        return out

    def _may_be_file(self, watch: _Watch) -> bool:
        """Whether what a text begins with could be a file in base64: a few letters are enough to say no."""
        if not watch.is_file:
            if watch.length < _GLANCE and len("".join("".join(watch.kept or ()).split())) < _ENOUGH:
                return True
            watch.is_file = begins_like_a_file("".join(watch.kept or ()))
        return watch.is_file

    def _let_go(self, lane: Lane, watch: _Watch) -> Iterable[Item]:
        """The kept payload, the medium in it first."""
        if watch.kept is None:
            return []
        payload = "".join(watch.kept)
        watch.kept, watch.is_file = None, False
        parts = []
        for part in media_inside(watch.head + payload, lane.pointer, lane.path, lane.role):
            parts.append(replace(part, pointer=f"{lane.pointer}#{watch.media}"))
            watch.media += 1
        watch.head = ""
        found: list[Item] = [Event(None, Content(Direction.OUTPUT, tuple(parts)), lane.group)] if parts else []
        return found + self._pass(lane, watch, payload)

    def _pass(self, lane: Lane, watch: _Watch, text: str) -> list[Item]:
        watch.remember(text)
        return [Delta(lane, text)] if text else []
