"""OpenAI chat completions, request and answer.

Contract after openai-python's types (``completion_create_params.py``, ``chat_completion.py``). A streamed answer is
written here from the whole, decided answer; clients see the chunks they expect, later.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import RAW_SAMPLES, AudioPart, Content, Direction
from guard.media import pcm
from guard.protocols.adapter import JSON, Answer, Contract, Exchange
from guard.protocols.attachments import Blob, MediaUrl, StoredFile
from guard.protocols.contract import (
    TIME_DIGITS,
    Constrained,
    Each,
    Field,
    Guarded,
    Object,
    OneOf,
    Scalar,
    TextOr,
    Walk,
    apply_parts,
    refuse,
)
from guard.protocols.logprobs import Logprobs
from guard.protocols.openai_chat_stream import ChatStream
from guard.protocols.openai_common import (
    USAGE,
    OpenAIAdapter,
    asks_for_stream,
    check_numbered,
    model_of,
    number_of,
    read_object,
    with_stream,
)
from guard.protocols.openai_inline import is_flagged, listed, outcome, read_inline
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guard.content import Part
    from guard.decision import Decision
    from guard.protocols.stream import AnswerStream

_WORD, _NUMBER, _TYPE = Constrained(), Scalar(), Constrained()
_TIME = Scalar(TIME_DIGITS)
_SCHEMA, _NAME = Guarded("tool_schema"), Guarded("name")

_CACHED: dict[str, Field] = {"prompt_cache_breakpoint": _NAME}
_PARTS: dict[str, Field] = {
    "image_url": Object(
        {
            "type": _TYPE,
            **_CACHED,
            "image_url": TextOr(MediaUrl(), Object({"url": MediaUrl(), "detail": _WORD}), nullable=False),
        }
    ),
    "input_audio": Object({"type": _TYPE, **_CACHED, "input_audio": Object({"data": Blob("audio"), "format": _WORD})}),
    "file": Object(
        {
            "type": _TYPE,
            **_CACHED,
            "file": Object({"file_data": MediaUrl(), "file_id": StoredFile(), "filename": _NAME}),
        }
    ),
    "refusal": Object({"type": _TYPE, "refusal": Guarded("refusal")}),
}

_CALL = Object({"name": _NAME, "arguments": Guarded("tool_arguments")})
TOOL_CALL = OneOf(
    {
        "function": Object({"id": _WORD, "type": _TYPE, "function": _CALL, "index": _NUMBER}, nullable=False),
        "custom": Object(
            {
                "id": _WORD,
                "type": _TYPE,
                "custom": Object({"name": _NAME, "input": Guarded("tool_arguments")}),
            }
        ),
    },
    untagged="function",
)


def _message(kind: str, *, empty: bool = False, **more: Field) -> Object:
    parts = {"text": Object({"type": _TYPE, "text": Guarded(kind), **_CACHED}, nullable=False), **_PARTS}
    content = TextOr(Guarded(kind), Each(OneOf(parts), nullable=False), nullable=empty)
    return Object({"role": _WORD, "content": content, "name": _NAME, **more}, nullable=False)


_ANSWERED: dict[str, Field] = {
    "refusal": Guarded("refusal"),
    "reasoning": Guarded("reasoning"),
    "reasoning_content": Guarded("reasoning"),
    "tool_calls": Each(TOOL_CALL),
    "function_call": _CALL,
    "audio": Object({"id": _WORD, "data": Blob("audio"), "transcript": Guarded("transcript"), "expires_at": _TIME}),
}
_SAID_BEFORE = TextOr(
    _NAME, Object({"id": StoredFile(), "data": Blob("audio"), "transcript": Guarded("transcript"), "expires_at": _TIME})
)
MESSAGES = {
    "system": _message("message"),
    "developer": _message("message"),
    "user": _message("message"),
    "assistant": _message("message", empty=True, **{**_ANSWERED, "audio": _SAID_BEFORE}),
    "tool": _message("tool_result", tool_call_id=_WORD),
    "function": _message("tool_result", empty=True),
}

REQUEST = Object(
    {
        "messages": Each(OneOf(MESSAGES, tag="role"), nullable=False),
        "model": _WORD,
        "stream": _NUMBER,
        "stream_options": Object({"include_usage": _NUMBER, "include_obfuscation": _NUMBER}),
        "tools": _SCHEMA,
        "functions": _SCHEMA,
        "response_format": _SCHEMA,
        "prediction": Object({"type": _TYPE, "content": Guarded()}),
        "modalities": Each(Constrained(re.compile(r"text|audio|image|video"))),
        **dict.fromkeys(
            ("frequency_penalty", "logprobs", "max_completion_tokens", "max_tokens", "n", "parallel_tool_calls",
             "presence_penalty", "seed", "store", "temperature", "top_logprobs", "top_p"), _NUMBER,
        ),
        **dict.fromkeys(
            ("prompt_cache_retention", "reasoning_effort", "service_tier", "verbosity"), _WORD,
        ),
        **dict.fromkeys(("tool_choice", "function_call"), TextOr(_WORD, _NAME)),
        **dict.fromkeys(
            ("audio", "logit_bias", "metadata", "moderation", "prompt_cache_key", "prompt_cache_options",
             "safety_identifier", "stop", "user", "web_search_options"), _NAME,
        ),
    },
    nullable=False,
)  # fmt: skip

_CHOICE = Object(
    {
        "index": _NUMBER,
        "finish_reason": _WORD,
        "logprobs": Logprobs(),
        "message": Object(
            {
                "role": _WORD,
                "content": Guarded(),
                **_ANSWERED,
                "annotations": Each(
                    Object(
                        {
                            "type": _TYPE,
                            "url_citation": Object(
                                {
                                    "title": Guarded(),
                                    "url": Guarded("url"),
                                    "start_index": _NUMBER,
                                    "end_index": _NUMBER,
                                }
                            ),
                        }
                    )
                ),
            },
            nullable=False,
        ),
    },
    nullable=False,
)
RESPONSE = Object(
    {
        "id": _WORD,
        "object": _WORD,
        "created": _TIME,
        "model": _WORD,
        "choices": Each(_CHOICE, nullable=False),
        "service_tier": _WORD,
        "system_fingerprint": _WORD,
        "usage": USAGE,
    },
    nullable=False,
)


class OpenAIChat(OpenAIAdapter):
    """``POST /v1/chat/completions``."""

    name = "openai_chat"
    routes: ClassVar[tuple[str, ...]] = ("/v1/chat/completions",)
    contracts = (Contract("request", REQUEST), Contract("answer", RESPONSE))
    held_whole: ClassVar[Mapping[str, Callable[[Any], bool]]] = {
        "token lists": lambda asked: bool(asked.get("logprobs")),
        "sound": lambda asked: asked.get("audio") is not None or "audio" in (asked.get("modalities") or ()),
    }

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """Every role, part, tool and unknown field becomes parts."""
        document = read_object(body)
        if not document.get("messages"):
            raise refuse("missing_field", "/messages", "it should be a list of at least one message")
        if not isinstance(document.get("model"), str):
            raise refuse("missing_field", "/model", "it should name a model")
        stream = asks_for_stream(document)
        walk = Walk()
        REQUEST.walk(document, walk, (), "", None)
        content = walk.content(Direction.INPUT, model_of(document))
        return Exchange((content,), document, stream=stream, inline=read_inline(document))

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:
        """The checked document again."""
        document = apply_parts(exchange.document, exchange.content.parts, content.parts)
        document = with_stream(document, stream=stream)
        if exchange.inline is not None:  # answered here: few generators know the field
            document = {key: value for key, value in document.items() if key != "moderation"}
        return dump(document)

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """Every choice, with reasoning, refusals, calls and token lists."""
        document = parse(body)
        walk = Walk()
        RESPONSE.walk(document, walk, (), "", "assistant")
        if not document.get("choices"):
            raise refuse("missing_field", "/choices", "an answer has at least one choice")
        if not all("message" in choice for choice in document["choices"]):
            raise refuse("missing_field", "/choices", "each choice has a message")
        check_numbered(document["choices"])
        content = walk.content(Direction.OUTPUT, model_of(document))
        if (exchange.document.get("audio") or {}).get("format") == "pcm16":
            content = replace(content, parts=tuple(map(_as_wave, content.parts)))
        return Answer(content, document)

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:
        """JSON, or the whole stream."""
        parts = zip(answer.content.parts, content.parts, strict=True)
        after = [new if new is old else _as_samples(new) for old, new in parts]
        document = apply_parts(answer.document, answer.content.parts, after)
        _drop_stale_tokens(document, answer.content, content)
        return _written(exchange, document, answer)

    def describe_inline(self, decision: Decision, content: Content, model: str) -> tuple[dict[str, Any], bool]:
        """One result in a list."""
        found = outcome(decision, content, model)
        return listed(found), is_flagged(found)

    def encode_filtered(self, exchange: Exchange, answer: Answer) -> bytes:
        """One choice that says nothing but why."""
        message = {"role": "assistant", "content": None, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "content_filter", "logprobs": None}
        base = {key: answer.document[key] for key in ("id", "created", "model") if key in answer.document}
        return _written(exchange, {**base, "object": "chat.completion", "choices": [choice]}, answer)

    def codec(self, asked: Any) -> AnswerStream:
        """Chunk by chunk."""
        options = asked.get("stream_options") or {}
        return ChatStream(usage=options.get("include_usage") is True)


def _written(exchange: Exchange, document: dict[str, Any], answer: Answer) -> bytes:
    """*document* as JSON, or as the whole stream that was asked for."""
    if answer.moderation is not None:
        document["moderation"] = answer.moderation
    if not exchange.stream:
        return dump(document)
    options = exchange.document.get("stream_options") or {}
    return _as_stream(document, usage=options.get("include_usage") is True)


def _as_wave(part: Part) -> Part:
    """*part*, if it is raw samples, as a file that can be decoded."""
    if isinstance(part, AudioPart) and pcm.is_raw(part.data):
        return replace(part, data=pcm.wrapped(part.data), media_type=RAW_SAMPLES)
    return part


def _as_samples(part: Part) -> Part:
    """*part*, if it was raw samples, as those again."""
    return replace(part, data=pcm.unwrapped(part.data)) if pcm.is_wrapped(part) else part


def _drop_stale_tokens(document: Any, before: Content, after: Content) -> None:
    """A choice whose text changed loses its token list: the tokens would spell the text as it was."""
    for old, new in zip(before.parts, after.parts, strict=True):
        if new is not old and new.path[:1] == ("choices",):
            choice = document["choices"][new.path[1]]
            if choice.get("logprobs") is not None:
                choice["logprobs"] = None


def _as_stream(document: Any, *, usage: bool) -> bytes:
    base = {
        key: document[key]
        for key in ("id", "created", "model", "service_tier", "system_fingerprint")
        if key in document
    }
    base["object"] = "chat.completion.chunk"
    frames: list[dict[str, Any]] = []

    def emit(number: int, delta: dict[str, Any], finish: str | None = None, **more: Any) -> None:
        entry = {"index": number, "delta": delta, "finish_reason": finish, **more}
        frames.append({**base, "choices": [entry]})

    numbered = [(number_of(choice, place), choice) for place, choice in enumerate(document["choices"])]
    for number, choice in sorted(numbered, key=lambda one: one[0]):  # openai-python wants the first choice first
        message = {k: v for k, v in choice["message"].items() if v is not None and k != "role"}
        emit(number, {"role": choice["message"].get("role", "assistant"), "content": ""})
        calls = message.pop("tool_calls", None) or []
        tokens = {"logprobs": choice["logprobs"]} if choice.get("logprobs") else {}
        spelled = "content" if "content" in message else "refusal"
        for key, value in message.items():
            emit(number, {key: value}, **(tokens if key == spelled else {}))
        for index, call in enumerate(calls):
            emit(number, {"tool_calls": [{**call, "index": index}]})
        emit(number, {}, choice.get("finish_reason") or "stop")
    if document.get("moderation") is not None:
        frames.append({**base, "choices": [], "moderation": document["moderation"]})
    if usage:
        frames = [{**frame, "usage": None} for frame in frames]
        frames.append({**base, "choices": [], "usage": document.get("usage")})
    return b"".join(b"data: " + dump(frame) + b"\n\n" for frame in frames) + b"data: [DONE]\n\n"


ADAPTER = OpenAIChat()
