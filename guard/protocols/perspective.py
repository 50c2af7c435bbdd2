"""Perspective, the comment analyzer (``v1alpha1``): a comment in, a score for each attribute that was asked for out.

Shapes after its discovery document. A score is that of the strongest finding of the categories an attribute stands for
(`ATTRIBUTES`): a probability as Perspective's are, monotone in what is meant, and not the same number. An attribute
that no classifier of the policy gives is an error, as a language that is not supported was, or left out where the
request says ``dropUnsupportedAttributes``. Nothing is ever stored, whatever ``doNotStore`` says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Direction, Modality
from guard.decision import Refusal
from guard.errors import RequestError
from guard.protocols.adapter import JSON, Contract, DropIn, Exchange
from guard.protocols.contract import WORD, Constrained, Each, Guarded, Object, Scalar, Walk, check_word, refuse
from guard.protocols.shapes import Keyed
from guard.protocols.strict_json import dump, parse
from guard.protocols.verdicts import MOST_TOLD, Utf16, bounds, can_score, is_one_of, strongest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.decision import Judged
    from guard.finding import Finding

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "TOXICITY": ("toxicity",),
    "SEVERE_TOXICITY": ("toxicity.severe",),
    "IDENTITY_ATTACK": ("hate",),
    "INSULT": ("toxicity.insult",),
    "PROFANITY": ("toxicity.obscene",),
    "OBSCENE": ("toxicity.obscene",),
    "THREAT": ("toxicity.threat", "harassment.threatening", "hate.threatening"),
    "SEXUALLY_EXPLICIT": ("sexual",),
}
"""The categories that each attribute stands for; those below them count too."""
_OTHERS = frozenset(
    ("AFFINITY", "ATTACK_ON_AUTHOR", "ATTACK_ON_COMMENTER", "COMPASSION", "CURIOSITY", "FLIRTATION", "INCOHERENT",
     "INFLAMMATORY", "LIKELY_TO_REJECT", "NUANCE", "PERSONAL_STORY", "REASONING", "RESPECT", "SPAM", "UNSUBSTANTIAL")
)  # fmt: skip
"""Attributes that Perspective had and nothing here can score."""
_ATTRIBUTE = re.compile(r"([A-Z_]{1,64}?)(?:_EXPERIMENTAL)?(?:@[0-9a-z.]{1,16})?")

_NUMBER = Scalar()
_TEXT_ENTRY = Object({"text": Guarded(), "type": Constrained()})
_SCORE = Object({"value": _NUMBER, "type": Constrained()})
_COMMON = {
    "comment": _TEXT_ENTRY,
    "context": Object(
        {
            "entries": Each(_TEXT_ENTRY),
            "articleAndParentComment": Object({"article": _TEXT_ENTRY, "parentComment": _TEXT_ENTRY}),
        }
    ),
    "languages": Each(Constrained()),
    "clientToken": Constrained(),
    "communityId": Constrained(),
    "sessionId": Constrained(),
}
_ANALYZE = Object(
    {
        **_COMMON,
        "requestedAttributes": Keyed(_ATTRIBUTE, Object({"scoreType": Constrained(), "scoreThreshold": _NUMBER})),
        "spanAnnotations": _NUMBER,
        "doNotStore": _NUMBER,
        "dropUnsupportedAttributes": _NUMBER,
    },
    nullable=False,
)
_SUGGEST = Object(
    {
        **_COMMON,
        "attributeScores": Keyed(
            _ATTRIBUTE,
            Object(
                {
                    "summaryScore": _SCORE,
                    "spanScores": Each(Object({"begin": _NUMBER, "end": _NUMBER, "score": _SCORE})),
                }
            ),
        ),
    },
    nullable=False,
)

_STATUS = {
    "unauthorized": (401, "UNAUTHENTICATED"),
    "unknown_route": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "INVALID_ARGUMENT"),
    "body_timeout": (408, "DEADLINE_EXCEEDED"),
    "head_timeout": (408, "DEADLINE_EXCEEDED"),
    "body_too_large": (413, "INVALID_ARGUMENT"),
    "url_too_long": (414, "INVALID_ARGUMENT"),
    "unsupported_media_type": (415, "INVALID_ARGUMENT"),
    "headers_too_large": (431, "INVALID_ARGUMENT"),
    **dict.fromkeys(
        ("guard_unavailable", "guard_timeout", "guard_overloaded", "guard_error", "audit_unavailable", "shutting_down"),
        (503, "UNAVAILABLE"),
    ),
}
"""What Google's errors say, number and word, by our codes; 400 and ``INVALID_ARGUMENT`` for any other."""
_KINDS = {
    "comment_empty": "COMMENT_EMPTY",
    "unknown_attribute": "UNKNOWN_ATTRIBUTE",
    "unsupported_attribute": "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
}
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
)


class Perspective(DropIn):
    """``POST /v1alpha1/comments:analyze`` and ``comments:suggestscore``."""

    name = "perspective"
    routes: ClassVar[tuple[str, ...]] = ("/v1alpha1/comments:analyze", "/v1alpha1/comments:suggestscore")
    unscannable_is_error = True
    key_headers = (b"x-goog-api-key",)
    key_parameter = b"key"
    contracts = (Contract("request", _ANALYZE, "comments:analyze"), Contract("request", _SUGGEST, "suggestscore"))

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """The comment and whatever else is said in the request; only the comment is scored."""
        document = parse(body)
        analyzes = not route.endswith("suggestscore")
        walk = Walk()
        (_ANALYZE if analyzes else _SUGGEST).walk(document, walk, (), "", "user")
        comment = document.get("comment")
        text = comment.get("text") if isinstance(comment, dict) else None
        if text is not None and not isinstance(text, str):
            raise refuse("invalid_type", "/comment/text", "it should be a string")
        if not text or not text.strip():
            raise RequestError("comment_empty", "Comment must be non-empty.", "/comment/text")
        if analyzes:
            _check_attributes(document)
        return Exchange((walk.content(Direction.INPUT),), document, route=route)

    def check(self, exchange: Exchange) -> None:
        """An attribute that nothing can score is an error, unless it may be dropped."""
        document = exchange.document
        for name in _asked(document):
            if not _is_scored(name, exchange) and document.get("dropUnsupportedAttributes") is not True:
                message = f"Attribute {_base(name)} cannot be scored: no classifier of the policy gives it."
                raise RequestError("unsupported_attribute", message, f"/requestedAttributes/{_base(name)}")

    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """A summary score and span scores for each attribute, or the thanks for a suggestion."""
        document, (one,) = exchange.document, judged
        token = document.get("clientToken")
        # A token that is more than a word is text like any other, and goes back if it may go at all.
        known = isinstance(token, str) and (WORD.fullmatch(token) or not isinstance(one.released, Refusal))
        echoed = {"clientToken": token} if known else {}
        text = document["comment"]["text"]
        seen = _language(text)
        languages = document.get("languages")
        named = languages if isinstance(languages, list) and all(_is_word(one) for one in languages) else []
        if exchange.route.endswith("suggestscore"):
            return dump({**echoed, "detectedLanguages": [seen], "requestedLanguages": named})
        findings = [finding for finding in one.decision.findings if finding.part == "/comment/text"]
        scores: dict[str, Any] = {}
        for name, parameters in _asked(document).items():
            if not _is_scored(name, exchange):
                continue
            own = [finding for finding in findings if is_one_of(finding.category, ATTRIBUTES[_base(name)])]
            value = strongest(own, ATTRIBUTES[_base(name)])
            if value >= _threshold(parameters):
                spans = _spans(own, text) if document.get("spanAnnotations") is True else {}
                spans = spans or {(0, Utf16(text).at(len(text))): value}
                scores[name] = {
                    "spanScores": [
                        {"begin": begin, "end": end, "score": _score(score)}
                        for (begin, end), score in sorted(spans.items())
                    ],
                    "summaryScore": _score(value),
                }
        return dump({"attributeScores": scores, "languages": named or [seen], "detectedLanguages": [seen], **echoed})

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """An error as Google's APIs word it."""
        number, status = _STATUS.get(code, (400, "INVALID_ARGUMENT"))
        detail: dict[str, Any] = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.upper()}
        if code in _KINDS:
            detail = {
                "@type": "type.googleapis.com/google.commentanalyzer.v1alpha1.Error",
                "errorType": _KINDS[code],
            }
            if code == "unsupported_attribute" and param is not None:
                detail["languageNotSupportedByAttributeError"] = {"attribute": param.rpartition("/")[2]}
        return dump({"error": {"code": number, "message": message, "status": status, "details": [detail]}})


def _check_attributes(document: dict[str, Any]) -> None:
    """Refuse a request without attributes, or with one that Perspective never had."""
    attributes = document.get("requestedAttributes")
    if not isinstance(attributes, dict) or not attributes:
        raise refuse("missing_field", "/requestedAttributes", "it should name at least one attribute")
    for index, (name, parameters) in enumerate(attributes.items()):
        if _base(name) not in ATTRIBUTES and _base(name) not in _OTHERS:
            message = "A requested attribute is not known; " + ", ".join(ATTRIBUTES) + " are."
            raise RequestError("unknown_attribute", message, f"/requestedAttributes/?{index}")
        asked = parameters or {}
        words = (None, "PROBABILITY", "SCORE_TYPE_UNSPECIFIED")
        check_word(asked.get("scoreType"), f"/requestedAttributes/{_base(name)}/scoreType", words)
        threshold = asked.get("scoreThreshold")
        if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
            raise refuse("invalid_type", f"/requestedAttributes/{_base(name)}/scoreThreshold", "it should be a number")


def _asked(document: dict[str, Any]) -> dict[str, Any]:
    return document.get("requestedAttributes") or {}


def _base(name: str) -> str:
    match = _ATTRIBUTE.fullmatch(name)
    return match[1] if match is not None else ""


def _is_scored(name: str, exchange: Exchange) -> bool:
    categories = ATTRIBUTES.get(_base(name))
    return categories is not None and can_score(exchange.scored, Modality.TEXT, categories)


def _threshold(parameters: dict[str, Any] | None) -> float:
    return float((parameters or {}).get("scoreThreshold") or 0.0)


def _spans(findings: Sequence[Finding], text: str) -> dict[tuple[int, int], float]:
    """The highest score of each span, counted in UTF-16 code units as Perspective does."""
    found: dict[tuple[int, int], float] = {}
    units = Utf16(text)
    for finding in sorted(findings, key=lambda one: -one.score)[:MOST_TOLD]:
        start, end = bounds(finding, text)
        place = units.at(start), units.at(end)
        found[place] = max(found.get(place, 0.0), finding.score)
    return found


def _score(value: float) -> dict[str, Any]:
    return {"value": round(value, 6), "type": "PROBABILITY"}


def _language(text: str) -> str:
    """The language by its script alone: enough for those that have one of their own, English for every other."""
    return next((name for name, script in _SCRIPTS if script.search(text)), "en")


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and WORD.fullmatch(value) is not None


ADAPTER = Perspective()
