"""The generator of the benchmark: one canned chat answer per request, as fast as Python can send it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httptools
import uvloop

from benchmarks._traffic import ANSWER, STREAM

_PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
_EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%s" % (len(STREAM), STREAM)


class _Generator(asyncio.Protocol):
    """One connection, one request after the other."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Keep the piece."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer in the way that was asked for."""
        document = json.loads(b"".join(self._body))
        self._body.clear()
        if self._transport is not None:
            self._transport.write(_EVENTS if document.get("stream") else _PLAIN)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Generator, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve())
