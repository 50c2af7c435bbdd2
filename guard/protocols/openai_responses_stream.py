"""A streamed answer of OpenAI's responses protocol.

Texts grow in ``*.delta`` events and are repeated whole up to four times (``*.done``, part, item, response): each
repetition is made anew of what was released. Whatever else an event holds is judged once, where it first comes; what
the decision changed there is changed wherever it comes again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction, Part, Path
from guard.protocols.contract import Walk, apply_parts, walk_unknown
from guard.protocols.openai_common import index, invalid, model_of, read_event, refused_as_stream
from guard.protocols.openai_responses_contract import ANNOTATION, AUDIO, ECHOED, EVENT, PART, RESPONSE, Item
from guard.protocols.openai_responses_events import (
    GROWING,
    EventWriter,
    Growing,
    growing_in_item,
    growing_in_part,
    put,
    reach,
)
from guard.protocols.openai_responses_texts import Text, Texts, pointer
from guard.protocols.sse import EventReader, ServerEvent
from guard.protocols.stream import AnswerStream
from guard.stream.items import Event, Item as StreamItem

if TYPE_CHECKING:
    from guard.content import Lane
    from guard.decision import Refusal
    from guard.protocols.contract import Field

_BEGINNINGS = frozenset(("response.created", "response.queued", "response.in_progress"))
_ENDINGS = frozenset(("response.completed", "response.incomplete", "response.failed"))
_PARTS = {"response.content_part": "content", "response.reasoning_summary_part": "summary"}
_NOT_REPEATED = frozenset(("type", "sequence_number", "obfuscation", "logprobs"))
"""What our own events have instead: their number, no padding, no token lists."""
_INDEX = {"content": "content_index", "summary": "summary_index"}
_ITEM = Item(strict=False)
_OTHER_PLACES = frozenset({("delta",), ("delta", "stdout"), ("delta", "stderr")})
_OTHER_KINDS = {"response.shell_call_output_content": "tool_result", "response.audio.transcript": "transcript"}
_BARE: dict[str, Any] = {"id": "resp_0", "object": "response", "created_at": 0, "error": None,
                         "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}  # fmt: skip
_BROKEN = "The stream broke off before the answer was whole."


@dataclass(slots=True)
class _Payload:
    """An event to write: its own fields as ``event``, its item, response or base text at *place* of *document*.

    *slots* are texts to fill in, *repeated* parts that were judged before.
    """

    document: dict[str, Any]
    place: Path = ()
    name: str = ""
    slots: list[tuple[Path, Text]] = field(default_factory=list)
    repeated: list[Part] = field(default_factory=list)
    base_of: Text | None = None
    order: list[int] | None = None


class ResponsesStream(AnswerStream):
    """The answer to the request *asked*."""

    grows: ClassVar[tuple[str, ...]] = (*dict.fromkeys(one.kind for one in GROWING.values()), "unknown")

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self._reader = EventReader()
        self._writer = EventWriter()
        self._texts = Texts()
        self._judged: set[Part] = set()
        self._indices: dict[str, int] = {}
        # What was released:
        self._edits: dict[Part, Part] = {}
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}

    # ------------------------------------------------------------------ reading

    def read(self, data: bytes) -> list[StreamItem]:
        """Event by event, until one ends the answer."""
        for event in () if self.finished else self._reader.feed(data):
            self._read(event)
            if self.finished:
                break
        return self._texts.take()

    def finish(self) -> list[StreamItem]:
        """Nothing, if the answer is whole."""
        if not self.finished:
            raise invalid(_BROKEN)
        return []

    def _read(self, event: ServerEvent) -> None:
        data = event.data.strip()
        if not data:
            return
        if data.startswith(b"[DONE]"):
            raise invalid(_BROKEN)
        document = read_event(data)
        kind = document.get("type")
        with refused_as_stream():
            if kind == "error" or document.get("error"):  # clients raise on either
                self._error(document)
            elif isinstance(kind, str):
                self._dispatch(document, kind)
            else:
                raise invalid("An event of the stream has no type.")

    def _dispatch(self, document: dict[str, Any], kind: str) -> None:
        stem, _, stage = kind.rpartition(".")
        growing = GROWING.get(stem)
        if kind in _BEGINNINGS:
            self._beginning(document)
        elif kind in _ENDINGS:
            self._ending(document)
        elif stem == "response.output_item" and isinstance(document.get("item"), dict):
            self._item(document, stage)
        elif stem in _PARTS and isinstance(document.get("part"), dict):
            self._part(document, stage, _PARTS[stem])
        elif kind == "response.output_text.annotation.added":
            self._annotation(document)
        elif kind == "response.audio.delta":
            self._other(document, AUDIO)
        elif stage == "delta":
            self._delta(document, stem)
        elif growing is not None and stage in {"done", "added"}:
            self._whole(document, growing, stage)
        else:
            self._other(document, EVENT)

    def _beginning(self, document: dict[str, Any]) -> None:
        response = self._answer(document)
        response.pop("output", None)  # what of it has come is told by its own events
        payload = _Payload({"event": document, "response": response}, ("response",), "response", order=[])
        walk = Walk()
        self._walk_event(document, walk, "response")
        self._walk_response(response, walk)
        self._tell(payload, walk)

    def _ending(self, document: dict[str, Any]) -> None:
        response = self._answer(document)
        output = response.pop("output", None)
        walk, items = Walk(), dict[int, Any]()
        payload = _Payload({"event": document, "response": response, "output": items}, ("response",), "response")
        self._walk_event(document, walk, "response")
        self._walk_response(response, walk)
        if isinstance(output, list):
            payload.order = []
            for position, item in enumerate(output):
                if not isinstance(item, dict):
                    raise invalid("An item of the answer is no object.")
                number = self._number_of(item, position, items)
                payload.order.append(number)
                items[number] = item
                self._take_whole(item, number, payload)
                _ITEM.walk(item, walk, ("output", number), f"/output/{position}", "assistant")
        self._tell(payload, walk, last=True)

    def _item(self, document: dict[str, Any], stage: str) -> None:
        item, number = document["item"], index(document, "output_index")
        if isinstance(item.get("id"), str):
            self._indices[item["id"]] = number
        document = {key: value for key, value in document.items() if key != "item"}
        payload = _Payload({"event": document, "output": {number: item}}, ("output", number), "item")
        walk = Walk()
        self._walk_event(document, walk)
        begun: list[tuple[Text, str]] = []
        if stage == "added":
            begun = self._begin(item, number, payload)
        else:
            self._take_whole(item, number, payload)
            for text in [one for one in self._texts.known.values() if one.lane.path[:2] == ("output", number)]:
                self._texts.end(text)
        _ITEM.walk(item, walk, ("output", number), f"/output/{number}", "assistant")
        self._tell(payload, walk)
        for text, said in begun:
            self._texts.add(text, said)

    def _part(self, document: dict[str, Any], stage: str, name: str) -> None:
        part, number = document["part"], index(document, "output_index")
        place: Path = ("output", number, name, index(document, _INDEX[name]))
        document = {key: value for key, value in document.items() if key != "part"}
        payload = _Payload({"event": document, "output": {number: {name: {place[-1]: part}}}}, place, "part")
        walk = Walk()
        self._walk_event(document, walk)
        growing = growing_in_part(name, part)
        begun: tuple[Text, str] | None = None
        if growing is not None and isinstance(part.get(growing.field), str):
            said = part[growing.field]
            part[growing.field] = ""
            _blank(part, growing)
            text = self._texts.find(growing, {**document, "output_index": number}, silent=stage != "added")
            if stage == "added":
                begun = (text, said)
            else:
                self._texts.end(text, said)
                payload.slots.append(((*place, growing.field), text))
        PART.walk(part, walk, place, pointer(place), "assistant")
        self._tell(payload, walk)
        if begun is not None:
            self._texts.add(*begun)

    def _annotation(self, document: dict[str, Any]) -> None:
        numbers = [index(document, name) for name in ("output_index", "content_index", "annotation_index")]
        place: Path = ("output", numbers[0], "content", numbers[1], "annotations", numbers[2])
        annotation = document.get("annotation")
        document = {key: value for key, value in document.items() if key != "annotation"}
        nested: Any = annotation
        for step in reversed(place):
            nested = {step: nested}
        payload = _Payload({"event": document, **nested}, place, "annotation")
        walk = Walk()
        self._walk_event(document, walk)
        ANNOTATION.walk(annotation, walk, place, pointer(place), "assistant")
        self._tell(payload, walk)

    def _delta(self, document: dict[str, Any], stem: str) -> None:
        """A piece of one text, or of several where ``delta`` or an unknown field holds more."""
        delta = document.get("delta")
        base = {key: value for key, value in document.items() if key not in _NOT_REPEATED}
        pieces: dict[tuple[str, ...], str] = {("delta",): delta} if isinstance(delta, str) else {}
        if isinstance(delta, dict):
            pieces |= {("delta", key): value for key, value in delta.items() if isinstance(value, str)}
        if not pieces:
            self._other(document, EVENT)
            return
        for key in [key for key in base if key not in EVENT.fields and isinstance(base[key], str)]:
            pieces[key,] = base.pop(key)
        texts = [(self._text_at(document, stem, at), piece) for at, piece in pieces.items()]
        for text, _ in texts:
            self._rebase(text, {**base, "type": document["type"]})
        for text, piece in texts:
            self._texts.add(text, piece)

    def _text_at(self, document: dict[str, Any], stem: str, at: tuple[str, ...]) -> Text:
        """The text that the string *at* a place of a delta event is a piece of."""
        growing = GROWING.get(stem)
        if growing is not None and at == ("delta",):
            return self._texts.find(growing, document)
        kind = _OTHER_KINDS.get(stem, "unknown") if at in _OTHER_PLACES else "unknown"
        where = [document.get(name) for name in ("item_id", "content_index", "summary_index", "command_index")]
        steps = (stem, *where, *at)
        strange = Growing(stem, at[-1], kind, ("events", *(f"{step}." for step in steps)))  # no step is an index
        return self._texts.find(strange, document, at=at)

    def _whole(self, document: dict[str, Any], growing: Growing, stage: str) -> None:
        """The event that says that a text is whole (or, of a command, that it begins)."""
        said = document.get(growing.field)
        document = {key: value for key, value in document.items() if key not in {growing.field, "logprobs"}}
        text = self._texts.find(growing, document, silent=stage == "done")
        walk = Walk()
        self._walk_event(document, walk)
        payload = _Payload({"event": document})
        if growing.stem == "response.output_text":
            document["logprobs"] = []
        if isinstance(said, str):
            document[growing.field] = ""
            if stage == "done":
                payload.slots.append((("event", growing.field), text))
        if stage == "done":
            self._texts.end(text, said if isinstance(said, str) else None)
            self._tell(payload, walk)
        else:
            self._tell(payload, walk)
            self._texts.add(text, said if isinstance(said, str) else "")

    def _error(self, document: dict[str, Any]) -> None:
        self.broken = True
        walk = Walk()
        known = {key: value for key, value in document.items() if key in {"type", "sequence_number"}}
        EVENT.walk(known, walk, ("event",), "", "assistant")
        rest = {key: value for key, value in document.items() if key not in known}
        walk_unknown(rest, walk, ("event",), "", "assistant", "error")
        self._tell(_Payload({"event": {"type": "error", **document}}), walk, last=True)

    def _other(self, document: dict[str, Any], contract: Field) -> None:
        """An event that only says something: judged as it is."""
        stem = str(document["type"]).rpartition(".")[0]
        for text in [one for one in self._texts.known.values() if one.growing.stem == stem and stem not in GROWING]:
            self._texts.end(text)
        walk = Walk()
        contract.walk({k: v for k, v in document.items() if k != "obfuscation"}, walk, ("event",), "", "assistant")
        self._tell(_Payload({"event": document}), walk)

    def _rebase(self, text: Text, base: dict[str, Any]) -> None:
        """The fields of a delta event besides its text: judged when they first come, and when they change."""
        if base == text.seen_base:
            return
        text.seen_base = base
        walk = Walk()
        self._walk_event(base, walk)
        if text.at not in _OTHER_PLACES:
            walk_unknown(dict.fromkeys(text.at), walk, ("event",), "", "assistant")  # the names
        self._tell(_Payload({"event": dict(base)}, base_of=text), walk)

    def _begin(self, item: dict[str, Any], number: int, payload: _Payload) -> list[tuple[Text, str]]:
        """Begin the texts of a new *item*; returns what it says of them already."""
        begun: list[tuple[Text, str]] = []
        for growing, indices in growing_in_item(item):
            path = growing.path(number, indices)
            text = self._texts.find(growing, {"item_id": item.get("id"), "output_index": number, **indices})
            begun.append((text, reach(payload.document, path)))
            _blank(reach(payload.document, path[:-1]), growing)
            put(payload.document, path, "")
        return begun

    def _take_whole(self, item: dict[str, Any], number: int, payload: _Payload) -> None:
        """End the texts of a whole *item* and leave their places to what is released of them."""
        payload.document["output"][number] = item
        for growing, indices in growing_in_item(item):
            path = growing.path(number, indices)
            said = {"item_id": item.get("id"), "output_index": number, **indices}
            text = self._texts.find(growing, said, silent=True)
            self._texts.end(text, reach(payload.document, path))
            _blank(reach(payload.document, path[:-1]), growing)
            put(payload.document, path, "")
            payload.slots.append((path, text))

    # ------------------------------------------------------------------ judging

    def _answer(self, document: dict[str, Any]) -> dict[str, Any]:
        response = document.pop("response", None)
        if not isinstance(response, dict):
            raise invalid("An event of the stream that should hold the answer does not.")
        response.pop("output_text", None)
        self.model = model_of(response) or self.model
        return response

    def _number_of(self, item: dict[str, Any], position: int, taken: dict[int, Any]) -> int:
        """The number that *item* had in the stream: by its id, else its *position*, else one that no other has."""
        known = self._indices.get(item["id"]) if isinstance(item.get("id"), str) else None
        if known is not None and known not in taken:
            return known
        others = {*taken, *self._indices.values()} if item.get("id") else set(taken)
        return position if position not in others else max(others) + 1

    def _walk_event(self, document: dict[str, Any], walk: Walk, *without: str) -> None:
        kept = {k: v for k, v in document.items() if k not in {*without, "obfuscation"}}
        EVENT.walk(kept, walk, ("event",), "", "assistant")

    def _walk_response(self, response: dict[str, Any], walk: Walk) -> None:
        for name in ECHOED:
            if response.get(name) is not None and response[name] == self._asked.get(name):
                walk.spare("echo")
                response = {key: value for key, value in response.items() if key != name}
        RESPONSE.walk(response, walk, ("response",), "", "assistant")

    def _tell(self, payload: _Payload, walk: Walk, *, last: bool = False) -> None:
        """Tell of *payload*, with those parts of *walk* that did not come before. The *last* ends all texts."""
        payload.document["event"].pop("obfuscation", None)
        fresh = [part for part in walk.parts if part not in self._judged]
        payload.repeated = [part for part in walk.parts if part in self._judged]
        self._judged.update(fresh)
        content = Content(Direction.OUTPUT, tuple(fresh), tuple(walk.exempt.items()), self.model)
        if last:
            self._texts.end_all()
            self.finished = True
        self._texts.tell(Event(payload, content, None if last else 0, last))

    # ------------------------------------------------------------------ writing

    def text(self, lane: Lane, text: str) -> bytes:
        """A delta event."""
        known = self._texts.known[lane.path]
        if not text:
            return b""
        known.released.append(text)
        if known.silent:
            return b""
        event = dict(known.base)
        if known.growing.stem == "response.output_text":
            event["logprobs"] = []
        if known.at == ("delta",):
            event["delta"] = text
        elif known.at[0] == "delta":
            event["delta"] = {known.at[1]: text}
        else:
            event |= {"delta": "", known.at[0]: text}
        return self._writer.write(event)

    def event(self, payload: Any, before: Content | None, after: Content | None) -> bytes:
        """The event again, with what changed, and with the texts that were released."""
        document = payload.document
        changed = [(part, self._edits[part]) for part in payload.repeated if part in self._edits]
        if before is not None and after is not None:
            fresh = [(old, new) for old, new in zip(before.parts, after.parts, strict=True) if new is not old]
            self._edits.update(fresh)
            changed += fresh
        if changed:
            apply_parts(document, [old for old, _ in changed], [new for _, new in changed])
        for path, text in payload.slots:
            put(document, path, text.whole)
        event = document["event"]
        if payload.base_of is not None:
            payload.base_of.base = event
            return b""
        if payload.name:
            event = {**event, payload.name: self._keep(payload)}
        if self.moderation is not None and event.get("type") in _ENDINGS and isinstance(event.get("response"), dict):
            event["response"] = {**event["response"], "moderation": self.moderation}
        return self._writer.write(event)

    def _keep(self, payload: _Payload) -> Any:
        """What *payload* is about, remembered for an ending that has to say what came."""
        value = reach(payload.document, payload.place)
        if payload.name == "item":
            self._items[int(payload.place[1])] = value
        elif payload.name == "part":
            _, number, name, index = payload.place
            parts = self._items.setdefault(int(number), {}).setdefault(str(name), [])
            if isinstance(parts, list) and index == len(parts):
                parts.append(value)
        elif payload.name == "response":
            self._response = value
            if payload.order is not None:
                return {**value, "output": [payload.document["output"][number] for number in payload.order]}
        return value

    def done(self) -> bytes:
        """Nothing: the last event says it."""
        return b""

    def refused(self, refusal: Refusal) -> bytes:  # noqa: ARG002  there is no place for its words
        """``response.incomplete`` for the content filter, with what was released until then."""
        response = {
            **_BARE,
            "model": self.model or "",
            **self._response,
            "status": "incomplete",
            "incomplete_details": {"reason": "content_filter"},
            "output": [self._as_released(number, item) for number, item in sorted(self._items.items())],
        }
        return self._writer.write({"type": "response.incomplete", "response": response})

    def _as_released(self, number: int, item: dict[str, Any]) -> dict[str, Any]:
        holder = {"output": {number: item}}
        for growing, indices in growing_in_item(item):
            path = growing.path(number, indices)
            text = self._texts.known.get(path)
            put(holder, path, text.whole if text is not None else "")
        return {**item, "status": "incomplete"} if item.get("status") == "in_progress" else item

    def failed(self, code: str, message: str) -> bytes:
        """An error, in the event's own words and as the object that clients raise on."""
        said = {"code": code, "message": message, "param": None}
        return self._writer.write({"type": "error", **said, "error": {**said, "type": "server_error"}})


def _blank(holder: Any, growing: Growing) -> None:
    """No token list stays beside a text that is written anew."""
    if isinstance(holder, dict) and growing.stem == "response.output_text" and "logprobs" in holder:
        holder["logprobs"] = []
