"""Requests that other systems' clients send, one for each route of each drop-in; and answers to them without models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from guard.content import Modality
from guard.decision import Cause, Decision, Effect, Judged
from guard.finding import Finding
from guard.protocols import ADAPTERS
from guard.protocols.adapter import DropIn, Exchange
from guard.taxonomy import CATEGORIES

DROP_INS = {adapter.name: adapter for adapter in ADAPTERS if isinstance(adapter, DropIn)}
ALL = dict.fromkeys(Modality, frozenset(CATEGORIES))
"""Classifiers that give every category of everything."""

BODIES: Mapping[str, Any] = {
    "/v1alpha1/comments:analyze": {
        "comment": {"text": "good day", "type": "PLAIN_TEXT"},
        "context": {"entries": [{"text": "an earlier word"}], "articleAndParentComment": {"article": {"text": "news"}}},
        "requestedAttributes": {"TOXICITY": {"scoreThreshold": 0.25}, "INSULT@2": {"scoreType": "PROBABILITY"}},
        "languages": ["en"],
        "spanAnnotations": True,
        "doNotStore": True,
        "clientToken": "token-1",
        "sessionId": "session",
        "communityId": "forum",
    },
    "/v1alpha1/comments:suggestscore": {
        "comment": {"text": "good day"},
        "attributeScores": {
            "TOXICITY": {
                "summaryScore": {"value": 0.1, "type": "PROBABILITY"},
                "spanScores": [{"begin": 0, "end": 4, "score": {"value": 0.1}}],
            }
        },
        "clientToken": "token-1",
    },
    "/analyze/prompt": {"prompt": "good day", "scanners_suppress": []},
    "/scan/prompt": {"prompt": "good day"},
    "/analyze/output": {"prompt": "hello", "output": "good day"},
    "/scan/output": {"prompt": "hello", "output": "good day", "scanners_suppress": []},
    "/beta/litellm_basic_guardrail_api": {
        "input_type": "request",
        "texts": ["be brief", "good day"],
        "images": ["https://example.org/a.png"],
        "tools": [{"type": "function", "function": {"name": "look", "description": "looks", "parameters": {}}}],
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
        "structured_messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "good day"}]},
        ],
        "model": "gpt-5",
        "litellm_call_id": "3f1c8d52-1111-4222-8333-944445555666",
        "request_headers": {"host": "127.0.0.1"},
        "request_data": {"user_api_key_user_email": "owner@example.org"},
        "additional_provider_specific_params": {"threshold": 0.8},
    },
    "/api/v1/text/contents": {"contents": ["good day", "good night"], "detector_params": {"threshold": 0.5}},
    "/api/v1/text/generation": {"prompt": "hello", "generated_text": "good day", "detector_params": {}},
    "/api/v1/text/chat": {"messages": [{"role": "user", "content": "good day"}], "tools": [], "detector_params": {}},
    "/api/v1/text/context/doc": {"content": "good day", "context_type": "url", "context": ["https://example.org/"]},
    "/contentsafety/text:analyze": {
        "text": "good day",
        "categories": ["Hate", "Violence"],
        "blocklistNames": ["rivals"],
        "haltOnBlocklistHit": False,
        "outputType": "EightSeverityLevels",
    },
    "/contentsafety/image:analyze": {"image": {"content": "AAAA"}, "outputType": "FourSeverityLevels"},
    "/contentsafety/text:shieldPrompt": {"userPrompt": "good day", "documents": ["one page", "another"]},
    "/guardrail/{id}/version/{version}/apply": {
        "source": "INPUT",
        "content": [
            {"text": {"text": "good day", "qualifiers": ["guard_content"]}},
            {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
        ],
        "outputScope": "FULL",
    },
}


def adapter_of(route: str) -> DropIn:
    return next(adapter for adapter in DROP_INS.values() if route in adapter.routes)


def decoded(route: str, body: Any = None) -> Exchange:
    """*body*, or the one above, as the adapter of *route* reads it; whatever it asks for can be scored."""
    data = body if isinstance(body, bytes) else json.dumps(BODIES[route] if body is None else body).encode()
    exchange = adapter_of(route).decode_request(data, route=route)
    exchange.scored = ALL
    adapter_of(route).check(exchange)
    return exchange


def judged(exchange: Exchange, *findings: Finding, action: Any = None, released: Any = None) -> list[Judged]:
    """A decision on each content of *exchange*: a rule asks for *action* on *findings*, if one is given."""
    effects = (Effect("rule", action, findings, {"en": "No."}),) if action is not None else ()
    name = action.name if action is not None else "allow"
    return [
        Judged(
            Decision(f"id{n}", name, Cause.NONE, "p", "r", content.direction, effects, findings),
            content if released is None else released,
        )
        for n, content in enumerate(exchange.contents)
    ]


def answered(route: str, exchange: Exchange, *findings: Finding, **more: Any) -> Any:
    """What the adapter of *route* answers."""
    return json.loads(adapter_of(route).encode_decisions(exchange, judged(exchange, *findings, **more)))
