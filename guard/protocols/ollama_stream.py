"""Ollama's streamed answers: lines of JSON, each a piece of the answer; the last says ``done`` and what it took.

Texts and thinking are lanes; tool calls, pictures and the last line are judged whole. Left out are fields that no
contract names (but for those of the last line), token lists and token numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Direction, Lane
from guard.errors import RequestError
from guard.protocols.contract import Object, Walk, apply_parts, walk_unknown
from guard.protocols.lines import LineReader, write_line
from guard.protocols.ollama_fields import CHAT_ANSWER, GENERATE_ANSWER
from guard.protocols.openai_common import model_of
from guard.protocols.stream import LINES, AnswerStream
from guard.protocols.strict_json import parse
from guard.stream.items import Delta, End, Event, Pause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.content import Content
    from guard.decision import Refusal
    from guard.stream.items import Item

_ABOUT = ("model", "created_at", "remote_model", "remote_host")
_REPEATED = frozenset((*_ABOUT, "done", "logprobs", "context", "error", "message"))
"""What a line that is not the last one says again, or what is never passed on."""


@dataclass(slots=True)
class _About:
    """What every line says of the answer: written with the first text."""

    document: dict[str, Any]


@dataclass(slots=True)
class _Failure:
    """The generator's own error: the last line."""

    document: dict[str, Any]


class OllamaStream(AnswerStream):
    """One streamed answer. *holder* is the object of a line that holds the text, ``""`` if that is the line itself."""

    media_type: ClassVar[bytes] = LINES
    grows: ClassVar[tuple[str, ...]] = ("message", "reasoning")

    def __init__(self, contract: Object, holder: str, said: str) -> None:
        self._contract, self._holder, self._said = contract, holder, said
        self._lines = LineReader()
        inside = (holder,) if holder else ()
        self._lanes = {
            name: Lane((*inside, name), "/" + "/".join((*inside, name)), kind)
            for name, kind in ((said, "message"), ("thinking", "reasoning"))
        }
        self._begun: list[Lane] = []
        self._about: dict[str, Any] | None = None
        self._written: dict[str, Any] = {}

    @classmethod
    def of_chat(cls) -> OllamaStream:
        """For ``/api/chat``."""
        return cls(CHAT_ANSWER, "message", "content")

    @classmethod
    def of_generate(cls) -> OllamaStream:
        """For ``/api/generate``."""
        return cls(GENERATE_ANSWER, "", "response")

    def read(self, data: bytes) -> Iterator[Item]:
        """See `AnswerStream.read`."""
        for line in self._lines.feed(data):
            if self.finished:
                return
            yield from self._take(line)

    def finish(self) -> Iterator[Item]:
        """See `AnswerStream.finish`."""
        for line in () if self.finished else self._lines.close():
            yield from self._take(line)
        if not self.finished:
            raise _broken("it ended before a line said `done`")

    def _take(self, line: bytes) -> Iterator[Item]:
        try:
            document = parse(line)
        except RequestError:
            raise _broken("a line is not JSON") from None
        if not isinstance(document, dict):
            raise _broken("a line is no object")
        if document.get("error"):
            self.finished = self.broken = True
            error = {"error": document["error"]}
            walk = Walk()
            walk_unknown(error, walk, (), "", None, "error")
            yield Event(_Failure(error), walk.content(Direction.OUTPUT), group=None, last=True)
            return
        holder = document.get(self._holder) or {} if self._holder else document
        if not isinstance(holder, dict):
            raise _broken(f"`{self._holder}` is no object")
        if self._about is None:
            self._about = {key: document[key] for key in _ABOUT if key in document}
            if self._holder:
                self._about["message"] = {"role": holder.get("role", "assistant")}
            self.model = model_of(document)
            yield Event(_About(self._about), self._judged(self._about))
        for name in ("thinking", self._said):
            yield from self._grown(self._lanes[name], holder.pop(name, None))
        done = document.get("done") is True
        rest = self._last(document, holder) if done else self._between(document, holder)
        if done:
            self.finished = True
            for lane in self._begun:
                yield End(lane)
        if rest:
            yield Event(rest, self._judged(rest), last=done)

    def _grown(self, lane: Lane, text: Any) -> Iterator[Item]:
        if text is None or text == "":
            return
        if not isinstance(text, str):
            raise _broken("a text is no string")
        if self._begun and self._begun[-1] is not lane:
            yield Pause(self._begun[-1])
        self._begun = [one for one in self._begun if one is not lane] + [lane]
        yield Delta(lane, text)

    def _between(self, document: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any]:
        """What a line holds besides texts and what every line says: calls, pictures, progress."""
        fields = self._contract.fields
        rest = {key: value for key, value in document.items() if key in fields and key not in _REPEATED}
        inner = fields.get("message")
        if self._holder and isinstance(inner, Object):
            more = {key: value for key, value in holder.items() if key in inner.fields and key != "role"}
            if more:
                rest["message"] = {"role": holder.get("role", "assistant"), "content": "", **more}
        return rest

    def _last(self, document: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in document.items() if key not in {"logprobs", "context", "error"}}
        if self._holder:
            rest[self._holder] = {"role": "assistant", "content": "", **holder}
        else:
            rest[self._said] = ""
        return rest

    def _judged(self, document: dict[str, Any]) -> Content:
        walk = Walk()
        self._contract.walk(document, walk, (), "", "assistant")
        return walk.content(Direction.OUTPUT)

    def text(self, lane: Lane, text: str) -> bytes:
        """See `AnswerStream.text`."""
        name = str(lane.path[-1])
        return self._line({} if name == self._said else {self._said: ""}, {name: text}) if text else b""

    def event(self, payload: Any, before: Content | None, after: Content | None) -> bytes:
        """See `AnswerStream.event`."""
        document = payload.document if isinstance(payload, _About | _Failure) else payload
        if before is not None and after is not None:
            apply_parts(document, before.parts, after.parts)
        if isinstance(payload, _About):
            self._written = document
            return b""
        if isinstance(payload, _Failure) or document.get("done") is True:
            return write_line(document)
        held = {} if self._holder else {self._said: ""}
        return write_line({**self._written, **held, **document, "done": False})

    def _line(self, *said: dict[str, str]) -> bytes:
        fields = {name: text for one in said for name, text in one.items()}
        if not self._holder:
            return write_line({**self._written, **fields, "done": False})
        message = {**(self._written.get("message") or {"role": "assistant"}), **fields}
        return write_line({**self._written, "message": message, "done": False})

    def done(self) -> bytes:
        """Nothing: the last line has said it."""
        return b""

    def refused(self, refusal: Refusal) -> bytes:
        """A last line whose ``done_reason`` is ``content_filter``."""
        about = {key: self._written[key] for key in _ABOUT if key in self._written}
        said = {"message": {"role": "assistant", "content": ""}} if self._holder else {self._said: ""}
        return write_line({**about, **said, "done": True, "done_reason": refusal.code, "refusal": refusal.message})

    def failed(self, code: str, message: str) -> bytes:
        """An error line, as the server itself writes it: clients raise on it."""
        return write_line({"error": message, "code": code})


def write_whole(document: dict[str, Any], holder: str, said: str) -> bytes:
    """The stream that says what the whole answer *document* says: thinking, text, calls and pictures, the end."""
    about = {key: document[key] for key in _ABOUT if key in document}
    inner = document[holder] if holder else document
    role = {"role": inner.get("role", "assistant")} if holder else {}

    def line(fields: dict[str, Any], *, done: bool = False, **more: Any) -> bytes:
        held = {**role, said: "", **fields}
        return write_line({**about, **({holder: held} if holder else held), **more, "done": done})

    written = []
    if inner.get("thinking"):
        written.append(line({"thinking": inner["thinking"]}))
    tokens = {"logprobs": document["logprobs"]} if document.get("logprobs") else {}
    if inner.get(said) or tokens:
        written.append(line({said: inner.get(said) or ""}, **tokens))
    if inner.get("tool_calls"):
        written.append(line({"tool_calls": inner["tool_calls"]}))
    left = {key: value for key, value in document.items() if key not in {holder, "logprobs", "done"}}
    rest = {k: v for k, v in (inner if holder else left).items() if k not in {said, "thinking", "tool_calls", *role}}
    written.append(line(rest, done=True, **(left if holder else {})))
    return b"".join(written)


def _broken(why: str) -> RequestError:
    return RequestError("invalid_stream", f"The stream is no answer of Ollama's: {why}.")
