"""A guard around a model of LlamaIndex, for engines, agents and whatever else takes an ``LLM``.

Prompts and messages are judged before the model sees them, answers before anyone does, streams sentence by sentence.
What a provider sent besides (`raw`) is left out: nobody has looked at it.

>>> from llama_index.core.llms.mock import MockLLM
>>> from guard.hooks.llamaindex import guarded
>>> guarded(MockLLM(), "default").complete("good morning").text
'good morning'
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from guard.hooks._crossing import Crossing
from guard.hooks._telling import Flow
from guard.hooks._versions import framework
from guard.library import Guard, waited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from guard.hooks._values import Back

_llms = framework("llama_index.core.llms", "llama-index-core", "0.12", "1")


def guarded(llm: Any, guard: Guard | str | Path = "default", *, locale: str = "en") -> Any:
    """*llm*, which nothing goes into or comes out of past *guard*; an ``LLM`` itself.

    Its calls raise `BlockedError` where the policy refuses. Tool calls of a stream are released at its end.
    """
    return GuardedLLM(inner=llm, judge=guard if isinstance(guard, Guard) else Guard(guard), locale=locale)


class GuardedLLM(_llms.CustomLLM):  # type: ignore[name-defined,misc]  # known when it is there
    """What `guarded` gives."""

    inner: Any
    judge: Any
    locale: str = "en"

    @property
    def metadata(self) -> Any:
        """The model's."""
        return self.inner.metadata

    def complete(self, prompt: str, formatted: bool = False, **named: Any) -> Any:  # noqa: FBT001, FBT002  the interface
        """See ``LLM``."""
        return self._whole(lambda given: self.inner.complete(given, formatted=formatted, **named), prompt)

    def chat(self, messages: Any, **named: Any) -> Any:
        """See ``LLM``."""
        return self._whole(lambda given: self.inner.chat(given, **named), list(messages))

    async def acomplete(self, prompt: str, formatted: bool = False, **named: Any) -> Any:  # noqa: FBT001, FBT002
        """See ``LLM``."""
        return await self._awhole(lambda given: self.inner.acomplete(given, formatted=formatted, **named), prompt)

    async def achat(self, messages: Any, **named: Any) -> Any:
        """See ``LLM``."""
        return await self._awhole(lambda given: self.inner.achat(given, **named), list(messages))

    def stream_complete(self, prompt: str, formatted: bool = False, **named: Any) -> Any:  # noqa: FBT001, FBT002
        """See ``LLM``."""
        return self._told(lambda given: self.inner.stream_complete(given, formatted=formatted, **named), prompt)

    def stream_chat(self, messages: Any, **named: Any) -> Any:
        """See ``LLM``."""
        return self._told(lambda given: self.inner.stream_chat(given, **named), list(messages))

    async def astream_complete(self, prompt: str, formatted: bool = False, **named: Any) -> Any:  # noqa: FBT001, FBT002
        """See ``LLM``."""
        return self._atold(lambda given: self.inner.astream_complete(given, formatted=formatted, **named), prompt)

    async def astream_chat(self, messages: Any, **named: Any) -> Any:
        """See ``LLM``."""
        return self._atold(lambda given: self.inner.astream_chat(given, **named), list(messages))

    def _whole(self, call: Callable[[Any], Any], asked: Any) -> Any:
        crossing = self._crossing()
        given = waited(crossing.enter(asked))
        try:
            answer = call(given)
        except BaseException as error:
            waited(crossing.ended_by(error))
            raise
        return waited(crossing.leave(_bare(answer)))

    async def _awhole(self, call: Callable[[Any], Awaitable[Any]], asked: Any) -> Any:
        crossing = self._crossing()
        given = await crossing.enter(asked)
        try:
            answer = await call(given)
        except BaseException as error:
            await crossing.ended_by(error)
            raise
        return await crossing.leave(_bare(answer))

    def _told(self, call: Callable[[Any], Iterator[Any]], asked: Any) -> Iterator[Any]:
        crossing = self._crossing()
        given = waited(crossing.enter(asked))
        flow = Flow(crossing, _text, _Growing(), _latest)
        try:
            yield from flow.through(call(given))
        except BaseException as error:
            waited(crossing.ended_by(error))
            raise

    async def _atold(self, call: Callable[[Any], Awaitable[AsyncIterator[Any]]], asked: Any) -> AsyncIterator[Any]:
        crossing = self._crossing()
        given = await crossing.enter(asked)
        flow = Flow(crossing, _text, _Growing(), _latest)
        try:
            async with aclosing(flow.athrough(await call(given))) as told:
                async for one in told:
                    yield one
        except BaseException as error:
            await crossing.ended_by(error)
            raise

    def _crossing(self) -> Crossing:
        return Crossing(self.judge, "llamaindex", _special, locale=self.locale)


def _text(chunk: Any) -> str | None:
    """What *chunk* adds, if it adds nothing but text."""
    if getattr(chunk, "additional_kwargs", None) or getattr(chunk, "message", chunk).additional_kwargs:
        return None
    return chunk.delta or ""


class _Growing:
    """Makes chunks of what is released: each has all that was before it, too."""

    def __init__(self) -> None:
        self._text = ""

    def __call__(self, chunk: Any, text: str) -> Any:
        self._text += text
        if isinstance(chunk, _llms.CompletionResponse):
            return _llms.CompletionResponse(text=self._text, delta=text)
        message = _llms.ChatMessage(role=chunk.message.role, content=self._text)
        return _llms.ChatResponse(message=message, delta=text)


def _special(value: Any) -> tuple[Any, Back] | None:
    """How LlamaIndex's own objects are read."""
    if isinstance(value, _llms.ChatMessage):
        return value.model_dump(mode="json"), _llms.ChatMessage.model_validate
    if isinstance(value, _llms.ChatResponse | _llms.CompletionResponse):
        return value.model_dump(mode="json"), type(value).model_validate
    return None


def _bare(answer: Any) -> Any:
    """*answer* without what a provider sent besides."""
    return answer.model_copy(update={"raw": None, "logprobs": None})


def _latest(_: Any, chunk: Any) -> Any:
    """Each chunk says all that those before it said."""
    return _bare(chunk)
