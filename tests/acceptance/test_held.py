"""Answers that a rule holds: nobody sees them before a person has released them, and everybody hears what became."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from guard.audit import State
from guard.config import HeldConfig
from tests.acceptance.conftest import House, house
from tests.fakes import CANARY, completion

HELD = """\
policy: held
rules:
  - id: look-first
    message: {en: "A person looks at this first.", zh: "须先人工审核。"}
    directions: [output]
    when: {category: custom.canary, at_least: 0.9}
    then: {review: {expires: 1h}}
  - {id: mask, when: {category: custom.entity}, then: redact}
"""
KEYS = {name: f"key-of-{name}" for name in ("ant", "bee")}


@pytest.fixture
def held(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, HELD) as one:
        one.upstream.answer = completion(f"it says {CANARY}, as in ENTITY-1234")
        yield one


def decide(one: House, ticket: str, what: str, **said: Any) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{one.ports.admin}/held/{ticket}/{what}", json=said or {"by": "Ann"})


def fetch(one: House, ticket: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{one.url}/guard/v1/held/{ticket}", headers=headers)


def hold(one: House, **body: Any) -> str:
    answer = one.chat(**body)
    assert answer.status == 202, answer.body
    assert answer.json["object"] == "guard.held"
    return str(answer.json["id"])


def test_a_held_answer_is_a_ticket_and_shows_nothing(held: House) -> None:
    answer = held.chat()
    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert answer.json["message"] == "A person looks at this first."
    assert answer.json["url"] == answer.headers["location"] == f"/guard/v1/held/{answer.json['id']}"
    assert answer.headers["x-guard-decision"] == "review"
    assert "client" not in held.leaks(answer)
    assert "audit" not in held.leaks(answer)
    (record,) = held.records()
    assert (record.id, record.state, record.status, record.action) == (answer.json["id"], State.HELD, 202, "review")


def test_what_is_released_is_what_the_policy_would_have_let_through(held: House) -> None:
    ticket = hold(held)
    assert fetch(held, ticket).status_code == 202
    assert decide(held, ticket, "release", by="Ann", reason="a quotation").json()["standing"] == "released"
    answer = fetch(held, ticket)
    assert answer.status_code == 200
    said = answer.json()["choices"][0]["message"]["content"]
    assert CANARY in said
    assert "ENTITY-1234" not in said
    assert fetch(held, ticket).content == answer.content
    states = [(one.state, one.source, one.route) for one in held.records(5)]
    assert states == [
        (State.HELD, "proxy", "/v1/chat/completions"),
        (State.HELD, "proxy", "/guard/v1/held"),
        (State.ALLOWED, "review", "/v1/chat/completions"),
        (State.ALLOWED, "proxy", "/guard/v1/held"),
        (State.ALLOWED, "proxy", "/guard/v1/held"),
    ]
    review = held.records(5)[2]
    assert review.output == {"held": ticket, "by": "Ann", "reason": "a quotation"}
    assert review.rules == ("look-first", "mask")


def inline(mode: str) -> dict[str, Any]:
    return {"model": "omni-moderation-latest", "policy": {"output": {"mode": mode}}}


def test_a_held_answer_says_what_its_client_asked_of_moderation(held: House) -> None:
    asked = held.chat(moderation=inline("score"))
    ticket = asked.json["id"]
    assert "moderation" not in asked.json
    decide(held, ticket, "release")
    assert fetch(held, ticket).json()["moderation"]["output"]["type"] == "moderation_results"


def test_what_its_client_would_have_blocked_is_not_held(tmp_path: Path) -> None:
    flagged = HELD.replace("rules:", "classifiers: {keywords: {builtin: [profanity], min_score: 0.3}}\nrules:")
    flagged += "  - {id: flag-words, when: {category: toxicity.obscene, at_least: 0.3}, then: flag}\n"
    with house(tmp_path, flagged) as one:
        one.upstream.answer = completion(f"it says {CANARY}, and what the fuck is this")
        answer = one.chat(moderation=inline("block"))
        assert (answer.status, b"content_filter" in answer.body, one.leaks(answer)) == (200, True, [])
        assert one.records()[0].state is State.BLOCKED


def test_what_is_refused_is_gone(held: House) -> None:
    ticket = hold(held)
    assert decide(held, ticket, "refuse", by="Ann", reason="no").json()["standing"] == "refused"
    answer = fetch(held, ticket)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "content_filter")
    again = decide(held, ticket, "release")
    assert (again.status_code, "refused" in again.json()["error"]["message"]) == (409, True)
    assert httpx.get(f"http://127.0.0.1:{held.ports.admin}/held/{ticket}/body").status_code == 404
    kept = b"".join(path.read_bytes() for path in held.log.parent.glob("guard-held.db*"))
    assert CANARY.encode() not in kept


def test_only_one_of_two_reviewers_decides(held: House) -> None:
    ticket = hold(held)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda what=what: statuses.append(decide(held, ticket, what).status_code))
        for what in ("release", "refuse", "release", "refuse")
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(statuses) == [200, 409, 409, 409]
    assert [one.source for one in held.records(2)] == ["proxy", "review"]


def test_a_reviewer_sees_what_waits_and_why(held: House) -> None:
    ticket = hold(held)
    (line,) = json.loads(held.admin("/held"))["held"]
    assert (line["id"], line["policy"], line["summary"]["rules"]) == (ticket, "held", ["look-first", "mask"])
    body = httpx.get(f"http://127.0.0.1:{held.ports.admin}/held/{ticket}/body")
    assert json.loads(held.admin("/status"))["held"] == {"waiting": 1, "bytes": len(body.content)}
    assert CANARY in body.text
    assert "sandbox" in body.headers["content-security-policy"]
    decide(held, ticket, "release")
    assert json.loads(held.admin("/held"))["held"] == []


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b'{"by": "Ann"}', "text/plain"),
        (b"by=Ann", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b'{"by": " "}', "application/json"),
        (b'{"by": "Ann", "reason": 3}', "application/json"),
        (b"[1]", "application/json"),
    ],
)
def test_who_decides_says_so_in_json(held: House, sent: bytes, kind: str) -> None:
    ticket = hold(held)
    url = f"http://127.0.0.1:{held.ports.admin}/held/{ticket}/release"
    assert httpx.post(url, content=sent, headers={"content-type": kind}).status_code == 400
    assert fetch(held, ticket).status_code == 202


def test_what_cannot_be_recorded_is_neither_held_nor_reviewed(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with house(shelf, HELD, held=HeldConfig(str(tmp_path / "held.db"))) as one:
        one.upstream.answer = completion(f"it says {CANARY}")
        ticket = hold(one)
        shelf.rename(tmp_path / "elsewhere")  # no file can be made where the log was
        assert one.chat().status == 503
        assert decide(one, ticket, "release").status_code == 503
        (tmp_path / "elsewhere").rename(shelf)
        assert fetch(one, ticket).status_code == 202
        assert [line["id"] for line in json.loads(one.admin("/held"))["held"]] == [ticket]
        assert decide(one, ticket, "release").status_code == 200


def test_what_is_held_is_not_shown_to_a_page_whose_name_leads_here(held: House) -> None:
    ticket = hold(held)
    url = f"http://127.0.0.1:{held.ports.admin}/held/{ticket}/body"
    for host in ("evil.example", "evil.example:8081", "127.0.0.1.evil.example"):
        answer = httpx.get(url, headers={"host": host})
        assert (answer.status_code, CANARY in answer.text) == (421, False)
    for host in ("localhost:8081", "127.0.0.1", "[::1]:8081"):
        assert httpx.get(url, headers={"host": host}).status_code == 200


def test_another_tenants_ticket_is_none(tmp_path: Path) -> None:
    tenants = tuple((name, hashlib.sha256(key.encode()).digest()) for name, key in KEYS.items())
    with house(tmp_path, HELD, tenants=tenants) as one:
        one.upstream.answer = completion(f"it says {CANARY}")
        asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        own = {"Authorization": f"Bearer {KEYS['ant']}"}
        ticket = one.post("/v1/chat/completions", asked, own).json["id"]
        decide(one, ticket, "release")
        assert fetch(one, ticket, **own).status_code == 200
        other = fetch(one, ticket, Authorization=f"Bearer {KEYS['bee']}")
        assert (other.status_code, CANARY in other.text) == (404, False)
        assert fetch(one, ticket).status_code == 401


def test_tickets_that_nobody_has_are_unknown(held: House) -> None:
    for ticket in ("", "x", "../../etc/passwd", "0" * 32):
        assert fetch(held, ticket).status_code == 404
    assert decide(held, "0" * 32, "release").status_code == 409


def test_a_stream_under_a_rule_that_holds_is_held_whole(held: House) -> None:
    answer = held.chat(stream=True)
    ticket = answer.headers["x-guard-held"]
    assert (answer.status, answer.headers["content-type"]) == (202, "text/event-stream; charset=utf-8")
    assert held.leaks(answer) in ([], ["upstream"])
    with held.client() as client:
        asked = [{"role": "user", "content": "a"}]
        (chunk,) = list(client.chat.completions.create(model="m", messages=asked, stream=True))
    assert chunk.choices[0].finish_reason == "content_filter"
    assert "A person looks at this first. (/guard/v1/held/" in chunk.choices[0].delta.refusal
    decide(held, ticket, "release")
    released = fetch(held, ticket)
    assert released.headers["content-type"].startswith("text/event-stream")
    assert CANARY in released.text
    held.upstream.answer = completion("all is well")
    said = list(
        held.client().chat.completions.create(model="m", messages=[{"role": "user", "content": "a"}], stream=True)
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in said if chunk.choices) == "all is well"


def test_a_stronger_rule_blocks_and_what_could_not_be_looked_at_is_not_for_people(tmp_path: Path) -> None:
    block = "  - {id: never, when: {category: custom.canary, at_least: 0.5}, then: block}\n"
    with house(tmp_path, HELD + block) as one:
        one.upstream.answer = completion(f"it says {CANARY}")
        assert one.chat().status == 400
        assert json.loads(one.admin("/held"))["held"] == []


def test_a_failing_classifier_blocks_rather_than_holds(held: House) -> None:
    def failing(_: Any) -> Any:
        raise RuntimeError

    held.canary.trouble = failing
    assert held.chat().status == 503
    assert json.loads(held.admin("/held"))["held"] == []


def test_where_there_is_no_room_nothing_is_released(tmp_path: Path) -> None:
    with house(tmp_path, HELD) as one:
        one.gateway.held._most = 1
        one.upstream.answer = completion(f"it says {CANARY}")
        assert one.chat().status == 202
        answer = one.chat()
        assert (answer.status, answer.json["error"]["code"]) == (503, "guard_unavailable")
        assert "client" not in one.leaks(answer)


def test_what_waits_waits_over_a_restart(tmp_path: Path) -> None:
    with house(tmp_path, HELD) as one:
        one.upstream.answer = completion(f"it says {CANARY}")
        ticket = hold(one)
    with house(tmp_path, HELD) as one:
        assert fetch(one, ticket).status_code == 202
        decide(one, ticket, "release")
        assert CANARY in fetch(one, ticket).text


def test_the_openai_client_meets_a_ticket_for_a_held_picture(tmp_path: Path) -> None:
    policy = (
        "policy: pictures\nrules:\n"
        "  - {id: look, directions: [output], when: {category: quality.blank}, then: review}\n"
        "  - {id: seen, modalities: [image], when: {category: nsfw, at_least: 0.8}, then: block}\n"
    )
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    with house(tmp_path, policy) as one:
        one.upstream.answer = {"created": 1, "data": [{"b64_json": data}]}
        raw = one.client().images.with_raw_response.generate(model="m", prompt="a square")
        assert (raw.status_code, data in raw.text) == (202, False)
        ticket = raw.headers["location"].rpartition("/")[2]
        assert decide(one, ticket, "release").status_code == 200
        (released,) = openai.types.ImagesResponse.model_validate(fetch(one, ticket).json()).data or ()
        assert released.b64_json == data
