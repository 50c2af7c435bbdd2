"""S21: every endpoint and every field is enforced or refused, by a census of what the openai SDK knows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from guard.audit import State
from guard.protocols import ADAPTERS
from guard.protocols.adapter import DropIn, GeneratorAdapter
from tests.acceptance.census import minimal, planted
from tests.acceptance.conftest import POLICY, Answer, House, house
from tests.fakes import CANARY, HARMLESS, completion, form

MESSAGES = [{"role": "user", "content": CANARY}]
SERVED: dict[str, Any] = {
    "/v1/chat/completions": {"model": "m", "messages": MESSAGES},
    "/v1/moderations": {"input": CANARY},
    "/v1/messages": {"model": "m", "max_tokens": 9, "messages": MESSAGES},
    "/v1/messages/count_tokens": {"model": "m", "messages": MESSAGES},
    "/api/chat": {"model": "m", "messages": MESSAGES},
    "/api/generate": {"model": "m", "prompt": CANARY},
    "/v1/responses": {"model": "m", "input": CANARY},
    "/v1/completions": {"model": "m", "prompt": CANARY},
    "/v1/embeddings": {"model": "m", "input": CANARY},
    "/v1/images/generations": {"model": "m", "prompt": CANARY},
    "/v1/images/edits": form(("image", ("a.png", b"\x89PNG")), prompt=CANARY),
    "/v1/images/variations": form(("image", ("a.png", b"\x89PNG")), user=CANARY),
    "/v1/audio/speech": {"model": "m", "voice": "alloy", "input": CANARY},
    "/v1/audio/transcriptions": form(("file", ("a.wav", b"RIFF")), model="m", prompt=CANARY),
    "/v1/audio/translations": form(("file", ("a.wav", b"RIFF")), model="m", prompt=CANARY),
    "/guard/v1/check": {"text": CANARY},
}
"""Every route that is served, with a request that its policy blocks. A new adapter needs its line here."""

_OURS = frozenset({"stream", "stream_options", "moderation"})
"""Fields of a chat request that are answered here, and not always forwarded as they came."""
_CALL = re.compile(r'self\._(get|post|put|delete|patch|get_api_list)\(\s*(?:path_template\()?\s*f?"(/[^"]*)"')

_OLLAMA_CALL = re.compile(r"'(GET|POST|PUT|HEAD|DELETE)',\s*f?'(/[^']*)'")


def sdk_endpoints() -> list[tuple[str, str]]:
    """Method and path of every call in the sources of the SDKs, their path parameters filled in."""
    found = set()
    for sdk, base in ((openai, "/v1"), (anthropic, "")):
        for file in (Path(sdk.__file__).parent / "resources").rglob("*.py"):
            for verb, path in _CALL.findall(file.read_text(encoding="utf-8")):
                method = "GET" if verb == "get_api_list" else verb.upper()
                found.add((method, base + re.sub(r"\{[^}]*\}", "x", path)))
    source = (Path(ollama.__file__).parent / "_client.py").read_text(encoding="utf-8")
    found |= {(verb, re.sub(r"\{[^}]*\}", "x", path)) for verb, path in _OLLAMA_CALL.findall(source)}
    return sorted(found)


def _route(path: str) -> str:
    return path.partition("?")[0]


def _code(answer: Answer) -> Any:
    """What an error is called, in whatever protocol's shape; HEAD gets none."""
    if not answer.body:
        return "unknown_route" if answer.status == 404 else "method_not_allowed"
    error = answer.json["error"]
    return error["code"] if isinstance(error, dict) else answer.json["code"]


def ask(house: House, method: str, target: str, body: Any = None) -> Any:
    body = SERVED["/v1/chat/completions"] if body is None else body
    kind, data = body if isinstance(body, tuple) else ("application/json", json.dumps(body).encode())
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nConnection: close\r\n"
    return house.raw(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)


def test_s21_every_adapter_is_routed_and_every_route_is_in_the_census(guarded: House) -> None:
    routes = {route for adapter in ADAPTERS if not isinstance(adapter, DropIn) for route in adapter.routes}
    drop_ins = {route for adapter in ADAPTERS if isinstance(adapter, DropIn) for route in adapter.routes}
    assert set(guarded.gateway.handler.routes) - drop_ins == routes == set(SERVED)


@pytest.mark.parametrize("route", SERVED)
def test_s21_every_served_route_is_enforced(guarded: House, route: str) -> None:
    answer = ask(guarded, "POST", route, SERVED[route])
    (record,) = guarded.records()
    generator = {r for adapter in ADAPTERS if isinstance(adapter, GeneratorAdapter) for r in adapter.routes}
    assert answer.headers["x-guard-decision"] == "block"
    assert record.state is State.BLOCKED
    assert record.route == route
    assert answer.status == (400 if route in generator else 200)
    assert guarded.leaks(answer) == []
    assert guarded.upstream.received == []


def test_s21_every_endpoint_of_the_sdk_that_is_not_served_is_refused(guarded: House) -> None:
    endpoints = sdk_endpoints()
    assert len(endpoints) > 200
    assert {("POST", route) for route in SERVED if not route.startswith("/guard")} <= set(endpoints)
    answer = ask(guarded, "POST", "/")
    endpoints = [(method, path) for method, path in endpoints if method != "POST" or _route(path) not in SERVED]
    for method, path in endpoints:
        answer = ask(guarded, method, path)
        refused = (405, "method_not_allowed") if _route(path) in SERVED else (404, "unknown_route")
        assert (answer.status, _code(answer)) == refused, (method, path)
        assert answer.headers["content-type"] == "application/json"
        assert CANARY.encode() not in answer.raw
    assert guarded.leaks(answer) == []
    assert guarded.upstream.received == []
    records = guarded.records(len(endpoints) + 1)
    assert len(records) == len(endpoints) + 1
    assert {record.state for record in records} == {State.REJECTED_PROTOCOL}
    assert {record.status for record in records} == {404, 405}


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.responses.retrieve("resp_1"),
        lambda c: c.post("/responses/compact", body={"model": "m", "input": CANARY}, cast_to=object),
        lambda c: c.post("/videos", body={"prompt": CANARY}, cast_to=object),
        lambda c: c.post("/audio/voices", body={"name": CANARY}, cast_to=object),
        lambda c: c.files.create(file=CANARY.encode(), purpose="batch"),
        lambda c: c.files.list(),
        lambda c: c.files.content("file-1"),
        lambda c: c.batches.create(input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h"),
        lambda c: c.uploads.create(bytes=1, filename=CANARY, mime_type="text/plain", purpose="batch"),
        lambda c: c.fine_tuning.jobs.create(model="m", training_file="f"),
        lambda c: c.models.list(),
        lambda c: c.models.retrieve("m"),
        lambda c: c.chat.completions.list(),
        lambda c: c.chat.completions.retrieve("chatcmpl-1"),
        lambda c: c.post("/passthrough", body={"prompt": CANARY}, cast_to=object),
    ],
)
def test_s21_the_real_client_raises_for_what_is_not_served(guarded: House, call: Callable[[Any], Any]) -> None:
    with guarded.client() as client, pytest.raises(openai.APIStatusError) as raised:
        call(client)
    assert raised.value.status_code in {404, 405}
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["message"]
    (record,) = guarded.records()
    assert (record.state, record.status) == (State.REJECTED_PROTOCOL, raised.value.status_code)
    assert guarded.upstream.received == []


@pytest.mark.parametrize(
    "target",
    [
        "/v1/chat/completions/",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat//completions",
        "/v1/chat/completions/.",
        "/v1/./chat/completions",
        "/v1/x/../chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/chat/completion%73",
        "/%76%31/chat/completions",
        "/v1/chat/%2e/completions",
        "/v1/chat/completions%00",
        "/v1/chat/completions;x=1",
        "/v1\\chat\\completions",
        "/V1/chat/completions",
        "/v1/Chat/Completions",
        "/v1/chat/completions.",
        "/chat/completions",
        "/v2/chat/completions",
        "/",
        "/openai/deployments/m/chat/completions",
        "/metrics",
        "/status",
        "/healthz",
    ],
)
def test_s21_any_other_spelling_of_a_path_is_another_path(guarded: House, target: str) -> None:
    answer = ask(guarded, "POST", target)
    assert (answer.status, answer.json["error"]["code"]) == (404, "unknown_route")
    assert guarded.leaks(answer) == []
    assert len(guarded.records()) == 1
    assert guarded.upstream.received == []


@pytest.mark.parametrize("target", ["/v1/chat/completions?stream=true&x=%2e", "http://localhost/v1/chat/completions"])
def test_s21_what_stands_around_a_served_path_changes_nothing(guarded: House, target: str) -> None:
    answer = ask(guarded, "POST", target)
    assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter")
    assert guarded.leaks(answer) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("route", SERVED)
def test_s21_only_post_is_answered(guarded: House, route: str, method: str) -> None:
    answer = ask(guarded, method, route)
    assert answer.status == 405
    if method != "HEAD":
        assert _code(answer) == "method_not_allowed"
    (record,) = guarded.records()
    assert (record.state, record.status, record.route) == (State.REJECTED_PROTOCOL, 405, route)
    assert guarded.upstream.received == []


def test_s21_a_websocket_is_refused_like_any_other_request(guarded: House) -> None:
    head = "GET /v1/realtime?model=m HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    keys = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    # The upgrade's own Connection header stands in the way of `close`: half of the socket is closed instead.
    answer = guarded.raw(f"{head}{keys}\r\n".encode(), half_close_after=0.3)
    assert answer.status == 404
    assert len(guarded.records()) == 1


def field_census(house: House, hint: Any) -> tuple[int, int]:
    """Send every planted document of type *hint*; how many there were, and how many the canary's own rule blocked."""
    count = blocked = 0
    twins = dict(planted(hint, HARMLESS))
    answer = house.chat()
    house.upstream.received.clear()
    for place, document in planted(hint, CANARY):
        count += 1
        answer = house.post("/v1/chat/completions", document)
        assert answer.status == 400, place
        assert answer.json["error"]["code"] != "guard_error", place
        assert CANARY.encode() not in answer.raw, place
        assert house.upstream.received == [], place
        if answer.json["error"]["code"] == "content_filter" and answer.headers["x-guard-decision"] == "block":
            twin = twins[place]
            passed = house.post("/v1/chat/completions", twin)
            if passed.status == 200:  # else it was refused for what it is, not for what it says
                blocked += 1
                asked = {k: v for k, v in twin.items() if k not in _OURS}
                told = {k: v for k, v in house.upstream.last_body.items() if k not in _OURS}
                assert told == asked, place
            house.upstream.received.clear()
    assert house.leaks(answer) == []
    return count, blocked


def test_s21_census_a_canary_in_any_field_of_a_request_never_gets_through(guarded: House) -> None:
    assert guarded.post("/v1/chat/completions", minimal(CompletionCreateParamsNonStreaming)).status == 200
    guarded.upstream.received.clear()
    count, blocked = field_census(guarded, CompletionCreateParamsNonStreaming)
    assert count > 250
    assert blocked > 0.6 * count
    records = guarded.records()
    assert {r.state for r in records} == {State.ALLOWED, State.BLOCKED, State.REJECTED_PROTOCOL}


def test_s21_census_of_a_streaming_request(guarded: House) -> None:
    count, blocked = field_census(guarded, CompletionCreateParamsStreaming)
    assert count > 250
    assert blocked > 0.6 * count


def test_s21_a_policy_that_refuses_unknown_fields_refuses_no_documented_one(tmp_path: Path) -> None:
    """The other way round, too: in every object of a request, a field that is not documented is refused."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    undeclared = 0
    with house(tmp_path, POLICY.read_text(encoding="utf-8") + "unknown_fields: refuse\n") as strict:
        for place, document in planted(CompletionCreateParamsNonStreaming, HARMLESS):
            answer = strict.post("/v1/chat/completions", document)
            unknown = answer.status == 400 and answer.json["error"]["code"] == "unknown_field"
            if place in {"~key", "/undeclared"} or re.fullmatch(r"/messages\[\]<\w+>(~key|/undeclared)", place):
                undeclared += 1
                assert unknown, place
            elif not place.endswith(("~key", "/undeclared")):
                assert not unknown, place
        assert undeclared > 12
        full = {
            "model": "m",
            "messages": [{"role": "user", "content": "hi"}],
            "audio": {"voice": {"id": "voice_1"}, "format": "wav"},
            "function_call": {"name": "look_up"},
            "logit_bias": {"50256": -100},
            "metadata": {"team": "green"},
            "modalities": ["text", "audio"],
            "moderation": {"model": "omni-moderation-latest", "policy": {"input": {"mode": "score"}, "output": None}},
            "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
            "prompt_cache_retention": "24h",
            "seed": 2**40,
            "stop": ["\n\n", "END"],
            "temperature": 0.30000000000000004,
            "tool_choice": {"type": "function", "function": {"name": "look_up"}},
            "tools": [{"type": "function", "function": {"name": "look_up", "parameters": schema}}],
            "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Lisbon"}}},
        }  # fmt: skip
        assert strict.post("/v1/chat/completions", full).status == 200
        assert strict.upstream.last_body == {key: value for key, value in full.items() if key != "moderation"}


@pytest.mark.parametrize("stream", [False, True])
def test_s21_choices_that_a_client_would_put_together_are_refused_or_judged_together(
    guarded: House, stream: bool
) -> None:
    halves = CANARY[:6], CANARY[6:]
    guarded.upstream.answer = completion(*halves)
    guarded.upstream.answer["choices"][1]["index"] = 0
    answer = guarded.chat(stream=stream, n=2)
    refused = (400, "content_filter") if stream else (502, "upstream_protocol")
    assert (answer.status, answer.json["error"]["code"]) == refused
    assert all(half.encode() not in answer.raw for half in halves)


@pytest.mark.parametrize("stream", [False, True])
def test_s21_census_a_canary_in_any_field_of_an_answer_never_gets_through(guarded: House, stream: bool) -> None:
    count = blocked = 0
    answer = guarded.chat(stream=stream)
    twins = dict(planted(ChatCompletion, HARMLESS))
    for place, document in planted(ChatCompletion, CANARY):
        count += 1
        guarded.upstream.answer = document
        answer = guarded.chat(stream=stream)
        assert CANARY.encode() not in answer.raw, place
        if stream and answer.status == 200:  # dropped, for nobody asked for it; or the end of what was filtered
            assert answer.body.endswith(b"data: [DONE]\n\n"), place
            blocked += b'"content_filter"' in answer.body
            continue
        assert answer.status in {400, 502}, place
        assert answer.json["error"]["code"] in {"content_filter", "upstream_protocol"}, place
        guarded.upstream.answer = twins[place]
        passed = guarded.chat(stream=stream)
        if answer.status == 400 and passed.status == 200:
            blocked += 1
            if not stream:
                assert passed.json == twins[place], place
    assert count > 120
    assert blocked > 0.6 * count
    assert guarded.leaks(answer) == []


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_s21_an_error_of_the_upstream_is_judged_like_an_answer(guarded: House, status: int) -> None:
    guarded.upstream.status = status
    for error in ({"message": CANARY}, {"message": "x", "param": CANARY}, {CANARY: 1}, CANARY, [{"detail": CANARY}]):
        guarded.upstream.answer = {"error": error}
        answer = guarded.chat()
        assert (answer.status, answer.json["error"]["code"]) == (status, f"upstream_{status}")
        assert guarded.leaks(answer) == []
    guarded.upstream.answer = {"error": {"message": HARMLESS}}
    answer = guarded.chat()
    assert (answer.status, answer.json) == (status, {"error": {"message": HARMLESS}})


def test_s21_the_choice_that_is_asked_for_last_is_looked_at_like_the_first(guarded: House) -> None:
    guarded.upstream.answer = completion("fine", "fine", CANARY)
    answer = guarded.chat(n=3)
    assert answer.status == 400
    assert guarded.leaks(answer) == []
