"""What each classifier reads of a content, and how what it saw maps back: the pure halves of *detect*.

`readings` gives every classifier all of every part it can read, as views no longer than it wants: each text in
overlapping windows, the seams between neighbouring texts, tool arguments with their escapes undone as well. `locate`
puts what was seen in views back onto the exact characters of the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.classifier import Classifier, Readable
from guard.content import Content, Modality, TextPart, View
from guard.finding import Finding
from guard.text.escapes import unescape_json
from guard.text.windows import cut, join, narrow, seams, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Part

_PROSE = frozenset({"message", "tool_result", "reasoning", "refusal"})
_SMALL = frozenset({"key", "name", "tool_schema", "unknown", "url"})
"""Kinds that come by the hundred and a few words each: read together, a line each, as a person would read a form."""
_WORTH_KEEPING = 0.5  # below this, one score per part and category says all there is to say


@dataclass(frozen=True, slots=True)
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
            if part.kind in _SMALL:
                small.append((number, part.text))
                continue
            found += [Reading(view) for view in windows(part.text, number, size, horizon)]
            if part.kind in _PROSE:
                prose.append((number, part.text))
            elif part.kind == "tool_arguments":
                found += [Reading(view) for view in _cut(unescape_json(part.text, number), size, horizon)]
        elif part.modality in classifier.modalities and part.modality is not Modality.OPAQUE:
            found.append(Reading(part, number))  # type: ignore[arg-type]  # OpaquePart is the only unreadable kind
    if small:
        found += [Reading(view) for view in _cut(join(small, "\n"), size, horizon)]
    if len(prose) > 1:
        found += [Reading(view, seam=True) for view in seams(prose, horizon, size)]
        spoken = [(n, text) for n, text in prose if content.parts[n].role == "user"]
        if 1 < len(spoken) < len(prose):
            found += [Reading(view, seam=True) for view in seams(spoken, horizon, size)]
    return found


def _cut(view: View | None, size: int | None, horizon: int) -> list[View]:
    if view is None:
        return []
    return [narrow(view, start, end) for start, end in cut(len(view.text), size, horizon)]


def locate(
    content: Content, classifier: str, read: Sequence[Reading], answers: Sequence[Sequence[Finding]]
) -> list[Finding]:
    """The findings of *answers* (one list per reading) on the parts they are about, each once, in reading order.

    A finding without a span speaks for all its view: for the whole part, or for the window's stretch of it. On a seam
    view it counts only where it is stronger than what the same classifier said of the parts alone.
    """
    best: dict[tuple[str, int, tuple[int, int] | None], Finding] = {}
    alone: dict[tuple[str, int], float] = {}
    for reading, findings in zip(read, answers, strict=True):
        for finding in findings:
            for number, span in _places(content, reading, finding):
                if reading.seam and finding.score <= alone.get((finding.category, number), -1.0):
                    continue
                if not reading.seam:
                    pair = (finding.category, number)
                    alone[pair] = max(alone.get(pair, 0.0), finding.score)
                key = (finding.category, number, span)
                known = best.get(key)
                if known is None or known.score < finding.score:
                    best[key] = _placed(finding, content.parts[number], span, classifier)
    return _without_echoes(best, alone)


def _places(content: Content, reading: Reading, finding: Finding) -> list[tuple[int, tuple[int, int] | None]]:
    view = reading.source
    if not isinstance(view, View):
        return [(reading.part, None)]
    if finding.span is None:
        whole = view.segments[0] if len(view.segments) == 1 else None
        if whole is not None and not reading.seam and _is_whole(content.parts[whole.part], view):
            return [(whole.part, None)]
        places = view.origins(0, len(view.text))
    else:
        places = view.origins(*finding.span)
        if reading.seam and len(places) == 1:
            return []  # it stands in one part alone, which was read without its neighbours
    return [(number, (start, end)) for number, start, end in places]


def _is_whole(part: Part, view: View) -> bool:
    segment = view.segments[0]
    return isinstance(part, TextPart) and segment.origin_start == 0 and segment.origin_end == len(part.text)


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
