"""What is said in media, as texts beside the others, and what was found in them put back on the media. Pure.

::

    content + quotes ─quoted→ Quoted(content′) ─detect→ findings on content′ ─placed→ findings on content
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from guard.content import Content, Medium, Modality, TextPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guard.finding import Finding, Quote

    Box = tuple[float, float, float, float]
    Time = tuple[float, float]

KIND = "quote"
"""The kind of a text that was read in a medium; a picture's lines are one text."""


class Spoken(NamedTuple):
    """Characters ``start:end`` of a text were said by *quote*."""

    start: int
    end: int
    quote: Quote


@dataclass(frozen=True, slots=True)
class Quoted:
    """*content* has a text more for each medium that says something, behind its own parts, of which there are *own*."""

    content: Content
    own: int
    media: tuple[int, ...] = ()
    """The number of the medium that each of the texts is from."""
    said: tuple[tuple[Spoken, ...], ...] = ()

    def part(self, number: int) -> int:
        """The number, in the original content, of the part that part *number* stands for."""
        return number if number < self.own else self.media[number - self.own]


def quoted(content: Content, quotes: Mapping[int, Sequence[Quote]]) -> Quoted:
    """*content* with what is said in each of its media, by their numbers."""
    parts = list(content.parts)
    media: list[int] = []
    said: list[tuple[Spoken, ...]] = []
    for number, lines in sorted(quotes.items()):
        text, spoken = _joined(lines, "\n" if content.parts[number].modality is Modality.IMAGE else " ")
        if not text:
            continue
        medium = content.parts[number]
        pointer = f"{medium.pointer}#said{number}"
        parts.append(TextPart(text, pointer, (*medium.path, KIND), KIND, medium.role, editable=False))
        media.append(number)
        said.append(spoken)
    own = len(content.parts)
    if not media:
        return Quoted(content, own)
    return Quoted(replace(content, parts=tuple(parts)), own, tuple(media), tuple(said))


def _joined(lines: Iterable[Quote], between: str) -> tuple[str, tuple[Spoken, ...]]:
    text = ""
    spoken: list[Spoken] = []
    for line in lines:
        if line.text:
            text += between if text else ""
            spoken.append(Spoken(len(text), len(text) + len(line.text), line))
            text += line.text
    return text, tuple(spoken)


def placed(about: Quoted, findings: Iterable[Finding]) -> list[Finding]:
    """*findings* with those in texts that were added put on their media: on each line that a finding touches.

    One without a span is about all lines together.
    """
    if not about.media:
        return list(findings)
    added = {part.pointer: number for number, part in enumerate(about.content.parts[about.own :])}
    found: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        number = added.get(finding.part)
        places = [finding] if number is None else _places(about, number, finding)
        for one in places:
            key = (one.category, one.part, one.span, one.box, one.time, one.classifier)
            other = found.get(key)
            if other is None or other.score < one.score:
                found[key] = one
    return list(found.values())


def _places(about: Quoted, number: int, finding: Finding) -> list[Finding]:
    medium = about.content.parts[about.media[number]]
    if not isinstance(medium, Medium):
        return []
    spoken = about.said[number]
    base = replace(finding, span=None, part=medium.pointer, modality=medium.modality, role=medium.role)
    if finding.span is None:
        quotes = [one.quote for one in spoken]
        return [_at(base, _around([quote.box for quote in quotes]), _during([quote.time for quote in quotes]), quotes)]
    start, end = finding.span
    return [
        _at(base, one.quote.box, one.quote.time, [one.quote]) for one in spoken if one.start < end and one.end > start
    ]


def _at(finding: Finding, box: Box | None, time: Time | None, quotes: Sequence[Quote]) -> Finding:
    how = quotes[0].evidence if quotes else ""
    evidence = ", ".join(word for word in (finding.evidence, how) if word)
    return replace(finding, box=box, time=time, evidence=evidence)


def _around(boxes: Sequence[Box | None]) -> Box | None:
    """The box around all *boxes*; none where one of them could be anywhere."""
    known = [box for box in boxes if box is not None]
    if not known or len(known) < len(boxes):
        return None
    lefts, tops, rights, bottoms = zip(*known, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _during(times: Sequence[Time | None]) -> Time | None:
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        return None
    return min(start for start, _ in known), max(end for _, end in known)
