"""The protocols that stream, told alike: what a generator says in them, how it comes, and what a client makes of it."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import anthropic
import ollama
import openai

from tests.acceptance.conftest import Answer, House, answer_of
from tests.fakes import completion

Said = tuple[int, str, str]
"""A piece of a text: the choice it belongs to, which of its texts, and the piece."""
Event = tuple[str, bytes]
"""An event's name (``""`` for none) and its data."""
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """What a client put together: each text of each choice, and how it ended.

    The ending is ``whole``, ``filtered``, ``failed`` (an error in the stream), ``cut`` (none), ``refused`` (a 400
    before anything else) or another status.
    """

    texts: dict[tuple[int, str], str] = field(default_factory=lambda: defaultdict(str))
    ending: str = "cut"
    code: str = ""

    @property
    def text(self) -> str:
        """The first choice's."""
        return self.texts.get((0, "content"), "")

    def everything(self) -> str:
        """All texts, as a filter should find them: the escapes of JSON undone, too."""
        plain = "\n".join(self.texts.values())
        return plain + "\n" + re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), plain)


class Dialect(ABC):
    """One protocol. *lanes* are the texts that an answer of it can have, *choices* whether there can be several."""

    name: ClassVar[str]
    path: ClassVar[str]
    media_type: ClassVar[str] = "text/event-stream"
    lanes: ClassVar[tuple[str, ...]] = ("content", "reasoning", "arguments")
    choices: ClassVar[bool] = False
    sse: ClassVar[bool] = True
    opening: ClassVar[int] = 0
    """Events before the first piece of a text."""

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def ask(self, text: str = "hello", *, stream: bool = True, **more: Any) -> dict[str, Any]:
        """A request that says *text*."""

    @abstractmethod
    def whole(self, said: Sequence[Said]) -> dict[str, Any]:
        """The answer in one piece."""

    @abstractmethod
    def events(self, said: Sequence[Said]) -> list[Event]:
        """The same as a stream, an event for each piece; without an end that is no event (``[DONE]``)."""

    @abstractmethod
    def _read(self, name: str, document: dict[str, Any], heard: Heard) -> None:
        """Add one event that the client got."""

    @abstractmethod
    def _texts(self, document: dict[str, Any]) -> Iterator[Said]:
        """The texts of an answer in one piece."""

    def of_whole(self, answer: Answer) -> Heard:
        """What an answer in one piece says."""
        if answer.status != 200:
            return self.heard(answer)
        found = Heard(ending="whole")
        for choice, lane, text in self._texts(answer.json):
            found.texts[choice, lane] += text
        return found

    @abstractmethod
    def by_client(self, house: House, text: str = "hello", **more: Any) -> Heard:
        """What the real client makes of the answer."""

    done: ClassVar[bytes] = b""

    def frames(self, said: Sequence[Said]) -> list[bytes]:
        """The stream as it is usually written."""
        found = [self.frame(event) for event in self.events(said)]
        return [*found, self.frame(("", self.done))] if self.done else found

    def frame(self, event: Event) -> bytes:
        """One event as it is usually written."""
        name, data = event
        return (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"

    def send(self, house: House, text: str = "hello", **more: Any) -> Answer:
        """One request by a bare client that keeps every byte."""
        return house.post(self.path, self.ask(text, **more))

    def heard(self, answer: Answer) -> Heard:
        """What the bytes say, which must be canonical."""
        heard = Heard()
        if answer.status != 200:
            error = answer.json.get("error")
            heard.code = error["code"] if isinstance(error, dict) and "code" in error else answer.json.get("code", "")
            refused = answer.status == 400 and heard.code == "content_filter"
            heard.ending = "refused" if refused else str(answer.status)
            return heard
        for name, data in self._events_of(answer.body):
            if heard.ending == "failed":
                raise AssertionError("nothing follows an error")
            if data == b"[DONE]":
                assert heard.ending in {"stop", "filtered", "whole"}, heard
                continue
            self._read(name, json.loads(data), heard)
        return heard

    def _events_of(self, body: bytes) -> Iterator[Event]:
        *frames, rest = body.split(b"\n\n")
        assert rest == b"", "a stream ends with a whole event"
        for frame in frames:
            match = re.fullmatch(rb"(?:event: (\w+)\n)?data: ([^\r\n]+)", frame)
            assert match, frame
            yield (match[1] or b"").decode(), match[2]

    def parts(self, texts: Iterable[Said]) -> dict[tuple[int, str], str]:
        """What *texts* are, put together."""
        found: dict[tuple[int, str], str] = defaultdict(str)
        for choice, lane, text in texts:
            found[choice, lane] += text
        return dict(found)


class Chat(Dialect):
    name, path, choices, done, opening = "chat", "/v1/chat/completions", True, b"[DONE]", 1

    def ask(self, text: str = "hello", *, stream: bool = True, **more: Any) -> dict[str, Any]:
        return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream, **more}

    @staticmethod
    def _call(arguments: str) -> dict[str, Any]:
        return {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": arguments}}

    def whole(self, said: Sequence[Said]) -> dict[str, Any]:
        parts = self.parts(said)
        answer = completion(*[""] * (1 + max((choice for choice, _ in parts), default=0)))
        for (choice, lane), text in parts.items():
            message = answer["choices"][choice]["message"]
            if lane == "content":
                del message["content"]  # the order is that of the stream
            if lane == "arguments":
                message["tool_calls"] = [self._call(text)]
            else:
                message[{"reasoning": "reasoning_content"}.get(lane, lane)] = text
        return answer

    def events(self, said: Sequence[Said]) -> list[Event]:
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "stub"}
        choices = sorted({choice for choice, _, _ in said}) or [0]
        begun: set[int] = set()
        found: list[dict[str, Any]] = [
            {"index": n, "delta": {"role": "assistant", "content": ""}, "finish_reason": None} for n in choices
        ]
        for choice, lane, text in said:
            delta: dict[str, Any] = {{"reasoning": "reasoning_content"}.get(lane, lane): text}
            if lane == "arguments":
                call = self._call(text) if choice not in begun else {"function": {"arguments": text}}
                begun.add(choice)
                delta = {"tool_calls": [{"index": 0, **call}]}
            found.append({"index": choice, "delta": delta, "finish_reason": None})
        found += [{"index": n, "delta": {}, "finish_reason": "stop"} for n in choices]
        return [("", json.dumps({**base, "choices": [one]}).encode()) for one in found]

    def _texts(self, document: dict[str, Any]) -> Iterator[Said]:
        for choice in document["choices"]:
            index, message = choice["index"], choice["message"]
            for lane, key in (("content", "content"), ("reasoning", "reasoning_content")):
                if message.get(key):
                    yield index, lane, message[key]
            for call in message.get("tool_calls") or ():
                yield index, "arguments", call["function"]["arguments"]

    def _read(self, name: str, document: dict[str, Any], heard: Heard) -> None:
        assert name == ""
        if "error" in document:
            heard.ending, heard.code = "failed", document["error"]["code"]
            return
        assert document["object"] == "chat.completion.chunk"
        for choice in document["choices"]:
            self._add(heard, choice["index"], choice["delta"])
            ending = {"stop": "whole", "content_filter": "filtered", None: heard.ending}
            heard.ending = ending[choice["finish_reason"]]

    @staticmethod
    def _add(heard: Heard, index: int, delta: dict[str, Any]) -> None:
        for lane, key in (("content", "content"), ("reasoning", "reasoning_content"), ("refusal", "refusal")):
            if delta.get(key):
                heard.texts[index, lane] += delta[key]
        for call in delta.get("tool_calls") or ():
            heard.texts[index, "arguments"] += call["function"].get("arguments") or ""

    def by_client(self, house: House, text: str = "hello", **more: Any) -> Heard:
        heard = Heard()
        asked: Any = self.ask(text, **more)
        with house.client() as client:
            try:
                for chunk in client.chat.completions.create(**asked):
                    for choice in chunk.choices:
                        self._add(heard, choice.index, choice.delta.model_dump(exclude_none=True))
                        ending = {"stop": "whole", "content_filter": "filtered"}
                        heard.ending = ending.get(choice.finish_reason or "", heard.ending)
            except openai.APIStatusError as error:
                heard.code = str(error.code)
                heard.ending = "refused" if error.status_code == 400 else str(error.status_code)
            except openai.APIError as error:
                heard.ending, heard.code = "failed", str(error.code)
        return heard


class Messages(Dialect):
    name, path, opening = "messages", "/v1/messages", 2

    def ask(self, text: str = "hello", *, stream: bool = True, **more: Any) -> dict[str, Any]:
        said = [{"role": "user", "content": text}]
        return {"model": "m", "max_tokens": 64, "messages": said, "stream": stream, **more}

    def _blocks(self, said: Sequence[Said]) -> list[tuple[str, list[str]]]:
        blocks: list[tuple[str, list[str]]] = []
        for _, lane, text in said:
            if not blocks or blocks[-1][0] != lane:
                blocks.append((lane, []))
            blocks[-1][1].append(text)
        return blocks

    @staticmethod
    def _block(lane: str, text: str) -> dict[str, Any]:
        if lane == "reasoning":
            return {"type": "thinking", "thinking": text, "signature": ""}
        if lane == "arguments":
            called = {"type": "tool_use", "id": "toolu_1", "name": "look_up"}
            return {**called, "input": json.loads(text) if text else {}}
        return {"type": "text", "text": text}

    _ABOUT: ClassVar[dict[str, Any]] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "stub"}

    def whole(self, said: Sequence[Said]) -> dict[str, Any]:
        content = [self._block(lane, "".join(pieces)) for lane, pieces in self._blocks(said)]
        ending = {"stop_reason": "end_turn", "stop_sequence": None}
        return {**self._ABOUT, "content": content, **ending, "usage": {"input_tokens": 3, "output_tokens": 5}}

    def events(self, said: Sequence[Said]) -> list[Event]:
        start = {**self.whole([]), "stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 0}}
        found: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        kinds = {"content": ("text_delta", "text"), "reasoning": ("thinking_delta", "thinking")}
        for index, (lane, pieces) in enumerate(self._blocks(said)):
            found.append({"type": "content_block_start", "index": index, "content_block": self._block(lane, "")})
            kind, key = kinds.get(lane, ("input_json_delta", "partial_json"))
            found += [
                {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: text}} for text in pieces
            ]
            found.append({"type": "content_block_stop", "index": index})
        ending = {"stop_reason": "end_turn", "stop_sequence": None}
        found += [{"type": "message_delta", "delta": ending, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
        return [(one["type"], json.dumps(one).encode()) for one in found]

    def _texts(self, document: dict[str, Any]) -> Iterator[Said]:
        for block in document["content"]:
            if "input" in block:
                yield 0, "arguments", json.dumps(block["input"], ensure_ascii=False, separators=(",", ":"))
            else:
                kind = block["type"]
                yield 0, {"text": "content", "thinking": "reasoning"}[kind], block[kind]

    def _read(self, name: str, document: dict[str, Any], heard: Heard) -> None:
        assert name == document["type"]
        match document["type"]:
            case "error":
                heard.ending, heard.code = "failed", document["error"].get("code", "")
            case "content_block_delta":
                delta = document["delta"]
                self._add(heard, delta)
            case "message_delta":
                heard.code = document["delta"]["stop_reason"]
            case "message_stop":
                heard.ending = {"refusal": "filtered", "end_turn": "whole"}[heard.code]

    @staticmethod
    def _add(heard: Heard, delta: dict[str, Any]) -> None:
        kinds = {"text_delta": ("content", "text"), "thinking_delta": ("reasoning", "thinking")}
        lane, key = kinds.get(delta["type"], ("arguments", "partial_json"))
        heard.texts[0, lane] += delta.get(key, "")

    def by_client(self, house: House, text: str = "hello", **more: Any) -> Heard:
        heard = Heard()
        asked: Any = self.ask(text, **more)
        with anthropic.Anthropic(base_url=house.url, api_key="sk-ant-client", max_retries=0) as client:
            try:
                for event in client.messages.create(**asked):
                    if event.type == "content_block_delta":
                        self._add(heard, event.delta.model_dump())
                    elif event.type == "message_delta":
                        heard.code = str(event.delta.stop_reason)
                    elif event.type == "message_stop":
                        heard.ending = {"refusal": "filtered", "end_turn": "whole"}[heard.code]
            except anthropic.APIStatusError as error:
                body: Any = error.body
                heard.code = body["error"].get("code", "")
                status = error.response.status_code
                heard.ending = "failed" if status == 200 else "refused" if status == 400 else str(status)
        return heard


class Ollama(Dialect):
    name, path, media_type, sse = "ollama", "/api/chat", "application/x-ndjson", False
    lanes = ("content", "reasoning")

    def ask(self, text: str = "hello", *, stream: bool = True, **more: Any) -> dict[str, Any]:
        return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream, **more}

    _ABOUT: ClassVar[dict[str, Any]] = {"model": "stub", "created_at": "2026-01-02T03:04:05.678901Z"}

    def whole(self, said: Sequence[Said]) -> dict[str, Any]:
        parts = self.parts(said)
        names = {"content": "content", "reasoning": "thinking"}
        message = {"role": "assistant", **{names[lane]: text for (_, lane), text in parts.items()}}
        message.setdefault("content", "")
        return {**self._ABOUT, "message": message, "done": True, "done_reason": "stop", "eval_count": 18}

    def events(self, said: Sequence[Said]) -> list[Event]:
        names = {"content": "content", "reasoning": "thinking"}
        found = [
            {**self._ABOUT, "message": {"role": "assistant", "content": "", names[lane]: text}, "done": False}
            for _, lane, text in said
        ]
        return [("", json.dumps(one).encode()) for one in [*found, self.whole([])]]

    def frame(self, event: Event) -> bytes:
        return event[1] + b"\n"

    def _events_of(self, body: bytes) -> Iterator[Event]:
        *lines, rest = body.split(b"\n")
        assert rest == b"", "a stream ends with a whole line"
        yield from (("", line) for line in lines)

    def _texts(self, document: dict[str, Any]) -> Iterator[Said]:
        message = document.get("message") or {**document, "content": document.get("response")}
        for lane, key in (("content", "content"), ("reasoning", "thinking")):
            if message.get(key):
                yield 0, lane, message[key]

    def _read(self, name: str, document: dict[str, Any], heard: Heard) -> None:
        if "error" in document:
            heard.ending, heard.code = "failed", document.get("code", "")
            return
        self._add(heard, document["message"])
        if document["done"]:
            heard.ending = {"stop": "whole", "content_filter": "filtered"}[document["done_reason"]]

    @staticmethod
    def _add(heard: Heard, message: dict[str, Any]) -> None:
        for lane, key in (("content", "content"), ("reasoning", "thinking")):
            if message.get(key):
                heard.texts[0, lane] += message[key]

    def by_client(self, house: House, text: str = "hello", **more: Any) -> Heard:
        heard = Heard()
        asked: Any = self.ask(text, **more)
        try:
            with ollama.Client(house.url) as client:
                for piece in client.chat(**asked):
                    self._add(heard, piece.message.model_dump())
                    ending = {"stop": "whole", "content_filter": "filtered"}
                    heard.ending = ending.get(piece.done_reason or "", heard.ending)
        except ollama.ResponseError as error:
            status = error.status_code
            heard.ending = "failed" if status == -1 else "refused" if status == 400 else str(status)
        return heard


class Generate(Ollama):
    name, path = "generate", "/api/generate"

    def ask(self, text: str = "hello", *, stream: bool = True, **more: Any) -> dict[str, Any]:
        return {"model": "m", "prompt": text, "stream": stream, **more}

    def whole(self, said: Sequence[Said]) -> dict[str, Any]:
        parts = self.parts(said)
        names = {"content": "response", "reasoning": "thinking"}
        texts = {names[lane]: text for (_, lane), text in parts.items()}
        return {**self._ABOUT, "response": "", **texts, "done": True, "done_reason": "stop", "eval_count": 18}

    def events(self, said: Sequence[Said]) -> list[Event]:
        names = {"content": "response", "reasoning": "thinking"}
        found = [{**self._ABOUT, "response": "", names[lane]: text, "done": False} for _, lane, text in said]
        return [("", json.dumps(one).encode()) for one in [*found, self.whole([])]]

    def _read(self, name: str, document: dict[str, Any], heard: Heard) -> None:
        if "error" not in document:
            document = {**document, "message": {"content": document["response"], **document}}
        super()._read(name, document, heard)

    def by_client(self, house: House, text: str = "hello", **more: Any) -> Heard:
        raise NotImplementedError


DIALECTS: tuple[Dialect, ...] = (Chat(), Messages(), Ollama())


def cut(text: str, size: int, first: int = 0, lane: str = "content", choice: int = 0) -> list[Said]:
    """*text* in pieces of *size*, the first of *first* characters."""
    begin = first or size
    edges = [0, *range(begin, len(text), size), len(text)]
    return [(choice, lane, text[a:b]) for a, b in itertools.pairwise(edges) if a < b]


def head(media_type: str, *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """The head of an answer; in chunks, unless its length is told."""
    told = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {media_type}", *lines, told, "", "")).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


def playing(
    media_type: str,
    pieces: Sequence[bytes],
    *lines: str,
    every: float = 0.0,
    size: int | None = None,
    chunked: bool = True,
) -> Play:
    """An upstream that sends *pieces* one by one, *every* so many seconds; or *size* bytes at a time.

    Each goes on its way alone, as far as a busy machine lets it.
    """
    body = b"".join(pieces)
    if size is not None:
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
    first = head(media_type, *lines, length=None if chunked else len(body))

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for piece in pieces:
            writer.write(chunk(piece) if chunked else piece)
            await writer.drain()
            await asyncio.sleep(every)
        writer.write(LAST if chunked else b"")
        await writer.drain()

    return play


def says(house: House, dialect: Dialect, said: Sequence[Said], **more: Any) -> None:
    """Have the generator say that, streamed if it is asked for a stream."""
    streamed = playing(dialect.media_type, dialect.frames(said), **more)
    body = json.dumps(dialect.whole(said)).encode() if len({choice for choice, *_ in said}) < 9 else b""
    whole = playing("application/json", [body], chunked=False)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(house.upstream.received[-1].partition(b"\r\n\r\n")[2])
        await (streamed if asked.get("stream") else whole)(reader, writer)

    house.upstream.play = play


class Listening:
    """A client that keeps what it gets from the moment it comes; `gone` closes its end."""

    def __init__(self, port: int, dialect: Dialect, body: Any, **headers: str) -> None:
        data = json.dumps(body).encode()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._request = (
            f"POST {dialect.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}"
            f"Connection: close\r\nContent-Length: {len(data)}\r\n\r\n"
        ).encode() + data
        self._dialect = dialect
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._socket.settimeout(0.05)
        self._leaving = False
        self.raw = b""

    def __enter__(self) -> Self:
        self._socket.sendall(self._request)
        self._thread.start()
        return self

    def _listen(self) -> None:
        while not self._leaving:
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            self.raw += data

    def gone(self, *, rudely: bool = False) -> None:
        """Leave, with a farewell or by breaking the connection."""
        self._leaving = True
        self._thread.join(5)  # a socket that somebody reads does not close
        if rudely:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self._socket.close()

    def answer(self) -> Answer:
        """All of it, once it has ended."""
        self._thread.join(20)
        assert not self._thread.is_alive(), "the answer never ended"
        return answer_of(self.raw)

    def __exit__(self, *_: object) -> None:
        self.gone()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for *condition*, or break the connection on which it is waited for."""
    for _ in range(int(seconds / 0.002)):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise ConnectionAbortedError("it never came true")


def gated(house: House, dialect: Dialect, before: Sequence[bytes], after: Play, sign: bytes, **asked: Any) -> Answer:
    """What comes of an upstream that sends *before*, and plays *after* once the client has got *sign*."""
    client = Listening(house.ports.data, dialect, dialect.ask(**asked))
    house.upstream.play = gate(dialect, client, before, after, sign)
    with client:
        return client.answer()


def gate(dialect: Dialect, client: Listening, before: Sequence[bytes], after: Play, sign: bytes) -> Play:
    """An upstream that sends *before*, and plays *after* once the client has got *sign*."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head(dialect.media_type) + b"".join(map(chunk, before)))
        await writer.drain()
        await until(lambda: sign in client.raw)
        await after(reader, writer)

    return play


def ending(pieces: Sequence[bytes]) -> Play:
    """The rest of an answer in chunks, and its end."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(map(chunk, pieces)) + LAST)
        await writer.drain()

    return play
