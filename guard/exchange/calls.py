"""Answers that are asked about again and again while they grow: judged once, sentence by sentence, as streams are.

Who asks gives all text so far and does not say whether more will come. What a stream would have released of it stays
as it is; the rest is judged as if it were the end, by a copy, and again with what follows. Nothing depends on what is
kept: an answer that is not known (another worker's, an old one) is judged from its beginning, to the same end.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from guard.content import Content, Lane, TextPart
from guard.decision import Judged
from guard.stream.gate import Text
from guard.stream.items import Delta
from guard.streaming import AnswerJudge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guard.pipeline import Pipeline
    from guard.policy.model import Policy
    from guard.stream.gate import Out

MOST = 1024
"""Answers that are remembered."""
MOST_CHARACTERS = 8 * 2**20
"""Characters of all of them together."""
IDLE_S = 600.0
"""Seconds after which an answer that was not asked about is forgotten."""


class Key(NamedTuple):
    """What tells one answer from another: nobody is answered with what another tenant or policy was told."""

    tenant: str | None
    policy: str
    call: str


@dataclass(slots=True, eq=False)
class _Call:
    judge: AnswerJudge
    touched: float
    seen: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """How much of each text has come, and its digest."""
    settled: dict[str, str] = field(default_factory=dict)
    """What of each text was released for good."""

    @property
    def size(self) -> int:
        return sum(map(len, self.settled.values())) + self.judge.held

    def continues(self, texts: Mapping[str, str]) -> bool:
        """Whether *texts* begin with what has come."""
        return all(
            len(texts.get(pointer, "")) >= length and _digest(texts[pointer][:length]) == digest
            for pointer, (length, digest) in self.seen.items()
        )


class Calls:
    """The answers that are growing. Not for several threads."""

    def __init__(self) -> None:
        self._calls: OrderedDict[Key, _Call] = OrderedDict()
        self._size = 0

    async def judge(
        self, key: Key, pipeline: Pipeline, policy: Policy, content: Content, *, identifier: str, deadline: float
    ) -> tuple[Judged, dict[str, str]]:
        """The decision on *content*, texts alone, as if it were whole, and what of each released text will stay."""
        parts = [part for part in content.parts if isinstance(part, TextPart)]
        texts = {part.pointer: part.text for part in parts}
        call = self._take(key)
        if call is None or not call.continues(texts):
            judge = AnswerJudge(pipeline, policy, decision_id=identifier, locale=content.locale)
            call = _Call(judge, 0.0, settled=dict.fromkeys(texts, ""))
        deltas = []
        for group, part in enumerate(parts):
            new = part.text[call.seen.get(part.pointer, (0, b""))[0] :]
            if new:
                deltas.append(Delta(Lane(part.path, part.pointer, part.kind, part.role, group), new))
            call.seen[part.pointer] = len(part.text), _digest(part.text)
            call.settled.setdefault(part.pointer, "")
        _add(call.settled, await call.judge.take(deltas, deadline))
        if call.judge.refusal is not None:
            return Judged(replace(call.judge.decision(), id=identifier), call.judge.refusal), {}
        end = call.judge.fork()
        whole = dict(call.settled)
        _add(whole, await end.close(deadline))
        decision = replace(end.decision(), id=identifier)
        if end.refusal is not None:  # as far as has come; the next question may come with a better end
            self._keep(key, call)
            return Judged(decision, end.refusal), {}
        settled = dict(call.settled)
        self._keep(key, call)
        released = tuple(
            replace(part, text=whole[part.pointer])
            if isinstance(part, TextPart) and whole[part.pointer] != part.text
            else part
            for part in content.parts
        )
        return Judged(decision, replace(content, parts=released)), settled

    def _take(self, key: Key) -> _Call | None:
        """The call of *key*, for one who asks alone: whoever asks at the same time begins anew."""
        call = self._calls.pop(key, None)
        if call is not None:
            self._size -= call.size
        return call

    def _keep(self, key: Key, call: _Call) -> None:
        self._take(key)
        call.touched = time.monotonic()
        self._calls[key] = call
        self._size += call.size
        while self._calls:
            oldest = next(iter(self._calls))
            idle = call.touched - self._calls[oldest].touched > IDLE_S
            if not idle and len(self._calls) <= MOST and self._size <= MOST_CHARACTERS:
                break
            self._take(oldest)


def _add(texts: dict[str, str], out: Iterable[Out]) -> None:
    for one in out:
        if isinstance(one, Text):
            texts[one.lane.pointer] += one.text


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
