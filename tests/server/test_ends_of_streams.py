"""A streamed answer whose client leaves, or whose gateway stops, at any point: one record, one end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from guard.audit import State
from guard.config import Address, AuditConfig, GatewayConfig, UpstreamConfig
from guard.exchange.http import GONE
from guard.server.app import Gateway, create_gateway
from tests.fakes import CanaryClassifier, FakeCatalog, StubUpstream, completion, running_upstream

POLICY = "policy: ends\nrules: [{id: block, when: {category: custom.canary, at_least: 0.9}, then: block}]\n"
SAID = "It rains today, so we stay in. We play cards and drink tea. "


@dataclass
class Client:
    """A client at the other end of an ASGI connection. *heard* is called after each message."""

    heard: Callable[[Client], None] = lambda _: None
    messages: list[dict[str, Any]] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=dict)
    sent: bool = False

    def __post_init__(self) -> None:
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        path = {"path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions", "query_string": b""}
        self.scope = {"type": "http", "http_version": "1.1", "method": "POST", "headers": headers, **path}

    async def receive(self) -> dict[str, Any]:
        if self.sent:
            await asyncio.Event().wait()
        self.sent = True
        asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
        return {"type": "http.request", "body": json.dumps(asked).encode(), "more_body": False}

    async def send(self, message: Any) -> None:
        self.messages.append(message)
        self.heard(self)
        await asyncio.sleep(0)

    @property
    def is_answered(self) -> bool:
        return bool(self.messages) and not self.messages[-1].get("more_body", True)


@pytest.fixture
def answered(tmp_path: Path) -> Any:
    """Has a gateway answer a client, and gives the records of that."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    log = tmp_path / "audit.jsonl"

    def answer(client: Client, prepare: Callable[[Gateway], None] = lambda _: None) -> list[dict[str, Any]]:
        async def run() -> None:
            async with gateway.running():
                prepare(gateway)
                await gateway.handler(client.scope, client.receive, client.send)

        with running_upstream(StubUpstream(answer=completion(SAID))) as stub:
            config = GatewayConfig(
                admin=Address("127.0.0.1", 0),
                upstream=replace(UpstreamConfig(), url=stub.url),
                policies=str(tmp_path / "policy.yaml"),
                audit=AuditConfig("jsonl", str(log)),
            )
            gateway = create_gateway(config, catalog=FakeCatalog(CanaryClassifier()))
            asyncio.run(run())
        lines = map(json.loads, log.read_text().splitlines())
        return [line for line in lines if "opening" not in line]

    return answer


@pytest.mark.parametrize("at", range(1, 5))
def test_a_client_that_leaves_has_one_record_wherever_it_leaves(answered: Any, at: int) -> None:
    def leave(client: Client) -> None:
        client.scope[GONE] = len(client.messages) >= at

    client = Client(leave)
    (record,) = answered(client)
    assert record["state"] == (State.ALLOWED if client.is_answered else State.CLIENT_GONE)


@pytest.mark.parametrize("at", range(1, 5))
def test_a_gateway_that_stops_ends_each_answer_once(answered: Any, at: int) -> None:
    def stop(client: Client) -> None:
        if len(client.messages) == at:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    client = Client(stop)
    (record,) = answered(client)
    assert [m["type"] for m in client.messages].count("http.response.start") == 1
    assert [m.get("more_body") for m in client.messages].count(False) == 1
    body = b"".join(m.get("body", b"") for m in client.messages)
    assert (record["state"] == State.ERROR_CLOSED) == (b"shutting_down" in body)
    assert (record["state"] == State.ALLOWED) == body.endswith(b"data: [DONE]\n\n")
