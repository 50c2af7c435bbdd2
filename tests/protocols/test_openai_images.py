from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from guard.content import ImagePart, OpaquePart, TextPart
from guard.errors import RequestError
from guard.protocols.adapter import Answer, Exchange
from guard.protocols.multipart import read_form
from guard.protocols.openai_images import ADAPTER, EDITS, GENERATIONS, VARIATIONS
from tests.protocols.gates import documents, edited

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
B64 = base64.b64encode(PNG).decode()
URL = f"data:image/png;base64,{B64}"


def decoded(route: str = GENERATIONS, **body: Any) -> Exchange:
    return ADAPTER.decode_request(json.dumps(body).encode(), b"application/json", route)


def posted(route: str = EDITS, *files: Any, **data: Any) -> Exchange:
    request = httpx.Request("POST", "http://x/", data=data, files=files or [("image", ("a.png", PNG, "image/png"))])
    return ADAPTER.decode_request(request.read(), request.headers["content-type"].encode(), route)


def sent(exchange: Exchange) -> Any:
    body = ADAPTER.encode_request(exchange, exchange.content, stream=False)
    if exchange.content_type == b"application/json":
        return json.loads(body)
    return [(field["name"], field["value"]) for field in read_form(body, exchange.content_type)]


def answered(*data: Any, asked: Exchange | None = None, **more: Any) -> Answer:
    body = {"created": 1_790_000_000, "data": list(data), **more}
    return ADAPTER.decode_response(asked or Exchange((), {}), json.dumps(body).encode())


def test_a_prompt_is_what_the_user_says():
    parts = decoded(prompt="a cat", model="m", size="1024x1024", n=2, user="ana", x_new="more").content.parts

    assert [(p.kind, p.role, p.text) for p in parts if isinstance(p, TextPart)] == [
        ("message", "user", "a cat"), ("name", "user", "ana"), ("key", "user", "x_new"), ("unknown", "user", "more"),
    ]  # fmt: skip


def test_the_pictures_of_a_form_are_pictures():
    exchange = posted(
        EDITS, ("image[]", ("a.png", PNG)), ("image[]", ("b.png", PNG)), ("mask", ("c.png", PNG)), prompt="x"
    )

    assert [type(part) for part in exchange.content.parts].count(ImagePart) == 3
    assert posted(VARIATIONS).content.parts


def test_the_pictures_of_an_edit_in_json_are_pictures_or_cannot_be_read():
    parts = decoded(
        EDITS,
        prompt="x",
        images=[{"image_url": URL}, {"file_id": "file_1"}],
        mask={"image_url": "https://example.org/a"},
    ).content.parts

    assert [type(part) for part in parts].count(ImagePart) == 1
    assert [type(part) for part in parts].count(OpaquePart) == 2


@pytest.mark.parametrize(
    ("model", "said", "asked_for"),
    [
        ("dall-e-3", None, "b64_json"),
        ("dall-e-3", "url", "url"),
        ("gpt-image-2", None, None),
        ("chatgpt-image-latest", None, None),
        (None, None, None),
    ],
)
def test_bytes_are_asked_for_where_the_client_leaves_it_open(model: Any, said: Any, asked_for: Any):
    given = {key: value for key, value in {"model": model, "response_format": said}.items() if value}

    assert sent(decoded(prompt="x", **given)).get("response_format") == asked_for
    assert dict(sent(posted(prompt="x", **given))).get("response_format") == asked_for


def test_what_is_forwarded_is_what_was_judged_in_one_piece():
    body = {"prompt": "é 中", "model": "gpt-image-2", "quality": "high", "x_new": [1.5]}
    assert sent(decoded(**body, stream=True, partial_images=2)) == body

    exchange = posted(prompt="a cat", model="gpt-image-2", stream="true", n="2")
    assert sent(exchange) == [("prompt", "a cat"), ("model", "gpt-image-2"), ("n", "2"), ("image", PNG)]
    masked = edited(exchange.content, lambda text: text.replace("cat", "<X>"))
    body_sent = ADAPTER.encode_request(exchange, masked, stream=False)
    assert b"a <X>" in body_sent
    assert b"cat" not in body_sent


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (decoded, "missing_field"),
        (lambda: decoded(prompt=["x"]), "missing_field"),
        (lambda: decoded(prompt="x", stream="true"), "invalid_type"),
        (lambda: decoded(prompt="x", guardrails=[]), "policy_override"),
        (lambda: decoded(VARIATIONS, image=URL), "unsupported_media_type"),
        (lambda: posted(GENERATIONS, prompt="x"), "unsupported_media_type"),
        (lambda: posted(EDITS), "missing_field"),
        (lambda: posted(EDITS, ("mask", ("a.png", PNG)), prompt="x"), "missing_field"),
        (lambda: posted(EDITS, prompt="x", stream="yes"), "invalid_type"),
        (lambda: posted(EDITS, prompt="x", guardrails="off"), "policy_override"),
    ],
)
def test_a_request_that_is_none_is_refused(make: Any, code: str):
    with pytest.raises(RequestError) as error:
        make()

    assert error.value.code == code


def test_an_answers_pictures_and_prompts_are_judged():
    whole = answered(
        {"b64_json": B64, "revised_prompt": "a cat"}, {"url": "https://example.org/a.png"}, {"b64_json": None}
    )

    assert [type(part).__name__ for part in whole.content.parts] == ["ImagePart", "TextPart", "TextPart", "OpaquePart"]


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"data": null}', b'{"data": "x"}', b'{"data": ["x"]}'])
def test_an_answer_of_another_shape_is_refused(body: bytes):
    with pytest.raises(RequestError):
        ADAPTER.decode_response(Exchange((), {}), body)


def test_a_revised_prompt_comes_back_as_it_may_be_told():
    whole = answered({"b64_json": B64, "revised_prompt": "a cat"})
    left = edited(whole.content, lambda text: text.replace("cat", "<X>"))

    body = json.loads(ADAPTER.encode_response(decoded(prompt="x"), whole, left))
    assert body["data"] == [{"b64_json": B64, "revised_prompt": "a <X>"}]


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (decoded(prompt="x", stream=True), "image_generation.completed"),
        (posted(prompt="x", stream="true"), "image_edit.completed"),
    ],
)
def test_a_stream_is_its_last_event(asked: Exchange, kind: str):
    whole = answered({"b64_json": B64}, asked=asked)

    (event,) = documents(ADAPTER.encode_response(asked, whole, whole.content))

    assert ADAPTER.open_stream(asked) is None
    assert (event["type"], event["b64_json"]) == (kind, B64)
