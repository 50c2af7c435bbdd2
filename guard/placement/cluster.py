"""Models on a Ray cluster: a Serve application for each classifier, with as many replicas as it is asked for.

::

    submit ─handle→ a replica: prepare, `Batcher`, model ─→ answers ─→ submit returns

A replica is the same engine with the same batchers as anywhere else, so the findings are the same. Ray is imported when
a classifier is placed. Text and pictures go from machine to machine as Ray sends them: in the clear, unless the cluster
is set up for TLS. What was asked of a replica that died is asked again, each item by itself; one that is lost so
twice is refused for a minute.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from guard.batching.batcher import MOST_STUCK_THREADS
from guard.batching.cache import QUARANTINED, Suspects, digest, new_key
from guard.batching.terms import ALONE
from guard.decision import Failure, FailureKind
from guard.engine import Engine, InProcess
from guard.errors import GuardError, WeightsError
from guard.placement.answering import answer
from guard.placement.desk import LOST, Afar, Heard, Remote
from guard.placement.server import owner_of
from guard.placement.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.batching.answers import Answer
    from guard.batching.terms import BatcherStats, Desk, Terms
    from guard.classifier import Classifier, Readable

log = logging.getLogger(__name__)

_PACKAGE = "guard-gateway"
_TIMES_ALONE = 2
_AT_ONCE = 1000
"""Calls that one replica has at a time: its batcher is the queue, not Serve."""


class Replica:
    """One copy of a classifier, in a process of Ray's. Raises `GuardError` if it cannot be loaded."""

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        self._engine = Engine()
        station = self._engine.load(name, options)
        if station is None:
            raise GuardError("it was left out")
        self._station = station

    def check_health(self) -> None:
        """Raise where no thread is left that could judge: Serve then puts another replica in its place."""
        if self._station.batcher.stats.stuck_threads >= MOST_STUCK_THREADS:
            raise RuntimeError("its threads hang")

    async def ask(self, asked: Heard, body: bytes) -> Heard:
        """What it says to what is *asked*; raises nothing that could hold a content."""
        try:
            # Clocks of two machines have nothing in common: what is left of the time came along.
            return await answer(self._engine, self._station, asked, body, time.monotonic() + float(asked["left"]))
        except GuardError as error:
            return {"error": str(error)}
        except (WireError, KeyError, TypeError, ValueError) as error:
            return {"error": type(error).__name__}


class Cluster:
    """A `Placement`: what is quick, or reads stretches, stays in this process.

    *address* as `ray.init` takes it; ``auto`` is the cluster that this machine belongs to. A classifier has *least* to
    *most* replicas, so that each has about *calls_each* calls under way, with so many *cpus* and *gpus*.
    """

    def __init__(
        self,
        *,
        address: str = "auto",
        least: int = 1,
        most: int = 4,
        calls_each: float = 8.0,
        cpus: float = 1.0,
        gpus: float = 0.0,
    ) -> None:
        self._address = address
        self._wanted = {
            "ray_actor_options": {"num_cpus": cpus, "num_gpus": gpus},
            "autoscaling_config": {
                "min_replicas": least,
                "max_replicas": most,
                "target_ongoing_requests": calls_each,
            },
        }
        self._here = InProcess()

    def place(
        self, name: str, options: Mapping[str, object], classifier: Classifier[Any]
    ) -> tuple[Classifier[Any], Desk]:
        """Have the cluster run *classifier*, unless it is one that is judged on the spot. Blocks.

        An application of the same classifier, options and version of this package that is there already is used.

        Raises:
            WeightsError: it cannot be loaded, or there is no cluster.
        """
        if classifier.inline_cost or classifier.reads == "stretches":
            return self._here.place(name, options, classifier)
        try:
            handle = _deployed(self._address, self._wanted, name, dict(options))
        except ImportError:
            raise WeightsError("placement `ray` needs Ray: pip install 'guard-gateway[ray]'") from None
        except ConnectionError:
            hint = "start one (`ray start --head`), or name it in `ray: {address: …}`"
            raise WeightsError(f"there is no Ray cluster at `{self._address}`: {hint}") from None
        except Exception as error:
            raise WeightsError(f"classifier `{name}` was not loaded on the cluster: {error}") from error
        return Afar(classifier), ClusterDesk(name, options, handle)

    def close(self) -> None:
        """Nothing: applications are the cluster's, and others may be asking them."""


def application(name: str, options: Mapping[str, object]) -> str:
    """The name of the application of a classifier with *options*, of this version of the package."""
    version = importlib.metadata.version(_PACKAGE)
    return f"guard-{version}-{name}-{owner_of(name, options).hex()[:16]}"


def _deployed(address: str, wanted: Mapping[str, Any], name: str, options: dict[str, object]) -> Any:
    """The handle of the application, which runs. Raises whatever Ray does."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    import ray
    from ray import serve

    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    serve.start(http_options={"location": "NoServer"})
    own = application(name, options)
    running = serve.status().applications.get(own)
    if running is not None and running.status == "RUNNING":
        return serve.get_app_handle(own)
    deployment: Any = serve.deployment(Replica)
    deployment = deployment.options(
        name=name, max_ongoing_requests=_AT_ONCE, logging_config={"enable_access_log": False}, **wanted
    )
    return serve.run(deployment.bind(name, options), name=own, route_prefix=None)


class _Asking:
    """Brings a question to a replica, and its answer back; *alone*: what is asked about is to be judged by itself."""

    is_up = True

    def __init__(self, handle: Any, *, alone: bool = False) -> None:
        self._handle = handle
        self._alone = alone

    async def ask(self, about: Heard, body: bytes, deadline: float) -> Heard | None:
        """What a replica says; None if it is lost, or once the *deadline* has come."""
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        response = self._handle.ask.remote({**about, "left": left, "alone": self._alone}, body)
        try:
            heard: Heard = await asyncio.wait_for(_heard(response), left)
        except TimeoutError:
            response.cancel()
            return None
        except asyncio.CancelledError:
            response.cancel()
            raise
        except Exception as error:  # noqa: BLE001  whatever became of it: the replica died, or there is none
            log.error("replica lost error=%s", type(error).__name__)  # noqa: TRY400  its words may hold content
            return None
        return heard


async def _heard(response: Any) -> Heard:
    heard: Heard = await response
    return heard


class ClusterDesk:
    """Where one classifier is asked, whichever replica answers. *handle* is the application's."""

    shares = False

    def __init__(self, name: str, options: Mapping[str, object], handle: Any) -> None:
        self._name = name
        self._with_others = Remote(_Asking(handle), name, options)
        self._alone = Remote(_Asking(handle, alone=True), name, options)
        self._suspects = Suspects()
        self._key = new_key()

    @property
    def stats(self) -> BatcherStats:
        """What this process asked, but for what it asked again."""
        return self._with_others.stats

    @property
    def backlog_s(self) -> float:
        """That of the replica that answered last."""
        return self._with_others.backlog_s

    def digest(self, source: Readable) -> bytes:
        """Nothing: replicas know their contents themselves."""
        return self._with_others.digest(source)

    async def submit(self, items: Sequence[Any], deadline: float, terms: Terms = ALONE) -> list[Answer]:
        """`guard.batching.terms.Desk.submit`."""
        marks = [digest(item, self._key) for item in items]
        now = time.monotonic()
        refused: Answer = Failure(self._name, FailureKind.ERROR, QUARANTINED)
        answers: list[Answer] = [refused] * len(items)
        wanted = [n for n, mark in enumerate(marks) if not self._suspects.is_refused(mark, now)]
        alone = [n for n in wanted if self._suspects.goes_alone(marks[n], now)]
        together = [n for n in wanted if n not in alone]
        for n, one in zip(
            together, await self._with_others.submit([items[n] for n in together], deadline, terms), strict=True
        ):
            answers[n] = one
            if _is_lost(one):
                self._suspects.strike(marks[n], time.monotonic(), alone=False)
                alone.append(n)

        for n in alone:  # one after the other, so that none dies of the next one's replica
            answers[n] = await self._judged_alone(items[n], marks[n], deadline, terms)
        return answers

    async def _judged_alone(self, item: Any, mark: bytes, deadline: float, terms: Terms) -> Answer:
        """The answer for a suspect. Lost twice, it is refused from then on: once may have been another's doing."""
        answers: list[Answer] = []
        while len(answers) < _TIMES_ALONE:
            answers = [*answers, *await self._alone.submit([item], deadline, terms)]
            if not _is_lost(answers[-1]):
                if not isinstance(answers[-1], Failure):
                    self._suspects.clear(mark)
                return answers[-1]
        self._suspects.strike(mark, time.monotonic())
        return answers[-1]

    def close(self, timeout: float = 1.0) -> None:
        """Nothing to do: replicas are the cluster's."""


def _is_lost(answer: Answer) -> bool:
    return isinstance(answer, Failure) and answer.detail == LOST
