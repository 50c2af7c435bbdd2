"""One call of a framework inside of the program: what goes in, what comes out, and the one record of both."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from guard.audit import State
from guard.content import Content, Direction
from guard.decision import Judged, Refusal
from guard.exchange.draft import Draft, since
from guard.exchange.http import REFUSAL_STATUS, Reply
from guard.hooks._values import opened
from guard.library import BlockedError, Checked
from guard.placeholders import restore_content
from guard.protocols.contract import Walk, apply_parts, walk_unknown
from guard.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Part
    from guard.hooks._values import Back, Special
    from guard.library import Guard

_VAULT = Vault()
_UNSENT = Reply(0, b"")
_UNCHANGEABLE = "This may only be passed on changed, which cannot be done here."


class Crossing:
    """One call. *route* names in the record what was called; *special* reads the framework's own objects.

    What goes in is input to whoever is called, unless it is *outgoing*: what a model says to a tool of others.
    """

    def __init__(
        self,
        guard: Guard,
        route: str,
        special: Special = lambda _: None,
        *,
        locale: str = "en",
        outgoing: bool = False,
    ) -> None:
        self.guard = guard
        self.draft = Draft(uuid.uuid4().hex, route, time.monotonic(), "library")
        self.draft.policy = guard.policy
        self.locale = locale
        self._way = (Direction.OUTPUT, Direction.INPUT) if outgoing else (Direction.INPUT, Direction.OUTPUT)
        self.special = special

    async def enter(self, value: Any, *, role: str = "user", media: Sequence[Part] = ()) -> Any:
        """*value* as it may go in; *media* are what it holds besides text, judged with it; none is `editable`.

        Raises:
            BlockedError: it may not, or one of *media* may not as it is; that is recorded.
            TypeError: it cannot be read.
        """
        began = time.monotonic()
        document, back = opened(value, self.special, returned=False)
        content = self._content(document, self._way[0], role)
        content = replace(content, vault_key=_VAULT.key(content, None), parts=(*content.parts, *media))
        judged = await self.judge(content)
        self.draft.inputs = [judged.decision]
        self.draft.timings["input"] = since(began)
        if isinstance(judged.released, Refusal):
            raise await self.refused(judged)
        self.draft.masked = judged.released.masked
        texts = len(content.parts) - len(media)
        before, after = (replace(one, parts=one.parts[:texts]) for one in (content, judged.released))
        return changed(value, document, back, before, after)

    async def leave(self, value: Any, *, role: str = "assistant") -> Any:
        """*value* as it may come out, once that is recorded.

        Raises:
            BlockedError: it may not.
            TypeError: it cannot be read; that is recorded.
        """
        began = time.monotonic()
        try:
            document, back = opened(value, self.special)
        except TypeError:
            await self.failed("unreadable")
            raise
        content = replace(self._content(document, self._way[1], role), masked=self.draft.masked)
        judged = await self.judge(content)
        self.draft.output = judged.decision
        self.draft.timings["output"] = since(began)
        if isinstance(judged.released, Refusal):
            raise await self.refused(judged)
        left = restore_content(judged.released, self.draft.masked) if self.draft.masked else judged.released
        await self.record(self.draft.answered())
        return changed(value, document, back, content, left)

    async def enter_unchanged(self, value: Any, *, media: Sequence[Part] = ()) -> None:
        """`enter`, where nothing can be changed.

        Raises:
            BlockedError: it may not go in, or not as it is; that is recorded.
        """
        await self._unchanged(value, 0, media)

    async def leave_unchanged(self, value: Any) -> None:
        """`leave`, where nothing can be changed; not recorded yet.

        Raises:
            BlockedError: it may not come out, or not as it is; that is recorded.
        """
        await self._unchanged(value, 1)

    async def _unchanged(self, value: Any, side: int, media: Sequence[Part] = ()) -> None:
        document, _ = opened(value, self.special)
        content = self._content(document, self._way[side], "assistant" if side else "user")
        content = replace(content, parts=(*content.parts, *media))
        judged = await self.judge(content)
        if side:
            self.draft.output = judged.decision
        else:
            self.draft.inputs = [judged.decision]
        if isinstance(judged.released, Content) and judged.released.parts != content.parts:
            judged = Judged(judged.decision, Refusal("content_filter", _UNCHANGEABLE, judged.decision.rules))
        if isinstance(judged.released, Refusal):
            raise await self.refused(judged)

    async def failed(self, code: str = "unreachable") -> None:
        """Record that what was called raised something instead of answering."""
        await self.record(State.UPSTREAM_ERROR, f"upstream_{code}")

    async def ended_by(self, error: BaseException) -> None:
        """Record what an *error* means that ended the call, unless it was recorded before it was raised."""
        if isinstance(error, GeneratorExit | asyncio.CancelledError):
            await self.record(State.CLIENT_GONE)
        else:
            await self.failed()

    async def refused(self, judged: Judged) -> BlockedError:
        """What to raise, once it is recorded."""
        if isinstance(judged.released, Refusal):
            _, state = REFUSAL_STATUS[judged.released.code]
            await self.record(state, judged.released.code)
        return BlockedError(Checked(judged))

    async def record(self, state: State, error: str = "") -> None:
        """Write the terminal record, unless that was done. Raises `AuditError`."""
        if self.draft.recorded:
            return
        self.draft.recorded = True
        self.draft.state, self.draft.error = state, error
        if self.guard.sink is not None:
            await self.guard.sink.append(self.draft.record(_UNSENT))

    async def begin(self) -> None:
        """Note that something is about to be released before the end is known. Raises `AuditError`."""
        if self.guard.sink is not None:
            await self.guard.sink.begin(self.draft.record(_UNSENT))

    def content(self, document: Any, role: str = "assistant") -> Content:
        """What is to be judged of a *document* that comes out."""
        return self._content(document, Direction.OUTPUT, role)

    def deadline(self) -> float:
        """When classifiers that are asked now are late."""
        return time.monotonic() + self.guard.timeout_s

    def _content(self, document: Any, direction: Direction, role: str) -> Content:
        walk = Walk()
        walk_unknown(document, walk, (), "", role, "message")
        return replace(walk.content(direction), locale=self.locale)

    async def judge(self, content: Content) -> Judged:
        """What the policy says of *content*; it is not recorded yet."""
        return await self.guard.pipeline.judge(
            content, self.guard.policy, decision_id=self.draft.id, deadline=self.deadline()
        )


def changed(value: Any, document: Any, back: Back, before: Content, after: Content) -> Any:
    """*value* with the texts that are others in *after*."""
    if after.parts == before.parts:
        return value
    return back(apply_parts(document, before.parts, after.parts))
