"""An upstream on loopback that does whatever a script says, byte by byte: what a fault proxy would do, and worse."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guard.errors import UpstreamError
from guard.upstream import Answering, Upstream

ROUTE = "/v1/chat/completions"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


class Peer:
    """One connection, as the upstream sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.sent = 0

    async def hear(self) -> bytes:
        """The next request, head and body."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return head + await self._reader.readexactly(int(length[1]) if length else 0)

    async def say(self, data: bytes, size: int | None = None, every: float = 0.0) -> None:
        """Send *data*, *size* bytes at a time, *every* so many seconds."""
        for start in range(0, len(data), size or len(data) or 1):
            part = data[start : start + (size or len(data))]
            if self._writer.is_closing():
                raise ConnectionResetError
            self._writer.write(part)
            await self._writer.drain()
            self.sent += len(part)
            if size:
                await asyncio.sleep(every)

    async def gone(self) -> None:
        """Return once the other side has left."""
        try:
            while await self._reader.read(65536):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        """Break the connection: the other side gets an RST."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def shut(self) -> None:
        """Close the socket itself, before anybody on this event loop can see that it is closed."""
        with socket.socket(fileno=os.dup(self._writer.get_extra_info("socket").fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Drop the connection; TLS gets no farewell."""
        if not self._writer.is_closing():
            self._writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Faulty:
    """The upstream: who came, and what was heard if the script puts it there."""

    url: str = ""
    peers: list[Peer] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def faulty(script: Script, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Faulty]:
    """An upstream on this event loop that plays *script* for each connection and then closes it."""
    one, tasks = Faulty(), set[asyncio.Future[Any]]()

    async def play(peer: Peer) -> None:
        try:
            await script(peer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            peer.close()

    def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        one.peers.append(peer)
        tasks.add(asyncio.ensure_future(play(peer)))

    server = await asyncio.start_server(came, "127.0.0.1", port, ssl=tls)
    scheme = "http" if tls is None else "https"
    one.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        for peer in one.peers:
            peer.abort()
        await asyncio.sleep(0.01)  # transports let go of their sockets a turn later
    assert [e for e in errors if e and not isinstance(e, asyncio.CancelledError)] == []


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Upstream]:
    """An `Upstream` that is impatient, and calls once, unless *options* say otherwise."""
    one = Upstream(url, **{"timeout_s": 3.0, "connect_s": 1.0, "idle_s": 1.0, "retries": 0, **options})
    await one.open()
    try:
        yield one
    finally:
        await one.close()
        await asyncio.sleep(0.01)


def answering(*parts: bytes, size: int | None = None, every: float = 0.0) -> Script:
    """A script: hear a request, send *parts* in pieces of *size*, and hear the next one."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.hear()
            for part in parts:
                await peer.say(part, size, every)

    return script


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An answer with a length, or with a wrong one."""
    lines = "".join(f"{line}\r\n" for line in headers)
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {size}\r\n\r\n".encode() + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(parts: Iterable[bytes], *headers: str) -> bytes:
    """An answer in chunks."""
    lines = "".join(f"{line}\r\n" for line in headers).encode()
    return CHUNKED[:-2] + lines + b"\r\n" + b"".join(map(chunk, parts)) + LAST


async def posted(upstream: Upstream) -> bytes:
    return (await upstream.post(ROUTE, (), b"{}")).body


async def read(upstream: Upstream) -> bytes:
    answer = await upstream.call(ROUTE, (), b"{}")
    try:
        return await answer.read()
    finally:
        answer.close()


async def streamed(upstream: Upstream) -> bytes:
    answer = await upstream.call(ROUTE, (), b"{}", accept=b"text/event-stream")
    try:
        return b"".join([piece async for piece in answer.chunks()])
    finally:
        answer.close()


WAYS: dict[str, Callable[[Upstream], Awaitable[bytes]]] = {"post": posted, "read": read, "chunks": streamed}
"""Every way to take an answer."""


async def error_of(call: Awaitable[Any]) -> UpstreamError:
    """The error that *call* ends in."""
    try:
        answer = await call
    except UpstreamError as error:
        return error
    if isinstance(answer, Answering):
        answer.close()
    raise AssertionError("there was an answer")


def rss() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
