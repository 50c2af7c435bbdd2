"""OpenAI's inline moderation on any generator: the request's field ``moderation`` answered by this gateway.

Shapes after openai-python's ``chat_completion.py`` and ``completion_create_params.py``. With ``score`` the answer says
how request and answer were scored; with ``block`` what a rule of the policy fired on ends as ``content_filter``, though
the policy itself may only flag it. That makes the policy stronger for this request, never weaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guard.protocols.adapter import Inline
from guard.protocols.contract import WORD, refuse
from guard.protocols.openai_moderations import MODEL, moderation_result

if TYPE_CHECKING:
    from guard.content import Content
    from guard.decision import Decision

_MODES = ("score", "block")


def read_inline(document: dict[str, Any]) -> Inline | None:
    """What the field ``moderation`` of *document* asks for, None if it asks for nothing.

    Raises:
        RequestError: it is not what OpenAI documents.
    """
    asked = document.get("moderation")
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise refuse("invalid_type", "/moderation", "it should be an object with `model` and perhaps `policy`")
    model = asked.get("model", MODEL)
    if not isinstance(model, str) or not WORD.fullmatch(model):
        raise refuse("invalid_value", "/moderation/model", f"it should be a name such as {MODEL}")
    policy = asked.get("policy") or {}
    if not isinstance(policy, dict):
        raise refuse("invalid_type", "/moderation/policy", "it should be an object")
    return Inline(model, _blocks(policy, "input"), _blocks(policy, "output"))


def _blocks(policy: dict[str, Any], side: str) -> bool:
    given = policy.get(side) or {}
    mode = given.get("mode", "score") if isinstance(given, dict) else None
    if mode not in _MODES:
        raise refuse("invalid_value", f"/moderation/policy/{side}/mode", "it should be `score` or `block`")
    return bool(mode == "block")


def outcome(decision: Decision, content: Content, model: str) -> dict[str, Any]:
    """One result of moderation, or the error that there is none: a score that is missing would look like a low one."""
    if decision.failures or decision.coverage.unscannable:
        what = "a classifier gave no answer" if decision.failures else "a part could not be read"
        return {"type": "error", "code": "moderation_incomplete", "message": f"Not all was moderated: {what}."}
    return {"type": "moderation_result", "model": model, **moderation_result(decision, content)}


def is_flagged(found: dict[str, Any]) -> bool:
    """Whether an `outcome` says that a category was flagged."""
    return found.get("flagged") is True


def listed(found: dict[str, Any]) -> dict[str, Any]:
    """An `outcome` as chat completions hold it."""
    if found["type"] == "error":
        return found
    return {"type": "moderation_results", "model": found["model"], "results": [found]}
