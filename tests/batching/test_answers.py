from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from guard.batching.answers import INTERRUPTS, judge
from guard.classifier import Classifier, Readable
from guard.decision import Failure, FailureKind
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Fake(Classifier[Any]):
    """Answers with what *answer* makes of the items, and notes how many it was given at once."""

    categories = frozenset({"toxicity"})

    def __init__(self, answer: Callable[[Sequence[Any]], Any]) -> None:
        super().__init__()
        self.answer = answer
        self.calls: list[int] = []

    def prepare(self, part: Readable) -> Any:
        return part

    def cost(self, item: Any) -> int:
        return 1

    def classify(self, items: Sequence[Any]) -> Any:
        self.calls.append(len(items))
        return self.answer(items)


class PanicError(BaseException):
    """Like the panics of Rust extensions: no Exception."""


def scored(item: float) -> list[Finding]:
    return [Finding("toxicity", item)]


def poisoned_by(*poison: object, error: BaseException | type[BaseException] = ValueError) -> Fake:
    def answer(items: Sequence[Any]) -> list[list[Finding]]:
        if set(items) & set(poison):
            raise error
        return [scored(item / 100) for item in items]

    return Fake(answer)


def answers(fake: Fake, items: Sequence[Any], **options: Any) -> list[Any]:
    return [answer for _, part in judge(fake, items, name="fake", **options) for answer in part]


def error(detail: str) -> Failure:
    return Failure("fake", FailureKind.ERROR, detail)


def test_s36_of_32_items_only_the_one_that_raises_fails():
    fake = poisoned_by(13)

    given_answers = answers(fake, range(32))

    assert given_answers.pop(13) == error("ValueError")
    assert given_answers == [scored(i / 100) for i in range(32) if i != 13]
    assert len(fake.calls) <= 11


def test_answers_come_stretch_by_stretch_in_order():
    stretches = list(judge(poisoned_by(5), range(8), name="fake"))

    assert [(start, len(part)) for start, part in stretches] == [(0, 4), (4, 1), (5, 1), (6, 2)]


@pytest.mark.parametrize("raised", [ValueError("ana@example.org"), PanicError("ana@example.org"), MemoryError()])
def test_a_failure_names_the_kind_of_error_and_never_its_words(raised: BaseException):
    assert answers(poisoned_by(0, error=raised), [0]) == [error(type(raised).__name__)]


@pytest.mark.parametrize("interrupt", INTERRUPTS)
def test_an_interrupt_of_the_process_passes_where_it_should_and_fails_the_item_elsewhere(
    interrupt: type[BaseException],
):
    with pytest.raises(interrupt):
        answers(poisoned_by(0, error=interrupt), [0], passing=INTERRUPTS)

    assert answers(poisoned_by(0, error=interrupt), [0]) == [error(interrupt.__name__)]


BAD_FINDINGS = {
    "NaN": Finding("toxicity", float("nan")),
    "infinite": Finding("toxicity", float("inf")),
    "above one": Finding("toxicity", 1.01),
    "below zero": Finding("toxicity", -0.01),
    "a score that is text": Finding("toxicity", "0.5"),  # type: ignore[arg-type]
    "a score that is yes": Finding("toxicity", True),
    "no score": Finding("toxicity", None),  # type: ignore[arg-type]
    "a category it does not declare": Finding("pii.email", 0.5),
    "a child of a category it declares": Finding("toxicity.severe", 0.5),
    "a span that ends before it starts": Finding("toxicity", 0.5, span=(4, 3)),
    "a span before the text": Finding("toxicity", 0.5, span=(-1, 3)),
    "a span of fractions": Finding("toxicity", 0.5, span=(0.0, 3.0)),  # type: ignore[arg-type]
    "a span of three": Finding("toxicity", 0.5, span=(0, 1, 2)),  # type: ignore[arg-type]
    "a box beyond the picture": Finding("toxicity", 0.5, box=(0.0, 0.0, 1.2, 1.0)),
    "a box inside out": Finding("toxicity", 0.5, box=(0.0, 0.9, 1.0, 0.1)),
    "a box of NaN": Finding("toxicity", 0.5, box=(0.0, float("nan"), 1.0, 1.0)),
    "a time that runs backwards": Finding("toxicity", 0.5, time=(2.0, 1.0)),
    "a time without end": Finding("toxicity", 0.5, time=(0.0, float("inf"))),
    "no finding": ("toxicity", 0.5),
}


@pytest.mark.parametrize("bad", BAD_FINDINGS.values(), ids=BAD_FINDINGS)
def test_s35_nonsense_about_one_item_fails_that_item_alone(bad: Any):
    fake = Fake(lambda items: [scored(0.1), [Finding("toxicity", 0.5, span=(0, 2)), bad], scored(0.2)])

    assert answers(fake, "abc") == [scored(0.1), error("nonsense"), scored(0.2)]
    assert fake.calls == [3]


@pytest.mark.parametrize("found", [None, "toxicity", 0.5, {}, iter(())], ids=lambda found: type(found).__name__)
def test_s35_something_other_than_a_list_is_nonsense(found: Any):
    assert answers(Fake(lambda items: [found] * len(items)), "ab") == [error("nonsense")] * 2


def test_a_category_that_cannot_be_hashed_fails_its_item():
    bad = Finding(["toxicity"], 0.5)  # type: ignore[arg-type]

    def answer(items: Sequence[str]) -> list[list[Finding]]:
        return [[bad] if item == "b" else [] for item in items]

    assert answers(Fake(answer), "abc") == [[], error("TypeError"), []]


def test_findings_that_make_sense_are_passed_on_untouched():
    sound = [
        Finding("toxicity", 0),
        Finding("toxicity", 1.0, span=(0, 0)),
        Finding("toxicity", 0.5, box=(0, 0.1, 1, 0.1), time=(0.0, 3.5), evidence="luhn"),
    ]

    assert answers(Fake(lambda items: (tuple(sound),)), "a") == [sound]


@pytest.mark.parametrize(
    "answer",
    [lambda items: [], lambda items: [[]] * (len(items) + 1), lambda items: [[]] * (len(items) - 1)],
    ids=["empty", "one too many", "one short"],
)
def test_s35_an_answer_of_the_wrong_length_is_never_taken_for_nothing_found(answer: Callable[[Sequence[Any]], Any]):
    assert answers(Fake(answer), "abc") == [error("nonsense")] * 3


@pytest.mark.parametrize("answer", [None, "toxicity", 3, {}], ids=str)
def test_s35_an_answer_that_is_no_list_is_nonsense(answer: Any):
    assert answers(Fake(lambda items: answer), "a") == [error("nonsense")]


def test_an_item_that_shortens_the_answer_is_found_by_halving():
    fake = Fake(lambda items: [[] for item in items if item != 5])

    assert answers(fake, range(8)) == [error("nonsense") if i == 5 else [] for i in range(8)]


def test_after_a_failure_nothing_is_tried_again_that_nobody_waits_for():
    fake = poisoned_by(0)

    given_answers = list(judge(fake, range(8), name="fake", wanted=lambda start, end: start < 2))

    assert given_answers == [(0, [error("ValueError")]), (1, [scored(0.01)])]
    assert fake.calls == [8, 4, 2, 1, 1]


def test_one_list_for_all_items_is_not_shared_between_callers():
    shared: list[Finding] = []

    first, second = answers(Fake(lambda items: [shared, shared]), "ab")

    assert first is not second


@given(st.integers(1, 70), st.sets(st.integers(0, 69)))
def test_whatever_items_are_poisonous_exactly_they_fail(count: int, poison: set[int]):
    given_answers = answers(poisoned_by(*poison), range(count))

    assert given_answers == [error("ValueError") if i in poison else scored(i / 100) for i in range(count)]
