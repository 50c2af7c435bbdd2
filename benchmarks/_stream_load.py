"""The client of the streaming benchmark: opens streams, and notes when each byte of them came.

Answers one JSON line for each it is given. ``{"do": "read", …}`` reads *streams* answers to their ends at once;
``{"do": "open", …}`` opens so many more and leaves them open, ``{"do": "close"}`` closes those.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from bisect import bisect_right
from typing import Any

import httptools
import orjson
import uvloop

_PATIENCE_S = 120.0


def request(model: str, tokens: int) -> bytes:
    """The body of a request for a streamed answer: a question as people ask one."""
    question = "We live in a house from 1978 and think about a heat pump. What should we look at, and in which order?"
    messages = [
        {"role": "system", "content": "You are a helpful assistant. Answer in the language of the question."},
        {"role": "user", "content": question},
    ]
    return json.dumps({"model": model, "messages": messages, "max_tokens": tokens, "stream": True}).encode()


class _Stream(asyncio.Protocol):
    """One request and its answer."""

    def __init__(self, body: bytes, enough: int) -> None:
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            "authorization: Bearer sk-benchmark\r\nuser-agent: benchmark\r\naccept: text/event-stream\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self._bytes = head.encode() + body
        self._parser = httptools.HttpResponseParser(self)
        self._enough = enough
        self._transport: Any = None
        self.body = bytearray()
        self.ends: list[int] = []
        self.times: list[float] = []
        self.began = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self._transport = transport
        self.began = time.perf_counter()
        transport.write(self._bytes)

    def data_received(self, data: bytes) -> None:
        """Note what came, and when."""
        now = time.perf_counter()
        self._parser.feed_data(data)
        self.ends.append(len(self.body))
        self.times.append(now)
        if self._enough and len(self.body) >= self._enough and not self.done.done():
            self.done.set_result(None)

    def on_body(self, data: bytes) -> None:
        """Keep the piece."""
        self.body += data

    def on_message_complete(self) -> None:
        """It is whole."""
        if not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        """It ended, or broke off."""
        if not self.done.done():
            self.done.set_exception(ConnectionError("a stream broke off"))

    def close(self) -> None:
        """Leave."""
        self._transport.close()

    def told(self, sentence: int) -> dict[str, Any]:
        """What came of the text: when its first character did, when its first *sentence* characters did, and its end.

        In milliseconds since the request was sent.
        """
        status = self._parser.get_status_code()
        text, first, whole, events, at = "", None, None, 0, 0
        while (end := self.body.find(b"\n\n", at)) >= 0:
            data, at = bytes(self.body[at:end]).removeprefix(b"data: "), end + 2
            if status != 200 or data == b"[DONE]":
                continue
            events += 1
            for choice in orjson.loads(data)["choices"]:
                piece = choice["delta"].get("content") or ""
                if piece:
                    text += piece
                    # The packet that brought the end of the event brought the event.
                    ms = (self.times[min(bisect_right(self.ends, at - 1), len(self.times) - 1)] - self.began) * 1000
                    first = ms if first is None else first
                    whole = ms if whole is None and len(text) >= sentence else whole
        took = (self.times[-1] - self.began) * 1000
        return {"status": status, "first": first, "sentence": whole, "took": took, "events": events, "text": text}


class _Load:
    """The streams that are open."""

    def __init__(self) -> None:
        self._open: list[_Stream] = []

    async def do(self, asked: dict[str, Any]) -> Any:
        """What one line asks for."""
        match asked["do"]:
            case "read":
                return await self._read(asked)
            case "open":
                self._open += await self._begin(asked, enough=asked["bytes"])
                return {"open": len(self._open)}
            case "close":
                for stream in self._open:
                    stream.close()
                self._open.clear()
                return {"open": 0}
        raise ValueError(asked["do"])

    async def _read(self, asked: dict[str, Any]) -> Any:
        streams = await self._begin(asked)
        for stream in streams:
            stream.close()
        told = [stream.told(asked.get("sentence", 1)) for stream in streams]
        for one in told:
            one["right"] = one["status"] == 200 and one.pop("text") == asked["text"]
        return told

    async def _begin(self, asked: dict[str, Any], enough: int = 0) -> list[_Stream]:
        body = request(asked["model"], asked["tokens"])
        loop = asyncio.get_running_loop()
        streams = []
        for _ in range(asked["streams"]):
            _, stream = await loop.create_connection(lambda: _Stream(body, enough), "127.0.0.1", asked["port"])
            streams.append(stream)
        async with asyncio.timeout(_PATIENCE_S):
            await asyncio.gather(*(stream.done for stream in streams))
        return streams


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    load = _Load()
    print(0, flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            said = await load.do(json.loads(line))
        except (OSError, TimeoutError) as error:
            said = {"error": type(error).__name__}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
