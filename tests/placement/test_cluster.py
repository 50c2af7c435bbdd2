"""The desk of a classifier on a cluster, over replicas that run in this process: see ``tests/placement/on_ray.py``."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from guard.batching.terms import Terms
from guard.classifier import Unreadable
from guard.content import AudioPart, View
from guard.decision import Failure, FailureKind
from guard.engine import Engine
from guard.errors import WeightsError
from guard.finding import Finding
from guard.placement import cluster
from guard.placement.cluster import Cluster, ClusterDesk, Replica, application
from guard.placement.desk import Afar
from tests.placement.brittle import Brittle, Catalog

QUARANTINED = Failure("brittle", FailureKind.ERROR, "quarantined")


class DiedError(Exception):
    pass


class Replicas:
    """What Serve's handle is to those who ask: one replica that dies, as a process does, of texts that say so."""

    def __init__(self) -> None:
        self._replica: Replica | None = None
        self.asked: list[list[str]] = []
        self.cancelled = 0
        self.ask = self

    def remote(self, about: dict[str, Any], body: bytes) -> Any:
        self.asked.append([body.decode(errors="replace"), str(about["alone"])])
        return Response(self, about, body)

    def replica(self) -> Replica:
        if self._replica is None:
            self._replica = Replica.__new__(Replica)
            self._replica._engine = Engine(Catalog())
            station = self._replica._engine.load("brittle", {})
            assert station is not None
            self._replica._station = station
        return self._replica

    def close(self) -> None:
        if self._replica is not None:
            self._replica._engine.close()


class Response:
    def __init__(self, replicas: Replicas, about: dict[str, Any], body: bytes) -> None:
        self._replicas, self._about, self._body = replicas, about, body

    def __await__(self) -> Any:
        return self._answer().__await__()

    async def _answer(self) -> dict[str, Any]:
        if b"die" in self._body:
            raise DiedError
        if b"never" in self._body:
            await asyncio.sleep(60)
        return await self._replicas.replica().ask(self._about, self._body)

    def cancel(self) -> None:
        self._replicas.cancelled += 1


@pytest.fixture
def replicas() -> Any:
    made = Replicas()
    yield made
    made.close()


def ask(desk: ClusterDesk, *texts: str, seconds: float = 10.0, terms: Terms = Terms()) -> list[Any]:  # noqa: B008
    views = [View.of(text) for text in texts]
    return asyncio.run(desk.submit(views, time.monotonic() + seconds, terms))


def found(text: str) -> list[Finding]:
    return [Finding("custom.length", len(text) / 1000)]


def test_findings_come_from_the_replica_one_list_per_item_in_order(replicas: Replicas):
    desk = ClusterDesk("brittle", {}, replicas)

    assert ask(desk, "a", "你好", "bb") == [found("a"), found("你好"), found("bb")]
    assert ask(desk) == []


def test_an_item_that_raises_fails_alone(replicas: Replicas):
    desk = ClusterDesk("brittle", {}, replicas)

    assert ask(desk, "a", "raise") == [found("a"), Failure("brittle", FailureKind.ERROR, "ValueError")]


def test_s36_what_kills_a_replica_is_found_and_its_neighbours_have_their_answers(replicas: Replicas):
    desk = ClusterDesk("brittle", {}, replicas)

    assert ask(desk, "a", "die", "bb") == [found("a"), Failure("brittle", FailureKind.ERROR, "lost"), found("bb")]
    assert replicas.asked[1:] == [["a", "True"], ["die", "True"], ["die", "True"], ["bb", "True"]]
    before = len(replicas.asked)
    assert ask(desk, "a", "die") == [found("a"), QUARANTINED]
    assert replicas.asked[before:] == [["a", "False"]]


def test_at_the_deadline_it_is_a_time_out_and_the_replica_hears_of_it(replicas: Replicas):
    desk = ClusterDesk("brittle", {}, replicas)

    assert ask(desk, "never", seconds=0.05) == [Failure("brittle", FailureKind.TIMEOUT)]
    assert ask(desk, "late", seconds=-1.0) == [Failure("brittle", FailureKind.TIMEOUT)]
    assert replicas.cancelled == 1


def test_a_caller_that_leaves_takes_its_question_along(replicas: Replicas):
    desk = ClusterDesk("brittle", {}, replicas)

    async def main() -> None:
        task = asyncio.ensure_future(desk.submit([View.of("never")], time.monotonic() + 60))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert replicas.cancelled == 1


def test_what_is_no_question_is_answered_without_its_words():
    replicas = Replicas()
    answer = asyncio.run(replicas.replica().ask({"of": [{"is": "text", "bytes": 9}], "left": 1.0}, b"secret"))
    replicas.close()

    assert answer == {"error": "WireError"}


def test_what_it_does_not_read_never_leaves_this_process():
    placed = Afar(Brittle())
    with pytest.raises(Unreadable):
        placed.prepare(AudioPart(b"x", media_type="audio/wav"))


def test_applications_of_other_options_or_classifiers_are_others():
    names = {application("text", {}), application("text", {"engine": "linear"}), application("pii", {})}

    assert len(names) == 3
    assert application("text", {"a": 1, "b": 2}) == application("text", {"b": 2, "a": 1})


def test_without_ray_or_a_cluster_the_start_stops_and_says_why(monkeypatch: pytest.MonkeyPatch):
    def none(*_: object) -> None:
        raise ImportError

    monkeypatch.setattr(cluster, "_deployed", none)
    with pytest.raises(WeightsError, match=r"guard-gateway\[ray\]"):
        Cluster().place("brittle", {}, Brittle())

    def unreachable(*_: object) -> None:
        raise ConnectionError("much about ports")

    monkeypatch.setattr(cluster, "_deployed", unreachable)
    with pytest.raises(WeightsError, match=r"no Ray cluster at `10\.0\.0\.9:1`: start one"):
        Cluster(address="10.0.0.9:1").place("brittle", {}, Brittle())

    def unloadable(*_: object) -> None:
        raise RuntimeError("its weights are gone")

    monkeypatch.setattr(cluster, "_deployed", unloadable)
    with pytest.raises(WeightsError, match="`brittle` was not loaded on the cluster: its weights are gone"):
        Cluster().place("brittle", {}, Brittle())


def test_what_is_judged_on_the_spot_stays_in_this_process():
    classifier = Brittle()
    classifier.inline_cost = 100

    placed, desk = Cluster().place("brittle", {}, classifier)

    assert placed is classifier
    desk.close()
