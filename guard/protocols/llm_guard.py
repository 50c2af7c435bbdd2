"""LLM Guard's API: a prompt or an output in, whether it is valid, the scanners' scores and the sanitized text out.

Shapes after ``llm_guard_api``. Valid is what is released as it came: a text that was masked is not, as with LLM Guard,
whose scanners call a text invalid that they had to change. Of a text that is blocked nothing comes back. Scanners are
names for groups of the policy's categories (`SCANNERS`); no caller can switch one off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from guard.content import Direction, Modality
from guard.decision import Refusal
from guard.errors import RequestError
from guard.protocols.adapter import JSON, Contract, DropIn, Exchange
from guard.protocols.contract import Constrained, Each, Guarded, Object, Walk, refuse
from guard.protocols.shapes import CONTEXT
from guard.protocols.strict_json import dump, parse
from guard.protocols.verdicts import PASSIVE, can_score, fired, is_changed, is_one_of, strongest, texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.decision import Judged

SCANNERS: Mapping[str, tuple[str, ...]] = {
    "Toxicity": ("toxicity", "harassment", "hate", "sexual"),
    "BanTopics": ("violence", "self_harm", "illicit", "elections", "defamation", "specialized_advice"),
    "PromptInjection": ("prompt_attack",),
    "Anonymize": ("pii",),
    "Secrets": ("secret",),
    "BanSubstrings": ("custom",),
}
"""The categories that each scanner stands for. Of an output, ``Anonymize`` is called ``Sensitive``."""

_PROMPT = Object({"prompt": Guarded(), "scanners_suppress": Each(Constrained())}, nullable=False)
_OUTPUT = Object({"prompt": CONTEXT, "output": Guarded(), "scanners_suppress": Each(Constrained())}, nullable=False)


class LlmGuard(DropIn):
    """``POST /analyze/prompt``, ``/analyze/output``, ``/scan/prompt``, ``/scan/output``."""

    name = "llm_guard"
    routes: ClassVar[tuple[str, ...]] = ("/analyze/prompt", "/analyze/output", "/scan/prompt", "/scan/output")
    default = False  # such paths could be anybody's
    probes: ClassVar[Mapping[str, bytes]] = {"/healthz": b'{"status":"alive"}', "/readyz": b'{"status":"ready"}'}
    contracts = (Contract("request", _PROMPT, "prompt"), Contract("request", _OUTPUT, "output"))

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """One text to judge."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "the body should be an object")
        if document.get("scanners_suppress") not in (None, []):
            message = "A request cannot switch scanners off: the policy decides. Leave `scanners_suppress` out."
            raise RequestError("policy_override", message, "/scanners_suppress")
        output = route.endswith("output")
        for name in ("prompt", "output") if output else ("prompt",):
            if not isinstance(document.get(name), str):
                raise refuse("missing_field", f"/{name}", "it should be a string")
        walk = Walk()
        (_OUTPUT if output else _PROMPT).walk(document, walk, (), "", "assistant" if output else "user")
        return Exchange((walk.content(Direction.OUTPUT if output else Direction.INPUT),), document, route=route)

    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """Valid or not, the scores of all scanners that ran, and what may be used of the text."""
        (content,), (one,) = exchange.contents, judged
        output = content.direction is Direction.OUTPUT
        scores = {
            ("Sensitive" if output and name == "Anonymize" else name): _risk(one, categories)
            for name, categories in SCANNERS.items()
            if can_score(exchange.scored, Modality.TEXT, categories)
        }
        answer = {"is_valid": not is_changed(content, one), "scanners": scores}
        if "/analyze/" in exchange.route:
            sanitized = (
                "" if isinstance(one.released, Refusal) else texts(one.released)["/output" if output else "/prompt"]
            )
            answer["sanitized_output" if output else "sanitized_prompt"] = sanitized
        return dump(answer)

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:  # noqa: ARG002
        """An error as LLM Guard's API words it."""
        return dump({"message": message, "details": None, "code": code})


def _risk(judged: Judged, categories: Sequence[str]) -> float:
    """The strongest finding; 1 where a rule fired that changes something, whatever the score."""
    if any(
        is_one_of(finding.category, categories) and effect.action.name not in PASSIVE
        for finding, effect in fired(judged.decision).items()
    ):
        return 1.0
    return round(strongest(judged.decision.findings, categories), 2)


ADAPTER = LlmGuard()
