"""What each classifier reads of a content, and how what it saw maps back: the pure halves of *detect*.

`readings` gives every classifier all of every part it can read, as views no longer than it wants: each text in
overlapping windows, the seams between neighbouring texts, tool arguments with their escapes undone as well. `locate`
puts what was seen in views back onto the exact characters of the parts.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from guard.classifier import Classifier, Readable
from guard.content import Content, Modality, TextPart, View
from guard.finding import Finding
from guard.text.escapes import unescape_json
from guard.text.windows import cut, join, narrow, seams, windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from guard.content import Part

_PROSE = frozenset({"message", "tool_result", "reasoning", "refusal"})
_SMALL = frozenset({"key", "name", "tool_schema", "unknown", "url"})
"""Kinds that come by the hundred and a few words each: read together, a line each, as a person would read a form."""
_WORTH_KEEPING = 0.5  # below this, one score per part and category says all there is to say


@dataclass(slots=True)
class Reading:
    """One thing to read: media part number *part* as it is, or a view of text, which knows its parts itself.

    *seam* views only add what no part shows alone.
    """

    source: Readable
    part: int = -1
    seam: bool = False


def readings(content: Content, classifier: Classifier[Any]) -> list[Reading]:
    """Everything *classifier* has to read so that nothing of its modalities is unseen."""
    found: list[Reading] = []
    prose: list[tuple[int, str]] = []
    small: list[tuple[int, str]] = []
    size, horizon = classifier.window, classifier.horizon
    reads_text = Modality.TEXT in classifier.modalities
    for number, part in enumerate(content.parts):
        if isinstance(part, TextPart):
            if not (reads_text and part.text):
                continue
            if part.kind == "tool_arguments" or "\\u" in part.text:
                found += [Reading(view) for view in _cut(unescape_json(part.text, number), size, horizon)]
            if part.kind in _SMALL:
                small.append((number, part.text))
                continue
            found += [Reading(view) for view in windows(part.text, number, size, horizon)]
            if part.kind in _PROSE:
                prose.append((number, part.text))
        elif part.modality in classifier.modalities and part.modality is not Modality.OPAQUE:
            found.append(Reading(part, number))  # type: ignore[arg-type]  # OpaquePart is the only unreadable kind
    if small:
        found += [Reading(view) for view in _cut(join(small, "\n"), size, horizon)]
    for texts in _neighbours(content, prose):
        found += [Reading(view, seam=True) for view in seams(texts, horizon, size)]
    return found


def _neighbours(content: Content, prose: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """The texts that a reader would take for one: all in a row, and what each role said across the others' turns."""
    yield prose
    turns = [(role, list(texts)) for role, texts in groupby(prose, key=lambda one: content.parts[one[0]].role)]
    for role in dict.fromkeys(role for role, _ in turns):
        own = [texts for speaker, texts in turns if speaker == role]
        if len(own) > 1:
            yield [text for texts in own for text in texts]


def _cut(view: View | None, size: int | None, horizon: int) -> list[View]:
    if view is None:
        return []
    return [narrow(view, start, end) for start, end in cut(len(view.text), size, horizon)]


def locate(
    content: Content, classifier: str, read: Sequence[Reading], answers: Sequence[Sequence[Finding]]
) -> list[Finding]:
    """The findings of *answers* (one list per reading) on the parts they are about, each once, in reading order.

    A finding without a span speaks for all its view: for the whole part, or for the window's stretch of it. A seam view
    adds only what no part shows alone: a stronger score, or a span of which no part shows its piece by itself (an
    address that ends one text is no longer address because the next text begins with a letter).
    """
    best: dict[tuple[str, int, tuple[int, int] | None], Finding] = {}
    alone: dict[tuple[str, int], float] = {}
    pieces: dict[tuple[str, int], list[tuple[int, int, float]]] = {}
    for reading, findings in zip(read, answers, strict=True):
        for finding in findings:
            if reading.seam and _adds_nothing(finding, reading.source, alone):
                continue
            places = _places(content, reading, finding)
            if reading.seam and finding.span is None:
                places = [
                    (number, span)
                    for number, span in places
                    if finding.score > alone.get((finding.category, number), -1.0)
                ]
            elif reading.seam and (len(places) == 1 or _shown_alone(finding, places, pieces)):
                continue
            for number, span in places:
                if not reading.seam:
                    pair = (finding.category, number)
                    alone[pair] = max(alone.get(pair, 0.0), finding.score)
                    pieces.setdefault(pair, []).append((*(span or (0, sys.maxsize)), finding.score))
                key = (finding.category, number, span)
                known = best.get(key)
                if known is None or known.score < finding.score:
                    best[key] = _placed(finding, content.parts[number], span, classifier)
    return _without_echoes(best, alone)


def _adds_nothing(finding: Finding, view: Readable, alone: Mapping[tuple[str, int], float]) -> bool:
    """Whether *finding* speaks for all of a seam of which every part is known as at least as strong: nearly always."""
    return (
        finding.span is None
        and isinstance(view, View)
        and all(finding.score <= alone.get((finding.category, s.part), -1.0) for s in view.segments)
    )


def _shown_alone(
    finding: Finding,
    places: Sequence[tuple[int, tuple[int, int] | None]],
    pieces: dict[tuple[str, int], list[tuple[int, int, float]]],
) -> bool:
    """Whether one of *places* lies in what was found there, at least as surely, without the neighbours."""
    return any(
        start <= span[0] and span[1] <= end and finding.score <= score
        for number, span in places
        if span is not None
        for start, end, score in pieces.get((finding.category, number), ())
    )


def _places(content: Content, reading: Reading, finding: Finding) -> list[tuple[int, tuple[int, int] | None]]:
    view = reading.source
    if not isinstance(view, View):
        return [(reading.part, None)]
    start, end = finding.span or (0, len(view.text))
    places: list[tuple[int, tuple[int, int] | None]] = []
    for number, low, high in view.origins(start, end):
        whole = finding.span is None and not reading.seam and _is_whole(content.parts[number], low, high)
        places.append((number, None if whole else (low, high)))
    return places


def _is_whole(part: Part, start: int, end: int) -> bool:
    return isinstance(part, TextPart) and (start, end) == (0, len(part.text))


def _placed(finding: Finding, part: Part, span: tuple[int, int] | None, classifier: str) -> Finding:
    return Finding(
        category=finding.category,
        score=finding.score,
        span=span,
        box=finding.box,
        time=finding.time,
        part=part.pointer,
        modality=part.modality,
        role=part.role,
        classifier=classifier,
        evidence=finding.evidence,
    )


def _without_echoes(
    best: dict[tuple[str, int, tuple[int, int] | None], Finding], alone: dict[tuple[str, int], float]
) -> list[Finding]:
    """Drop weak scores of single windows: of those only the strongest per part and category is kept."""
    return [
        finding
        for (category, number, _), finding in best.items()
        if finding.score >= _WORTH_KEEPING or finding.score >= alone.get((category, number), 0.0)
    ]
