"""What classifiers do for one answer: judged whole, and judged while it is streamed.

Run as a process of its own; answers one JSON line for each it is given: ``{"policy", "language", "ways"}``. Counted is
what happens inside of the classifiers: CPU of the thread that is in them, and the characters they were handed; of
`TRIES` the one with the least, for what is more is what other processes did to the caches.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks._answers import tokens
from guard import registry
from guard.actions import ACTIONS
from guard.config import policy_path
from guard.content import Content, Direction, Lane, Modality, TextPart
from guard.engine import Engine
from guard.pipeline import Pipeline
from guard.policy.loader import load_policy
from guard.stream.items import Delta, End
from guard.streaming import AnswerJudge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from guard.policy.model import Policy
    from guard.stream.items import Item

POLICIES = ("default", "strict")
WAYS = {
    "whole": "the answer judged whole",
    "tokens": "streamed, judged as each token comes",
    "at once": "streamed, all of it there at once",
}
_LANE = Lane(("choices", 0, "message", "content"), "/choices/0/message/content")
_DEADLINE_S = 600.0
TRIES = 3


class _Count:
    """CPU seconds and characters inside of one method of all classifiers."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.characters = 0

    def watch(self, method: Callable[[Any], Any], size: Callable[[Any], int]) -> Callable[[Any], Any]:
        """*method*, counted. It calls no other that is counted."""

        def counted(argument: Any) -> Any:
            began = time.thread_time()
            try:
                return method(argument)
            finally:
                self.cpu_s += time.thread_time() - began
                self.characters += size(argument)

        return counted


class _Judge:
    """One policy with classifiers of its own."""

    def __init__(self, name: str) -> None:
        self._engine = Engine()
        self.policy: Policy = load_policy(policy_path(name), actions=ACTIONS, catalog=registry)
        self._engine.ensure([self.policy], modalities=frozenset({Modality.TEXT}))
        self.pipeline = Pipeline(self._engine)

    @contextlib.contextmanager
    def counting(self) -> Iterator[dict[str, dict[str, _Count]]]:
        """The counts of every classifier, by its name and its method's, as long as the block lasts."""
        counts: dict[str, dict[str, _Count]] = {}
        classifiers = [station.classifier for station in self._engine.stations()]
        for station in self._engine.stations():
            _forget(station.classifier)
            own = counts[station.name] = {name: _Count() for name in ("classify", "prepare", "pending")}
            one: Any = station.classifier
            one.classify = own["classify"].watch(one.classify, lambda _: 0)
            one.prepare = own["prepare"].watch(one.prepare, lambda part: len(part.text))
            one.pending = own["pending"].watch(one.pending, len)
        try:
            yield counts
        finally:
            for classifier in classifiers:
                for name in ("classify", "prepare", "pending"):
                    delattr(classifier, name)

    async def work(self, language: str, way: str) -> dict[str, Any]:
        """Judge the answer of *language* once."""
        pieces = tokens(language)
        with self.counting() as counts:
            began = time.process_time()
            released = await (self._whole(pieces) if way == "whole" else self._streamed(pieces, way))
            cpu_s = time.process_time() - began
        if len(released) < 0.9 * len("".join(pieces)):  # the language model masks a word here and there
            msg = f"policy `{self.policy.name}` held the answer back: it is measured on one that is let through"
            raise RuntimeError(msg)
        by_name = {
            name: {
                "work_ms": round((own["classify"].cpu_s + own["prepare"].cpu_s) * 1000, 3),
                "pending_ms": round(own["pending"].cpu_s * 1000, 3),
                "characters": own["prepare"].characters,
            }
            for name, own in counts.items()
            if own["prepare"].characters
        }
        return {"cpu_ms": round(cpu_s * 1000, 3), "classifiers": by_name}

    async def _whole(self, pieces: Sequence[str]) -> str:
        content = Content(Direction.OUTPUT, (_LANE.part("".join(pieces)),))
        deadline = time.monotonic() + _DEADLINE_S
        judged = await self.pipeline.judge(content, self.policy, decision_id="benchmark", deadline=deadline)
        return "".join(p.text for p in getattr(judged.released, "parts", ()) if isinstance(p, TextPart))

    async def _streamed(self, pieces: Sequence[str], way: str) -> str:
        judge = AnswerJudge(self.pipeline, self.policy, decision_id="benchmark")
        items: list[Item] = [*(Delta(_LANE, piece) for piece in pieces), End(_LANE)]
        deadline = time.monotonic() + _DEADLINE_S
        out = []
        for some in [items] if way == "at once" else [[item] for item in items]:
            out += await judge.take(some, deadline)
        out += await judge.close(deadline)
        judge.decision()
        return "".join(getattr(one, "text", "") for one in out)


def _forget(classifier: Any) -> None:
    """Have *classifier* judge anew what it has seen before, if it remembers: every run here reads the same text."""
    memory = getattr(getattr(classifier, "_engine", None), "_memory", None)
    if memory is not None:
        memory.clear()


def _work_ms(run: dict[str, Any]) -> float:
    return sum(own["work_ms"] for own in run["classifiers"].values())


def _serve() -> None:
    judges: dict[str, _Judge] = {}
    print(0, flush=True)
    with asyncio.Runner() as runner:
        while line := sys.stdin.readline():
            asked = json.loads(line)
            name = asked["policy"]
            if name not in judges:
                judges[name] = _Judge(name)
                for way in WAYS:
                    runner.run(judges[name].work(asked["language"], way))
            tries = [runner.run(judges[name].work(asked["language"], asked["way"])) for _ in range(TRIES)]
            print(json.dumps(min(tries, key=_work_ms)), flush=True)


if __name__ == "__main__":
    _serve()
