"""LiteLLM's generic guardrail: what its proxy is about to send on comes in; pass, change or block goes out.

Shapes after LiteLLM's ``generic_guardrail_api``. Texts are answered by position. Who said a text is known from
``structured_messages``, which hold the same texts: where a text stands in both, it is judged once. What was found where
nothing can be written back (a tool call, a picture, a name) is a block.

Of a streamed answer LiteLLM asks about all text so far, again and again, and cannot take back what it has passed on.
``stream_holdback_chars`` says how much at the end of each text may still change: what stands before it is what a stream
of ours would have released, so the next answer begins with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction, TextPart
from guard.decision import Refusal
from guard.protocols.adapter import JSON, Contract, DropIn, Exchange
from guard.protocols.attachments import MediaUrl
from guard.protocols.contract import (
    Constrained,
    Each,
    Field,
    Guarded,
    Object,
    OneOf,
    Walk,
    apply_parts,
    check_word,
    refuse,
)
from guard.protocols.embedded import is_base64_file
from guard.protocols.openai_chat import MESSAGES, TOOL_CALL
from guard.protocols.openai_common import model_of
from guard.protocols.posture import Posture
from guard.protocols.shapes import ENVELOPE, Spoken
from guard.protocols.strict_json import dump, parse
from guard.protocols.verdicts import texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guard.content import Part, Path
    from guard.decision import Judged


class _Picture(Field):
    """A picture as LiteLLM gives it: base64 alone, or an address."""

    _url = MediaUrl()

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture(f"base64, or {self._url.posture.words}", self._url.posture.kinds)

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Base64 alone begins like a file; anything else is an address."""
        known = isinstance(value, str) and is_base64_file(value)
        (Guarded("url") if known else self._url).walk(value, walk, path, pointer, role)


_LONGEST_ID = 128
_WORD = Constrained()
_FIELDS: dict[str, Field] = {
    "texts": Each(Guarded()),
    "images": Each(_Picture()),
    "tools": Guarded("tool_schema"),
    "tool_calls": Spoken("assistant", Each(TOOL_CALL)),
    "structured_messages": Each(OneOf(MESSAGES, tag="role")),
    **dict.fromkeys(("input_type", "litellm_call_id", "litellm_trace_id", "litellm_version", "model"), _WORD),
    **dict.fromkeys(("request_headers", "request_data", "additional_provider_specific_params"), ENVELOPE),
}
_REQUEST = Object(_FIELDS, nullable=False)


class LiteLlmGuardrail(DropIn):
    """``POST /beta/litellm_basic_guardrail_api``."""

    name = "litellm_guardrail"
    routes: ClassVar[tuple[str, ...]] = ("/beta/litellm_basic_guardrail_api",)
    contracts = (Contract("request", _REQUEST),)

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """One content: everything that is about to be sent on."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "the body should be an object")
        check_word(document.get("input_type"), "/input_type", ("request", "response"))
        given = document.get("texts")
        if given is not None and not (isinstance(given, list) and all(isinstance(text, str) for text in given)):
            raise refuse("invalid_type", "/texts", "it should be a list of strings")
        output = document["input_type"] == "response"
        walk = Walk()
        _REQUEST.walk(document, walk, (), "", None)
        content = walk.content(Direction.OUTPUT if output else Direction.INPUT, model_of(document))
        return Exchange((_once(content, given or []),), document, route=route)

    def growing(self, exchange: Exchange) -> Sequence[TextPart]:
        """The texts of an answer, whether it is streamed or not: LiteLLM does not say."""
        if exchange.content.direction is Direction.INPUT:
            return ()
        return [part for part in exchange.content.parts if isinstance(part, TextPart) and _is_text(part)]

    def call_of(self, exchange: Exchange) -> str | None:
        """LiteLLM's id of the call."""
        call = exchange.document.get("litellm_call_id")
        return call if isinstance(call, str) and len(call) <= _LONGEST_ID else None

    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """Pass, change or block."""
        (one,) = judged
        if isinstance(one.released, Refusal):
            return dump({"action": "BLOCKED", "blocked_reason": one.released.message})
        content, document = exchange.content, exchange.document
        released = texts(one.released)
        answer: dict[str, Any] = {"action": "NONE"}
        if one.released.parts != content.parts:
            answer["action"] = "GUARDRAIL_INTERVENED"
            changed = apply_parts(document, content.parts, one.released.parts)
            answer["texts"] = changed.get("texts") or []
            if changed.get("tools"):
                answer["tools"] = changed["tools"]
        if self.growing(exchange):
            count = len(document.get("texts") or [])
            answer["stream_holdback_chars"] = [
                _held(released.get(f"/texts/{number}", ""), exchange.settled.get(f"/texts/{number}", ""))
                for number in range(count)
            ]
        return dump(answer)

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """An error that LiteLLM logs; it goes by the status."""
        return dump({"error": {"code": code, "message": message, "param": param}})


def _held(released: str, settled: str) -> int:
    """How much at the end of *released* may still change."""
    return len(released) - len(settled) if released.startswith(settled) else len(released)


def _is_text(part: TextPart) -> bool:
    return len(part.path) == 2 and part.path[0] == "texts"


def _once(content: Content, given: Sequence[str]) -> Content:
    """*content* with each text judged once, as what its speaker says; and nothing editable that cannot be sent back."""
    said = [part for part in content.parts if part.path[:1] == ("structured_messages",) and isinstance(part, TextPart)]
    speakers = _speakers(given, said)
    known, unnamed = set(given), "user" if content.direction is Direction.INPUT else "assistant"
    parts: list[Part] = []
    repeated = 0
    for part in content.parts:
        if not isinstance(part, TextPart):
            parts.append(part)
        elif _is_text(part):
            role, kind = speakers[int(part.path[1])] or (unnamed, part.kind)
            parts.append(replace(part, role=role, kind=kind))
        elif part.path[:1] == ("structured_messages",) and part.text in known:
            repeated += 1
        else:
            parts.append(part if part.path[:1] == ("tools",) else replace(part, editable=False))
    exempt = (*content.exempt, ("echo", repeated)) if repeated else content.exempt
    return replace(content, parts=tuple(parts), exempt=exempt)


def _speakers(given: Sequence[str], said: Iterable[TextPart]) -> list[tuple[str | None, str] | None]:
    """Who said each of *given*: by place where the messages hold the same texts in the same order, else by its words.

    Of several who said the same a user is believed first, for the rules on users are the strictest.
    """
    in_order = [part for part in said if part.kind in {"message", "tool_result"}]
    if [part.text for part in in_order] == list(given):
        return [(part.role, part.kind) for part in in_order]
    own: dict[str, list[TextPart]] = {}
    for part in in_order:
        own.setdefault(part.text, []).append(part)
    found: list[tuple[str | None, str] | None] = []
    for text in given:
        ones = sorted(own.get(text, ()), key=lambda part: part.role != "user")
        found.append((ones[0].role, ones[0].kind) if ones else None)
    return found


ADAPTER = LiteLlmGuardrail()
