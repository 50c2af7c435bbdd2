"""A model server and those who ask it, as real processes: the same findings, and what a death of it costs."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guard import registry
from guard.actions import ACTIONS
from guard.batching.terms import Terms
from guard.content import AudioPart, Content, Direction, ImagePart, TextPart, View
from guard.decision import Failure, FailureKind
from guard.engine import Engine, Station
from guard.errors import WeightsError
from guard.finding import Finding
from guard.pipeline import Pipeline
from guard.placement import Keeper, Link
from guard.policy.loader import parse_policy
from tests.fakes import eventually
from tests.placement.brittle import RUNS, Catalog, install

SHARED = Terms(scope="all")
QUARANTINED = Failure("brittle", FailureKind.ERROR, "quarantined")


def found(text: str) -> list[Finding]:
    return [Finding("custom.length", len(text) / 1000)]


@dataclass
class Place:
    """A model server, and a process that asks it."""

    keeper: Keeper
    link: Link
    station: Station
    runs: Path

    def ask(self, *calls: Sequence[str], seconds: float = 20.0, terms: Terms = Terms()) -> list[Any]:  # noqa: B008
        """Each of *calls* at the same time."""

        async def main() -> list[Any]:
            end = time.monotonic() + seconds
            prepared = [[self.station.classifier.prepare(View.of(text)) for text in call] for call in calls]
            return await asyncio.gather(*(self.station.batcher.submit(call, end, terms) for call in prepared))

        return asyncio.run(main())

    def ran(self, text: str) -> list[str]:
        """The batches that *text* was in."""
        return [line for line in self.runs.read_text().splitlines() if text in line]


@contextmanager
def keeping() -> Iterator[Keeper]:
    keeper = Keeper().start()
    try:
        yield keeper
    finally:
        keeper.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("PYTHONPATH", install(tmp_path))
    monkeypatch.setenv(RUNS, str(tmp_path / "runs"))
    with keeping() as keeper:
        link = Link(keeper.path)
        engine = Engine(Catalog(), placement=link)
        station = engine.load("brittle", {})
        assert station is not None
        yield Place(keeper, link, station, tmp_path / "runs")
        engine.close()


def test_findings_come_from_the_server_one_list_per_item_in_order(place: Place):
    assert place.ask(["a", "ccc", "bb"], ["", "\ud800"]) == [
        [found("a"), found("ccc"), found("bb")],
        [found(""), found("x")],
    ]
    assert place.keeper.pid != os.getpid()


def test_nobody_but_their_user_may_enter_the_folder_of_the_socket(place: Place):
    assert stat.S_IMODE(place.keeper.path.parent.stat().st_mode) == 0o700


def test_an_item_that_raises_fails_alone_and_the_server_lives(place: Place):
    before = place.keeper.pid

    assert place.ask(["a", "raise", "bb"]) == [
        [found("a"), Failure("brittle", FailureKind.ERROR, "ValueError"), found("bb")]
    ]
    assert place.keeper.pid == before


def test_two_processes_share_what_one_of_them_asked(place: Place):
    other = Link(place.keeper.path)
    engine = Engine(Catalog(), placement=other)
    station = engine.load("brittle", {})
    assert station is not None

    place.ask(["the same"], terms=SHARED)
    answers = Place(place.keeper, other, station, place.runs).ask(["the same"], terms=SHARED)
    engine.close()

    assert answers == [[found("the same")]]
    assert place.ran("the same") == ["the same"]


def test_s35_a_killed_server_is_replaced_within_five_seconds_and_nobody_loses_an_answer(place: Place):
    place.ask(["warm"])
    before = place.keeper.pid

    async def main() -> list[Any]:
        end = time.monotonic() + 20
        asked = [asyncio.ensure_future(place.station.batcher.submit([View.of(f"slow {n}")], end)) for n in range(3)]
        await asyncio.sleep(0.2)
        os.kill(before, signal.SIGKILL)
        return await asyncio.gather(*asked)

    began = time.monotonic()
    assert asyncio.run(main()) == [[found("slow 0")]] * 3
    assert time.monotonic() - began < 5 + 3 * 0.4 + 0.2
    assert place.keeper.pid not in (0, before)
    assert place.keeper.restarts == 1


def test_s35_a_server_that_stands_still_is_replaced_within_five_seconds(place: Place):
    place.ask(["warm"])
    before = place.keeper.pid
    os.kill(before, signal.SIGSTOP)
    began = time.monotonic()

    assert place.ask(["a"]) == [[found("a")]]
    assert time.monotonic() - began < 5
    assert place.keeper.pid not in (0, before)


def test_s36_what_kills_the_server_is_found_and_not_run_again(place: Place):
    place.ask(["warm"])
    texts = [f"text {n}" for n in range(12)]
    calls = [["slow start"], *([text] for text in texts[:6]), ["die"], *([text] for text in texts[6:])]

    _, *answers = place.ask(*calls)

    assert answers.pop(6) == [QUARANTINED]
    assert answers == [[found(text)] for text in texts]
    assert place.keeper.restarts == 2
    assert len(place.ran("die")) == 2  # among the others, then alone
    assert place.ran("die")[-1] == "die"
    assert place.ask(["die"], ["a"]) == [[QUARANTINED], [found("a")]]
    assert place.keeper.restarts == 2


def test_s36_what_kills_it_while_it_is_prepared_is_found_too(place: Place):
    place.ask(["warm"])

    async def main() -> list[Any]:
        end = time.monotonic() + 20
        desk = place.station.batcher
        return await asyncio.gather(
            desk.submit([ImagePart(b"prepare-dies")], end), desk.submit([ImagePart(b"fine")], end)
        )

    assert asyncio.run(main()) == [[QUARANTINED], [found("fine")]]
    assert len(place.ran("prepare-dies")) == 2


def test_s35_what_hangs_is_given_up_long_before_its_deadline_and_costs_nobody_else_an_answer(place: Place):
    for n in range(4):
        place.ask([f"warm {n}"])
    began = time.monotonic()

    answers = place.ask(["hang"], *([f"text {n}"] for n in range(5)), seconds=30)

    assert answers[0] == [QUARANTINED]
    assert answers[1:] == [[found("text 0")]] * 5
    assert time.monotonic() - began < 2 * 5 + 1
    assert len(place.ran("hang")) == 2


def test_s35_without_a_server_callers_hear_at_their_deadline(place: Place):
    place.ask(["warm"])
    place.keeper.close()
    began = time.monotonic()

    assert place.ask(["a"], seconds=0.3) == [[Failure("brittle", FailureKind.TIMEOUT)]]
    assert 0.29 < time.monotonic() - began < 0.4
    assert place.station.batcher.stats.stuck_threads > 0  # the gateway is not ready


def test_a_caller_that_leaves_takes_its_work_along(place: Place):
    async def main() -> None:
        end = time.monotonic() + 20
        desk = place.station.batcher
        busy = asyncio.ensure_future(desk.submit([View.of("slow")], end))
        await asyncio.sleep(0.1)
        gone = asyncio.ensure_future(desk.submit([View.of("gone")], end))
        await asyncio.sleep(0.1)
        gone.cancel()
        await busy
        assert await desk.submit([View.of("after")], end) == [found("after")]

    asyncio.run(main())
    assert place.ran("gone") == []


def test_after_closing_everything_is_an_error_at_once(place: Place):
    place.ask(["warm"])
    place.link.close()
    place.link.close()

    assert place.ask(["a"]) == [[Failure("brittle", FailureKind.ERROR, "lost")]]


def test_the_server_ends_with_its_keeper(tmp_path: Path):
    with keeping() as keeper:
        assert eventually(keeper.path.exists, 20)
        pid = keeper.pid

    def lives() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    assert eventually(lambda: not lives())
    assert not keeper.path.parent.exists()


def test_a_classifier_that_cannot_be_loaded_stops_the_start(place: Place):
    class Strange(Catalog):
        def create(self, name: str, options: Any = None) -> Any:
            return super().create("brittle")

    with pytest.raises(WeightsError, match="no classifier is called `brittl`; did you mean `brittle`"):
        Engine(Strange(), placement=place.link).load("brittl", {})


POLICY = """
policy: lengths
unscannable: flag
classifiers: {brittle: {}}
rules:
  - {id: long, when: {category: custom.length, at_least: 0.02}, then: flag}
"""


def test_a_picture_that_cannot_be_read_is_unscannable_wherever_the_model_is(place: Place):
    policy = parse_policy(POLICY, actions=ACTIONS, catalog=Catalog())
    parts = (TextPart("a text of some length", "/0"), ImagePart(b"", "/1"), AudioPart(b"x", "/2"))
    decisions = []
    for engine in (Engine(Catalog()), Engine(Catalog(), placement=Link(place.keeper.path))):
        engine.ensure([policy])
        judging = Pipeline(engine).judge(
            Content(Direction.INPUT, parts), policy, decision_id="1", deadline=time.monotonic() + 20
        )
        decisions.append(asyncio.run(judging).decision)
        engine.close()

    assert decisions[0] == decisions[1]
    assert dict(decisions[0].coverage.unscannable)["/1"] == "an empty picture"
    assert decisions[0].coverage.checked == 1


@pytest.mark.model
def test_bundled_models_find_the_same_in_either_place():
    texts = ["hello", "You are a disgusting, worthless idiot and I will kill you.", "我要杀了你", "", "x" * 3000]
    with keeping() as keeper:
        here, there = Engine(), Engine(placement=Link(keeper.path))
        for name, options in (("text", {}), ("text", {"engine": "linear"}), ("keywords", {})):
            answers = []
            for engine in (here, there):
                station = engine.load(name, options)
                assert station is not None
                items = [station.classifier.prepare(View.of(text)) for text in texts]
                answers.append(asyncio.run(station.batcher.submit(items, time.monotonic() + 60)))
            assert answers[0] == answers[1]
            assert (type(station.batcher).__name__ == "Remote") == (registry.create(name, options).inline_cost == 0)
        here.close()
        there.close()
