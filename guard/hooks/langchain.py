"""A guard around anything that LangChain runs: a model, a chain, a tool, an agent.

What goes in is judged before it runs, what comes out before anyone sees it, streams sentence by sentence. `guarded`
gives a `Runnable`; `GuardCallback` is for what makes its own, and can refuse but not change.

>>> from langchain_core.runnables import RunnableLambda
>>> from guard.hooks.langchain import guarded
>>> echo = guarded(RunnableLambda(lambda text: f"You said: {text}"), "default")
>>> echo.invoke("write to ana@example.org")
'You said: write to <EMAIL_1>'
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from guard.hooks._absent import absent
from guard.hooks._crossing import Crossing
from guard.hooks._telling import Flow
from guard.hooks._versions import framework
from guard.library import Guard, waited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from guard.hooks._values import Back

_runnables = framework("langchain_core.runnables", "langchain-core", "0.3", "2")
_messages = framework("langchain_core.messages", "langchain-core", "0.3", "2")
_callbacks = framework("langchain_core.callbacks", "langchain-core", "0.3", "2")
_configs = framework("langchain_core.runnables.config", "langchain-core", "0.3", "2")
_streaming = framework("langchain_core.tracers._streaming", "langchain-core", "0.3", "2")
_values = framework("langchain_core.prompt_values", "langchain-core", "0.3", "2")

_NUMBERS = frozenset(("id", "type", "tool_call_id", "usage_metadata", "example", "status", "chunk_position", "index"))
"""What frameworks and providers number messages with; nobody is shown it."""
_SPELT = "logprobs"
"""Where a provider's metadata spells the text a second time, in tokens and bytes: of no use once that was changed."""
_TELLING = tuple(
    getattr(_streaming, name)
    for name in ("_StreamingCallbackHandler", "_V2StreamingCallbackHandler")
    if hasattr(_streaming, name)
)
"""Callbacks that tell whoever asked what happens inside while it does: ``astream_events``, LangGraph's streams."""


def guarded(runnable: Any, guard: Guard | str | Path = "default", *, locale: str = "en") -> Any:
    """*runnable*, which nothing goes into or comes out of past *guard*; a `Runnable` itself.

    What the policy refuses raises `BlockedError`. Of a stream, text is released as it is judged; tool calls and
    whatever else is no plain text at its end.
    """
    return GuardedRunnable(runnable, guard if isinstance(guard, Guard) else Guard(guard), locale)


class GuardedRunnable(_runnables.Runnable):  # type: ignore[name-defined,misc]  # known when it is there
    """What `guarded` gives."""

    def __init__(self, inner: Any, guard: Guard, locale: str) -> None:
        self.inner = inner
        self.guard = guard
        self.locale = locale

    def get_name(self, *arguments: Any, **named: Any) -> str:
        """The name of what is guarded, for traces."""
        return str(self.inner.get_name(*arguments, **named))

    def invoke(self, input: Any, config: Any = None, **named: Any) -> Any:  # noqa: A002  LangChain's name
        """See `Runnable`."""

        def run(asked: Any, config: Any) -> Any:
            crossing = self._crossing()
            given = waited(crossing.enter(asked, media=absent(asked)))
            try:
                answer = self.inner.invoke(given, _unheard(config), **named)
            except BaseException as error:
                waited(crossing.ended_by(error))
                raise
            return waited(crossing.leave(answer))

        return self._call_with_config(run, input, config)

    async def ainvoke(self, input: Any, config: Any = None, **named: Any) -> Any:  # noqa: A002  LangChain's name
        """See `Runnable`."""

        async def run(asked: Any, config: Any) -> Any:
            crossing = self._crossing()
            given = await crossing.enter(asked, media=absent(asked))
            try:
                answer = await self.inner.ainvoke(given, _unheard(config), **named)
            except BaseException as error:
                await crossing.ended_by(error)
                raise
            return await crossing.leave(answer)

        return await self._acall_with_config(run, input, config)

    def stream(self, input: Any, config: Any = None, **named: Any) -> Iterator[Any]:  # noqa: A002  LangChain's name
        """See `Runnable`."""

        def run(given: Iterator[Any], config: Any) -> Iterator[Any]:
            crossing = self._crossing()
            asked = next(given)
            given = waited(crossing.enter(asked, media=absent(asked)))
            flow = Flow(crossing, _text, _like, beside=_beside)
            try:
                yield from flow.through(self.inner.stream(given, _unheard(config), **named))
            except BaseException as error:
                waited(crossing.ended_by(error))
                raise

        yield from self._transform_stream_with_config(iter((input,)), run, config)

    async def astream(self, input: Any, config: Any = None, **named: Any) -> AsyncIterator[Any]:  # noqa: A002
        """See `Runnable`."""

        async def run(given: AsyncIterator[Any], config: Any) -> AsyncIterator[Any]:
            crossing = self._crossing()
            asked = await anext(given)
            given = await crossing.enter(asked, media=absent(asked))
            flow = Flow(crossing, _text, _like, beside=_beside)
            try:
                async with (
                    aclosing(self.inner.astream(given, _unheard(config), **named)) as chunks,
                    aclosing(flow.athrough(chunks)) as told,
                ):
                    async for one in told:
                        yield one
            except BaseException as error:
                await crossing.ended_by(error)
                raise

        async with aclosing(self._atransform_stream_with_config(_alone(input), run, config)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _crossing(self) -> Crossing:
        return Crossing(self.guard, "langchain", _special, locale=self.locale)


class GuardCallback(_callbacks.BaseCallbackHandler):  # type: ignore[name-defined,misc]  # as above
    """Refuses what the policy blocks or would change, for a callback cannot change anything; and tokens of streams.

    Each prompt, answer and tool call is a check of its own, with a record of its own.
    """

    raise_error = True

    def __init__(self, guard: Guard | str | Path = "default", *, locale: str = "en") -> None:
        self.guard = guard if isinstance(guard, Guard) else Guard(guard)
        self.locale = locale

    def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:  # noqa: ARG002
        """Judge the messages."""
        self._pass(messages, asked=True)

    def on_llm_start(self, serialized: Any, prompts: Any, **_: Any) -> None:  # noqa: ARG002
        """Judge the prompts."""
        self._pass(prompts, asked=True)

    def on_llm_new_token(self, token: str, *, chunk: Any = None, **_: Any) -> None:
        """Refuse: it would be seen before anyone knows how it goes on. So would calls of tools, and reasoning."""
        message = getattr(chunk, "message", None)
        if token or (message is not None and _text(message) != ""):
            raise TypeError("a callback cannot hold back a stream; put `guarded` around the model instead")

    def on_llm_end(self, response: Any, **_: Any) -> None:
        """Judge the answers."""
        told = [getattr(one, "message", one.text) for several in response.generations for one in several]
        self._pass(told, asked=False)

    def on_tool_start(self, serialized: Any, input_str: str, **_: Any) -> None:  # noqa: ARG002
        """Judge what a tool is asked."""
        self._pass(input_str, asked=False)

    def on_tool_end(self, output: Any, **_: Any) -> None:
        """Judge what a tool says: it goes into the next prompt."""
        self._pass(output, asked=True)

    def _pass(self, value: Any, *, asked: bool) -> None:
        crossing = Crossing(self.guard, "langchain", _special, locale=self.locale)
        waited(crossing.enter_unchanged(value, media=absent(value)) if asked else crossing.leave_unchanged(value))
        waited(crossing.record(crossing.draft.answered()))


def _unheard(config: Any) -> Any:
    """*config* for what runs inside: nobody is told of it but who watches on the program's behalf, as tracers do."""
    callbacks = config["callbacks"]
    for handler in [one for one in callbacks.handlers if isinstance(one, _TELLING)]:
        callbacks.remove_handler(handler)
    _configs.var_child_runnable_config.set(config)  # for what is called inside without one
    return config


async def _alone(value: Any) -> AsyncIterator[Any]:
    yield value


def _text(chunk: Any) -> str | None:
    """The text that *chunk* is, if it is nothing else."""
    if isinstance(chunk, str):
        return chunk
    if isinstance(chunk, _messages.AIMessageChunk) and isinstance(chunk.content, str):
        other = chunk.tool_call_chunks or chunk.tool_calls or chunk.invalid_tool_calls or chunk.additional_kwargs
        return None if other else chunk.content
    return None


def _like(chunk: Any, text: str) -> Any:
    """*text* as such a chunk."""
    return text if isinstance(chunk, str) else _messages.AIMessageChunk(content=text, id=chunk.id)


def _beside(chunk: Any) -> Any:
    """What a model says of its answer with *chunk*, without the text; None if that is nothing."""
    said = {} if isinstance(chunk, str) else {k: v for k, v in chunk.response_metadata.items() if k != _SPELT}
    if isinstance(chunk, str) or not (chunk.usage_metadata or said):
        return None
    return chunk.model_copy(update={"content": "", "response_metadata": said})


def _special(value: Any) -> tuple[Any, Back] | None:
    """How LangChain's own objects are read."""
    if isinstance(value, _values.PromptValue):
        messages = value.to_messages()
        document, back = [_dumped(one) for one in messages], [_back(one) for one in messages]
        return document, lambda new: [make(one) for make, one in zip(back, new, strict=True)]
    if isinstance(value, _messages.BaseMessage):
        return _dumped(value), _back(value)
    return None


def _dumped(message: Any) -> dict[str, Any]:
    """What of *message* is judged: all of it but its numbers."""
    kept = {key: item for key, item in message.model_dump(mode="json").items() if key not in _NUMBERS and item}
    for name in ("tool_calls", "invalid_tool_calls", "tool_call_chunks"):
        if name in kept:
            kept[name] = [{key: item for key, item in one.items() if key not in _NUMBERS} for one in kept[name]]
    return kept


def _back(message: Any) -> Back:
    """From what was judged of *message* to such a message."""

    def made(new: dict[str, Any]) -> Any:
        fields = message.model_dump()
        for name, item in new.items():
            if name == "response_metadata":
                fields[name] = {key: one for key, one in item.items() if key != _SPELT}
            elif name in ("tool_calls", "invalid_tool_calls", "tool_call_chunks"):
                fields[name] = [{**old, **one} for old, one in zip(fields[name], item, strict=True)]
            else:
                fields[name] = item
        return type(message)(**fields)

    return made
