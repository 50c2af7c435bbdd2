"""A guard around text that transformers generates in this process.

`guarded` is for pipelines. `GuardedStreamer` goes into ``generate(streamer=…)`` and releases text sentence by sentence:
iterate over it from another thread, or give it a function. Its `stop` is a stopping criterion, so that nothing more is
generated once an answer is refused. Neither imports transformers.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Self

from guard.errors import HookError
from guard.hooks._crossing import Crossing
from guard.hooks._telling import Telling
from guard.library import BlockedError, Guard, waited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_UNFINISHED = "\ufffd"
"""What tokenizers write for half a character."""


def guarded(pipeline: Any, guard: Guard | str | Path = "default", *, locale: str = "en") -> Any:
    """*pipeline*, or anything that is called with texts and gives some, past which nothing goes unseen.

    Raises, when it is called:
        BlockedError: the policy refuses.
        TypeError: it gives something whose texts cannot be found.
    """
    return GuardedPipeline(pipeline, guard if isinstance(guard, Guard) else Guard(guard), locale)


class GuardedPipeline:
    """What `guarded` gives: called like the pipeline, and in all else the pipeline itself."""

    def __init__(self, inner: Any, guard: Guard, locale: str) -> None:
        self._inner = inner
        self._guard = guard
        self._locale = locale

    def __call__(self, *given: Any, **named: Any) -> Any:
        """What the pipeline gives, as far as it may be released."""
        if named.get("streamer") is not None and not isinstance(named["streamer"], GuardedStreamer):
            raise HookError("Another streamer would show text that nobody has judged; pass a GuardedStreamer.")
        crossing = Crossing(self._guard, "transformers", locale=self._locale)
        given, named = waited(crossing.enter((given, named)))
        try:
            answer = self._inner(*given, **named)
        except BaseException as error:
            waited(crossing.ended_by(error))
            raise
        return waited(crossing.leave(answer))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class GuardedStreamer:
    """A streamer for one call of ``generate`` with one sequence.

    What it releases goes to *tell*, or else to whoever iterates over it. A prompt that the policy blocks, or would
    change, raises `BlockedError` out of ``generate``; so does an answer where there is a *tell*. An iterator raises it
    after what was released before. Use it as a context manager, or call `close` where ``generate`` failed.
    """

    def __init__(
        self,
        tokenizer: Any,
        tell: Callable[[str], None] | None = None,
        guard: Guard | str | Path = "default",
        *,
        locale: str = "en",
        skip_special_tokens: bool = True,
    ) -> None:
        self._tokenizer = tokenizer
        self._tell = tell
        self._crossing = Crossing(guard if isinstance(guard, Guard) else Guard(guard), "transformers", locale=locale)
        self._skip = skip_special_tokens
        self._telling: Telling | None = None
        self._tokens: list[int] = []
        self._context = self._read = 0  # tokens before: known no more; told
        self._came: queue.SimpleQueue[str | BlockedError | None] = queue.SimpleQueue()
        self._over = False  # refused, or closed

    def put(self, value: Any) -> None:
        """Take the prompt, then token after token."""
        if len(value.shape) > 1:
            if value.shape[0] > 1:
                raise ValueError("a GuardedStreamer is for one sequence")
            value = value[0]
        if self._telling is None:
            self._open(self._decoded(value.tolist()))
        elif not self._over:
            self._tokens += value.tolist()
            if text := self._news():
                self._release(waited(self._telling.add(text)))

    def end(self) -> None:
        """Release the rest."""
        if self._telling is not None and not self._over:
            rest = self._news(last=True)
            said = waited(self._telling.add(rest)) if rest else ""
            if self._telling.blocked is None:
                said += waited(self._telling.end())[0]
            self._release(said)
        self._came.put(None)

    @property
    def stop(self) -> Callable[..., Any]:
        """A stopping criterion for the same call: it stops where the answer is refused, or the streamer closed."""

        def stopped(input_ids: Any, *_: Any, **__: Any) -> Any:
            made = input_ids.new_ones if self._over else input_ids.new_zeros
            return made(input_ids.shape[0]).bool()

        return stopped

    def close(self) -> None:
        """Release nothing more, record that the answer was not told to its end if that is so, end the iteration."""
        self._over = True
        waited(self._crossing.ended_by(GeneratorExit()))
        self._came.put(None)

    def __iter__(self) -> Iterator[str]:
        while (one := self._came.get()) is not None:
            if isinstance(one, BlockedError):
                raise one
            yield one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, prompt: str) -> None:
        try:
            waited(self._crossing.enter_unchanged(prompt))
        except BlockedError as error:
            self._over = True
            self._came.put(error)
            raise
        self._telling = Telling(self._crossing)

    def _release(self, text: str) -> None:
        if text and not self._over:
            (self._tell or self._came.put)(text)
        if self._telling is not None and (blocked := self._telling.blocked) is not None:
            self._over = True
            self._came.put(blocked)
            if self._tell is not None:
                raise blocked

    def _news(self, *, last: bool = False) -> str:
        """The text of the tokens that are not told yet, once its last character is whole."""
        told = self._decoded(self._tokens[self._context : self._read])
        now = self._decoded(self._tokens[self._context :])
        if now.endswith(_UNFINISHED) and not last:
            return ""
        self._context, self._read = self._read, len(self._tokens)
        return now[len(told) :]

    def _decoded(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=self._skip))
