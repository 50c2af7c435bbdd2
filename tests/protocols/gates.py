"""A gate for tests: releases everything in order, each text changed as a decision might have changed it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from guard.content import Content, Lane, Part, TextPart
from guard.protocols.stream import AnswerStream
from guard.stream.items import Delta, End, Event, Item


def edited(content: Content, change: Callable[[str], str]) -> Content:
    """*content* with each text that may be edited changed, as actions do: what stays the same stays itself."""
    parts = [
        dataclasses.replace(part, text=change(part.text))
        if isinstance(part, TextPart) and part.editable and change(part.text) != part.text
        else part
        for part in content.parts
    ]
    return dataclasses.replace(content, parts=tuple(parts))


def cut(data: bytes, size: int) -> Iterable[bytes]:
    return (data[n : n + size] for n in range(0, len(data), size))


def items_of(codec: AnswerStream, chunks: Iterable[bytes]) -> list[Item]:
    """What a codec reads of *chunks*, adjacent deltas of a lane put together, payloads left out."""
    found: list[Item] = []
    for item in read_all(codec, chunks):
        if isinstance(item, Delta) and found and isinstance(found[-1], Delta) and found[-1].lane == item.lane:
            found[-1] = Delta(item.lane, found[-1].text + item.text)
        else:
            found.append(dataclasses.replace(item, payload=None) if isinstance(item, Event) else item)
    return found


def read_all(codec: AnswerStream, chunks: Iterable[bytes]) -> Iterable[Item]:
    for chunk in chunks:
        yield from codec.read(chunk)
    yield from codec.finish()


@dataclass
class Gate:
    """Holds every text until it is whole; keeps all that was there to judge."""

    codec: AnswerStream
    change: Callable[[str], str] = str
    judged: list[Part] = field(default_factory=list)
    exempt: dict[str, int] = field(default_factory=dict)
    ended: list[Lane] = field(default_factory=list)
    _held: dict[Lane, str] = field(default_factory=dict)

    def send(self, data: bytes, size: int = 1 << 20) -> bytes:
        """What a client gets of *data*."""
        out = [self.release(item) for item in read_all(self.codec, cut(data, size))]
        return b"".join((*out, self.codec.done()))

    def release(self, item: Item) -> bytes:
        if isinstance(item, Delta):
            assert item.lane not in self.ended
            self._held[item.lane] = self._held.get(item.lane, "") + item.text
            return b""
        if isinstance(item, End):
            self.ended.append(item.lane)
            return self._let_go(item.lane)
        if isinstance(item, Event):
            before = [lane for lane in self._held if item.group in {None, lane.group}]
            out = b"".join([self._let_go(lane) for lane in before])
            self.judged += item.content.parts if item.content else ()
            for rule, count in item.content.exempt if item.content else ():
                self.exempt[rule] = self.exempt.get(rule, 0) + count
            after = edited(item.content, self.change) if item.content else None
            return out + self.codec.event(item.payload, item.content, after)
        return b""

    def _let_go(self, lane: Lane) -> bytes:
        held = self._held.pop(lane, "")
        if held:
            self.judged.append(lane.part(held))
        return self.codec.text(lane, self.change(held))

    @property
    def texts(self) -> list[str]:
        return [part.text for part in self.judged if isinstance(part, TextPart) and part.text]


def frames(*events: Any) -> bytes:
    """Server-sent events of these documents, named as their types."""
    named = ((event.get("type", ""), json.dumps(event)) for event in events)
    return "".join(f"event: {name}\ndata: {data}\n\n" for name, data in named).encode()


def documents(stream: bytes) -> list[Any]:
    """The data of every event of *stream*."""
    lines = stream.decode().split("\n")
    return [
        json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ") and "[DONE]" not in line
    ]
