from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.tools import tool

from guard import BlockedError, Guard
from guard.audit import State
from guard.hooks.langchain import GuardCallback, guarded
from tests.hooks.conftest import Records

SAID = "It is well so far. See ticket-1234. And then zorblax, as they say. So on."


def model(text: str) -> GenericFakeChatModel:
    """A model of LangChain's own that says *text*, word by word if it is streamed."""
    return GenericFakeChatModel(messages=iter([AIMessage(text)]))


def calling(**arguments: str) -> FakeMessagesListChatModel:
    call = {"name": "look_up", "args": arguments, "id": "call-1"}
    return FakeMessagesListChatModel(responses=[AIMessage("", tool_calls=[call])])


@pytest.mark.parametrize(
    "asked", ["say zorblax", "说佐布拉", [HumanMessage("say zorblax")], [("human", "say zorblax")]]
)
def test_what_is_blocked_never_reaches_the_model(guard: Guard, records: Records, asked: Any) -> None:
    reached: list[Any] = []
    runnable = guarded(RunnableLambda(reached.append), guard)
    with pytest.raises(BlockedError, match="Not here"):
        runnable.invoke(asked)
    with pytest.raises(BlockedError):
        asyncio.run(runnable.ainvoke(asked))
    with pytest.raises(BlockedError):
        list(runnable.stream(asked))
    assert reached == []
    assert [(one.state, one.route) for one in records()] == [(State.BLOCKED, "langchain")] * 3


def test_an_answer_is_judged_and_its_call_has_one_record(guard: Guard, records: Records) -> None:
    assert guarded(model("see ticket-1234"), guard).invoke("hello").content == "see <MASK_1>"
    with pytest.raises(BlockedError):
        guarded(model("it is zorblax"), guard).invoke("hello")
    one, two = records()
    assert (one.state, two.state) == (State.REDACTED, State.BLOCKED)
    assert one.input is not None
    assert one.output is not None


def test_messages_are_masked_for_the_model_and_restored_in_its_answer(guard: Guard) -> None:
    seen: list[str] = []

    def echo(value: Any) -> AIMessage:
        messages = value.to_messages()
        seen.append(messages[-1].content)
        return AIMessage("You said: " + messages[-1].content)

    prompt = ChatPromptTemplate.from_messages([("system", "be kind"), ("human", "{question}")])
    chain = prompt | guarded(RunnableLambda(lambda given: echo(_Prompt(given))), guard) | StrOutputParser()
    assert chain.invoke({"question": "what of ticket-1234?"}) == "You said: what of ticket-1234?"
    assert "1234" not in seen[0]


class _Prompt:
    def __init__(self, given: Any) -> None:
        self._given = given

    def to_messages(self) -> list[Any]:
        return list(self._given if isinstance(self._given, list) else self._given.to_messages())


def test_a_stream_is_released_sentence_by_sentence_and_ends_before_what_is_blocked(
    guard: Guard, records: Records
) -> None:
    heard: list[str] = []
    with pytest.raises(BlockedError, match="Not here"):
        heard.extend(chunk.content for chunk in guarded(model(SAID), guard).stream("hello"))
    assert heard == ["It is well so far. ", "See <MASK_1>. "]

    async def main() -> None:
        chain = guarded(model(SAID), guard) | StrOutputParser()
        heard.extend([chunk async for chunk in chain.astream("hello")])

    with pytest.raises(BlockedError):
        asyncio.run(main())
    assert [one.state for one in records()] == [State.BLOCKED] * 2


def test_what_a_model_says_of_its_answer_comes_with_the_end_of_the_stream(guard: Guard) -> None:
    def pieces(_: Any) -> Iterator[AIMessageChunk]:
        usage: Any = {"input_tokens": 9, "output_tokens": 0, "total_tokens": 9}
        yield AIMessageChunk("", usage_metadata=usage, response_metadata={"model_name": "m-1"})
        for word in ("It is well. ", "See ticket-1234."):
            yield AIMessageChunk(word)
        usage = {"input_tokens": 0, "output_tokens": 5, "total_tokens": 5}
        yield AIMessageChunk("", usage_metadata=usage, response_metadata={"finish_reason": "stop"})

    chunks = list(guarded(RunnableGenerator(pieces), guard).stream("hello"))
    assert "".join(chunk.content for chunk in chunks) == "It is well. See <MASK_1>."
    assert chunks[-1].usage_metadata == {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    assert chunks[-1].response_metadata == {"model_name": "m-1", "finish_reason": "stop"}

    def told(_: Any) -> Iterator[AIMessageChunk]:
        yield AIMessageChunk("All is well.", response_metadata={"finish_reason": "zorblax"})

    with pytest.raises(BlockedError):
        list(guarded(RunnableGenerator(told), guard).stream("hello"))


def test_a_stream_that_nobody_reads_to_its_end_is_recorded_as_such(guard: Guard, records: Records) -> None:
    stream = guarded(model(SAID), guard).stream("hello")
    assert next(stream).content == "It is well so far. "
    stream.close()

    async def main() -> None:
        stream = guarded(model(SAID), guard).astream("hello")
        assert (await anext(stream)).content == "It is well so far. "
        await stream.aclose()

    asyncio.run(main())
    assert [one.state for one in records()] == [State.CLIENT_GONE] * 2


def test_events_of_what_runs_inside_tell_nothing_that_was_not_released(guard: Guard) -> None:
    async def careless(_: Any) -> Any:
        async for chunk in model(SAID).astream("hello"):  # with no config: LangChain finds one
            yield chunk.content

    async def hear(runnable: Any, heard: list[str]) -> None:
        async for event in runnable.astream_events("hello", version="v2"):
            heard.append(repr(event))  # noqa: PERF401  what came before an error is kept

    same: Any = RunnableLambda(lambda text: text)
    for runnable in (
        guarded(model(SAID), guard),
        same | guarded(model(SAID), guard),
        same | guarded(RunnableLambda(careless), guard),
    ):
        heard: list[str] = []
        with pytest.raises(BlockedError):
            asyncio.run(hear(runnable, heard))
        assert "See <MASK_1>. " in "".join(heard)
        assert not any(secret in "".join(heard) for secret in ("1234", "zorblax"))


def test_a_tracer_sees_what_runs_inside_and_what_is_released(guard: Guard) -> None:
    seen: list[str] = []

    class Tracer(BaseCallbackHandler):
        def on_chat_model_start(self, *_: Any, **__: Any) -> None:
            seen.append("asked")

        def on_llm_end(self, response: Any, **_: Any) -> None:
            seen.append(response.generations[0][0].text)

        def on_chain_end(self, outputs: Any, **_: Any) -> None:
            seen.append(outputs.content)

    guarded(model("see ticket-1234"), guard).invoke("hello", {"callbacks": [Tracer()]})
    assert seen == ["asked", "see ticket-1234", "see <MASK_1>"]


def test_arguments_of_tools_are_judged_and_masked_in_streams_too(guard: Guard) -> None:
    with pytest.raises(BlockedError):
        guarded(calling(name="zorblax"), guard).invoke("hello")
    (whole,) = guarded(calling(name="ticket-1234"), guard).invoke("hello").tool_calls
    ((streamed,),) = [chunk.tool_calls for chunk in guarded(calling(name="ticket-1234"), guard).stream("hello")]
    assert whole["args"] == streamed["args"] == {"name": "<MASK_1>"}

    def pieces(_: Any) -> Any:
        for args in ('{"name": "zorb', 'lax"}'):
            yield AIMessageChunk("", tool_call_chunks=[{"name": None, "args": args, "id": "1", "index": 0}])

    with pytest.raises(BlockedError):
        list(guarded(RunnableLambda(pieces), guard).stream("hello"))


def test_tools_and_what_fails_are_no_exception(guard: Guard, records: Records) -> None:
    @tool
    def look_up(name: str) -> str:
        """Look a name up."""
        return f"{name} has ticket-1234"

    assert guarded(look_up, guard).invoke({"name": "it"}) == "it has <MASK_1>"

    def fail(_: Any) -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError):
        guarded(RunnableLambda(fail), guard).invoke("hello")
    with pytest.raises(TypeError):
        guarded(RunnableLambda(lambda _: b"zorblax"), guard).invoke("hello")
    assert [one.state for one in records()] == [State.REDACTED, State.UPSTREAM_ERROR, State.UPSTREAM_ERROR]


def test_a_callback_refuses_what_it_cannot_change_and_what_it_cannot_hold_back(guard: Guard) -> None:
    watched: Any = {"callbacks": [GuardCallback(guard)]}
    assert model("all is well").invoke("hello", config=watched).content == "all is well"
    for text, question in [("fine", "say zorblax"), ("it is zorblax", "hello"), ("see ticket-1234", "hello")]:
        with pytest.raises(BlockedError):
            model(text).invoke(question, config=watched)
    with pytest.raises(TypeError, match="put `guarded` around"):
        list(model("all is well").stream("hello", config=watched))


@pytest.mark.parametrize(
    "said",
    [
        AIMessageChunk("", additional_kwargs={"reasoning_content": "zorblax"}),
        AIMessageChunk("", tool_call_chunks=[{"name": "look_up", "args": '{"a": "zorblax"}', "id": "1", "index": 0}]),
        AIMessageChunk([{"type": "text", "text": "zorblax"}]),
    ],
    ids=["reasoning", "call of a tool", "blocks"],
)
def test_a_callback_lets_nothing_of_a_stream_be_told_before_it_is_judged(guard: Guard, said: AIMessageChunk) -> None:
    class Streaming(GenericFakeChatModel):
        def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
            yield ChatGenerationChunk(message=said)

    watched: Any = {"callbacks": [GuardCallback(guard)]}
    with pytest.raises(TypeError, match="put `guarded` around"):
        next(Streaming(messages=iter(())).stream("hello", config=watched))


def test_a_text_that_was_changed_is_not_spelt_out_in_what_a_provider_says_of_it(guard: Guard) -> None:
    def spelt(*tokens: str) -> dict[str, Any]:
        return {"model_name": "m-1", "logprobs": {"content": [{"token": t, "bytes": [*t.encode()]} for t in tokens]}}

    def pieces(_: Any) -> Iterator[AIMessageChunk]:
        for word in ("See ", "ticket-", "1234", "."):
            yield AIMessageChunk(word, response_metadata=spelt(word))

    def whole(text: str) -> Any:
        message = AIMessage(text, response_metadata=spelt(text))
        return guarded(RunnableLambda(lambda _: message), guard).invoke("hello")

    assert whole("See ticket-1234.").response_metadata == {"model_name": "m-1"}
    assert whole("All is well.").response_metadata == spelt("All is well.")
    chunks = list(guarded(RunnableGenerator(pieces), guard).stream("hello"))
    assert "".join(chunk.content for chunk in chunks) == "See <MASK_1>."
    assert not any("logprobs" in chunk.response_metadata for chunk in chunks)


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": "https://pictures.example/zebra.png"}},
        {"type": "image", "url": "https://pictures.example/zebra.png"},
        {"type": "image", "file_id": "file-1"},
        {"type": "image", "base64": "AAAA" * 20, "mime_type": "image/x-own"},
        {"type": "media", "file_uri": "gs://films/zebra.mp4", "mime_type": "video/mp4"},
        {"type": "image", "source": {"type": "url", "url": "https://pictures.example/zebra.png"}},
        {"type": "image", "url": "https://pictures.example/zebra.png", "beside": {"type": "text"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
    ],
)
def test_pictures_that_nobody_here_can_see_are_left_to_the_policy(guard: Guard, block: Any) -> None:
    asked: list[Any] = [{"type": "text", "text": "what is it?"}, block]
    reached: list[Any] = []
    runnable = guarded(RunnableLambda(reached.append), guard)
    for value in ([HumanMessage(asked)], [("human", asked)], {"messages": [{"role": "user", "content": asked}]}):
        with pytest.raises(BlockedError, match="could not be"):
            runnable.invoke(value)
        with pytest.raises(BlockedError):
            asyncio.run(runnable.ainvoke(value))
        with pytest.raises(BlockedError):
            list(runnable.stream(value))
    with pytest.raises(BlockedError):
        model("fine").invoke([HumanMessage(asked)], config={"callbacks": [GuardCallback(guard)]})
    assert reached == []


def test_text_in_a_file_is_read_as_text(guard: Guard) -> None:
    for file in (
        {"type": "text-plain", "text": "all is well", "mime_type": "text/plain"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "all is well"}},
    ):
        assert guarded(RunnableLambda(lambda _: "fine"), guard).invoke([HumanMessage([file])]) == "fine"
    listing = {"files": [{"type": "file", "url": "https://files.example/a.txt"}]}  # what no message says
    assert guarded(RunnableLambda(lambda _: "fine"), guard).invoke(listing) == "fine"
