from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import httpx
import ollama
import pytest
from hypothesis import given, settings, strategies as st
from ollama._types import ChatRequest, GenerateRequest

from guard.content import Content, Direction, ImagePart, Lane, OpaquePart, TextPart
from guard.decision import Refusal
from guard.errors import RequestError
from guard.protocols.adapter import JSON, Answer, Exchange
from guard.protocols.ollama import ADAPTER as CHAT, OllamaAdapter
from guard.protocols.ollama_generate import ADAPTER as GENERATE
from guard.protocols.ollama_stream import OllamaStream
from guard.protocols.stream import LINES
from guard.stream.items import Delta, End, Event, Item, Pause
from tests.acceptance.census import planted
from tests.fakes import CANARY

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
AT = "2025-10-17T23:14:07.414671Z"
TOOK = {
    "total_duration": 174_560_334, "load_duration": 99_101_397_084, "prompt_eval_count": 11,
    "prompt_eval_duration": 13_074_791, "eval_count": 18, "eval_duration": 52_479_709,
}  # fmt: skip
CALLS = [
    {"function": {"name": "look_up", "arguments": {"q": "one", "deep": [{"n": 1}]}}},
    {"function": {"name": "look_up", "arguments": {}}},
]


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": one} if isinstance(one, str) else one for one in messages]
    return {"model": "m", "messages": said or [{"role": "user", "content": "hi"}], **more}


def generate(prompt: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "prompt": prompt, **more}


def answer(content: str = "", **message: Any) -> dict[str, Any]:
    """A whole answer of the chat."""
    said = {"role": "assistant", "content": content, **message}
    return {"model": "m", "created_at": AT, "message": said, "done": True, "done_reason": "stop", **TOOK}


def completion(response: str = "", **more: Any) -> dict[str, Any]:
    """A whole answer of the single prompt."""
    return {"model": "m", "created_at": AT, "response": response, "done": True, "done_reason": "stop", **TOOK, **more}


def decoded(body: Any, adapter: OllamaAdapter = CHAT) -> Exchange:
    return adapter.decode_request(json.dumps(body).encode())


def answered(body: Any, adapter: OllamaAdapter = CHAT) -> Answer:
    return adapter.decode_response(Exchange((), {}), json.dumps(body).encode())


def edited(content: Content, change: Callable[[str], str]) -> Content:
    """*content* with each text that may be edited changed, as actions do: what stays the same stays itself."""
    parts = [
        dataclasses.replace(part, text=change(part.text))
        if isinstance(part, TextPart) and part.editable and change(part.text) != part.text
        else part
        for part in content.parts
    ]
    return dataclasses.replace(content, parts=tuple(parts))


def told(content: Content) -> list[tuple[str, str | None, str]]:
    return [(p.kind, p.role, p.text) for p in content.parts if isinstance(p, TextPart)]


def test_every_text_of_a_chat_is_a_part_with_its_kind_and_role():
    content = decoded(
        chat(
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "look", "images": [PNG]},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": CALLS[:1]},
            {"role": "tool", "content": "found", "tool_name": "look_up"},
            tools=[{"type": "function", "function": {"name": "look_up"}}],
            format={"type": "object"},
            options={"stop": ["end"], "temperature": 0.5, "num_ctx": 4096},
            keep_alive="5m",
            think="high",
        )
    ).content

    assert [one for one in told(content) if one[2]] == [
        ("message", "system", "be kind"),
        ("message", "user", "look"),
        ("reasoning", "assistant", "hm"),
        ("name", "assistant", "look_up"),
        ("name", "assistant", "q"),
        ("tool_arguments", "assistant", "one"),
        ("name", "assistant", "deep"),
        ("name", "assistant", "n"),
        ("tool_result", "tool", "found"),
        ("name", "tool", "look_up"),
        ("tool_schema", None, "function"),
        ("tool_schema", None, "look_up"),
        ("tool_schema", None, "object"),
        ("name", None, "end"),
    ]
    assert [type(part) for part in content.parts if not isinstance(part, TextPart)] == [ImagePart]
    assert (content.direction, content.model) == (Direction.INPUT, "m")


def test_every_text_of_a_prompt_is_a_part_with_its_kind_and_role():
    content = decoded(
        generate("look", suffix="after", system="be kind", template="{{ .Prompt }}", images=[PNG], context=[1, 2, 3]),
        GENERATE,
    ).content

    assert told(content) == [
        ("message", "user", "look"),
        ("message", "user", "after"),
        ("message", "system", "be kind"),
        ("message", "system", "{{ .Prompt }}"),
    ]
    assert [type(part) for part in content.parts if not isinstance(part, TextPart)] == [ImagePart, OpaquePart]


@pytest.mark.parametrize(("stream", "streamed"), [(None, True), (True, True), (False, False), ("absent", True)])
@pytest.mark.parametrize("wanted", [False, True])
def test_an_answer_is_a_stream_unless_the_request_says_otherwise(stream: Any, streamed: bool, wanted: bool):
    exchange = decoded(chat() if stream == "absent" else chat(stream=stream))

    assert exchange.stream is streamed
    assert json.loads(CHAT.encode_request(exchange, exchange.content, stream=wanted)) == chat(stream=wanted)


def test_what_is_forwarded_is_what_was_sent_but_for_what_was_changed():
    body = chat(
        "my secret é 中 😀", {"role": "assistant", "content": "x", "tool_calls": CALLS}, stream=False, x_new=[1.5]
    )
    exchange = decoded(body)

    assert json.loads(CHAT.encode_request(exchange, exchange.content, stream=False)) == body
    masked = edited(exchange.content, lambda text: text.replace("my secret", "<X>"))
    assert json.loads(CHAT.encode_request(exchange, masked, stream=False))["messages"][0]["content"] == "<X> é 中 😀"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", None),
        ({"messages": []}, "missing_field", "/model"),
        (chat(stream="no"), "invalid_type", "/stream"),
        (chat({"role": "control", "content": "x"}), "unknown_role", "/messages/0/role"),
        (chat(Messages=[]), "case_variant_key", None),
        ({**chat(), "me\u017f\u017fages": []}, "case_variant_key", None),
        (chat({"role": "user", "Content": "x"}), "case_variant_key", "/messages/0"),
        (chat({"role": "user", "content": "x", "images": "x"}), "invalid_type", "/messages/0/images"),
        (chat({"role": "user", "content": "x", "tool_calls": [{"Function": {}}]}), "case_variant_key",
         "/messages/0/tool_calls/0"),
        (chat(guardrails=[]), "policy_override", None),
    ],
)  # fmt: skip
def test_a_refusal_names_the_place(body: Any, code: str, param: str | None):
    with pytest.raises(RequestError) as error:
        decoded(body)

    assert (error.value.code, error.value.param) == (code, param)


def test_a_context_of_anything_but_numbers_is_refused():
    with pytest.raises(RequestError) as error:
        decoded(generate(context=["secret"]), GENERATE)

    assert error.value.param == "/context"
    assert decoded(generate(context=[]), GENERATE).content.parts == decoded(generate(), GENERATE).content.parts


@pytest.mark.parametrize(("body", "adapter"), [(answer("é 中 😀", thinking="why", tool_calls=CALLS), CHAT),
                                               (completion("é 中 😀", thinking="why"), GENERATE)])  # fmt: skip
def test_an_answer_comes_back_as_it_was(body: Any, adapter: OllamaAdapter):
    exchange = decoded({**chat(), "prompt": "x", "stream": False}, adapter)
    whole = adapter.decode_response(exchange, json.dumps(body).encode())

    assert whole.media_type == JSON
    assert json.loads(adapter.encode_response(exchange, whole, whole.content)) == body
    assert {part.role for part in whole.content.parts} == {"assistant"}
    assert not any(part.text.isdigit() for part in whole.content.parts if isinstance(part, TextPart))


def test_a_duration_that_spells_a_card_is_judged():
    content = answered({**answer("x"), "eval_duration": 4_111_111_111_111_111}).content

    assert any(isinstance(part, TextPart) and part.text == "4111111111111111" for part in content.parts)


def test_token_numbers_of_an_answer_are_left_out():
    whole = answered(completion("x", context=[1, 2, 3]), GENERATE)

    assert json.loads(GENERATE.encode_response(decoded(generate(stream=False), GENERATE), whole, whole.content)) == (
        completion("x")
    )


@pytest.mark.parametrize("spelled", [("my ", "secret"), ("MY ", "SECRET")])
@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_judged_and_go_when_the_text_beside_them_was_changed(*, stream: bool, spelled: tuple[str, str]):
    tokens = [{"token": one, "logprob": -1.0, "bytes": list(one.encode())} for one in spelled]
    body = json.dumps({**answer("my secret"), "logprobs": tokens}).encode()
    exchange = decoded(chat(stream=stream, logprobs=True))
    whole, other = CHAT.decode_response(exchange, body), CHAT.decode_response(exchange, body)

    masked = CHAT.encode_response(exchange, whole, edited(whole.content, lambda text: text.replace("my secret", "<X>")))

    assert ("logprobs", "assistant", "".join(spelled)) in told(whole.content)
    assert b"secret" not in masked.lower()
    assert b'"token":"my "' in CHAT.encode_response(exchange, other, other.content).lower()
    assert CHAT.open_stream(exchange) is None


@pytest.mark.parametrize("body", [[], {}, {"message": "x"}, {"message": None}, {"Message": {}}, {"response": "x"},
                                  {"message": {"Content": "x"}}])  # fmt: skip
def test_an_answer_of_another_shape_is_refused(body: Any):
    with pytest.raises(RequestError):
        answered(body)


def test_errors_are_read_leaf_by_leaf_and_written_as_clients_know_them():
    failure = CHAT.decode_failure(b'{"error":"model \'secret\' not found"}')
    masked = edited(failure.content, lambda text: text.replace("secret", "<X>"))

    assert json.loads(CHAT.encode_failure(failure, masked)) == {"error": "model '<X>' not found"}
    refused = CHAT.encode_refusal(Refusal("content_filter", "Not here.", ("rule",)))
    assert json.loads(refused) == {"error": "Not here.", "code": "content_filter"}
    assert ollama.ResponseError(refused.decode(), 400).error == "Not here."
    with pytest.raises(RequestError):
        CHAT.decode_failure(b'"Bad Gateway"')


def _holds(content: Content, place: str) -> bool:
    if any(isinstance(part, TextPart) and CANARY in part.text for part in content.parts):
        return True
    return ("image" in place or "[bytes]" in place) and any(not isinstance(part, TextPart) for part in content.parts)


@pytest.mark.parametrize(("hint", "adapter"), [(ChatRequest, CHAT), (GenerateRequest, GENERATE)])
def test_census_a_text_in_any_field_of_a_request_is_a_part_or_refused(hint: Any, adapter: OllamaAdapter):
    count = refused = 0
    for place, document in planted(hint, CANARY):
        count += 1
        try:
            content = decoded(_plain(document), adapter).content
        except RequestError:
            refused += 1
            continue
        assert _holds(content, place), place
    assert count > 60
    assert refused < 0.15 * count


@pytest.mark.parametrize(("hint", "adapter"), [(ollama.ChatResponse, CHAT), (ollama.GenerateResponse, GENERATE)])
def test_census_a_text_in_any_field_of_an_answer_is_a_part_or_left_out_or_refused(hint: Any, adapter: OllamaAdapter):
    count = refused = 0
    for place, document in planted(hint, CANARY):
        count += 1
        try:
            whole = answered(_plain(document), adapter)
        except RequestError:
            refused += 1
            continue
        released = adapter.encode_response(decoded(chat(), adapter), whole, whole.content)
        assert _holds(whole.content, place) or CANARY.encode() not in released, place
    assert count > 25
    assert refused < 0.15 * count


@pytest.mark.parametrize(("hint", "adapter"), [(ChatRequest, CHAT), (GenerateRequest, GENERATE)])
def test_census_no_documented_field_of_a_request_is_an_unknown_one(hint: Any, adapter: OllamaAdapter):
    for place, document in planted(hint, "word"):
        if place.endswith(("~key", "/undeclared", "/?")) or "<Mapping>" in place:
            continue
        try:
            content = decoded(_plain(document), adapter).content
        except RequestError:
            continue
        assert not any(part.kind in {"key", "unknown"} for part in content.parts), place


def _plain(document: Any) -> Any:
    """*document* as the client serializes it, its images as strings; and of a role, where any word is one to it."""
    if isinstance(document, dict) and document.get("role") == "x":
        document = {**document, "role": "user"}
    if isinstance(document, dict):
        if set(document) <= {"value", "undeclared", CANARY, "word"} and "value" in document:
            return document["value"]
        return {key: _plain(value) for key, value in document.items()}
    return [_plain(item) for item in document] if isinstance(document, list) else document


# Streams


def lines(*documents: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in documents)


def piece(content: str = "", **message: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "created_at": AT,
        "message": {"role": "assistant", "content": content, **message},
        "done": False,
    }


def streamed(*texts: str) -> bytes:
    return lines(*map(piece, texts), answer())


def items(pieces: Iterable[bytes], codec: OllamaStream | None = None) -> list[Item]:
    codec = codec or OllamaStream.of_chat()
    found = [item for one in pieces for item in codec.read(one)]
    return found + list(codec.finish())


def joined(found: Iterable[Item]) -> list[Any]:
    """*found* with adjacent deltas of a lane made one; events as they compare."""
    out: list[Any] = []
    for item in found:
        if isinstance(item, Delta) and out and isinstance(out[-1], Delta) and out[-1].lane == item.lane:
            out[-1] = Delta(item.lane, out[-1].text + item.text)
        else:
            out.append(item)
    return [repr(one) if isinstance(one, Event) else one for one in out]


def through(stream: bytes, change: Callable[[str], str] = str, codec: OllamaStream | None = None) -> bytes:
    """What a client gets by the simplest gate: each text until something else comes, then changed, in order."""
    codec, held, out = codec or OllamaStream.of_chat(), dict[Lane, str](), []

    def flush() -> None:
        out.extend(codec.text(lane, change(text)) for lane, text in held.items())
        held.clear()

    for item in (*codec.read(stream), *codec.finish()):
        if isinstance(item, Delta):
            held[item.lane] = held.get(item.lane, "") + item.text
        elif isinstance(item, Event | Pause):
            flush()
            if isinstance(item, Event):
                after = None if item.content is None else edited(item.content, change)
                out.append(codec.event(item.payload, item.content, after))
    flush()
    return b"".join((*out, codec.done()))


def client(stream: bytes) -> ollama.Client:
    """The real client, before a server that answers *stream*."""
    return ollama.Client(
        "http://127.0.0.1:1", transport=httpx.MockTransport(lambda _: httpx.Response(200, content=stream))
    )


def heard(stream: bytes) -> dict[str, Any]:
    """What the real client's pieces of a chat add up to."""
    with client(stream) as real:
        pieces = list(real.chat("m", [{"role": "user", "content": "hi"}], stream=True))
    last = pieces[-1]
    assert last.done
    return {
        "content": "".join(one.message.content or "" for one in pieces),
        "thinking": "".join(one.message.thinking or "" for one in pieces),
        "tool_calls": [call.model_dump() for one in pieces for call in one.message.tool_calls or ()],
        "about": {(one.model, one.created_at, one.message.role) for one in pieces},
        "ending": last.model_dump(exclude={"message"}),
    }


def heard_generated(stream: bytes) -> tuple[str, str, str | None]:
    with client(stream) as real:
        pieces = list(real.generate("m", "hi", stream=True))
    assert pieces[-1].done
    return "".join(p.response or "" for p in pieces), "".join(p.thinking or "" for p in pieces), pieces[-1].done_reason


def whole_stream(body: Any, adapter: OllamaAdapter = CHAT) -> bytes:
    exchange = decoded({"model": "m"}, adapter)
    whole = adapter.decode_response(exchange, json.dumps(body).encode())
    assert whole.media_type == LINES
    return adapter.encode_response(exchange, whole, whole.content)


def test_a_whole_answer_written_as_a_stream_says_to_the_real_client_what_it_says():
    body = answer("é 中 \u2028\x85 😀", thinking="why", tool_calls=CALLS)

    got = heard(whole_stream(body))

    assert (got["content"], got["thinking"], got["tool_calls"]) == ("é 中 \u2028\x85 😀", "why", CALLS)
    assert got["about"] == {("m", AT, "assistant")}
    assert got["ending"] == ollama.ChatResponse(**body).model_dump(exclude={"message"})
    assert heard(through(whole_stream(body))) == got
    assert heard_generated(whole_stream(completion("x", thinking="why"), GENERATE)) == ("x", "why", "stop")


def test_a_stream_that_is_read_and_written_again_says_the_same():
    stream = lines(piece(thinking="wh"), piece(thinking="y?"), piece("le"), piece("t", tool_calls=CALLS), answer("."))

    again = through(stream)

    assert again == through(again)
    assert heard(again) == heard(stream)
    assert heard(again)["content"] == "let."


def test_lanes_say_what_they_are():
    found = items([lines(piece(thinking="why"), piece("one"), piece("two"), piece(tool_calls=CALLS), answer())])

    lanes = {item.lane.path: (item.lane.pointer, item.lane.kind) for item in found if isinstance(item, Delta)}
    assert lanes == {("message", "thinking"): ("/message/thinking", "reasoning"),
                     ("message", "content"): ("/message/content", "message")}  # fmt: skip
    assert [type(item) for item in found] == [Event, Delta, Pause, Delta, Delta, Event, End, End, Event]
    assert isinstance(found[-1], Event)
    assert found[-1].last


texts = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), max_size=4)


@settings(max_examples=60)
@given(said=texts, cuts=st.lists(st.integers(0, 1000), max_size=30), ending=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_cut_of_the_bytes_gives_the_same_items(said: list[str], cuts: list[int], ending: bytes):
    stream = streamed(*said).replace(b"\n", ending).rstrip()
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})

    found = items(stream[low:high] for low, high in pairwise(places))

    assert joined(found) == joined(items([streamed(*said)]))
    assert "".join(item.text for item in found if isinstance(item, Delta)) == "".join(said)


@settings(max_examples=40)
@given(said=texts, size=st.integers(1, 5))
def test_text_released_in_other_pieces_is_the_same_text_to_the_client(said: list[str], size: int):
    codec = OllamaStream.of_chat()
    out = []
    for item in codec.read(streamed(*said)):
        if isinstance(item, Delta):
            out += [codec.text(item.lane, item.text[n : n + size]) for n in range(0, len(item.text), size)]
        elif isinstance(item, Event):
            out.append(codec.event(item.payload, item.content, item.content))

    assert heard(b"".join(out))["content"] == "".join(said)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\n" + streamed("a") + b"\n", id="empty lines"),
        pytest.param(streamed("a") + streamed("after"), id="lines after the end"),
        pytest.param(streamed("a").rstrip(), id="the last line has no end"),
        pytest.param(lines({**piece("a"), "x_new": "pad", "context": [1]}, answer()), id="unknown fields"),
        pytest.param(lines({**piece("a"), "logprobs": [{"token": "a", "logprob": -1}]}, answer()), id="tokens"),
        pytest.param(lines({**piece("a"), "error": ""}, answer()), id="no error"),
        pytest.param(lines(piece("a"), {**piece(), "model": "other"}, answer()), id="another name"),
        pytest.param(
            lines(piece(), piece("a"), {k: v for k, v in answer().items() if k != "message"}), id="no message"
        ),
    ],
)  # fmt: skip
def test_what_clients_take_is_taken_and_written_as_the_protocol_says(stream: bytes):
    assert _lines(through(stream)) == _lines(through(streamed("a")))


def _lines(stream: bytes) -> list[Any]:
    return [json.loads(line) for line in stream.splitlines()]


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><body>Bad Gateway</body></html>", id="a page"),
        pytest.param(lines(piece("a")), id="no end"),
        pytest.param(streamed("a")[:-20], id="the last line is cut"),
        pytest.param(lines(piece("a")) + b"data: {}\n", id="events"),
        pytest.param(lines(piece("a")) + b"[]\n", id="no object"),
        pytest.param(lines(piece("a")) + b'{"done":true,"done":false}\n', id="a key twice"),
        pytest.param(lines({"message": "a"}, answer()), id="no message"),
        pytest.param(lines({"message": {"content": ["a"]}}, answer()), id="a text that is a list"),
        pytest.param(lines({**answer("a"), "Message": {"content": "b"}}), id="another case"),
    ],
)
def test_what_is_no_answer_is_refused(stream: bytes):
    with pytest.raises(RequestError):
        items([stream])


def test_changed_texts_calls_and_endings_come_out_changed():
    call = {"function": {"name": "f", "arguments": {"q": "my secret"}}}
    stream = lines(piece("my sec"), piece("ret", tool_calls=[call]), {**answer(), "x_new": "my secret"})

    sent = through(stream, lambda text: text.replace("my secret", "<X>"))

    assert b"secret" not in sent
    assert heard(sent)["content"] == "<X>"
    assert heard(sent)["tool_calls"][0]["function"]["arguments"] == {"q": "<X>"}


def test_a_picture_of_an_answer_is_judged_whole():
    stream = lines({"model": "m", "completed": 1, "total": 2, "done": False}, completion("", image=PNG))
    found = items([stream], OllamaStream.of_generate())

    parts = [part for item in found if isinstance(item, Event) and item.content for part in item.content.parts]
    assert [type(part) for part in parts if not isinstance(part, TextPart)] == [ImagePart]
    sent = [json.loads(line) for line in through(stream, codec=OllamaStream.of_generate()).splitlines()]
    assert sent[0] == {"model": "m", "response": "", "completed": 1, "total": 2, "done": False}
    assert sent[1]["image"] == PNG


def test_an_error_line_of_the_upstream_is_judged_and_is_the_last():
    stream = lines(piece("a"), {"error": "my secret", "more": "x"}, piece("b"))

    last = items([stream])[-1]

    assert isinstance(last, Event)
    assert (last.last, last.group) == (True, None)
    sent = through(stream, lambda text: text.replace("my secret", "<X>"))
    with pytest.raises(ollama.ResponseError) as raised:
        heard(sent)
    assert raised.value.error == "<X>"
    assert sent.count(b"\n") == 2


def cut_off(*documents: dict[str, Any]) -> tuple[OllamaStream, bytes]:
    """A codec in the middle of an answer, and what it wrote of it."""
    codec = OllamaStream.of_chat()
    out = b""
    for item in codec.read(lines(*documents)):
        if isinstance(item, Delta):
            out += codec.text(item.lane, item.text)
        elif isinstance(item, Event):
            out += codec.event(item.payload, item.content, item.content)
    return codec, out


@pytest.mark.parametrize("before", [(), (piece("so far"),), (piece(thinking="hm"), piece(tool_calls=CALLS))])
def test_an_answer_that_is_cut_off_by_the_policy_ends_with_that_reason(before: tuple[dict[str, Any], ...]):
    codec, written = cut_off(*before)

    stream = written + codec.refused(Refusal("content_filter", "Not here.", ("rule",)))

    got = heard(stream)
    assert got["ending"]["done_reason"] == "content_filter"
    assert got["content"] == ("so far" if b"so far" in written else "")
    assert json.loads(stream.splitlines()[-1])["refusal"] == "Not here."
    generated = OllamaStream.of_generate().refused(Refusal("content_filter", "Not here."))
    assert heard_generated(generated) == ("", "", "content_filter")


def test_an_answer_that_fails_ends_as_an_error_that_clients_raise():
    codec, written = cut_off(piece("so far"))

    with pytest.raises(ollama.ResponseError) as raised:
        heard(written + codec.failed("guard_unavailable", "A check failed."))

    assert raised.value.error == "A check failed."


def test_the_name_of_the_model_is_known_once_it_was_said():
    codec, _ = cut_off(piece("a"))

    assert codec.model == "m"


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("hint", [ollama.ChatResponse, ollama.GenerateResponse])
def test_census_a_text_in_any_field_of_a_line_is_a_part_or_left_out_or_refused(hint: Any, done: bool):
    make = OllamaStream.of_chat if hint is ollama.ChatResponse else OllamaStream.of_generate
    ending = answer() if hint is ollama.ChatResponse else completion()
    count = seen = 0
    for place, document in planted(hint, CANARY):
        count += 1
        line = _plain(document)
        stream = lines(line if place.startswith("/done") and "reason" not in place else {**line, "done": done}, ending)
        try:
            found = items([stream], make())
        except RequestError:
            continue
        parts = [part for item in found if isinstance(item, Event) and item.content for part in item.content.parts]
        grown = "".join(item.text for item in found if isinstance(item, Delta))
        if CANARY in grown or any(isinstance(part, TextPart) and CANARY in part.text for part in parts):
            seen += 1
        elif not ("image" in place and any(not isinstance(part, TextPart) for part in parts)):
            assert CANARY.encode() not in through(stream, codec=make()), place
    assert count > 25
    assert seen > (0.5 if done else 0.4) * count
