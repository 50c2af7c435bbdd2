"""Anthropic's count of the tokens of a request: the request is guarded like the one it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Direction
from guard.protocols.adapter import JSON, Answer, Contract
from guard.protocols.anthropic import AnthropicMessages
from guard.protocols.anthropic_fields import REQUEST, TOKENS
from guard.protocols.contract import Walk
from guard.protocols.strict_json import parse

if TYPE_CHECKING:
    from guard.protocols.adapter import Exchange


class AnthropicCount(AnthropicMessages):
    """``POST /v1/messages/count_tokens``: never streamed, and answered with a number."""

    name = "anthropic_count"
    routes: ClassVar[tuple[str, ...]] = ("/v1/messages/count_tokens",)
    contracts = (Contract("request", REQUEST), Contract("answer", TOKENS))

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:
        """As for a message."""
        exchange = super().decode_request(body, content_type, route)
        exchange.stream = False
        return exchange

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """The number, and anything else leaf by leaf."""
        document = parse(body)
        walk = Walk()
        TOKENS.walk(document, walk, (), "", "assistant")
        return Answer(walk.content(Direction.OUTPUT), document)

    def codec(self, asked: Any) -> None:  # noqa: ARG002
        """There is none."""
        return


ADAPTER = AnthropicCount()
