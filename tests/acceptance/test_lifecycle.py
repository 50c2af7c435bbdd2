"""How a gateway begins, changes its policies and ends: loudly wrong, never half, drained."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from guard.audit import State
from guard.audit.sqlite import read
from tests.acceptance.conftest import House, house
from tests.acceptance.process import GUARD, Server, serving
from tests.fakes import StubUpstream, eventually, running_upstream

MILD = """
policy: mild
classifiers: {keywords: {lists: {word: [zorblax]}, builtin: []}}
rules:
  - {id: watch, when: {category: custom.word}, then: flag}
"""
HARSH = MILD.replace("watch", "stop").replace("flag", "block").replace("mild", "harsh")
BROKEN = MILD.replace("category", "catgory")


def call(port: int, body: Any = None, path: str = "/v1/chat/completions") -> tuple[int, dict[str, str], bytes]:
    """One request: status, headers, body. Without a *body*, a GET."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"} if data else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def chat(port: int, text: str = "hello") -> tuple[int, dict[str, str], bytes]:
    return call(port, {"model": "m", "messages": [{"role": "user", "content": text}]})


def status(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(server.admin, path="/status")[2])
    return found


@pytest.fixture
def upstream() -> Iterator[StubUpstream]:
    with running_upstream(StubUpstream()) as stub:
        yield stub


@pytest.fixture
def served(tmp_path: Path, upstream: StubUpstream) -> Iterator[Server]:
    """A real process under the policy `mild`."""
    (tmp_path / "policy.yaml").write_text(MILD)
    with serving(tmp_path, "--policy", "policy.yaml", "--upstream", upstream.url, "--log-level", "info") as server:
        yield server.wait_until_ready()


def test_sigterm_lets_requests_in_flight_finish_and_takes_no_new_ones(served: Server, upstream: StubUpstream) -> None:
    upstream.delay = 1.5
    port = served.data
    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(chat, port) for _ in range(20)]
        assert eventually(lambda: len(upstream.received) == 20)
        served.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: not accepts(port), seconds=1)
        assert served.process.poll() is None
        assert [future.result()[0] for future in futures] == [200] * 20
    assert served.process.wait(10) == 0
    assert [record.state for record in read(served.log)] == [State.ALLOWED] * 20
    assert "Traceback" not in served.stderr


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_second_signal_ends_it_at_once_and_loses_no_record(served: Server, upstream: StubUpstream) -> None:
    upstream.delay = 30
    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(chat, served.data) for _ in range(5)]
        assert eventually(lambda: len(upstream.received) == 5)
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert served.process.poll() is None
        served.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert served.process.wait(10) == 0
        assert time.monotonic() - began < 3
        for future in futures:  # a client hears that it failed, or nothing
            assert isinstance(future.exception(), OSError) or future.result()[0] in {502, 503}
    states = [record.state for record in read(served.log)]
    assert len(states) == 5
    assert set(states) <= {State.UPSTREAM_ERROR, State.ERROR_CLOSED, State.CLIENT_GONE}
    assert "Traceback" not in served.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_gateway_ends_at_once_though_clients_keep_connections(served: Server, number: int) -> None:
    assert chat(served.data)[0] == 200
    with socket.create_connection(("127.0.0.1", served.data)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 404")
        began = time.monotonic()
        os.kill(served.process.pid, number)
        assert served.process.wait(10) == 0
        assert time.monotonic() - began < 3
    assert "drained" in served.stderr


def test_a_changed_policy_comes_into_force_and_a_broken_one_does_not(served: Server) -> None:
    file = served.folder / "policy.yaml"
    first = status(served)
    assert chat(served.data, "zorblax")[0] == 200

    file.write_text(HARSH)
    assert eventually(lambda: chat(served.data, "zorblax")[0] == 400, seconds=5)
    second = status(served)
    assert second["policies"][0]["policy"] == "harsh"
    assert second["policies"][0]["revision"] != first["policies"][0]["revision"]

    file.write_text(BROKEN)
    assert eventually(lambda: status(served)["last_reload_error"] is not None, seconds=5)
    error = status(served)["last_reload_error"]
    assert error.startswith("policy.yaml:5:")
    assert "did you mean `category`?" in error
    assert status(served)["policies"] == second["policies"]
    assert chat(served.data, "zorblax")[0] == 400

    file.unlink()
    assert eventually(lambda: "cannot be read" in status(served)["last_reload_error"], seconds=5)
    assert chat(served.data, "zorblax")[0] == 400

    file.write_text(MILD)
    assert eventually(lambda: chat(served.data, "zorblax")[0] == 200, seconds=5)
    assert status(served)["last_reload_error"] is None
    assert status(served)["policies"] == first["policies"]
    metrics = call(served.admin, path="/metrics")[2].decode()
    assert 'guard_policy_reloads_total{ok="true"} 2.0' in metrics
    assert 'guard_policy_reloads_total{ok="false"}' in metrics


def test_every_request_during_reloads_is_decided_by_one_policy(served: Server) -> None:
    file, done = served.folder / "policy.yaml", threading.Event()

    def change() -> None:
        for turn in range(5):
            before = status(served)["policies"]
            served_by = served.folder / "next.yaml.tmp"
            served_by.write_text(HARSH if turn % 2 == 0 else MILD)
            served_by.rename(file)
            eventually(lambda before=before: status(served)["policies"] != before)
            time.sleep(0.2)
        done.set()

    thread = threading.Thread(target=change)
    thread.start()
    answers = []
    while not done.is_set():
        answers.append(chat(served.data, "zorblax"))
    thread.join()
    expected = {"mild": (200, "flag"), "harsh": (400, "block")}
    seen = set()
    for code, headers, _ in answers:
        policy = headers["x-guard-policy"].partition("@")[0]
        seen.add(policy)
        assert (code, headers["x-guard-decision"]) == expected[policy]
    assert seen == set(expected)
    records = {record.id: record for record in read(served.log)}
    assert len(records) == len(answers)
    for code, headers, _ in answers:
        record = records[headers["x-guard-id"]]
        assert f"{record.policy}@{record.revision}" == headers["x-guard-policy"]
        assert record.status == code


def test_the_ports_keep_to_themselves(served: Server) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/status"):
        assert call(served.admin, path=path)[0] == 200
        assert call(served.data, path=path)[0] == 404
    for path in ("/v1/chat/completions", "/v1/moderations", "/guard/v1/check"):
        assert call(served.admin, {}, path)[0] == 404
        assert path in status(served)["routes"]
    line = status(served)
    assert [one["name"] for one in line["classifiers"]] == ["keywords"]
    assert line["policies"][0]["match"] == {"routes": ["*"], "tenants": ["*"], "models": ["*"]}
    assert json.loads(call(served.admin, path="/readyz")[2]) == {"ready": True, "stuck": []}


def test_a_classifier_whose_threads_all_hang_makes_the_gateway_unready(tmp_path: Path) -> None:
    release = threading.Event()
    with house(tmp_path, inline=False, judge_timeout_s=0.1) as one:
        station = next(s for s in one.gateway.engine.stations() if s.name == "canary")
        station.batcher._stuck_after = 0.05
        assert json.loads(one.admin("/readyz"))["ready"]

        def hanging(_: Any) -> Any:
            release.wait(20)
            return []

        one.canary.trouble = hanging
        texts = itertools.count()  # each another: one that hangs again and again is not run any more
        assert eventually(lambda: one.chat(f"text {next(texts)}").status == 503 and not ready(one), seconds=10)
        assert json.loads(one.admin("/readyz")) == {"ready": False, "stuck": ["canary"]}
        assert json.loads(one.admin("/healthz")) == {"status": "ok"}
        release.set()
        one.canary.trouble = None
        assert eventually(lambda: ready(one))
        assert one.chat().status == 200


def ready(one: House) -> bool:
    return bool(json.loads(one.admin("/readyz"))["ready"])


def test_without_an_upstream_only_decisions_are_served(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(MILD)
    with serving(tmp_path, "--policy", "policy.yaml") as server:
        server.wait_until_ready()
        assert chat(server.data)[0] == 404
        assert call(server.data, {"text": "zorblax"}, "/guard/v1/check")[0] == 200
        assert call(server.data, {"input": "zorblax"}, "/v1/moderations")[0] == 200
        assert "no --upstream" in server.stderr
        assert server.stop() == 0


def fails(folder: Path, *options: str) -> str:
    """What a gateway that does not start says; it ends with 3, and quickly."""
    with serving(folder, *options) as server:
        assert server.process.wait(30) == 3
        assert "listening" not in server.stdout
        assert "Traceback" not in server.stderr
        return server.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BROKEN, "policy.yaml:5:"),
        (MILD + "on_eror: allow\n", "did you mean `on_error`?"),
        (MILD.replace("keywords", "keyword"), "did you mean `keywords`?"),
        (MILD.replace("zorblax", "zorblax, ''"), "empty word"),
        (MILD + "match: {routes: [/v1/chat/completions]}\n", "has no policy"),
        (MILD + "match: {tenants: [acme]}\n", "for some tenants or models only"),
        ("\xff\xfe", "policy.yaml:1:1"),
    ],
)
def test_a_policy_that_cannot_be_meant_stops_the_start(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "policy.yaml").write_text(text, encoding="latin-1")
    assert says in fails(tmp_path, "--policy", "policy.yaml")


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(MILD)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"cannot listen on {address}" in fails(tmp_path, "--policy", "policy.yaml", "--listen", address)
        assert f"cannot listen on {address}" in fails(tmp_path, "--policy", "policy.yaml", "--admin", address)


def test_an_audit_log_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(MILD)
    (tmp_path / "notes.txt").write_text("these are no records, and must stay as they are " * 20)
    assert "nowhere" in fails(tmp_path, "--policy", "policy.yaml", "--audit", "nowhere/audit.db")
    assert "notes.txt" in fails(tmp_path, "--policy", "policy.yaml", "--audit", "notes.txt")
    assert (tmp_path / "notes.txt").read_text().startswith("these are no records")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--listen", "localhost"], "--listen"),
        (["--listen", "127.0.0.1:99999"], "write host:port"),
        (["--upstream", "localhost:9000"], "http://127.0.0.1:9000/v1"),
        (["--upstream", "http://"], "it is no URL"),
        (["--policy", "nowhere"], "there is no such policy"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--log-level", "loud"], "invalid choice"),
        (["--polcy", "x"], "unrecognized arguments"),
    ],
)
def test_an_option_that_cannot_be_meant_stops_the_start(tmp_path: Path, options: list[str], says: str) -> None:
    assert says in fails(tmp_path, *options)


def test_a_configuration_file_is_enough(tmp_path: Path, upstream: StubUpstream) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mild.yaml").write_text(MILD)
    (tmp_path / "gateway.yaml").write_text(
        f"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstream: {{url: '{upstream.url}'}}\npolicies: policies\n"
        "audit: {sink: jsonl, path: records.jsonl}\nlimits: {body_bytes: 1000}\n"
    )
    options = ["serve", "--config", str(tmp_path / "gateway.yaml")]
    with serving(tmp_path, *options[1:], "--audit", str(tmp_path / "records.jsonl")) as server:
        server.wait_until_ready()
        assert chat(server.data)[0] == 200
        assert chat(server.data, "x" * 2000)[0] == 413
        assert server.stop() == 0
    records = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
    assert [record["state"] for record in records] == ["allowed", "rejected_protocol"]


def test_a_gateway_that_is_put_down_leaves_every_answered_request_recorded(served: Server) -> None:
    answered = [chat(served.data)[1]["x-guard-id"] for _ in range(30)]
    served.process.kill()
    served.process.wait()
    assert {record.id for record in read(served.log)} == set(answered)


@pytest.mark.parametrize("option", ["--listen", "--admin"])
def test_a_demo_on_a_port_that_is_taken_says_so(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "policy.yaml").write_text(MILD)
        command = [*GUARD, "demo", option, address, "--policy", str(tmp_path / "policy.yaml")]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert f"guard: cannot listen on {address}; is the port taken?" in done.stderr
    assert "Traceback" not in done.stderr
