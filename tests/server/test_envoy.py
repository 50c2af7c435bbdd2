"""What Envoy is told, message by message, without an Envoy; and what hostile messages come to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from guard.exchange.http import PIECE
from guard.server.envoy import Processing, _message
from guard.server.envoy_messages import ProcessingRequest, ProcessingResponse

App = Callable[[Any, Any, Any], Awaitable[None]]


def headers(**more: str) -> dict[str, Any]:
    named = {":method": "POST", ":path": "/v1/chat/completions", ":authority": "localhost", **more}
    return {"headers": {"headers": [{"key": key, "raw_value": value.encode()} for key, value in named.items()]}}


def request(**said: Any) -> Any:
    return ProcessingRequest.FromString(_message("ProcessingRequest", said).SerializeToString())


class Answering:
    """A handler that does as it is told."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.refused: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    async def refuse(self, code: str, message: str) -> Any:
        from guard.exchange.http import Reply

        self.refused.append(code)
        return Reply(400, message.encode())


def told(app: App, *messages: Any, handler: Answering | None = None) -> list[Any]:
    """What Envoy is told where it says *messages* and ends."""

    async def run() -> list[Any]:
        processing = Processing(handler or Answering(app), 1000)  # type: ignore[arg-type]  # all that is asked of one
        for message in messages:
            processing.take(message)
        processing.cancel()
        return [ProcessingResponse.FromString(one.SerializeToString()) async for one in processing.answers()]

    return asyncio.run(asyncio.wait_for(run(), 10))


async def answer(send: Any, status: int, *pieces: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-one", b"1")]})
    for number, piece in enumerate(pieces, 1):
        await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})


def test_a_request_is_handed_on_as_it_is() -> None:
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append((scope["method"], scope["path"], scope["query_string"], scope["headers"]))
        heard.append((await receive())["body"])
        await answer(send, 200, b"{}")

    given = headers(**{":path": "/v1/moderations?a=b", "content-type": "application/json"})
    (going_on, immediate) = told(
        app,
        request(request_headers=given),
        request(request_body={"body": b'{"in'}),
        request(request_body={"body": b'put":1}', "end_of_stream": True}),
    )

    assert going_on.WhichOneof("response") == "request_headers"
    assert heard == [
        ("POST", "/v1/moderations", b"a=b", [(b"content-type", b"application/json"), (b"host", b"localhost")]),
        b'{"input":1}',
    ]
    said = immediate.immediate_response
    assert (said.status.code, said.body) == (200, b"{}")
    assert [(one.header.key, one.header.raw_value) for one in said.headers.set_headers] == [("x-one", b"1")]


def test_a_request_without_a_body_is_answered_too() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b""
        await answer(send, 405, b"no")

    (immediate,) = told(app, request(request_headers={**headers(**{":method": "GET"}), "end_of_stream": True}))

    assert immediate.immediate_response.status.code == 405


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({":path": "/v1/\nx"}, "invalid_target"),
        ({":path": "http://other/"}, "invalid_host"),
        ({":authority": "a b"}, "invalid_host"),
        ({":method": "CONNECT"}, "invalid_target"),
        ({"connection": "x-guard-key"}, "invalid_header"),
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_refused(given: dict[str, str], code: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        pytest.fail("it was handed on")

    handler = Answering(app)
    (immediate,) = told(app, request(request_headers={**headers(**given), "end_of_stream": True}), handler=handler)

    assert (immediate.immediate_response.status.code, handler.refused) == (400, [code])


def test_a_client_that_leaves_is_seen_to_leave() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        await answer(send, 400, b"")

    assert len(told(app, request(request_headers={**headers(), "end_of_stream": True}))) == 1


def test_messages_in_no_order_end_and_release_nothing() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, b"x")

    assert told(app) == []
    assert told(app, request(response_body={"body": b"x", "end_of_stream": True})) == []
    assert told(app, request(response_headers=headers(**{":status": "200"}))) == []
    assert told(app, ProcessingRequest()) == []
    (one,) = told(app, request(request_body={"body": json.dumps({}).encode(), "end_of_stream": True}))
    assert one.WhichOneof("response") == "immediate_response"


def test_a_message_may_hold_what_is_not_known_here() -> None:
    known = _message("ProcessingRequest", {"request_headers": headers()}).SerializeToString()
    unknown = b"\x4a\x03abc"  # field 9, attributes

    assert ProcessingRequest.FromString(known + unknown).WhichOneof("request") == "request_headers"


def test_envoy_is_kept_waiting_while_nobody_reads_what_it_says() -> None:
    async def run() -> None:
        processing = Processing(Answering(None), 1000)  # type: ignore[arg-type]  # nothing is asked of it
        for _ in range(100):
            processing.take(request(response_body={"body": b"x"}))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(processing.room(), 0.1)
        processing.leave()
        await asyncio.wait_for(processing.room(), 10)

    asyncio.run(run())


def test_an_answer_goes_out_in_pieces_that_envoy_takes() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        from guard.server.envoy import EnvoyUpstream

        await receive()
        answering = await EnvoyUpstream().call(
            "/v1/chat/completions", [(b"authorization", b"k")], b"{}", content_type=b"application/json",
            accept=b"application/json", whole=True, forwarded=frozenset(), key_header=b"authorization",
        )  # fmt: skip
        assert (answering.status, answering.media_type, await answering.read()) == (200, b"application/json", b"ok")
        await answer(send, 200, b"x" * (PIECE + 1), b"end")

    client = {"authorization": "k", "x-api-key": "gone", "x-guard-key": "gone"}
    replies = told(
        app,
        request(request_headers=headers(**client)),
        request(request_body={"body": b"[]", "end_of_stream": True}),
        request(response_headers=headers(**{":status": "200", "content-type": "application/json", "etag": "e"})),
        request(response_body={"body": b"ok", "end_of_stream": True}),
    )

    assert [one.WhichOneof("response") for one in replies] == [
        "request_headers", "request_body", "response_headers", *["response_body"] * 3,
    ]  # fmt: skip
    changed = replies[1].request_body.response
    assert changed.body_mutation.body == b"{}"
    assert list(changed.header_mutation.remove_headers) == ["x-api-key", "x-guard-key"]
    assert list(replies[2].response_headers.response.header_mutation.remove_headers) == ["etag"]
    pieces = [one.response_body.response.body_mutation.streamed_response for one in replies[3:]]
    assert [(len(piece.body), piece.end_of_stream) for piece in pieces] == [(PIECE, False), (1, False), (3, True)]
