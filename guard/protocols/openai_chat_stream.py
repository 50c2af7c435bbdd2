"""Streamed chat completions: chunks in, canonical chunks out.

What a client puts together is what counts: openai-python adds up every string of a delta, at any depth, so each of them
is a lane. Of fields that come with every chunk (``id``, ``model`` …) the first value is kept and written into ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from guard.content import Content, Direction, Lane, OpaquePart, Path, TextPart
from guard.errors import RequestError
from guard.protocols.alike import Form, Row, form_of
from guard.protocols.contract import (
    TIME_DIGITS,
    WORD,
    Constrained,
    Scalar,
    Walk,
    apply_parts,
    check_count,
    refuse,
    walk_unknown,
)
from guard.protocols.openai_common import USAGE
from guard.protocols.sse import HEAD, TAIL, EventReader, write
from guard.protocols.stream import AnswerStream
from guard.protocols.strict_json import dump, parse
from guard.stream.items import Delta, End, Event, Pause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from guard.decision import Refusal
    from guard.protocols.contract import Field
    from guard.stream.items import Item

_KINDS = {
    "content": "message",
    "refusal": "refusal",
    "reasoning": "reasoning",
    "reasoning_content": "reasoning",
    "transcript": "transcript",
    "arguments": "tool_arguments",
    "input": "tool_arguments",
    "name": "name",
}
"""What the strings of a delta are, by the last name of their path; any other is ``unknown``."""
_ONCE = frozenset(("type", "id", "role"))
"""Words that clients do not add up, or that come again with every chunk."""
_BASE = ("id", "created", "model", "service_tier", "system_fingerprint")
_DROPPED = frozenset(("obfuscation", "object", "usage", "choices"))
_BASES: dict[str, Field] = {name: Constrained() for name in _BASE} | {"created": Scalar(TIME_DIGITS)}
_CHOICE = frozenset(("index", "delta", "finish_reason", "logprobs"))
_STRUCTURE = frozenset(("audio", "custom", "function", "function_call", "tool_calls"))
_KNOWN_DELTA = frozenset(_KINDS) | _ONCE | _STRUCTURE
_KNOWN_TOP = frozenset(_BASE) | _DROPPED
_MOST = 1024
"""Choices, calls and other numbered things that one answer may have."""
_PATIENCE = 8
"""How often in a row a chunk is taken for the usual one, and no other like it comes, before that is given up."""


@dataclass(frozen=True, slots=True)
class _Words:
    """A field to be written with what comes next, once it is decided. *path* is that of the object it stands in."""

    field: dict[str, Any]
    path: Path


class _Choice:
    """What is known of one choice: the lane that grows now, what its calls are called, and what was written of it."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.lanes: dict[Path, Lane] = {}
        self.growing: Lane | None = None
        self.named: set[Path] = set()
        self.words: set[Path] = set()
        self.heads: dict[Path, dict[str, Any]] = {}
        self.extras: dict[str, Any] = {}
        self.later: dict[str, Any] = {}
        self.places: dict[Path, dict[int, int]] = {}
        """Of each numbered list, where its entries stand in what was written."""
        self.finish: str | None = None
        self.begun = False
        self.ended = False


class _Usual(NamedTuple):
    """The form of chunks that only add a word to *lane*, alone or in a row, and how many leaves of it are dropped."""

    form: Form
    row: Row | None
    lane: Lane
    dropped: int


class ChatStream(AnswerStream):
    """One streamed chat completion."""

    grows: ClassVar[tuple[str, ...]] = (*dict.fromkeys(_KINDS.values()), "unknown")
    column: ClassVar[str] = "choice"

    def __init__(self, *, usage: bool) -> None:
        """*usage*: whether the client asked for a last chunk that counts tokens."""
        self._reader = EventReader()
        self._base: dict[str, Any] = {}
        self._said: set[str] = set()
        self._choices: dict[int, _Choice] = {}
        self._extras: dict[str, Any] = {}
        self._later: dict[str, Any] = {}
        self._wants_usage = usage
        self._usage: Any = None
        self._open = 0
        """Every choice before this one has begun."""
        self._unknown: dict[Path, int] = {}
        self._spared = Walk()
        self._usual: _Usual | None = None
        self._patience = _PATIENCE

    # Reading

    def read(self, data: bytes) -> Iterable[Item]:
        """The items of the chunks that *data* completes."""
        items: list[Item] = []
        usual = self._usual
        if usual is not None and usual.row is not None and self._reader.is_between and not self.finished:
            words = usual.row.words(data)
            if words is not None:
                self._again(usual, "".join(words), items, chunks=len(words))
                return items
        for event in self._reader.feed(data):
            if self.finished:
                break
            if self._usual is not None and (word := self._usual.form.word(event.data)) is not None:
                self._again(self._usual, word, items)
            elif event.data.strip() == b"[DONE]":
                self.finished = True
                items += self._end_all()
            else:
                items += self._read(event.data)
        return items

    def _read(self, data: bytes) -> list[Item]:
        """The items of one chunk; notices if others may follow that differ from it in a word alone."""
        chunk = parse(data)
        dropped, spared = self._dropped(), sum(self._spared.exempt.values())
        items = list(self._chunk(chunk))
        again = self._dropped() - dropped
        self._usual = None
        # Nothing came of it but a text, and nothing will the next time: all else in it is known or dropped.
        if len(items) == 1 and sum(self._spared.exempt.values()) - spared == again and self._patience:
            self._usual = self._usual_of(data, chunk, items[0], again)
        return items

    def _dropped(self) -> int:
        return self._spared.exempt.get("dropped", 0)

    def _usual_of(self, data: bytes, chunk: dict[str, Any], item: Item, dropped: int) -> _Usual | None:
        """What *chunk*, of which only *item* came, has in common with others, if that is plain to see."""
        if not isinstance(item, Delta) or item.lane.path[2:] != ("message", "content"):
            return None
        choices = chunk["choices"]
        if len(choices) != 1 or (self._wants_usage and chunk.get("usage") is not None):
            return None
        if choices[0]["delta"].get("content") != item.text:
            return None
        self._patience -= 1
        noise: list[Path] = [("obfuscation",)] if isinstance(chunk.get("obfuscation"), str) else []
        form = form_of(data, chunk, [("choices", 0, "delta", "content"), *noise])
        return _Usual(form, form.row(HEAD, TAIL), item.lane, dropped) if form is not None else None

    def _again(self, usual: _Usual, word: str, items: list[Item], chunks: int = 1) -> None:
        """One more chunk that is *usual*, but for its *word*, or more; what others at once say is one text with it."""
        self._patience = _PATIENCE
        if usual.dropped:
            self._spared.spare("dropped", chunks * usual.dropped)
        if not word:
            return
        last = items[-1] if items else None
        if isinstance(last, Delta) and last.lane is usual.lane:
            items[-1] = Delta(usual.lane, last.text + word)
        else:
            items.append(Delta(usual.lane, word))

    def finish(self) -> Iterable[Item]:
        """The end of every text; an answer whose choices have no reasons to be finished broke off."""
        if not self.finished and not (self._choices and all(one.finish for one in self._choices.values())):
            raise RequestError("invalid_stream", "The stream ended before the answer did.")
        self.finished = True
        return self._end_all()

    def _end_all(self) -> list[Item]:
        """The end of every text, and what was said last beside them where it did not stay the same."""
        items = [item for choice in self._choices.values() for item in self._end(choice)]
        for choice in self._choices.values():
            if choice.later:
                walk = Walk()
                walk_unknown(choice.later, walk, ("choices", choice.index), f"/choices/{choice.index}/?", "assistant")
                items += self._judged(walk, ("choice", choice.index, choice.later), choice.index)
        if self._later:
            walk = Walk()
            walk_unknown(self._later, walk, (), "/?", None)
            items += self._judged(walk, ("extra", self._later), None)
        return items

    def _end(self, choice: _Choice) -> list[Item]:
        choice.growing = None
        return [End(lane) for lane in choice.lanes.values()]

    def _chunk(self, chunk: Any) -> Iterator[Item]:
        if not isinstance(chunk, dict):
            raise refuse("invalid_type", "", "a chunk should be an object")
        if chunk.get("error"):
            yield self._error(chunk)
            return
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            raise refuse("missing_field", "/choices", "a chunk should have a list of choices")
        yield from self._top(chunk)
        for choice in choices:
            yield from self._choice(choice)

    def _error(self, chunk: dict[str, Any]) -> Event:
        walk = Walk()
        walk_unknown(chunk, walk, (), "/error", None, "error")
        self.finished = self.broken = True
        return Event(("error", chunk), walk.content(Direction.OUTPUT), group=None, last=True)

    def _top(self, chunk: dict[str, Any]) -> Iterator[Item]:
        """What a chunk says beside its choices: known words once, anything else at first and, if it changed, at last.

        Not each time: clients might put together what was judged apart.
        """
        for name, contract in _BASES.items():
            if chunk.get(name) is not None and name not in self._said:
                self._said.add(name)
                yield from self._given(contract, name, chunk[name], (), f"/{name}", None)
        if self.model is None and isinstance(model := chunk.get("model"), str) and WORD.fullmatch(model):
            self.model = model
        if self._wants_usage and chunk.get("usage") is not None:
            yield from self._given(USAGE, "usage", chunk["usage"], (), "/usage", None)
        walk = Walk()
        new: dict[str, Any] = {}
        for name, value in chunk.items():
            if name in _DROPPED or name in _BASES or value is None or self._extras.get(name) == value:
                continue
            if name.casefold() in _KNOWN_TOP:
                raise refuse("case_variant_key", "", "a key differs from a known one in case; write it in lower case")
            (self._later if name in self._extras else new)[name] = value
            self._extras[name] = value
        if new:
            walk_unknown(new, walk, (), "/?", None)
        yield from self._judged(walk, ("extra", new) if new else None, None)

    def _given(
        self, contract: Field, name: str, value: Any, path: Path, pointer: str, group: int | None
    ) -> Iterator[Item]:
        """Keep a field of the object at *path*: at once if it needs no judging, else when that is done."""
        walk = Walk()
        contract.walk(value, walk, (*path, name), pointer, None if group is None else "assistant")
        if not walk.parts:
            self._keep({name: value}, path)
        yield from self._judged(walk, _Words({name: value}, path) if walk.parts else None, group)

    def _keep(self, fields: dict[str, Any], path: Path) -> None:
        """Have *fields* of the object at *path* written with what comes next."""
        if path:
            self._choices[int(path[1])].heads.setdefault(path, {}).update(fields)
        elif "usage" in fields:
            self._usage = fields["usage"]
        else:
            self._base.update(fields)

    def _judged(self, walk: Walk, payload: Any, group: int | None) -> Iterator[Item]:
        """An event for what *walk* gathered, if there is anything to judge or to write."""
        for rule, count in walk.exempt.items():
            self._spared.exempt[rule] = self._spared.exempt.get(rule, 0) + count
        if walk.parts or payload is not None:
            yield Event(payload, Content(Direction.OUTPUT, tuple(walk.parts)), group)

    def _choice(self, given: Any) -> Iterator[Item]:
        index = given.get("index", 0) if isinstance(given, dict) else None
        if type(index) is not int or not 0 <= index < _MOST:
            raise refuse("invalid_type", "/choices", "a choice should be an object with a small `index`")
        choice = self._choices.setdefault(index, _Choice(index))
        path: Path = ("choices", index, "message")
        delta = given.get("delta")
        if delta is not None and not isinstance(delta, dict):
            raise refuse("invalid_type", f"/choices/{index}/delta", "it should be an object")
        yield from self._grow(choice, delta or {}, path, f"/choices/{index}/message")
        yield from self._rest(choice, given)

    def _grow(self, choice: _Choice, value: dict[str, Any], path: Path, pointer: str) -> Iterator[Item]:
        """Every string of a delta, at any depth, is a text that grows; what else is in it is judged as it comes."""
        for key, item in value.items():
            place = (*path, key)
            if key not in _KNOWN_DELTA:
                if key.casefold() in _KNOWN_DELTA:
                    raise refuse("case_variant_key", pointer, "a key differs from a known one in case")
                yield from self._named(choice, key, place, pointer)
            where = f"{pointer}/{key}" if key in _KNOWN_DELTA else f"{pointer}/?{self._number(place)}"
            if item is None or item == "":
                continue
            if key in _ONCE:
                yield from self._word(choice, key, item, place, where)
            elif isinstance(item, str):
                yield from self._text(choice, Lane(place, where, _KINDS.get(key, "unknown"), group=choice.index), item)
            elif key == "content":
                yield from self._parts(choice, item, place, where)
            elif key == "audio" and isinstance(item, dict) and item.get("data"):
                part = OpaquePart("sound in a stream that was not asked for", f"{where}/data", place, "assistant")
                yield Event(None, Content(Direction.OUTPUT, (part,)), choice.index)
            elif isinstance(item, dict):
                yield from self._grow(choice, item, place, where)
            elif isinstance(item, list) and (all(map(_is_numbered, item)) or key == "tool_calls"):
                for number, one in enumerate(item):
                    given = one.get("index") if isinstance(one, dict) else number
                    at = number if given is None else given
                    if not isinstance(one, dict) or type(at) is not int or not 0 <= at < _MOST:
                        raise refuse("invalid_type", where, "it should be a list of numbered objects")
                    entry = {name: inner for name, inner in one.items() if name != "index"}
                    yield from self._grow(choice, entry, (*place, at), f"{where}/{at}")
            else:
                walk = Walk()
                walk_unknown(item, walk, place, where, "assistant")
                yield from self._judged(walk, ("delta", choice.index, place, item), choice.index)

    def _parts(self, choice: _Choice, parts: Any, path: Path, pointer: str) -> Iterator[Item]:
        """Text in parts, as some generators stream it: passed on as the text that it is."""
        if not isinstance(parts, list):
            raise refuse("invalid_type", pointer, "the content of a delta should be text or a list of texts")
        for part in parts:
            if not isinstance(part, dict) or set(part) != {"type", "text"} or not isinstance(part["text"], str):
                raise refuse("invalid_type", pointer, "a part of the content of a delta should be a text")
            if part["text"]:
                yield from self._text(choice, Lane(path, pointer, "message", group=choice.index), part["text"])

    def _number(self, place: Path) -> int:
        """What a key that no contract names is called in pointers: it is text, and not shown."""
        number = self._unknown.setdefault(place, len(self._unknown))
        check_count(number + 1)
        return number

    def _named(self, choice: _Choice, key: str, place: Path, pointer: str) -> Iterator[Item]:
        """A key that no contract names, the first time."""
        if place not in choice.named:
            choice.named.add(place)
            where = f"{pointer}/?{self._number(place)}~key"
            part = TextPart(key, where, place[:-1], "key", "assistant", editable=False)
            yield Event(None, Content(Direction.OUTPUT, (part,)), choice.index)

    def _word(self, choice: _Choice, key: str, item: Any, place: Path, pointer: str) -> Iterator[Item]:
        """A word that is written once, before the first text beside it; later ones are not passed on."""
        if place in choice.words:
            self._spared.spare("dropped")
            return
        choice.words.add(place)
        yield from self._given(Constrained(), key, item, place[:-1], pointer, choice.index)

    def _text(self, choice: _Choice, lane: Lane, text: str) -> Iterator[Item]:
        lane = choice.lanes.setdefault(lane.path, lane)
        if choice.growing is not None and choice.growing is not lane:
            yield Pause(choice.growing)
        choice.growing = lane
        yield Delta(lane, text)

    def _rest(self, choice: _Choice, given: dict[str, Any]) -> Iterator[Item]:
        """What a choice says beside its delta; its end, if this is it."""
        walk = Walk()
        pointer = f"/choices/{choice.index}"
        extra: dict[str, Any] = {}
        for name, value in given.items():
            if name in _CHOICE or value is None or choice.extras.get(name) == value:
                continue
            if name.casefold() in _CHOICE:
                raise refuse("case_variant_key", pointer, "a key differs from a known one in case")
            (choice.later if name in choice.extras else extra)[name] = value
            choice.extras[name] = value
        if extra:
            walk_unknown(extra, walk, ("choices", choice.index), pointer, "assistant")
        if given.get("logprobs") is not None:
            self._spared.spare("dropped")  # nobody asked for them
        reason = given.get("finish_reason")
        if reason is None or choice.finish is not None:
            yield from self._judged(walk, ("choice", choice.index, extra) if extra else None, choice.index)
            return
        choice.finish = reason if isinstance(reason, str) else "stop"
        Constrained().walk(reason, walk, ("choices", choice.index, "finish_reason"), f"{pointer}/finish_reason", None)
        yield from self._end(choice)
        for rule, count in self._spared.exempt.items():
            walk.exempt[rule] = walk.exempt.get(rule, 0) + count
        self._spared = Walk()
        yield Event(("finish", choice.index, extra), walk.content(Direction.OUTPUT), choice.index, last=True)

    # Writing

    def text(self, lane: Lane, text: str) -> bytes:
        """A chunk with *text* in its place; a call's first one says whose it is."""
        if not text:
            return b""
        _, index, _, *steps = lane.path
        choice = self._choices[int(index)]
        return self._delta(choice, tuple(steps), text)

    def event(self, payload: Any, before: Content | None, after: Content | None) -> bytes:
        """Whatever *payload* is, as it was decided; nothing of words that are written with what comes next."""
        parts = ((), ()) if before is None or after is None else (before.parts, after.parts)
        match payload:
            case None:
                return b""
            case _Words(field, path):
                self._keep(apply_parts(field, *parts, below=path), path)
                return b""
            case ("error", document):
                return write(dump(apply_parts(document, *parts)))
            case ("extra", fields):
                fields = apply_parts(fields, *parts)
                return self._frame([{"index": 0, "delta": {}, "finish_reason": None}], **fields)
            case ("delta", index, path, item):
                return self._delta(self._choices[index], path[3:], apply_parts(item, *parts, below=path))
            case ("choice", index, extra):
                extra = apply_parts(extra, *parts, below=("choices", index))
                return self._opened(index) + self._frame(
                    [{"index": index, "delta": {}, "finish_reason": None, **extra}]
                )
            case ("finish", index, extra):
                choice = self._choices[index]
                choice.ended = True
                begun = b"" if choice.begun else self._delta(choice, ("content",), "")
                fields = apply_parts({"finish_reason": choice.finish, **extra}, *parts, below=("choices", index))
                return begun + self._frame([{"index": index, "delta": {}, **fields}])
        raise ValueError(payload)

    def done(self) -> bytes:
        """The counts, if asked for, and ``[DONE]``; nothing after an error."""
        if self.broken:
            return b""
        moderation = self._frame([], moderation=self.moderation) if self.moderation is not None else b""
        usage = self._frame([], usage=self._usage) if self._wants_usage else b""
        return moderation + usage + write(b"[DONE]")

    def refused(self, refusal: Refusal) -> bytes:
        """Every choice that is not at its end is finished by the content filter, in the policy's words."""
        open_ = [choice for choice in self._choices.values() if choice.begun and not choice.ended]
        frames = [
            self._frame(
                [{"index": choice.index, "delta": {"refusal": refusal.message}, "finish_reason": "content_filter"}]
            )
            for choice in open_ or [_Choice(0)]
        ]
        return b"".join(frames) + write(b"[DONE]")

    def failed(self, code: str, message: str) -> bytes:
        """An error chunk, and no ``[DONE]``: openai-python raises on it."""
        return write(dump({"error": {"message": message, "type": "api_error", "param": None, "code": code}}))

    def _delta(self, choice: _Choice, steps: Path, value: Any) -> bytes:
        """A chunk of one choice with *value* at *steps* of its delta, and what must come with it."""
        delta: Any = value
        for depth in range(len(steps) - 1, -1, -1):
            step = steps[depth]
            if isinstance(
                step, int
            ):  # some clients put an entry that is new to them behind the others, whatever its number
                places = choice.places.setdefault(steps[:depth], {})
                step = places.setdefault(step, len(places))
            head = choice.heads.pop(("choices", choice.index, "message", *steps[:depth]), {}) if depth else {}
            delta = [{"index": step, **delta}] if isinstance(step, int) else {**head, step: delta}
        before = self._opened(choice.index)
        if not choice.begun:
            choice.begun = True
            role = choice.heads.pop(("choices", choice.index, "message"), {}).get("role", "assistant")
            delta = {"role": role, **delta}
        return before + self._frame([{"index": choice.index, "delta": delta, "finish_reason": None}])

    def _opened(self, index: int) -> bytes:
        """The beginnings of the choices before *index*: clients put one that is new to them behind the others."""
        fresh = []
        while self._open < index:
            choice = self._choices.setdefault(self._open, _Choice(self._open))
            self._open += 1
            if not choice.begun:
                fresh.append(self._delta(choice, ("content",), ""))
        return b"".join(fresh)

    def _frame(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        base = {name: self._base[name] for name in _BASE if name in self._base}
        counts = {"usage": None} if self._wants_usage and "usage" not in more else {}
        return write(dump({**base, "object": "chat.completion.chunk", "choices": choices, **counts, **more}))


def _is_numbered(item: Any) -> bool:
    return isinstance(item, dict) and type(item.get("index")) is int
