"""An answer of a framework that is released while it is told: text sentence by sentence, all else at its end."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from guard.content import Lane
from guard.decision import Judged
from guard.exchange.restoring import Restoring
from guard.hooks._crossing import changed
from guard.hooks._values import opened
from guard.library import waited
from guard.placeholders import restore_content
from guard.stream.gate import Text
from guard.stream.items import Delta, End, Event
from guard.streaming import AnswerJudge, whole_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Sequence

    from guard.hooks._crossing import Crossing
    from guard.library import BlockedError
    from guard.stream.gate import Out
    from guard.stream.items import Item

_LANE = Lane(("text",), "/text")


class Telling:
    """The text of one answer. After *blocked* is set, nothing more may be added."""

    def __init__(self, crossing: Crossing) -> None:
        self._crossing = crossing
        guard = crossing.guard
        self._whole = bool(whole_only(guard.pipeline, guard.policy))  # then nothing can be released before the end
        self._judge = AnswerJudge(guard.pipeline, guard.policy, decision_id=crossing.draft.id, locale=crossing.locale)
        self._restoring = Restoring(crossing.draft.masked)
        self._held: list[str] = []
        self._begun = False
        self.blocked: BlockedError | None = None
        """What to raise once what came with it is passed on; it is recorded."""

    async def add(self, text: str) -> str:
        """What may be released now that *text* has come."""
        if self._whole:
            self._held.append(text)
            return ""
        return await self._released(await self._judge.take([Delta(_LANE, text)], self._crossing.deadline()))

    async def end(self, rest: Any = None) -> tuple[str, Any]:
        """What may be released at the end, once that is recorded: of the text, and of *rest*, which is none."""
        crossing = self._crossing
        if self._whole:
            text, rest = await crossing.leave(["".join(self._held), rest])
            return text, rest
        items: list[Item] = [End(_LANE)]
        document, back = opened(rest, crossing.special)
        if rest is not None:
            items.append(Event(rest, crossing.content(document), group=None))
        out = await self._judge.take(items, crossing.deadline())
        if self._judge.refusal is None:
            out += await self._judge.close(crossing.deadline())
        crossing.draft.output = self._judge.decision()
        if self._judge.refusal is not None:
            return await self._released(out), None
        text = self._text(out) + "".join(piece for _, piece in self._restoring.rest())
        for one in out:
            if not isinstance(one, Text) and one.before is not None and one.after is not None:
                rest = changed(rest, document, back, one.before, restore_content(one.after, crossing.draft.masked))
        await crossing.record(crossing.draft.answered())
        return text, rest

    async def _released(self, out: Sequence[Out]) -> str:
        """The text in *out*; the first is noted in the log, and what ends the answer is recorded."""
        text, crossing = self._text(out), self._crossing
        if text and not self._begun:
            self._begun = True
            await crossing.begin()
        if self._judge.refusal is not None:
            crossing.draft.output = crossing.draft.output or self._judge.decision()
            self.blocked = await crossing.refused(Judged(crossing.draft.output, self._judge.refusal))
        return text

    def _text(self, out: Sequence[Out]) -> str:
        return "".join(self._restoring.text(one.lane, one.text) for one in out if isinstance(one, Text))


class Flow:
    """The chunks of one answer.

    *text_of* gives the text of a chunk that adds nothing else, *like* a chunk with another text; *joined* makes one of
    two that hold something else. *beside* gives what a chunk of text says besides, as a chunk of none, or None: how
    many tokens it took, why it ended. That is told at the end.
    """

    def __init__(
        self,
        crossing: Crossing,
        text_of: Callable[[Any], str | None],
        like: Callable[[Any, str], Any],
        joined: Callable[[Any, Any], Any] = operator.add,
        beside: Callable[[Any], Any] = lambda _: None,
    ) -> None:
        self._telling = Telling(crossing)
        self._text_of = text_of
        self._like = like
        self._joined = joined
        self._beside = beside
        self._said_beside: Any = None
        self._first: Any = None
        self._rest: Any = None

    def through(self, chunks: Iterable[Any]) -> Iterator[Any]:
        """What may be passed on of *chunks*, as they come.

        Raises:
            BlockedError: the answer ends here.
        """
        for chunk in chunks:
            yield from waited(self.push(chunk))
            self.check()
        yield from waited(self.finish())
        self.check()

    async def athrough(self, chunks: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
        """`through`, for chunks that are waited for."""
        async for chunk in chunks:
            for one in await self.push(chunk):
                yield one
            self.check()
        for one in await self.finish():
            yield one
        self.check()

    async def push(self, chunk: Any) -> list[Any]:
        """The chunks that may be passed on now that *chunk* has come; then `check`."""
        self._first = chunk if self._first is None else self._first
        text = self._text_of(chunk) if self._rest is None else None
        if text is None:  # it is held, and what comes after it, for it may go on in the next
            self._rest = self._with(self._rest, chunk)
            return []
        self._said_beside = self._with(self._said_beside, self._beside(chunk))
        said = await self._telling.add(text)
        return [self._like(chunk, said)] if said else []

    async def finish(self) -> list[Any]:
        """The chunks that are left at the end; then `check`."""
        said, rest = await self._telling.end(self._with(self._said_beside, self._rest))
        return ([self._like(self._first, said)] if said else []) + ([rest] if rest is not None else [])

    def _with(self, one: Any, other: Any) -> Any:
        return other if one is None else one if other is None else self._joined(one, other)

    def check(self) -> None:
        """Raise `BlockedError` if the answer ends here."""
        if self._telling.blocked is not None:
            raise self._telling.blocked
