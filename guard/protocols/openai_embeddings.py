"""OpenAI embeddings: texts in, vectors out.

Contract after openai-python's types (``embedding_create_params.py``, ``create_embedding_response.py``). The vectors are
exempt as ``vector`` while they are that; inputs that are token ids are refused.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction, Path
from guard.protocols.adapter import JSON, Answer, Contract, Exchange
from guard.protocols.contract import (
    Constrained,
    Each,
    Field,
    Guarded,
    Object,
    Scalar,
    TextOr,
    Walk,
    apply_parts,
    refuse,
)
from guard.protocols.embedded import decode_base64
from guard.protocols.openai_common import TOKEN_USAGE, USAGE, OpenAIAdapter, model_of, read_object
from guard.protocols.posture import Posture, exempt
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD, _NUMBER, _NAME = Constrained(), Scalar(), Guarded("name")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_LARGEST = 100.0
"""Numbers of a vector are of the order of one. Four letters, read as a 32-bit float, are far larger."""
_LEAST = 1e-3
"""The largest number of a vector is no smaller, if it is none of zeros. Four digits, read as a float, are."""


@dataclass(frozen=True, slots=True)
class Vector(Field):
    """A list of small numbers with fractions, or base64 of such as 32-bit floats: exempt as ``vector``, else refused.

    Whole numbers alone, or bytes that read as text, could spell something; no embedding is made of either.
    """

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return exempt("vector", "a list of small numbers, or base64 of such", "refused")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:  # noqa: ARG002
        """Exempt, or refused: nothing else has a reason to stand there."""
        numbers = _floats(value) if isinstance(value, str) else value
        if not isinstance(numbers, list | tuple) or not _is_vector(numbers):
            raise refuse("invalid_value", pointer, "it should be a list of small numbers, or base64 of 32-bit floats")
        walk.spare("vector")


def _floats(text: str) -> tuple[float, ...] | None:
    data = decode_base64(text) if _BASE64.fullmatch(text) else None
    if data is None or len(data) % 4:
        return None
    return struct.unpack(f"<{len(data) // 4}f", data)


def _is_vector(numbers: Sequence[Any]) -> bool:
    """Small finite numbers, most of them fractions or no larger than one."""
    if not all(type(number) in {int, float} and abs(number) < _LARGEST for number in numbers):
        return False  # NaN is not less than anything
    largest = max(map(abs, numbers), default=0)
    usual = sum(abs(number) <= 1 or number % 1 != 0 for number in numbers)
    return (largest == 0 or largest >= _LEAST) and usual * 2 >= len(numbers)


REQUEST = Object(
    {
        "model": _WORD,
        "input": TextOr(Guarded(), Each(Guarded())),
        "dimensions": _NUMBER,
        "encoding_format": _WORD,
        "user": _NAME,
    },
    nullable=False,
)
RESPONSE = Object(
    {
        "object": _WORD,
        "model": _WORD,
        "id": _WORD,
        "data": Each(Object({"object": _WORD, "index": _NUMBER, "embedding": Vector()}, nullable=False)),
        "usage": Object({**USAGE.fields, **TOKEN_USAGE.fields}),
    },
    nullable=False,
)


class OpenAIEmbeddings(OpenAIAdapter):
    """``POST /v1/embeddings``."""

    name = "openai_embeddings"
    routes: ClassVar[tuple[str, ...]] = ("/v1/embeddings",)
    contracts = (Contract("request", REQUEST), Contract("answer", RESPONSE))

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """Each text and every unknown field become parts."""
        document = read_object(body)
        if not isinstance(document.get("model"), str):
            raise refuse("missing_field", "/model", "it should name a model")
        given = document.get("input")
        if given in (None, []):
            raise refuse("missing_field", "/input", "it should be a text or a list of texts")
        if isinstance(given, list) and not all(isinstance(one, str) for one in given):
            raise refuse("unsupported_value", "/input", "token ids cannot be read; send a text or a list of texts")
        walk = Walk()
        REQUEST.walk(document, walk, (), "", "user")
        return Exchange((walk.content(Direction.INPUT, model_of(document)),), document)

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:  # noqa: ARG002
        """The checked document again."""
        return dump(apply_parts(exchange.document, exchange.content.parts, content.parts))

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """Vectors, and whatever stands beside them."""
        document = parse(body)
        walk = Walk()
        RESPONSE.walk(document, walk, (), "", "assistant")
        if not isinstance(document.get("data"), list):
            raise refuse("missing_field", "/data", "an answer has a list of embeddings")
        return Answer(walk.content(Direction.OUTPUT, model_of(document)), document)

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:  # noqa: ARG002
        """The answer again."""
        return dump(apply_parts(answer.document, answer.content.parts, content.parts))


ADAPTER = OpenAIEmbeddings()
