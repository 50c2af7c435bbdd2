"""S46: as many records as requests, one each, with the right state, durable before the first byte that is released."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from guard.audit import State
from tests.acceptance.conftest import POLICY, Answer, House, house
from tests.fakes import CANARY, ENTITY, completion, eventually

KEY = "a key of this gateway"
TENANTS = (("acme", hashlib.sha256(KEY.encode()).digest()),)
BEARER = {"Authorization": f"Bearer {KEY}"}
FLAGGING = (
    POLICY.read_text()
    + """  - id: flag-words
    message: {en: "A word was noted."}
    when: {category: secret.password}
    then: flag
"""
)
PATH = "/v1/chat/completions"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@dataclass(frozen=True)
class Ending:
    """One way for a request to end: how to make it happen, and what the client and the record should say."""

    status: int
    state: State
    send: Callable[[House], Answer]
    error: str = ""


def saying(text: str, **body: Any) -> Callable[[House], Answer]:
    return lambda one: one.chat(text, **body)


def posting(path: str, body: Any, **headers: str) -> Callable[[House], Answer]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda one: one.post(path, body, fields)


def raw(head: str) -> Callable[[House], Answer]:
    return lambda one: one.raw(f"{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())


ENDINGS = {
    "allowed": Ending(200, State.ALLOWED, saying("hello")),
    "allowed stream": Ending(200, State.ALLOWED, saying("hello", stream=True)),
    "redacted": Ending(200, State.REDACTED, saying(f"mask {ENTITY}")),
    "flagged": Ending(200, State.FLAGGED, saying("the password is: correct-Horse-9-battery")),
    "blocked in": Ending(400, State.BLOCKED, saying(CANARY), "content_filter"),
    "blocked stream": Ending(400, State.BLOCKED, saying(CANARY, stream=True), "content_filter"),
    "blocked out": Ending(400, State.BLOCKED, saying("answer canary"), "content_filter"),
    "blocked out stream": Ending(400, State.BLOCKED, saying("answer canary", stream=True), "content_filter"),
    "checked": Ending(200, State.ALLOWED, posting("/guard/v1/check", {"text": "hello"})),
    "check blocked": Ending(200, State.BLOCKED, posting("/guard/v1/check", {"text": CANARY})),
    "moderated": Ending(200, State.ALLOWED, posting("/v1/moderations", {"input": ["hello", "you"]})),
    "no json": Ending(400, State.REJECTED_PROTOCOL, posting(PATH, b"{"), "invalid_json"),
    "no utf-8": Ending(400, State.REJECTED_PROTOCOL, posting(PATH, b'{"a": "\xff"}'), "invalid_json"),
    "no message": Ending(400, State.REJECTED_PROTOCOL, posting(PATH, {"model": "m"}), "missing_field"),
    "an override": Ending(400, State.REJECTED_PROTOCOL, saying("hello", guardrails=[]), "policy_override"),
    "unknown path": Ending(404, State.REJECTED_PROTOCOL, posting("/v1/nothing", {}), "unknown_route"),
    "a get": Ending(405, State.REJECTED_PROTOCOL, raw(f"GET {PATH} HTTP/1.1"), "method_not_allowed"),
    "too large": Ending(413, State.REJECTED_PROTOCOL, saying("x" * 60_000), "body_too_large"),
    "a long url": Ending(414, State.REJECTED_PROTOCOL, posting(PATH + "?" + "x" * 9000, HELLO), "url_too_long"),
    "no type": Ending(
        415, State.REJECTED_PROTOCOL, posting(PATH, HELLO, Content_Type="text/plain"), "unsupported_media_type"
    ),
    "gzip": Ending(
        200, State.ALLOWED, posting(PATH, gzip.compress(json.dumps(HELLO).encode()), Content_Encoding="gzip")
    ),
    "no gzip": Ending(400, State.REJECTED_PROTOCOL, posting(PATH, HELLO, Content_Encoding="gzip"), "invalid_encoding"),
    "an unknown coding": Ending(
        415, State.REJECTED_PROTOCOL, posting(PATH, HELLO, Content_Encoding="compress"), "unsupported_media_type"
    ),
    "a bomb": Ending(
        413,
        State.REJECTED_PROTOCOL,
        posting(PATH, gzip.compress(b" " * 60_000), Content_Encoding="gzip"),
        "body_too_large",
    ),
    "two hosts": Ending(400, State.REJECTED_PROTOCOL, raw(f"POST {PATH} HTTP/1.1\r\nHost: x"), "invalid_host"),
    "another host": Ending(400, State.REJECTED_PROTOCOL, raw(f"POST http://elsewhere{PATH} HTTP/1.1"), "invalid_host"),
    "a fragment": Ending(400, State.REJECTED_PROTOCOL, raw(f"POST {PATH}#x HTTP/1.1"), "invalid_target"),
    "a twin": Ending(400, State.REJECTED_PROTOCOL, raw(f"POST {PATH} HTTP/1.1\r\nx_guard_key: x"), "invalid_header"),
    "long headers": Ending(
        431, State.REJECTED_PROTOCOL, posting(PATH, HELLO, X_Long="x" * 40_000), "headers_too_large"
    ),
    "many headers": Ending(
        431, State.REJECTED_PROTOCOL, posting(PATH, HELLO, **{f"X_{n}": "1" for n in range(120)}), "headers_too_large"
    ),
    "a slow body": Ending(
        408,
        State.REJECTED_PROTOCOL,
        raw(f"POST {PATH} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9"),
        "body_timeout",
    ),
    "rate limited": Ending(429, State.UPSTREAM_ERROR, saying("answer 429"), "upstream_429"),
    "upstream broken": Ending(500, State.UPSTREAM_ERROR, saying("answer 500"), "upstream_500"),
    "upstream odd": Ending(502, State.UPSTREAM_ERROR, saying("answer nonsense"), "upstream_protocol"),
    "upstream slow": Ending(504, State.UPSTREAM_ERROR, saying("answer late"), "upstream_timeout"),
    "classifier broken": Ending(503, State.ERROR_CLOSED, saying("classifier raise"), "guard_unavailable"),
    "classifier slow": Ending(503, State.ERROR_CLOSED, saying("classifier hang"), "guard_timeout"),
}


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway that can end a request in every way there is: the message says in which."""
    limits = {"body_bytes": 50_000, "body_timeout_s": 0.5, "judge_timeout_s": 1.5}
    folder = tmp_path_factory.mktemp("scripted")
    with house(folder, FLAGGING, timeout_s=2.5, inline=False, **limits) as one:
        judge = one.canary._findings

        def trouble(items: Any) -> Any:
            if any("classifier raise" in item for item in items):
                raise RuntimeError
            if any("classifier hang" in item for item in items):
                time.sleep(2.0)
            return [judge(item) for item in items]

        one.canary.trouble = trouble
        one.upstream.script = script
        yield one


def script(body: bytes) -> dict[str, Any]:
    """What the stub does with a request, by what its message says."""
    text = json.loads(body)["messages"][0]["content"]
    return {
        "answer canary": {"answer": completion(CANARY)},
        "answer 429": {"status": 429, "answer": {"error": {"message": "slow down"}}, "headers": {"Retry-After": "3"}},
        "answer 500": {"status": 500, "answer": {"error": {"message": "broken"}}},
        "answer nonsense": {"answer": b"<html>"},
        "answer late": {"delay": 5.0},
    }.get(text, {})


@pytest.mark.parametrize("name", ENDINGS)
def test_s46_a_request_has_one_record_with_the_right_state(scripted: House, name: str) -> None:
    scripted.earlier += scripted._count()
    ending = ENDINGS[name]
    answer = ending.send(scripted)
    (record,) = scripted.records()
    assert (answer.status, record.status, record.state) == (ending.status, ending.status, ending.state)
    assert record.error == ending.error
    assert record.id == answer.headers["x-guard-id"]
    assert record.stream is name.endswith(" stream")
    assert record.bytes_out == len(answer.body)
    if ending.error and ending.error != "content_filter" and not ending.error.startswith("upstream_"):
        assert answer.json["error"]["code"] == ending.error


def test_s46_50_times_every_ending_at_once_gives_as_many_records(scripted: House) -> None:
    scripted.earlier += scripted._count()
    # What hangs the one model thread would time its neighbours out: it has its own test above.
    names = [name for name in ENDINGS if name not in {"classifier slow", "a slow body"}] * 50
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda name: ENDINGS[name].send(scripted), names))
    assert [answer.status for answer in answers] == [ENDINGS[name].status for name in names]
    records = {record.id: record for record in scripted.records(len(names))}
    assert len(records) == scripted._count() == len(names)
    for name, answer in zip(names, answers, strict=True):
        record = records[answer.headers["x-guard-id"]]
        assert (record.state, record.error) == (ENDINGS[name].state, ENDINGS[name].error), name
    states = Counter(f'state="{record.state.value}"' for record in records.values())
    metrics = scripted.admin("/metrics")
    assert all(state in metrics for state in states)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY[:-1]}, {"X-Guard-Key": ""}]
)
def test_s46_a_request_without_a_key_is_recorded_and_goes_nowhere(tmp_path: Path, headers: dict[str, str]) -> None:
    with house(tmp_path, tenants=TENANTS) as one:
        answer = one.post(PATH, HELLO, headers)
        assert (answer.status, answer.json["error"]["code"]) == (401, "unauthorized")
        (record,) = one.records()
        assert (record.state, record.tenant) == (State.REJECTED_PROTOCOL, None)
        assert one.upstream.received == []
        assert one.post(PATH, HELLO, BEARER).status == 200
        assert one.post(PATH, HELLO, {"X-Guard-Key": KEY}).status == 200
        assert [record.tenant for record in one.records(3)] == [None, "acme", "acme"]
        assert KEY.encode() not in one.upstream.everything
        with one.client() as client, pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])


def leaving(one: House, body: Any = HELLO, *, announce: int | None = None) -> socket.socket:
    """A request whose client can leave: the open socket it was sent on."""
    data = json.dumps(body).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection(("127.0.0.1", one.ports.data), timeout=10)
    connection.sendall(f"{head}Content-Length: {announce or len(data)}\r\n\r\n".encode() + data)
    return connection


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("rude", [False, True], ids=["closes", "resets"])
def test_s46_a_client_that_leaves_has_its_upstream_call_cancelled(guarded: House, stream: bool, rude: bool) -> None:
    guarded.upstream.delay = 30
    connection = leaving(guarded, {**HELLO, "stream": stream})
    assert eventually(lambda: len(guarded.upstream.received) == 1)
    if rude:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()
    assert eventually(lambda: guarded.upstream.cancelled == 1, seconds=1.0)
    (record,) = guarded.records()
    assert (record.state, record.status, record.attempts, record.bytes_out) == (State.CLIENT_GONE, 0, 1, 0)
    assert record.stream is stream
    assert eventually(lambda: "guard_requests_in_flight 0.0" in guarded.admin("/metrics"))


def test_s46_a_client_that_leaves_while_it_uploads_is_recorded(guarded: House) -> None:
    leaving(guarded, announce=100_000).close()
    (record,) = guarded.records()
    assert (record.state, record.attempts) == (State.CLIENT_GONE, 0)
    assert guarded.upstream.received == []


def test_s46_a_client_that_leaves_while_it_is_judged_is_recorded(tmp_path: Path) -> None:
    with house(tmp_path, inline=False) as one:
        release = threading.Event()

        def waiting(items: Any) -> Any:
            release.wait(5)
            return [[] for _ in items]

        one.canary.trouble = waiting
        connection = leaving(one)
        assert eventually(lambda: bool(one.canary.read))
        connection.close()
        (record,) = one.records()
        release.set()
        assert (record.state, record.attempts) == (State.CLIENT_GONE, 0)
        assert one.upstream.received == []


def test_s46_50_clients_that_leave_are_50_records(guarded: House) -> None:
    guarded.upstream.delay = 30
    connections = [leaving(guarded) for _ in range(50)]
    assert eventually(lambda: len(guarded.upstream.received) == 50)
    for connection in connections:
        connection.close()
    assert eventually(lambda: guarded.upstream.cancelled == 50)
    assert [record.state for record in guarded.records(50)] == [State.CLIENT_GONE] * 50


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", ["hello", CANARY])
def test_s46_the_record_is_durable_before_the_first_byte_is_released(guarded: House, text: str, stream: bool) -> None:
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}
    with closing(sqlite3.connect(guarded.log)) as log:
        for number in range(1, 51):
            with leaving(guarded, body) as connection:
                assert connection.recv(1) == b"H"
                (count,) = log.execute("SELECT count(*) FROM records").fetchone()
                assert count - guarded.earlier == number


def test_s46_nothing_is_released_that_cannot_be_recorded(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with house(shelf) as one:
        one.upstream.answer = completion("a secret answer")
        assert one.chat().status == 200
        shelf.rename(tmp_path / "elsewhere")  # no file can be made where the log was
        for body in (
            HELLO,
            {**HELLO, "stream": True},
            {**HELLO, "messages": [{"role": "user", "content": CANARY}]},
            {},
        ):
            answer = one.post(PATH, body)
            assert (answer.status, answer.json["error"]["code"]) == (503, "audit_unavailable")
            assert b"secret answer" not in answer.raw
            assert "x-guard-decision" not in answer.headers
        assert one.post("/guard/v1/check", {"text": "hello"}).status == 503
        metrics = one.admin("/metrics")
        assert 'guard_requests_total{route="/guard/v1/check",state="error_closed",status="503"}' in metrics
        (tmp_path / "elsewhere").rename(shelf)
        assert one.chat().status == 200  # it recovers by itself
        assert len(one.records(2)) == 2


def test_s46_the_headers_of_an_answer_name_its_decision_and_its_record(guarded: House) -> None:
    with guarded.client() as client:
        answer = client.chat.completions.with_raw_response.create(
            model="m", messages=[{"role": "user", "content": f"mask {ENTITY}"}]
        )
        with pytest.raises(openai.BadRequestError) as raised:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": CANARY}])
    masked, blocked = guarded.records(2)
    assert answer.headers["x-guard-decision"] == masked.action == "redact"
    assert raised.value.response.headers["x-guard-decision"] == blocked.action == "block"
    assert raised.value.response.headers["x-should-retry"] == "false"
    for headers, record in ((answer.headers, masked), (raised.value.response.headers, blocked)):
        assert headers["x-guard-id"] == record.id
        assert headers["x-guard-policy"] == f"acceptance@{record.revision}"


def test_s46_a_record_holds_no_content(guarded: House) -> None:
    guarded.upstream.answer = completion("an answer that is nobody's business")
    answer = guarded.chat("a question that is nobody's business", user="nobody-s-business")
    assert answer.status == 200
    stored = b"".join(path.read_bytes() for path in guarded.log.parent.glob(guarded.log.name + "*"))
    assert b"business" not in stored


NUMBERS = "4111-1111-1111-1111"


@pytest.mark.parametrize(
    ("said", "recorded"),
    [("gpt-9-mini", "gpt-9-mini"), (None, None), (f"model-{NUMBERS}", None), ("a model of words", None)],
)
def test_s46_a_record_has_the_generators_own_name_and_not_what_the_client_typed(
    guarded: House, said: str | None, recorded: str | None
) -> None:
    guarded.upstream.answer = completion("fine") | {"model": said}
    assert guarded.chat(model="typed-by-somebody").status == 200
    (record,) = guarded.records()
    assert record.model == recorded


@pytest.mark.parametrize("ending", ["blocked", "failed", "moderated"])
def test_s46_a_record_names_no_model_where_none_answered(guarded: House, ending: str) -> None:
    guarded.upstream.status = 500
    if ending == "moderated":
        guarded.post("/v1/moderations", {"model": "typed-by-somebody", "input": "hello"})
    else:
        guarded.chat(CANARY if ending == "blocked" else "hello", model="typed-by-somebody")
    (record,) = guarded.records()
    assert record.model is None
    stored = b"".join(path.read_bytes() for path in guarded.log.parent.glob(guarded.log.name + "*"))
    assert b"typed-by-somebody" not in stored
