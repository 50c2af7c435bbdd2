"""Generators that do not say what they say in the usual place, or not in the usual order: nothing of it slips by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guard.audit import State
from tests.acceptance.conftest import Answer, House
from tests.acceptance.oracle import deltas, messages_of
from tests.fakes import CANARY, ENTITY, events

HELLO = "Hello there, my dear friend. "
ASK = {"stream": True, "stream_options": {"include_usage": True}}


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choices = [{"index": index, "delta": delta, "finish_reason": finish}]
    about = {"id": "c", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "m"}
    return {**about, "choices": choices, **more}


def streamed(guarded: House, *frames: Any, ended: bool = True) -> Answer:
    """What the client gets of *frames*."""
    guarded.upstream.headers = {"Content-Type": "text/event-stream"}
    guarded.upstream.answer = (
        events(frames) if ended else b"".join(b"data: " + json.dumps(f).encode() + b"\n\n" for f in frames)
    )
    return guarded.chat(**ASK)


END = chunk({}, "stop")
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
WORDS: dict[str, list[dict[str, Any]]] = {
    "id": [chunk({"content": HELLO}, id=f"no {ENTITY}"), END],
    "model": [chunk({"content": HELLO}, model=f"by {ENTITY}"), END],
    "role": [chunk({"role": f"the {ENTITY}", "content": HELLO}), END],
    "call id": [chunk({"content": HELLO}), chunk({"tool_calls": [{**CALL, "id": f"no {ENTITY}"}]}), END],
    "call type": [chunk({"content": HELLO}), chunk({"tool_calls": [{**CALL, "type": f"a {ENTITY}"}]}), END],
    "finish reason": [chunk({"content": HELLO}), chunk({}, f"as {ENTITY}")],
    "usage": [chunk({"content": HELLO}), END, {**chunk({}), "choices": [], "usage": {"note": f"for {ENTITY}"}}],
    "extra": [chunk({"content": HELLO}, note=f"for {ENTITY}"), END],
    "list": [chunk({"content": HELLO, "tags": [f"for {ENTITY}"]}), END],
}


@pytest.mark.parametrize("place", WORDS)
def test_words_beside_the_text_are_redacted_like_the_text(guarded: House, place: str) -> None:
    answer = streamed(guarded, *WORDS[place])
    assert answer.status == 200
    assert ENTITY.encode() not in answer.raw
    assert b"<ENTITY_1>" in answer.raw
    assert messages_of(deltas(answer.body))[0]["content"] == HELLO
    (record,) = guarded.records()
    assert record.state is State.REDACTED


def test_a_word_that_comes_late_is_in_no_chunk_before_it_is_judged(guarded: House) -> None:
    first = {key: value for key, value in chunk({"content": HELLO}).items() if key != "id"}
    answer = streamed(guarded, first, chunk({"content": "And so on. "}, id=CANARY), END)
    assert CANARY.encode() not in answer.raw
    assert deltas(answer.body)[-1]["choices"][0]["finish_reason"] == "content_filter"
    (record,) = guarded.records()
    assert record.state is State.BLOCKED


def test_an_error_in_a_stream_is_passed_on_without_what_is_masked(guarded: House) -> None:
    error = {"error": {"message": f"no such {ENTITY}", "code": "not_found"}}
    answer = streamed(guarded, chunk({"content": HELLO}), error, ended=False)
    last = json.loads(answer.body.decode().strip().split("\n\n")[-1].removeprefix("data: "))
    assert last == {"error": {"message": "no such <ENTITY_1>", "code": "not_found"}}
