"""Generators that do not say what they say in the usual place, or not in the usual order: nothing of it slips by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from guard.audit import State
from tests.acceptance.conftest import Answer, House, house
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


def put_together(answer: Answer) -> list[dict[str, Any]]:
    """The messages that openai-python makes of the chunks."""
    state = ChatCompletionStreamState()
    for one in deltas(answer.body):
        state.handle_chunk(construct_type(type_=ChatCompletionChunk, value=one))  # type: ignore[arg-type]
    return [choice.message.to_dict() for choice in state.current_completion_snapshot.choices]


FIRST, SECOND = CANARY.split()
SPLIT: dict[str, list[dict[str, Any]]] = {
    "choices": [
        chunk({"content": HELLO}),
        chunk({"content": f"It is the {FIRST} "}, index=2),
        chunk({"content": f"{SECOND} of course"}, index=1),
        *(chunk({}, "stop", index) for index in (2, 1, 0)),
    ],
    "thoughts": [
        chunk({"content": HELLO, "thoughts": [{"index": 1, "text": f"It is the {FIRST} "}]}),
        chunk({"thoughts": [{"index": 0, "text": f"{SECOND} of course"}]}),
        END,
    ],
    "calls": [
        chunk({"tool_calls": [{**CALL, "index": 1, "function": {"name": "f", "arguments": f"It is the {FIRST} "}}]}),
        chunk({"tool_calls": [{**CALL, "index": 0, "function": {"name": "f", "arguments": f"{SECOND} of course"}}]}),
        END,
    ],
}


@pytest.mark.parametrize("where", SPLIT)
def test_no_client_puts_together_what_was_judged_apart(guarded: House, where: str) -> None:
    answer = streamed(guarded, *SPLIT[where])
    messages = put_together(answer)
    said = json.dumps(messages)
    assert f"It is the {FIRST} " in said
    assert f"{SECOND} of course" in said
    assert CANARY not in said
    assert len(messages) == (3 if where == "choices" else 1)


@pytest.mark.parametrize("index", ["0", 0.0, True, -1, 5000])
def test_a_number_that_is_none_is_the_generators_error(guarded: House, index: Any) -> None:
    answer = streamed(guarded, chunk({"tool_calls": [{**CALL, "index": index}]}), END)
    assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_protocol")


def test_a_call_whose_number_is_null_is_the_first(guarded: House) -> None:
    answer = streamed(guarded, chunk({"tool_calls": [{**CALL, "index": None}]}), END)
    assert messages_of(deltas(answer.body))[0]["tool_calls"][0]["id"] == "call_1"


PHONE = """
policy: phone
rules: [{id: stop, when: {category: pii.phone}, then: block}]
"""


def test_what_stands_before_a_block_at_the_very_end_is_sent_too(tmp_path: Path) -> None:
    frames = [chunk({"content": HELLO}), chunk({"content": "It ends"}), chunk({"thought": "call 212-555-0198"}), END]
    with house(tmp_path, PHONE) as guarded:
        answer = streamed(guarded, *frames)
    message = messages_of(deltas(answer.body))[0]
    assert (message["content"], message.get("thought")) == (HELLO + "It ends", None)
    assert deltas(answer.body)[-1]["choices"][0]["finish_reason"] == "content_filter"


def test_a_large_chunk_is_judged_a_part_at_a_time(guarded: House) -> None:
    text = "It rains. " * 20_000
    answer = streamed(guarded, chunk({"content": text}), END)
    assert messages_of(deltas(answer.body))[0]["content"] == text
    guarded.begin()
    answer = streamed(guarded, chunk({"content": f"{text}It is the {CANARY}. {text}"}), END)
    assert messages_of(deltas(answer.body))[0]["content"] == text


def beside(value: Any) -> dict[str, Any]:
    """A chunk that says something beside its delta, as those do that repeat the whole message so far."""
    about = chunk({"content": "so "}, note=value)
    about["choices"][0]["message"] = {"content": value}
    return about


def test_what_grows_beside_the_text_comes_at_first_and_at_last_and_in_no_state_between(guarded: House) -> None:
    said = "It is a long way home"
    answer = streamed(guarded, *(beside(said[:size]) for size in range(1, len(said) + 1)), END)
    chunks = deltas(answer.body)
    assert [one["note"] for one in chunks if "note" in one] == [said[:1], said]
    choices = [choice for one in chunks for choice in one["choices"]]
    assert [choice["message"]["content"] for choice in choices if "message" in choice] == [said[:1], said]
    guarded.begin()
    bad = f"It is the {CANARY}"
    answer = streamed(guarded, *(beside(bad[:size]) for size in range(1, len(bad) + 1)), END)
    assert deltas(answer.body)[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert CANARY[:8].encode() not in answer.body
