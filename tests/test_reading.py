from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from guard.content import Content, Direction, ImagePart, Modality, OpaquePart, Part, TextPart, View
from guard.finding import Finding
from guard.reading import Reading, locate, readings
from tests.fakes import CANARY, CanaryClassifier

ENTITY = "ENTITY-4242"


class Short(CanaryClassifier):
    """Reads 40 characters at once and needs 24 of them for one finding."""

    window = 40
    horizon = 24


class Sighted(CanaryClassifier):
    modalities = frozenset({Modality.IMAGE})


def content(*parts: Part | str | tuple[str, str]) -> Content:
    """Parts, texts of the user, or ``(role, text)``."""
    said = [("user", part) if isinstance(part, str) else part for part in parts]
    whole = [
        TextPart(part[1], f"/{number}", role=part[0]) if isinstance(part, tuple) else part
        for number, part in enumerate(said)
    ]
    return Content(Direction.INPUT, tuple(whole))


def seen(given_content: Content, category: str = "custom.canary") -> list[tuple[str, tuple[int, int] | None]]:
    """Where a classifier that reads little at once finds its phrase."""
    classifier = Short()
    read = readings(given_content, classifier)
    answers = classifier.classify([reading.source.text for reading in read if isinstance(reading.source, View)])
    found = locate(given_content, "short", read, answers)
    return sorted((f.part, f.span) for f in found if f.category == category and f.score > 0.5)


@given(before=st.integers(0, 120), after=st.integers(0, 120))
def test_a_phrase_is_found_at_any_offset_exactly_once(before: int, after: int):
    assert seen(content("x" * before + CANARY + "y" * after)) == [("/0", (before, before + len(CANARY)))]


@given(cuts=st.lists(st.integers(1, len(CANARY) - 1), max_size=4), lead=st.integers(0, 60), tail=st.integers(0, 60))
def test_a_phrase_split_over_any_parts_is_found_in_each_of_them(cuts: list[int], lead: int, tail: int):
    bounds = [0, *sorted(set(cuts)), len(CANARY)]
    pieces = [CANARY[start:end] for start, end in pairwise(bounds)]
    pieces[0], pieces[-1] = "x" * lead + pieces[0], pieces[-1] + "y" * tail

    found = seen(content(*pieces))

    assert {part for part, _ in found} == {f"/{number}" for number in range(len(pieces))}


@pytest.mark.parametrize("role", ["user", "assistant", "tool", "system"])
def test_what_one_role_says_is_read_across_the_turns_of_others(role: str):
    other = "user" if role != "user" else "assistant"

    found = seen(content((role, CANARY[:12]), (other, "a turn in between"), (role, CANARY[13:])))

    assert found == [("/0", (0, 12)), ("/2", (0, 8))]


def test_every_part_is_read_whole():
    parts = [
        TextPart("message " * 20, "/0", role="user"),
        TextPart("schema", "/1", kind="tool_schema"),
        TextPart("key", "/2", kind="key", editable=False),
        TextPart("spelled " * 9, "/3", kind="logprobs"),
        TextPart("{}", "/4", kind="tool_arguments"),
    ]
    shown: dict[int, set[int]] = {}
    for reading in readings(content(*parts), Short()):
        assert isinstance(reading.source, View)
        assert len(reading.source.text) <= Short.window
        for part, start, end in reading.source.origins(0, len(reading.source.text)):
            shown.setdefault(part, set()).update(range(start, end))

    assert shown == {number: set(range(len(part.text))) for number, part in enumerate(parts)}


def test_only_what_a_classifier_reads_is_put_before_it():
    image = ImagePart(b"png", "/1")
    mixed = content("text", image, OpaquePart("a riddle", "/2"), "")

    assert [reading.source for reading in readings(mixed, Sighted())] == [image]
    assert all(isinstance(reading.source, View) for reading in readings(mixed, Short()))


@pytest.mark.parametrize("kind", ["tool_arguments", "tool_result", "message", "unknown"])
def test_escapes_are_undone_and_the_finding_is_put_where_they_stand(kind: str):
    escaped = "".join(f"\\u{ord(char):04x}" for char in CANARY[:3]) + CANARY[3:]

    assert seen(content(TextPart(f'{{"q": "{escaped}"}}', "/0", kind=kind))) == [("/0", (7, 7 + len(escaped)))]


def test_a_piece_beside_one_that_was_found_whole_is_found_too():
    """The first half of a split entity is not let go because another one stands whole in the same part."""
    found = seen(content(f"{ENTITY} and {ENTITY[:7]}", f"{ENTITY[7:]} it is"), "custom.entity")

    assert found == [("/0", (0, 11)), ("/0", (16, 23)), ("/1", (0, 4))]


def located(*findings: Finding, parts: tuple[str, ...] = ("ana@a.io", "thanks")) -> list[Finding]:
    """Of findings in the first part alone, then in the seam view of both."""
    texts = content(*parts)
    seam = next(r for r in readings(texts, CanaryClassifier()) if r.seam)
    alone, across = findings[:-1], findings[-1:]
    return locate(texts, "c", [Reading(View.of(parts[0])), seam], [alone, across])


def test_a_span_shown_whole_by_one_part_does_not_grow_into_the_next():
    mail = Finding("pii.email", 1.0, span=(0, 8))

    assert [f.part for f in located(mail, Finding("pii.email", 1.0, span=(0, 14)))] == ["/0"]


def test_a_span_that_the_parts_show_less_surely_counts_in_all_of_them():
    weak = Finding("pii.email", 0.6, span=(0, 8))

    found = located(weak, Finding("pii.email", 1.0, span=(0, 14)))

    assert [(f.part, f.span, f.score) for f in found] == [("/0", (0, 8), 1.0), ("/1", (0, 6), 1.0)]


def test_a_span_of_another_category_counts():
    mail = Finding("pii.email", 1.0, span=(0, 8))

    assert {f.part for f in located(mail, Finding("pii.url", 1.0, span=(4, 14)))} == {"/0", "/1"}


def test_a_seams_score_counts_where_it_is_stronger_than_the_parts_own():
    found = located(Finding("toxicity", 0.7), Finding("toxicity", 0.7))
    assert [(f.part, f.span) for f in found] == [("/0", None), ("/1", (0, 6))]

    found = located(Finding("toxicity", 0.7), Finding("toxicity", 0.8))
    assert {(f.part, f.score) for f in found} == {("/0", 0.7), ("/0", 0.8), ("/1", 0.8)}


def test_a_seams_span_in_one_part_alone_adds_nothing():
    assert located(Finding("pii.email", 1.0, span=(0, 3))) == []


def test_a_finding_without_a_span_is_about_the_whole_part_or_its_stretch_of_it():
    texts = content("x" * 60)
    read = readings(texts, Short())
    answers = [[Finding("toxicity", 0.9)] for _ in read]

    assert [f.span for f in locate(texts, "c", read, answers)] == [(0, 40), (16, 56), (32, 60)]
    assert locate(content("short"), "c", [Reading(View.of("short"))], [[Finding("toxicity", 0.9)]])[0].span is None


def test_of_weak_scores_the_strongest_of_a_part_is_kept():
    texts = content("x" * 60)
    read = readings(texts, Short())

    found = locate(texts, "c", read, [[Finding("toxicity", score)] for score in (0.1, 0.3, 0.2)])

    assert [f.score for f in found] == [0.3]


def test_a_finding_carries_its_part_role_and_classifier():
    (found,) = locate(content(("tool", "x")), "c", [Reading(View.of("x"))], [[Finding("toxicity", 0.9, evidence="e")]])

    assert (found.part, found.role, found.classifier, found.evidence) == ("/0", "tool", "c", "e")


def test_a_finding_in_a_picture_is_about_the_picture():
    picture = content("text", ImagePart(b"png", "/1"))
    read = readings(picture, Sighted())

    (found,) = locate(picture, "c", read, [[Finding("nsfw", 0.9, box=(0, 0, 1, 1))]])

    assert (found.part, found.modality, found.box) == ("/1", Modality.IMAGE, (0, 0, 1, 1))
