"""`Judge`: records in, rows out. All that a worker does; it knows neither files nor other workers.

It is what a worker of another engine would call too: one is made per process, then `rows` for each piece of a chunk.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard import registry
from guard.actions import ACTIONS
from guard.batching.terms import BULK, Terms
from guard.content import Direction
from guard.corpus.records import Record, Unfit, content_of, released_of
from guard.corpus.results import row_of
from guard.engine import Engine
from guard.pipeline import Pipeline
from guard.policy.loader import load_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.policy.model import Policy


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker has to know. *timeout_s* is how long a classifier may take for one record; sizes in bytes."""

    policy: str
    direction: str = "output"
    locale: str = "en"
    timeout_s: float = 600.0
    most_bytes: int = 64 * 2**20
    released: bool = False


class Judge:
    """Judges records under one policy, with the classifiers of *engine* or of its own. Loads them when it is made."""

    def __init__(self, setup: Setup, engine: Engine | None = None) -> None:
        self.policy: Policy = load_policy(setup.policy, actions=ACTIONS, catalog=registry)
        self._setup = setup
        self._direction = Direction(setup.direction)
        self._engine = engine or Engine()
        if engine is None:
            self._engine.ensure([self.policy])
        terms = Terms(patience=BULK, scope=self.policy.remember.scope(None))
        self._pipeline = Pipeline(self._engine.under(terms))

    async def rows(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """One entry per record, same order: ``{"place", "row"}``, or ``{"place", "unfit"}`` with the reason."""
        return list(await asyncio.gather(*map(self._entry, records)))

    def judge_chunk(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """`rows`, for a caller without an event loop."""
        return asyncio.run(self.rows(records))

    def close(self) -> None:
        """Stop the classifiers."""
        self._engine.close()

    async def _entry(self, record: Record) -> dict[str, Any]:
        setup = self._setup
        try:
            content = content_of(record, self._direction, setup.locale, setup.most_bytes)
        except Unfit as error:
            return {"place": record.place, "unfit": str(error)}
        except Exception as error:  # noqa: BLE001  an edge: one record must not take the others with it
            return {"place": record.place, "unfit": f"it cannot be read ({type(error).__name__})"}
        judged = await self._pipeline.judge(
            content, self.policy, decision_id=record.decision, deadline=time.monotonic() + setup.timeout_s
        )
        entry: dict[str, Any] = {"place": record.place, "row": row_of(content, judged)}
        if setup.released:
            entry["released"] = released_of(record, content, judged)
        return entry
