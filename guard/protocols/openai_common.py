"""What all of OpenAI's endpoints have in common: errors, the words callers may not send, and how a body is begun."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from guard.content import Direction
from guard.errors import RequestError
from guard.protocols.adapter import Answer, GeneratorAdapter
from guard.protocols.contract import WORD, Constrained, Object, Scalar, Walk, refuse, walk_unknown
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from guard.content import Content
    from guard.protocols.contract import Field

# Words with which callers switch other gateways' checks off or turn requests elsewhere (litellm#33944, CVE-2024-6587).
_OVERRIDES = frozenset(
    ("api_base", "api_key", "base_url", "disable_global_guardrail", "disable_global_guardrails", "guard",
     "guardrail_config", "guardrails", "policies", "policy", "scanners_suppress", "skip_guardrails")
)  # fmt: skip
_OVERRIDES_INSIDE = frozenset(("disable_global_guardrail", "disable_global_guardrails", "guardrails"))
_INSIDE = ("metadata", "litellm_metadata", "extra_body")

_HIGHEST = 10**6
_NUMBER = Scalar()
_COUNTS: dict[str, Field] = dict.fromkeys(
    ("accepted_prediction_tokens", "audio_tokens", "cache_write_tokens", "cached_tokens", "image_tokens",
     "reasoning_tokens", "rejected_prediction_tokens", "text_tokens"), _NUMBER,
)  # fmt: skip
USAGE = Object(
    {
        "prompt_tokens": _NUMBER,
        "completion_tokens": _NUMBER,
        "total_tokens": _NUMBER,
        "prompt_tokens_details": Object(_COUNTS),
        "completion_tokens_details": Object(_COUNTS),
    }
)
"""What chat and legacy completions cost."""
TOKEN_USAGE = Object(
    {
        "type": Constrained(),
        "seconds": _NUMBER,
        "input_tokens": _NUMBER,
        "output_tokens": _NUMBER,
        "total_tokens": _NUMBER,
        **dict.fromkeys(
            ("input_tokens_details", "output_tokens_details", "input_token_details"),
            Object(
                {
                    **_COUNTS,
                    "cache_write_tokens_details": Object(dict.fromkeys(("ttl_12h_tokens", "ttl_30m_tokens"), _NUMBER)),
                }
            ),
        ),
    }
)
"""What the newer endpoints cost."""


def model_of(document: Any) -> str | None:
    """The model a request or answer names, where it is a plain word."""
    model = document.get("model")
    return model if isinstance(model, str) and WORD.fullmatch(model) else None


def error_body(code: str, message: str, param: str | None = None) -> bytes:
    """An OpenAI error: the SDKs read ``error.code`` and ``error.message``."""
    return dump({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a request is, without a field that would choose or weaken the policy.

    Raises:
        RequestError: ``invalid_json``, ``invalid_type`` or ``policy_override``.
    """
    document = parse(body)
    if not isinstance(document, dict):
        raise refuse("invalid_type", "", "the body should be an object")
    refuse_overrides(document)
    return document


def asks_for_stream(document: dict[str, Any]) -> bool:
    """Whether ``stream`` is true; nothing but true, false and null is let pass, for a generator may read it as true."""
    stream = document.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise refuse("invalid_type", "/stream", "it should be true or false")
    return stream is True


def with_stream(document: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    """*document*, asking for a stream or for one piece."""
    if (document.get("stream") is True) == stream:
        return document
    left_out = () if stream else ("stream_options",)
    return {key: value for key, value in document.items() if key not in left_out} | {"stream": stream}


def refuse_overrides(document: dict[str, Any]) -> None:
    """Refuse a request that names a policy, a guardrail or another upstream.

    Raises:
        RequestError: ``policy_override``.
    """
    inside = [inner for name in _INSIDE if isinstance(inner := document.get(name), dict)]
    if _any_of(_OVERRIDES, document) or any(_any_of(_OVERRIDES_INSIDE, inner) for inner in inside):
        message = "A request cannot choose, weaken or bypass the policy or the upstream; remove that field."
        raise RequestError("policy_override", message)


def _any_of(words: frozenset[str], keys: Iterable[str]) -> bool:
    return any(key.casefold() in words for key in keys)


def check_numbered(choices: list[Any]) -> None:
    """Refuse choices that are not numbered from 0, each once: clients would put two of one number together.

    Raises:
        RequestError: ``invalid_value``.
    """
    numbers = sorted(number_of(choice, place) for place, choice in enumerate(choices))
    if numbers != list(range(len(numbers))):
        raise refuse("invalid_value", "/choices", "the choices are numbered from 0, each once")


def number_of(choice: dict[str, Any], place: int) -> int:
    """The number that a choice has, its *place* in the list where it says none."""
    number = choice.get("index")
    return number if type(number) is int else place


def read_event(data: bytes) -> dict[str, Any]:
    """The object that the data of one event of a stream are.

    Raises:
        RequestError: ``invalid_stream``.
    """
    try:
        document = parse(data)
    except RequestError:
        raise invalid("An event of the stream is not acceptable JSON.") from None
    if not isinstance(document, dict):
        raise invalid("An event of the stream is no object.")
    return document


def index(document: dict[str, Any], name: str) -> int:
    """The index *name* of an event, 0 where it is left out.

    Raises:
        RequestError: it is no small whole number.
    """
    value = document.get(name, 0)
    if type(value) is not int or not 0 <= value < _HIGHEST:
        raise invalid("An index of the stream is no small number.")
    return value


@contextmanager
def refused_as_stream() -> Iterator[None]:
    """Whatever is refused of an event is a refusal of the stream: ``invalid_stream``."""
    try:
        yield
    except RequestError as error:
        if error.code == "invalid_stream":
            raise
        raise invalid(f"An event of the stream cannot be read ({error.code}).") from None


def failure_event(code: str, message: str) -> dict[str, Any]:
    """What a stream says where it cannot go on: clients raise on an event with ``error``."""
    return {"error": {"message": message, "type": "server_error", "param": None, "code": code}}


def invalid(why: str) -> RequestError:
    """A refusal of a stream that is none of this protocol."""
    return RequestError("invalid_stream", why)


def changed(before: Content, after: Content) -> Iterable[tuple[str | int, ...]]:
    """The paths of the parts that the decision changed."""
    return (new.path for old, new in zip(before.parts, after.parts, strict=True) if new is not old)


class OpenAIAdapter(GeneratorAdapter):
    """An endpoint of OpenAI's: errors have the same shape everywhere."""

    def decode_failure(self, body: bytes) -> Answer:
        """Leaf by leaf: errors repeat what they complain about."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "an error should be an object")
        walk = Walk()
        walk_unknown(document, walk, (), "", None, "error")
        return Answer(walk.content(Direction.OUTPUT), document)

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """An OpenAI error object."""
        return error_body(code, message, param)
