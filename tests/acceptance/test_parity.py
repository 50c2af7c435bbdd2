"""The same policy and text give the same decision through the proxy, the command line and the library."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from guard.audit import summarise
from guard.audit.sqlite import read
from guard.cli import main
from guard.config import Address, AuditConfig, GatewayConfig, UpstreamConfig
from guard.library import Guard
from guard.server.app import create_gateway
from guard.server.run import running
from tests.acceptance.conftest import House
from tests.acceptance.process import GUARD
from tests.fakes import CanaryClassifier, StubUpstream, completion, running_upstream

FRAGMENTS: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[1] / "data" / "parity" / "fragments.json").read_text(encoding="utf-8")
)
# Put together here, so that scanners for real ones pass over the fragments.
VALUES = {
    "email": "ana.petrova@example.org",
    "card": "4111 1111 1111 1111",
    "phone": "+1 212-555-0142",
    "ssn": "-".join(("536", "22", "8726")),
    "iban": "DE89 3704 0044 0532 0130 00",
    "mobile": "13800138000",
    "resident": "11010519491231002X",
    "key": "sk-" + "proj-" + "q7Zk2Vd9XwT4mB8sL1cR6yH3nF5jP0aG",
    "token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiI3NzMxIn0." + "q7Zk2Vd9XwT4mB8sL1cR6yH3nF5jP0aGq7Zk2Vd9XwT",
    "cloud": "AKIA" + "Q7ZK2VD9XWT4MB8S",
    "password": "correct-Horse-9-battery",
    "pem": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq2\n-----END RSA " + "PRIVATE KEY-----",
}


def _texts() -> list[str]:
    """Each fragment alone, beside a benign one, and in longer texts: more than 500, in a fixed order."""
    filled = {
        kind: [f.format(**VALUES) if kind in {"private", "secret"} else f for f in fragments]
        for kind, fragments in FRAGMENTS.items()
    }
    benign, long = filled["benign"], " ".join(filled["benign"])
    marked = [text for kind in ("rude", "private", "secret", "attack") for text in filled[kind]]
    texts = [text for kind in filled.values() for text in kind]
    texts += [f"{one}\n{two}" for one, two in product(benign[::2], marked)]
    texts += [f"{one} {two}" for one, two in product(marked[::2], benign[1::3])]
    texts += [f"{one}{two}" for one, two in zip(filled["private"], reversed(filled["rude"]), strict=False)]
    texts += [f"{long} {text} {long}" for text in marked[::6]]
    return list(dict.fromkeys(texts))


TEXTS = _texts()


@dataclass(frozen=True)
class Seen:
    """What one of the three ways says of one text."""

    action: str
    rules: tuple[str, ...]
    released: str | None
    findings: frozenset[tuple[Any, ...]]


def findings(given: Sequence[dict[str, Any]]) -> frozenset[tuple[Any, ...]]:
    return frozenset(
        (f["category"], f["score"], tuple(f["span"]) if f.get("span") else None, f["classifier"]) for f in given
    )


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway under the bundled policy with its real classifiers, in front of a stub."""
    log = tmp_path_factory.mktemp("parity") / "audit.db"
    with running_upstream(StubUpstream()) as stub:
        config = GatewayConfig(
            listen=Address("127.0.0.1", 0),
            admin=Address("127.0.0.1", 0),
            upstream=UpstreamConfig(stub.url),
            policies="default",
            audit=AuditConfig(path=str(log)),
        )
        gateway = create_gateway(config)
        with running(config, gateway) as ports:
            yield House(gateway, ports, stub, CanaryClassifier(), log)


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    one = Guard("default")
    yield one
    one.close()


@pytest.fixture(scope="module")
def library(guard: Guard) -> list[Seen]:
    """What the library says of `TEXTS`."""
    return [seen_by_library(guard, text, "input") for text in TEXTS]


def seen_by_library(guard: Guard, text: str, direction: str) -> Seen:
    checked = guard.check(text, direction=direction)
    released = checked.released
    assert released is None or isinstance(released, str)
    return Seen(checked.action, checked.rules, released, findings(summarise(checked.decision)["findings"]))


def test_there_are_more_than_500_texts_of_every_kind(library: list[Seen]) -> None:
    assert len(TEXTS) > 500
    assert sum(any("\u4e00" <= char <= "\u9fff" for char in text) for text in TEXTS) > 200
    actions = Counter(seen.action for seen in library)
    assert set(actions) == {"allow", "flag", "redact", "block"}
    assert min(actions.values()) >= 20


def test_the_proxy_decides_what_the_library_decides(proxy: House, library: list[Seen]) -> None:
    answers = []
    for text, expected in zip(TEXTS, library, strict=True):
        proxy.upstream.received.clear()
        answer = proxy.chat(text)
        forwarded = proxy.upstream.last_body["messages"][0]["content"] if proxy.upstream.received else None
        assert forwarded == expected.released
        assert answer.status == (400 if expected.released is None else 200)
        answers.append(answer)
    records = {record.id: record for record in read(proxy.log)}
    for answer, expected in zip(answers, library, strict=True):
        said = records[answer.headers["x-guard-id"]].input
        assert (said["action"], tuple(said["rules"])) == (expected.action, expected.rules)
        assert findings(said["findings"]) == expected.findings


def test_the_native_check_decides_what_the_library_decides(proxy: House, guard: Guard) -> None:
    for start in range(0, len(TEXTS), 100):
        batch = TEXTS[start : start + 100]
        results = proxy.post("/guard/v1/check", {"texts": batch}).json["results"]
        for text, result in zip(batch, results, strict=True):
            assert comparable(result) == comparable(guard.check(text).to_dict())


def comparable(report: dict[str, Any]) -> dict[str, Any]:
    """*report* without what is another each time: its id, and the places of parts in the document they came in."""
    seen = {**report, "id": "", "findings": sorted((sorted(f.items()) for f in strip(report["findings"])), key=str)}
    seen.pop("input", None)
    return json.loads(json.dumps(seen))  # type: ignore[no-any-return]


def strip(given: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in finding.items() if k != "part"} for finding in given]


def test_the_command_line_decides_what_the_library_decides(
    guard: Guard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for number, text in enumerate(TEXTS):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_bytes(text.encode())
    code = main(["check", "--json", "--file", *map(str, files)])
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 2
    assert [report["input"] for report in reports] == [str(file) for file in files]
    for text, report in zip(TEXTS, reports, strict=True):
        assert comparable(report) == comparable(guard.check(text).to_dict())


def test_a_process_of_its_own_decides_what_the_library_decides(guard: Guard, tmp_path: Path) -> None:
    some = TEXTS[:: len(TEXTS) // 36]
    files = []
    for number, text in enumerate(some):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_bytes(text.encode())
    command = [*GUARD, "check", "--json", "--direction", "output", "--file", *map(str, files)]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env={**os.environ, "LC_ALL": "C"}, check=False)
    assert (done.returncode, done.stderr) == (2, b"")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    for text, report in zip(some, reports, strict=True):
        assert comparable(report) == comparable(guard.check(text, direction="output").to_dict())


def test_answers_are_decided_like_the_library_decides_them(proxy: House, guard: Guard) -> None:
    for text in TEXTS[::4]:
        expected = seen_by_library(guard, text, "output")
        proxy.upstream.answer = completion(text)
        answer = proxy.chat("hello")
        if expected.released is None:
            assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter")
        else:
            assert answer.json["choices"][0]["message"]["content"] == expected.released
        said = next(iter(read(proxy.log, limit=1))).output
        assert (said["action"], tuple(said["rules"])) == (expected.action, expected.rules)
        assert findings(said["findings"]) == expected.findings
    proxy.upstream.answer = completion("all is well")
