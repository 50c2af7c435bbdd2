"""What of a streamed answer may go on, and in which order. Pure: what was judged is told to it, it waits for nothing.

items ─`feed`→ entries to judge ─`settle`, `edit`, `hold`→ `release` → what may be sent, in order

A sentence is released when every classifier knows all that begins before its end, when nothing cut out of it could
still be joined by more, and after everything of its group that came before it. An event waits for the texts before it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from guard.actions.redact import Cutter
from guard.content import Content, Lane
from guard.errors import RequestError
from guard.reading import PROSE
from guard.stream.items import Delta, Event, Pause
from guard.stream.thread import Sentence, Thread

if TYPE_CHECKING:
    from guard.content import Path
    from guard.stream.items import Item
    from guard.stream.thread import Piece


@dataclass(slots=True, eq=False)
class Growing:
    """A thread and how far it is: all that begins before *settled* is judged, all before *released* is sent.

    From *held* on nothing is released. *cutters* redact, one a piece. *documents* are the pieces that look like JSON,
    which can only be changed as a whole, and *starts* where their sentences begin; *changed* is what is left to send of
    those, and of others that were; *closing* is to be added to their ends.
    """

    thread: Thread = field(default_factory=Thread)
    settled: int = 0
    released: int = 0
    held: int | None = None
    cutters: dict[str, Cutter] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)
    starts: list[int] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)
    closing: dict[str, str] = field(default_factory=dict)
    looked_at: str | None = None
    """The pointer of the last piece whose beginning is known."""
    before: Growing | None = None
    """The prose of its group that is read before it, if it is prose itself."""
    edited: bool = False
    """Whether something in it is to be changed."""

    @property
    def complete(self) -> bool:
        """Whether it has ended and all of it is judged."""
        return self.thread.ended and self.settled >= self.thread.end

    def hold(self, position: int) -> None:
        """Release nothing from *position* on."""
        self.held = position if self.held is None else min(self.held, position)

    def look(self, lane: Lane) -> None:
        """Notice where a piece begins like JSON; its past is kept then."""
        start = self.thread.pieces[-1].start
        if lane.pointer == self.looked_at or start < self.thread.base:
            return
        begins = self.thread.slice(start, self.thread.end).lstrip()[:1]
        if lane.kind == "tool_arguments" or begins in _OPENING:
            self.documents.add(lane.pointer)
            self.thread.whole = True
        if lane.pointer in self.documents or begins:
            self.looked_at = lane.pointer


class Said(NamedTuple):
    """A sentence that waits to be judged, then to be released."""

    growing: Growing
    sentence: Sentence
    group: int | None


@dataclass(slots=True, eq=False)
class Marked:
    """An event that waits for texts that were in the middle of a sentence, up to positions.

    *after* is its content as it may be released. What was cut into sentences before waits in front of it anyway.
    """

    event: Event
    behind: list[tuple[Growing, int]]
    after: Content | None = None
    decided: bool = False

    @property
    def group(self) -> int | None:
        """The event's."""
        return self.event.group

    def is_due(self) -> bool:
        """Whether all text that came before it is cut into sentences."""
        return all(one.thread.cut >= position for one, position in self.behind)


Entry = Said | Marked
_OPENING = ("{", "[")
MOST_TEXTS = 4096
"""Texts of one answer: as many as a whole one may have parts."""


class Text(NamedTuple):
    """Text to send."""

    lane: Lane
    text: str


class Shown(NamedTuple):
    """An event to send."""

    payload: Any
    before: Content | None
    after: Content | None
    last: bool


Out = Text | Shown


class Gate:
    """Holds back what is not decided. One answer's; not for use by several threads."""

    def __init__(self, *, redacts: bool, reach: int, keep: bool = False, labels: bool = False) -> None:
        """What to be prepared for.

        *redacts*: texts may be cut; *reach*: how much of the past classifiers want; *keep*: all of it; *labels*: a
        message may get a last line, so its end waits until it is known to be the last.
        """
        self._redacts = redacts
        self._labels = labels
        self._over = False
        self._reach = reach
        self._keep = keep
        self.threads: dict[Path, Growing] = {}
        self.groups: dict[int, list[Growing]] = {}
        self._prose: dict[int, Growing] = {}
        self.places: dict[str, Growing] = {}
        """Where each pointer's text grows."""
        self._waiting: deque[Entry] = deque()
        self._held: dict[int | None, deque[Entry]] = {}
        """What could not be given yet, by group; the rest of such a group stands behind it."""
        self._amid: list[Marked] = []
        self._last: tuple[Lane | None, Growing] = None, Growing()

    def feed(self, item: Item) -> list[Entry]:
        """Take in *item* and give what is to be judged by it, in order.

        Raises:
            RequestError: ``too_many_parts``.
        """
        if isinstance(item, Delta):
            growing = self._growing(item.lane)
            sentences = growing.thread.grow(item.lane, item.text)
            if self._redacts and item.lane.pointer not in growing.cutters:
                growing.cutters[item.lane.pointer] = Cutter()
            if self._redacts or self._labels:
                growing.look(item.lane)
            return self._said(growing, item.lane, sentences) if sentences else []
        if isinstance(item, Event):
            groups = self.groups.values() if item.group is None else [self.groups.get(item.group, [])]
            behind = [(one, end) for group in groups for one in group if one.thread.cut < (end := one.thread.end)]
            marked = Marked(item, behind)
            marked.decided = item.content is None
            self._queue([marked])
            return [marked]
        if item.lane.key not in self.threads:
            return []  # nothing was ever said there
        growing = self._growing(item.lane)
        if isinstance(item, Pause):
            sentences = growing.thread.pause()
        else:
            sentences = [*growing.thread.close(), Sentence(growing.thread.end, growing.thread.end, last=False)]
        return self._said(growing, item.lane, sentences)

    def _said(self, growing: Growing, lane: Lane, sentences: list[Sentence]) -> list[Entry]:
        if growing.documents:
            growing.starts += [sentence.start for sentence in sentences]
        entries: list[Entry] = [Said(growing, sentence, lane.group) for sentence in sentences]
        self._queue(entries)
        return entries

    def _queue(self, entries: list[Entry]) -> None:
        """Have *entries* wait: an event in the middle of a sentence stands behind that sentence."""
        for entry in entries:
            if isinstance(entry, Marked) and not entry.is_due():
                self._amid.append(entry)
                continue
            self._waiting.append(entry)
            if isinstance(entry, Said) and self._amid:
                self._waiting += [marked for marked in self._amid if marked.is_due()]
                self._amid = [marked for marked in self._amid if not marked.is_due()]

    def _growing(self, lane: Lane) -> Growing:
        if lane is self._last[0]:
            return self._last[1]
        growing = self.threads.get(lane.key)
        if growing is None:
            growing = self.threads[lane.key] = Growing()
            growing.thread.whole = self._keep
            self.groups.setdefault(lane.group, []).append(growing)
            if lane.kind in PROSE:
                growing.before = self._prose.get(lane.group)
                self._prose[lane.group] = growing
        if self.places.setdefault(lane.pointer, growing) is growing and len(self.places) > MOST_TEXTS:
            raise RequestError("too_many_parts", f"The answer has more than {MOST_TEXTS} texts.")
        self._last = lane, growing
        return growing

    def end(self) -> list[Entry]:
        """Nothing follows at all: what is to be judged of that."""
        entries: list[Entry] = []
        for growing in self.threads.values():
            if growing.thread.pieces:
                group = growing.thread.pieces[-1].lane.group
                sentences = [*growing.thread.close(), growing.thread.final()]
                entries += [Said(growing, sentence, group) for sentence in sentences]
        self._queue(entries)
        return entries

    def close(self) -> None:
        """All is judged and labelled: ends need not wait any more."""
        self._over = True

    def release(self, before: Entry | None = None) -> list[Out]:
        """What may be sent now, in order; of what waits *before* that entry, if given."""
        out: list[Out] = []
        for group in sorted(self._held, key=lambda group: group is None):
            held = self._held[group]
            while held and (group is not None or len(self._held) == 1) and (given := self._give(held[0])) is not None:
                held.popleft()
                out += given
            if not held:
                del self._held[group]
        while self._waiting and self._waiting[0] is not before and None not in self._held:
            entry = self._waiting.popleft()
            stopped = entry.group in self._held or (entry.group is None and self._held)
            given = None if stopped else self._give(entry)
            if given is None:
                self._held.setdefault(entry.group, deque()).append(entry)
            else:
                out += given
        return out

    def _give(self, entry: Entry) -> list[Out] | None:
        if isinstance(entry, Marked):
            if not entry.decided or any(one.released < position for one, position in entry.behind):
                return None
            event = entry.event
            return [Shown(event.payload, event.content, entry.after, event.last)]
        growing, (start, end, _), _ = entry
        if end > growing.settled or (growing.held is not None and end > growing.held):
            return None
        piece = growing.thread.lane_at(start if start < end else end - 1)
        if start == end:
            return self._give_end(growing, piece)
        rest = growing.changed.get(piece.lane.pointer)
        if rest is not None:
            self._pass(growing, end)
            if end < growing.thread.end_of(piece):
                return []
            growing.changed[piece.lane.pointer] = ""
            return [Text(piece.lane, rest)] if rest else []
        text = growing.thread.slice(start, end)
        cutter = growing.cutters.get(piece.lane.pointer)
        if self._redacts and cutter is not None:
            cut = cutter.cut(
                lambda low, high: growing.thread.slice(piece.start + low, piece.start + high),
                start - piece.start,
                end - piece.start,
                growing.settled - piece.start,
                whole=growing.complete or growing.thread.pieces[-1] is not piece,
            )
            if cut is None:
                return None
            text = cut
        self._pass(growing, end)
        return [Text(piece.lane, text)] if text else []

    def _pass(self, growing: Growing, end: int) -> None:
        """All of *growing* before *end* is sent."""
        growing.released = end
        growing.thread.forget(min(end, growing.settled) - self._reach)

    def _give_end(self, growing: Growing, piece: Piece) -> list[Out] | None:
        """The end of *piece*, which may still get a label."""
        if not self._labels or growing.thread.pieces[-1] is not piece:
            return []
        if not self._over:
            return None
        label = growing.closing.pop(piece.lane.pointer, "")
        return [Text(piece.lane, label)] if label else []
