"""The servers that are compared: the gateway itself, and the pass-throughs somebody might write instead.

Run as ``python -m benchmarks._servers VARIANT UPSTREAM_PORT FOLDER``; prints the port it serves on.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn

from guard import registry
from guard.audit import AuditRecord, AuditSink
from guard.classifier import Classifier, Readable, Reads
from guard.config import Address, AuditConfig, GatewayConfig, UpstreamConfig
from guard.content import Modality, View
from guard.exchange.handler import Handler
from guard.finding import Finding
from guard.imports import spare_the_unused
from guard.pipeline import Pipeline
from guard.protocols import ADAPTERS
from guard.server.app import Gateway, create_gateway
from guard.server.run import running, spare_the_collector

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

POLICY = """
policy: benchmark
description: Blocks an invented phrase, masks an invented entity.
rules:
  - id: block-phrase
    message: {en: "The phrase is not allowed."}
    when: {category: custom.phrase, at_least: 0.9}
    then: block
  - id: mask-entities
    message: {en: "Data was masked."}
    when: {any: [{category: custom.entity}, {category: custom.phrase, at_least: 0.5, at_most: 0.9}]}
    then: redact
"""


PHRASE = "ZORBLAX-7731"
_PHRASE = re.compile(PHRASE)


class StubClassifier(Classifier[str]):
    """Reads all text for one phrase: the cheapest classifier there can be that still looks at everything."""

    categories = frozenset({"custom.phrase", "custom.entity"})
    modalities = frozenset({Modality.TEXT})
    horizon = 64
    window = 2048
    inline_cost = 100_000

    def prepare(self, part: Readable) -> str:
        """The text itself."""
        if not isinstance(part, View):
            raise TypeError(type(part).__name__)
        return part.text

    def cost(self, item: str) -> int:
        """Characters."""
        return max(1, len(item))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """One score per text, high where the phrase stands."""
        return [[Finding("custom.phrase", 0.99 if PHRASE in text else 0.01)] for text in items]


class StreamStub(StubClassifier):
    """The same for answers that are judged while they are streamed: it knows where the phrase could begin."""

    reads: Reads = "stretches"

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """Where the phrase stands."""
        return [
            [Finding("custom.phrase", 0.99, match.span()) for match in _PHRASE.finditer(text)] if PHRASE in text else []
            for text in items
        ]

    def pending(self, text: str) -> int:
        """Where a beginning of the phrase ends the text."""
        most = min(len(PHRASE) - 1, len(text))
        return len(text) - next((n for n in range(most, 0, -1) if text.endswith(PHRASE[:n])), 0)


class StubCatalog:
    """The stub alone."""

    def __init__(self, stub: type[StubClassifier] = StubClassifier) -> None:
        self._stub = stub

    def names(self) -> tuple[str, ...]:
        """Its name."""
        return ("stub",)

    def find(self, name: str) -> type[Classifier[Any]]:
        """Its class."""
        return self._stub if name == "stub" else registry.find(name)

    def provides(self, name: str, options: Mapping[str, object] | None = None) -> frozenset[str]:
        """Its categories."""
        return self._stub.categories if name == "stub" else registry.provides(name, options)

    def create(self, name: str, options: Mapping[str, object] | None = None) -> Classifier[Any]:
        """A new one."""
        return self._stub() if name == "stub" else registry.create(name, options)


class NullSink(AuditSink):
    """Keeps nothing: what is left of a request's cost without the disk. No gateway can be configured to use it."""

    def open(self) -> None:
        """Nothing to open."""

    async def append(self, record: AuditRecord) -> None:
        """Forget it."""

    def append_sync(self, record: AuditRecord) -> None:
        """Forget it."""

    async def begin(self, record: AuditRecord) -> None:
        """Forget it."""

    def begin_sync(self, record: AuditRecord) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing to close."""


def _gateway(variant: str, upstream: int, folder: Path) -> tuple[GatewayConfig, Gateway]:
    policy = folder / "benchmark.yaml"
    policy.write_text(POLICY)
    config = GatewayConfig(
        listen=Address("127.0.0.1", 0),
        admin=Address("127.0.0.1", 0),
        upstream=UpstreamConfig(f"http://127.0.0.1:{upstream}"),
        policies="default" if variant == "guard-default" else str(policy),
        audit=AuditConfig(path=str(folder / f"{variant}.db")),
    )
    if variant == "guard-default":
        return config, create_gateway(config)
    stub = StreamStub if variant == "guard-stream" else StubClassifier
    gateway = create_gateway(config, catalog=StubCatalog(stub))
    if variant == "guard-no-audit":
        gateway.handler = Handler(
            adapters=ADAPTERS,
            store=gateway.store,
            pipeline=Pipeline(gateway.engine),
            upstream=gateway.upstream,
            sink=NullSink(),
            limits=config.limits,
        )
    return config, gateway


_Message = dict[str, Any]


class _Forward(Protocol):
    """Sends a body to the upstream, gives back status and answer."""

    async def __call__(self, body: bytes) -> tuple[int, bytes]: ...


def _asgi(forward: _Forward) -> Any:
    """The smallest ASGI pass-through: read the body, forward it, send the answer."""

    async def app(_: _Message, receive: Callable[[], Awaitable[_Message]], send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, answer = await forward(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def _starlette(forward: _Forward) -> Any:
    """The same as people write it with the framework."""
    from starlette.applications import Starlette
    from starlette.requests import Request  # noqa: TC002  Starlette reads the annotation
    from starlette.responses import Response
    from starlette.routing import Route

    async def chat(request: Request) -> Response:
        status, answer = await forward(await request.body())
        return Response(answer, status, media_type="application/json")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


class _Relay(Protocol):
    """Sends a body to the upstream, gives what comes back piece by piece."""

    def __call__(self, body: bytes) -> AsyncIterator[bytes]: ...


def _asgi_stream(relay: _Relay) -> Any:
    """The smallest ASGI pass-through of a stream: each piece is sent on as it comes."""

    async def app(_: _Message, receive: Callable[[], Awaitable[_Message]], send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for piece in relay(body):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


_HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-benchmark"}


@contextlib.asynccontextmanager
async def _httpx(url: str) -> Any:
    import httpx

    limits = httpx.Limits(max_connections=1024, max_keepalive_connections=1024)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:

        async def forward(body: bytes) -> tuple[int, bytes]:
            answer = await client.post(url, content=body, headers=_HEADERS)
            return answer.status_code, answer.content

        yield forward


@contextlib.asynccontextmanager
async def _aiohttp(url: str) -> Any:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1024)) as session:

        async def forward(body: bytes) -> tuple[int, bytes]:
            async with session.post(url, data=body, headers=_HEADERS) as answer:
                return answer.status, await answer.read()

        yield forward


@contextlib.asynccontextmanager
async def _httpx_stream(url: str) -> Any:
    import httpx

    limits = httpx.Limits(max_connections=1024, max_keepalive_connections=1024)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60) as client:

        async def relay(body: bytes) -> AsyncIterator[bytes]:
            async with client.stream("POST", url, content=body, headers=_HEADERS) as answer:
                async for piece in answer.aiter_raw():
                    yield piece

        yield relay


@contextlib.asynccontextmanager
async def _aiohttp_stream(url: str) -> Any:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1024)) as session:

        async def relay(body: bytes) -> AsyncIterator[bytes]:
            async with session.post(url, data=body, headers=_HEADERS) as answer:
                async for piece in answer.content.iter_any():
                    yield piece

        yield relay


_PASS_THROUGHS = {
    "asgi-aiohttp": (_asgi, _aiohttp),
    "asgi-httpx": (_asgi, _httpx),
    "starlette-httpx": (_starlette, _httpx),
    "stream-aiohttp": (_asgi_stream, _aiohttp_stream),
    "stream-httpx": (_asgi_stream, _httpx_stream),
}


class _Server(uvicorn.Server):
    """Says its port, and stops when standard input ends."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        sys.stdin.read()
        self.should_exit = True


async def _pass_through(variant: str, upstream: int) -> None:
    wrap, connect = _PASS_THROUGHS[variant]
    async with connect(f"http://127.0.0.1:{upstream}/v1/chat/completions") as forward:
        server = _Server(
            uvicorn.Config(
                wrap(forward), host="127.0.0.1", port=0, http="httptools", lifespan="off", log_config=None,
                access_log=False, server_header=False, proxy_headers=False,
            )
        )  # fmt: skip
        await server.serve()


def main(variant: str, upstream: int, folder: Path) -> None:
    """Serve until standard input ends."""
    if variant in _PASS_THROUGHS:
        import uvloop

        uvloop.run(_pass_through(variant, upstream))
        return
    spare_the_unused()  # as `guard serve` does, and the next but one line too
    config, gateway = _gateway(variant, upstream, folder)
    spare_the_collector()
    with running(config, gateway) as ports:
        print(ports.data, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
