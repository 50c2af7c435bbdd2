"""Anthropic's streamed answers: events that open, extend and close one content block after another.

Texts, thinking and the JSON of tool calls are lanes; everything else is judged whole. Written are the events of the
protocol and nothing of their making: pings, unknown events and unknown fields of deltas are left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Direction, Lane
from guard.errors import RequestError
from guard.protocols.anthropic_fields import BLOCK_DELTA, BLOCK_START, MESSAGE_DELTA, MESSAGE_START
from guard.protocols.contract import Field, Walk, apply_parts, walk_unknown
from guard.protocols.openai_common import model_of
from guard.protocols.sealed import break_seals
from guard.protocols.sse import EventReader, write
from guard.protocols.stream import AnswerStream
from guard.protocols.strict_json import dump, parse
from guard.stream.items import Delta, End, Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.content import Content
    from guard.decision import Refusal
    from guard.protocols.sse import ServerEvent
    from guard.stream.items import Item

_LANES = {
    "text": ("text", "text_delta", "text", "message", ("message",)),
    "thinking": ("thinking", "thinking_delta", "thinking", "reasoning", ("reasoning",)),
    **dict.fromkeys(
        ("tool_use", "server_tool_use", "mcp_tool_use"),
        ("input", "input_json_delta", "partial_json", "tool_arguments", None),
    ),
}
"""By the type of a block: its field that grows, the delta that extends it, that one's field, kind and thread."""
_DELTAS = {grows: (delta, text) for grows, delta, text, _, _ in _LANES.values()}
_WHOLE_DELTAS = {"text": "citations_delta", "compaction": "compaction_delta"}
_ERRORS = {
    "unauthorized": "authentication_error",
    "unknown_route": "not_found_error",
    "body_too_large": "request_too_large",
    "guard_overloaded": "overloaded_error",
    "upstream_timeout": "timeout_error",
    "upstream_401": "authentication_error",
    "upstream_402": "billing_error",
    "upstream_403": "permission_error",
    "upstream_404": "not_found_error",
    "upstream_413": "request_too_large",
    "upstream_429": "rate_limit_error",
    "upstream_529": "overloaded_error",
}
_FAULTS = ("audit_", "guard_", "shutting_", "upstream_")
"""What codes begin with that are not the caller's fault."""


@dataclass(slots=True)
class _Block:
    """The block that is being read. *said* digests its text so far, to know whether all of it came out unchanged."""

    index: int
    type: str
    lane: Lane | None
    signature: str = ""
    said: Any = field(default_factory=hashlib.sha256)
    whole: bool = False


@dataclass(slots=True)
class _Failure:
    """The upstream's own error: the last that is written."""

    document: dict[str, Any]


@dataclass(slots=True)
class _Signature:
    """The event of a signature, written only if the thinking it vouches for was written as it was read."""

    document: dict[str, Any]
    index: int
    said: bytes


class MessageStream(AnswerStream):
    """One streamed message. Its blocks are numbered from 0 and open one at a time, as clients put them together."""

    grows: ClassVar[tuple[str, ...]] = tuple(dict.fromkeys(kind for *_, kind, _ in _LANES.values()))

    def __init__(self) -> None:
        self._events = EventReader()
        self._begun = self._ended = False
        self._blocks = 0
        self._block: _Block | None = None
        self._written: dict[int, Any] = {}
        self._shown: int | None = None
        self._greeted = False

    def read(self, data: bytes) -> Iterator[Item]:
        """See `AnswerStream.read`."""
        for event in self._events.feed(data):
            if self.finished:
                return
            yield from self._take(event)

    def finish(self) -> Iterator[Item]:
        """See `AnswerStream.finish`."""
        if not self.finished:
            raise _broken("it ended before `message_stop`")
        yield from ()

    def _take(self, event: ServerEvent) -> Iterator[Item]:
        if event.name == "ping":
            return
        try:
            document = parse(event.data)
        except RequestError:
            raise _broken("an event's data is not JSON") from None
        if not isinstance(document, dict):
            raise _broken("an event's data is no object")
        kind = "error" if event.name == "error" else document.get("type")
        if kind == "error":
            self.finished = self.broken = True
            walk = Walk()
            walk_unknown(document, walk, (), "/error", None, "error")
            yield Event(_Failure(document), walk.content(Direction.OUTPUT), group=None, last=True)
        elif kind == "message_start":
            yield self._start(document)
        elif kind in ("content_block_start", "content_block_delta", "content_block_stop"):
            yield from self._take_block(kind, document)
        elif kind in ("message_delta", "message_stop"):
            if not self._begun:
                raise _broken(f"`{kind}` comes before `message_start`")
            yield from self._close()
            if kind == "message_stop":
                self.finished = True
            else:
                yield self._end(document)

    def _take_block(self, kind: str, document: dict[str, Any]) -> Iterator[Item]:
        index = document.get("index")
        if not self._begun or self._ended:
            raise _broken("a block comes before `message_start` or after the stop reason")
        if type(index) is not int:
            raise _broken("a block has no number")
        if kind == "content_block_start":
            yield from self._open(document, index)
        elif kind == "content_block_delta":
            yield from self._extend(document, index)
        elif self._block is not None or index != self._blocks - 1:  # some servers say twice that a block ends
            yield from self._close(index)

    def _start(self, document: dict[str, Any]) -> Item:
        message = document.get("message")
        if self._begun or not isinstance(message, dict) or message.get("content"):
            raise _broken("it should begin with one `message_start` whose message has no content yet")
        self._begun = True
        message["content"] = []
        self.model = model_of(message)
        return Event(document, _judged(MESSAGE_START, document, ""))

    def _open(self, document: dict[str, Any], index: int) -> Iterator[Item]:
        """A block begins. What it holds of a growing text already is the first piece of that."""
        if index != self._blocks:
            raise _broken("its blocks should be numbered from 0, one after another")
        yield from self._close()
        self._blocks += 1
        block = document.get("content_block")
        kind = block.get("type") if isinstance(block, dict) else None
        lane = None
        first: Any = ""
        signature: Any = ""
        if isinstance(block, dict) and isinstance(kind, str) and kind in _LANES:
            grows, _, _, of_kind, thread = _LANES[kind]
            lane = Lane(("content", index, grows), f"/content/{index}/{grows}", of_kind, thread=thread)
            if grows != "input":
                first, block[grows] = block.get(grows) or "", ""
            if kind == "thinking":
                signature, block["signature"] = block.get("signature") or "", ""
            if not (isinstance(first, str) and isinstance(signature, str)):
                raise _broken("a block's text is no string")
        yield Event(document, _judged(BLOCK_START, document, f"/content/{index}"))
        self._block = _Block(index, str(kind), lane, signature)
        yield from self._grown(self._block, first)

    def _extend(self, document: dict[str, Any], index: int) -> Iterator[Item]:
        block, delta = self._block, document.get("delta")
        if block is None or index != block.index or not isinstance(delta, dict):
            raise _broken("a delta belongs to no open block")
        kind = delta.get("type")
        _, extends, key, *_ = _LANES.get(block.type, ("", "", ""))
        text = delta.get(key)
        if extends and kind == extends and isinstance(text, str):
            yield from self._grown(block, text)
        elif kind == "signature_delta" and block.type == "thinking":
            signature = delta.get("signature")
            block.signature = signature if isinstance(signature, str) else ""  # the last one counts, as for clients
        elif kind == _WHOLE_DELTAS.get(block.type) and kind is not None:
            if kind == "compaction_delta" and block.whole:
                raise _broken("a summary comes in one piece")
            block.whole = True
            yield Event(document, _judged(BLOCK_DELTA, document, f"/content/{index}"))
        else:
            raise _broken("a delta is of a type that its block cannot have")

    def _grown(self, block: _Block, text: str) -> Iterator[Item]:
        if text and block.lane is not None:
            if block.type == "thinking":
                block.said.update(text.encode())
            yield Delta(block.lane, text)

    def _close(self, index: int | None = None) -> Iterator[Item]:
        """The open block is whole, said so by its number or by what comes next."""
        block, self._block = self._block, None
        if block is None or (index is not None and index != block.index):
            if index is not None:
                raise _broken("a block ends that is not open")
            return
        if block.lane is not None:
            yield End(block.lane)
        if block.signature:
            delta = {"type": "signature_delta", "signature": block.signature}
            document = {"type": "content_block_delta", "index": block.index, "delta": delta}
            content = _judged(BLOCK_DELTA, document, f"/content/{block.index}")
            yield Event(_Signature(document, block.index, block.said.digest()), content)
        yield Event({"type": "content_block_stop", "index": block.index})

    def _end(self, document: dict[str, Any]) -> Item:
        delta = document.get("delta")
        self._ended = isinstance(delta, dict) and delta.get("stop_reason") is not None
        return Event(document, _judged(MESSAGE_DELTA, document, ""), last=self._ended)

    def text(self, lane: Lane, text: str) -> bytes:
        """See `AnswerStream.text`."""
        if not text:
            return b""
        _, index, grows = lane.path
        if grows == "thinking":
            self._written.setdefault(int(index), hashlib.sha256()).update(text.encode())
        return _delta(int(index), str(grows), text)

    def event(self, payload: Any, before: Content | None, after: Content | None) -> bytes:
        """See `AnswerStream.event`."""
        document = payload.document if isinstance(payload, _Signature | _Failure) else payload
        if before is not None and after is not None:
            apply_parts(document, before.parts, after.parts)
            break_seals(document, before.parts, after.parts)
        if isinstance(payload, _Signature):
            written = self._written.get(payload.index, hashlib.sha256())
            return _event(document) if written.digest() == payload.said else b""
        if isinstance(payload, _Failure):
            return write(dump(document), "error")
        kind = document.get("type")
        if kind == "message_start":
            self._greeted = True
        elif kind == "content_block_start":
            self._shown = document["index"]
        elif kind == "content_block_stop":
            self._shown = None
        return _event(document)

    def done(self) -> bytes:
        """See `AnswerStream.done`."""
        return b"" if self.broken else _event({"type": "message_stop"})

    def refused(self, refusal: Refusal) -> bytes:
        """A message that ends for the stop reason ``refusal``, the open block closed."""
        message: dict[str, Any] = {
            "id": "msg_refused", "type": "message", "role": "assistant", "model": self.model or "", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0},
        }  # fmt: skip
        details = {"type": "refusal", "category": None, "explanation": refusal.message, "code": refusal.code}
        delta = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
        events: list[dict[str, Any]] = [] if self._greeted else [{"type": "message_start", "message": message}]
        if self._shown is not None:
            events.append({"type": "content_block_stop", "index": self._shown})
        events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}})
        return b"".join(map(_event, (*events, {"type": "message_stop"})))

    def failed(self, code: str, message: str) -> bytes:
        """An error event: clients raise on it."""
        return write(dump(error_document(code, message)), "error")


def write_whole(document: dict[str, Any]) -> bytes:
    """The stream that says what the whole message *document* says."""
    usage = document.get("usage")
    told: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    start = {**document, **{key: value for key, value in told.items() if key in document or key == "content"}}
    if isinstance(usage, dict) and "output_tokens" in usage:
        start["usage"] = {**usage, "output_tokens": 0}
    ending = {key: document.get(key) for key in ("stop_reason", "stop_sequence")}
    ending |= {key: document[key] for key in ("stop_details", "container") if key in document}
    written = [_event({"type": "message_start", "message": start})]
    for index, block in enumerate(document["content"]):
        written += _block(index, block)
    written.append(_event({"type": "message_delta", "delta": ending, "usage": usage or {"output_tokens": 0}}))
    return b"".join((*written, _event({"type": "message_stop"})))


def _block(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    grows = _LANES[block["type"]][0] if block["type"] in _LANES else ""
    said, citations = block.get(grows), block.get("citations") if grows == "text" else None
    start = dict(block)
    if said:
        start[grows] = {} if grows == "input" else ""
    if citations:
        start["citations"] = []
    if block["type"] == "thinking":
        start["signature"] = ""
    yield _event({"type": "content_block_start", "index": index, "content_block": start})
    if said:
        yield _delta(index, grows, dump(said).decode() if grows == "input" else said)
    for citation in citations or ():
        delta = {"type": "citations_delta", "citation": citation}
        yield _event({"type": "content_block_delta", "index": index, "delta": delta})
    if block["type"] == "thinking" and block.get("signature"):
        delta = {"type": "signature_delta", "signature": block["signature"]}
        yield _event({"type": "content_block_delta", "index": index, "delta": delta})
    yield _event({"type": "content_block_stop", "index": index})


def _delta(index: int, grows: str, text: str) -> bytes:
    kind, key = _DELTAS[grows]
    return _event({"type": "content_block_delta", "index": index, "delta": {"type": kind, key: text}})


def _event(document: dict[str, Any]) -> bytes:
    return write(dump(document), document["type"])


def error_document(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """An error in Anthropic's shape; *code* and *param*, which it has no place for, beside its own fields."""
    kind = _ERRORS.get(code, "api_error" if code.startswith(_FAULTS) else "invalid_request_error")
    error = {"type": kind, "message": message, "code": code}
    return {"type": "error", "error": {**error, "param": param} if param else error}


def _judged(contract: Field, document: dict[str, Any], pointer: str) -> Content:
    walk = Walk()
    contract.walk(document, walk, (), pointer, "assistant")
    return walk.content(Direction.OUTPUT)


def _broken(why: str) -> RequestError:
    return RequestError("invalid_stream", f"The stream is no message of Anthropic's: {why}.")
