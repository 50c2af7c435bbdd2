"""S41 for streams: who reads slowly makes the upstream wait, and costs the gateway little however much there is."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from guard.audit import State
from guard.audit.sqlite import read
from tests.acceptance.dialects import DIALECTS, LAST, Dialect, chunk, head
from tests.acceptance.process import Server, serving
from tests.acceptance.wire import request
from tests.fakes import StubUpstream, eventually, running_upstream

MIB = 2**20
LARGE = 40 * MIB
"""Bytes of a stream: more than all buffers on its way, and a gateway that kept them would be seen to."""
ROOM = 24 * MIB
"""What the gateway may grow by for all of them."""
READERS = 6
SENTENCE = "The weather was fine that day, and we walked along the river. " * 60
POLICY = """
policy: mild
classifiers: {keywords: {lists: {word: [zorblax]}, builtin: []}}
rules:
  - {id: stop, when: {category: custom.word}, then: block}
"""


@dataclass
class Pump:
    """An upstream that says the same for *size* bytes; *sent* counts what each of its connections took."""

    stub: StubUpstream
    dialect: Dialect = DIALECTS[0]
    size: int = LARGE
    sent: list[int] = field(default_factory=list)

    async def play(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = self.dialect.frames([(0, "content", SENTENCE)])
        at = self.dialect.opening
        number = len(self.sent)
        self.sent.append(0)
        writer.write(head(self.dialect.media_type) + b"".join(map(chunk, frames[:at])))
        piece = chunk(frames[at])
        while self.sent[number] < self.size:
            writer.write(piece)
            await writer.drain()
            self.sent[number] += len(piece)
        writer.write(b"".join(map(chunk, frames[at + 1 :])) + LAST)
        await writer.drain()


@pytest.fixture
def pump() -> Iterator[Pump]:
    with running_upstream(StubUpstream()) as stub:
        one = Pump(stub)
        stub.play = one.play
        yield one


@pytest.fixture
def served(tmp_path: Path, pump: Pump) -> Iterator[Server]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "gateway.yaml").write_text(
        f"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstream: {{url: '{pump.stub.url}'}}\npolicies: policy.yaml\n"
        "limits: {write_timeout_s: 2}\n"
    )
    with serving(tmp_path, "--config", "gateway.yaml") as server:
        yield server.wait_until_ready()


def rss(server: Server) -> int:
    statm = Path(f"/proc/{server.process.pid}/statm").read_text().split()
    return int(statm[1]) * os.sysconf("SC_PAGE_SIZE")


def reader(server: Server, dialect: Dialect) -> socket.socket:
    """A client with next to no room, which has asked and reads nothing yet."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", server.data))
    body = b'{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}'
    connection.sendall(request(body, target=dialect.path))
    return connection


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_s41_readers_who_do_not_read_make_the_upstream_wait(served: Server, pump: Pump, dialect: Dialect) -> None:
    pump.dialect, pump.size = dialect, MIB // 2
    with reader(served, dialect) as warm:
        while warm.recv(65536):
            pass
    before = rss(served)
    pump.size, pump.sent = LARGE, []
    with ExitStack() as stack:
        readers = [stack.enter_context(reader(served, dialect)) for _ in range(READERS)]
        assert all(connection.recv(1) == b"H" for connection in readers)
        most, still, last = rss(served), 0, -1
        while still < 10:  # until nobody takes anything any more
            time.sleep(0.05)
            most = max(most, rss(served))
            still = still + 1 if sum(pump.sent) == last else 0
            last = sum(pump.sent)
        assert len(pump.sent) == READERS
        assert max(pump.sent) < LARGE / 4
        assert most - before < ROOM
        assert eventually(lambda: len(list(read(served.log))) == 1 + READERS, seconds=8)
    records = list(read(served.log))
    assert [record.state for record in records] == [State.CLIENT_GONE] * READERS + [State.ALLOWED]
    assert all(record.stream for record in records)
    assert rss(served) - before < ROOM


def test_s41_a_large_stream_passes_through_little_memory(served: Server, pump: Pump) -> None:
    """Two who read: one as fast as it comes, one with pauses."""
    pump.size = MIB // 2
    with reader(served, DIALECTS[0]) as warm:
        while warm.recv(65536):
            pass
    before, most, size, turns = rss(served), 0, 0, 0
    pump.size, pump.sent = 12 * MIB, []
    with reader(served, DIALECTS[0]) as fast, reader(served, DIALECTS[0]) as slow:
        while data := fast.recv(65536):
            size, turns = size + len(data), turns + 1
            if turns % 20 == 0:
                slow.recv(65536)
                most = max(most, rss(served))
    assert size > 11 * MIB
    assert turns > 60
    assert most - before < ROOM
