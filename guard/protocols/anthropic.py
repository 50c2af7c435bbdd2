"""Anthropic messages, request and answer.

The contract is in `anthropic_fields`, streamed answers are in `anthropic_stream`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction, Medium
from guard.protocols.adapter import JSON, Answer, Contract, Exchange, GeneratorAdapter
from guard.protocols.anthropic_fields import MESSAGE, REQUEST
from guard.protocols.anthropic_stream import MessageStream, error_document, write_whole
from guard.protocols.contract import Walk, apply_parts, refuse, walk_unknown
from guard.protocols.openai_common import asks_for_stream, model_of, read_object, with_stream
from guard.protocols.sealed import break_seals
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from guard.protocols.stream import AnswerStream


class AnthropicMessages(GeneratorAdapter):
    """``POST /v1/messages``."""

    name = "anthropic"
    routes: ClassVar[tuple[str, ...]] = ("/v1/messages",)
    forwarded: ClassVar[frozenset[bytes]] = frozenset((b"anthropic-version", b"anthropic-beta"))
    key_header: ClassVar[bytes] = b"x-api-key"
    contracts = (Contract("request", REQUEST), Contract("answer", MESSAGE))

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """The system prompt, every turn, block, tool and unknown field become parts."""
        document = read_object(body)
        if not document.get("messages"):
            raise refuse("missing_field", "/messages", "it should be a list of at least one message")
        if not isinstance(document.get("model"), str):
            raise refuse("missing_field", "/model", "it should name a model")
        stream = asks_for_stream(document)
        walk = Walk()
        REQUEST.walk(document, walk, (), "", None)
        return Exchange((walk.content(Direction.INPUT, model_of(document)),), document, stream=stream)

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:
        """The checked document again."""
        document = _applied(exchange.document, exchange.content, content)
        return dump(with_stream(document, stream=stream))

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """Every block, with thinking, citations, tool calls and what server tools found."""
        document = parse(body)
        walk = Walk()
        MESSAGE.walk(document, walk, (), "", "assistant")
        if "content" not in document:
            raise refuse("missing_field", "/content", "an answer has a list of blocks")
        return Answer(walk.content(Direction.OUTPUT, model_of(document)), document)

    def decode_failure(self, body: bytes) -> Answer:
        """Leaf by leaf: errors repeat what they complain about."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "an error should be an object")
        walk = Walk()
        walk_unknown(document, walk, (), "", None, "error")
        return Answer(walk.content(Direction.OUTPUT), document)

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:
        """JSON, or the whole stream."""
        document = _applied(answer.document, answer.content, content)
        return write_whole(document) if exchange.stream else dump(document)

    def codec(self, asked: Any) -> AnswerStream | None:  # noqa: ARG002
        """Any answer can be streamed: pictures and sounds are in none."""
        return MessageStream()

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """An Anthropic error; ``error.code`` and ``error.param`` are this gateway's own."""
        return dump(error_document(code, message, param))


def _applied(document: Any, before: Content, after: Content) -> Any:
    """*document* with what changed; thinking that was changed is no longer what its signature vouches for.

    A source whose address was fetched becomes one of base64: the API takes no data URLs.
    """
    applied = apply_parts(document, before.parts, after.parts)
    for old, new in zip(before.parts, after.parts, strict=True):
        if new is not old and isinstance(new, Medium) and new.path[-1] == "url":
            source = applied
            for step in new.path[:-1]:
                source = source[step]
            head, _, data = source.pop("url").partition(",")
            source |= {"type": "base64", "media_type": head.removeprefix("data:").removesuffix(";base64"), "data": data}
    break_seals(applied, before.parts, after.parts)
    return applied


ADAPTER = AnthropicMessages()
