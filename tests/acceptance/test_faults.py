"""S35, S36 and the upstream's faults: whatever fails, nothing unjudged gets in or out, and the client hears of it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from guard.audit import State
from guard.audit.sqlite import read
from guard.config import Address, AuditConfig, GatewayConfig, UpstreamConfig
from guard.finding import Finding
from guard.server.app import create_gateway
from guard.server.run import running
from tests.acceptance.conftest import POLICY, Answer, House, house
from tests.fakes import CANARY, HARMLESS, CanaryClassifier, FakeCatalog, completion, eventually

DEADLINE = 0.3
GRACE = 0.1  # promise 5: 503 within the deadline and 100 ms
POISON = "POISON"


def raising(_: Sequence[str]) -> Any:
    raise RuntimeError(CANARY)


def panicking(_: Sequence[str]) -> Any:
    class Panic(BaseException):
        pass

    raise Panic(CANARY)


def scored(score: Any) -> Callable[[Sequence[str]], Any]:
    return lambda items: [[Finding("custom.canary", score)] for _ in items]


NONSENSE: dict[str, Callable[[Sequence[str]], Any]] = {
    "raises": raising,
    "panics": panicking,
    "nan": scored(math.nan),
    "infinite": scored(math.inf),
    "negative": scored(-0.1),
    "more than one": scored(1.1),
    "a score that is text": scored("0.0"),
    "no score": scored(None),
    "none": lambda _: None,
    "an empty list": lambda _: [],
    "a short list": lambda items: [[] for _ in items[1:]],
    "a long list": lambda items: [[] for _ in (*items, "")],
    "a number": lambda _: 0,
    "a list of none": lambda items: [None for _ in items],
    "no findings": lambda items: [[{"category": "custom.canary", "score": 0.0}] for _ in items],
    "an unknown category": lambda items: [[Finding("custom.elsewhere", 0.0)] for _ in items],
    "a span outside the text": lambda items: [[Finding("custom.canary", 0.99, span=(10_000, 10_010))] for _ in items],
    "an empty span": lambda items: [[Finding("custom.canary", 0.99, span=(0, 0))] for _ in items],
    "a span backwards": lambda items: [[Finding("custom.canary", 0.99, span=(5, 2))] for _ in items],
}
MULTIPLE = [{"type": "text", "text": HARMLESS}, {"type": "text", "text": "hello"}]


@pytest.fixture(scope="module")
def threaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway whose canary classifier answers on its model thread, with a short deadline."""
    with house(tmp_path_factory.mktemp("threaded"), inline=False, judge_timeout_s=DEADLINE) as one:
        yield one


@pytest.fixture
def slow_house(threaded: House) -> House:
    threaded.begin()
    return threaded


def closed(one: House, answer: Answer, state: State = State.ERROR_CLOSED) -> None:
    """The answer of a gateway that could not judge: 503, recorded, and nothing of what it was asked to judge in it."""
    assert answer.status == 503
    assert one.leaks(answer) == []
    (record,) = one.records()
    assert (record.state, record.status) == (state, 503)
    assert record.error == answer.json["error"]["code"]


@pytest.mark.parametrize("trouble", NONSENSE)
@pytest.mark.parametrize("inline", [True, False])
def test_s35_a_classifier_that_answers_nonsense_closes_the_way_in(
    guarded: House, slow_house: House, inline: bool, trouble: str
) -> None:
    one = guarded if inline else slow_house
    one.canary.trouble = NONSENSE[trouble]
    answer = one.chat(MULTIPLE)
    closed(one, answer)
    assert answer.json["error"]["code"] == "guard_unavailable"
    assert one.upstream.received == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("trouble", NONSENSE)
def test_s35_a_classifier_that_answers_nonsense_closes_the_way_out(guarded: House, trouble: str, stream: bool) -> None:
    guarded.upstream.answer = completion(f"The answer holds {CANARY}.")
    ill = NONSENSE[trouble]
    judge = guarded.canary._findings
    guarded.canary.trouble = lambda items: (
        ill(items) if any("answer" in item for item in items) else [judge(item) for item in items]
    )
    answer = guarded.chat("hello", stream=stream)
    closed(guarded, answer)
    assert len(guarded.upstream.received) == 1


@pytest.mark.parametrize("hang", [DEADLINE + 0.25, 2 * DEADLINE + 1.2], ids=["slow", "hanging"])
@pytest.mark.parametrize("way", ["in", "out"])
def test_s35_a_classifier_that_takes_too_long_is_not_waited_for(tmp_path: Path, hang: float, way: str) -> None:
    release = threading.Event()

    def sleeping(items: Sequence[str]) -> Any:
        if way == "in" or any("answer" in item for item in items):
            release.wait(hang)
        return [[] for _ in items]

    with house(tmp_path, inline=False, judge_timeout_s=DEADLINE) as one:
        one.upstream.answer = completion(f"The answer holds {CANARY}.")
        one.canary.trouble = sleeping
        began = time.monotonic()
        answer = one.chat()
        took = time.monotonic() - began
        release.set()
        closed(one, answer)
        assert answer.json["error"]["code"] == "guard_timeout"
        assert DEADLINE <= took <= DEADLINE + GRACE + 0.1  # the last 100 ms are this machine's
        assert len(one.upstream.received) == (way == "out")
        one.canary.trouble = None
        one.upstream.answer = completion("fine")
        assert one.chat().status == 200


def test_s35_what_hangs_while_it_prepares_is_not_waited_for(tmp_path: Path) -> None:
    release = threading.Event()
    with house(tmp_path, inline=False, judge_timeout_s=DEADLINE) as one:
        prepare = one.canary.prepare

        def slow(part: Any) -> str:
            release.wait(3)
            return prepare(part)

        one.canary.prepare = slow  # type: ignore[method-assign]
        began = time.monotonic()
        answer = one.chat("long enough to be prepared on a thread " * 1000)
        took = time.monotonic() - began
        release.set()
        closed(one, answer)
        assert took <= DEADLINE + GRACE + 0.3


@pytest.mark.parametrize(
    ("trouble", "key"),
    [(NONSENSE["raises"], "on_error"), (NONSENSE["a short list"], "on_error"), (lambda _: time.sleep(1), "on_timeout")],
)
def test_s35_failing_open_is_a_choice_of_the_policy_and_is_recorded(tmp_path: Path, trouble: Any, key: str) -> None:
    policy = POLICY.read_text() + f"{key}: allow\n"
    with house(tmp_path, policy, inline=False, judge_timeout_s=DEADLINE) as one:
        one.canary.trouble = trouble
        answer = one.chat(HARMLESS)
        assert answer.status == 200
        assert answer.json == one.upstream.answer
        assert one.upstream.last_body["messages"][0]["content"] == HARMLESS
        (record,) = one.records()
        assert record.state is State.ERROR_OPEN
        assert [f["classifier"] for f in record.input["failures"]] == ["canary"]
        assert "guard_classifier_failures_total" in one.admin("/metrics")


def test_s35_failing_open_of_one_kind_does_not_open_for_another(tmp_path: Path) -> None:
    with house(tmp_path, POLICY.read_text() + "on_timeout: allow\non_overload: allow\n") as one:
        one.canary.trouble = raising
        closed(one, one.chat(CANARY))


def test_s35_a_rule_that_fired_outweighs_a_failure_let_through(tmp_path: Path) -> None:
    policy = POLICY.read_text() + "on_error: allow\n"
    with house(tmp_path, policy) as one:
        judge = one.canary._findings

        def half(items: Sequence[str]) -> Any:
            if any(POISON in item for item in items):
                raise RuntimeError
            return [judge(item) for item in items]

        one.canary.trouble = half
        answer = one.chat([{"type": "text", "text": POISON}, {"type": "text", "text": CANARY}])
        assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter")
        assert one.leaks(answer) == []


def test_s35_beyond_the_limit_of_requests_in_flight_one_is_shed_at_once(tmp_path: Path) -> None:
    gate = threading.Event()
    with house(tmp_path, in_flight=4) as one:

        async def when_open(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.to_thread(gate.wait, 30)
            writer.write(one.upstream._http())

        one.upstream.play = when_open
        with ThreadPoolExecutor(12) as pool:
            first = [pool.submit(one.chat) for _ in range(4)]
            assert eventually(lambda: len(one.upstream.received) == 4)
            shed = list(pool.map(lambda _: one.chat(), range(8)))
            assert not any(future.done() for future in first)
            gate.set()
        assert [future.result().status for future in first] == [200] * 4
        for answer in shed:
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.json["error"]["code"] == "guard_overloaded"
        states = sorted(record.state.value for record in one.records(12))
        assert states == ["allowed"] * 4 + ["shed"] * 8


def test_s35_a_classifier_with_too_much_to_do_sheds(tmp_path: Path) -> None:
    with house(tmp_path, inline=False) as one:
        release = threading.Event()

        def waiting(items: Sequence[str]) -> Any:
            release.wait(5)
            return [[] for _ in items]

        one.canary.trouble = waiting
        station = next(s for s in one.gateway.engine.stations() if s.name == "canary")
        most = station.batcher._max_pending_cost
        one.canary.cost = lambda item: most // 2 + 1  # type: ignore[method-assign]  # two of them are too much
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(one.chat)
            deadline = time.monotonic() + 5
            while not one.canary.read and time.monotonic() < deadline:
                time.sleep(0.01)
            answer = one.chat(CANARY)
            release.set()
            assert first.result().status == 200
        assert (answer.status, answer.json["error"]["code"]) == (503, "guard_overloaded")
        assert answer.headers["retry-after"] == "1"
        assert one.leaks(answer) == []
        assert sorted(record.state.value for record in one.records(2)) == ["allowed", "shed"]


def test_s42_a_request_that_cannot_be_judged_in_time_is_refused_at_once_and_told_when_to_come_back(
    tmp_path: Path,
) -> None:
    with house(tmp_path, inline=False, judge_timeout_s=2.0) as one:
        release = threading.Event()

        def slow(items: Sequence[str]) -> Any:
            if any("hold" in item for item in items):
                release.wait(1.5)
            time.sleep(0.001 * sum(map(len, items)))  # a character takes a millisecond
            return [[] for _ in items]

        one.canary.trouble = slow
        for number in range(4):
            assert one.chat(f"{number} " + "x" * 40).status == 200
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(one.chat, "hold on")
            station = next(s for s in one.gateway.engine.stations() if s.name == "canary")
            assert eventually(lambda: station.batcher.stats.pending_cost > 0)
            answer, took = timed(lambda: one.chat(" ".join(map(str, range(1800)))))
            release.set()
            assert first.result().status == 200
        assert (answer.status, answer.json["error"]["code"]) == (503, "guard_overloaded")
        assert took < 0.5
        assert 4 <= int(answer.headers["retry-after"]) <= 12  # some eight seconds of work, and 1.4 s to do it in
        assert one.records(6)[-2].state is State.SHED or one.records(6)[-1].state is State.SHED
        assert one.chat("short").status == 200


KEYS = {name: hashlib.sha256(name.encode()).digest() for name in ("acme", "zenith")}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("remember", "runs"), [("", 2), ("remember: all\n", 1), ("remember: none\n", 3)])
def test_findings_are_shared_between_tenants_only_where_the_policy_says_so(
    tmp_path: Path, remember: str, runs: int, stream: bool
) -> None:
    with house(tmp_path, POLICY.read_text() + remember, inline=False, tenants=tuple(KEYS.items())) as one:
        one.upstream.answer = completion("An answer that is always the same.")
        for tenant in ("acme", "zenith", "acme"):
            body = {"model": "m", "messages": [{"role": "user", "content": "the same"}], "stream": stream}
            answer = one.post("/v1/chat/completions", body, {"Authorization": f"Bearer {tenant}"})
            assert answer.status == 200
        assert one.canary.read.count("the same") == runs
        assert sum("always the same" in text for text in one.canary.read) == runs


def timed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    began = time.monotonic()
    return call(), time.monotonic() - began


def test_s36_one_poisonous_request_of_32_fails_alone(tmp_path: Path) -> None:
    gate = threading.Event()
    batches: list[int] = []

    with house(tmp_path, inline=False) as one:
        judge = one.canary._findings

        def poisoned(items: Sequence[str]) -> Any:
            gate.wait(5)  # so that the others gather behind the first into one batch
            batches.append(len(items))
            if any(POISON in item for item in items):
                raise ValueError(CANARY)
            return [judge(item) for item in items]

        one.canary.trouble = poisoned
        texts = [f"request {n} {CANARY if n % 5 == 0 else HARMLESS}" for n in range(32)]
        texts[17] = f"request 17 {POISON}"
        with ThreadPoolExecutor(33) as pool:
            # One token takes the model thread, so that the 32 are judged together.
            first = pool.submit(one.chat, "warm up")
            time.sleep(0.2)
            futures = [pool.submit(one.chat, text) for text in texts]
            deadline = time.monotonic() + 5
            station = next(s for s in one.gateway.engine.stations() if s.name == "canary")
            while station.batcher.stats.queued < 32 and time.monotonic() < deadline:
                time.sleep(0.01)
            gate.set()
            answers = [future.result() for future in futures]
            assert first.result().status == 200
        statuses = [answer.status for answer in answers]
        assert statuses == [503 if n == 17 else 400 if n % 5 == 0 else 200 for n in range(32)]
        assert max(batches) >= 32
        assert all(one.leaks(answer) == [] for answer in answers)
        states = [record.state for record in one.records(33)]
        assert states.count(State.ERROR_CLOSED) == 1
        assert states.count(State.BLOCKED) == 7
        assert states.count(State.ALLOWED) == 25


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"))
    return f"{head}\r\n".encode() + body


SECRET_ANSWER = json.dumps(completion(f"The answer is {CANARY}")).encode()
BAD_ANSWERS = {
    "closes at once": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n" + CANARY.encode(),
    "closes early": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + SECRET_ANSWER,
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: 12x\r\n\r\n" + SECRET_ANSWER,
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + SECRET_ANSWER,
    "chunks without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "html": http(f"<html>{CANARY}</html>".encode(), "200 OK", "Content-Type: text/html"),
    "plain text": http(CANARY.encode()),
    "an empty body": http(b""),
    "an event stream nobody asked for": http(
        b"data: " + SECRET_ANSWER + b"\n\n", "200 OK", "Content-Type: text/event-stream"
    ),
    "two keys of one name": http(SECRET_ANSWER.replace(b'"id"', b'"choices": [], "id"')),
    "no choices": http(json.dumps({"id": CANARY}).encode()),
    "text behind the answer": http(SECRET_ANSWER + CANARY.encode()),
    "an unasked encoding": http(SECRET_ANSWER, "200 OK", "Content-Encoding: br"),
    "two encodings": http(gzip.compress(gzip.compress(SECRET_ANSWER)), "200 OK", "Content-Encoding: gzip, gzip"),
    "gzip that is none": http(SECRET_ANSWER, "200 OK", "Content-Encoding: gzip"),
    "gzip cut short": http(gzip.compress(SECRET_ANSWER)[:-12], "200 OK", "Content-Encoding: gzip"),
    "a redirect": http(SECRET_ANSWER, "302 Found", "Location: http://127.0.0.1:1/elsewhere"),
    "a permanent redirect": http(SECRET_ANSWER, "308 Permanent Redirect", "Location: /v1/other"),
    "no content": http(b"", "204 No Content"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", BAD_ANSWERS)
def test_an_upstream_that_answers_badly_is_a_bad_gateway(guarded: House, fault: str, stream: bool) -> None:
    guarded.upstream.raw = BAD_ANSWERS[fault]
    answer = guarded.chat(stream=stream)
    assert guarded.leaks(answer) == []
    if (fault, stream) == ("an event stream nobody asked for", True):  # it was asked for, and judged
        assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter")
        return
    assert answer.status == 502, answer.body
    assert answer.json["error"]["code"].startswith("upstream_")
    (record,) = guarded.records()
    assert (record.state, record.status, record.attempts) == (State.UPSTREAM_ERROR, 502, 1)
    assert len(guarded.upstream.received) == 1  # a redirect is not followed, and nothing is tried again


def test_an_upstream_that_is_down_is_a_bad_gateway(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        config = GatewayConfig(
            listen=Address("127.0.0.1", 0),
            admin=Address("127.0.0.1", 0),
            upstream=UpstreamConfig(f"http://127.0.0.1:{taken.getsockname()[1]}"),
            policies=str(POLICY),
            audit=AuditConfig(path=str(tmp_path / "audit.db")),
        )
        gateway = create_gateway(config, catalog=FakeCatalog(CanaryClassifier()))
        with (
            running(config, gateway) as ports,
            openai.OpenAI(base_url=f"http://127.0.0.1:{ports.data}/v1", api_key="sk-client", max_retries=0) as client,
            pytest.raises(openai.InternalServerError) as raised,
        ):
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    assert raised.value.status_code == 502
    assert raised.value.code == "upstream_unreachable"
    (record,) = read(tmp_path / "audit.db")
    assert (record.state, record.error, record.model) == (State.UPSTREAM_ERROR, "upstream_unreachable", None)


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_is_slow_is_a_gateway_timeout(tmp_path: Path, stream: bool) -> None:
    with house(tmp_path, timeout_s=0.4) as one:
        one.upstream.delay = 5
        began = time.monotonic()
        answer = one.chat(stream=stream)
        assert time.monotonic() - began < 0.8
        assert (answer.status, answer.json["error"]["code"]) == (504, "upstream_timeout")
        assert one.records()[0].state is State.UPSTREAM_ERROR


def test_an_answer_that_drips_is_a_gateway_timeout(tmp_path: Path) -> None:
    with house(tmp_path, timeout_s=0.5) as one:
        one.upstream.drip = 0.05
        answer = one.chat()
        assert (answer.status, answer.json["error"]["code"]) == (504, "upstream_timeout")


def test_gzip_that_was_not_asked_for_is_read_like_plain_text(guarded: House) -> None:
    guarded.upstream.raw = http(gzip.compress(SECRET_ANSWER), "200 OK", "Content-Encoding: gzip")
    answer = guarded.chat()
    assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter")
    assert guarded.leaks(answer) == []
    harmless = json.dumps(completion(HARMLESS)).encode()
    guarded.upstream.raw = http(gzip.compress(harmless), "200 OK", "Content-Encoding: gzip")
    assert guarded.chat().json == json.loads(harmless)
    assert b"Accept-Encoding: identity" in guarded.upstream.received[0]


def test_a_bomb_from_the_upstream_is_a_bad_gateway(guarded: House) -> None:
    bomb = gzip.compress(b"0" * (64 * 2**20))
    guarded.upstream.raw = http(bomb, "200 OK", "Content-Encoding: gzip")
    answer = guarded.chat()
    assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_too_large")


@pytest.mark.parametrize("body", [{"error": {"message": "Slow down."}}, b"<html>Too many requests</html>", b""])
def test_a_rate_limit_reaches_the_client_with_its_retry_after(guarded: House, body: Any) -> None:
    guarded.upstream.status, guarded.upstream.answer = 429, body
    guarded.upstream.headers = {"Retry-After": "17", "x-ratelimit-remaining-requests": "0", "Set-Cookie": "a=b"}
    with guarded.client() as client, pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    assert raised.value.response.headers["retry-after"] == "17"
    assert raised.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert "set-cookie" not in raised.value.response.headers
    assert "x-should-retry" not in raised.value.response.headers
    (record,) = guarded.records()
    assert (record.state, record.status, record.upstream_status) == (State.UPSTREAM_ERROR, 429, 429)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500, 502, 503, 529])
def test_an_error_that_cannot_be_read_keeps_its_status_and_loses_its_body(guarded: House, status: int) -> None:
    guarded.upstream.status, guarded.upstream.answer = status, f"<html>{CANARY}</html>".encode()
    answer = guarded.chat()
    assert (answer.status, answer.json["error"]["code"]) == (status, f"upstream_{status}")
    assert guarded.leaks(answer) == []
    (record,) = guarded.records()
    assert (record.state, record.error) == (State.UPSTREAM_ERROR, f"upstream_{status}")


def test_an_error_whose_body_is_blocked_keeps_its_status_and_loses_its_words(guarded: House) -> None:
    guarded.upstream.status, guarded.upstream.answer = 429, {"error": {"message": CANARY}}
    guarded.upstream.headers = {"Retry-After": "7"}
    answer = guarded.chat()
    assert (answer.status, answer.json["error"]["code"]) == (429, "upstream_429")
    assert answer.headers["retry-after"] == "7"
    assert guarded.leaks(answer) == []
    (record,) = guarded.records()
    assert (record.state, record.upstream_status) == (State.UPSTREAM_ERROR, 429)
    assert record.output is not None
    assert record.output["rules"] == ["block-canary"]


def test_personal_data_in_an_error_of_the_upstream_is_masked(guarded: House) -> None:
    guarded.upstream.status = 400
    guarded.upstream.answer = {"error": {"message": "No such user: ana@example.org"}}
    answer = guarded.chat()
    assert (answer.status, answer.json) == (400, {"error": {"message": "No such user: <EMAIL_1>"}})
    assert guarded.records()[0].state is State.UPSTREAM_ERROR


DEAD = """
policy: half
rules:
  - {id: block-canary, when: {category: custom.canary}, then: block}
  - {id: block-hate, when: {category: hate, at_least: 0.8}, then: block}
"""


def dead(one: House) -> None:
    """From now on the classifier of `hate` answers nothing."""
    station = next(s for s in one.gateway.engine.stations() if s.name == "text")
    station.classifier.classify = raising  # type: ignore[assignment, method-assign]


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
@pytest.mark.parametrize("text", ["hello", CANARY], ids=["nothing", "a-rule-fires"])
def test_a_moderation_without_a_score_is_no_moderation(tmp_path: Path, mode: str, text: str) -> None:
    with house(tmp_path, f"{DEAD}mode: {mode}\n") as one:
        dead(one)
        answer = one.post("/v1/moderations", {"input": text})
        closed(one, answer)
        assert answer.json["error"]["code"] == "guard_unavailable"


def test_a_moderation_fails_open_where_the_policy_says_so(tmp_path: Path) -> None:
    with house(tmp_path, f"{DEAD}on_error: allow\n") as one:
        dead(one)
        assert one.post("/v1/moderations", {"input": "hello"}).status == 200
        assert one.records()[0].state is State.ERROR_OPEN


def test_a_check_that_a_rule_decides_lists_the_classifier_that_failed(tmp_path: Path) -> None:
    with house(tmp_path, DEAD) as one:
        dead(one)
        closed(one, one.post("/guard/v1/check", {"text": "hello"}))
        report = one.post("/guard/v1/check", {"text": CANARY}).json
        assert (report["cause"], report["rules"]) == ("rules", ["block-canary"])
        assert [failure["classifier"] for failure in report["failures"]] == ["text"]
        assert one.records(2)[1].state is State.BLOCKED


@pytest.mark.parametrize(("mode", "status"), [("enforce", 400), ("shadow", 200)])
def test_unknown_fields_are_refused_unless_the_policy_only_watches(tmp_path: Path, mode: str, status: int) -> None:
    with house(tmp_path, f"{POLICY.read_text()}unknown_fields: refuse\nmode: {mode}\n") as one:
        assert one.chat("hello", a_field_that_nobody_knows="x").status == status


def test_many_texts_do_not_hold_up_the_others(guarded: House) -> None:
    """They are judged one per turn of the event loop: what comes meanwhile is answered in between."""
    judge = guarded.canary._findings

    def slowly(items: Sequence[str]) -> Any:
        time.sleep(0.002)
        return [judge(item) for item in items]

    guarded.canary.trouble = slowly
    with ThreadPoolExecutor(1) as pool:
        many = pool.submit(guarded.post, "/guard/v1/check", {"texts": [HARMLESS, CANARY] * 250})
        assert eventually(lambda: bool(guarded.canary.read))
        took = max(timed(lambda: guarded.post("/guard/v1/nothing", {}))[1] for _ in range(5))
        assert not many.done()
        results = many.result().json["results"]
    assert [result["action"] for result in results] == ["allow", "block"] * 250
    assert took < 0.3
