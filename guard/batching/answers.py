"""A classifier's answers, checked: whatever it raises or returns becomes findings or a failure, item by item."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from guard.decision import Failure, FailureKind
from guard.finding import Finding, Quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from guard.classifier import Classifier

Item = TypeVar("Item")
Answer = list[Finding] | Failure


@dataclass(frozen=True, slots=True)
class Unread(Failure):
    """An item that could not be prepared where its model is, for it is not what it claims to be.

    To whoever does not tell it from others it is a failure. *reason* holds nothing of the content.
    """

    reason: str = ""


INTERRUPTS = (KeyboardInterrupt, SystemExit)
"""What a signal raises in the main thread: it means the process, not the item that was just being judged."""

NONSENSE = "nonsense"


def judge(
    classifier: Classifier[Item],
    items: Sequence[Item],
    *,
    name: str,
    passing: tuple[type[BaseException], ...] = (),
    wanted: Callable[[int, int], bool] | None = None,
) -> Iterator[tuple[int, list[Answer]]]:
    """Classify *items*; where that fails, halve them until only the items that make it fail have failed.

    Gives ``(index of the first, answers)`` stretch by stretch, in order, each as soon as it is known. Before a second
    attempt *wanted* says of ``start, end`` whether anybody still waits for one of them; if not, they are skipped.
    Exceptions in *passing* are raised; all others, also those that derive from `BaseException` as the panics
    of Rust extensions do, become failures.
    """
    ahead = [(0, len(items))]
    while ahead:
        start, end = ahead.pop()
        whole = end - start == len(items)
        if not whole and wanted is not None and not wanted(start, end):
            continue
        answers = _attempt(classifier, items if whole else items[start:end], name, passing)
        if isinstance(answers, Failure):
            if end - start > 1:
                middle = (start + end) // 2
                ahead += ((middle, end), (start, middle))
                continue
            answers = [answers]
        yield start, answers


def _attempt(
    classifier: Classifier[Item], items: Sequence[Item], name: str, passing: tuple[type[BaseException], ...]
) -> list[Answer] | Failure:
    """One call: the answer of each item, or the failure of all of them."""
    try:
        given: Any = classifier.classify(items)
        if not isinstance(given, list | tuple) or len(given) != len(items):
            return Failure(name, FailureKind.ERROR, NONSENSE)
        categories = classifier.categories
        return [
            list(found)
            if (_are_quotes(found) if classifier.reader else _is_sound(found, categories))
            else Failure(name, FailureKind.ERROR, NONSENSE)
            for found in given
        ]
    except passing:
        raise
    except BaseException as error:  # noqa: BLE001  the edge: whatever a classifier raises is a failure of its items
        return Failure(name, FailureKind.ERROR, type(error).__name__)


def _is_sound(found: Any, categories: frozenset[str]) -> bool:
    """Whether *found* is a list of findings that mean something; NaN is no score."""
    if not isinstance(found, list | tuple):
        return False
    for finding in found:
        if not isinstance(finding, Finding) or finding.category not in categories:
            return False
        score: Any = finding.score
        if not (type(score) is float or (isinstance(score, float | int) and not isinstance(score, bool))):
            return False
        if not 0 <= score <= 1:
            return False
        span, box, time = finding.span, finding.box, finding.time
        if not ((span is None and box is None and time is None) or _is_placed(span, box, time)):
            return False
    return True


def _are_quotes(found: Any) -> bool:
    """Whether *found* is what a reader gives: texts, each where it stands."""
    return isinstance(found, list | tuple) and all(
        isinstance(one, Quote) and type(one.text) is str and _is_placed(None, one.box, one.time) for one in found
    )


def _is_placed(span: Any, box: Any, time: Any) -> bool:
    """Whether each place that is given is one: two whole characters, a box in the picture, two seconds."""
    return (
        (span is None or (len(span) == 2 and type(span[0]) is type(span[1]) is int and 0 <= span[0] <= span[1]))
        and (box is None or (len(box) == 4 and _ascends(0, box[0], box[2], 1) and _ascends(0, box[1], box[3], 1)))
        and (time is None or (len(time) == 2 and _ascends(0, *time) and isfinite(time[1])))
    )


def _ascends(*numbers: float) -> bool:
    """Whether each number is at least the one before it, which nothing is beside NaN."""
    return all(low <= high for low, high in pairwise(numbers))
