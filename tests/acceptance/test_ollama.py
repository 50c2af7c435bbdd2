"""S16 to S23 for Ollama's endpoints, with the real client: nothing unseen, and what a block looks like to it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import ollama
import pytest

from guard.audit import State
from tests.acceptance.census import planted
from tests.acceptance.conftest import Answer, House
from tests.fakes import CANARY, HARMLESS

CHAT, GENERATE = "/api/chat", "/api/generate"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
Case = Callable[[str], Any]


def ask(*messages: Any, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": one} if isinstance(one, str) else one for one in messages]
    return {"model": "m", "messages": said, **more}


def prompt(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "prompt": text, **more}


def _ended(**said: Any) -> dict[str, Any]:
    took = {"total_duration": 174_560_334_123, "eval_count": 18, "eval_duration": 52_479_709}
    return {
        "model": "stub",
        "created_at": "2026-01-02T03:04:05.678901Z",
        **said,
        "done": True,
        "done_reason": "stop",
        **took,
    }


def message(content: str = "", **more: Any) -> dict[str, Any]:
    return _ended(message={"role": "assistant", "content": content, **more})


def completion(response: str = "", **more: Any) -> dict[str, Any]:
    return _ended(response=response, **more)


def calling(**arguments: Any) -> dict[str, Any]:
    return {"function": {"name": "look_up", "arguments": arguments}}


def lines(document: dict[str, Any]) -> bytes:
    """*document* as the generator streams it: three characters at a time."""
    about = {"model": document["model"], "created_at": document["created_at"], "done": False}
    chat = "message" in document
    said = dict(document["message"] if chat else document)
    name = "content" if chat else "response"
    pieces = [{name: "", "thinking": text} for text in _cut(said.pop("thinking", ""))]
    pieces += [{name: text} for text in _cut(said.pop(name))]
    if "tool_calls" in said:
        pieces.append({name: "", "tool_calls": said.pop("tool_calls")})
    sent = [{**about, **({"message": {"role": "assistant", **one}} if chat else one)} for one in pieces]
    sent.append({**document, "message": {**said, name: ""}} if chat else {**said, name: ""})
    return b"".join(json.dumps(one).encode() + b"\n" for one in sent)


def _cut(text: str) -> list[str]:
    return [text[n : n + 3] for n in range(0, len(text), 3)]


class Llama:
    """A gateway whose generator speaks this protocol, streamed or not, as it is asked."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.says(message("all is well"))

    def says(self, document: dict[str, Any]) -> None:
        stream = {"answer": lines(document), "headers": {"Content-Type": "application/x-ndjson"}}
        self.house.upstream.script = lambda body: stream if json.loads(body)["stream"] else {"answer": document}

    def client(self) -> ollama.Client:
        return ollama.Client(self.house.url)

    def send(self, body: Any, path: str = CHAT) -> Answer:
        self.house.upstream.received.clear()
        return self.house.post(path, body)

    def blocks(self, body: Any, path: str = CHAT, *, asked: bool = False) -> None:
        self.house.begin()
        answer = self.send(body, path)
        assert (answer.status, answer.headers["x-should-retry"]) == (400, "false"), answer.body
        assert answer.json == {"error": "The canary is not allowed.", "code": "content_filter"}
        assert len(self.house.upstream.received) == asked
        assert self.house.leaks(answer) == []
        (record,) = self.house.records()
        assert (record.state, record.status, record.route) == (State.BLOCKED, 400, path)

    def passes(self, body: dict[str, Any], path: str = CHAT) -> Answer:
        self.house.begin()
        answer = self.send(body, path)
        assert answer.status == 200, answer.body
        sent = self.house.upstream.last_body
        assert {k: v for k, v in sent.items() if k != "stream"} == {k: v for k, v in body.items() if k != "stream"}
        (record,) = self.house.records()
        assert (record.state, record.status) == (State.ALLOWED, 200)
        return answer

    def hears(self) -> dict[str, Any]:
        """What the real client's pieces add up to: the message, and how it ended."""
        with self.client() as client:
            pieces = list(client.chat("m", [{"role": "user", "content": "hello"}], stream=True))
        calls = [call.model_dump() for one in pieces for call in one.message.tool_calls or ()]
        said = {
            "content": "".join(one.message.content or "" for one in pieces),
            "thinking": "".join(one.message.thinking or "" for one in pieces) or None,
            "tool_calls": calls or None,
        }
        return {"message": {"role": pieces[-1].message.role, **said}, **pieces[-1].model_dump(exclude={"message"})}


@pytest.fixture
def llama(guarded: House) -> Iterator[Llama]:
    yield Llama(guarded)
    guarded.upstream.script = None


CHATS: dict[str, Case] = {
    "user": lambda p: ask(f"it says: {p}."),
    "an earlier turn": lambda p: ask(p, {"role": "assistant", "content": "well"}, "go on"),
    "over two turns": lambda p: ask(p[:12], p[12:]),
    "system": lambda p: ask({"role": "system", "content": p}, "hi"),
    "assistant": lambda p: ask("hi", {"role": "assistant", "content": p}),
    "thinking": lambda p: ask("hi", {"role": "assistant", "content": "x", "thinking": p}),
    "call arguments": lambda p: ask("hi", {"role": "assistant", "tool_calls": [calling(q=[{"r": p}])]}),
    "call arguments, a key": lambda p: ask("hi", {"role": "assistant", "tool_calls": [calling(**{p: 1})]}),
    "call name": lambda p: ask("hi", {"role": "assistant", "tool_calls": [{"function": {"name": p, "arguments": {}}}]}),
    "tool result": lambda p: ask("hi", {"role": "tool", "content": p, "tool_name": "look_up"}),
    "tool name": lambda p: ask("hi", {"role": "tool", "content": "x", "tool_name": p}),
    "tool": lambda p: ask("hi", tools=[{"type": "function", "function": {"name": "f", "description": p}}]),
    "format": lambda p: ask("hi", format={"type": "object", "properties": {"q": {"description": p}}}),
    "stop": lambda p: ask("hi", options={"stop": ["a", p]}),
    "unknown option": lambda p: ask("hi", options={"x_new": p}),
    "keep_alive": lambda p: ask("hi", keep_alive=p),
    "unknown field": lambda p: ask("hi", x_new={"deep": [p]}),
    "unknown key": lambda p: ask("hi", **{p: 1}),
}
PROMPTS: dict[str, Case] = {
    "prompt": lambda p: prompt(f"it says: {p}."),
    "suffix": lambda p: prompt(suffix=p),
    "system": lambda p: prompt(system=p),
    "template": lambda p: prompt(template=p + " {{ .Prompt }}"),
    "raw": lambda p: prompt(p, raw=True),
    "over prompt and suffix": lambda p: prompt(p[:12], suffix=p[12:]),
    "format": lambda p: prompt(format={"title": p}),
    "think": lambda p: prompt(think=p),
    "unknown field": lambda p: prompt(x_new=p),
}


@pytest.mark.parametrize("place", CHATS)
def test_s18_canary_in_any_place_of_a_chat_is_blocked(llama: Llama, place: str) -> None:
    for more in ({"stream": False}, {}):
        llama.blocks({**CHATS[place](CANARY), **more})
        llama.passes({**CHATS[place](HARMLESS), **more})


@pytest.mark.parametrize("place", PROMPTS)
def test_s18_canary_in_any_place_of_a_prompt_is_blocked(llama: Llama, place: str) -> None:
    llama.says(completion("all is well"))
    for more in ({"stream": False}, {}):
        llama.blocks({**PROMPTS[place](CANARY), **more}, GENERATE)
        llama.passes({**PROMPTS[place](HARMLESS), **more}, GENERATE)


ANSWERS: dict[str, Case] = {
    "content": lambda p: message(f"it says: {p}."),
    "thinking": lambda p: message("fine", thinking=p),
    "call arguments": lambda p: message(tool_calls=[calling(q=[p])]),
    "call arguments, a key": lambda p: message(tool_calls=[calling(**{p: 1})]),
    "call name": lambda p: message(tool_calls=[{"function": {"name": p, "arguments": {}}}]),
    "reason": lambda p: {**message("x"), "done_reason": p},
    "model": lambda p: {**message("x"), "model": p},
    "duration": lambda p: {**message("x"), "eval_duration": p},
    "unknown field": lambda p: {**message("x"), "x_new": {p: 1}},
    "unknown field of the message": lambda p: message("x", x_new=[p]),
}


@pytest.mark.parametrize("place", ANSWERS)
def test_s20_canary_in_any_place_of_an_answer_is_blocked(llama: Llama, place: str) -> None:
    llama.says(ANSWERS[place](CANARY))
    llama.blocks(ask("hello", stream=False), asked=True)
    llama.says(ANSWERS[place](HARMLESS))
    assert llama.passes(ask("hello", stream=False)).json == ANSWERS[place](HARMLESS)


@pytest.mark.parametrize("place", ANSWERS)
def test_s22_a_streamed_answer_is_blocked_or_passed_like_a_whole_one(llama: Llama, place: str) -> None:
    llama.says(ANSWERS[place](CANARY))
    answer = llama.send(ask("hello"))
    assert CANARY.encode() not in answer.raw
    if answer.status == 200:
        assert json.loads(answer.body.splitlines()[-1])["done_reason"] == "content_filter"
    else:
        assert (answer.status, answer.json["code"]) == (400, "content_filter")
    llama.says(ANSWERS[place](HARMLESS))
    streamed = llama.send(ask("hello"))
    assert streamed.status == 200
    assert json.loads(streamed.body.splitlines()[-1])["done"] is True
    assert HARMLESS.encode() in b"".join(streamed.body.split()) or HARMLESS in _said(streamed.body)


def _said(stream: bytes) -> str:
    """Everything that *stream* says, its pieces put together."""
    pieces = [json.loads(line) for line in stream.splitlines()]
    whole = "".join(one["message"].get("thinking", "") for one in pieces)
    whole += "".join(one["message"].get("content", "") for one in pieces)
    return whole + json.dumps(pieces)


@pytest.mark.parametrize("stream", [False, True])
def test_s16_the_real_client_sees_a_blocked_request_as_an_error(llama: Llama, *, stream: bool) -> None:
    with llama.client() as client:
        for call in (
            lambda: client.chat("m", [{"role": "user", "content": CANARY}], stream=stream),
            lambda: client.generate("m", CANARY, stream=stream),
        ):
            with pytest.raises(ollama.ResponseError) as refused:
                list(call())
            assert (refused.value.status_code, refused.value.error) == (400, "The canary is not allowed.")
    assert llama.house.upstream.received == []


def test_s22_the_real_client_sees_a_blocked_answer_as_an_error_or_an_end(llama: Llama) -> None:
    llama.says(message("Fine so far. And then: " + CANARY))

    try:
        got = llama.hears()
    except ollama.ResponseError as refused:  # nothing had been sent yet
        reason = {"The canary is not allowed.": "content_filter"}.get(refused.error)
    else:
        reason = got["done_reason"]
        assert CANARY not in got["message"]["content"]

    assert reason == "content_filter"


def test_s22_the_real_client_reads_the_same_with_and_without_a_stream(llama: Llama) -> None:
    llama.says(
        message("Let me see: é 中 \u2028 😀.", thinking="Why? Because.", tool_calls=[calling(q="é", n=[1, None])])
    )

    with llama.client() as client:
        whole = client.chat("m", [{"role": "user", "content": "hello"}])

    streamed = llama.hears()
    assert streamed["message"]["content"] == "Let me see: é 中 \u2028 😀."
    assert ollama.ChatResponse(**streamed).model_dump() == whole.model_dump()


@pytest.mark.parametrize("stream", [False, True])
def test_s22_the_real_client_reads_a_prompt_s_completion(llama: Llama, *, stream: bool) -> None:
    llama.says(completion("It is blue. Mail ana@example.org, please.", thinking="Hm.", context=[1, 2, 3]))

    with llama.client() as client:
        got: Any = client.generate("m", "why?", stream=stream)
        pieces = list(got) if stream else [got]

    assert "".join(one.response for one in pieces) == "It is blue. Mail <EMAIL_1>, please."
    assert "".join(one.thinking or "" for one in pieces) == "Hm."
    assert pieces[-1].context is None
    assert pieces[-1].total_duration == 174_560_334_123


def test_s17_a_masked_request_is_what_the_generator_gets(llama: Llama) -> None:
    said = {"role": "assistant", "content": "", "tool_calls": [calling(to="ana@example.org")]}
    llama.send(ask("mail ana@example.org", said, stream=False))

    told = llama.house.upstream.last_body["messages"]
    assert told[0]["content"] == "mail <EMAIL_1>"
    assert told[1]["tool_calls"][0]["function"]["arguments"] == {"to": "<EMAIL_1>"}


def test_s15_what_nobody_can_read_is_blocked_as_unscannable(llama: Llama) -> None:
    for body, path in (
        (ask({"role": "user", "content": "look", "images": [PNG]}), CHAT),
        (prompt(images=[PNG]), GENERATE),
        (prompt(context=[1, 2, 3]), GENERATE),
    ):
        answer = llama.send(body, path)
        assert (answer.status, answer.json["code"]) == (400, "content_filter")
    assert llama.house.upstream.received == []


def test_s14_a_key_that_only_a_reader_in_go_would_know_is_refused(llama: Llama) -> None:
    for body in (
        ask("hi", Messages=[{"role": "user", "content": CANARY}]),
        ask({"role": "user", "content": "hi", "CONTENT": CANARY}),
        ask("hi", Stream=True),
    ):
        answer = llama.send(body)
        assert (answer.status, answer.json["code"]) == (400, "case_variant_key")
    assert llama.house.upstream.received == []


def test_s21_an_error_of_the_upstream_is_the_error_the_client_knows(llama: Llama) -> None:
    llama.house.upstream.script = None
    llama.house.upstream.status = 404
    for said, wanted in (("model 'm' not found", "model 'm' not found"), (CANARY, "The upstream answered 404; ")):
        llama.house.upstream.answer = {"error": said}
        with llama.client() as client, pytest.raises(ollama.ResponseError) as raised:
            client.chat("m", [{"role": "user", "content": "hello"}])
        assert raised.value.status_code == 404
        assert raised.value.error.startswith(wanted)


def test_s27_what_would_switch_checks_off_is_refused(llama: Llama) -> None:
    for path, body in ((CHAT, ask(HARMLESS, guardrails=[])), (GENERATE, prompt(HARMLESS, policy="none"))):
        answer = llama.send(body, path)
        assert (answer.status, answer.json["code"]) == (400, "policy_override")
    assert llama.house.upstream.received == []


@pytest.mark.parametrize("hint", [ollama.ChatResponse, ollama.GenerateResponse])
def test_s21_census_a_canary_in_any_field_of_an_answer_never_gets_through(llama: Llama, hint: Any) -> None:
    llama.house.upstream.script = None
    body, path = (ask("hello"), CHAT) if hint is ollama.ChatResponse else (prompt("hello"), GENERATE)
    count = 0
    for stream in (False, True):
        for _, document in planted(hint, CANARY):
            count += 1
            llama.house.upstream.answer = document
            answer = llama.send({**body, "stream": stream}, path)
            assert answer.status in {200, 400, 502}
            assert CANARY.encode() not in answer.raw
    assert count > 50
