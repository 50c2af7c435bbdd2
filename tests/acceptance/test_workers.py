"""`guard serve --workers N`: one port, several processes, one model server; whatever of it dies is replaced."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from guard.audit import State
from guard.audit.sqlite import read
from tests.acceptance.process import Server, serving
from tests.acceptance.test_lifecycle import HARSH, MILD, accepts, call, chat, fails, status
from tests.fakes import StubUpstream, completion, eventually, running_upstream
from tests.placement.brittle import RUNS, install

LENGTHS = """
policy: lengths
classifiers: {brittle: {}}
rules:
  - {id: long, when: {category: custom.length, at_least: 0.1}, then: block}
"""


@pytest.fixture
def upstream() -> Iterator[StubUpstream]:
    with running_upstream(StubUpstream()) as stub:
        yield stub


@pytest.fixture
def served(tmp_path: Path, upstream: StubUpstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Two workers under a policy whose classifier can die."""
    monkeypatch.setenv("PYTHONPATH", install(tmp_path))
    monkeypatch.setenv(RUNS, str(tmp_path / "runs"))
    (tmp_path / "policy.yaml").write_text(LENGTHS)
    with serving(tmp_path, "--policy", "policy.yaml", "--upstream", upstream.url, "--workers", "2") as server:
        yield server.wait_until_ready(60)
        server.stop()


def children(server: Server, what: str) -> list[int]:
    """The process ids of the supervisor's children whose command says *what*."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = re.search(r"PPid:\s+(\d+)", (entry / "status").read_text())
                command = (entry / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if parent and int(parent[1]) == server.process.pid and what in command:
                found.append(int(entry.name))
    return sorted(found)


def metric(server: Server, name: str) -> float:
    text = call(server.admin, path="/metrics")[2].decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def test_workers_share_the_port_the_log_and_the_models(served: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: chat(served.data, f"text {n} " + "x" * 100 * (n % 2)), range(40)))

    assert [code for code, _, _ in answers] == [200, 400] * 20
    records = list(read(served.log))
    assert len(records) == len({record.id for record in records}) == 40
    assert metric(served, "guard_requests_total") == 40
    line = status(served)
    assert len(line["workers"]) == 2
    assert json.loads(call(served.admin, path="/readyz")[2]) == {"ready": True, "stuck": []}
    assert len(children(served, "guard.placement")) == 1
    assert chat(served.data, "text 0 ")[0] == 200
    runs = (served.folder / "runs").read_text().split("\n")
    assert sum("text 0 " in run.split(" | ") for run in runs) == 1  # whichever worker asked


def test_s35_a_killed_model_server_is_replaced_and_no_request_suffers(served: Server) -> None:
    (before,) = children(served, "guard.placement")
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(chat, served.data, f"slow {n}") for n in range(4)]
        time.sleep(0.3)
        os.kill(before, signal.SIGKILL)
        began = time.monotonic()
        assert eventually(lambda: children(served, "guard.placement") not in ([], [before]), 5)
        assert chat(served.data, "after")[0] == 200
        assert time.monotonic() - began < 5 + 4 * 0.4
        assert [future.result()[0] for future in futures] == [200] * 4


def test_s36_a_poisonous_request_fails_alone_and_costs_two_model_servers_however_often_it_comes(served: Server) -> None:
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(chat, served.data, "die" if n == 7 else f"text {n}") for n in range(16)]
        codes = [future.result()[0] for future in futures]
    assert codes == [503 if n == 7 else 200 for n in range(16)]
    assert [chat(served.data, "die")[0] for _ in range(4)] == [503] * 4

    runs = (served.folder / "runs").read_text().splitlines()
    assert sum("die" in run for run in runs) == 2
    states = [record.state for record in read(served.log)]
    assert (states.count(State.ERROR_CLOSED), states.count(State.ALLOWED)) == (5, 15)


def test_a_killed_worker_is_replaced_and_the_port_stays_open(served: Server) -> None:
    before = children(served, "guard.cli")
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)

    assert eventually(lambda: len(set(children(served, "guard.cli")) - set(before)) == 1, 5)
    assert eventually(lambda: call(served.admin, path="/readyz")[0] == 200, 10)
    assert [chat(served.data, f"text {n}")[0] for n in range(10)] == [200] * 10


def test_sigterm_lets_the_requests_of_all_workers_finish(served: Server, upstream: StubUpstream) -> None:
    upstream.delay = 1.5
    port = served.data
    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(chat, port, f"text {n}") for n in range(20)]
        assert eventually(lambda: len(upstream.received) == 20, 10)
        served.process.send_signal(signal.SIGTERM)
        assert [future.result()[0] for future in futures] == [200] * 20
    assert served.process.wait(15) == 0
    assert not accepts(port)
    assert [record.state for record in read(served.log)] == [State.ALLOWED] * 20


def test_workers_and_model_server_end_with_a_supervisor_that_was_killed(served: Server) -> None:
    left = children(served, "guard.")
    assert len(left) == 3
    served.process.kill()

    assert eventually(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and alive(pid) for pid in left), 15)


def alive(pid: int) -> bool:
    return "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text()


def test_a_changed_policy_comes_into_force_in_every_worker(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(MILD)
    with running_upstream(StubUpstream()) as stub:
        options = ("--policy", "policy.yaml", "--upstream", stub.url, "--workers", "2", "--placement", "in-process")
        with serving(tmp_path, *options) as server:
            server.wait_until_ready(60)
            assert children(server, "guard.placement") == []

            def policies() -> set[str]:
                return {one["policies"][0]["policy"] for one in status(server)["workers"]}

            assert policies() == {"mild"}
            (tmp_path / "policy.yaml").write_text(HARSH)
            assert eventually(lambda: policies() == {"harsh"}, 10)
            assert {chat(server.data, "zorblax")[0] for _ in range(10)} == {400}
            assert server.stop() == 0


def test_what_keeps_a_worker_from_starting_stops_the_start_and_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(MILD.replace("category", "catgory"))

    assert fails(tmp_path, "--policy", "policy.yaml", "--workers", "3").count("did you mean `category`?") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--workers", "0"], "it should be 1 or more"), (["--config", "gateway.yaml"], "`secret_env`")],
)
def test_workers_that_cannot_be_meant_stop_the_start(tmp_path: Path, options: list[str], says: str) -> None:
    (tmp_path / "gateway.yaml").write_text("workers: 2\nvault: {scope: conversation}\n")

    assert says in fails(tmp_path, *options)


def test_one_process_may_have_a_model_server_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", install(tmp_path))
    (tmp_path / "policy.yaml").write_text(LENGTHS)
    with serving(tmp_path, "--policy", "policy.yaml", "--placement", "process") as server:
        server.wait_until_ready(60)
        (before,) = children(server, "guard.placement")
        answers: list[Any] = [call(server.data, {"text": "x" * n}, "/guard/v1/check")[0] for n in (10, 200)]
        assert answers == [200, 200]
        os.kill(before, signal.SIGKILL)
        assert call(server.data, {"text": "x"}, "/guard/v1/check")[0] == 200
        assert server.stop() == 0


HOLDS = """
policy: holds
classifiers: {keywords: {lists: {stop: [zorblax]}, builtin: []}}
rules:
  - {id: look, directions: [output], when: {category: custom.stop}, then: review}
"""


def test_what_waits_is_the_same_for_all_workers(tmp_path: Path, upstream: StubUpstream) -> None:
    (tmp_path / "policy.yaml").write_text(HOLDS)
    upstream.answer = completion("it says zorblax")
    with serving(tmp_path, "--policy", "policy.yaml", "--upstream", upstream.url, "--workers", "2") as server:
        server.wait_until_ready(60)
        url, admin = (f"http://127.0.0.1:{port}" for port in (server.data, server.admin))
        asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        tickets = [
            httpx.post(f"{url}/v1/chat/completions", json=asked).json()["id"] for _ in range(4)
        ]  # each on a connection of its own, and so on whichever worker
        held = httpx.get(f"{admin}/held").json()["held"]
        assert {one["id"] for one in held} == set(tickets)
        body = httpx.get(f"{admin}/held/{tickets[0]}/body")
        assert "zorblax" in body.text
        assert "sandbox" in body.headers["content-security-policy"]
        decided = httpx.post(f"{admin}/held/{tickets[0]}/release", json={"by": "Ann"})
        assert decided.json()["standing"] == "released"
        form = httpx.post(f"{admin}/held/{tickets[1]}/release", data={"by": "Ann"})
        assert form.status_code == 400
        for _ in range(4):
            assert "zorblax" in httpx.get(f"{url}/guard/v1/held/{tickets[0]}").text
            assert httpx.get(f"{url}/guard/v1/held/{tickets[1]}").status_code == 202
        server.stop()
