"""How one classifier reads one thread: in windows that follow one another, each character judged once as new.

window = what was pending or serves as context │ new sentences
findings that begin before `known` were given already; those from `pending` on may still grow and come next time
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from guard.content import Content, TextPart, View
from guard.reading import Reading, Views, locate, readings
from guard.stream.thread import Piece
from guard.text.escapes import unescape_json, unfinished
from guard.text.sentences import context

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guard.classifier import Classifier
    from guard.finding import Finding
    from guard.stream.thread import Sentence, Thread


_WRITTEN = 6
"""Characters of an escape for one of what it says: so much more shows as much."""


def reach_of(classifier: Classifier[Any]) -> int:
    """How many characters before what is new *classifier* may want to see."""
    return max(classifier.horizon, _WRITTEN * classifier.lookbehind)


class Spot(NamedTuple):
    """A finding at ``start:end`` of a thread; *whole* if its score is of everything new in its window."""

    start: int
    end: int
    finding: Finding
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """What is read at once: *content* with its *readings*, which begins at *low* of the thread.

    Findings count that begin in ``fresh:limit``. A score without a span is about ``since:high``; where sentences are
    *scored*, each may be read without its context, too.
    """

    content: Content
    pieces: list[Piece]
    readings: list[Reading]
    low: int
    high: int
    fresh: int
    limit: int
    since: int
    scored: bool = False
    incomplete: Mapping[int, str] = field(default_factory=dict)

    @property
    def pointers(self) -> frozenset[str]:
        """The pointers of the parts that it shows."""
        return frozenset(part.pointer for part in self.content.parts)

    def only(self, readings: list[Reading]) -> Window:
        """The window with some of its readings: the others could not be made into items."""
        return replace(self, readings=readings) if len(readings) < len(self.readings) else self


@dataclass(slots=True)
class Scan:
    """Where one classifier stands in one thread: everything found that begins before *known* is known."""

    known: int = 0
    _told: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Scan:
        """The same state, to return to."""
        return Scan(self.known, dict(self._told))

    def window(
        self, thread: Thread, classifier: Classifier[Any], sentences: Sequence[Sentence], *, bridge: bool = False
    ) -> Window:
        """What *classifier* reads of *sentences*, which follow one another and are the next; moves on past them.

        A *bridge* to the next text is asked about as it is: no disguise is expected to go on behind it.
        """
        start, end = sentences[0].start, sentences[-1].end
        reach = classifier.lookbehind
        if classifier.reads == "sentences":
            reach = min(reach, classifier.horizon)
        new = min(start, self.known)
        low = thread.base + context(thread.text, new - thread.base, reach)
        if classifier.reads != "sentences" and "\\" in thread.slice(low, new):
            low = thread.base + context(thread.text, new - thread.base, _WRITTEN * reach)
        content, pieces = thread.content(low, end)
        goes_on = not (sentences[-1].last or bridge)
        views = Views(content, goes_on=goes_on, plain=thread.is_plain(low, end))
        read = readings(content, classifier, views)
        if classifier.reads == "sentences" and classifier.dilutes:
            alone = _alone(content, low, start, end)
            read += alone
            sources = [one.source for one in alone if isinstance(one.source, View)]
            read += [Reading(view, copy=True) for source in sources for view in views.disguised(source)]
        fresh, limit = self.known, end
        if not sentences[-1].last:
            closed = thread.closed(low, end) - low if goes_on else end - low
            limit = max(fresh, low + min(closed, _pending(content, classifier, read, end - low, closed)))
        self.known = limit
        scored = classifier.reads == "sentences"
        return Window(content, pieces, read, low, end, fresh, limit, start, scored, views.incomplete)

    def found(self, window: Window, name: str, answers: Sequence[Sequence[Finding]]) -> list[Spot]:
        """What *answers*, one per reading of *window*, say that was not known before; in the order of the text."""
        told = dict(self._told)
        spots: dict[tuple[str, int, int], Spot] = {}
        for start, end, finding, whole in _spots(window, locate(window.content, name, window.readings, answers)):
            at, category = start, finding.category
            if not whole:
                if start >= window.limit:
                    continue
                if start < window.fresh:  # told already, or the tail of something that nobody expected to go on
                    at = window.fresh if told.get(category, 0) <= start else end
            if at >= end:
                continue
            other = spots.get((category, at, end))
            if other is None or other.finding.score < finding.score:
                spots[category, at, end] = Spot(at, end, finding, whole)
            self._told[category] = max(self._told.get(category, 0), end)
        return sorted(spots.values(), key=_order)


def _alone(content: Content, low: int, start: int, end: int) -> list[Reading]:
    """The sentence ``start:end`` without what stands before it, which could drown it; none if nothing does.

    It is the end of *content*, which begins at *low* of the thread.
    """
    last = content.parts[-1] if content.parts else None
    if start in (low, end) or not isinstance(last, TextPart):
        return []
    offset = len(last.text) - (end - start)
    if offset <= 0:  # it begins its piece, which is read by itself, too
        return []
    return [Reading(View.of(last.text[offset:], len(content.parts) - 1, offset))]


def _pending(content: Content, classifier: Classifier[Any], read: Sequence[Reading], length: int, closed: int) -> int:
    """From where on the text of *content* may still grow into a match, in any of the ways it is read.

    No match is longer than the horizon, as it is read: with its escapes undone, so it may be much longer as it stands.
    Disguises are undone up to *closed*.
    """
    texts = [part.text for part in content.parts if isinstance(part, TextPart)]
    least = min(length, _growing(classifier, "".join(texts)))
    if closed < length:  # a disguise that goes on may show what what stands before it grows by
        least = min(least, _growing(classifier, "".join(texts)[:closed]))
    for view in {reading.source for reading in read if isinstance(reading.source, View)}:
        if not view.segments:
            continue
        last = view.segments[-1]
        if len(view.segments) == 1 and texts[last.part].endswith(view.text):
            continue  # the text itself, or its end
        rest = texts[-1][last.origin_end : len(texts[-1]) - (length - closed)]
        if last.part == len(texts) - 1 and not any(map(str.isalnum, rest)):  # it shows the end of the text
            at = _growing(classifier, view.text)
            if at < len(view.text):
                places = view.origins(at, len(view.text))
                first = places[0][0]
                start = min(start for number, start, _ in places if number == first)
                least = min(least, sum(map(len, texts[:first])) + start)
    if texts and (end := unfinished(texts[-1])) < len(texts[-1]):  # what it will be could belong to a match
        begun = unescape_json(texts[-1][:end], 0) or View.of(texts[-1][:end], 0)
        at = _growing(classifier, begun.text)
        place = begun.origins(at, len(begun.text))[0][1] if at < len(begun.text) else end
        least = min(least, length - len(texts[-1]) + place)
    return least


def _growing(classifier: Classifier[Any], text: str) -> int:
    return max(classifier.pending(text), len(text) - classifier.horizon)


def _spots(window: Window, findings: Iterable[Finding]) -> Iterable[Spot]:
    """*findings* at their places in the thread."""
    starts = {piece.lane.pointer: piece.start for piece in window.pieces}
    for finding in findings:
        begin = starts[finding.part]
        if finding.span is None:
            if window.high > window.since:
                yield Spot(window.since, window.high, finding, whole=True)
        else:
            start, end = begin + finding.span[0], begin + finding.span[1]
            yield Spot(start, end, finding, whole=window.scored and (start, end) == (window.since, window.high))


def _order(spot: Spot) -> tuple[int, int]:
    return spot.start, -spot.end


def placed(spot: Spot, thread: Thread) -> list[Finding]:
    """The finding of *spot* on each piece that it touches, its span counted from the piece's beginning."""
    found = []
    for number in range(thread.number_at(spot.start), len(thread.pieces)):
        piece = thread.pieces[number]
        if piece.start >= spot.end:
            break
        stop = thread.pieces[number + 1].start if number + 1 < len(thread.pieces) else spot.end
        low, high = max(spot.start, piece.start), min(spot.end, stop)
        if low < high:
            span = (low - piece.start, high - piece.start)
            found.append(replace(spot.finding, part=piece.lane.pointer, span=span, role=piece.lane.role))
    return found
