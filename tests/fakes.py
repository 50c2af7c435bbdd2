"""Small fakes that behave: a classifier that knows one phrase, and a generator that says what it is told to."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import httpx

from guard import registry
from guard.classifier import Classifier, Readable, Reads
from guard.content import Modality, View
from guard.finding import Finding

CANARY = "ZORBLAX-7731 protocol"
HARMLESS = "HARMLESS-7731 protocol"
ENTITY = "ENTITY-4242"


class CanaryClassifier(Classifier[str]):
    """Scores the canary 0.99 where it stands, an invented entity 0.95, everything else 0.01.

    *trouble*, if set, is called with each batch in place of answering: it may raise, sleep, or answer nonsense.
    """

    categories = frozenset({"custom.canary", "custom.entity"})
    modalities = frozenset({Modality.TEXT})
    reads: Reads = "stretches"
    horizon = 64
    window: int | None = 2048
    inline_cost = 100_000
    pattern: ClassVar[re.Pattern[str]] = re.compile(re.escape(CANARY))
    entity: ClassVar[re.Pattern[str]] = re.compile(r"ENTITY-\d{4}")
    growing: ClassVar[re.Pattern[str]] = re.compile(
        "|".join([re.escape(CANARY[:n]) for n in range(1, len(CANARY))] + ["ENTITY-"[:n] for n in range(1, 8)])
        + r"|ENTITY-\d{1,3}"
    )

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.trouble: Callable[[Sequence[str]], Any] | None = None
        self.read: list[str] = []

    def prepare(self, part: Readable) -> str:
        assert isinstance(part, View)
        return part.text

    def cost(self, item: str) -> int:
        return max(1, len(item))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        self.read += items
        if self.trouble is not None:
            return self.trouble(items)  # type: ignore[no-any-return]
        return [self._findings(text) for text in items]

    def pending(self, text: str) -> int:
        """Where the canary or an entity begins that is not whole."""
        nearly_whole = range(max(0, len(text) - len(CANARY) + 1), len(text))
        return next((start for start in nearly_whole if self.growing.fullmatch(text, start)), len(text))

    def _findings(self, text: str) -> list[Finding]:
        found = [Finding("custom.canary", 0.99, span=m.span()) for m in self.pattern.finditer(text)]
        found += [Finding("custom.entity", 0.95, span=m.span()) for m in self.entity.finditer(text)]
        return found or [Finding("custom.canary", 0.01)]


class FakeCatalog:
    """The installed classifiers, and the given one under the name ``canary``."""

    def __init__(self, canary: CanaryClassifier) -> None:
        self.canary = canary

    def names(self) -> tuple[str, ...]:
        return (*registry.names(), "canary")

    def find(self, name: str) -> type[Classifier[Any]]:
        return CanaryClassifier if name == "canary" else registry.find(name)

    def provides(self, name: str, options: Mapping[str, object] | None = None) -> frozenset[str]:
        return self.canary.categories if name == "canary" else registry.provides(name, options)

    def create(self, name: str, options: Mapping[str, object] | None = None) -> Classifier[Any]:
        return self.canary if name == "canary" else registry.create(name, options)


def completion(*texts: str, **message: Any) -> dict[str, Any]:
    """A chat completion whose choices say *texts*; *message* adds fields to the first choice's message."""
    choices = [
        {
            "index": number,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text, **(message if number == 0 else {})},
        }
        for number, text in enumerate(texts)
    ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "stub",
        "choices": choices,
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def chunks(document: dict[str, Any], size: int = 5) -> list[dict[str, Any]]:
    """The chunks in which a generator streams a chat completion: *size* characters at a time, field after field."""
    base = {key: document[key] for key in ("id", "created", "model") if key in document}
    base["object"] = "chat.completion.chunk"
    found: list[dict[str, Any]] = []

    def emit(number: int, delta: Any, finish: str | None = None, **more: Any) -> None:
        found.append({**base, "choices": [{"index": number, "delta": delta, "finish_reason": finish, **more}]})

    for place, choice in enumerate(document["choices"]):
        number, message = choice.get("index", place), choice["message"]
        emit(number, {"role": message.get("role", "assistant"), "content": ""})
        for delta in _deltas({key: value for key, value in message.items() if key != "role"}, size):
            emit(number, delta)
        extra = {k: v for k, v in choice.items() if k not in ("index", "message", "finish_reason")}
        emit(number, {}, choice.get("finish_reason") or "stop", **extra)
    known = {*base, "choices", "usage", "object"}
    found[0] |= {key: value for key, value in document.items() if key not in known}
    return [*found, {**base, "choices": [], "usage": document.get("usage")}]


def _deltas(value: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    for key, item in value.items():
        if isinstance(item, str) and key not in ("id", "type"):
            yield from ({key: item[at : at + size]} for at in range(0, len(item), size))
        elif isinstance(item, dict):
            yield from ({key: delta} for delta in _deltas(item, size))
        elif isinstance(item, list) and item and key == "tool_calls":
            for number, one in enumerate(item):
                yield from ({key: [{"index": number, **delta}]} for delta in _deltas(one, size))
        elif item is not None:
            yield {key: item}


def events(frames: Sequence[Any]) -> bytes:
    """*frames* as server-sent events, with the end that OpenAI's streams have."""
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in frames) + b"data: [DONE]\n\n"


def form(*files: tuple[str, tuple[str, bytes]], **fields: str) -> tuple[str, bytes]:
    """A form of *fields* and *files* as a real client writes it: its content type, and its bytes."""
    request = httpx.Request("POST", "http://x/", data=fields, files=files or None)
    return request.headers["content-type"], request.read()


@dataclass
class StubUpstream:
    """A real HTTP server on loopback that stores every byte it receives and answers what *answer* holds.

    *answer* is the body (JSON-encoded unless bytes); a chat completion is streamed to whom asks for a stream. *raw*, if
    set, is sent in place of any HTTP answer. *delay* is seconds before the answer, *drip* between each byte of it,
    *pause* between the events of a stream. *script*, if set, is given a request's body and says which of answer,
    status, headers and delay are others for that request. *play*, if set, answers by itself, and the connection is kept
    for the next request unless it raises a `ConnectionError`.
    """

    answer: Any = field(default_factory=lambda: completion("all is well"))
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay: float = 0.0
    drip: float = 0.0
    pause: float = 0.0
    script: Callable[[bytes], dict[str, Any]] | None = None
    play: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None
    received: list[bytes] = field(default_factory=list)
    cancelled: int = 0
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def everything(self) -> bytes:
        """All bytes it ever received."""
        return b"".join(self.received)

    @property
    def last_body(self) -> Any:
        """The JSON of the last request."""
        return json.loads(self.received[-1].partition(b"\r\n\r\n")[2])

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                self.received.append(head + body)
                if self.play is not None:
                    await self.play(reader, writer)
                    continue
                turn = replace(self, **self.script(body)) if self.script else self
                if turn.delay:
                    gone = _gone(reader)
                    done, _ = await asyncio.wait([gone], timeout=turn.delay)
                    if done:
                        self.cancelled += 1
                        return
                    gone.cancel()
                    await asyncio.wait([gone])  # or the next request would be read by two
                raw = self.raw  # once: whoever gets the answer may change it at once
                answer = raw if raw is not None else turn._http(body)
                if self.pause and raw is None:
                    await self._trickle(answer, reader, writer)
                    continue
                for byte in answer if self.drip else b"":
                    writer.write(bytes([byte]))
                    await asyncio.sleep(self.drip)
                writer.write(b"" if self.drip else answer)
                await writer.drain()
                if raw is not None:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _trickle(self, answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Event by event, for as long as somebody listens."""
        gone = _gone(reader)
        for event in re.split(rb"(?<=\n\n)", answer):
            writer.write(event)
            with suppress(ConnectionError):  # then `gone` knows
                await writer.drain()
            if (await asyncio.wait([gone], timeout=self.pause))[0]:
                self.cancelled += 1
                raise ConnectionResetError
        gone.cancel()
        await asyncio.wait([gone])  # or the next request would be read by two

    def _http(self, asked: bytes = b"") -> bytes:
        kind = "application/json"
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        whole = isinstance(self.answer, dict) and self.answer.get("object") == "chat.completion"
        if whole and self.status == 200 and b'"stream":true' in asked:
            body, kind = events(chunks(self.answer, max(5, len(body) // 500))), "text/event-stream"
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} X\r\n{lines}\r\n".encode() + body


def _gone(reader: asyncio.StreamReader) -> asyncio.Future[bytes]:
    """Done once the client sends more or leaves, in order or by a reset."""
    gone = asyncio.ensure_future(reader.read(1))
    gone.add_done_callback(lambda one: one.cancelled() or one.exception())  # or asyncio would complain of a reset
    return gone


@contextmanager
def running_upstream(stub: StubUpstream) -> Iterator[StubUpstream]:
    """*stub*, serving on a thread of its own."""
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(stub.handle, "127.0.0.1", 0, limit=2**26)

    def work() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(start())
        stub.port = server.sockets[0].getsockname()[1]
        ready.set()
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
        for writer in stub.writers:
            writer.transport.abort()
        loop.run_until_complete(asyncio.sleep(0))  # transports let go of their sockets one turn later
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield stub
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def eventually(condition: Callable[[], bool], seconds: float = 3.0) -> bool:
    """Whether *condition* comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
