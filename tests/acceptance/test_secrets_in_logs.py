"""S49: whatever a person typed, it is in no log, metric, status or record, at any log level and on any way to fail."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import re
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest

from tests.acceptance.conftest import House
from tests.acceptance.process import Server, serving
from tests.fakes import CANARY, StubUpstream, completion, running_upstream

LEVELS = ("debug", "info", "warning", "error")
POLICY = f"""
policy: secrets-in-logs
classifiers:
  keywords: {{lists: {{canary: ["{CANARY}"]}}}}
rules:
  - id: block-canary
    when: {{category: custom.canary}}
    then: block
  - id: mask-the-rest
    when: {{any: [{{category: pii.email}}, {{category: pii.credit_card}}, {{category: secret.api_key}}]}}
    then: redact
"""
# In pieces, so that scanners for real ones pass over this file.
SECRETS = {
    "e-mail": "vic.tim-7731@mail.example",
    "ssn": "-".join(("536", "22", "8726")),
    "card": "4012 8888 8888 1881",
    "card in one": "4012888888881881",
    "provider key": "sk-" + "proj-" + "q7Zk2Vd9XwT4mB8sL1cR6yH3nF5jP0aG",
    "cloud key": "AKIA" + "Q7ZK2VD9XWT4MB8S",
    "bearer token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiI3NzMxIn0." + "q7Zk2Vd9XwT4mB8sL1cR6yH3nF5jP0aGq7Zk2Vd9XwT",
    "phrase": CANARY,
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[StubUpstream]:
    with running_upstream(StubUpstream()) as stub:
        yield stub


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, upstream: StubUpstream) -> Iterator[dict[str, Server]]:
    """One gateway per log level, started together."""
    with ExitStack() as stack:
        started = {}
        for level in LEVELS:
            folder = tmp_path_factory.mktemp(level)
            (folder / "policy.yaml").write_text(POLICY)
            options = ("--upstream", upstream.url, "--policy", "policy.yaml", "--log-level", level)
            started[level] = stack.enter_context(serving(folder, *options))
        yield {level: server.wait_until_ready(60) for level, server in started.items()}


def send(server: Server, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.data), timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def request(body: Any, path: str = "/v1/chat/completions", method: str = "POST", **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    fields = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(data))}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in {**fields, **headers}.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode() + data


def chat(content: Any = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}], **fields}


def asked(secret: str) -> list[bytes]:
    """Requests with *secret* wherever a client can put one, well and badly formed."""
    function = {"name": secret, "description": secret, "parameters": {secret: {"default": secret}}}
    data_url = "data:image/png;base64," + base64.b64encode(secret.encode()).decode()
    messages: list[Any] = [
        secret, [], [secret], [{secret: secret}], [{"role": secret, "content": "x"}],
        [{"role": "user", "content": {secret: 1}}],
        [{"role": "user", "content": [{"type": secret, "text": secret}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"https://x/{secret}"}}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": data_url}}]}],
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": secret, "format": secret}}]}],
        [{"role": "tool", "tool_call_id": secret, "content": secret}],
        [{"role": "assistant", "tool_calls": [{"id": secret, "type": secret, "function": {"name": secret}}]}],
        [{"role": "assistant", "tool_calls": [{"id": "call-1", "function": {"name": "f", "arguments": secret}}]}],
    ]  # fmt: skip
    bodies: list[Any] = [
        chat(secret), chat(secret, stream=True), chat(stream=secret), chat(**{secret: secret}), chat(user=secret),
        {**chat(), "model": secret}, {**chat(secret), "model": secret}, {"model": secret}, {secret: secret},
        secret, [secret],
        chat(metadata={secret: secret}), chat(guardrails=secret), chat(Messages=secret), chat(n=secret, seed=secret),
        chat(tools=[{"type": "function", "function": function}]), chat(response_format={secret: secret}),
        *({"model": "m", "messages": one} for one in messages),
        b"", secret.encode(), f'{{"{secret}'.encode(), f'{{"model": "{secret}", "model": "{secret}"}}'.encode(),
        f'{{"model": NaN, "x": "{secret}"}}'.encode(), f'{{"x": "{secret}\\ud800"}}'.encode(),
        f'{{"x": "{secret}\\u0000"}}'.encode(), b'{"x": "\xff' + secret.encode() + b'"}',
        gzip.compress(secret.encode()), b"[" * 90 + json.dumps(secret).encode() + b"]" * 90,
    ]  # fmt: skip
    checks = [
        {"text": secret}, {"texts": [secret, secret]}, {"texts": secret}, {"image": data_url}, {"image": secret},
        {"messages": [{"role": secret}]}, {"text": "x", "direction": secret}, {"text": secret, "locale": secret},
        {secret: secret},
    ]  # fmt: skip
    moderated = [
        {"input": secret},
        {"input": [secret]},
        {"input": {secret: 1}},
        {"input": secret, secret: 1},
        {"model": secret},
    ]
    path = quote(secret)
    compact = secret.replace(" ", "-")
    return [
        *map(request, bodies),
        *(request(body, "/guard/v1/check") for body in checks),
        *(request(body, "/v1/moderations") for body in moderated),
        request(chat(), f"/v1/{path}"),
        request(chat(), f"/v1/{compact}"),
        request(chat(), f"/v1/chat/completions?q={path}&{compact}"),
        request(chat(), f"/v1/chat/completions?{'x' * 9000}{compact}"),
        request(chat(), method="GET", User_Agent=secret),
        request(chat(), Authorization=f"Bearer {secret}", User_Agent=secret, X_Request_Id=secret, Cookie=secret),
        request(chat(), Accept_Language=secret, Traceparent=secret, Referer=secret, Origin=secret),
        request(chat(), Content_Encoding=secret),
        request(chat(), Content_Type=secret),
        request(chat(), X_Long=secret * 4000),
        request(chat(), Upgrade="websocket", X_Key=secret),
        request(chat(), f"http://{compact}/v1/chat/completions", Host=compact),
        f"{secret}\r\n\r\n".encode(),
        f"GET {secret} HTTP/1.1\r\n\r\n".encode(),
        f"POST / HTTP/1.1\r\n{secret}\r\n\r\n".encode(),
        f"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nz{secret}\r\n".encode(),
    ]


def answers(secret: str) -> list[dict[str, Any]]:
    """Answers of an upstream with *secret* wherever it can put one, well and badly formed."""
    call = {"id": secret, "type": "function", "function": {"name": secret, "arguments": secret}}
    good = completion(secret, refusal=secret, reasoning_content=secret, tool_calls=[call])
    head = "HTTP/1.1 200 OK\r\n"
    return [
        {"answer": good},
        {"answer": {**good, "id": secret, "model": secret, secret: secret}},
        {"answer": {**good, "choices": [{secret: secret, "finish_reason": secret, "message": secret}]}},
        {"answer": completion("fine"), "headers": {"x-request-id": secret, "Set-Cookie": secret, "X-Odd": secret}},
        *(
            {"status": status, "answer": {"error": {"message": secret, secret: secret}}}
            for status in (400, 401, 429, 500)
        ),
        {"status": 500, "answer": f"<html>{secret}</html>".encode()},
        {"answer": f"<html>{secret}</html>".encode()},
        {"answer": f'{{"id": "{secret}"'.encode()},
        {"status": 302, "headers": {"Location": f"http://127.0.0.1:1/{quote(secret)}"}},
        {"headers": {"Content-Encoding": secret.replace(" ", "-")}},
        {"raw": f"{secret}\r\n\r\n".encode()},
        {"raw": f"HTTP/1.1 {secret}\r\n\r\n".encode()},
        {"raw": f"HTTP/9.9 200 {secret}\r\n\r\n".encode()},
        {"raw": f"{head}{secret}\r\n\r\n".encode()},
        {"raw": f"{head}Content-Length: {secret}\r\n\r\n".encode()},
        {"raw": f"{head}Transfer-Encoding: chunked\r\n\r\n{secret}\r\n".encode()},
        {"raw": f"{head}Content-Length: 9999\r\n\r\n{secret}".encode()},
        {"raw": f"{head}X-Long: {secret * 4000}\r\n\r\n".encode()},
    ]


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return str(response.read().decode())


def spellings(secret: str) -> set[bytes]:
    """*secret* as it may stand in a log: plain, quoted for URLs, escaped, without its blanks or its case."""
    plain = {secret, quote(secret), secret.replace(" ", "-"), secret.replace(" ", ""), json.dumps(secret)[1:-1]}
    return {form.lower().encode() for form in plain}


@pytest.mark.parametrize("level", LEVELS)
def test_s49_nothing_a_person_typed_is_in_logs_metrics_status_or_records(
    servers: dict[str, Server], upstream: StubUpstream, level: str
) -> None:
    server = servers[level]
    for secret in SECRETS.values():
        for sent in asked(secret):
            assert send(server, sent).startswith(b"HTTP/1.1 "), sent[:200]
        for behaviour in answers(secret):
            for name in ("answer", "status", "headers", "raw"):
                setattr(upstream, name, behaviour.get(name, getattr(StubUpstream(), name)))
            assert send(server, request(chat())).startswith(b"HTTP/1.1 ")
            assert send(server, request(chat(stream=True))).startswith(b"HTTP/1.1 ")
        for name in ("answer", "status", "headers", "raw"):
            setattr(upstream, name, getattr(StubUpstream(), name))
    public = {"metrics": get(server.admin, "/metrics"), "status": get(server.admin, "/status")}
    records = b"".join(path.read_bytes() for path in server.folder.glob("audit.db*"))
    assert server.stop() == 0
    records += b"".join(path.read_bytes() for path in server.folder.glob("audit.db*"))
    places = {
        **{name: text.encode() for name, text in public.items()},
        "stdout": server.stdout.encode(),
        "stderr": server.stderr.encode(),
        "audit": records,
    }
    hits = [
        (what, where)
        for what, secret in SECRETS.items()
        for where, text in places.items()
        if any(form in text.lower() for form in spellings(secret))
    ]
    assert hits == []
    assert len(records) > 100_000
    assert "guard_requests_total" in public["metrics"]
    if level in {"debug", "info"}:
        assert "classifier loaded" in server.stderr  # the level is really on
    assert "Traceback" not in server.stderr


def test_s49_what_a_classifier_raises_with_content_in_it_is_in_no_log(
    guarded: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def raising(items: Any) -> Any:
        raise ValueError(f"cannot read {items!r}")

    with caplog.at_level(logging.NOTSET):
        guarded.canary.trouble = raising
        assert guarded.chat(CANARY).status == 503
        guarded.canary.trouble = lambda items: [items for _ in items]
        assert guarded.chat(CANARY).status == 503
        guarded.canary.trouble = None
        guarded.upstream.raw = f"HTTP/1.1 200 {CANARY}\r\n{CANARY}\r\n\r\n".encode()
        assert guarded.chat("hello").status == 502
    printed = capfd.readouterr()
    assert CANARY not in caplog.text + printed.out + printed.err + guarded.admin("/metrics") + guarded.admin("/status")
    assert guarded.leaks(guarded.chat(CANARY)) == []


def test_s49_a_failure_of_the_gateway_itself_names_its_kind_and_no_content(
    guarded: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(item: str) -> int:
        raise KeyError(item)

    def unlocatable(part: Any) -> str:
        raise KeyError(part.text)

    cost, prepare = guarded.canary.cost, guarded.canary.prepare
    try:
        with caplog.at_level(logging.NOTSET):
            guarded.canary.cost = broken  # type: ignore[method-assign]
            assert guarded.chat(CANARY).status == 503
            guarded.canary.cost = cost  # type: ignore[method-assign]
            guarded.canary.prepare = unlocatable  # type: ignore[method-assign]
            assert guarded.chat(CANARY).status == 503
    finally:
        guarded.canary.cost, guarded.canary.prepare = cost, prepare  # type: ignore[method-assign]
    printed = capfd.readouterr()
    assert CANARY not in caplog.text + printed.out + printed.err
    assert [record.state.value for record in guarded.records(2)] == ["error_closed"] * 2


def test_s49_the_guards_headers_hold_ids_and_names_of_the_policy_alone(guarded: House) -> None:
    answer = guarded.chat(f"{CANARY} {SECRETS['e-mail']}")
    mine = {name: value for name, value in answer.headers.items() if name.startswith("x-guard-")}
    assert set(mine) == {"x-guard-id", "x-guard-decision", "x-guard-policy", "x-guard-coverage"}
    assert re.fullmatch(r"checked=\d+, exempt=\d+, unscannable=\d+", mine["x-guard-coverage"])
    policy, _, revision = mine["x-guard-policy"].partition("@")
    assert policy == "acceptance"
    assert len(revision) == 16
    assert int(mine["x-guard-id"], 16) >= 0
    assert mine["x-guard-decision"] == "block"
