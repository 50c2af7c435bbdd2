"""OpenAI's legacy completions, request, answer and stream.

Contract after openai-python's types (``completion_create_params.py``, ``completion.py``). Prompts that are token ids
are refused: what they spell only the generator's own tokenizer knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction, Lane
from guard.protocols import sse
from guard.protocols.adapter import JSON, Answer, Contract, Exchange
from guard.protocols.attachments import Opaque
from guard.protocols.contract import (
    TIME_DIGITS,
    Constrained,
    Each,
    Guarded,
    Object,
    Scalar,
    TextOr,
    Walk,
    apply_parts,
    refuse,
    walk_unknown,
)
from guard.protocols.logprobs import LegacyLogprobs
from guard.protocols.openai_common import (
    USAGE,
    OpenAIAdapter,
    asks_for_stream,
    changed,
    check_numbered,
    failure_event,
    index,
    invalid,
    model_of,
    number_of,
    read_event,
    read_object,
    refused_as_stream,
    with_stream,
)
from guard.protocols.stream import AnswerStream
from guard.protocols.strict_json import dump, parse
from guard.stream.items import Delta, End, Event, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guard.decision import Refusal

_WORD, _NUMBER, _NAME = Constrained(), Scalar(), Guarded("name")
REQUEST = Object(
    {
        "model": _WORD,
        "prompt": TextOr(Guarded(), Each(Guarded())),
        "prompt_embeds": Opaque("a prompt that is vectors cannot be read; send its text"),
        "suffix": Guarded(),
        **dict.fromkeys(
            ("best_of", "echo", "frequency_penalty", "logprobs", "max_tokens", "n", "presence_penalty", "seed",
             "stream", "temperature", "top_p"), _NUMBER,
        ),
        **dict.fromkeys(("logit_bias", "metadata", "stop", "user"), _NAME),
        "stream_options": Object(dict.fromkeys(("include_usage", "include_obfuscation"), _NUMBER)),
    },
    nullable=False,
)  # fmt: skip
_CHOICE = Object(
    {"index": _NUMBER, "finish_reason": _WORD, "text": Guarded(), "logprobs": LegacyLogprobs()}, nullable=False
)
RESPONSE = Object(
    {
        "id": _WORD,
        "object": _WORD,
        "created": Scalar(TIME_DIGITS),
        "model": _WORD,
        "system_fingerprint": _WORD,
        "choices": Each(_CHOICE, nullable=False),
        "usage": USAGE,
    },
    nullable=False,
)
_PADDING = ("obfuscation",)


class OpenAICompletions(OpenAIAdapter):
    """``POST /v1/completions``."""

    name = "openai_completions"
    routes: ClassVar[tuple[str, ...]] = ("/v1/completions",)
    contracts = (Contract("request", REQUEST), Contract("answer", RESPONSE))
    held_whole: ClassVar[Mapping[str, Callable[[Any], bool]]] = {
        "token lists": lambda asked: asked.get("logprobs") is not None
    }
    """Token lists spell the text ahead of its judging."""

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """Each prompt, the suffix and every unknown field become parts."""
        document = read_object(body)
        if not isinstance(document.get("model"), str):
            raise refuse("missing_field", "/model", "it should name a model")
        prompt = document.get("prompt")
        if isinstance(prompt, list) and not all(isinstance(one, str) for one in prompt):
            raise refuse("unsupported_value", "/prompt", "token ids cannot be read; send a text or a list of texts")
        stream = asks_for_stream(document)
        walk = Walk()
        REQUEST.walk(document, walk, (), "", "user")
        return Exchange((walk.content(Direction.INPUT, model_of(document)),), document, stream=stream)

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:
        """The checked document again."""
        document = apply_parts(exchange.document, exchange.content.parts, content.parts)
        return dump(with_stream(document, stream=stream))

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """Every choice, with its token lists."""
        document = parse(body)
        walk = Walk()
        RESPONSE.walk(document, walk, (), "", "assistant")
        if not document.get("choices") or not all(isinstance(one.get("text"), str) for one in document["choices"]):
            raise refuse("missing_field", "/choices", "an answer has at least one choice, each with a text")
        check_numbered(document["choices"])
        return Answer(walk.content(Direction.OUTPUT, model_of(document)), document)

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:
        """JSON, or the whole stream."""
        document = apply_parts(answer.document, answer.content.parts, content.parts)
        for path in changed(answer.content, content):
            if path[:1] == ("choices",):  # the tokens would spell the text as it was
                document["choices"][path[1]]["logprobs"] = None
        if not exchange.stream:
            return dump(document)
        return _as_stream(document, usage=_wants_usage(exchange.document))

    def codec(self, asked: Any) -> AnswerStream:
        """Chunk by chunk."""
        return CompletionStream(usage=_wants_usage(asked))


def _wants_usage(asked: Any) -> bool:
    options = asked.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _as_stream(document: dict[str, Any], *, usage: bool) -> bytes:
    base = {key: value for key, value in document.items() if key not in {"choices", "usage"}}
    frames: list[dict[str, Any]] = []
    numbered = [(number_of(choice, place), choice) for place, choice in enumerate(document["choices"])]
    for number, choice in sorted(numbered, key=lambda one: one[0]):
        text = {"logprobs": None, **choice, "index": number, "finish_reason": None}
        end = {"text": "", "index": number, "logprobs": None, "finish_reason": choice.get("finish_reason") or "stop"}
        frames += ({**base, "choices": [entry]} for entry in (text, end))
    if usage:
        frames = [{**frame, "usage": None} for frame in frames]
        frames.append({**base, "choices": [], "usage": document.get("usage")})
    return b"".join(sse.write(dump(frame)) for frame in frames) + _DONE


_DONE = sse.write(b"[DONE]")


class CompletionStream(AnswerStream):
    """A streamed answer: one text per choice. *usage* is whether its cost was asked for."""

    grows: ClassVar[tuple[str, ...]] = ("message", "unknown")
    column: ClassVar[str] = "choice"

    def __init__(self, *, usage: bool = False) -> None:
        self._usage = usage
        self._reader = sse.EventReader()
        self._lanes: dict[int, Lane] = {}
        self._strange: dict[tuple[str | int, ...], tuple[int, str]] = {}
        self._ended: set[int] = set()
        self._begun = False
        self._closed: set[int] = set()
        self._base: dict[str, Any] = {}

    def read(self, data: bytes) -> list[Item]:
        """Chunk by chunk, until the one that says it is done."""
        items: list[Item] = []
        for event in () if self.finished else self._reader.feed(data):
            text = event.data.strip()
            if text.startswith(b"[DONE]"):
                for number in [one for one in self._lanes if one not in self._ended]:
                    items += self._end(number)
                self.finished = True
            elif text:
                chunk = read_event(text)
                with refused_as_stream():
                    items += self._chunk(chunk)
            if self.finished:
                break
        return items

    def finish(self) -> list[Item]:
        """Nothing, if the answer is whole."""
        if not self.finished:
            raise invalid("The stream broke off before the answer was whole.")
        return []

    def _chunk(self, chunk: dict[str, Any]) -> list[Item]:
        if chunk.get("error"):
            walk = Walk()
            walk_unknown(chunk, walk, (), "", "assistant", "error")
            self.finished = self.broken = True
            ends = [end for number in self._lanes if number not in self._ended for end in self._end(number)]
            return [*ends, Event({"event": chunk}, walk.content(Direction.OUTPUT), None, last=True)]
        choices = chunk.pop("choices", None)
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            raise invalid("A chunk of the stream should hold a list of choices.")
        items = self._head(chunk, bare=not choices)
        for choice in choices:
            items += self._choice(choice)
        return items

    def _head(self, chunk: dict[str, Any], *, bare: bool) -> list[Item]:
        """What stands beside the choices: taken from the first chunk, and from one that has no choices."""
        for name in _PADDING:
            chunk.pop(name, None)
        if self._begun and not bare:
            return []
        walk = Walk()
        RESPONSE.walk(chunk, walk, (), "", "assistant")
        self.model = model_of(chunk) or self.model
        begins, self._begun = not self._begun, True
        payload = {"event": {**chunk, "choices": []}} if bare else {"base": chunk}
        content = walk.content(Direction.OUTPUT, self.model)
        if begins and bare:
            return [Event({"base": {k: v for k, v in chunk.items() if k != "usage"}}, content, None)]
        return [Event(payload, content, None)]

    def _choice(self, choice: dict[str, Any]) -> list[Item]:
        number = index(choice, "index")
        lane = self._lanes.get(number)
        items: list[Item] = []
        if lane is None:
            path = ("choices", number, "text")
            lane = self._lanes[number] = Lane(path, f"/choices/{number}/text", group=number)
        text = choice.get("text")
        if not isinstance(text, str | None):
            raise invalid("The text of a choice should be a string.")
        if number in self._ended and (text or choice.get("finish_reason") is not None):
            raise invalid("A choice of the answer goes on after its end.")
        rest = {k: v for k, v in choice.items() if k not in {"index", "text", "logprobs"} and v is not None}
        strange = [key for key, value in rest.items() if key not in _CHOICE.fields and isinstance(value, str)]
        if names := [key for key in strange if ("choices", number, key) not in self._strange]:
            walk = Walk()
            walk_unknown(dict.fromkeys(names), walk, ("choices", number), f"/choices/{number}", "assistant")
            items.append(Event(None, walk.content(Direction.OUTPUT), number))
        if text:
            items.append(Delta(lane, text))
        for key in strange:
            path = ("choices", number, key)
            self._strange[path] = number, key
            items.append(Delta(Lane(path, f"/choices/{number}/?", "unknown", group=number), rest.pop(key)))
        if rest:
            walk = Walk()
            _CHOICE.walk(rest, walk, ("choices", number), f"/choices/{number}", "assistant")
            if "finish_reason" in rest:
                items += self._end(number)
            payload = {"choice": number, "choices": {number: rest}}
            items.append(Event(payload, walk.content(Direction.OUTPUT), number))
        return items

    def _end(self, number: int) -> list[Item]:
        self._ended.add(number)
        lanes = [Lane(p, f"/choices/{number}/?", "unknown", group=number)
                 for p, (of, _) in self._strange.items() if of == number]  # fmt: skip
        return [End(lane) for lane in (self._lanes[number], *lanes)]

    def text(self, lane: Lane, text: str) -> bytes:
        """A chunk."""
        if not text:
            return b""
        number, key = self._strange.get(lane.path, (lane.group, "text"))
        return self._write({"text": ""} | {key: text}, number)

    def event(self, payload: Any, before: Content | None, after: Content | None) -> bytes:
        """The base of all chunks, the end of a choice, the usage, an error."""
        if payload is None:
            return b""
        holder = payload.get("event") or payload.get("base") or payload
        if before is not None and after is not None:
            apply_parts(holder, before.parts, after.parts)
        if "base" in payload:
            self._base = payload["base"]
            return b""
        if "choice" in payload:
            number = payload["choice"]
            if payload["choices"][number].get("finish_reason") is not None:
                self._closed.add(number)
            return self._write({"text": "", **payload["choices"][number]}, number)
        event = payload["event"]
        if event.get("choices") == [] and "usage" in event and not self._usage:
            return b""
        return sse.write(dump(event))

    def _write(self, choice: dict[str, Any], number: int) -> bytes:
        entry = {"index": number, "logprobs": None, "finish_reason": None, **choice}
        usage = {"usage": None} if self._usage else {}
        base = {key: value for key, value in self._base.items() if key != "usage"}
        return sse.write(dump({**base, "choices": [entry], **usage}))

    def done(self) -> bytes:
        """The mark of a whole answer; nothing after an error."""
        return b"" if self.broken else _DONE

    def refused(self, refusal: Refusal) -> bytes:  # noqa: ARG002  there is no place for its words
        """Every choice that was not finished ends by the content filter."""
        left = [number for number in (self._lanes or [0]) if number not in self._closed]
        return b"".join(self._write({"text": "", "finish_reason": "content_filter"}, one) for one in left) + _DONE

    def failed(self, code: str, message: str) -> bytes:
        """An error, on which clients raise."""
        return sse.write(dump(failure_event(code, message)))


ADAPTER = OpenAICompletions()
