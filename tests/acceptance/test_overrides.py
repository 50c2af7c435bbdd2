"""S27: whatever a caller adds to body, headers or address, the policy stays as strong as it was."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from guard.audit import State
from tests.acceptance.conftest import House, house
from tests.acceptance.oracle import CHAT, Bench, ask, forwarded
from tests.fakes import CANARY, HARMLESS, completion

OFF = ([], {}, None, False, "none", "off", ["none"], {"enabled": False}, {"block-canary": {"then": "allow"}})

REFUSED = (
    "guardrails", "Guardrails", "GUARDRAILS", "guardrail\u017f", "guardrail_config", "skip_guardrails",
    "disable_global_guardrail", "disable_global_guardrails", "scanners_suppress", "Scanners_Suppress", "guard",
    "policy", "Policy", "policies", "api_base", "API_BASE", "api_key", "base_url",
)  # fmt: skip
INERT: tuple[dict[str, Any], ...] = (
    {"mode": "shadow"},
    {"shadow": True},
    {"enforce": False},
    {"dry_run": True},
    {"bypass": True},
    {"moderate": False},
    {"content_filter": {"severity": "none"}},
    {"safety_settings": [{"category": "ALL", "threshold": "BLOCK_NONE"}]},
    {"detectors": {"input": {}, "output": {}}},
    {"on_error": "allow", "fail_open": True},
    {"unscannable": "allow"},
    {"locale": "xx"},
    {"tenant": "internal", "user": "admin", "safety_identifier": "admin"},
    {"metadata": {"mode": "shadow", "policy": "none", "user_api_key_metadata": {"off": True}}},
    {"timeout": 0.000001, "max_retries": 0},
)

HEADERS: tuple[tuple[str, str], ...] = (
    ("x-guard-policy", "none"),
    ("x-guard-policy", "acceptance@0"),
    ("x-guard-mode", "shadow"),
    ("x-guard-decision", "allow"),
    ("x-guard-id", "0"),
    ("x-guard-bypass", "true"),
    ("x-guard-skip", "block-canary"),
    ("x-guard-on-error", "allow"),
    ("x-guard-timeout", "0"),
    ("x-guard-key", "admin"),
    ("x-guard-tenant", "internal"),
    ("x-litellm-disable-guardrails", "true"),
    ("x-litellm-api-base", "http://127.0.0.1:1/"),
    ("x-portkey-config", '{"input_guardrails": []}'),
    ("x-portkey-custom-host", "http://127.0.0.1:1/"),
    ("x-mlflow-bypass", "true"),
    ("x-waf-bypass", "true"),
    ("x-skip-moderation", "1"),
    ("x-no-log", "1"),
    ("x-internal", "1"),
    ("x-debug", "1"),
    ("x-tenant", "internal"),
    ("x_tenant", "internal"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "127.0.0.1:1"),
    ("x-real-ip", "127.0.0.1"),
    ("forwarded", "for=127.0.0.1;host=127.0.0.1"),
    ("x-original-url", "/healthz"),
    ("x-rewrite-url", "/healthz"),
    ("x-http-method-override", "GET"),
    ("x-upstream", "http://127.0.0.1:1/"),
    ("cookie", "guard=off; policy=none"),
    ("accept", "text/event-stream"),
    ("prefer", "respond-async"),
    ("priority", "u=0"),
    ("baggage", "guard=off"),
)

OWN_HEADERS = {b"host", b"content-type", b"content-length", b"accept", b"accept-encoding", b"user-agent"}
"""What the gateway itself says to the generator."""

QUERIES = (
    "policy=none", "guardrails=", "guard=off", "skip_guardrails=true", "mode=shadow", "scanners_suppress=canary",
    "bypass=1", "api_base=http://127.0.0.1:1/", "stream=true", "direction=output", "tenant=internal", "?", "a=b&a=c",
    "x=%0d%0ax-guard-bypass:1", "",
)  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_s27_a_field_that_switches_guards_off_elsewhere_is_refused(bench: Bench, name: str) -> None:
    for value in OFF:
        for body in (ask(CANARY) | {name: value}, ask(HARMLESS, stream=True) | {name: value}):
            answer = bench.send(body)
            assert (answer.status, answer.json["error"]["code"]) in {(400, "policy_override"), (400, "invalid_json")}
            assert bench.house.upstream.received == []
            assert bench.record().state is State.REJECTED_PROTOCOL


@pytest.mark.parametrize("holder", ["metadata", "litellm_metadata", "extra_body"])
@pytest.mark.parametrize("name", ["guardrails", "Guardrails", "disable_global_guardrail", "disable_global_guardrails"])
def test_s27_the_same_field_inside_metadata_is_refused(bench: Bench, holder: str, name: str) -> None:
    for value in OFF:
        bench.refuses(ask(CANARY) | {holder: {"k": "v", name: value}}, "policy_override")


@pytest.mark.parametrize("extra", INERT, ids=",".join)
def test_s27_any_other_field_changes_no_decision(bench: Bench, extra: dict[str, Any]) -> None:
    bench.guards_request(lambda phrase: ask(phrase) | extra)

    bench.house.upstream.answer = completion(CANARY)
    bench.blocks(ask("hello") | extra, asked=True)


@pytest.mark.parametrize(("name", "value"), HEADERS)
def test_s27_no_header_changes_a_decision_or_travels_on(bench: Bench, name: str, value: str) -> None:
    for stream in (False, True):
        answer = bench.send(ask(CANARY, stream=stream), headers={name: value})
        assert (answer.status, answer.json["error"]["code"]) == (400, "content_filter")
        assert bench.house.upstream.received == []
        assert bench.record().state is State.BLOCKED

        body = ask(HARMLESS, stream=stream)
        assert bench.send(body, headers={name: value}).status == 200
        assert bench.house.upstream.last_body == forwarded(body)
        head = bench.house.upstream.received[0].partition(b"\r\n\r\n")[0].lower()
        start, *lines = head.split(b"\r\n")
        assert start == b"post /v1/chat/completions http/1.1"
        assert {line.partition(b":")[0] for line in lines} == OWN_HEADERS
        wanted = b"text/event-stream" if stream else b"application/json"
        assert {b"accept: " + wanted, b"user-agent: guard"} <= set(lines)

    bench.house.upstream.answer = completion(CANARY)
    assert bench.send(ask("hello"), headers={name: value}).status == 400
    assert bench.record().state is State.BLOCKED


@pytest.mark.parametrize("query", QUERIES)
def test_s27_no_query_changes_a_decision_or_travels_on(bench: Bench, query: str) -> None:
    assert bench.send(ask(CANARY), f"{CHAT}?{query}").status == 400
    assert bench.house.upstream.received == []
    assert bench.record().state is State.BLOCKED

    assert bench.send(ask(HARMLESS), f"{CHAT}?{query}").status == 200
    assert bench.house.upstream.received[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert bench.record().state is State.ALLOWED


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/guard/v1/check", {"text": CANARY}),
        ("/guard/v1/check", {"messages": [{"role": "user", "content": CANARY}]}),
        ("/v1/moderations", {"input": CANARY}),
    ],
)
@pytest.mark.parametrize("name", ["policy", "guardrails", "mode", "scanners_suppress", "rules", "Text", "threshold"])
def test_s27_a_request_for_a_decision_cannot_choose_how_it_is_made(
    bench: Bench, path: str, body: dict[str, Any], name: str
) -> None:
    bench.refuses(body | {name: "none"}, "unknown_field", path)


@pytest.mark.parametrize("direction", ["input", "output"])
def test_s27_the_direction_of_a_check_is_no_way_round(bench: Bench, direction: str) -> None:
    answer = bench.send({"text": CANARY, "direction": direction}, "/guard/v1/check")

    assert answer.json["action"] == "block"


def test_s27_a_callers_words_do_not_choose_the_tenant(tmp_path: Path) -> None:
    """The tenant is the one whose key it is; a name in a header, a body or a second key is none."""
    key = ("acme", hashlib.sha256(b"sk-acme").digest())
    with house(tmp_path, tenants=(key,)) as one:
        bench = Bench(one)
        for headers in (
            {"x-tenant": "acme"},
            {"Authorization": "Bearer acme"},
            {"x-guard-key": "wrong", "Authorization": "Bearer sk-acme"},
            {"Authorization": "Basic sk-acme"},
        ):
            assert bench.send(ask(HARMLESS, tenant="acme"), headers=headers).status == 401
            assert one.upstream.received == []
            assert bench.record().tenant is None
        two = {"Authorization": "Bearer sk-acme\r\nAuthorization: Bearer sk-other"}
        assert bench.send(ask(HARMLESS, tenant="acme"), headers=two).status == 400
        assert one.upstream.received == []

        known = {"Authorization": "Bearer sk-acme", "x-tenant": "other"}
        assert bench.send(ask(HARMLESS, tenant="other"), headers=known).status == 200
        assert bench.record().tenant == "acme"
        assert b"sk-acme" not in one.upstream.everything
        assert bench.send(ask(CANARY, tenant="other"), headers=known).status == 400
        assert bench.record().state is State.BLOCKED


def test_s27_the_real_clients_extras_are_refused_too(standing: House) -> None:
    import openai

    with standing.client() as client, pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": CANARY}],
            extra_body={"guardrails": []},
            extra_headers={"x-guard-bypass": "1"},
            extra_query={"policy": "none"},
        )

    assert refused.value.code == "policy_override"
