"""Bedrock's ``ApplyGuardrail``: contents in; whether to intervene, what to show instead, and why, out.

Shapes after botocore's model of ``bedrock-runtime``. The guardrail's id is taken for the model by which policies can
be told apart: ``match: {models: [gr-7f3k2]}``. What is blocked is answered with the policy's words, what is masked with
the masked texts. Assessments name the findings that rules fired on; with ``outputScope: FULL`` every one from 0.5.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction, Modality, TextPart
from guard.decision import Refusal
from guard.protocols.adapter import JSON, Contract, DropIn, Exchange
from guard.protocols.attachments import Blob
from guard.protocols.contract import Constrained, Each, Guarded, Object, Walk, check_word, refuse
from guard.protocols.strict_json import dump, parse
from guard.protocols.verdicts import bounds, fired, is_changed, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.decision import Coverage, Effect, Judged
    from guard.finding import Finding

_BLOCK = Object(
    {
        "text": Object({"text": Guarded(), "qualifiers": Each(Constrained())}),
        "image": Object({"format": Constrained(), "source": Object({"bytes": Blob("image")})}),
    },
    nullable=False,
)
_REQUEST = Object(
    {"source": Constrained(), "content": Each(_BLOCK, nullable=False), "outputScope": Constrained()}, nullable=False
)
_UNIT = 1000
"""Characters that Bedrock counts as one text unit."""

FILTERS: Mapping[str, str] = {
    "hate": "HATE",
    "toxicity": "INSULTS",
    "harassment": "INSULTS",
    "sexual": "SEXUAL",
    "nsfw": "SEXUAL",
    "violence": "VIOLENCE",
    "illicit": "MISCONDUCT",
    "self_harm": "MISCONDUCT",
    "prompt_attack": "PROMPT_ATTACK",
}
"""The content filter that stands for each family of categories."""
ENTITIES: Mapping[str, str] = {
    "pii.address": "ADDRESS",
    "pii.credit_card": "CREDIT_DEBIT_CARD_NUMBER",
    "pii.driver_license": "DRIVER_ID",
    "pii.email": "EMAIL",
    "pii.iban": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "pii.ip_address": "IP_ADDRESS",
    "pii.mac_address": "MAC_ADDRESS",
    "pii.person": "NAME",
    "pii.phone": "PHONE",
    "pii.url": "URL",
    "pii.uk_nhs": "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "pii.uk_nino": "UK_NATIONAL_INSURANCE_NUMBER",
    "pii.us_bank_number": "US_BANK_ACCOUNT_NUMBER",
    "pii.aba_routing_number": "US_BANK_ROUTING_NUMBER",
    "pii.us_itin": "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "pii.us_passport": "US_PASSPORT_NUMBER",
    "pii.us_ssn": "US_SOCIAL_SECURITY_NUMBER",
    "pii.ca_sin": "CA_SOCIAL_INSURANCE_NUMBER",
    "secret.password": "PASSWORD",
}
"""Bedrock's name of each entity that it has one for; the others are told as regexes, by our names."""
_ERRORS = {
    "unauthorized": "AccessDeniedException",
    "unknown_route": "ResourceNotFoundException",
    "guard_overloaded": "ThrottlingException",
    **dict.fromkeys(
        ("guard_unavailable", "guard_timeout", "guard_error", "audit_unavailable", "shutting_down"),
        "ServiceUnavailableException",
    ),
}


class BedrockGuardrails(DropIn):
    """``POST /guardrail/{id}/version/{version}/apply``."""

    name = "bedrock_guardrails"
    routes: ClassVar[tuple[str, ...]] = ("/guardrail/{id}/version/{version}/apply",)
    contracts = (Contract("request", _REQUEST),)

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """All blocks together are one content, in the direction that ``source`` says."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "the body should be an object")
        check_word(document.get("source"), "/source", ("INPUT", "OUTPUT"))
        check_word(document.get("outputScope"), "/outputScope", (None, "INTERVENTIONS", "FULL"))
        blocks = document.get("content")
        if not isinstance(blocks, list) or not blocks:
            raise refuse("missing_field", "/content", "it should hold at least one block")
        for index, block in enumerate(blocks):
            _check_block(block, f"/content/{index}")
        output = document["source"] == "OUTPUT"
        walk = Walk()
        _REQUEST.walk(document, walk, (), "", "assistant" if output else "user")
        return Exchange((walk.content(Direction.OUTPUT if output else Direction.INPUT),), document, route=route)

    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """What to do, what to show instead, what was found, and how much of it all was read."""
        (content,), (one,) = exchange.contents, judged
        intervened = is_changed(content, one)
        outputs: list[dict[str, str]] = []
        if isinstance(one.released, Refusal):
            outputs = [{"text": one.released.message}]
        elif intervened:
            outputs = [{"text": part.text} for part in one.released.parts if _is_said(part.pointer)]  # type: ignore[union-attr]
        coverage, usage = _coverage(content, one.decision.coverage), _usage(content)
        answer: dict[str, Any] = {
            "usage": usage,
            "action": "GUARDRAIL_INTERVENED" if intervened else "NONE",
            "outputs": outputs,
            "assessments": [
                {
                    **_assessment(content, one, full=exchange.document.get("outputScope") == "FULL"),
                    "invocationMetrics": {"usage": usage, "guardrailCoverage": coverage},
                }
            ],
            "guardrailCoverage": coverage,
        }
        if intervened:
            blocked = isinstance(one.released, Refusal)
            answer["actionReason"] = "Guardrail blocked." if blocked else "Guardrail masked."
        return dump(answer)

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:  # noqa: ARG002
        """An error as AWS's REST APIs word it: SDKs raise the exception that ``code`` names."""
        name = _ERRORS.get(code, "ValidationException")
        return dump({"__type": name, "code": name, "message": message, "reason": code})


def _check_block(block: Any, pointer: str) -> None:
    """Each block is a text or a picture, and has it."""
    given = [name for name in ("text", "image") if isinstance(block, dict) and block.get(name) is not None]
    if len(given) != 1 or not isinstance(block[given[0]], dict):
        raise refuse("missing_field", pointer, "it should hold one of `text` and `image`")
    if given == ["text"] and not isinstance(block["text"].get("text"), str):
        raise refuse("missing_field", f"{pointer}/text/text", "it should be a string")
    if given == ["image"]:
        source = block["image"].get("source")
        if not isinstance(source, dict) or not isinstance(source.get("bytes"), str):
            raise refuse("missing_field", f"{pointer}/image/source", "it should hold `bytes`, a picture in base64")


def _is_said(pointer: str) -> bool:
    """Whether a part is the text of a block, and not something that stands beside it."""
    return pointer.startswith("/content/") and pointer.endswith("/text/text")


def _assessment(content: Content, judged: Judged, *, full: bool) -> dict[str, Any]:
    """What was found, in the places that Bedrock has for it."""
    rules = fired(judged.decision)
    own = {part.pointer: part.text for part in content.parts if isinstance(part, TextPart)}
    filters: dict[str, dict[str, Any]] = {}
    words: list[dict[str, Any]] = []
    entities: list[dict[str, Any]] = []
    regexes: list[dict[str, Any]] = []
    for finding in told(judged.decision):
        if finding not in rules and not full:
            continue
        action = _action(rules.get(finding), enforced=judged.decision.enforced)
        family = finding.category.partition(".")[0]
        start, end = bounds(finding, own.get(finding.part, ""))
        match = own.get(finding.part, "")[start:end]
        if family in FILTERS:
            _add_filter(filters, FILTERS[family], finding, action)
        elif finding.category in ENTITIES:
            entities.append({"match": match, "type": ENTITIES[finding.category], "action": action, "detected": True})
        elif family in {"pii", "secret"}:
            name = finding.category
            regexes.append({"name": name, "match": match, "regex": "", "action": action, "detected": True})
        else:
            words.append({"match": match, "action": _blocks(action), "detected": True})
    found: dict[str, Any] = {}
    if filters:
        found["contentPolicy"] = {"filters": list(filters.values())}
    if words:
        found["wordPolicy"] = {"customWords": words, "managedWordLists": []}
    if entities or regexes:
        found["sensitiveInformationPolicy"] = {"piiEntities": entities, "regexes": regexes}
    return found


def _add_filter(filters: dict[str, dict[str, Any]], kind: str, finding: Finding, action: str) -> None:
    """One entry for each kind: the strongest confidence, and blocked if any finding of it is."""
    before = filters.get(kind)
    rank = ("NONE", "LOW", "MEDIUM", "HIGH")
    confidence = rank[1 + (finding.score >= _MEDIUM) + (finding.score >= _HIGH)]
    if before is not None:
        confidence = max(confidence, before["confidence"], key=rank.index)
        action = "BLOCKED" if "BLOCKED" in {_blocks(action), before["action"]} else "NONE"
    filters[kind] = {"type": kind, "confidence": confidence, "action": _blocks(action), "detected": True}


_MEDIUM, _HIGH = 0.5, 0.8


def _action(effect: Effect | None, *, enforced: bool) -> str:
    if effect is None or not enforced or effect.action.name in {"allow", "flag", "label"}:
        return "NONE"
    return "BLOCKED" if effect.action.name in {"block", "review"} else "ANONYMIZED"


def _blocks(action: str) -> str:
    """*action* where only blocking or nothing can be said."""
    return "NONE" if action == "NONE" else "BLOCKED"


def _coverage(content: Content, coverage: Coverage) -> dict[str, Any]:
    """How many characters and pictures were read, of how many."""
    unread = {pointer for pointer, _ in coverage.unscannable}
    sizes = [(len(p.text), p.pointer) for p in content.parts if isinstance(p, TextPart)]
    pictures = [part.pointer for part in content.parts if part.modality is not Modality.TEXT]
    found: dict[str, Any] = {
        "textCharacters": {
            "guarded": sum(size for size, pointer in sizes if pointer not in unread),
            "total": sum(size for size, _ in sizes),
        }
    }
    if pictures:
        found["images"] = {"guarded": sum(one not in unread for one in pictures), "total": len(pictures)}
    return found


def _usage(content: Content) -> dict[str, int]:
    """Text units, as Bedrock counts what it would bill; nobody is billed here."""
    size = sum(len(part.text) for part in content.parts if isinstance(part, TextPart))
    units = max(1, ceil(size / _UNIT)) if size else 0
    pictures = sum(part.modality is not Modality.TEXT for part in content.parts)
    return {
        "topicPolicyUnits": 0,
        "contentPolicyUnits": units,
        "wordPolicyUnits": units,
        "sensitiveInformationPolicyUnits": units,
        "sensitiveInformationPolicyFreeUnits": 0,
        "contextualGroundingPolicyUnits": 0,
        "contentPolicyImageUnits": pictures,
    }


ADAPTER = BedrockGuardrails()
