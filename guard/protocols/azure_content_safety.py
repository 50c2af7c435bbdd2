"""Azure AI Content Safety: texts and pictures in, severities out; prompts and documents in, attacks detected out.

Shapes after the REST reference, ``api-version`` 2024-09-01. A severity is made of the strongest score (`_STEPS`), at
least 2 where a rule fired and at least 4 where one fired that changes something: a threshold on it follows the policy.
A blocklist is a list of words of the policy's: the category ``custom.<name>``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction, Modality
from guard.errors import RequestError
from guard.protocols.adapter import JSON, MOST_CONTENTS, Contract, DropIn, Exchange
from guard.protocols.attachments import Blob, MediaUrl
from guard.protocols.contract import Constrained, Each, Guarded, Object, Scalar, Walk, check_count, check_word, refuse
from guard.protocols.shapes import Spoken
from guard.protocols.strict_json import dump, parse
from guard.protocols.verdicts import PASSIVE, bounds, can_score, fired, is_one_of, strongest, texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.decision import Judged

CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "Hate": ("hate", "harassment"),
    "SelfHarm": ("self_harm",),
    "Sexual": ("sexual", "nsfw"),
    "Violence": ("violence", "toxicity.threat", "illicit.violent"),
}
"""The categories that each of Azure's stands for."""
_STEPS = (0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98)
"""Scores from which a severity of eight is 1, 2, … 7; of four, the even one below."""
_BLOCKLIST = re.compile(r"[a-z0-9_]{1,64}")

_WORDS = Each(Constrained())
_COMMON = {"categories": _WORDS, "outputType": Constrained()}
_TEXT = Object({"text": Guarded(), "blocklistNames": _WORDS, "haltOnBlocklistHit": Scalar(), **_COMMON}, nullable=False)
_IMAGE = Object({"image": Object({"content": Blob("image"), "blobUrl": MediaUrl()}), **_COMMON}, nullable=False)
_SHIELD = Object({"userPrompt": Guarded(), "documents": Each(Spoken("tool", Guarded("tool_result")))}, nullable=False)
_PROMPT_ATTACK = ("prompt_attack",)


class AzureContentSafety(DropIn):
    """``POST /contentsafety/text:analyze``, ``image:analyze`` and ``text:shieldPrompt``."""

    name = "azure_content_safety"
    routes: ClassVar[tuple[str, ...]] = (
        "/contentsafety/text:analyze",
        "/contentsafety/image:analyze",
        "/contentsafety/text:shieldPrompt",
    )
    unscannable_is_error = True
    key_headers = (b"ocp-apim-subscription-key",)
    contracts = (
        Contract("request", _TEXT, "text:analyze"),
        Contract("request", _IMAGE, "image:analyze"),
        Contract("request", _SHIELD, "text:shieldPrompt"),
    )

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """One content; of a shield's request one for the prompt and one for each document."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "the body should be an object")
        if route.endswith("shieldPrompt"):
            return Exchange(_shielded(document), document, route=route)
        _check_options(document)
        if route.endswith("text:analyze"):
            if not isinstance(document.get("text"), str):
                raise refuse("missing_field", "/text", "it should be a string")
            contract = _TEXT
        else:
            image = document.get("image")
            given = [name for name in ("content", "blobUrl") if isinstance(image, dict) and image.get(name) is not None]
            if len(given) != 1:
                raise refuse("missing_field", "/image", "it should hold `content`, a picture in base64")
            contract = _IMAGE
        walk = Walk()
        contract.walk(document, walk, (), "", "user")
        return Exchange((walk.content(Direction.INPUT),), document, route=route)

    def check(self, exchange: Exchange) -> None:
        """Whatever is asked for by name must be scored by something."""
        if exchange.route.endswith("shieldPrompt"):
            if not can_score(exchange.scored, Modality.TEXT, _PROMPT_ATTACK):
                raise RequestError("unsupported_category", "No rule of the policy looks for prompt attacks.")
            return
        for name in exchange.document.get("categories") or ():
            if not can_score(exchange.scored, _modality(exchange), CATEGORIES[name]):
                message = f"`{name}` cannot be scored: no classifier of the policy gives it."
                raise RequestError("unsupported_category", message, "/categories")
        for index, name in enumerate(exchange.document.get("blocklistNames") or ()):
            if not can_score(exchange.scored, Modality.TEXT, (f"custom.{name}",)):
                message = "No rule of the policy is about a list of that name."
                raise RequestError("blocklist_not_found", message, f"/blocklistNames/{index}")

    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """Severities, or attacks."""
        if exchange.route.endswith("shieldPrompt"):
            found = [{"attackDetected": _is_attack(one)} for one in judged]
            document = exchange.document
            prompt, others = (found[0], found[1:]) if isinstance(document.get("userPrompt"), str) else (None, found)
            return dump({"userPromptAnalysis": prompt, "documentsAnalysis": others})
        (content,), (one,) = exchange.contents, judged
        answer: dict[str, Any] = {}
        document = exchange.document
        if exchange.route.endswith("text:analyze"):
            matches = answer["blocklistsMatch"] = _matches(document.get("blocklistNames") or (), content, one)
            if matches and document.get("haltOnBlocklistHit") is True:
                return dump({**answer, "categoriesAnalysis": []})
        names = document.get("categories") or [
            name for name, own in CATEGORIES.items() if can_score(exchange.scored, _modality(exchange), own)
        ]
        fine = document.get("outputType") == "EightSeverityLevels"
        answer["categoriesAnalysis"] = [
            {"category": name, "severity": severity if fine else severity // 2 * 2}
            for name in names
            for severity in (_severity(one, CATEGORIES[name]),)
        ]
        return dump(answer)

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """An error as Azure's APIs word it; our word for it is its inner one."""
        error: dict[str, Any] = {"code": _CODES.get(code, "InvalidRequestBody"), "message": message}
        if param is not None:
            error["target"] = param
        return dump({"error": {**error, "innererror": {"code": code}}})


_CODES = {
    "unauthorized": "401",
    "unknown_route": "404",
    "method_not_allowed": "405",
    "unsupported_category": "NotSupportedByPolicy",
    "blocklist_not_found": "BlocklistNotFound",
    "guard_overloaded": "TooManyRequests",
    **dict.fromkeys(
        ("guard_unavailable", "guard_timeout", "guard_error", "audit_unavailable", "shutting_down"), "ServerBusy"
    ),
}


def _check_options(document: dict[str, Any]) -> None:
    names = document.get("categories")
    if names is not None and not (
        isinstance(names, list) and all(isinstance(n, str) and n in CATEGORIES for n in names)
    ):
        raise refuse("invalid_value", "/categories", f"it should list some of {', '.join(CATEGORIES)}")
    check_word(document.get("outputType"), "/outputType", (None, "FourSeverityLevels", "EightSeverityLevels"))
    lists = document.get("blocklistNames")
    if lists is not None and not (
        isinstance(lists, list) and all(isinstance(name, str) and _BLOCKLIST.fullmatch(name) for name in lists)
    ):
        raise refuse("invalid_value", "/blocklistNames", "it should list names in small letters, digits and `_`")


def _shielded(document: dict[str, Any]) -> tuple[Content, ...]:
    prompt, documents = document.get("userPrompt"), document.get("documents") or []
    if not isinstance(documents, list) or not all(isinstance(item, str) for item in documents):
        raise refuse("invalid_type", "/documents", "it should be a list of strings")
    if prompt is not None and not isinstance(prompt, str):
        raise refuse("invalid_type", "/userPrompt", "it should be a string")
    if prompt is None and not documents:
        raise refuse("missing_field", "", "it should hold `userPrompt` or `documents`")
    check_count(len(documents), MOST_CONTENTS - 1)
    places: list[dict[str, Any]] = [] if prompt is None else [{"userPrompt": prompt}]
    others = {name: value for name, value in document.items() if name not in {"userPrompt", "documents"}}
    walks = [Walk() for _ in range(len(places) + len(documents))]
    _SHIELD.walk(others, walks[0], (), "", "user")  # what else the body holds is judged with what comes first
    if prompt is not None:
        Guarded().walk(prompt, walks[0], ("userPrompt",), "/userPrompt", "user")
    for index, text in enumerate(documents):
        walk = walks[len(places) + index]
        Guarded("tool_result").walk(text, walk, ("documents", index), f"/documents/{index}", "tool")
    return tuple(walk.content(Direction.INPUT) for walk in walks)


def _modality(exchange: Exchange) -> Modality:
    return Modality.IMAGE if exchange.route.endswith("image:analyze") else Modality.TEXT


def _severity(judged: Judged, categories: Sequence[str]) -> int:
    """From 0 to 7."""
    severity = bisect_right(_STEPS, strongest(judged.decision.findings, categories))
    for finding, effect in fired(judged.decision).items():
        if is_one_of(finding.category, categories):
            severity = max(severity, 2 if effect.action.name in PASSIVE else 4)
    return severity


def _matches(names: Sequence[str], content: Content, judged: Judged) -> list[dict[str, Any]]:
    own = texts(content)
    found: dict[tuple[str, str], None] = {}
    for finding in judged.decision.findings:
        name = finding.category.removeprefix("custom.")
        if name in names and name != finding.category and finding.part in own:
            start, end = bounds(finding, own[finding.part])
            found[name, own[finding.part][start:end]] = None
    return [
        {"blocklistName": name, "blocklistItemId": f"{name}-{number}", "blocklistItemText": text}
        for number, (name, text) in enumerate(found, 1)
    ]


def _is_attack(judged: Judged) -> bool:
    """Whether a rule fired on a prompt attack."""
    return any(is_one_of(finding.category, _PROMPT_ATTACK) for finding in fired(judged.decision))


ADAPTER = AzureContentSafety()
