"""The load client: a closed loop of keep-alive connections, each sending its next request when it has its answer."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import httptools
import uvloop

from benchmarks._traffic import request


class _Connection(asyncio.Protocol):
    """One connection of the loop. It gives up its turn when *budget* is used up or the time is over."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self._began = 0.0

    def connection_made(self, transport: Any) -> None:
        """Send the first request."""
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if self._load.take():
            self._began = time.perf_counter()
            self._transport.write(self._load.bytes)
        else:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Note how long it took, and go on."""
        self._load.note(time.perf_counter() - self._began, self._parser.get_status_code())
        self._parser = httptools.HttpResponseParser(self)
        self._next()

    def connection_lost(self, _: Exception | None) -> None:
        """The turn is over, or the server ended it."""
        self._load.left()


class _Load:
    """One run: *requests* at most, *seconds* at most."""

    def __init__(self, *, port: int, concurrency: int, requests: int, seconds: float, stream: bool) -> None:
        body = request(stream=stream)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            "authorization: Bearer sk-benchmark\r\nuser-agent: benchmark\r\naccept: */*\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self.bytes = head.encode() + body
        self._port = port
        self._concurrency = concurrency
        self._budget = requests
        self._deadline = time.perf_counter() + seconds
        self._open = concurrency
        self._done = asyncio.Event()
        self._took: list[float] = []
        self._failed = 0

    def take(self) -> bool:
        """Whether there is another request to send."""
        if self._budget <= 0 or time.perf_counter() > self._deadline:
            return False
        self._budget -= 1
        return True

    def note(self, seconds: float, status: int) -> None:
        """One answer."""
        self._took.append(seconds)
        self._failed += status != 200

    def left(self) -> None:
        """One connection fewer."""
        self._open -= 1
        if self._open == 0:
            self._done.set()

    async def run(self) -> dict[str, Any]:
        """Latencies in milliseconds at the usual places, and how many answers were not 200."""
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        for _ in range(self._concurrency):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
        async with asyncio.timeout(60):
            await self._done.wait()
        elapsed = time.perf_counter() - began
        took = sorted(self._took)
        places = {
            f"p{p}": round(took[min(len(took) - 1, len(took) * p // 100)] * 1000, 4) for p in (50, 90, 99) if took
        }
        return {"requests": len(took), "failed": self._failed, "seconds": round(elapsed, 4), **places}


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    print(0, flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await _Load(**json.loads(line)).run()), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
