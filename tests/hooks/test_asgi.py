from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.routing import Mount

from guard import Guard
from guard.audit import State
from guard.hooks.asgi import GuardMiddleware
from tests.fakes import chunks, completion, eventually
from tests.hooks.conftest import Records
from tests.hooks.houses import serving

CHAT = "/v1/chat/completions"


def ask(text: str = "good morning", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


class Told(StreamingResponse):
    """One that notes how it ended. Who sends when the client has left has an `OSError`, who does not is cancelled."""

    def __init__(self, happened: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.happened = happened

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        except (OSError, asyncio.CancelledError):
            self.happened.append("ended")
            raise
        self.happened.append("told")


class Program:
    """A FastAPI application such as people write, and what happened in it."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer = "all is well"
        self.happened: list[str] = []
        self.app = FastAPI()
        self.app.post(CHAT)(self.chat)
        self.app.get("/health")(self.health)
        self.app.post("/notes")(self.health)

    async def health(self) -> PlainTextResponse:
        return PlainTextResponse("fine")

    async def chat(self, request: Request, later: BackgroundTasks) -> Any:
        self.asked.append(await request.json())
        if self.answer == "raise":
            raise RuntimeError("this program is wrong")
        if self.answer == "elsewhere":
            return RedirectResponse("/health")
        if self.answer == "busy":
            return JSONResponse({"error": {"message": "try later"}}, 429, {"retry-after": "7"})
        if self.asked[-1].get("stream"):
            return Told(self.happened, self.stream(), media_type="text/event-stream")
        later.add_task(self.happened.append, "later")
        return JSONResponse(completion(self.answer), headers={"set-cookie": "a=b", "x-own": "yes"})

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in chunks(completion(self.answer)):
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
            await asyncio.sleep(0.002)
        yield b"data: [DONE]\n\n"


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def client(program: Program, guard: Guard) -> Any:
    program.app.add_middleware(GuardMiddleware, guard=guard)
    with serving(program.app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as one:
        yield one


def test_what_is_blocked_never_reaches_the_application(
    client: httpx.Client, program: Program, records: Records
) -> None:
    answer = client.post(CHAT, json=ask("say zorblax"), headers={"accept-language": "zh-CN"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "此处不可。")
    assert program.asked == []
    assert [(one.state, one.source) for one in records()] == [(State.BLOCKED, "library")]


def test_what_is_let_through_is_masked_both_ways_and_keeps_the_applications_headers(
    client: httpx.Client, program: Program, records: Records
) -> None:
    program.answer = "see ticket-1234"
    answer = client.post(CHAT, json=ask("about ticket-9999"))
    assert "9999" not in json.dumps(program.asked)
    assert answer.json()["choices"][0]["message"]["content"] == "see <MASK_1>"
    assert (answer.headers["x-own"], answer.headers["set-cookie"]) == ("yes", "a=b")
    assert answer.headers["x-guard-decision"] == "redact"
    assert eventually(lambda: program.happened == ["later"])
    assert [one.state for one in records()] == [State.REDACTED]


def test_a_stream_ends_before_what_is_blocked_and_the_application_is_told(
    client: httpx.Client, program: Program, records: Records
) -> None:
    program.answer = "It is well so far. And then zorblax, as they say. " + "So on. " * 500
    with client.stream("POST", CHAT, json=ask(stream=True)) as answer:
        body = "".join(answer.iter_text())
    assert "It is well so far. " in body
    assert "zorblax" not in body
    assert body.endswith("data: [DONE]\n\n")
    assert eventually(lambda: program.happened == ["ended"])
    assert [(one.state, one.stream) for one in records()] == [(State.BLOCKED, True)]


def test_a_client_that_leaves_ends_what_the_application_does_for_it(
    client: httpx.Client, program: Program, records: Records
) -> None:
    program.answer = "This goes on and on. " * 2000
    with client.stream("POST", CHAT, json=ask(stream=True)) as answer:
        next(answer.iter_text())
    assert eventually(lambda: program.happened == ["ended"], 10)
    assert eventually(lambda: [one.state for one in records()] == [State.CLIENT_GONE], 10)


def test_an_application_that_fails_is_recorded_and_fails_as_it_would_alone(
    client: httpx.Client, program: Program, records: Records
) -> None:
    program.answer = "raise"
    closed = {"connection": "close"}  # it is, and the server does not say so
    answer = client.post(CHAT, json=ask(), headers=closed)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    program.answer = "busy"
    answer = client.post(CHAT, json=ask())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json() == {"error": {"message": "try later"}}
    program.answer = "elsewhere"
    assert client.post(CHAT, json=ask()).status_code == 502
    assert {one.state for one in records()} == {State.UPSTREAM_ERROR}
    assert len(records()) == 3


def test_everything_else_is_the_applications_own(client: httpx.Client, records: Records) -> None:
    assert client.get("/health").text == "fine"
    assert client.post("/notes", json={"text": "zorblax"}).text == "fine"
    assert client.get("/nowhere").status_code == 404
    assert records() == []


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions/", "//v1/chat/completions", "/V1/Chat/Completions", "/v1%2Fchat/completions"]
)
def test_a_path_that_is_nearly_a_protocols_is_refused(client: httpx.Client, program: Program, path: str) -> None:
    answer = client.post(str(client.base_url) + path, json=ask("say zorblax"), follow_redirects=True)
    assert answer.status_code == 404
    assert program.asked == []


def test_nothing_but_what_is_exempt_goes_by_where_that_is_asked_for(program: Program, guard: Guard) -> None:
    program.app.add_middleware(GuardMiddleware, guard=guard, exempt=["/health"])
    with serving(program.app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/health").text == "fine"
        assert client.post("/notes", json={}).status_code == 404
        assert client.post(CHAT, json=ask()).status_code == 200


def test_it_may_stand_in_an_application_that_is_mounted(program: Program, guard: Guard) -> None:
    program.app.add_middleware(GuardMiddleware, guard=guard)
    with serving(Starlette(routes=[Mount("/inside", program.app)])) as port:
        base = f"http://127.0.0.1:{port}/inside"
        assert httpx.post(base + CHAT, json=ask("say zorblax")).status_code == 400
        assert program.asked == []
        assert httpx.post(base + CHAT, json=ask()).status_code == 200
        assert httpx.get(base + "/health").text == "fine"


def test_fields_of_ones_own_are_described_in_a_file(tmp_path: Path, guard: Guard) -> None:
    (tmp_path / "own.yaml").write_text(
        "protocol: own\nroutes: [/ask]\nrequest: {guarded: [/question]}\nanswer: {guarded: [/reply]}\n"
    )
    asked: list[Any] = []
    app = FastAPI()

    @app.post("/ask")
    async def own(request: Request) -> dict[str, str]:
        asked.append(await request.json())
        return {"reply": "see ticket-1234", "unknown": "ticket-5678"}

    app.add_middleware(GuardMiddleware, guard=guard, protocols=[tmp_path / "own.yaml"])
    with serving(app) as port:
        assert httpx.post(f"http://127.0.0.1:{port}/ask", json={"question": "zorblax"}).status_code == 400
        assert asked == []
        answer = httpx.post(f"http://127.0.0.1:{port}/ask", json={"question": "hello"})
    assert answer.json() == {"reply": "see <MASK_1>", "unknown": "<MASK_1>"}
