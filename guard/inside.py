"""What is inside of a medium, as a content of its own: the texts read off it, the frames and sound of a film. Pure.

medium ─reader→ Quotes ─`add_texts`→ **Inside** ─detect→ Findings ─`Inside.put_back`→ Findings on the medium

So whatever judges texts and pictures judges those too, and what it sees comes back on the one part that can be blocked
or changed, with the box and the time that it was seen at.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guard.content import AudioPart, Content, ImagePart, Part, TextPart, VideoPart
from guard.finding import Box, Finding, Quote, Time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guard.media.film import Film

KIND = "transcript"
SEEN, HEARD = "read in the picture", "heard in the sound"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one part inside comes from: part *number* of the content outside, *time* of it, the *quotes* it is made of.

    Each quote comes with the character that it begins at.
    """

    number: int
    time: Time | None = None
    quotes: tuple[tuple[int, Quote], ...] = ()

    def places(self, finding: Finding) -> list[tuple[Box | None, Time | None, str]]:
        """Where in the medium *finding* lies, and how that was found: each line that it touches, the time of its words.

        What is about all of a text is around all of it.
        """
        touched = [quote for start, quote in self.quotes if _touches(finding.span, start, start + len(quote.text))]
        boxes = [quote.box for quote in touched if quote.box is not None]
        times = [quote.time for quote in touched if quote.time is not None]
        how = SEEN if boxes else HEARD if times else ""
        if not times:
            times = [time for time in (finding.time or self.time,) if time is not None]
        time = (min(start for start, _ in times), max(end for _, end in times)) if times else None
        if finding.span is None or not boxes:
            return [(_around(boxes) if boxes else finding.box, time, how)]
        return [(box, time, how) for box in boxes]


@dataclass(slots=True)
class Inside:
    """Parts that were found inside of the media of a content, with their origins."""

    parts: list[Part] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)

    def add(self, part: Part, origin: Origin) -> None:
        """Take in *part*. What it points at is only its place here."""
        place = len(self.parts)
        self.parts.append(replace(part, pointer=f"/{place}", path=(place,), editable=False))
        self.origins.append(origin)

    def add_texts(self, number: int, quotes: Iterable[Quote], role: str | None) -> None:
        """Take in what was read off part *number*: a text for each strand."""
        strands: dict[int, list[Quote]] = {}
        for quote in quotes:
            strands.setdefault(quote.strand, []).append(quote)
        for strand in strands.values():
            text, placed = "", []
            for quote in strand:
                placed.append((len(text), quote))
                text += quote.text
            if text.strip():
                self.add(TextPart(text, kind=KIND, role=role), Origin(number, quotes=tuple(placed)))

    def add_film(self, number: int, medium: AudioPart | VideoPart, film: Film) -> None:
        """Take in what *film*, which is part *number*, the *medium*, holds: frames, texts, and its sound."""
        for shot in film.shots:
            self.add(ImagePart(shot.picture, media_type="image/jpeg", role=medium.role), Origin(number, shot.time))
        self.add_texts(number, film.quotes, medium.role)
        if film.has_sound and isinstance(medium, VideoPart):
            sound = AudioPart(medium.data, media_type=medium.media_type, role=medium.role)
            self.add(sound, Origin(number))

    def content(self, outside: Content) -> Content:
        """The parts, as a content that goes where *outside* goes."""
        return replace(outside, parts=tuple(self.parts), exempt=(), vault_key=None, masked={})

    def number_of(self, pointer: str) -> int:
        """The number outside of the part that *pointer* points at inside."""
        return self.origins[int(pointer[1:])].number

    def put_back(self, findings: Iterable[Finding], outside: Content) -> list[Finding]:
        """*findings* of parts inside on the parts of *outside*: of those on one place, the strongest."""
        best: dict[tuple[str, str, object, object], Finding] = {}
        for finding in findings:
            origin = self.origins[int(finding.part[1:])]
            medium = outside.parts[origin.number]
            for box, time, how in origin.places(finding):
                key = (finding.category, medium.pointer, box, time)
                if key not in best or best[key].score < finding.score:
                    best[key] = replace(
                        finding,
                        span=None,
                        box=box,
                        time=time,
                        part=medium.pointer,
                        modality=medium.modality,
                        role=medium.role,
                        evidence=", ".join(filter(None, (finding.evidence, how))),
                    )
        return list(best.values())


def _touches(span: tuple[int, int] | None, start: int, end: int) -> bool:
    return span is None or (span[0] < end and start < span[1])


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
