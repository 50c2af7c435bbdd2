from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from guard.content import Content, Direction, ImagePart, Modality, OpaquePart, Part, TextPart, View
from guard.finding import Finding
from guard.reading import Reading, Views, locate, readings
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


def test_a_text_without_the_unseen_sign_that_it_begins_with_is_read_as_well():
    read = readings(content("\ufe0fkill them"), CanaryClassifier())

    assert {reading.source.text for reading in read if isinstance(reading.source, View)} == {
        "\ufe0fkill them", "kill them",
    }  # fmt: skip


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


@pytest.mark.parametrize("alone", [(0, 3), (0, 8), (2, 5)])
def test_a_seams_span_in_one_part_adds_nothing_where_the_part_shows_it_alone(alone: tuple[int, int]):
    mail = Finding("pii.email", 1.0, span=alone)

    assert [f.span for f in located(mail, Finding("pii.email", 1.0, span=(0, 3)))] == [alone]


def test_a_seams_span_in_one_part_counts_where_only_the_neighbour_says_what_it_is():
    found = located(Finding("pii.bank_account", 0.8, span=(8, 14)))

    assert [(f.part, f.span) for f in found] == [("/1", (0, 6))]
    found = located(Finding("pii.email", 0.6, span=(0, 8)), Finding("pii.email", 0.9, span=(0, 8)))
    assert [(f.part, f.span, f.score) for f in found] == [("/0", (0, 8), 0.9)]


def test_a_word_that_a_seam_view_shows_half_of_is_left_to_its_own_window():
    texts = content("x" * 60, "y")
    seam = next(r for r in readings(texts, Short()) if r.seam)
    assert isinstance(seam.source, View)

    assert locate(texts, "c", [seam], [[Finding("custom.x", 1.0, span=(0, 5))]]) == []
    assert len(locate(texts, "c", [seam], [[Finding("custom.x", 1.0, span=(1, 5))]])) == 1


def pieces(*texts: str) -> Content:
    """Pieces of one message's content."""
    paths = [("messages", 0, "content", number, "text") for number in range(len(texts))]
    return content(*(TextPart(text, f"/{n}", path=paths[n], role="user") for n, text in enumerate(texts)))


class Mail(CanaryClassifier):
    pattern = re.compile(r"\w+@\w+\.\w+")


def places(given_content: Content, classifier: CanaryClassifier) -> list[tuple[str, tuple[int, int] | None]]:
    read = readings(given_content, classifier)
    answers = classifier.classify([reading.source.text for reading in read if isinstance(reading.source, View)])
    return sorted((f.part, f.span) for f in locate(given_content, "c", read, answers) if f.score > 0.5)


def test_a_value_that_goes_on_in_the_next_piece_of_one_message_is_found_whole():
    assert places(pieces("at ana@a.co", "mpany ok"), Mail()) == [("/0", (3, 11)), ("/1", (0, 5))]


@pytest.mark.parametrize("texts", [("at ana@a.co ", "mpany ok"), ("at ana@a.co", " mpany ok")])
def test_a_value_that_ends_at_white_space_is_not_carried_on(texts: tuple[str, str]):
    assert places(pieces(*texts), Mail()) == [("/0", (3, 11))]


def test_a_value_that_ends_a_message_is_not_carried_on_into_the_next():
    assert places(content("at ana@a.co", "mpany ok"), Mail()) == [("/0", (3, 11))]


def small(*texts: str, kind: str = "unknown") -> Content:
    return content(*(TextPart(text, f"/{n}", kind=kind) for n, text in enumerate(texts)))


@pytest.mark.parametrize("cut", range(1, len(CANARY)))
def test_a_phrase_split_over_small_fields_is_found(cut: int):
    assert {part for part, _ in places(small("a", CANARY[:cut], CANARY[cut:]), CanaryClassifier())} == {"/1", "/2"}


def test_a_phrase_split_over_a_name_and_what_it_says_is_found():
    said = [TextPart(CANARY[:12], "/0", ("messages", 3, "name"), "name"), TextPart("no", "/1", ("user",), "name")]
    said += [TextPart(CANARY[13:], "/2", ("messages", 3, "content"), role="user")]

    assert [part for part, _ in places(content(*said), CanaryClassifier())] == ["/0", "/2"]


class Numbers(CanaryClassifier):
    pattern = re.compile(r"\b\d{4}( ?\d{4}){3}\b")


def test_a_list_of_numbers_is_not_one_number():
    numbers = ("4111", "1111", "1111", "1111", "1111")

    assert places(small(*numbers), Numbers()) == []
    assert places(small("41111111", "11111111"), Numbers()) == [("/0", (0, 8)), ("/1", (0, 8))]
    assert places(small("41111111", "11111111", kind="key"), Numbers()) == []


class Mood(Short):
    """Scores all that it reads by its worst word."""

    def _findings(self, text: str) -> list[Finding]:
        return [Finding("toxicity", 0.9 if "vile" in text else 0.6 if "very" in text and "bad" in text else 0.1)]


def moods(*texts: str) -> dict[str, float]:
    given_content = small(*texts)
    read = readings(given_content, Mood())
    answers = Mood().classify([reading.source.text for reading in read if isinstance(reading.source, View)])
    found = locate(given_content, "c", read, answers)
    return {f.part: max(o.score for o in found if o.part == f.part) for f in found}


def test_a_score_of_small_fields_is_put_down_to_the_one_that_earns_it():
    assert moods("ok", "vile", "fine") == {"/0": 0.1, "/1": 0.9, "/2": 0.1}


def test_a_score_that_no_small_field_earns_alone_is_about_all_of_them():
    assert moods("very", "bad") == {"/0": 0.6, "/1": 0.6}


def test_many_small_fields_are_read_together_only():
    read = readings(small(*["field"] * 65), Short())

    assert len(read) < 30
    assert not any(reading.seam for reading in read)


def test_an_escape_before_a_value_is_no_part_of_it():
    assert places(content("mail\\nana@a.co"), Mail()) == [("/0", (6, 14))]


def test_an_escape_within_a_value_is_all_of_it():
    assert places(content("at \\u0061na@a.co\\n"), Mail()) == [("/0", (3, 16))]


def test_no_finding_begins_or_ends_within_an_escape():
    texts = content("a\\u0041b")
    found = locate(texts, "c", [Reading(View.of(texts.parts[0].text))], [[Finding("x", 1.0, span=(3, 5))]])

    assert [f.span for f in found] == [(1, 7)]


def test_escapes_are_undone_once_for_all_classifiers():
    texts = content("\\n".join(["ab"] * 30))
    views = Views(texts)
    first, second = (readings(texts, CanaryClassifier(), views) for _ in range(2))

    assert first[0].source is second[0].source


def test_windows_without_an_escape_are_not_read_twice():
    plain = len(readings(content("x" * 4_000), Short()))

    assert len(readings(content("\\n" + "x" * 3_998), Short())) <= plain + 2


@pytest.mark.parametrize("unit", ["\\n", "a\\n", "\\u0041", "\\", "\\x"])
def test_a_text_of_escapes_costs_in_proportion_to_its_length(unit: str):
    text = "\\u0041" + unit * (300_000 // len(unit))
    read = readings(content(text), CanaryClassifier())

    shown = [r.source for r in read if isinstance(r.source, View)]
    assert sum(len(view.text) for view in shown) < 4 * len(text)
    assert sum(len(view.segments) for view in shown) < 80_000


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


@given(place=st.integers(1, len(CANARY) * 6 - 1), lead=st.integers(0, 60))
def test_a_phrase_in_escapes_that_is_cut_over_two_parts_is_found_at_its_place(place: int, lead: int) -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in CANARY)
    texts = ["so " * lead + escaped[:place], escaped[place:] + " it is"]
    found = dict(seen(content(*texts)))
    assert found
    for number, text in enumerate(texts):
        start, end = found.get(f"/{number}") or (0, 0)
        assert escaped[:place][5:-5] in text[start:end] or number != 0
        assert escaped[place:][5:-5] in text[start:end] or number != 1
        assert end <= len(text) - number * len(" it is")
