"""Acceptance through a hook: the stub upstream and the clients are acceptance's own, between them is a program.

The program relays what it gets by an HTTP client. Either it is an ASGI application with the middleware around it, or
its client has a guard; each bare in the other place.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from guard import Guard
from guard.hooks.asgi import GuardMiddleware
from guard.hooks.httpx import guarded
from guard.server.run import Ports
from tests.acceptance.conftest import POLICY, House
from tests.fakes import CanaryClassifier, FakeCatalog, StubUpstream, running_upstream

KINDS = ("asgi", "httpx")


class Relay:
    """An ASGI application that answers what *url* answers."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self.client = client

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [(k, v) for k, v in scope["headers"] if k not in {b"host", b"content-length", b"connection"}]
        started = False
        try:
            async with self.client.stream(
                scope["method"], self.url + scope["path"], headers=headers, content=body
            ) as answer:
                await send({"type": "http.response.start", "status": answer.status_code, "headers": [
                    (k.lower(), v) for k, v in answer.headers.raw if k.lower() != b"transfer-encoding"
                ]})  # fmt: skip
                started = True
                async for piece in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except httpx.HTTPError:
            if started:
                raise
            await send({"type": "http.response.start", "status": 502, "headers": []})
            await send({"type": "http.response.body", "body": b'{"error": {"code": "nobody"}}'})
            return
        await send({"type": "http.response.body", "body": b""})


class ByModel:
    """One of several applications, by the model that a request names. They share the *client*."""

    def __init__(self, apps: Mapping[str, Any], client: httpx.AsyncClient) -> None:
        self.apps = apps
        self.client = client
        self.usual = next(iter(apps.values()))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.client.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        try:
            model = json.loads(body)["model"]
        except (ValueError, TypeError, KeyError):
            model = ""

        async def again() -> Any:
            return messages.pop(0) if messages else await receive()

        await self.apps.get(model, self.usual)(scope, again, send)


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """*app* on a port of loopback, in a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="critical", lifespan="on", loop="asyncio"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def hooked(tmp_path: Path, kind: str, policies: Mapping[str, str] | None = None) -> Iterator[House]:
    """A house whose gateway is a hook; *policies* are chosen by the model of a request."""
    log = tmp_path / "audit.db"
    catalog = FakeCatalog(canary := CanaryClassifier())
    guards: dict[str, Guard] = {}
    for name, text in (policies or {"acceptance": POLICY.read_text()}).items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(text)
        guards[name] = Guard(file, audit=log, catalog=catalog)
        guards[name].sink.open()  # type: ignore[union-attr]  # it has one
    with running_upstream(StubUpstream()) as stub:
        transport = httpx.AsyncHTTPTransport()
        client = httpx.AsyncClient(transport=transport, timeout=20)
        apps = {name: made(kind, stub.url, guard, client) for name, guard in guards.items()}
        with serving(ByModel(apps, client)) as port:
            yield House(None, Ports(port, 0), stub, canary, log)  # type: ignore[arg-type]  # there is no gateway
    for guard in guards.values():
        guard.close()


def made(kind: str, url: str, guard: Guard, client: httpx.AsyncClient) -> Any:
    """The program, guarded in one way or the other."""
    if kind == "asgi":
        return GuardMiddleware(Relay(url, client), guard)
    return Relay(url, guarded(httpx.AsyncClient(transport=client._transport, timeout=20), guard))
