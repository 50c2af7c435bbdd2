"""What is held in each protocol: a ticket, the stream's own end, and once released what would have been sent."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from PIL import Image

from guard import Guard
from guard.audit import State
from guard.audit.sqlite import read
from guard.config import Address
from tests.acceptance.conftest import House, house
from tests.acceptance.test_anthropic import message
from tests.acceptance.test_envoy import envoy
from tests.acceptance.test_held import HELD, decide, fetch
from tests.acceptance.test_ollama import message as llama
from tests.acceptance.test_openai_endpoints import response, text_completion
from tests.acceptance.test_sound import Equipped
from tests.fakes import CANARY, completion, form

RULES = "  - {id: mask, when: {category: custom.entity}, then: redact}\nunscannable: allow\n"
HOLDING = (
    HELD.replace("  - {id: mask, when: {category: custom.entity}, then: redact}\n", RULES)
    + """
classifiers: {sound_quality: {}}
"""
)
SILENCE = "  - {id: silent, directions: [output], when: {category: quality.silence, at_least: 0.9}, then: review}\n"
HOLDING = HOLDING.replace("  - {id: mask", f"{SILENCE}  - {{id: mask", 1)
OPEN = HOLDING.replace("then: {review: {expires: 1h}}", "then: flag").replace("then: review", "then: flag")
SAID = f"it says {CANARY}, as in ENTITY-1234"
ASKED = [{"role": "user", "content": "hello"}]
JSON = "application/json"


def silence() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    return buffer.getvalue()


def posted(body: dict[str, Any]) -> tuple[str, bytes]:
    return JSON, json.dumps(body).encode()


CASES: dict[str, tuple[str, tuple[str, bytes], Any, str]] = {
    "chat": ("/v1/chat/completions", posted({"model": "m", "messages": ASKED}), completion(SAID), JSON),
    "responses": ("/v1/responses", posted({"model": "m", "input": "hello"}), response(SAID), JSON),
    "completions": ("/v1/completions", posted({"model": "m", "prompt": "hello"}), text_completion(SAID), JSON),
    "anthropic": (
        "/v1/messages", posted({"model": "m", "max_tokens": 9, "messages": ASKED}), message(SAID), JSON,
    ),
    "ollama": ("/api/chat", posted({"model": "m", "messages": ASKED, "stream": False}), llama(SAID), JSON),
    "pictures": (
        "/v1/images/generations", posted({"model": "m", "prompt": "x"}),
        {"created": 1, "data": [{"url": "https://example.org/a.png", "revised_prompt": SAID}]}, JSON,
    ),
    "speech": (
        "/v1/audio/speech", posted({"model": "m", "voice": "alloy", "input": "x", "response_format": "wav"}),
        silence(), "audio/wav",
    ),
    "transcription": (
        "/v1/audio/transcriptions",
        form(("file", ("a.wav", silence())), model="m", response_format="text"),
        SAID.encode(), "text/plain",
    ),
    "described": (
        "/sdapi/v1/txt2img", posted({"prompt": "x"}),
        {"images": [base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()], "parameters": {"prompt": SAID},
         "info": "{}"}, JSON,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, House]]:
    """A gateway that holds, and one with the same rules that lets the same through."""
    with (
        house(tmp_path_factory.mktemp("holding"), HOLDING, protocols=("a1111",)) as holding,
        house(tmp_path_factory.mktemp("open"), OPEN, protocols=("a1111",)) as open_,
    ):
        yield holding, open_


@pytest.mark.parametrize("name", CASES)
def test_what_is_released_is_byte_for_byte_what_would_have_been_sent(pair: tuple[House, House], name: str) -> None:
    path, (kind, body), answer, media_type = CASES[name]
    answers = []
    for one in pair:
        one.begin()
        one.upstream.answer, one.upstream.headers = answer, {"Content-Type": media_type}
        answers.append(httpx.post(f"{one.url}{path}", content=body, headers={"content-type": kind}))
    held, sent = answers
    assert sent.status_code == 200, sent.text
    assert held.status_code == 202, held.text
    assert CANARY not in held.text
    assert b"ENTITY-1234" not in sent.content
    ticket = held.headers["x-guard-held"]
    assert held.headers["location"] == f"/guard/v1/held/{ticket}"
    assert decide(pair[0], ticket, "release").status_code == 200
    released = fetch(pair[0], ticket)
    assert (released.status_code, released.content) == (200, sent.content)
    assert released.headers["content-type"] == sent.headers["content-type"]


def test_streams_end_in_the_way_of_their_protocols(pair: tuple[House, House]) -> None:
    one = pair[0]
    one.begin()
    with one.client() as client:
        one.upstream.answer = completion(SAID)
        (chunk,) = client.chat.completions.create(model="m", messages=ASKED, stream=True)
        assert chunk.choices[0].finish_reason == "content_filter"
        assert "/guard/v1/held/" in chunk.choices[0].delta.refusal
        one.upstream.answer = text_completion(SAID)
        pieces = list(client.completions.create(model="m", prompt="x", stream=True))
        assert [piece.choices[0].finish_reason for piece in pieces] == ["content_filter"]
        one.upstream.answer = response(SAID)
        events = list(client.responses.create(model="m", input="x", stream=True))
        assert events[-1].type == "response.incomplete"
        assert events[-1].response.incomplete_details.reason == "content_filter"
    one.upstream.answer = message(SAID)
    with (
        anthropic.Anthropic(base_url=one.url, api_key="k", max_retries=0) as claude,
        claude.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream,
    ):
        assert stream.get_final_message().stop_reason == "refusal"
    one.upstream.answer = llama(SAID)
    with ollama.Client(one.url) as llamas:
        parts = list(llamas.chat("m", ASKED, stream=True))
    assert [part.done_reason for part in parts] == ["content_filter"]
    assert [record.state for record in one.records(5)] == [State.HELD] * 5


def test_inside_of_a_program_what_would_be_held_is_refused(tmp_path: Any) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "policy: inside\nclassifiers: {keywords: {lists: {stop: [zorblax]}, builtin: []}}\nrules:\n"
        "  - {id: look, directions: [output], when: {category: custom.stop}, then: review}\n"
    )
    guard = Guard(file, audit=tmp_path / "audit.db")
    checked = guard.check("say zorblax", direction="output")
    assert (checked.action, checked.allowed, checked.released) == ("review", False, None)
    assert checked.to_dict()["refusal"]["code"] == "held"
    assert "zorblax" not in repr(checked.refusal)
    assert guard.check("say zorblax").action == "allow"
    guard.close()
    assert [one.state for one in read(tmp_path / "audit.db", limit=9)] == [State.ALLOWED, State.HELD]


def test_behind_an_envoy_the_ticket_goes_to_the_client(tmp_path: Any) -> None:
    with house(tmp_path, HELD, envoy=Address("127.0.0.1", 0)) as one, envoy(tmp_path, one) as url:
        one.upstream.answer = completion(SAID)
        answer = httpx.post(f"{url}/v1/chat/completions", json={"model": "m", "messages": ASKED})
        assert (answer.status_code, answer.json()["object"]) == (202, "guard.held")
        ticket = answer.json()["id"]
        decide(one, ticket, "release")
        assert CANARY in fetch(one, ticket).text


def test_the_real_client_gets_what_was_released_as_its_own_type(pair: tuple[House, House]) -> None:
    one = pair[0]
    one.begin()
    one.upstream.answer = completion(SAID)
    with one.client() as client:
        raw = client.chat.completions.with_raw_response.create(model="m", messages=ASKED)
        assert (raw.status_code, raw.headers["x-guard-decision"]) == (202, "review")
        decide(one, raw.headers["x-guard-held"], "release")
        got = client.get(f"{one.url}{raw.headers['location']}", cast_to=openai.types.chat.ChatCompletion)
    assert CANARY in (got.choices[0].message.content or "")


def test_a_held_picture_is_changed_before_it_is_kept(tmp_path: Any) -> None:
    policy = (
        "policy: red\nclassifiers: {eyes: {}}\nrules:\n"
        "  - {id: look, directions: [output], when: {category: custom.red}, then: review}\n"
        "  - {id: hide, directions: [output], when: {category: custom.red}, then: {redact: {style: paint}}}\n"
    )
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(buffer, "PNG")
    red = base64.b64encode(buffer.getvalue()).decode()
    with house(tmp_path, policy, catalog=Equipped) as one:
        one.upstream.answer = {"created": 1, "data": [{"b64_json": red}]}
        with one.client() as client:
            raw = client.images.with_raw_response.generate(model="m", prompt="a square")
        assert (raw.status_code, red in raw.text) == (202, False)
        ticket = raw.headers["x-guard-held"]
        seen = httpx.get(f"http://127.0.0.1:{one.ports.admin}/held/{ticket}/body")
        decide(one, ticket, "release")
        released = fetch(one, ticket)
        assert released.content == seen.content
        shown = Image.open(io.BytesIO(base64.b64decode(released.json()["data"][0]["b64_json"])))
        colour = shown.convert("RGB").getpixel((32, 32))
        assert isinstance(colour, tuple)
        assert colour[0] < 150
