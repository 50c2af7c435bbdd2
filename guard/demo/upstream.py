"""The generator as an OpenAI-compatible server: chat completions, whole or streamed, and the list of models.

It is an upstream like any other: it speaks HTTP on loopback and knows nothing of the gateway in front of it.
Any model name is accepted, so that a client need not be changed; answers name the model that really wrote them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import socket
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from guard.demo.generator import Generation, Generator, Sampling, Token, tokenize
from guard.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

MODEL = "bookshop-5gram"
_MAX_BODY = 1 << 20
_MAX_PROMPT = 8_192
_MAX_TOKENS = 256
_ROLES = ("system", "developer", "user", "assistant", "tool")
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """The fields of a chat completion that this generator heeds; the rest of the body it passes over."""

    turns: tuple[str, ...]
    sampling: Sampling
    choices: int = 1
    logprobs: bool = False
    stream: bool = False
    include_usage: bool = False

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the whole conversation."""
        return sum(len(tokenize(turn)) for turn in self.turns)


@dataclass(slots=True)
class _Answer:
    """What every body and chunk of one completion has in common."""

    request: ChatRequest
    generations: list[Generation]
    envelope: dict[str, Any]

    def usage(self) -> dict[str, int]:
        prompt, written = self.request.prompt_tokens, sum(g.count for g in self.generations)
        return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def read_request(body: bytes) -> ChatRequest:
    """The chat completion that *body* asks for.

    Raises:
        RequestError: the body is no JSON object, or a field has no sense here.
    """
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError("invalid_json", "The body is not valid JSON.") from None
    if not isinstance(fields, dict):
        raise RequestError("invalid_type", "The body should be a JSON object.")
    if not isinstance(fields.get("model"), str):
        raise RequestError("invalid_type", "`model` should be a string.", "model")
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError("invalid_type", "`messages` should be a list of at least one message.", "messages")
    turns = tuple(_text(message, f"messages.{i}") for i, message in enumerate(messages))
    alias = "max_completion_tokens" if fields.get("max_completion_tokens") is not None else "max_tokens"
    sampling = Sampling(
        max_tokens=int(_number(fields, alias, 1, 4_096, _MAX_TOKENS, whole=True)),
        temperature=_number(fields, "temperature", 0, 2, 1),
        top_p=_number(fields, "top_p", 0, 1, 1),
        seed=None if fields.get("seed") is None else int(_number(fields, "seed", -(2**63), 2**63 - 1, 0, whole=True)),
        stop=_stops(fields.get("stop")),
        top_logprobs=int(_number(fields, "top_logprobs", 0, 20, 0, whole=True)),
    )
    options = fields.get("stream_options") or {}
    if not isinstance(options, dict):
        raise RequestError("invalid_type", "`stream_options` should be an object.", "stream_options")
    request = ChatRequest(
        turns=turns,
        sampling=sampling,
        choices=int(_number(fields, "n", 1, 8, 1, whole=True)),
        logprobs=_flag(fields, "logprobs"),
        stream=_flag(fields, "stream"),
        include_usage=_flag(options, "include_usage"),
    )
    if request.prompt_tokens > _MAX_PROMPT:
        message = f"The messages are longer than this model's context of {_MAX_PROMPT} tokens."
        raise RequestError("context_length_exceeded", message, "messages")
    return request


def _text(message: object, where: str) -> str:
    fields: dict[str, Any] = message if isinstance(message, dict) else {}
    if fields.get("role") not in _ROLES:
        raise RequestError("invalid_value", f"`{where}.role` should be one of {', '.join(_ROLES)}.", f"{where}.role")
    content = fields.get("content")
    if content is None and fields["role"] == "assistant":
        return ""
    if isinstance(content, str):
        return content
    parts: list[Any] = content if isinstance(content, list) else [None]
    if not all(isinstance(p, dict) and p.get("type") == "text" and isinstance(p.get("text"), str) for p in parts):
        hint = f"`{where}.content` should be a string or a list of text parts: this model reads nothing else."
        raise RequestError("invalid_value", hint, f"{where}.content")
    return "\n".join(part["text"] for part in parts)


def _number(
    fields: Mapping[str, Any], name: str, low: float, high: float, default: float, *, whole: bool = False
) -> float:
    value = fields.get(name)
    if value is None:
        return default
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        noun = "an integer" if whole else "a number"
        raise RequestError("invalid_value", f"`{name}` should be {noun} from {low} to {high}.", name)
    return value


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise RequestError("invalid_type", f"`{name}` should be true or false.", name)


def _stops(value: object) -> tuple[str, ...]:
    stops = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(s, str) and s for s in stops):
        raise RequestError("invalid_value", "`stop` should be a string or a list of one to four strings.", "stop")
    return tuple(stops)


def create_upstream(pace: float = 0.0, generator: Generator | None = None) -> ASGIApp:
    """The ASGI app of a generator (the bookshop's, unless given), *pace* seconds between two tokens."""
    generator = generator or Generator.default()

    async def chat(request: Request) -> Response:
        wanted = read_request(await _body(request))
        generations = [
            generator.generate(wanted.turns, replace(wanted.sampling, index=i)) for i in range(wanted.choices)
        ]
        answer = _Answer(wanted, generations, _envelope(generator))
        if wanted.stream:
            return StreamingResponse(_events(answer, pace), media_type="text/event-stream")
        return _json(await _whole(answer, pace))

    async def models(_: Request) -> Response:
        card = {"id": MODEL, "object": "model", "created": 0, "owned_by": "guard-demo"}
        return _json({"object": "list", "data": [card]})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", models, methods=["GET"]),
        ],
        exception_handlers={RequestError: _bad_request, HTTPException: _no_route},
    )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise HTTPException(413, f"The body is larger than {_MAX_BODY} bytes.")
    return bytes(body)


def _envelope(generator: Generator) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(datetime.now(UTC).timestamp()),
        "model": MODEL,
        "system_fingerprint": f"fp_{generator.fingerprint}",
    }


async def _tokens(answer: _Answer, pace: float) -> AsyncIterator[tuple[int, Token]]:
    """Tokens of every choice, turn about, with the choice's index; other requests get on between two tokens."""
    running = {index: iter(generation) for index, generation in enumerate(answer.generations)}
    while running:
        for index, tokens in list(running.items()):
            await asyncio.sleep(pace)
            if (token := next(tokens, None)) is None:
                del running[index]
            else:
                yield index, token


async def _whole(answer: _Answer, pace: float) -> dict[str, Any]:
    written: list[list[Token]] = [[] for _ in answer.generations]
    async for index, token in _tokens(answer, pace):
        written[index].append(token)
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": "".join(t.text for t in tokens), "refusal": None},
            "logprobs": _logprobs(answer.request, tokens),
            "finish_reason": answer.generations[index].finish_reason,
        }
        for index, tokens in enumerate(written)
    ]
    return {**answer.envelope, "choices": choices, "usage": answer.usage()}


async def _events(answer: _Answer, pace: float) -> AsyncIterator[bytes]:
    envelope = {**answer.envelope, "object": "chat.completion.chunk"}
    if answer.request.include_usage:
        envelope["usage"] = None

    def event(index: int, delta: dict[str, Any], tokens: list[Token], finish_reason: str | None = None) -> bytes:
        logprobs = _logprobs(answer.request, tokens)
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return _sse({**envelope, "choices": [choice]})

    for index in range(answer.request.choices):
        yield event(index, {"role": "assistant", "content": ""}, [])
    async for index, token in _tokens(answer, pace):
        yield event(index, {"content": token.text}, [token])
    for index, generation in enumerate(answer.generations):
        yield event(index, {}, [], generation.finish_reason)
    if answer.request.include_usage:
        yield _sse({**envelope, "choices": [], "usage": answer.usage()})
    yield b"data: [DONE]\n\n"


def _logprobs(request: ChatRequest, tokens: list[Token]) -> dict[str, Any] | None:
    if not request.logprobs or not tokens:
        return None

    def entry(text: str, logprob: float) -> dict[str, Any]:
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    content = [{**entry(t.text, t.logprob), "top_logprobs": [entry(*top) for top in t.top]} for t in tokens]
    return {"content": content, "refusal": None}


def _sse(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _error(status: int, message: str, param: str | None = None, code: str | None = None) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return _json({"error": error}, status)


async def _bad_request(_: Request, error: Exception) -> Response:
    known = error if isinstance(error, RequestError) else RequestError("invalid_request", "Bad request.")
    return _error(400, known.message, known.param, known.code)


async def _no_route(request: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    message = {404: f"There is no {request.url.path} here.", 405: f"{request.method} is not possible here."}
    return _error(status, message.get(status, detail))


def _listen(host: str, port: int) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family)
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return sock, f"http://{shown}:{sock.getsockname()[1]}"


def _server(app: ASGIApp) -> uvicorn.Server:
    # No log set-up of its own, no access log: paths and times of a demo's requests are nobody's business.
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", http="httptools")
    return uvicorn.Server(config)


def serve(host: str = "127.0.0.1", port: int = 8001, announce: Callable[[str], object] = lambda _: None) -> None:
    """Serve until interrupted. *announce* is told the base URL once it is known (port 0 takes a free one)."""
    sock, url = _listen(host, port)
    with sock:
        announce(url)
        _server(create_upstream()).run(sockets=[sock])


@contextlib.contextmanager
def running(host: str = "127.0.0.1", port: int = 0, app: ASGIApp | None = None) -> Iterator[str]:
    """Serve *app* (a new upstream, unless given) on a thread of its own for the length of the block.

    Yields:
        The base URL, without ``/v1``: ``http://127.0.0.1:49152``.

    Raises:
        OSError: the address is taken.
        RuntimeError: the server did not start in time.
    """
    sock, url = _listen(host, port)
    server = _server(app or create_upstream())
    thread = threading.Thread(target=functools.partial(server.run, sockets=[sock]), name="demo-upstream", daemon=True)
    with sock:
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield url
        finally:
            server.should_exit = True
            thread.join(_START_SECONDS)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            msg = "the demo upstream did not start"
            raise RuntimeError(msg)
        time.sleep(0.005)
