"""S16 to S23 for Anthropic messages, with the real client: nothing unseen, and what a block looks like to it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest
from anthropic.types import Message

from guard.audit import State
from tests.acceptance.census import planted
from tests.acceptance.conftest import Answer, House
from tests.fakes import CANARY, HARMLESS

ROUTE = "/v1/messages"
SEAL = base64.b64encode(bytes(range(128, 256)) * 2).decode()
Case = Callable[[str], Any]


def ask(*messages: Any, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": one} if isinstance(one, str | list) else one for one in messages]
    return {"model": "m", "max_tokens": 64, "messages": said, **more}


def message(*blocks: Any, **more: Any) -> dict[str, Any]:
    """An answer of *blocks*; a plain string is a text."""
    content = [{"type": "text", "text": one} if isinstance(one, str) else one for one in blocks]
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "stub", "content": content,
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 5}, **more,
    }  # fmt: skip


def thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": SEAL}


def calling(**given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": given}


def found(content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def events(document: dict[str, Any]) -> bytes:
    """*document* as the generator streams it: three characters at a time."""
    sent: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**document, "content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(document["content"]):
        begun, pieces = dict(block), []
        for key, kind, name in (("text", "text_delta", "text"), ("thinking", "thinking_delta", "thinking"),
                                ("input", "input_json_delta", "partial_json")):  # fmt: skip
            if key in block:
                whole = json.dumps(block[key]) if key == "input" else block[key]
                begun[key] = {} if key == "input" else ""
                pieces += [{"type": kind, name: whole[n : n + 3]} for n in range(0, len(whole), 3)]
        if "signature" in block:
            begun["signature"] = ""
            pieces.append({"type": "signature_delta", "signature": block["signature"]})
        sent.append({"type": "content_block_start", "index": index, "content_block": begun})
        sent += [{"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces]
        sent.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": document["stop_reason"], "stop_sequence": document["stop_sequence"]}
    counts = {"output_tokens": document["usage"]["output_tokens"]}
    sent += [{"type": "message_delta", "delta": ending, "usage": counts}, {"type": "message_stop"}]
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in sent)


class Claude:
    """A gateway whose generator speaks this protocol, streamed or not, as it is asked."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.says(message("all is well"))

    def says(self, document: dict[str, Any]) -> None:
        stream = {"answer": events(document), "headers": {"Content-Type": "text/event-stream"}}
        self.house.upstream.script = lambda body: stream if json.loads(body).get("stream") else {"answer": document}

    def client(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.house.url, api_key="sk-ant-client", max_retries=0)

    def send(self, body: Any, path: str = ROUTE) -> Answer:
        self.house.upstream.received.clear()
        return self.house.post(path, body, {"anthropic-version": "2023-06-01"})

    def blocks(self, body: Any, path: str = ROUTE, *, asked: bool = False) -> None:
        self.house.begin()
        answer = self.send(body, path)
        assert (answer.status, answer.headers["x-should-retry"]) == (400, "false"), answer.body
        assert answer.json["type"] == "error"
        assert answer.json["error"]["type"] == "invalid_request_error"
        assert answer.json["error"]["code"] == "content_filter"
        assert len(self.house.upstream.received) == asked
        assert self.house.leaks(answer) == []
        (record,) = self.house.records()
        assert (record.state, record.status, record.route) == (State.BLOCKED, 400, path)

    def passes(self, body: dict[str, Any], path: str = ROUTE) -> Answer:
        self.house.begin()
        answer = self.send(body, path)
        assert answer.status == 200, answer.body
        sent = self.house.upstream.last_body
        assert {k: v for k, v in sent.items() if k != "stream"} == {k: v for k, v in body.items() if k != "stream"}
        (record,) = self.house.records()
        assert (record.state, record.status) == (State.ALLOWED, 200)
        return answer

    def hears(self, **more: Any) -> Message:
        """What the real client puts together from a stream."""
        with self.client() as client, client.messages.stream(**{**ask("hello"), **more}) as stream:
            return stream.get_final_message()


@pytest.fixture
def claude(guarded: House) -> Iterator[Claude]:
    yield Claude(guarded)
    guarded.upstream.script = None


REQUESTS: dict[str, Case] = {
    "user": lambda p: ask(f"it says: {p}."),
    "user, in two blocks": lambda p: ask([text(p[:5]), text(p[5:])]),
    "an earlier turn": lambda p: ask(p, {"role": "assistant", "content": "well"}, "go on"),
    "assistant": lambda p: ask("hi", {"role": "assistant", "content": [text(p)]}),
    "system": lambda p: ask("hi", system=p),
    "system, in blocks": lambda p: ask("hi", system=[text("be kind"), text(p, cache_control={"type": "ephemeral"})]),
    "a system turn": lambda p: ask("hi", {"role": "system", "content": p}),
    "thinking": lambda p: ask("hi", {"role": "assistant", "content": [thinking(p), text("x")]}),
    "signature": lambda p: ask("hi", {"role": "assistant", "content": [{**thinking("x"), "signature": p}]}),
    "redacted thinking": lambda p: ask(
        "hi", {"role": "assistant", "content": [{"type": "redacted_thinking", "data": p}]}
    ),
    "tool input": lambda p: ask("hi", {"role": "assistant", "content": [calling(q=[{"r": p}])]}),
    "tool input key": lambda p: ask("hi", {"role": "assistant", "content": [calling(**{p: 1})]}),
    "tool name": lambda p: ask("hi", {"role": "assistant", "content": [{**calling(), "name": p}]}),
    "tool result": lambda p: ask("hi", [found(p)]),
    "tool result, in blocks": lambda p: ask("hi", [found([text("so"), text(p)])]),
    "tool result, a document": lambda p: ask(
        "hi", [found([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": p}}])]
    ),
    "tool id of a result": lambda p: ask("hi", [{**found("x"), "tool_use_id": p}]),
    "document": lambda p: ask([{"type": "document", "title": "t", "source": {
        "type": "content", "content": [text(p)]}}]),
    "document title": lambda p: ask([{"type": "document", "title": p, "source": {
        "type": "text", "media_type": "text/plain", "data": "x"}}]),
    "search result": lambda p: ask([{"type": "search_result", "source": "s", "title": "t", "content": [text(p)]}]),
    "citation": lambda p: ask("hi", {"role": "assistant", "content": [text("x", citations=[{
        "type": "char_location", "cited_text": p, "document_index": 0, "document_title": None, "start_char_index": 0,
        "end_char_index": 1}])]}),
    "tool": lambda p: ask("hi", tools=[{"name": "f", "description": p, "input_schema": {"type": "object"}}]),
    "tool schema": lambda p: ask("hi", tools=[{"name": "f", "input_schema": {"properties": {"q": {"enum": [p]}}}}]),
    "tool choice": lambda p: ask("hi", tool_choice={"type": "tool", "name": p}),
    "stop sequence": lambda p: ask("hi", stop_sequences=["a", p]),
    "user id": lambda p: ask("hi", metadata={"user_id": p}),
    "output format": lambda p: ask("hi", output_config={"format": {"type": "json_schema", "schema": {"title": p}}}),
    "unknown field": lambda p: ask("hi", x_new={"deep": [p]}),
    "unknown key": lambda p: ask("hi", **{p: 1}),
    "unknown field of a block": lambda p: ask([text("hi", note=p)]),
}  # fmt: skip


@pytest.mark.parametrize("place", REQUESTS)
def test_s18_canary_in_any_place_of_a_message_request_is_blocked(claude: Claude, place: str) -> None:
    for stream in (False, True):
        claude.blocks({**REQUESTS[place](CANARY), "stream": stream})
        claude.passes({**REQUESTS[place](HARMLESS), "stream": stream})
    claude.blocks(REQUESTS[place](CANARY), f"{ROUTE}/count_tokens")


ANSWERS: dict[str, Case] = {
    "text": lambda p: message(f"it says: {p}."),
    "text in two blocks": lambda p: message(p[:12], p[12:]),
    "thinking": lambda p: message(thinking(p), "fine"),
    "redacted thinking": lambda p: message({"type": "redacted_thinking", "data": p}, "fine"),
    "tool input": lambda p: message(calling(q=[p]), stop_reason="tool_use"),
    "tool input key": lambda p: message(calling(**{p: 1}), stop_reason="tool_use"),
    "tool name": lambda p: message({**calling(), "name": p}),
    "citation": lambda p: message(text("x", citations=[{
        "type": "char_location", "cited_text": p, "document_index": 0, "document_title": None, "start_char_index": 0,
        "end_char_index": 1, "file_id": None}])),
    "what a server tool found": lambda p: message(
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": [
            {"type": "web_search_result", "title": p, "url": "https://example.org", "encrypted_content": SEAL}]}),
    "what code printed": lambda p: message(
        {"type": "bash_code_execution_tool_result", "tool_use_id": "t", "content": {
            "type": "bash_code_execution_result", "stdout": p, "stderr": "", "return_code": 0, "content": []}}),
    "stop sequence": lambda p: message("x", stop_reason="stop_sequence", stop_sequence=p),
    "unknown field": lambda p: message("x", x_new={p: 1}),
    "model": lambda p: message("x", model=p),
    "usage": lambda p: message("x", usage={"input_tokens": 1, "output_tokens": 1, "service_tier": p}),
}  # fmt: skip


@pytest.mark.parametrize("place", ANSWERS)
def test_s20_canary_in_any_place_of_a_message_is_blocked(claude: Claude, place: str) -> None:
    claude.says(ANSWERS[place](CANARY))
    claude.blocks(ask("hello"), asked=True)
    claude.says(ANSWERS[place](HARMLESS))
    assert claude.passes(ask("hello")).json == ANSWERS[place](HARMLESS)


@pytest.mark.parametrize("place", ANSWERS)
def test_s22_a_streamed_message_is_blocked_or_passed_like_a_whole_one(claude: Claude, place: str) -> None:
    claude.says(ANSWERS[place](CANARY))
    answer = claude.send(ask("hello", stream=True))
    assert CANARY.encode() not in answer.raw
    if answer.status == 200:
        assert b'"stop_reason":"refusal"' in answer.body
    else:
        assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter")
    claude.says(ANSWERS[place](HARMLESS))
    wanted = Message.construct(**ANSWERS[place](HARMLESS)).to_dict(exclude_none=True)
    assert claude.hears().to_dict(exclude_none=True) == wanted


@pytest.mark.parametrize("stream", [False, True])
def test_s16_the_real_client_sees_a_blocked_request_as_a_bad_request(claude: Claude, *, stream: bool) -> None:
    with claude.client() as client, pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(**ask(CANARY), stream=stream)

    assert isinstance(refused.value.body, dict)
    assert refused.value.body["error"]["code"] == "content_filter"
    assert claude.house.upstream.received == []


def test_s22_the_real_client_sees_a_blocked_answer_as_a_refusal(claude: Claude) -> None:
    claude.says(message("Fine so far. And then: ", CANARY))

    try:
        got = claude.hears()
    except anthropic.BadRequestError as refused:  # nothing had been sent yet
        told = refused.body
    else:
        assert CANARY not in "".join(block.text for block in got.content if block.type == "text")
        told = {"error": {"code": "content_filter"}} if got.stop_reason == "refusal" else None

    assert isinstance(told, dict)
    assert told["error"]["code"] == "content_filter"


def test_s22_the_real_client_reads_the_same_with_and_without_a_stream(claude: Claude) -> None:
    claude.says(
        message(thinking("Why? Because."), "Let me see.", calling(q="é 中 😀", n=[1, None]), stop_reason="tool_use")
    )

    with claude.client() as client:
        whole = client.messages.create(**ask("hello"))

    assert whole.content[2].to_dict()["input"] == {"q": "é 中 😀", "n": [1, None]}
    assert claude.hears().to_dict(exclude_none=True) == whole.to_dict(exclude_none=True)


def test_s26_thinking_that_was_masked_loses_its_signature_and_the_rest_is_as_it_was(claude: Claude) -> None:
    claude.says(message(thinking("Write to ana@example.org."), thinking("Well."), "Mail ana@example.org, please."))

    with claude.client() as client:
        whole = client.messages.create(**ask("hello"))
    streamed = claude.hears()

    for got in (whole, streamed):
        masked, kept, said = (block.to_dict() for block in got.content)
        assert masked == {"type": "thinking", "thinking": "Write to <EMAIL_1>.", "signature": ""}
        assert kept == thinking("Well.")
        assert said["text"] == "Mail <EMAIL_1>, please."


def test_s17_a_masked_request_is_what_the_generator_gets(claude: Claude) -> None:
    claude.send(ask([text("mail ana@example.org")], {"role": "assistant", "content": [calling(to="ana@example.org")]}))

    told = claude.house.upstream.last_body["messages"]
    assert told[0]["content"][0]["text"] == "mail <EMAIL_1>"
    assert told[1]["content"][0]["input"] == {"to": "<EMAIL_1>"}


def test_s15_what_nobody_can_read_is_blocked_as_unscannable(claude: Claude) -> None:
    for source in ({"type": "url", "url": "https://example.org/a.png"}, {"type": "file", "file_id": "file_1"}):
        claude.blocks(ask(["what is this?", {"type": "image", "source": source}][1:]))
    claude.blocks(ask([{"type": "document", "source": {
        "type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}]))  # fmt: skip


def test_s21_tokens_are_counted_for_the_real_client(claude: Claude) -> None:
    claude.house.upstream.script = None
    claude.house.upstream.answer = {"input_tokens": 14}

    with claude.client() as client:
        counted = client.messages.count_tokens(
            model="m", messages=[{"role": "user", "content": "mail ana@example.org"}]
        )

    assert counted.input_tokens == 14
    assert claude.house.upstream.received[-1].startswith(b"POST /v1/messages/count_tokens ")
    assert claude.house.upstream.last_body["messages"][0]["content"] == "mail <EMAIL_1>"


@pytest.mark.parametrize(("status", "raises"), [(429, anthropic.RateLimitError), (529, anthropic.InternalServerError)])
def test_s21_an_error_of_the_upstream_is_the_error_the_client_knows(
    claude: Claude, status: int, raises: type[anthropic.APIStatusError]
) -> None:
    claude.house.upstream.script = None
    claude.house.upstream.status = status
    for said, wanted in ((HARMLESS, HARMLESS), (CANARY, f"The upstream answered {status}; ")):
        claude.house.upstream.answer = {"type": "error", "error": {"type": "rate_limit_error", "message": said}}
        with claude.client() as client, pytest.raises(raises) as raised:
            client.messages.create(**ask("hello"))
        assert isinstance(raised.value.body, dict)
        assert raised.value.body["error"]["message"].startswith(wanted)


def test_s27_what_would_switch_checks_off_is_refused(claude: Claude) -> None:
    for more in ({"guardrails": []}, {"metadata": {"guardrails": {}}}, {"api_base": "https://example.org"}):
        answer = claude.send(ask(HARMLESS, **more))
        assert (answer.status, answer.json["error"]["code"]) == (400, "policy_override")
        assert answer.json["type"] == "error"
    assert claude.house.upstream.received == []


def test_s21_census_a_canary_in_any_field_of_a_message_never_gets_through(claude: Claude) -> None:
    claude.house.upstream.script = None
    twins = dict(planted(Message, HARMLESS))
    count = blocked = 0
    for place, document in planted(Message, CANARY):
        count += 1
        claude.house.upstream.answer = document
        answer = claude.send(ask("hello"))
        assert answer.status in {400, 502}, place
        assert CANARY.encode() not in answer.raw, place
        claude.house.upstream.answer = twins[place]
        passed = claude.send(ask("hello"))
        if answer.status == 400 and passed.status == 200:
            blocked += 1
            assert passed.json == twins[place], place
    assert count > 300
    assert blocked > 0.7 * count
