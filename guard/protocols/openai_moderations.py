"""OpenAI moderations: text and pictures in, the 13 categories out, in the exact shape of ``omni-moderation-latest``.

Shapes after openai-python's ``types/moderation*.py``. A string or a list of parts has one answer; a list of strings has
one each. A category is true when a rule of the policy fired on it; its score is the strongest finding's. What OpenAI
has no name for (personal data, secrets, prompt attacks) is decided like everything else and shown by the native check.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Direction
from guard.protocols.adapter import JSON, MOST_CONTENTS, Contract, Exchange, JudgeAdapter
from guard.protocols.attachments import MediaUrl
from guard.protocols.contract import (
    Constrained,
    Each,
    Guarded,
    Object,
    OneOf,
    TextOr,
    Walk,
    check_count,
    check_media,
    refuse,
)
from guard.protocols.openai_common import error_body, model_of
from guard.protocols.strict_json import dump, parse
from guard.taxonomy import OPENAI_CATEGORIES, openai_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content
    from guard.decision import Decision, Judged

MODEL = "omni-moderation-latest"
_IMAGE_CATEGORIES = frozenset(
    ("self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic")
)

_PART = OneOf(
    {
        "text": Object({"type": Constrained(), "text": Guarded()}, nullable=False),
        "image_url": Object(
            {
                "type": Constrained(),
                "image_url": TextOr(MediaUrl(), Object({"url": MediaUrl()}, nullable=False), nullable=False),
            }
        ),
    }
)
_INPUT = TextOr(Guarded(), Each(_PART, nullable=False), nullable=False)
"""What is moderated by itself; a list of strings is one of these each."""


class OpenAIModerations(JudgeAdapter):
    """``POST /v1/moderations``."""

    name = "openai_moderations"
    routes: ClassVar[tuple[str, ...]] = ("/v1/moderations",)
    unscannable_is_error = True
    contracts = (
        Contract("request", _INPUT, "`input`, or each string of its list; fields that are not known are refused"),
    )

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """One content per answer that is due."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "the body should be an object")
        for index, key in enumerate(document):
            if key not in {"input", "model"}:
                raise refuse("unknown_field", f"/?{index}", "the fields here are `input` and `model`")
        given, model = document.get("input"), model_of(document)
        if isinstance(given, str) or (isinstance(given, list) and given and isinstance(given[0], dict)):
            contents: tuple[Content, ...] = (_content(given, "/input", model),)
        elif isinstance(given, list) and given and all(isinstance(item, str) for item in given):
            check_count(len(given), MOST_CONTENTS)
            contents = tuple(_content(item, f"/input/{index}", model) for index, item in enumerate(given))
        else:
            raise refuse("invalid_type", "/input", "it should be a string, a list of strings, or a list of parts")
        check_media(contents)
        return Exchange(contents, document)

    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """The moderation object."""
        results = [
            moderation_result(item.decision, content) for item, content in zip(judged, exchange.contents, strict=True)
        ]
        identifier = f"modr-{judged[0].decision.id}"
        return dump({"id": identifier, "model": exchange.contents[0].model or MODEL, "results": results})

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """An OpenAI error object."""
        return error_body(code, message, param)


def _content(given: Any, pointer: str, model: str | None) -> Content:
    walk = Walk()
    _INPUT.walk(given, walk, (), pointer, "user")
    return walk.content(Direction.INPUT, model)


def moderation_result(decision: Decision, content: Content) -> dict[str, Any]:
    """What OpenAI's 13 categories are by *decision* on *content*: flagged, true or false, scored, read in what."""
    scores: dict[str, float] = dict.fromkeys(OPENAI_CATEGORIES, 0.0)
    applied: dict[str, list[str]] = defaultdict(list)
    present = {part.modality.value for part in content.parts}
    for finding in decision.findings:
        name = openai_name(finding.category)
        if name is not None:
            scores[name] = max(scores[name], finding.score)
    for name in OPENAI_CATEGORIES:
        applied[name] = [
            modality
            for modality in ("text", "image")
            if modality in present and (modality == "text" or name in _IMAGE_CATEGORIES)
        ]
    fired = {openai_name(finding.category) for effect in decision.effects for finding in effect.findings}
    return {
        "flagged": not fired.isdisjoint(OPENAI_CATEGORIES),
        "categories": {name: name in fired for name in OPENAI_CATEGORIES},
        "category_scores": scores,
        "category_applied_input_types": {name: applied[name] for name in OPENAI_CATEGORIES},
    }


ADAPTER = OpenAIModerations()
