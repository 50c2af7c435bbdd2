"""What a policy means for a whole request: which fields it may have, all contents judged, what is no answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from guard.actions import enforce
from guard.content import Lane
from guard.decision import Cause, Judged, Refusal
from guard.errors import RequestError
from guard.policy.model import Mode, UnknownFields
from guard.stream.gate import Text
from guard.stream.items import Delta
from guard.streaming import AnswerJudge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content, Modality, TextPart
    from guard.pipeline import Engine, Pipeline
    from guard.policy.model import Policy
    from guard.protocols.adapter import Exchange, JudgeAdapter

_AT_ONCE = 64
"""How many contents of one request are judged at the same time."""
_FAILED = (Cause.OVERLOAD, Cause.TIMEOUT, Cause.ERROR)
_PASSIVE = frozenset({"allow", "flag"})


def refuse_unknown(policy: Policy, exchange: Exchange) -> None:
    """Refuse fields that no contract names, where *policy* asks for that and changes anything at all.

    Raises:
        RequestError: ``unknown_field``.
    """
    if policy.unknown_fields is not UnknownFields.REFUSE or policy.mode is Mode.SHADOW:
        return
    for content in exchange.contents:
        for part in content.parts:
            if part.kind in {"key", "unknown"}:
                message = f"`{part.pointer}` is in no contract, and the policy refuses fields it does not know."
                raise RequestError("unknown_field", message, part.pointer)


def scored(engine: Engine, policy: Policy, exchange: Exchange) -> dict[Modality, frozenset[str]]:
    """What the classifiers that *policy* asks can give of *exchange*: categories, by what they are seen in."""
    found: dict[Modality, frozenset[str]] = {}
    for direction in {content.direction for content in exchange.contents}:
        for station in engine.plan(policy, direction):
            for modality in station.classifier.modalities:
                found[modality] = found.get(modality, frozenset()) | station.classifier.categories
    return found


async def judge_all(
    pipeline: Pipeline, contents: Sequence[Content], policy: Policy, identifier: str, deadline: float
) -> Sequence[Judged]:
    """A decision for each of *contents*, in order, under ids that begin with *identifier*."""
    if len(contents) == 1:
        return [await pipeline.judge(contents[0], policy, decision_id=identifier, deadline=deadline)]
    # One new one per turn of the event loop: those that are answered inline would hold it up together.
    free = asyncio.Semaphore(_AT_ONCE)
    tasks: list[asyncio.Task[Judged]] = []
    async with asyncio.TaskGroup() as group:
        for number, content in enumerate(contents):
            await free.acquire()
            work = pipeline.judge(content, policy, decision_id=f"{identifier}-{number}", deadline=deadline)
            tasks.append(group.create_task(work))
            tasks[-1].add_done_callback(lambda _: free.release())
            await asyncio.sleep(0)
    return [task.result() for task in tasks]


async def settled(
    pipeline: Pipeline, parts: Sequence[TextPart], policy: Policy, identifier: str, deadline: float
) -> dict[str, str]:
    """What a stream would have released of *parts*, were they all that has come of an answer so far.

    As a stream and the whole answer are released alike, nothing that follows changes it. Findings are remembered: a
    text that has grown since it was last asked about costs what is new of it.
    """
    judge = AnswerJudge(pipeline, policy, decision_id=identifier)
    lanes = [Lane(part.path, part.pointer, part.kind, part.role, group) for group, part in enumerate(parts)]
    deltas = [Delta(lane, part.text) for lane, part in zip(lanes, parts, strict=True) if part.text]
    out = await judge.take(deltas, deadline)
    found = {part.pointer: "" for part in parts}
    for one in out:
        if isinstance(one, Text):
            found[one.lane.pointer] += one.text
    return found


def no_answer(adapter: JudgeAdapter, content: Content, judged: Judged, policy: Policy) -> Refusal | None:
    """What to say where a decision answers nothing: a classifier was silent, or a part could not be read.

    A report lists failures and is one even so, if they did not decide. Where answers have no place for them, a score
    that is missing would look like a low one, whatever a rule says of the rest and in shadow mode too.
    """
    decision = judged.decision
    if not adapter.unscannable_is_error:
        released = judged.released
        return released if isinstance(released, Refusal) and decision.cause in _FAILED else None
    causes = {Cause(f.kind.value) for f in decision.failures if policy.on(f.kind).name not in _PASSIVE}
    if decision.coverage.unscannable and policy.unscannable.name not in _PASSIVE:
        causes.add(Cause.UNSCANNABLE)
    for cause in (*_FAILED, Cause.UNSCANNABLE):
        if cause in causes:
            left = enforce(content, replace(decision, action="block", cause=cause, effects=(), enforced=True))
            return left if isinstance(left, Refusal) else None
    return None
