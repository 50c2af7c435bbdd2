from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guard.content import TextPart
from guard.errors import RequestError
from guard.protocols.adapter import Answer, Exchange
from guard.protocols.openai_embeddings import ADAPTER


def decoded(**body: Any) -> Exchange:
    return ADAPTER.decode_request(json.dumps({"model": "m", **body}).encode())


def answered(embedding: Any, **more: Any) -> Answer:
    data = [{"object": "embedding", "index": 0, "embedding": embedding}]
    body = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}, **more}
    return ADAPTER.decode_response(Exchange((), {}), json.dumps(body).encode())


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def test_every_text_is_a_part_of_the_user():
    parts = decoded(input=["one", "two"], user="a user", x_new="more").content.parts

    assert [(part.kind, part.role, part.text) for part in parts if isinstance(part, TextPart)] == [
        ("message", "user", "one"), ("message", "user", "two"), ("name", "user", "a user"),
        ("key", "user", "x_new"), ("unknown", "user", "more"),
    ]  # fmt: skip


@pytest.mark.parametrize("ids", [[1, 2], [[1, 2], [3]], ["text", 4], [[]]])
def test_token_ids_are_refused(ids: Any):
    with pytest.raises(RequestError) as error:
        decoded(input=ids)

    assert (error.value.code, error.value.param) == ("unsupported_value", "/input")


def test_what_is_forwarded_is_what_was_sent():
    exchange = decoded(input=["é 中"], encoding_format="base64", dimensions=8)

    sent = json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=False))
    assert sent == {"model": "m", "input": ["é 中"], "encoding_format": "base64", "dimensions": 8}


@given(st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=64).filter(lambda n: max(map(abs, n)) > 0.01))
def test_vectors_are_exempt_as_lists_and_as_base64(numbers: list[float]):
    for vector in (numbers, packed(*numbers)):
        content = answered(vector).content
        assert dict(content.exempt)["vector"] == 1
        assert content.parts == ()


@pytest.mark.parametrize(
    "vector",
    [
        "a text",
        base64.b64encode(b"a text of words, in base64!!").decode(),
        base64.b64encode(b"4111111111111111").decode(),
        [90, 79, 82, 66],
        [4111, 1111, 1111, 1111],
        ["a"],
        [[0.1]],
        [True],
        [1e300, 0.1],
        packed(float("nan"), 0.5),
        {"text": "x"},
        None,
    ],
)
def test_what_is_no_vector_is_refused(vector: Any):
    with pytest.raises(RequestError):
        answered(vector)


def test_what_stands_beside_the_vectors_is_judged():
    parts = answered([0.5], note="a note").content.parts

    assert "a note" in [part.text for part in parts if isinstance(part, TextPart)]


@pytest.mark.parametrize("body", [[], {}, {"data": None}, {"data": {}}])
def test_an_answer_of_another_shape_is_refused(body: Any):
    with pytest.raises(RequestError):
        ADAPTER.decode_response(Exchange((), {}), json.dumps(body).encode())
