"""What waits for a person, as the file keeps it."""

from __future__ import annotations

import sqlite3
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from guard.held import HeldAnswer, HeldError, HeldStore, Standing

SECRET = b"what nobody may see"
HOUR = 3600.0


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> HeldStore:
    return HeldStore(tmp_path / "held.db", max_bytes=1000, most=3, clock=clock)


def answer(clock: Clock, name: str = "a", **more: object) -> HeldAnswer:
    one = HeldAnswer(name, clock.now, clock.now + HOUR, HOUR, headers=(("x-a", "b"),), summary={"rules": ["look"]})
    return replace(one, **more)  # type: ignore[arg-type]


def everything(folder: Path) -> bytes:
    """All that is on disk while the store is open."""
    return b"".join(path.read_bytes() for path in folder.glob("held.db*"))


def test_what_is_kept_is_found_again_by_another_process(store: HeldStore, clock: Clock, tmp_path: Path) -> None:
    given = answer(clock, tenant="ant", message="wait", media_type="image/png")
    store.keep(given, SECRET)
    other = HeldStore(tmp_path / "held.db", clock=clock)
    assert other.find("a") == replace(given, size=len(SECRET))
    assert other.body("a") == SECRET
    assert [one.id for one in other.waiting()] == ["a"]
    other.close()
    store.close()


def test_a_file_that_was_not_made_yet_holds_nothing(store: HeldStore, tmp_path: Path) -> None:
    assert store.find("a") is None
    assert store.body("a") is None
    assert store.waiting() == []
    assert store.load() == (0, 0)
    store.sweep()
    store.drop("a")
    assert not (tmp_path / "held.db").exists()


def test_only_its_owner_may_read_the_file(store: HeldStore, clock: Clock, tmp_path: Path) -> None:
    store.keep(answer(clock), SECRET)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("held.db*")}
    assert modes == {0o600}
    store.close()


def test_what_nobody_decided_on_in_time_expires(store: HeldStore, clock: Clock, tmp_path: Path) -> None:
    store.keep(answer(clock), SECRET)
    clock.now += HOUR
    found = store.find("a")
    assert found is not None
    assert found.standing is Standing.EXPIRED
    assert store.body("a") is None
    assert store.waiting() == []
    with pytest.raises(HeldError, match="expired"):
        store.decide("a", Standing.RELEASED, by="Ann")
    store.sweep()
    assert SECRET not in everything(tmp_path)
    store.close()


def test_what_is_released_can_be_fetched_for_as_long_again(store: HeldStore, clock: Clock) -> None:
    store.keep(answer(clock), SECRET)
    clock.now += HOUR - 1
    store.decide("a", Standing.RELEASED, by="Ann", reason="fine")
    clock.now += HOUR - 1
    assert store.body("a") == SECRET
    clock.now += 1
    assert store.body("a") is None
    found = store.find("a")
    assert found is not None
    assert (found.standing, found.by, found.reason) == (Standing.EXPIRED, "Ann", "fine")
    store.close()


def test_a_ticket_is_forgotten_in_the_end(store: HeldStore, clock: Clock) -> None:
    store.keep(answer(clock), SECRET)
    clock.now += HOUR + 31 * 86_400
    store.sweep()
    assert store.find("a") is None
    store.close()


def test_what_is_refused_leaves_nothing_in_the_file(store: HeldStore, clock: Clock, tmp_path: Path) -> None:
    store.keep(answer(clock), SECRET)
    assert SECRET in everything(tmp_path)
    store.decide("a", Standing.REFUSED, by="Ann")
    assert store.body("a") is None
    assert SECRET not in everything(tmp_path)
    store.close()


def test_a_decision_that_cannot_be_written_down_is_none(store: HeldStore, clock: Clock) -> None:
    def full(_: HeldAnswer) -> None:
        raise RuntimeError("no space")

    store.keep(answer(clock), SECRET)
    with pytest.raises(RuntimeError):
        store.decide("a", Standing.RELEASED, by="Ann", record=full)
    found = store.find("a")
    assert found is not None
    assert found.standing is Standing.PENDING
    store.close()


@pytest.mark.parametrize("size", [1000, 401])
def test_there_is_room_for_so_many_bytes(store: HeldStore, clock: Clock, size: int) -> None:
    store.keep(answer(clock, "a"), bytes(600))
    with pytest.raises(HeldError, match="no room"):
        store.keep(answer(clock, "b"), bytes(size))
    assert store.find("b") is None
    assert store.load() == (1, 600)
    store.decide("a", Standing.REFUSED, by="Ann")
    store.keep(answer(clock, "b"), bytes(size))
    assert store.load() == (1, size)
    store.close()


def test_there_is_room_for_so_many_answers_and_time_makes_some(store: HeldStore, clock: Clock) -> None:
    for name in "abc":
        store.keep(answer(clock, name), b"x")
    with pytest.raises(HeldError, match="no room"):
        store.keep(answer(clock, "d"), b"x")
    clock.now += HOUR
    store.keep(answer(clock, "d"), b"x")
    store.close()


def test_what_is_known_of_a_ticket_stays(store: HeldStore, clock: Clock) -> None:
    store.keep(answer(clock), SECRET)
    store.decide("a", Standing.REFUSED, by="Ann")
    store.keep(answer(clock), SECRET)
    found = store.find("a")
    assert found is not None
    assert found.standing is Standing.REFUSED
    assert store.body("a") is None
    store.close()


def test_a_file_to_be_served_stays_released_and_its_bytes_are_not_kept(store: HeldStore, clock: Clock) -> None:
    store.keep(answer(clock, asset="00" * 32, keeps=3650 * 86_400.0), SECRET)
    assert store.body("a") == SECRET
    store.decide("a", Standing.RELEASED, by="Ann")
    assert store.body("a") is None
    clock.now += 300 * 86_400
    store.sweep()
    found = store.find("a")
    assert found is not None
    assert found.standing is Standing.RELEASED
    store.close()


def test_of_many_who_decide_at_once_one_does(store: HeldStore, clock: Clock, tmp_path: Path) -> None:
    store.keep(answer(clock), SECRET)
    done: list[Standing] = []
    recorded: list[HeldAnswer] = []

    def decide(standing: Standing) -> None:
        own = HeldStore(tmp_path / "held.db", clock=clock)
        try:
            done.append(own.decide("a", standing, by="Ann", record=recorded.append).standing)
        except HeldError:
            pass
        finally:
            own.close()

    threads = [threading.Thread(target=decide, args=(one,)) for one in (Standing.RELEASED, Standing.REFUSED) * 4]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(done) == len(recorded) == 1
    found = store.find("a")
    assert found is not None
    assert found.standing is done[0]
    store.close()


def test_a_file_of_somebody_else_is_left_alone(store: HeldStore, clock: Clock, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "held.db")
    other.execute("CREATE TABLE precious (x)")
    other.close()
    with pytest.raises(HeldError, match="something else"):
        store.keep(answer(clock), SECRET)
    (tmp_path / "held.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(HeldError):
        store.find("a")


def test_a_file_that_is_deleted_is_made_again(store: HeldStore, clock: Clock, tmp_path: Path) -> None:
    store.keep(answer(clock), SECRET)
    for path in tmp_path.glob("held.db*"):
        path.unlink()
    assert store.find("a") is None
    store.keep(answer(clock, "b"), SECRET)
    assert store.body("b") == SECRET
    store.close()
