from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing
from typing import Any, ClassVar, TypeVar

import pytest

from guard import telemetry
from guard.actions import ACTIONS
from guard.classifier import Classifier, Readable, Unreadable
from guard.content import AudioPart, Content, Direction, ImagePart, Modality, OpaquePart, Part, TextPart, View
from guard.decision import Cause, Detection, FailureKind, Judged, Refusal
from guard.errors import RegistryError
from guard.finding import Finding
from guard.library import Guard
from guard.pipeline import Engine, Pipeline
from guard.policy.loader import parse_policy
from guard.policy.model import Policy

T = TypeVar("T")
SOON = 5.0


class Words(Classifier[str]):
    """Sees "bad" in texts, at its place."""

    automatic = False
    categories = frozenset({"custom.bad"})
    window: int | None = 1000
    horizon = 16

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.loaded = 0
        self.trouble: Callable[[Sequence[str]], Any] | None = None
        self.threads: set[int] = set()

    def load(self) -> None:
        self.loaded += 1

    def prepare(self, part: Readable) -> str:
        self.threads.add(threading.get_ident())
        assert isinstance(part, View)
        if "unpreparable" in part.text:
            raise KeyError(part.text)
        if "unreadable" in part.text:
            raise Unreadable("written in no script")
        return part.text

    def cost(self, item: str) -> int:
        return max(1, len(item))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        if self.trouble is not None:
            return self.trouble(items)  # type: ignore[no-any-return]
        return [[Finding("custom.bad", 1.0, span=(i, i + 3))] if (i := t.find("bad")) >= 0 else [] for t in items]


class Quick(Words):
    """The same, on the event loop."""

    inline_cost = 10_000


class Pictures(Classifier[bytes]):
    """Sees nothing in pictures; some it cannot read."""

    categories = frozenset({"custom.picture"})
    modalities = frozenset({Modality.IMAGE})

    def prepare(self, part: Readable) -> bytes:
        assert isinstance(part, ImagePart)
        if not part.data:
            raise Unreadable("an empty picture")
        return part.data

    def cost(self, item: bytes) -> int:
        return len(item)

    def classify(self, items: Sequence[bytes]) -> list[list[Finding]]:
        return [[Finding("custom.picture", 0.0)] for _ in items]


class Shelf:
    """A catalogue of the three."""

    classes: ClassVar[dict[str, type[Classifier[Any]]]] = {"words": Words, "quick": Quick, "pictures": Pictures}

    def __init__(self) -> None:
        self.made: list[Classifier[Any]] = []

    def names(self) -> tuple[str, ...]:
        return tuple(self.classes)

    def find(self, name: str) -> type[Classifier[Any]]:
        return self.classes[name]

    def provides(self, name: str, options: Any = None) -> frozenset[str]:
        return self.classes[name].categories

    def create(self, name: str, options: Any = None) -> Classifier[Any]:
        if name == "missing":
            raise RegistryError("no classifier is called `missing`")
        self.made.append(self.classes[name]())
        return self.made[-1]


class Bench:
    """A policy, its engine and its pipeline."""

    catalog: ClassVar[type[Shelf]] = Shelf

    def __init__(self, rules: str, classifiers: str, more: str = "", **options: Any) -> None:
        self.shelf = self.catalog()
        self.policy = policy(self.shelf, rules, classifiers, more)
        self.engine = Engine(self.shelf)
        self.engine.ensure([self.policy], **options)
        self.pipeline = Pipeline(self.engine)

    def words(self) -> Words:
        return next(one for one in self.shelf.made if isinstance(one, Words))

    def detect(self, *parts: Part, direction: Direction = Direction.INPUT, seconds: float = SOON) -> Detection:
        content = Content(direction, parts, (("scalar", 2),))
        return run(self.pipeline.detect(content, self.policy, time.monotonic() + seconds))

    def judge(self, *parts: Part, seconds: float = SOON) -> Judged:
        content = Content(Direction.INPUT, parts)
        deadline = time.monotonic() + seconds
        return run(self.pipeline.judge(content, self.policy, decision_id="d-1", deadline=deadline))


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def policy(shelf: Shelf, rules: str, classifiers: str, more: str = "") -> Policy:
    text = f"policy: bench\nclassifiers: {{{classifiers}}}\nrules: [{rules}]\n{more}"
    return parse_policy(text, path="bench.yaml", actions=ACTIONS, catalog=shelf)


BLOCK = "{id: stop-bad, when: {category: custom.bad}, then: block}"
PICTURE = "{id: stop-pictures, when: {category: custom.picture}, then: block}"
OUTPUT = "{id: stop-bad, directions: [output], when: {category: custom.bad}, then: block}"


@pytest.fixture(params=["words", "quick"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    one = Bench(BLOCK, f"{request.param}: {{}}")
    yield one
    one.engine.close()


def text(said: str, pointer: str = "/text", **more: Any) -> TextPart:
    return TextPart(said, pointer, **more)


def test_findings_stand_on_the_parts_they_are_about(bench: Bench) -> None:
    found = bench.detect(text("fine", "/0"), text("this is bad", "/1", role="user")).findings
    assert found == (
        Finding("custom.bad", 1.0, span=(8, 11), part="/1", role="user", classifier=bench.engine.stations()[0].name),
    )


def test_a_decision_has_the_id_it_was_given_and_its_policy(bench: Bench) -> None:
    judged = bench.judge(text("this is bad"))
    assert (judged.decision.id, judged.decision.policy, judged.decision.revision) == (
        "d-1", "bench", bench.policy.revision,
    )  # fmt: skip
    assert isinstance(judged.released, Refusal)
    assert isinstance(bench.judge(text("fine")).released, Content)


def test_every_part_is_counted_once(bench: Bench) -> None:
    coverage = bench.detect(
        text("fine", "/0"),
        text("", "/1"),
        text("also fine " * 500, "/2"),  # several windows are one part
        ImagePart(b"x", "/3"),
        OpaquePart("not base64", "/4"),
        AudioPart(b"x", "/5"),
    ).coverage
    assert coverage.checked == 2
    assert dict(coverage.exempt) == {"scalar": 2, "empty": 1}
    assert coverage.unscannable == (
        ("/3", "no classifier of the policy reads image"),
        ("/4", "not base64"),
        ("/5", "no classifier of the policy reads audio"),
    )


def test_a_direction_without_rules_is_exempt_by_name_and_asks_nobody() -> None:
    bench = Bench(OUTPUT, "words: {}")
    detection = bench.detect(text("this is bad"))
    assert detection.findings == ()
    assert dict(detection.coverage.exempt) == {"scalar": 2, "no_rule": 1}
    assert bench.words().threads == set()
    assert len(bench.detect(text("this is bad"), direction=Direction.OUTPUT).findings) == 1
    bench.engine.close()


def test_a_part_that_a_classifier_cannot_read_is_unscannable(bench: Bench) -> None:
    detection = bench.detect(text("unreadable", "/0", kind="transcript"), text("bad", "/1"))
    assert detection.coverage.unscannable == (("/0", "written in no script"),)
    assert detection.coverage.checked == 1
    assert [finding.part for finding in detection.findings] == ["/1"]
    assert bench.judge(text("unreadable")).decision.cause is Cause.UNSCANNABLE


def test_media_are_read_by_those_that_read_them() -> None:
    bench = Bench(f"{BLOCK}, {PICTURE}", "words: {}, pictures: {}")
    coverage = bench.detect(text("fine", "/0"), ImagePart(b"x", "/1"), ImagePart(b"", "/2")).coverage
    assert coverage.checked == 2
    assert coverage.unscannable == (("/2", "an empty picture"),)
    bench.engine.close()


def test_what_fails_to_prepare_is_a_failure_and_its_neighbours_are_judged(bench: Bench) -> None:
    detection = bench.detect(text("unpreparable", "/0"), text("bad", "/1"))
    assert [(f.kind, f.detail) for f in detection.failures] == [(FailureKind.ERROR, "KeyError")]
    assert [finding.part for finding in detection.findings] == ["/1"]
    assert bench.judge(text("unpreparable")).decision.cause is Cause.ERROR


@pytest.mark.parametrize("span", [(0, 100), (100, 101), (4, 4), (0, 0)])
def test_a_span_that_is_about_no_text_is_a_failure_and_not_lost(bench: Bench, span: tuple[int, int]) -> None:
    bench.words().trouble = lambda items: [[Finding("custom.bad", 1.0, span=span)] for _ in items]
    detection = bench.detect(text("fine"))
    assert [(f.kind, f.detail) for f in detection.failures] == [(FailureKind.ERROR, "nonsense")]
    assert isinstance(bench.judge(text("fine")).released, Refusal)


def test_a_failure_is_listed_once_however_many_parts_it_cost(bench: Bench) -> None:
    def broken(_: Sequence[str]) -> Any:
        raise RuntimeError("content")

    bench.words().trouble = broken
    failures = bench.detect(*(text("fine", f"/{n}") for n in range(20))).failures
    assert [(f.kind, f.detail) for f in failures] == [(FailureKind.ERROR, "RuntimeError")]


def test_silence_at_the_deadline_is_a_timeout() -> None:
    bench = Bench(BLOCK, "words: {}")
    release = threading.Event()
    bench.words().trouble = lambda items: (release.wait(5), [[] for _ in items])[1]
    began = time.monotonic()
    judged = bench.judge(text("fine"), seconds=0.2)
    took = time.monotonic() - began
    release.set()
    assert 0.18 <= took < 0.3
    assert judged.decision.cause is Cause.TIMEOUT
    assert isinstance(judged.released, Refusal)
    bench.engine.close()


def test_a_deadline_that_has_passed_judges_nothing_and_allows_nothing(bench: Bench) -> None:
    judged = bench.judge(text("fine"), seconds=-1)
    assert judged.decision.cause is Cause.TIMEOUT
    assert isinstance(judged.released, Refusal)


def test_long_text_is_prepared_on_another_thread_and_short_text_here(bench: Bench) -> None:
    bench.detect(text("fine"))
    assert bench.words().threads == {threading.get_ident()}
    bench.words().threads.clear()
    bench.detect(text("fine " * 10_000))
    assert threading.get_ident() not in bench.words().threads
    assert bench.words().threads


def test_preparing_is_part_of_the_deadline() -> None:
    bench = Bench(BLOCK, "words: {}")
    release = threading.Event()
    prepare = bench.words().prepare

    def slow(part: Readable) -> str:
        release.wait(0.4)
        return prepare(part)

    bench.words().prepare = slow  # type: ignore[method-assign]

    async def judged() -> tuple[Judged, float]:
        began = time.monotonic()
        content = Content(Direction.INPUT, (text("fine " * 10_000),))
        one = await bench.pipeline.judge(content, bench.policy, decision_id="d", deadline=began + 0.1)
        took = time.monotonic() - began
        release.set()
        return one, took

    one, took = run(judged())
    assert took < 0.35
    assert [(f.kind, f.detail) for f in one.decision.failures] == [(FailureKind.TIMEOUT, "prepare")]
    assert isinstance(one.released, Refusal)
    bench.engine.close()


@pytest.fixture
def gallery() -> Iterator[Bench]:
    one = Bench(f"{BLOCK}, {PICTURE}", "words: {}, pictures: {}")
    yield one
    one.engine.close()


def slow_pictures(bench: Bench, seconds: float) -> list[float]:
    """Make a picture take that long to prepare; the times at which one was begun."""
    pictures = next(one for one in bench.shelf.made if isinstance(one, Pictures))
    prepare, begun = pictures.prepare, list[float]()

    def slow(part: Readable) -> bytes:
        begun.append(time.monotonic())
        time.sleep(seconds)
        return prepare(part)

    pictures.prepare = slow  # type: ignore[method-assign]
    return begun


def test_long_text_does_not_wait_for_pictures(gallery: Bench) -> None:
    slow_pictures(gallery, 0.05)

    async def both() -> float:
        deadline = time.monotonic() + SOON
        album = Content(Direction.INPUT, (ImagePart(b"x"),) * 30)
        albums = [asyncio.ensure_future(gallery.pipeline.detect(album, gallery.policy, deadline)) for _ in range(8)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        long = Content(Direction.INPUT, (text("fine " * 10_000),))
        detection = await gallery.pipeline.detect(long, gallery.policy, deadline)
        assert detection.failures == ()
        for task in albums:
            task.cancel()
        return time.monotonic() - began

    assert run(both()) < 1


@pytest.mark.parametrize("leaves", [False, True], ids=["deadline", "cancelled"])
def test_pictures_that_nobody_waits_for_are_not_prepared(gallery: Bench, leaves: bool) -> None:
    begun = slow_pictures(gallery, 0.02)

    async def judged() -> None:
        album = Content(Direction.INPUT, (ImagePart(b"x"),) * 100)
        work = gallery.pipeline.detect(album, gallery.policy, time.monotonic() + (SOON if leaves else 0.1))
        if leaves:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(work, 0.1)
        else:
            assert [(f.kind, f.detail) for f in (await work).failures] == [(FailureKind.TIMEOUT, "prepare")]
        at = time.monotonic()
        await asyncio.sleep(0.3)
        assert 0 < len(begun) < 50
        assert max(begun) < at + 0.05

    run(judged())


def test_an_engine_that_closes_does_not_wait_for_what_hangs(gallery: Bench) -> None:
    pictures = next(one for one in gallery.shelf.made if isinstance(one, Pictures))
    release = threading.Event()
    pictures.prepare = lambda part: bytes(release.wait(30))  # type: ignore[method-assign]
    assert [f.kind for f in gallery.detect(ImagePart(b"x"), seconds=0.1).failures] == [FailureKind.TIMEOUT]
    began = time.monotonic()
    gallery.engine.close()
    assert time.monotonic() - began < 3
    assert [f.detail for f in gallery.detect(ImagePart(b"x")).failures] == ["closed"]
    release.set()


@pytest.mark.parametrize(
    "parts", [(text("bad " * 10_000),), tuple(text("bad", f"/{n}") for n in range(400))], ids=["long", "many"]
)
def test_what_is_large_does_not_hold_up_the_event_loop(parts: tuple[Part, ...]) -> None:
    """Everything a large content needs is worked out elsewhere: this thread reads, prepares and locates nothing."""
    bench = Bench(BLOCK, "words: {}")

    async def beaten() -> tuple[Detection, float]:
        longest, last, done = 0.0, time.monotonic(), False

        async def beat() -> None:
            nonlocal longest, last
            while not done:
                await asyncio.sleep(0)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()

        heart = asyncio.ensure_future(beat())
        detection = await bench.pipeline.detect(Content(Direction.INPUT, parts), bench.policy, last + SOON)
        done = True
        await heart
        return detection, longest

    detection, longest = run(beaten())
    assert threading.get_ident() not in bench.words().threads
    assert len({finding.part for finding in detection.findings}) == len(parts)
    assert longest < 0.2
    bench.engine.close()


def test_cancelling_is_passed_on_and_leaves_the_engine_working(bench: Bench) -> None:
    async def cancelled() -> None:
        content = Content(Direction.INPUT, (text("fine " * 10_000),))
        work = asyncio.ensure_future(bench.pipeline.detect(content, bench.policy, time.monotonic() + SOON))
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    run(cancelled())
    assert len(bench.detect(text("bad")).findings) == 1


def test_an_engine_loads_a_classifier_once_for_all_policies() -> None:
    shelf, engine = Shelf(), Engine(Shelf())
    engine = Engine(shelf)
    first = policy(shelf, BLOCK, "words: {}")
    engine.ensure([first, policy(shelf, BLOCK, "words: {}", "on_error: allow\n")])
    engine.ensure([first])
    assert [type(one) for one in shelf.made] == [Words]
    assert shelf.made[0].loaded == 1  # type: ignore[attr-defined]
    engine.close()


def test_modalities_that_are_left_out_are_unscannable_and_not_silently_allowed() -> None:
    bench = Bench(f"{BLOCK}, {PICTURE}", "words: {}, pictures: {}", modalities=frozenset({Modality.IMAGE}))
    coverage = bench.detect(text("bad", "/0"), ImagePart(b"x", "/1")).coverage
    assert coverage.unscannable == (("/0", "the classifiers that read text are not loaded"),)
    assert coverage.checked == 1
    assert isinstance(bench.judge(text("bad")).released, Refusal)
    bench.engine.ensure([bench.policy])  # now all of them
    assert bench.detect(text("fine")).coverage.unscannable == ()
    assert len(bench.detect(text("bad")).findings) == 1
    bench.engine.close()


def test_an_engine_that_is_closed_fails_what_it_is_asked(bench: Bench) -> None:
    bench.engine.close()
    judged = bench.judge(text("bad"))
    assert [(f.kind, f.detail) for f in judged.decision.failures] == [(FailureKind.ERROR, "closed")]
    assert isinstance(judged.released, Refusal)


def test_a_new_classifier_is_asked_by_policies_that_were_planned_before() -> None:
    shelf = Shelf()
    needy = policy(shelf, BLOCK, "words: {}")
    engine = Engine(shelf)
    assert engine.plan(needy, Direction.INPUT) == ()
    engine.ensure([needy])
    assert [station.name for station in engine.plan(needy, Direction.INPUT)] == ["words"]
    engine.close()


def test_parts_that_nothing_could_read_are_counted() -> None:
    def counted() -> float:
        return telemetry.REGISTRY.get_sample_value("guard_parts_unscannable_total", {"policy": "default"}) or 0.0

    before = counted()
    with closing(Guard("default", modalities=["text"])) as guard:
        guard.check(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}])

    assert counted() == before + 1
