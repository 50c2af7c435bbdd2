"""The method of acceptance: a canary, a stub upstream that stores every byte, a real gateway between, real clients."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openai
import pytest

from guard import telemetry
from guard.audit.sqlite import read
from guard.config import (
    Address,
    AssetsConfig,
    AuditConfig,
    BreakerConfig,
    FetchConfig,
    GatewayConfig,
    HeldConfig,
    Limits,
    UpstreamConfig,
    VaultConfig,
)
from guard.server.app import Gateway, create_gateway
from guard.server.run import Ports, running
from guard.vault import Scope
from tests.acceptance.oracle import Bench
from tests.fakes import CANARY, CanaryClassifier, FakeCatalog, StubUpstream, eventually, running_upstream

POLICY = Path(__file__).with_name("policy.yaml")


@dataclass
class Answer:
    """What a client got: every byte, and those of the body."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer_of(raw: bytes) -> Answer:
    """What the bytes of a connection say."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(body.split(b"\r\n")[1::2])
    return Answer(int(status.split()[1]), headers, body, raw)


@dataclass
class House:
    """A gateway, what stands behind it, and ways to talk to it."""

    gateway: Gateway
    ports: Ports
    upstream: StubUpstream
    canary: CanaryClassifier
    log: Path
    earlier: int = 0
    """Records from before the test that is running."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.data}"

    def client(self) -> openai.OpenAI:
        """The real client; its own retries are off so that requests can be counted."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="sk-client", max_retries=0)

    def chat(self, content: Any = "hello", **body: Any) -> Answer:
        """One chat request by a bare client that keeps every byte."""
        return self.post(
            "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": content}], **body}
        )

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = {
            "Host": "localhost",
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        return self.raw(f"POST {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode() + data)

    def raw(self, sent: bytes, *, half_close_after: float | None = None) -> Answer:
        """Send bytes as they are, take bytes as they come; after that many seconds say that no more will be sent."""
        with socket.create_connection(("127.0.0.1", self.ports.data), timeout=20) as connection:
            try:
                connection.sendall(sent)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the gateway answered before it had everything
            if half_close_after is not None:
                time.sleep(half_close_after)
                connection.shutdown(socket.SHUT_WR)
            chunks = []
            try:
                while chunk := connection.recv(65536):
                    chunks.append(chunk)
            except ConnectionResetError:
                pass
        return answer_of(b"".join(chunks))

    def admin(self, path: str) -> str:
        """What the admin port says at *path*, whatever its status."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports.admin}{path}", timeout=10) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def records(self, count: int = 1) -> list[Any]:
        """All records of this test, oldest first, once there are *count* of them."""
        assert eventually(lambda: self._count() >= count), f"{self._count()} records, {count} were due"
        return list(read(self.log, limit=self._count()))[::-1]

    def _count(self) -> int:
        with closing(sqlite3.connect(self.log)) as connection:
            return int(connection.execute("SELECT count(*) FROM records").fetchone()[0]) - self.earlier

    def begin(self) -> None:
        """As good as new: the stub and the canary classifier behave, and what was recorded until now is the past."""
        fresh = StubUpstream()
        for name in ("answer", "status", "headers", "raw", "delay", "drip", "pause", "play", "received", "cancelled"):
            setattr(self.upstream, name, getattr(fresh, name))
        self.canary.trouble = None
        self.canary.read.clear()
        self.earlier += self._count()

    def leaks(self, answer: Answer) -> list[str]:
        """Where the canary is though it should be nowhere: the client's bytes, the upstream's, the audit log's."""
        canary = CANARY.encode()
        log = b"".join(path.read_bytes() for path in self.log.parent.glob(self.log.name + "*"))
        places = {"client": answer.raw, "upstream": self.upstream.everything, "audit": log}
        return [name for name, data in places.items() if canary in data]


_ONE_CALL = UpstreamConfig(connect_s=1.0, retries=0, breaker=BreakerConfig(failures=0))
"""The stub is called once for each request, however often it failed before: what it received is counted."""


@contextmanager
def house(
    tmp_path: Path,
    policy: str | Mapping[str, str] | None = None,
    *,
    tenants: tuple[tuple[str, bytes], ...] = (),
    timeout_s: float = 2.0,
    inline: bool = True,
    vault: Scope = Scope.REQUEST,
    calls: UpstreamConfig = _ONE_CALL,
    protocols: tuple[str, ...] = (),
    drop_ins: Mapping[str, str | None] | None = None,
    envoy: Address | None = None,
    fetch: FetchConfig | None = None,
    held: HeldConfig | None = None,
    assets: AssetsConfig | None = None,
    catalog: Callable[[CanaryClassifier], FakeCatalog] = FakeCatalog,
    **limits: Any,
) -> Iterator[House]:
    """A whole gateway under *policy* (the acceptance policy, if None; several by their names) in front of a stub.

    *timeout_s* is the upstream's, *calls* the rest of its configuration. Without *inline* the canary classifier answers
    on its model thread alone. *catalog* makes more classifiers known.
    """
    file = POLICY
    if isinstance(policy, str):
        file = tmp_path / "policy.yaml"
        file.write_text(policy)
    elif policy is not None:
        file = tmp_path / "policies"
        file.mkdir()
        for name, text in policy.items():
            (file / f"{name}.yaml").write_text(text)
    log = tmp_path / "audit.db"
    canary = CanaryClassifier()
    canary.inline_cost = CanaryClassifier.inline_cost if inline else 0
    with running_upstream(StubUpstream()) as stub:
        config = GatewayConfig(
            listen=Address("127.0.0.1", 0),
            admin=Address("127.0.0.1", 0),
            upstream=replace(calls, url=stub.url, timeout_s=timeout_s),
            policies=str(file),
            protocols=protocols,
            drop_ins=tuple((drop_ins or {}).items()),
            envoy=envoy,
            audit=AuditConfig(path=str(log)),
            limits=replace(Limits(), **limits),
            tenants=tenants,
            vault=VaultConfig(vault),
            fetch=fetch,
            held=held or HeldConfig(),
            assets=assets,
        )
        gateway = create_gateway(config, catalog=catalog(canary))
        with running(config, gateway) as ports:
            yield House(gateway, ports, stub, canary, log)


@pytest.fixture(autouse=True)
def nothing_is_unchecked() -> Iterator[None]:
    """Whatever a test sends, no part that should have been judged is left out."""

    def unchecked() -> float | None:
        return telemetry.REGISTRY.get_sample_value("guard_parts_unchecked_total")

    before = unchecked()
    yield
    assert unchecked() == before, "a part was released or blocked that nobody had looked at"


@pytest.fixture(scope="session")
def standing_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gateway for all tests that leave it as it was."""
    with house(tmp_path_factory.mktemp("house")) as one:
        yield one


@pytest.fixture
def guarded(standing_house: House) -> House:
    """A gateway under the acceptance policy, as good as new. What would harm it takes a `house` of its own."""
    standing_house.begin()
    return standing_house


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gateway under the acceptance policy for all of a module's tests."""
    with house(tmp_path_factory.mktemp("house")) as one:
        yield one


@pytest.fixture
def bench(standing: House) -> Bench:
    """The oracle over the module's gateway, its stub as new."""
    return Bench(standing)
