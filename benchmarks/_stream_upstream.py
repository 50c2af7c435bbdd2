"""The generator of the streaming benchmark: answers token by token, at a steady rate or as fast as it can.

The request says what it wants in two fields that travel through every gateway: ``model`` is ``LANGUAGE-RATE`` (tokens
a second; 0: no waiting), ``max_tokens`` how many of them. An answer of the model ``LANGUAGE-RATE-open`` never ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import httptools
import uvloop

from benchmarks._answers import END, LANGUAGES, frames

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_FRAMES = {language: [b"%x\r\n%s\r\n" % (len(one), one) for one in frames(language)] for language in LANGUAGES}
_END = b"%x\r\n%s\r\n0\r\n\r\n" % (len(END), END)
_AT_ONCE = 16
"""Events of a generator that does not wait, between two looks at whether they are read."""


class _Generator(asyncio.Protocol):
    """One connection, one request after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._transport: Any = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._answering: asyncio.Task[None] | None = None

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
        """Answer, in a task: the next token waits for its time."""
        document = json.loads(b"".join(self._body))
        self._body.clear()
        self._parser = httptools.HttpRequestParser(self)
        language, rate, *more = document["model"].split("-")
        events = _FRAMES[language][: 1 + document["max_tokens"]]
        self._answering = self._loop.create_task(self._answer(events, float(rate), open_=bool(more)))

    async def _answer(self, events: list[bytes], rate: float, *, open_: bool) -> None:
        self._transport.write(_HEAD + events[0])
        if rate:
            began = time.monotonic()
            for number, event in enumerate(events[1:]):
                await asyncio.sleep(began + number / rate - time.monotonic())
                self._transport.write(event)
        else:
            for at in range(1, len(events), _AT_ONCE):
                self._transport.write(b"".join(events[at : at + _AT_ONCE]))
                await self._writable.wait()
        if not open_:
            self._transport.write(_END)

    def pause_writing(self) -> None:
        """Who reads is slower."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It caught up."""
        self._writable.set()

    def connection_lost(self, _: Exception | None) -> None:
        """Nobody reads any more."""
        if self._answering is not None:
            self._answering.cancel()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Generator, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve())
