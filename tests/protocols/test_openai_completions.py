from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from guard.content import OpaquePart, TextPart
from guard.decision import Refusal
from guard.errors import RequestError
from guard.protocols.adapter import Answer, Exchange
from guard.protocols.openai_completions import ADAPTER, CompletionStream
from tests.protocols.gates import Gate, cut, documents, edited, items_of


def request(prompt: Any = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "prompt": prompt, **more}


def decoded(body: Any) -> Exchange:
    return ADAPTER.decode_request(json.dumps(body).encode())


def answer(*texts: str, **choice: Any) -> dict[str, Any]:
    choices = [
        {"index": n, "text": t, "finish_reason": "stop", "logprobs": None, **choice} for n, t in enumerate(texts)
    ]
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": choices, "usage": usage}


def answered(body: Any) -> Answer:
    return ADAPTER.decode_response(Exchange((), {}), json.dumps(body).encode())


def said(parts: Any) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in parts if isinstance(part, TextPart)]


def gathered(stream: bytes) -> dict[int, tuple[str, str | None]]:
    """What a client puts together: text and reason of each choice."""
    found: dict[int, tuple[str, str | None]] = {}
    for chunk in documents(stream):
        for choice in chunk["choices"]:
            text, _ = found.get(choice["index"], ("", None))
            found[choice["index"]] = text + choice["text"], choice["finish_reason"]
    return found


def test_every_prompt_and_field_is_a_part():
    content = decoded(request(["one", "two"], suffix="end", stop=["\n\n"], x_new="more")).content

    assert said(content.parts) == [
        ("message", "one"), ("message", "two"), ("message", "end"), ("name", "\n\n"),
        ("key", "x_new"), ("unknown", "more"),
    ]  # fmt: skip


@pytest.mark.parametrize("prompt", [[1, 2], [[1, 2]], ["text", 3], [None]])
def test_token_ids_are_refused(prompt: Any):
    with pytest.raises(RequestError) as error:
        decoded(request(prompt))

    assert (error.value.code, error.value.param) == ("unsupported_value", "/prompt")


def test_a_prompt_of_vectors_cannot_be_read():
    assert any(isinstance(part, OpaquePart) for part in decoded(request(prompt_embeds="gASV")).content.parts)


def test_what_is_forwarded_is_what_was_sent_but_for_the_stream():
    body = request("é", echo=True, n=2, stream=True, stream_options={"include_usage": True})
    exchange = decoded(body)

    assert json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=True)) == body
    assert json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=False)) == request(
        "é", echo=True, n=2, stream=False
    )


@pytest.mark.parametrize(
    "body", [[], {}, {"choices": []}, {"choices": [{"index": 0}]}, {"choices": [{"message": {"content": "x"}}]},
             {"choices": [{"index": 1, "text": "x"}]}, {"choices": [{"index": 0, "text": "x"}] * 2}]
)  # fmt: skip
def test_an_answer_of_another_shape_is_refused(body: Any):
    with pytest.raises(RequestError):
        answered(body)


TOKENS = {"tokens": ["my ", "secret"], "token_logprobs": [None, -0.5], "text_offset": [0, 3],
          "top_logprobs": [None, {"secret": -0.5, "word": -2.0}]}  # fmt: skip


def test_token_lists_and_their_alternatives_are_judged():
    assert said(answered(answer("x", logprobs=TOKENS)).content.parts) == [
        ("message", "x"), ("logprobs", "my secret"), ("logprobs", "secret\nword"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more", [{"token_logprobs": [4111111111111111]}, {"top_logprobs": [{"x": 4111111111111111}]}, {"note": "a note"}]
)
def test_what_is_no_probability_is_judged(more: Any):
    texts = [text for _, text in said(answered(answer("x", logprobs={**TOKENS, **more})).content.parts)]

    assert any("4111111111111111" in text or "a note" in text for text in texts)


def test_a_changed_choice_loses_its_tokens():
    whole = answered(answer("my secret", "fine", logprobs=TOKENS))
    left = edited(whole.content, lambda text: "<X>" if text == "my secret" else text)

    choices = json.loads(ADAPTER.encode_response(decoded(request()), whole, left))["choices"]

    assert [(choice["text"], choice["logprobs"]) for choice in choices] == [("<X>", None), ("fine", None)]


@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_says_what_the_whole_answer_says(usage: bool):
    asked = decoded(request(stream=True, stream_options={"include_usage": usage}))
    whole = answered(answer("one", "two"))

    stream = ADAPTER.encode_response(asked, whole, whole.content)

    assert gathered(stream) == {0: ("one", "stop"), 1: ("two", "stop")}
    assert stream.endswith(b"data: [DONE]\n\n")
    assert (documents(stream)[-1]["choices"] == []) is usage
    gate = Gate(CompletionStream(usage=usage))
    assert gathered(gate.send(stream)) == gathered(stream)
    assert gate.texts == ["one", "two"]


# ---------------------------------------------------------------------- streams


def chunk(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": list(choices), **more}


def piece(text: str, number: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"index": number, "text": text, "logprobs": None, "finish_reason": finish, **more}


def stream(*chunks: Any) -> bytes:
    return "".join(f"data: {json.dumps(one)}\n\n" for one in chunks).encode() + b"data: [DONE]\n\n"


WOVEN = stream(
    chunk(piece("a")),
    chunk(piece("b", 1), system_fingerprint="fp"),
    chunk(piece("c"), piece("d", 1)),
    chunk(piece("", 0, "stop"), created=2),
    chunk(piece("e", 1, "length")),
    chunk(usage={"total_tokens": 3}),
)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_cut_of_the_bytes_reads_the_same(size: int, end: bytes):
    assert items_of(CompletionStream(), cut(WOVEN.replace(b"\n", end), size)) == items_of(CompletionStream(), [WOVEN])


def test_choices_that_come_woven_are_texts_of_their_own():
    gate = Gate(CompletionStream(usage=True), str.upper)

    out = gate.send(WOVEN)

    assert gate.texts == ["ac", "bde"]
    assert gathered(out) == {0: ("AC", "stop"), 1: ("BDE", "length")}
    assert documents(out)[-1]["usage"] == {"total_tokens": 3}
    assert b'"usage":{' not in Gate(CompletionStream()).send(WOVEN)


def test_what_a_chunk_says_besides_is_judged():
    gate = Gate(CompletionStream())
    gate.send(
        stream(
            chunk(piece("x", note="a no"), x_new="strange", system_fingerprint="many words here"),
            chunk(piece("y", note="te")),
            chunk(piece("", 0, "a long reason", extra={"deep": "words"})),
        )
    )

    assert {"xy", "a note", "strange", "many words here", "a long reason", "words", "note"} <= set(gate.texts)


def test_token_lists_that_turn_up_unasked_are_left_out():
    assert b"secret" not in Gate(CompletionStream()).send(stream(chunk(piece("x", logprobs=TOKENS))))
    assert ADAPTER.open_stream(decoded(request(stream=True, logprobs=0))) is None
    assert ADAPTER.open_stream(decoded(request(stream=True))) is not None


def test_an_error_is_judged_and_ends_the_answer():
    gate = Gate(CompletionStream(), lambda text: text.replace("secret", "<X>"))

    out = gate.send(stream(chunk(piece("all")), {"error": {"message": "secret"}}, chunk(piece("more"))))

    assert gate.texts[0] == "all"
    assert b"secret" not in out
    assert b"more" not in out


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"data: {\n\n", b"data: []\n\n", b"data: {}\n\n", stream(chunk(piece("x")))[:-14],
     stream(chunk(piece("x", 0, "stop")), chunk(piece("y"))), stream(chunk({"index": "0", "text": "x"})),
     stream(chunk({"index": 0, "text": ["x"]})), stream({"choices": ["x"]})],
)  # fmt: skip
def test_what_is_no_whole_stream_of_this_protocol_is_refused(data: bytes):
    with pytest.raises(RequestError) as error:
        Gate(CompletionStream()).send(data)

    assert error.value.code == "invalid_stream"


def test_a_block_ends_every_choice_that_was_not_finished():
    codec = CompletionStream()
    gate = Gate(codec)
    for item in codec.read(stream(chunk(piece("a", 0, "stop"), piece("b", 1)))[:-14]):
        gate.release(item)

    out = codec.refused(Refusal("content_filter", "Not here.", ("rule",)))

    assert gathered(out) == {1: ("", "content_filter")}
    assert out.endswith(b"data: [DONE]\n\n")
    assert b"content_filter" in CompletionStream().refused(Refusal("content_filter", "Not here.", ("rule",)))


def test_a_failure_is_an_error_that_clients_raise_on():
    (last,) = documents(CompletionStream().failed("guard_timeout", "Too slow."))

    assert last["error"]["code"] == "guard_timeout"
