from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response
from openai.types.responses.response_stream_event import ResponseStreamEvent
from pydantic import TypeAdapter

from guard.content import AudioPart, ImagePart, OpaquePart, TextPart
from guard.decision import Refusal
from guard.errors import RequestError
from guard.protocols.adapter import Answer, Exchange
from guard.protocols.openai_responses import ADAPTER
from guard.protocols.openai_responses_stream import ResponsesStream
from tests.protocols.gates import Gate, cut, documents, edited, frames, items_of

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
SEALED = base64.urlsafe_b64encode(b"\x80" + bytes(range(128, 256)) * 2).decode()
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def request(given: Any = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "input": given, **more}


def decoded(body: Any) -> Exchange:
    return ADAPTER.decode_request(json.dumps(body).encode())


def answer(*output: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "created_at": 1_790_000_000, "model": "m", "status": "completed",
        "error": None, "incomplete_details": None, "output": list(output), "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], **more,
    }  # fmt: skip


def said(text: str, number: int = 0, **more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], **more}
    return {"type": "message", "id": f"msg_{number}", "status": "completed", "role": "assistant", "content": [part]}


def called(arguments: str, number: int = 0) -> dict[str, Any]:
    return {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": "look_up",
            "arguments": arguments, "status": "completed"}  # fmt: skip


def thought(*summary: str, text: str | None = None) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_1"}
    item["summary"] = [{"type": "summary_text", "text": one} for one in summary]
    if text is not None:
        item["content"] = [{"type": "reasoning_text", "text": text}]
    return item


def answered(body: Any, asked: Any = None) -> Answer:
    return ADAPTER.decode_response(Exchange((), asked or {}), json.dumps(body).encode())


def texts(parts: Any) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in parts if isinstance(part, TextPart)]


def accumulated(stream: bytes) -> Response:
    """What openai's own client makes of a stream that completes."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for document in documents(stream):
        if "aura" not in document:  # no event that openai knows
            state.handle_event(EVENTS.validate_python(document))
    assert state._completed_response is not None
    return state._completed_response


# ---------------------------------------------------------------------- requests


def test_every_text_of_a_request_is_a_part_with_its_kind_and_role():
    exchange = decoded(
        request(
            [
                {"role": "user", "content": "look"},
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be kind"}]},
                {**said("done"), "phase": "final_answer"},
                thought("so", text="hm"),
                called('{"q": 1}'),
                {"type": "function_call_output", "call_id": "call_0", "output": "found"},
                {"type": "custom_tool_call", "call_id": "c", "name": "draw", "input": "a line"},
                {"type": "custom_tool_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "ok"}]},
                {"type": "mcp_call", "id": "m", "server_label": "s", "name": "n", "arguments": "{}", "output": "o"},
            ],
            instructions="be brief",
            metadata={"team": "green"},
        )
    )  # fmt: skip

    assert [(p.kind, p.role, p.text) for p in exchange.content.parts if isinstance(p, TextPart)] == [
        ("message", "user", "look"),
        ("message", "developer", "be kind"),
        ("message", "assistant", "done"),
        ("reasoning", None, "so"),
        ("reasoning", None, "hm"),
        ("name", None, "look_up"),
        ("tool_arguments", None, '{"q": 1}'),
        ("tool_result", None, "found"),
        ("name", None, "draw"),
        ("tool_arguments", None, "a line"),
        ("tool_result", None, "ok"),
        ("name", None, "s"),
        ("name", None, "n"),
        ("tool_arguments", None, "{}"),
        ("tool_result", None, "o"),
        ("message", "system", "be brief"),
        ("name", None, "team"),
        ("name", None, "green"),
    ]
    assert (exchange.content.model, exchange.stream) == ("m", False)


def test_a_plain_input_is_what_the_user_says():
    (part,) = decoded(request("hello")).content.parts

    assert (part.kind, part.role, part.path) == ("message", "user", ("input",))


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"},
        {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{PNG}"},
    ],
)
def test_a_picture_is_a_picture(part: Any):
    parts = decoded(request([{"role": "user", "content": [part]}])).content.parts

    assert [type(one) for one in parts] == [ImagePart]


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1", "variables": {"city": "Rome"}}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/a.png"}]}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file_1"]}}]},
        {"tools": [{"type": "image_generation", "input_image_mask": {"file_id": "file_1"}}]},
    ],
)
def test_what_the_generator_keeps_and_nobody_here_saw_cannot_be_read(more: Any):
    parts = decoded({**request(), **more}).content.parts

    assert [type(part) for part in parts].count(OpaquePart) == 1


def test_the_variables_of_a_stored_prompt_are_judged_with_their_names():
    variables = {"city": "Rome", "note": {"type": "input_text", "text": "near the river"}}
    parts = decoded({"prompt": {"id": "pmpt_1", "variables": variables}}).content.parts

    assert texts(parts)[1:] == [
        ("name", "city"), ("message", "Rome"), ("name", "note"), ("message", "near the river"),
    ]  # fmt: skip


def test_what_only_the_generator_can_read_is_exempt_while_it_is_that():
    exempt = dict(decoded(request([{**thought("x"), "encrypted_content": SEALED}])).content.exempt)
    assert exempt["encrypted"] == 1

    secret = base64.b64encode(b"a plain text, encoded to look as if nobody could read it " * 2).decode()
    for readable in (
        "plain text",
        secret,
        PNG * 2,
        base64.b64encode(os.urandom(30) + b"a word or two of plain text").decode(),
    ):
        content = decoded(request([{**thought("x"), "encrypted_content": readable}])).content
        assert "encrypted" not in dict(content.exempt)
        assert len(content.parts) > 1


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", None),
        ({"model": "m"}, "missing_field", "/input"),
        ({"model": "m", "input": []}, "missing_field", "/input"),
        ({"input": "x"}, "missing_field", "/model"),
        (request(stream="yes"), "invalid_type", "/stream"),
        (request(background=True), "unsupported_value", "/background"),
        (request(background="true"), "unsupported_value", "/background"),
        (request({"role": "user"}), "invalid_type", "/input"),
        (request([{"role": "bard", "content": "x"}]), "unknown_role", "/input/0/role"),
        (request([{"type": "spell"}]), "unknown_type", "/input/0/type"),
        (request([{"role": "user", "content": [{"type": "song"}]}]), "unknown_type", "/input/0/content/0/type"),
        (request(Instructions="x"), "case_variant_key", None),
        (request(guardrails=[]), "policy_override", None),
    ],
)
def test_a_refusal_names_the_place(body: Any, code: str, param: str | None):
    with pytest.raises(RequestError) as error:
        decoded(body)

    assert (error.value.code, error.value.param) == (code, param)


def test_what_is_forwarded_is_what_was_sent_but_for_the_stream():
    body = request(
        "é 中 😀", temperature=0.5, x_new={"a": [1.5]}, stream=True, stream_options={"include_obfuscation": False}
    )
    exchange = decoded(body)

    whole = json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=False))
    assert whole == {**{k: v for k, v in body.items() if k != "stream_options"}, "stream": False}
    assert json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=True)) == body


def test_a_stream_may_be_asked_for_where_the_client_did_not():
    exchange = decoded(request())

    assert json.loads(ADAPTER.encode_request(exchange, exchange.content, stream=True)) == request(stream=True)


# ---------------------------------------------------------------------- whole answers


def test_every_text_of_an_answer_is_a_part_of_the_generator():
    cited = {"type": "url_citation", "url": "https://example.org/", "title": "t", "start_index": 0, "end_index": 1}
    refused = {**said(""), "content": [{"type": "refusal", "refusal": "no"}]}
    whole = answered(answer(thought("why"), said("one", annotations=[cited]), refused, called("{}")))

    assert texts(whole.content.parts) == [
        ("reasoning", "why"), ("message", "one"), ("url", "https://example.org/"), ("message", "t"),
        ("refusal", "no"), ("name", "look_up"), ("tool_arguments", "{}"),
    ]  # fmt: skip
    assert {part.role for part in whole.content.parts} == {"assistant"}


def test_what_an_answer_repeats_of_the_request_is_not_judged_again():
    asked = request(instructions="be brief", tools=[{"type": "function", "name": "look_up"}])
    repeated = answered(answer(said("x"), instructions="be brief", tools=asked["tools"]), asked)
    other = answered(answer(said("x"), instructions="be rude", tools=asked["tools"]), asked)

    assert texts(repeated.content.parts) == [("message", "x")]
    assert dict(repeated.content.exempt)["echo"] == 2
    assert ("message", "be rude") in texts(other.content.parts)


def test_an_answers_pictures_and_unknown_items_are_judged():
    drawn = {
        "type": "image_generation_call",
        "id": "ig_1",
        "status": "completed",
        "result": PNG,
        "revised_prompt": "cat",
    }
    whole = answered(answer(drawn, {"type": "hologram", "id": "h_1", "beam": "a beam"}))

    assert [type(part) for part in whole.content.parts].count(ImagePart) == 1
    assert ("message", "cat") in texts(whole.content.parts)
    assert ("unknown", "a beam") in texts(whole.content.parts)


@pytest.mark.parametrize("body", [[], {}, {"output": {}}, answer(status="queued"), answer("x"), {"choices": []}])
def test_an_answer_of_another_shape_is_refused(body: Any):
    with pytest.raises(RequestError):
        answered(body)


def test_a_changed_text_comes_back_without_its_tokens():
    tokens = [{"token": "my secret", "bytes": [], "logprob": -1.0, "top_logprobs": []}]
    whole = answered(answer(said("my secret", logprobs=tokens), said("fine", 1)))
    left = edited(whole.content, lambda text: text.replace("my secret", "<X>"))

    body = json.loads(ADAPTER.encode_response(decoded(request()), whole, left))

    assert [item["content"][0]["text"] for item in body["output"]] == ["<X>", "fine"]
    assert "secret" not in json.dumps(body)


FULL = answer(
    thought("first", "second", text="hm"),
    said("all is well", annotations=[{"type": "url_citation", "url": "https://example.org/", "title": "t",
                                     "start_index": 0, "end_index": 3}]),
    {**said("", 1), "content": [{"type": "refusal", "refusal": "no"}]},
    called('{"q": "one"}'),
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "draw", "input": "a line"},
    {"type": "code_interpreter_call", "id": "ci_1", "code": "print(1)", "container_id": "cntr_1",
     "outputs": [{"type": "logs", "logs": "1"}], "status": "completed"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "rain"}},
    {"type": "shell_call", "id": "sh_1", "call_id": "c2", "status": "completed", "environment": None,
     "action": {"commands": ["ls", "pwd"], "max_output_length": None, "timeout_ms": None}},
    {"type": "mcp_call", "id": "mcp_1", "server_label": "s", "name": "n", "arguments": "{}", "output": "found",
     "error": None, "status": "completed"},
    instructions="be brief", usage=None,
)  # fmt: skip


def test_a_stream_says_to_the_real_client_what_the_whole_answer_says():
    whole = answered(FULL)
    stream = ADAPTER.encode_response(decoded(request(stream=True)), whole, whole.content)

    assert documents(stream)[-1]["response"] == FULL
    assert accumulated(stream).output_text == Response.model_validate(FULL).output_text == "all is well"
    assert [one["sequence_number"] for one in documents(stream)] == list(range(len(documents(stream))))
    assert b"event: response.created\n" in stream


# ---------------------------------------------------------------------- streams


def stream_of(body: dict[str, Any]) -> bytes:
    whole = answered(body)
    return ADAPTER.encode_response(Exchange((), {}, stream=True), whole, whole.content)


def test_a_stream_goes_through_as_it_was():
    stream = stream_of(FULL)
    gate = Gate(ResponsesStream({}))

    assert documents(gate.send(stream)) == documents(stream)


def test_a_stream_is_judged_like_the_whole_answer():
    gate = Gate(ResponsesStream({}))
    gate.send(stream_of(FULL))

    whole = {(part.kind, part.path, part.text) for part in answered(FULL).content.parts if part.text}  # type: ignore[union-attr]
    streamed = {
        (part.kind, part.path[1:] if part.path[0] == "response" else part.path, part.text)
        for part in gate.judged
        if isinstance(part, TextPart) and part.text
    }
    assert streamed == whole
    assert len(gate.texts) == len(whole), "each once"


def test_an_edit_reaches_every_place_that_repeats_a_text():
    masked = Gate(
        ResponsesStream({}), lambda text: text.upper() if text in {"all is well", "be brief", "t", "ls"} else text
    )

    out = masked.send(stream_of(FULL))

    for word in (b"all is well", b"be brief", b'"title":"t"', b'"ls"'):
        assert word not in out
    final = accumulated(out)
    assert final.output_text == "ALL IS WELL"
    assert final.instructions == "BE BRIEF"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_cut_of_the_bytes_reads_the_same(size: int, end: bytes):
    stream = stream_of(FULL)

    expected = items_of(ResponsesStream({}), [stream])
    assert items_of(ResponsesStream({}), cut(stream.replace(b"\n", end), size)) == expected


WORDS = st.lists(st.sampled_from(["all ", "is", " well", ".\n", "é", "中"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=3), st.data())
def test_whatever_is_released_reads_the_same_again(texts: list[list[str]], data: st.DataObject):
    """Texts cut anywhere, with strangers between the pieces, some told in deltas and some at the end alone."""
    events: list[Any] = []
    for number, pieces in enumerate(texts):
        events += opened(number)
        told = data.draw(st.integers(0, len(pieces)))
        for piece in pieces[:told]:
            events += data.draw(st.sampled_from([[], [event("aura.changed", aura="x")]]))
            events.append(delta(piece, number))
        if number + 1 < len(texts) or data.draw(st.booleans()):  # a text that goes on behind the next is none
            events.append(event("output_item.done", output_index=number, item=said("".join(pieces), number)))
    events.append(completed(*(said("".join(pieces), number) for number, pieces in enumerate(texts))))
    first = Gate(ResponsesStream({}), str.upper)
    out = first.send(frames(*events))
    second = Gate(ResponsesStream({}))

    assert documents(second.send(out)) == documents(out)
    assert accumulated(out).output_text == "".join(map("".join, texts)).upper()
    lanes = [part.text for part in first.judged if isinstance(part, TextPart) and part.path[:1] == ("output",)]
    assert "".join(text for text in lanes if text and not text.startswith("msg_")) == "".join(map("".join, texts))


def test_an_id_that_is_masked_is_masked_in_every_event():
    begun = [{**one, "item_id": "ana@example.org"} if "item_id" in one else one for one in opened()]
    begun[-1]["part"]["text"] = "all "
    gate = Gate(ResponsesStream({}), lambda text: text.replace("ana@example.org", "<X>"))

    out = gate.send(frames(*begun, completed(said("all is well"))))

    assert b"ana@" not in out
    assert accumulated(out).output_text == "all is well"


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "sequence_number": 7, **more}


def opened(number: int = 0) -> list[dict[str, Any]]:
    item = {**said("", number), "content": [], "status": "in_progress"}
    at = {"item_id": f"msg_{number}", "output_index": number, "content_index": 0}
    begun = event("created", response=answer(status="in_progress"))
    return [
        *([begun] if number == 0 else []),
        event("output_item.added", output_index=number, item=item),
        event("content_part.added", **at, part={"type": "output_text", "text": "", "annotations": []}),
    ]


def delta(text: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return event("output_text.delta", item_id=f"msg_{number}", output_index=number, content_index=0, delta=text, **more)


def completed(*output: Any, **more: Any) -> dict[str, Any]:
    return event("completed", response=answer(*output, **more))


def test_deltas_are_put_together_and_nothing_else_of_them_is_passed_on():
    tokens = [{"token": "secret", "logprob": -1}]
    body = frames(
        *opened(), delta("al", obfuscation="xyz", logprobs=tokens), delta("l is well"), completed(said("all is well"))
    )
    gate = Gate(ResponsesStream({}))

    out = gate.send(body)

    assert gate.texts == ["all is well"]
    assert b"xyz" not in out
    assert b"secret" not in out
    assert accumulated(out).output_text == "all is well"


def test_a_text_that_is_only_told_whole_is_judged_and_told_so():
    gate = Gate(ResponsesStream({}), str.upper)

    done = event("output_item.done", output_index=0, item=said("hi"))
    out = gate.send(frames(event("created", response=answer()), done, completed(said("hi"))))

    assert gate.texts == ["hi"]
    assert "response.output_text.delta" not in [one["type"] for one in documents(out)]
    assert [one["item"]["content"][0]["text"] for one in documents(out) if "item" in one] == ["HI"]
    assert documents(out)[-1]["response"]["output"][0]["content"][0]["text"] == "HI"


def test_the_rest_of_a_text_that_its_end_tells_is_taken():
    at = {"item_id": "msg_0", "output_index": 0, "content_index": 0}
    gate = Gate(ResponsesStream({}))

    out = gate.send(frames(*opened(), delta("all "), event("output_text.done", **at, text="all is well", logprobs=[]),
                           completed(said("all is well"))))  # fmt: skip

    assert gate.texts == ["all is well"]
    assert accumulated(out).output_text == "all is well"


def test_a_whole_that_is_not_what_came_is_not_believed():
    out = Gate(ResponsesStream({})).send(frames(*opened(), delta("fine"), completed(said("something else"))))

    assert b"something else" not in out
    assert accumulated(out).output_text == "fine"


def test_texts_of_one_kind_are_read_as_one():
    codec = ResponsesStream({})
    items = items_of(
        codec, [frames(*opened(), delta("ca"), *opened(1), delta("t", 1), completed(said("ca"), said("t", 1)))]
    )

    lanes = [item.lane for item in items if hasattr(item, "text")]
    assert [lane.key for lane in lanes] == [("message",), ("message",)]
    ends = [index for index, item in enumerate(items) if type(item).__name__ == "End"]
    second = next(index for index, item in enumerate(items) if getattr(item, "text", "") == "t")
    assert ends[0] < second


def test_unknown_events_and_fields_are_judged_and_passed_on():
    unknown = event("aura.changed", output_index=0, aura={"colour": "a hue"})
    more = (
        event("aura.delta", item_id="msg_0", output_index=0, delta="hum"),
        event("aura.delta", item_id="msg_0", output_index=0, delta="ming"),
    )
    gate = Gate(ResponsesStream({}))

    out = gate.send(
        frames(*opened(), unknown, *more, delta("x", note="a no"), delta("y", note="te"), completed(said("xy")))
    )

    assert {"a hue", "humming", "a note", "note", "xy"} <= set(gate.texts)
    assert [one["aura"] for one in documents(out) if "aura" in one] == [{"colour": "a hue"}]
    assert [one["delta"] for one in documents(out) if one["type"] == "response.aura.delta"] == ["humming"]
    assert "".join(one.get("note") or "" for one in documents(out)) == "a note"


def test_the_id_of_an_item_that_is_a_text_is_judged():
    gate = Gate(ResponsesStream({}))
    gate.send(frames(*opened(), {**delta("x"), "item_id": "an id that says much"}, completed(said("x"))))

    assert "an id that says much" in gate.texts


def test_media_that_turn_up_unasked_are_there_to_be_decided_about():
    gate = Gate(ResponsesStream({}))
    gate.send(
        frames(
            *opened(),
            event("audio.delta", delta="UklGRg=="),
            event("image_generation_call.partial_image", item_id="i", output_index=1, partial_image_index=0,
                  partial_image_b64=PNG),
            completed(said("")),
        )
    )  # fmt: skip

    assert [type(part) for part in gate.judged if not isinstance(part, TextPart)] == [AudioPart, ImagePart]


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "code": "server_error", "message": "it said: secret", "param": None, "sequence_number": 3},
        {"error": {"message": "it said: secret", "type": "server_error"}},
        {"type": "response.strange", "error": "it said: secret"},
    ],
)
def test_an_error_is_judged_and_ends_the_answer(error: Any):
    gate = Gate(ResponsesStream({}), lambda text: text.replace("secret", "<X>"))

    out = gate.send(frames(*opened(), delta("all"), error, delta("more")))

    assert "all" in gate.texts
    assert "more" not in gate.texts
    assert b"secret" not in out
    assert b"it said: <X>" in out
    assert gate.codec.finished


@pytest.mark.parametrize(
    "stream",
    [
        b"data: {\n\n",
        b"data: [1]\n\n",
        b"data: {}\n\n",
        b"<html>502</html>",
        b"",
        frames(*opened(), delta("x")),
        frames(*opened(), delta("x")) + b"data: [DONE]\n\n",
        frames(*opened(), {**delta("x"), "output_index": "0"}),
        frames(*opened(), {**delta("x"), "output_index": 4111111111111111}),
        frames(*opened(), delta("x"), event("output_text.done", output_index=0, content_index=0, text="x"), delta("y")),
        frames(event("completed", response="x")),
        frames(event("content_part.added", output_index=0, content_index=0, part={"type": "song"})),
        frames(event("content_part.added", output_index=0, content_index=0, part=None)),
        frames(event("aura.changed", Item_id="x")),
        frames(event("completed", response={"output": ["x"]})),
    ],
)  # fmt: skip
def test_what_is_no_whole_stream_of_this_protocol_is_refused(stream: bytes):
    with pytest.raises(RequestError) as error:
        Gate(ResponsesStream({})).send(stream)

    assert error.value.code == "invalid_stream"


def test_nothing_after_the_end_is_read():
    stream = stream_of(FULL)

    assert items_of(ResponsesStream({}), [stream + frames(delta("more"), {"x": 1}) + b"data: {"]) == items_of(
        ResponsesStream({}), [stream]
    )


def test_a_block_ends_as_an_incomplete_answer_that_holds_what_was_released():
    codec = ResponsesStream({})
    gate = Gate(codec)
    out = b"".join(gate.release(item) for item in codec.read(frames(*opened(), delta("fine. "))))
    lane = next(iter(gate._held))
    out += codec.text(lane, "fine. ")
    out += codec.refused(Refusal("content_filter", "Not here.", ("rule",)))

    last = EVENTS.validate_python(documents(out)[-1])
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "content_filter"
    assert last.response.id == "resp_1"
    assert last.response.output_text == "fine. "
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for document in documents(out):
        state.handle_event(EVENTS.validate_python(document))


def test_a_block_before_anything_was_released_is_whole_too():
    (last,) = documents(ResponsesStream({}).refused(Refusal("content_filter", "Not here.", ("rule",))))

    assert EVENTS.validate_python(last).response.output == []


def test_a_failure_is_an_error_that_clients_raise_on():
    (last,) = documents(ResponsesStream({}).failed("guard_timeout", "Too slow."))

    assert EVENTS.validate_python(last).message == "Too slow."
    assert last["error"]["code"] == "guard_timeout"


@pytest.mark.parametrize(
    "more",
    [
        {"include": ["message.output_text.logprobs"]},
        {"top_logprobs": 2},
        {"tools": [{"type": "image_generation"}]},
    ],
)
def test_what_cannot_be_judged_piece_by_piece_is_asked_for_whole(more: Any):
    assert ADAPTER.open_stream(decoded(request(stream=True, **more))) is None
    assert ADAPTER.open_stream(decoded(request(stream=True))) is not None
