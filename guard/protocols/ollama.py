"""Ollama's own endpoints, request and answer; this one is the chat.

The contract is in `ollama_fields`, streamed answers (the default here) are in `ollama_stream`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Direction
from guard.protocols.adapter import JSON, Answer, Contract, Exchange, GeneratorAdapter
from guard.protocols.contract import Object, Walk, apply_parts, refuse, walk_unknown
from guard.protocols.ollama_fields import CHAT, CHAT_ANSWER
from guard.protocols.ollama_stream import OllamaStream, write_whole
from guard.protocols.openai_common import model_of, read_object
from guard.protocols.stream import LINES
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guard.content import Content
    from guard.protocols.stream import AnswerStream


class OllamaAdapter(GeneratorAdapter):
    """An endpoint of Ollama's: streams lines of JSON unless ``stream`` is false."""

    request: ClassVar[Object]
    answer: ClassVar[Object]
    holder: ClassVar[str]
    """The object of an answer that holds its text, ``""`` if that is the answer itself."""
    said: ClassVar[str]
    """The field of that object that is the text."""
    held_whole: ClassVar[Mapping[str, Callable[[Any], bool]]] = {
        "token lists": lambda asked: bool(asked.get("logprobs") or asked.get("top_logprobs"))
    }
    """Token lists are judged against the whole text."""

    def __init_subclass__(cls) -> None:
        """Say what the fields of both sides are."""
        cls.contracts = (Contract("request", cls.request), Contract("answer", cls.answer))

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """Every text, picture, tool and unknown field becomes parts."""
        document = read_object(body)
        if not isinstance(document.get("model"), str):
            raise refuse("missing_field", "/model", "it should name a model")
        stream = document.get("stream")
        if stream is not None and not isinstance(stream, bool):
            raise refuse("invalid_type", "/stream", "it should be true or false")
        walk = Walk()
        self.request.walk(document, walk, (), "", None)
        return Exchange((walk.content(Direction.INPUT, model_of(document)),), document, stream=stream is not False)

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:
        """The checked document again; ``stream`` is always said, for to leave it out is to ask for one."""
        document = apply_parts(exchange.document, exchange.content.parts, content.parts)
        return dump({**document, "stream": stream})

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """Text, thinking, calls, pictures and token lists. Token numbers are left out: nobody here can read them."""
        document = parse(body)
        if isinstance(document, dict):
            document.pop("context", None)
        walk = Walk()
        self.answer.walk(document, walk, (), "", "assistant")
        if self.holder and self.holder not in document:
            raise refuse("missing_field", f"/{self.holder}", "an answer has one")
        content = walk.content(Direction.OUTPUT, model_of(document))
        return Answer(content, document, LINES if exchange.stream else JSON)

    def decode_failure(self, body: bytes) -> Answer:
        """Leaf by leaf: errors repeat what they complain about."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "an error should be an object")
        walk = Walk()
        walk_unknown(document, walk, (), "", None, "error")
        return Answer(walk.content(Direction.OUTPUT), document)

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:
        """JSON, or the whole stream. An answer that was changed loses its token list, which would spell it out."""
        document = apply_parts(answer.document, answer.content.parts, content.parts)
        if document.get("logprobs") and content.parts != answer.content.parts:
            document["logprobs"] = None
        return write_whole(document, self.holder, self.said) if exchange.stream else dump(document)

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """An error as the server itself writes it; ``code`` and ``param`` are this gateway's own."""
        error: dict[str, Any] = {"error": message, "code": code}
        return dump({**error, "param": param} if param else error)


class OllamaChat(OllamaAdapter):
    """``POST /api/chat``."""

    name = "ollama_chat"
    routes: ClassVar[tuple[str, ...]] = ("/api/chat",)
    request: ClassVar[Object] = CHAT
    answer: ClassVar[Object] = CHAT_ANSWER
    holder: ClassVar[str] = "message"
    said: ClassVar[str] = "content"

    def codec(self, asked: Any) -> AnswerStream:  # noqa: ARG002
        """Line by line."""
        return OllamaStream.of_chat()


ADAPTER = OllamaChat()
