"""OpenAI responses, request and answer; `openai_responses_contract` says what each field is.

What the generator keeps and nobody here saw (``previous_response_id``, ``conversation``, stored prompts, files and
vector stores) is unscannable. A background answer is refused: it would be kept, and fetched, without being judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction
from guard.protocols.adapter import JSON, Answer, Contract, Exchange
from guard.protocols.contract import Walk, apply_parts, refuse
from guard.protocols.openai_common import OpenAIAdapter, asks_for_stream, changed, model_of, read_object, with_stream
from guard.protocols.openai_inline import is_flagged, outcome, read_inline
from guard.protocols.openai_responses_contract import ECHOED, REQUEST, RESPONSE
from guard.protocols.openai_responses_events import as_stream
from guard.protocols.openai_responses_stream import ResponsesStream
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guard.decision import Decision
    from guard.protocols.stream import AnswerStream


class OpenAIResponses(OpenAIAdapter):
    """``POST /v1/responses``."""

    name = "openai_responses"
    routes: ClassVar[tuple[str, ...]] = ("/v1/responses",)
    contracts = (Contract("request", REQUEST), Contract("answer", RESPONSE))
    held_whole: ClassVar[Mapping[str, Callable[[Any], bool]]] = {
        "token lists": lambda asked: bool(
            "message.output_text.logprobs" in (asked.get("include") or ()) or asked.get("top_logprobs")
        ),
        "pictures": lambda asked: _draws(asked.get("tools")),
    }
    """Neither can be judged piece by piece."""

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """Every item, part, tool and unknown field becomes parts."""
        document = read_object(body)
        stream = asks_for_stream(document)
        if document.get("background") not in (None, False):
            raise refuse(
                "unsupported_value", "/background", "an answer in the background cannot be judged; leave it out"
            )
        if document.get("input") in (None, [], "") and not document.get("prompt"):
            raise refuse("missing_field", "/input", "it should be a text or a list of at least one item")
        if not isinstance(document.get("model"), str) and not document.get("prompt"):
            raise refuse("missing_field", "/model", "it should name a model")
        walk = Walk()
        REQUEST.walk(document, walk, (), "", None)
        content = walk.content(Direction.INPUT, model_of(document))
        return Exchange((content,), document, stream=stream, inline=read_inline(document))

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:
        """The checked document again."""
        document = apply_parts(exchange.document, exchange.content.parts, content.parts)
        document = with_stream(document, stream=stream)
        return dump(document if exchange.inline is None else {k: v for k, v in document.items() if k != "moderation"})

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """Every item, with reasoning, refusals, calls, annotations and token lists, and all that it repeats."""
        document = parse(body)
        if not isinstance(document, dict) or not isinstance(document.get("output"), list):
            raise refuse("missing_field", "/output", "an answer is an object with a list of items")
        if document.get("status") in {"queued", "in_progress"}:
            raise refuse("invalid_value", "/status", "an answer is whole")
        walk = Walk()
        RESPONSE.walk(without_echo(document, exchange.document, walk), walk, (), "", "assistant")
        return Answer(walk.content(Direction.OUTPUT, model_of(document)), document)

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:
        """JSON, or the whole stream."""
        document = apply_parts(answer.document, answer.content.parts, content.parts)
        _drop_stale_tokens(document, answer.content, content)
        if answer.moderation is not None:
            document["moderation"] = answer.moderation
        return as_stream(document) if exchange.stream else dump(document)

    def describe_inline(self, decision: Decision, content: Content, model: str) -> tuple[dict[str, Any], bool]:
        """One result."""
        found = outcome(decision, content, model)
        return found, is_flagged(found)

    def encode_filtered(self, exchange: Exchange, answer: Answer) -> bytes:
        """An answer without output, incomplete for the content filter."""
        kept = ("id", "created_at", "model")
        document = {
            **{key: answer.document[key] for key in kept if key in answer.document},
            "object": "response",
            "status": "incomplete",
            "incomplete_details": {"reason": "content_filter"},
            "output": [],
            "parallel_tool_calls": False,
            "tool_choice": "auto",
            "tools": [],
            "moderation": answer.moderation,
        }
        return as_stream(document) if exchange.stream else dump(document)

    def codec(self, asked: Any) -> AnswerStream:
        """Event by event."""
        return ResponsesStream(asked)


def _draws(tools: Any) -> bool:
    return isinstance(tools, list) and any(
        isinstance(tool, dict) and tool.get("type") == "image_generation" for tool in tools
    )


def without_echo(document: dict[str, Any], asked: Any, walk: Walk) -> dict[str, Any]:
    """What of an answer's *document* is left to judge: fields that only repeat the request are counted as exempt."""
    echoed = {
        name
        for name in ECHOED
        if isinstance(asked, dict) and document.get(name) is not None and document[name] == asked.get(name)
    }
    for _ in echoed:
        walk.spare("echo")
    return {key: value for key, value in document.items() if key not in echoed}


def _drop_stale_tokens(document: Any, before: Content, after: Content) -> None:
    """A text that changed loses its token list: the tokens would spell it as it was."""
    for path in changed(before, after):
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        if isinstance(holder, dict) and holder.get("logprobs"):
            holder["logprobs"] = []


ADAPTER = OpenAIResponses()
