"""The detectors API of the FMS guardrails orchestrator: texts in, what was detected where out.

Shapes after the orchestrator's ``openapi_detector_api.yaml``, version 1 paths. Spans count characters, as there. The
header ``detector-id`` is taken for the model by which policies can be told apart: ``match: {models: [pii-en]}``. What
is told is what a rule fired on and what scores 0.5 or more; ``detector_params.threshold`` hides what scores less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction
from guard.protocols.adapter import JSON, MOST_CONTENTS, Contract, DropIn, Exchange
from guard.protocols.contract import (
    Constrained,
    Each,
    Guarded,
    Object,
    OneOf,
    Walk,
    check_count,
    check_media,
    check_word,
    refuse,
)
from guard.protocols.openai_chat import MESSAGES
from guard.protocols.shapes import CONTEXT, ENVELOPE
from guard.protocols.strict_json import dump, parse
from guard.protocols.verdicts import bounds, fired, texts, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.decision import Decision, Judged
    from guard.finding import Finding

_CONTENTS = Object({"contents": Each(Guarded(), nullable=False), "detector_params": ENVELOPE}, nullable=False)
_GENERATION = Object({"prompt": CONTEXT, "generated_text": Guarded(), "detector_params": ENVELOPE}, nullable=False)
_CHAT = Object(
    {
        "messages": Each(OneOf(MESSAGES, tag="role"), nullable=False),
        "tools": Guarded("tool_schema"),
        "detector_params": ENVELOPE,
    },
    nullable=False,
)
_DOCUMENTS = Object(
    {"content": Guarded(), "context_type": Constrained(), "context": CONTEXT, "detector_params": ENVELOPE},
    nullable=False,
)
_CONTEXT_TYPES = ("url", "docs", "chunks", "document")


class FmsDetectors(DropIn):
    """``POST /api/v1/text/contents``, ``/generation``, ``/chat``, ``/context/doc``."""

    name = "fms_detectors"
    routes: ClassVar[tuple[str, ...]] = (
        "/api/v1/text/contents",
        "/api/v1/text/generation",
        "/api/v1/text/chat",
        "/api/v1/text/context/doc",
    )
    unscannable_is_error = True
    model_header = b"detector-id"
    probes: ClassVar[Mapping[str, bytes]] = {"/health": b'"ok"'}
    contracts = (
        Contract("request", _CONTENTS, "contents"),
        Contract("request", _GENERATION, "generation"),
        Contract("request", _CHAT, "chat"),
        Contract("request", _DOCUMENTS, "context/doc"),
    )

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """One content for each text of ``contents``; one for anything else."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "the body should be an object")
        _threshold(document)
        if route.endswith("/contents"):
            contents = _contents(document)
        elif route.endswith("/chat"):
            if not document.get("messages"):
                raise refuse("missing_field", "/messages", "it should hold at least one message")
            contents = (_content(_CHAT, document, _direction(document["messages"])),)
        elif route.endswith("/generation"):
            _check_texts(document, "prompt", "generated_text")
            contents = (_content(_GENERATION, document, Direction.OUTPUT),)
        else:
            _check_texts(document, "content", "context_type")
            check_word(document["context_type"], "/context_type", _CONTEXT_TYPES)
            contents = (_content(_DOCUMENTS, document, Direction.OUTPUT),)
        check_media(contents)
        return Exchange(contents, document, route=route)

    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """A list of detections for each text, or one list."""
        least = _threshold(exchange.document)
        lists = [
            _detections(one.decision, _asked(content, exchange.route), least)
            for one, content in zip(judged, exchange.contents, strict=True)
        ]
        if exchange.route.endswith("/contents"):
            return dump(lists)
        return dump([{key: value for key, value in one.items() if key not in _PLACED} for one in lists[0]])

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:  # noqa: ARG002
        """An error as the detectors API words it: a number and a message; our word for it beside them."""
        return dump({"code": _NUMBERS.get(code, 503 if code in _AWAY else 400), "message": message, "details": code})


_PLACED = frozenset({"start", "end", "text"})
_NUMBERS = {
    "unauthorized": 401, "unknown_route": 404, "method_not_allowed": 405, "body_timeout": 408, "head_timeout": 408,
    "body_too_large": 413, "url_too_long": 414, "unsupported_media_type": 415, "headers_too_large": 431,
}  # fmt: skip
_AWAY = frozenset(
    ("guard_unavailable", "guard_timeout", "guard_overloaded", "guard_error", "audit_unavailable", "shutting_down")
)


def _contents(document: dict[str, Any]) -> tuple[Content, ...]:
    given = document.get("contents")
    if not isinstance(given, list) or not given or not all(isinstance(item, str) for item in given):
        raise refuse("invalid_type", "/contents", "it should be a list of strings")
    check_count(len(given), MOST_CONTENTS)
    rest = Walk()  # what else the body holds is judged with the first text
    _CONTENTS.walk({**document, "contents": []}, rest, (), "", "user")
    found: list[Content] = []
    for index, text in enumerate(given):
        walk = rest if index == 0 else Walk()
        Guarded().walk(text, walk, ("contents", index), f"/contents/{index}", "user")
        found.append(walk.content(Direction.INPUT))
    return tuple(found)


def _content(contract: Object, document: dict[str, Any], direction: Direction) -> Content:
    walk = Walk()
    contract.walk(document, walk, (), "", "assistant" if direction is Direction.OUTPUT else "user")
    return walk.content(direction)


def _direction(messages: Any) -> Direction:
    """A chat that ends with what the assistant says is asked about as its answer."""
    last = messages[-1] if isinstance(messages, list) else None
    said = isinstance(last, dict) and last.get("role") == "assistant"
    return Direction.OUTPUT if said else Direction.INPUT


def _check_texts(document: dict[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(document.get(name), str):
            raise refuse("missing_field", f"/{name}", "it should be a string")


def _threshold(document: dict[str, Any]) -> float:
    parameters = document.get("detector_params") or {}
    given = parameters.get("threshold", 0.0) if isinstance(parameters, dict) else None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise refuse("invalid_type", "/detector_params", "it should be an object; `threshold` a number")
    return float(given)


def _asked(content: Content, route: str) -> dict[str, str]:
    """The texts that detections are told of, by their pointers: not what stands beside them in the body."""
    own = texts(content)
    if route.endswith("/contents"):
        return {pointer: text for pointer, text in own.items() if pointer.startswith("/contents/")}
    return own


def _detections(decision: Decision, own: Mapping[str, str], least: float) -> list[dict[str, Any]]:
    rules = fired(decision)
    found = []
    for finding in told(decision):
        text = own.get(finding.part)
        if text is None or finding.score < least:
            continue
        start, end = bounds(finding, text)
        found.append(
            {
                "start": start,
                "end": end,
                "text": text[start:end],
                "detection": finding.category,
                "detection_type": finding.category.partition(".")[0],
                "score": round(finding.score, 4),
                "evidence": _evidence(finding),
                "metadata": {"rule": rules[finding].rule, "action": rules[finding].action.name}
                if finding in rules
                else {},
            }
        )
    return found


def _evidence(finding: Finding) -> list[dict[str, Any]]:
    said = [{"name": "classifier", "value": finding.classifier, "score": round(finding.score, 4)}]
    return [*said, {"name": "evidence", "value": finding.evidence}] if finding.evidence else said


ADAPTER = FmsDetectors()
