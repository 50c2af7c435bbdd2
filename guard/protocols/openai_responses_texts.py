"""The texts of one streamed answer while they grow: which there are, what came of each, what was released."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from guard.content import Lane, Path
from guard.protocols.contract import MOST_PARTS, WORD
from guard.protocols.openai_common import index, invalid
from guard.protocols.openai_responses_events import Growing
from guard.stream.items import Delta, End, Item, Pause


@dataclass(slots=True, eq=False)
class Text:
    """A text that grows. *at* is where its pieces stand in a delta event, *base* the other fields of such an event.

    *silent* ones came whole, in an event that repeats them: no deltas are written of them.
    """

    lane: Lane
    growing: Growing
    at: tuple[str, ...] = ("delta",)
    silent: bool = False
    ended: bool = False
    raw: list[str] = field(default_factory=list)
    seen_base: dict[str, Any] | None = None
    base: dict[str, Any] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)

    @property
    def whole(self) -> str:
        """What was released of it."""
        return "".join(self.released)


class Texts:
    """All texts of an answer, by their paths. What happens to them is told as items, which `take` gives."""

    def __init__(self) -> None:
        self.known: dict[Path, Text] = {}
        self._of_thread: dict[Path, Text] = {}
        self._last: Text | None = None
        self._items: list[Item] = []

    def tell(self, item: Item) -> None:
        """One more item, behind those that were told."""
        self._items.append(item)

    def take(self) -> list[Item]:
        """What was told since the last time."""
        items, self._items = self._items, []
        return items

    def find(
        self, growing: Growing, document: dict[str, Any], *, silent: bool = False, at: tuple[str, ...] = ("delta",)
    ) -> Text:
        """The text that *document* is about, begun if it is new: then the one before it in its thread is whole."""
        number = index(document, "output_index")
        path = growing.path(number, {name: index(document, name) for name in growing.indices})
        known = self.known.get(path)
        if known is not None:
            return known
        if len(self.known) >= MOST_PARTS:
            raise invalid(f"The answer has more than {MOST_PARTS} texts.")
        lane = Lane(path, pointer(path), growing.kind, thread=growing.thread)
        text = self.known[path] = Text(lane, growing, at, silent)
        text.base = {"type": f"{growing.stem}.delta"} | {
            name: document[name] for name in ("output_index", *growing.indices) if name in document
        }
        item_id = document.get("item_id")
        known_word = isinstance(item_id, str) and WORD.fullmatch(item_id)  # any other is judged before it is written
        text.base["item_id"] = item_id if known_word else ""
        if growing.thread is not None:
            if growing.thread in self._of_thread:
                self.end(self._of_thread[growing.thread])
            self._of_thread[growing.thread] = text
        return text

    def add(self, text: Text, piece: str) -> None:
        """*piece* is more of *text*.

        Raises:
            RequestError: it was whole already.
        """
        if not piece:
            return
        if text.ended:
            raise invalid("A text of the answer goes on after its end.")
        if self._last is not None and self._last is not text and not self._last.ended:
            self.tell(Pause(self._last.lane))
        self._last = text
        text.raw.append(piece)
        self.tell(Delta(text.lane, piece))

    def end(self, text: Text, whole: str | None = None) -> None:
        """No more of *text*: if *whole* goes on where its pieces ended, the rest is taken; else the pieces count."""
        if text.ended:
            return
        if whole is not None and whole.startswith(raw := "".join(text.raw)):
            self.add(text, whole[len(raw) :])
        text.ended = True
        self.tell(End(text.lane))

    def end_all(self) -> None:
        """No more of any text."""
        for text in self.known.values():
            self.end(text)


def pointer(path: Path) -> str:
    """What a record may say of *path*: nothing where it is no place of the answer."""
    return "/?" if path[2] == "events" else "/" + "/".join(map(str, path))
