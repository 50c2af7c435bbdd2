"""Workers on a Ray cluster, as the one that reads and writes sees them: actors that hold the models.

Ray places them, moves records and answers, and says which died. What is open, done, struck or quarantined is the same
`guard.corpus.runner.Runner`'s as on one machine, so the results are the same bytes. Ray is imported when a crew is
made. Records and answers go from machine to machine as Ray sends them: in the clear, unless it is set up for TLS.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from guard.corpus.crew import DEPTH, MOST_STARTS, Answer, Slice
from guard.corpus.judge import Judge
from guard.corpus.manifest import here
from guard.corpus.source import CorpusError
from guard.errors import GuardError
from guard.imports import spare_the_unused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guard.corpus.judge import Setup
    from guard.corpus.records import Record

_PLACED_S = 600.0
"""Seconds until the first worker has its place and its models: a cluster that grows by itself needs minutes."""
_GRACE_S = 60.0
_LOST = "its process or its machine was lost"


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker has of the cluster at *address*, as `ray.init` takes it."""

    address: str = "auto"
    cpus: float = 1.0
    gpus: float = 0.0


class Worker:
    """What runs on the cluster: one copy of the models. Takes several slices at a time, so that they share batches."""

    def __init__(self, setup: Setup, policy: bytes) -> None:
        spare_the_unused()
        self._problem = ""
        try:
            self._judge = Judge(replace(setup, policy=_placed(setup.policy, policy)))
        except (GuardError, OSError) as error:
            self._problem = str(error)

    async def ready(self) -> dict[str, Any]:
        """What it judges with, or the ``error`` for which it cannot."""
        return {"error": self._problem} if self._problem else await asyncio.to_thread(here)

    async def rows(self, records: Sequence[Record]) -> bytes:
        """The entries of *records*, as JSON: what a decoder may be made to do stays in here."""
        return orjson.dumps(await self._judge.rows(records))


def _placed(path: str, data: bytes) -> str:
    """A file with the policy: the same one here, if this machine has it, or a copy."""
    file = Path(path)
    try:
        if file.read_bytes() == data:
            return path
    except OSError:
        pass
    copy = Path(tempfile.mkdtemp(prefix="guard-")) / file.name
    copy.write_bytes(data)
    return str(copy)


@dataclass(slots=True, eq=False)
class _Hand:
    """One worker, and what it was given by the reference to its answer."""

    actor: Any
    begun: Any
    has: dict[Any, Slice] = field(default_factory=dict)
    ready: bool = False
    since: float = 0.0

    @property
    def room(self) -> bool:
        return len(self.has) < DEPTH and not any(slice_.alone for slice_ in self.has.values())


class Cluster:
    """*size* workers on the cluster of *share*; see `guard.corpus.crew.Crew`, which it stands for."""

    def __init__(self, setup: Setup, size: int, share: Share) -> None:
        self._ray = connected(share.address)
        self._setup = setup
        self._policy = Path(setup.policy).read_bytes()
        self._made = self._ray.remote(Worker).options(
            num_cpus=share.cpus, num_gpus=share.gpus, max_concurrency=2 * DEPTH, max_restarts=0
        )
        self._here = here()
        self._starts = 0
        self._since = time.monotonic()
        self._hands = [self._start() for _ in range(size)]

    def give(self, slice_: Slice) -> bool:
        """Hand *slice_* to the worker that has least; False if none has room."""
        hands = [hand for hand in self._hands if hand.ready and hand.room and not (slice_.alone and hand.has)]
        if not hands:
            return False
        hand = min(hands, key=lambda one: len(one.has))
        if not hand.has:
            hand.since = time.monotonic()
        hand.has[hand.actor.rows.remote(slice_.records)] = slice_
        return True

    @property
    def busy(self) -> bool:
        """Whether anything is being judged."""
        return any(hand.has for hand in self._hands)

    def answers(self, seconds: float) -> Iterator[Answer]:
        """What came within *seconds*, which may be nothing.

        Raises:
            CorpusError: no worker can be had, or one has other models or code than this machine.
        """
        asked = {ref: hand for hand in self._hands for ref in ([*hand.has] if hand.ready else [hand.begun])}
        came, rest = self._ray.wait(list(asked), num_returns=1, timeout=seconds)
        if rest and came:
            more, _ = self._ray.wait(rest, num_returns=len(rest), timeout=0)
            came = [*came, *more]
        for ref in came:
            hand = asked[ref]
            if hand not in self._hands:  # it was buried with another of its answers
                continue
            try:
                said = self._ray.get(ref)
            except self._ray.exceptions.RayActorError:
                yield from self._bury(hand)
                continue
            except self._ray.exceptions.RayError as error:
                raise CorpusError(f"a worker on the cluster failed ({type(error).__name__}): {_first(error)}") from None
            if ref is hand.begun:
                self._welcome(hand, said)
                continue
            hand.since = time.monotonic()
            yield Answer(hand.has.pop(ref), orjson.loads(said))
        self._look_at_clock()

    def close(self) -> None:
        """Stop every worker, whatever it is doing."""
        for hand in self._hands:
            self._ray.kill(hand.actor)

    def _welcome(self, hand: _Hand, said: dict[str, Any]) -> None:
        if "error" in said:
            raise CorpusError(said["error"])
        if said != self._here:
            unlike = [name for name in ("code", "libraries") if said.get(name) != self._here[name]]
            msg = f"a machine of the cluster has other {' and '.join(unlike)} than this one; install the same on all"
            raise CorpusError(msg)
        hand.ready, self._starts, hand.since = True, 0, time.monotonic()

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        for hand in self._hands:
            if hand.ready and hand.has and now - hand.since > 2 * self._setup.timeout_s + _GRACE_S:
                self._ray.kill(hand.actor)
        if any(hand.ready for hand in self._hands):
            self._since = now
        elif now - self._since > _PLACED_S:
            msg = f"no worker could be started in {_PLACED_S:g} s: `ray status` says what the cluster has free"
            raise CorpusError(msg)

    def _start(self) -> _Hand:
        actor = self._made.remote(self._setup, self._policy)
        return _Hand(actor, actor.ready.remote())

    def _bury(self, hand: _Hand) -> Iterator[Answer]:
        if not hand.ready:
            self._starts += 1
            if self._starts >= MOST_STARTS:
                raise CorpusError(
                    "workers die while they start; try `guard check` with the same policy on their machine"
                )
        self._hands[self._hands.index(hand)] = self._start()
        for slice_ in hand.has.values():
            yield Answer(slice_, None, _LOST)


def connected(address: str) -> Any:
    """Ray, connected to the cluster at *address*.

    Raises:
        CorpusError: it is not installed, or there is no cluster.
    """
    try:
        import ray
    except ImportError:
        raise CorpusError("--engine ray needs Ray: pip install 'guard-gateway[ray]'") from None
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level="warning", configure_logging=False)
        except ConnectionError:
            hint = "start one (`ray start --head`), or name it with --ray-address"
            raise CorpusError(f"there is no Ray cluster at `{address}`: {hint}") from None
    return ray


def room_for(share: Share) -> int:
    """How many workers of *share* the cluster has room for in all, at least one."""
    has = connected(share.address).cluster_resources()
    wanted = {"CPU": share.cpus, "GPU": share.gpus}
    return max(1, min(int(has.get(name, 0.0) / each) for name, each in wanted.items() if each))


def _first(error: Exception) -> str:
    """The last line of what is told of *error*: its type and message, no frames."""
    return (str(error).strip().splitlines() or [""])[-1][:200]
