"""Texts that are read off media: who reads them, what is judged of them, and where what was seen comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import given, strategies as st

from guard.classifier import Classifier, Readable, Reader, Unreadable
from guard.content import AudioPart, Content, Direction, ImagePart, Modality, Part, TextPart
from guard.decision import Cause, FailureKind, Refusal
from guard.finding import Finding, Quote
from guard.inside import Inside
from tests.test_pipeline import BLOCK, Bench, Pictures, Shelf


class Ears(Reader[list[str]]):
    """Hears a word a second in sounds that hold words; channels are parted by `|`."""

    modalities = frozenset({Modality.AUDIO, Modality.IMAGE})

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.trouble: Callable[[Sequence[list[str]]], Any] | None = None

    def prepare(self, part: Readable) -> list[str]:
        assert isinstance(part, AudioPart | ImagePart)
        if not part.data:
            raise Unreadable("an empty sound")
        return part.data.decode().split("|")

    def cost(self, item: list[str]) -> int:
        return sum(map(len, item)) or 1

    def read(self, items: Sequence[list[str]]) -> list[list[Quote]]:
        if self.trouble is not None:
            return self.trouble(items)  # type: ignore[no-any-return]
        return [
            [
                Quote(f" {word}", (0, 0, 0.5, 0.5), (float(at), at + 1.0), strand)
                for strand, channel in enumerate(item)
                for at, word in enumerate(channel.split())
            ]
            for item in items
        ]


class Meter(Pictures):
    """Looks at pictures, but not at what they show."""

    automatic = False
    vouches = False


class Equipped(Shelf):
    """The shelf with a reader."""

    classes: ClassVar[dict[str, type[Classifier[Any]]]] = {**Shelf.classes, "ears": Ears, "meter": Meter}


class Room(Bench):
    """A bench that hears."""

    catalog = Equipped


@pytest.fixture(params=["words", "quick"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    one = Room(BLOCK, f"{request.param}: {{}}, ears: {{}}")
    yield one
    one.engine.close()


def sound(words: str, pointer: str = "/sound", role: str | None = None) -> AudioPart:
    return AudioPart(words.encode(), pointer, role=role)


@pytest.mark.parametrize("direction", Direction)
def test_what_is_said_in_a_sound_is_judged_as_text_is(bench: Bench, direction: Direction) -> None:
    detection = bench.detect(sound("this is bad indeed", role="user"), direction=direction)

    assert [(f.category, f.time, f.span, f.part, f.modality, f.role) for f in detection.findings] == [
        ("custom.bad", (2.0, 3.0), None, "/sound", Modality.AUDIO, "user")
    ]
    assert (detection.coverage.checked, detection.coverage.unscannable) == (1, ())
    assert not detection.failures


def test_every_channel_is_read_by_itself(bench: Bench) -> None:
    found = bench.detect(sound("all is well|so they say but it is bad|fine")).findings
    assert [finding.time for finding in found] == [(6.0, 7.0)]


def test_words_that_stand_in_two_media_are_no_sentence(bench: Bench) -> None:
    assert bench.detect(sound("ba", "/1"), sound("d", "/2")).findings == ()


def test_what_is_blocked_in_a_text_is_blocked_in_a_sound(bench: Bench) -> None:
    assert isinstance(bench.judge(sound("this is bad")).released, Refusal)
    assert isinstance(bench.judge(sound("this is fine")).released, Content)


def test_a_sound_without_words_is_checked(bench: Bench) -> None:
    detection = bench.detect(sound("   "))
    assert (detection.coverage.checked, detection.findings) == (1, ())


def test_a_sound_that_cannot_be_read_is_unscannable(bench: Bench) -> None:
    judged = bench.judge(AudioPart(b"", "/sound"))
    assert judged.decision.cause is Cause.UNSCANNABLE
    assert judged.decision.coverage.unscannable == (("/sound", "an empty sound"),)
    assert isinstance(judged.released, Refusal)


@pytest.mark.parametrize(
    "trouble",
    [
        lambda items: [[] for _ in items][1:],
        lambda items: [None for _ in items],
        lambda items: [[Finding("custom.bad", 1.0)] for _ in items],
        lambda items: [[Quote("bad", time=(2.0, 1.0))] for _ in items],
        lambda items: [[Quote(b"bad")] for _ in items],  # type: ignore[arg-type]
        lambda items: 1 / 0,
    ],
)
def test_a_reader_that_fails_or_answers_nonsense_is_a_failure(bench: Bench, trouble: Any) -> None:
    ears = next(one for one in bench.shelf.made if isinstance(one, Ears))
    ears.trouble = trouble
    judged = bench.judge(sound("this is fine"))

    assert [(one.classifier, one.kind) for one in judged.decision.failures] == [("ears", FailureKind.ERROR)]
    assert isinstance(judged.released, Refusal)


def test_a_classifier_that_fails_on_what_was_read_is_a_failure(bench: Bench) -> None:
    def fails(texts: Sequence[str]) -> Any:
        raise RuntimeError

    bench.words().trouble = fails
    judged = bench.judge(sound("this is fine"))

    assert {one.classifier for one in judged.decision.failures} <= {"words", "quick"}
    assert isinstance(judged.released, Refusal)


@pytest.mark.parametrize(
    ("rules", "classifiers", "reason"),
    [
        (BLOCK, "words: {}", "no reader is named"),
        ("{id: r, modalities: [text], when: {category: custom.bad}, then: block}", "words: {}, ears: {}", "no rule"),
        ("{id: r, directions: [output], when: {category: custom.bad}, then: block}", "words: {}, ears: {}", "no rule"),
        ("{id: r, when: {category: custom.picture}, then: block}", "pictures: {}, ears: {}", "no texts are judged"),
    ],
)
def test_a_sound_that_nobody_asks_about_is_not_passed_for_checked(rules: str, classifiers: str, reason: str) -> None:
    bench = Room(rules, classifiers)
    coverage = bench.detect(sound("this is bad")).coverage
    assert coverage.unscannable == (("/sound", "no classifier of the policy reads audio"),)
    bench.engine.close()


def test_what_only_measures_does_not_make_a_part_checked() -> None:
    bench = Room("{id: r, when: {category: custom.picture}, then: block}", "meter: {}")
    coverage = bench.detect(ImagePart(b"x", "/picture")).coverage
    assert coverage.unscannable == (("/picture", "no classifier of the policy reads image"),)
    bench.engine.close()


words = st.text("abc d", max_size=5)
boxes = st.tuples(*(st.floats(0, 0.5),) * 2, *(st.floats(0.5, 1),) * 2)
times = st.tuples(st.floats(0, 5), st.floats(5, 10))
quotes = st.lists(st.builds(Quote, words, st.none() | boxes, st.none() | times, st.integers(0, 2)), max_size=8)


@given(quotes, st.data())
def test_a_finding_comes_back_where_the_quotes_it_touches_are(some: list[Quote], data: st.DataObject) -> None:
    outside = Content(Direction.INPUT, (TextPart("x"), AudioPart(b"x", "/medium", role="user")))
    inside = Inside()
    inside.add_texts(1, some, "user")
    said = "".join(part.text for part in inside.parts if isinstance(part, TextPart))
    assert sorted(said.replace(" ", "")) == sorted("".join(quote.text for quote in some).replace(" ", ""))
    for part in inside.parts:
        assert isinstance(part, TextPart)
        start = data.draw(st.integers(0, len(part.text) - 1))
        end = data.draw(st.integers(start + 1, len(part.text)))
        finding = Finding("custom.bad", 1.0, (start, end), part=part.pointer)
        known = [quote.time for quote in some if quote.time is not None]
        put_back = inside.put_back([finding], outside)
        assert put_back
        for one in put_back:
            assert (one.part, one.modality, one.span, one.role) == ("/medium", Modality.AUDIO, None, "user")
            assert one.time is None or (one.time[0] in [a for a, _ in known] and one.time[1] in [b for _, b in known])
            assert one.box is None or one.box in [quote.box for quote in some]


def test_of_findings_at_one_place_the_strongest_counts() -> None:
    inside = Inside()
    inside.add_texts(0, [Quote("very bad", time=(1, 2))], None)
    outside: Sequence[Part] = (AudioPart(b"x", "/0"),)
    found = inside.put_back(
        [Finding("custom.bad", score, (0, 4), part="/0") for score in (0.4, 0.9, 0.5)],
        Content(Direction.INPUT, tuple(outside)),
    )
    assert [finding.score for finding in found] == [0.9]


def test_what_goes_over_two_lines_is_found_on_both_and_what_is_about_all_around_all() -> None:
    top, low = (0.1, 0.1, 0.9, 0.2), (0.1, 0.3, 0.9, 0.4)
    inside = Inside()
    inside.add_texts(0, [Quote("very\n", top), Quote("bad\n", low)], None)
    outside = Content(Direction.INPUT, (ImagePart(b"x", "/0"),))
    across = inside.put_back([Finding("custom.bad", 1.0, (2, 8), part="/0", evidence="luhn")], outside)
    assert [finding.box for finding in across] == [top, low]
    assert {finding.evidence for finding in across} == {"luhn, read in the picture"}
    (whole,) = inside.put_back([Finding("custom.bad", 1.0, part="/0")], outside)
    assert whole.box == (0.1, 0.1, 0.9, 0.4)


def test_without_the_classifiers_of_texts_what_would_be_read_is_unscannable() -> None:
    bench = Room(BLOCK, "words: {}, ears: {}", modalities=frozenset({Modality.AUDIO, Modality.IMAGE}))
    assert bench.detect(sound("this is bad")).coverage.unscannable
    bench.engine.close()


def test_what_was_read_is_in_no_representation() -> None:
    assert "secret" not in repr(Quote("secret"))
