"""Requests written byte by byte, for what no client library would send."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from guard.audit import State
from tests.acceptance.oracle import CHAT, ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.audit import AuditRecord
    from tests.acceptance.conftest import Answer, House

HOST = ("Host: localhost",)


def said(text: str, *, stream: bool = False) -> bytes:
    """The body of a chat request that says *text*."""
    return json.dumps(ask(text, stream=stream)).encode()


def chunked(body: bytes, size: int = 2**20, trailers: bytes = b"") -> bytes:
    """*body* in chunks of *size*."""
    cuts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(cut), cut) for cut in cuts) + b"0\r\n" + trailers + b"\r\n"


def request(
    body: bytes,
    *lines: str | bytes,
    target: str | bytes = CHAT,
    version: str = "1.1",
    host: Sequence[str] = HOST,
    framing: str | None = None,
    close: bool = True,
) -> bytes:
    """A POST of *body* as it is, with the header *lines*; its length is told, unless *framing* tells another."""
    line = b"POST %s HTTP/%s" % (target if isinstance(target, bytes) else target.encode(), version.encode())
    told = f"Content-Length: {len(body)}" if framing is None else framing
    head: list[str | bytes] = [line, *host, "Content-Type: application/json", *lines, told]
    head += ["Connection: close"] if close else []
    return b"\r\n".join(one.encode() if isinstance(one, str) else one for one in head) + b"\r\n\r\n" + body


def refused(house: House, answer: Answer, codes: dict[int, set[str]]) -> AuditRecord:
    """The one record of a request that was refused, in OpenAI's shape, before anything was judged."""
    assert answer.status in codes, answer.raw
    error: dict[str, Any] = answer.json["error"]
    assert error["code"] in codes[answer.status], error
    assert set(error) == {"message", "type", "param", "code"}
    assert len(error["message"]) > 20
    assert answer.raw.count(b"HTTP/1.1 ") == 1
    (record,) = house.records()
    assert (record.state, record.status, record.error) == (State.REJECTED_PROTOCOL, answer.status, error["code"])
    assert record.id == answer.headers["x-guard-id"]
    assert house.canary.read == []
    assert house.upstream.received == []
    assert house.leaks(answer) == []
    return record


def served(house: House, bad: bytes, good: bytes, *, stream: bool) -> Answer:
    """*bad* says the canary and is stopped; *good*, its harmless twin, passes, and this is its answer."""
    house.begin()
    answer = house.raw(bad)
    assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter"), answer.raw
    assert house.leaks(answer) == []
    assert house.upstream.received == []
    (record,) = house.records()
    assert (record.state, record.route, record.stream) == (State.BLOCKED, CHAT, stream)
    house.begin()
    answer = house.raw(good)
    assert answer.status == 200, answer.raw
    assert b"all is well" in answer.body
    (record,) = house.records()
    assert (record.state, record.route, record.stream) == (State.ALLOWED, CHAT, stream)
    assert len(house.upstream.received) == 1
    assert house.upstream.received[0].startswith(f"POST {CHAT} HTTP/1.1\r\n".encode())
    return answer
