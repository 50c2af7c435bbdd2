"""OpenAI's pictures: generations (JSON), edits (a form or JSON), variations (a form).

Contract after openai-python's types (``image_generate_params.py``, ``image_edit_params.py``,
``image_create_variation_params.py``, ``images_response.py``). A picture that is answered as an address cannot be seen;
where the client leaves the form open and the model knows both, bytes are asked for. A stream is answered by its last
event alone: pictures are judged whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction
from guard.protocols import sse
from guard.protocols.adapter import JSON, Answer, Contract, Exchange
from guard.protocols.attachments import Blob, MediaUrl, StoredFile
from guard.protocols.contract import (
    TIME_DIGITS,
    WORD,
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
from guard.protocols.multipart import (
    MEDIA_TYPE,
    FormOf,
    Upload,
    boundary_for,
    is_form,
    read_form,
    value_of,
    write_form,
)
from guard.protocols.openai_common import (
    TOKEN_USAGE,
    OpenAIAdapter,
    asks_for_stream,
    model_of,
    read_object,
    refuse_overrides,
)
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GENERATIONS, EDITS, VARIATIONS = "/v1/images/generations", "/v1/images/edits", "/v1/images/variations"

_WORD, _NUMBER, _NAME = Constrained(), Scalar(), Guarded("name")
_SIZE = Constrained(re.compile(r"auto|[0-9]{2,5}x[0-9]{2,5}"))
NUMBER = Constrained(re.compile(r"-?[0-9]{1,7}|-?[0-9]{1,3}\.[0-9]{1,4}|true|false|null|"))
"""A number or truth value as a form writes it."""
_WORDS = ("background", "complexity", "input_fidelity", "model", "moderation", "output_format", "quality",
          "response_format", "style")  # fmt: skip
_NUMBERS = ("frame_count", "frame_duration_ms", "n", "output_compression", "partial_images", "stream")
_PICTURE = TextOr(MediaUrl(), Object({"image_url": TextOr(MediaUrl(), Scalar()), "file_id": StoredFile()}))
_USUAL: dict[str, Field] = {
    "prompt": Guarded(),
    "size": _SIZE,
    "user": _NAME,
    "safety_identifier": _NAME,
    **dict.fromkeys(_WORDS, _WORD),
}
REQUEST = Object(
    {
        **_USUAL,
        **dict.fromkeys(_NUMBERS, _NUMBER),
        "svg": Object({"model": _WORD, "reasoning": Object({"effort": _WORD})}),
        **dict.fromkeys(("mask", "markup"), _PICTURE),
    },
    nullable=False,
)
_EDIT = Object(
    {**REQUEST.fields, "image": TextOr(MediaUrl(), Each(_PICTURE)), "images": Each(_PICTURE)}, nullable=False
)
FORM = FormOf(
    {
        **_USUAL,
        **dict.fromkeys(_NUMBERS, NUMBER),
        **dict.fromkeys(("svg[model]", "svg[reasoning][effort]"), _WORD),
        **dict.fromkeys(("image", "image[]", "mask", "markup"), Upload("image")),
    },
    lists=frozenset({"image[]"}),
)
_COUNTED: dict[str, Field] = {**TOKEN_USAGE.fields, "model": _WORD, "reasoning_tokens": _NUMBER}
RESPONSE = Object(
    {
        "created": Scalar(TIME_DIGITS),
        "data": Each(
            Object(
                {
                    "b64_json": Blob("image"),
                    "url": TextOr(MediaUrl(), Scalar()),
                    "revised_prompt": TextOr(Guarded(), Scalar()),
                }
            )
        ),
        "size": _SIZE,
        "safety_identifier": _NAME,
        **dict.fromkeys(("background", "output_format", "quality"), _WORD),
        **dict.fromkeys(("usage", "svg_usage"), Object(_COUNTED)),
    },
    nullable=False,
)
_ALWAYS_BYTES = "gpt-image"
"""In the names of models that answer bytes, and take no ``response_format``."""


class OpenAIImages(OpenAIAdapter):
    """``POST /v1/images/generations``, ``/v1/images/edits``, ``/v1/images/variations``."""

    name = "openai_images"
    routes: ClassVar[tuple[str, ...]] = (GENERATIONS, EDITS, VARIATIONS)
    media_types: ClassVar[frozenset[bytes]] = frozenset({JSON, MEDIA_TYPE})
    contracts = (
        Contract("request", REQUEST, GENERATIONS),
        Contract("request", _EDIT, f"{EDITS}, JSON"),
        Contract("request", FORM, f"{EDITS} and {VARIATIONS}, forms"),
        Contract("answer", RESPONSE),
    )
    held_whole: ClassVar[Mapping[str, Callable[[Any], bool]]] = {"pictures": lambda _: True}

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = GENERATIONS) -> Exchange:
        """Prompt, pictures and every unknown field become parts."""
        walk = Walk()
        if is_form(content_type):
            if route == GENERATIONS:
                raise refuse("unsupported_media_type", "", "the body should be application/json")
            return self._decode_form(body, content_type, route, walk)
        if route == VARIATIONS:
            raise refuse("unsupported_media_type", "", "the body should be multipart/form-data")
        document = read_object(body)
        if not isinstance(document.get("prompt"), str):
            raise refuse("missing_field", "/prompt", "it should be a text")
        stream = asks_for_stream(document)
        (REQUEST if route == GENERATIONS else _EDIT).walk(document, walk, (), "", "user")
        return Exchange((walk.content(Direction.INPUT, model_of(document)),), document, stream=stream)

    def _decode_form(self, body: bytes, content_type: bytes, route: str, walk: Walk) -> Exchange:
        form = read_form(body, content_type)
        refuse_overrides({field["name"]: None for field in form})
        if route == EDITS and not isinstance(value_of(form, "prompt"), str):
            raise refuse("missing_field", "/prompt", "it should be a text")
        if value_of(form, "image") is None and value_of(form, "image[]") is None:
            raise refuse("missing_field", "/image", "it should be a picture")
        stream = value_of(form, "stream")
        if stream not in {None, "true", "false", ""}:
            raise refuse("invalid_type", "/stream", "it should be true or false")
        FORM.walk(form, walk, (), "", "user")
        model = value_of(form, "model")
        known = model if isinstance(model, str) and WORD.fullmatch(model) else None
        kind = MEDIA_TYPE + b"; boundary=" + boundary_for(body)
        content = walk.content(Direction.INPUT, known)
        return Exchange((content,), form, stream=stream == "true", content_type=kind)

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:  # noqa: ARG002
        """The checked request again, asking for one piece, and for bytes where the client left that open."""
        document = apply_parts(exchange.document, exchange.content.parts, content.parts)
        wants = _wants_bytes(document, exchange.content.model)
        if isinstance(document, dict):
            kept = {key: value for key, value in document.items() if key not in {"stream", "partial_images"}}
            return dump(kept | ({"response_format": "b64_json"} if wants else {}))
        form = [field for field in document if field["name"] not in {"stream", "partial_images"}]
        if wants:
            form = [field for field in form if field["name"] != "response_format"]
            form.append({"name": "response_format", "value": "b64_json", "filename": None, "media_type": None})
        return write_form(form, exchange.content_type.rpartition(b"=")[2])

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """Every picture, and what the generator made of the prompt."""
        document = parse(body)
        walk = Walk()
        RESPONSE.walk(document, walk, (), "", "assistant")
        if not isinstance(document.get("data"), list):
            raise refuse("missing_field", "/data", "an answer has a list of pictures")
        return Answer(
            walk.content(Direction.OUTPUT, exchange.contents[0].model if exchange.contents else None), document
        )

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:
        """JSON, or one event per picture."""
        document = apply_parts(answer.document, answer.content.parts, content.parts)
        if not exchange.stream:
            return dump(document)
        kind = "image_generation.completed" if "image" not in _names(exchange.document) else "image_edit.completed"
        return b"".join(_events(kind, document))


def _names(document: Any) -> set[str]:
    names = {field["name"] for field in document} if isinstance(document, list) else set(document)
    return {"image" if name in {"image[]", "images"} else name for name in names}


def _wants_bytes(document: Any, model: str | None) -> bool:
    """Whether bytes are to be asked for: of a model that may answer addresses, if the client does not say."""
    said = value_of(document, "response_format") if isinstance(document, list) else document.get("response_format")
    return model is not None and _ALWAYS_BYTES not in model and not said


def _events(kind: str, document: dict[str, Any]) -> list[bytes]:
    usual = {"background": "auto", "created_at": document.get("created", 0), "output_format": "png",
             "quality": "auto", "size": "auto", "usage": None}  # fmt: skip
    usual |= {key: value for key, value in document.items() if key not in {"data", "created"}}
    return [sse.write(dump({"type": kind, **usual, **picture}), kind) for picture in document["data"]]


ADAPTER = OpenAIImages()
