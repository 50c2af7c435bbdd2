from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage, CompletionResponse, CustomLLM, LLMMetadata
from pydantic import Field

from guard import BlockedError, Guard
from guard.audit import State
from guard.hooks.llamaindex import guarded
from tests.hooks.conftest import Records

SAID = "It is well so far. See ticket-1234. And then zorblax, as they say. So on."


class Saying(CustomLLM):
    """Says *text*, word by word if it is streamed."""

    text: str
    asked: list[str] = Field(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="saying")

    def complete(self, prompt: str, formatted: bool = False, **named: Any) -> CompletionResponse:
        self.asked.append(prompt)
        return CompletionResponse(text=self.text, raw={"hidden": "zorblax"})

    def stream_complete(self, prompt: str, formatted: bool = False, **named: Any) -> Iterator[CompletionResponse]:
        self.asked.append(prompt)
        told = ""
        for word in self.text.split(" "):
            told += word + " "
            yield CompletionResponse(text=told, delta=word + " ", raw={"hidden": "zorblax"})


def test_prompts_and_messages_are_judged_before_the_model_sees_them(guard: Guard, records: Records) -> None:
    inner = Saying(text="all is well")
    llm = guarded(inner, guard)
    said = [ChatMessage(role="user", content="say zorblax")]
    for call in (lambda: llm.complete("say zorblax"), lambda: llm.chat(said), lambda: list(llm.stream_chat(said))):
        with pytest.raises(BlockedError, match="Not here"):
            call()
    with pytest.raises(BlockedError):
        asyncio.run(llm.achat(said))
    assert inner.asked == []
    assert [(one.state, one.route) for one in records()] == [(State.BLOCKED, "llamaindex")] * 4


def test_answers_are_judged_and_what_nobody_looked_at_is_left_out(guard: Guard) -> None:
    llm = guarded(Saying(text="see ticket-1234"), guard)
    answer = llm.complete("hello")
    assert (answer.text, answer.raw) == ("see <MASK_1>", None)
    assert llm.chat([ChatMessage(role="user", content="hello")]).message.content == "see <MASK_1>"
    assert llm.metadata.model_name == "saying"
    with pytest.raises(BlockedError):
        guarded(Saying(text="it is zorblax"), guard).complete("hello")
    fine = guarded(Saying(text="all is well"), guard).complete("hello")
    assert (fine.text, fine.raw) == ("all is well", None)


def test_a_stream_is_released_sentence_by_sentence_and_ends_before_what_is_blocked(
    guard: Guard, records: Records
) -> None:
    heard: list[Any] = []
    llm = guarded(Saying(text=SAID), guard)
    with pytest.raises(BlockedError):
        heard.extend(llm.stream_complete("hello"))
    assert [one.delta for one in heard] == ["It is well so far. ", "See <MASK_1>. "]
    assert heard[-1].text == "It is well so far. See <MASK_1>. "

    async def main() -> None:
        async for one in await llm.astream_chat([ChatMessage(role="user", content="hello")]):
            heard.append(one.delta)  # noqa: PERF401  what came before the error counts

    with pytest.raises(BlockedError):
        asyncio.run(main())
    assert heard[2:] == ["It is well so far. ", "See <MASK_1>. "]
    assert [one.state for one in records()] == [State.BLOCKED] * 2
