"""What each classifier reads of a content, and how what it saw maps back: the pure halves of *detect*.

`readings` gives every classifier all of every part it can read, as views no longer than it wants: each text in
overlapping windows, once more with its escapes undone where it has some, and the seams between neighbouring texts.
`locate` puts what was seen in views back onto the exact characters of the parts.
"""

from __future__ import annotations

import threading
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from guard.classifier import Classifier, Readable
from guard.content import Content, Direction, Modality, TextPart, View
from guard.finding import Finding
from guard.text.align import through
from guard.text.decode import LONGEST_RUN
from guard.text.escapes import MOST_EXACT, uncut, unescape_json
from guard.text.spans import Known
from guard.text.views import INCOMPLETE, MOST_DECODED, disguises, unfinished
from guard.text.windows import cut_view, join, seams, unescaped_seams, windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guard.content import Part, Path

Texts = list[tuple[int, str]]
Place = tuple[int, tuple[int, int] | None]
"""The number of a part, and the characters of it that are meant; None is all of it."""

PROSE = frozenset({"message", "tool_result", "reasoning", "refusal"})
_SMALL = frozenset({"key", "name", "tool_schema", "unknown", "url"})
"""Kinds that come by the hundred and a few words each: read together, a line each, as a person would read a form."""
_PIECES = frozenset({"content", "parts"})
"""Fields whose lists hold the pieces of one text, which a generator reads without anything between."""
_WORTH_KEEPING = 0.5  # below this, one score per part and category says all there is to say
_WIDE = 8
"""A window of that many horizons is a pattern search's; models read hardly more at once than one finding needs."""
_NEAR = 160
"""Characters on each side of a seam in which a disguise may go across it."""
_UNSEEN = frozenset({"Mn", "Me", "Cf"})
"""What an unseen sign is to Unicode; some count as letters to whoever looks for the ends of words."""
_FEW = 64
"""Up to so many small fields a model reads one by one as well, so that its score can be put down to one of them."""


@dataclass(slots=True)
class Reading:
    """One thing to read: media part number *part* as it is, or a view of text, which knows its parts itself.

    *seam* views only add what no part shows alone. *parts* are the numbers of the parts that a view speaks of, where
    they are not its own. A *copy* shows with a disguise undone what others show as it is.
    """

    source: Readable
    part: int = -1
    seam: bool = False
    parts: tuple[int, ...] = ()
    copy: bool = False


@dataclass(slots=True)
class Views:
    """What is worked out once for all classifiers that read one content: its texts with escapes and disguises undone.

    May be shared by threads. Each of them asks for the parts in their order, so the bound is spent in that order too,
    whoever comes first. Of a content that *goes_on*, what could still be a longer disguise at its end is not read yet.
    One that is known to be *plain* is not looked through for any.
    """

    content: Content
    goes_on: bool = False
    plain: bool = False
    incomplete: dict[int, str] = field(default_factory=dict)
    """Why parts were not read to the end, by their numbers."""
    _shown: dict[str, tuple[View, ...]] = field(default_factory=dict)
    _near: dict[tuple[int, ...], list[View]] = field(default_factory=dict)
    _unescaped: dict[int, View | None] = field(default_factory=dict)
    _exact: int = MOST_EXACT
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def unescaped(self, number: int, text: str) -> View | None:
        """Part *number* with its escapes undone, or None if it has none. All parts share the exact map's bound."""
        with self._lock:
            if number not in self._unescaped:
                view = self._unescaped[number] = unescape_json(text, number, self._exact)
                self._exact = max(0, self._exact - len(view.segments)) if view else self._exact
            return self._unescaped[number]

    def disguised(self, raw: View) -> list[View]:
        """*raw* with its disguises undone, in each of the ways there are; nothing nearly always."""
        if self.plain:
            return []
        text = raw.text
        with self._lock:
            known = self._shown.get(text)
            if known is None:
                longest = MOST_DECODED if self.content.direction is Direction.INPUT else LONGEST_RUN
                found = disguises(text[: unfinished(text)] if self.goes_on and self._is_end(raw) else text, longest)
                known = self._shown[text] = found.views
                if not found.complete:
                    self.incomplete |= {segment.part: INCOMPLETE for segment in raw.segments}
        return [through(view, raw) for view in known]

    def near(self, texts: Texts) -> list[View]:
        """What stands around the seams of *texts*: so much of it that a disguise across one is seen."""
        key = tuple(number for number, _ in texts)
        with self._lock:
            if key not in self._near:
                self._near[key] = seams(texts, _NEAR, None)
            return self._near[key]

    def _is_end(self, raw: View) -> bool:
        """Whether *raw* shows the end of all there is."""
        last, part = raw.segments[-1], self.content.parts[-1]
        return (
            last.part == len(self.content.parts) - 1
            and isinstance(part, TextPart)
            and last.origin_end == len(part.text)
        )


def readings(content: Content, classifier: Classifier[Any], views: Views | None = None) -> list[Reading]:
    """Everything *classifier* has to read so that nothing of its modalities is unseen.

    Callers that ask for several classifiers pass the same *views* each time.
    """
    views = views or Views(content)
    found: list[Reading] = []
    prose: Texts = []
    small: Texts = []
    size, horizon = classifier.window, classifier.horizon
    reads_text = Modality.TEXT in classifier.modalities
    for number, part in enumerate(content.parts):
        if isinstance(part, TextPart):
            text = part.text
            if not (reads_text and text):
                continue
            if "\\" in text:
                found += [Reading(view) for view in _unescaped(views, number, text, size, horizon)]
                undone = views.unescaped(number, text)
                found += _copies(content, views, undone, size, horizon) if undone is not None else []
            if part.kind in _SMALL:
                small.append((number, text))
                continue
            found += [Reading(view) for view in windows(text, number, size, horizon)]
            found += _copies(content, views, View.of(text, number), size, horizon)
            if part.kind in PROSE:
                prose.append((number, text))
        elif part.modality in classifier.modalities and part.modality is not Modality.OPAQUE:
            found.append(Reading(part, number))  # type: ignore[arg-type]  # OpaquePart is the only unreadable kind
    if small:
        found += _form(content, small, size, horizon)
        found += _copies(content, views, join(small, "\n"), size, horizon, seam=1 < len(small) <= _FEW)
    for texts in (*_neighbours(content, prose), *_named(content, small, prose)):
        found += [Reading(view, seam=True) for view in seams(texts, horizon, size)]
        found += [Reading(view, seam=True) for view in unescaped_seams(texts, horizon, size)]
        for near in () if views.plain else views.near(texts):
            found += _copies(content, views, near, size, horizon, seam=True)
    return found


def _copies(
    content: Content, views: Views, raw: View, size: int | None, horizon: int, *, seam: bool = False
) -> list[Reading]:
    """The windows over the ways to read *raw* that show anything else than *raw* does."""
    return [
        Reading(cut, seam=seam, copy=True)
        for view in views.disguised(raw)
        for cut in cut_view(view, size, horizon)
        if not _is_original(content, cut)
    ]


def _is_original(content: Content, view: View) -> bool:
    """Whether *view* is a stretch of one part as it stands, and leaves out neither its end nor a sign before."""
    if len(view.segments) != 1:
        return not view.segments
    start, end, number, low, high = view.segments[0]
    text = _text(content, number)
    if high - low != end - start or text[low:high] != view.text[start:end]:
        return False
    if low and unicodedata.category(text[low - 1]) in _UNSEEN:
        return False
    return high == len(text) or text[high - 1 : high + 1].isalnum()


def media_readings(content: Content, classifier: Classifier[Any]) -> list[Reading]:
    """The pictures, sounds and films that *classifier* reads."""
    return [
        Reading(part, number)  # type: ignore[arg-type]  # OpaquePart is the only unreadable kind
        for number, part in enumerate(content.parts)
        if not isinstance(part, TextPart)
        and part.modality in classifier.modalities
        and part.modality is not Modality.OPAQUE
    ]


def _unescaped(views: Views, number: int, text: str, size: int | None, horizon: int) -> list[View]:
    """The windows over a text's unescaped form that hold an escape; others show what the text's own windows show."""
    view = views.unescaped(number, text)
    if view is None:
        return []
    cuts = cut_view(view, size, horizon)
    return cuts if len(cuts) == 1 else [one for one in cuts if len(one.segments) > 1 or _is_stretched(one)]


def _is_stretched(view: View) -> bool:
    return any(s.end - s.start != s.origin_end - s.origin_start for s in view.segments)


def _form(content: Content, small: Texts, size: int | None, horizon: int) -> list[Reading]:
    """The small fields: a line each, and for what is cut over two of them, joined without and with a space.

    A model's score has no span and would be about every field in its window, so up to `_FEW` are read one by one as
    well. Keys of nothing but digits (a token's bias) are in no row: side by side they only look like long numbers.
    """
    lines = cut_view(join(small, "\n"), size, horizon)
    if size is not None and size < _WIDE * horizon:
        if not 1 < len(small) <= _FEW:
            return [Reading(view) for view in lines]
        alone = [Reading(view) for number, text in small for view in windows(text, number, size, horizon)]
        return alone + [Reading(view, seam=True) for view in lines]
    row = [(number, text) for number, text in small if not (content.parts[number].kind == "key" and text.isdigit())]
    across = [Reading(view, seam=True) for view in seams(row, horizon, size)]
    return [Reading(view) for view in lines] + across


def thread_of(part: TextPart) -> Path:
    """What the texts of an answer have in common that are read as one: the choice that they belong to, and the kind."""
    return (*_choice_of(part.path), part.kind)


def _choice_of(path: Path) -> Path:
    return path[:2] if path[:1] == ("choices",) else ()


def _neighbours(content: Content, prose: Texts) -> Iterator[Texts]:
    """The texts that a reader would take for one: all in a row, and what each role said across the others' turns.

    Of an answer, those of one choice.
    """
    if len(prose) < 2:
        return
    if content.direction is Direction.OUTPUT:
        choices: dict[Path, Texts] = {}
        for number, text in prose:
            choices.setdefault(_choice_of(content.parts[number].path), []).append((number, text))
        yield from choices.values()
        return
    yield prose
    said: dict[str | None, Texts] = {}
    apart: set[str | None] = set()  # roles that spoke again after another's turn
    speaker: str | None = None
    for one in prose:
        role = content.parts[one[0]].role
        if role in said and role != speaker:
            apart.add(role)
        said.setdefault(role, []).append(one)
        speaker = role
    for role, texts in said.items():
        if role in apart:
            yield texts


def _named(content: Content, small: Texts, prose: Texts) -> Iterator[Texts]:
    """Each message's name and the text that it stands before in a prompt."""
    names = {
        path[:-1]: (number, text)
        for number, text in small
        if content.parts[number].kind == "name" and len(path := content.parts[number].path) > 1
    }
    for number, text in prose if names else ():
        path = content.parts[number].path
        for length in range(1, len(path)):
            name = names.pop(path[:length], None)
            if name is not None:
                yield [name, (number, text)]


def locate(
    content: Content, classifier: str, read: Sequence[Reading], answers: Sequence[Sequence[Finding]]
) -> list[Finding]:
    """The findings of *answers* (one list per reading) on the parts they are about, each once, in reading order.

    A finding without a span speaks for all its view: for the whole part, or for the window's stretch of it. No span
    cuts an escape in two. A seam view adds only what no part shows alone: a stronger score, a span that the
    neighbour's words bring out, or a longer one where the parts are pieces of one text (an address that ends one
    message is no longer address because the next message begins with a letter).
    """
    best: dict[tuple[str, int, tuple[int, int] | None], Finding] = {}
    known = Known()
    for reading, findings in zip(read, answers, strict=True):
        for finding in findings:
            if reading.seam and finding.span is None and _is_known(reading.source, finding, known):  # nearly always
                continue
            for number, span in _places(content, reading, finding, known):
                if not reading.seam:
                    known.add((finding.category, number), span, finding.score)
                key = (finding.category, number, span)
                other = best.get(key)
                if other is None or other.score < finding.score:
                    best[key] = _placed(finding, content.parts[number], span, classifier)
    # Of weak scores of single windows only the strongest per part and category is kept.
    return [
        finding
        for (category, number, _), finding in best.items()
        if finding.score >= _WORTH_KEEPING or finding.score >= known.score((category, number), 0.0)
    ]


def _places(content: Content, reading: Reading, finding: Finding, known: Known) -> Sequence[Place]:
    """Where *finding* adds something to what is *known*."""
    view = reading.source
    if not isinstance(view, View):
        return [(reading.part, None)]
    if finding.span is None:
        return _spread(content, view, finding, known) if reading.seam else _all_over(content, view)
    spans = view.origins(*finding.span)
    if reading.copy and len(spans) > 1:
        spans = _with_gaps(spans)
    if reading.seam and not _adds(content, view, finding, spans, known):
        return []
    return [place for span in spans if (place := _uncut(content, finding, span, known)) is not None]


def _with_gaps(spans: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """*spans* with what stands between those of one part: a disguise that leaves no trace where it is undone."""
    whole: dict[int, tuple[int, int]] = {}
    for number, start, end in spans:
        low, high = whole.get(number, (start, end))
        whole[number] = min(low, start), max(high, end)
    return [(number, *span) for number, span in whole.items()]


def _is_known(view: Readable, finding: Finding, known: Known) -> bool:
    """Whether every part of *view* shows by itself what *finding* says of all of it."""
    if not isinstance(view, View):
        return False
    category, score = finding.category, finding.score
    return all([known.score((category, segment.part)) >= score for segment in view.segments])  # noqa: C419  quicker


def _all_over(content: Content, view: View) -> list[Place]:
    segments = view.segments
    spans = [segments[0][2:]] if len(segments) == 1 else view.origins(0, len(view.text))
    return [
        (number, None if start == 0 and end == _length(content.parts[number]) else (start, end))
        for number, start, end in spans
    ]


def _spread(content: Content, view: View, finding: Finding, known: Known) -> list[Place]:
    """Where a score of all of a seam view counts: on the parts that are not known as at least as strong.

    Of small fields that were read one by one, it is put down to those that show half of it by themselves, if any
    do; the others are only its neighbours.
    """
    own = {s.part: known.score((finding.category, s.part)) for s in view.segments}
    if all(content.parts[number].kind in _SMALL for number in own):
        most = max(own.values())
        least = finding.score / 2 if 2 * most >= finding.score else -1.0
        return [(n, s) for n, s in _all_over(content, view) if least <= own[n] < finding.score]
    return [(n, (low, high)) for n, low, high in view.origins(0, len(view.text)) if own[n] < finding.score]


def _adds(content: Content, view: View, finding: Finding, spans: Sequence[tuple[int, int, int]], known: Known) -> bool:
    """Whether a span of a seam view says what its parts do not say alone."""
    alone = [known.covers((finding.category, n), (low, high), finding.score) for n, low, high in spans]
    if len(spans) == 1:
        ((number, low, high),) = spans
        told = known.touches((finding.category, number), (low, high), finding.score)
        return not (told or _is_cut_off(content, view, finding))
    texts = [content.parts[number] for number, _, _ in spans]
    begin, end = finding.span or (0, 0)
    gapless = end - begin == sum(high - low for _, low, high in spans)
    if not gapless and all(part.kind in _SMALL for part in texts) and _are_numbers(content, spans):
        return False
    if gapless and all(_run_on(content, *pair) for pair in pairwise(spans)):
        return not all(alone)
    return not any(alone)


def _is_cut_off(content: Content, view: View, finding: Finding) -> bool:
    """Whether *finding* touches an edge of *view* where the part goes on with the same word: its windows show more."""
    begin, end = finding.span or (0, 0)
    first, last = view.segments[0], view.segments[-1]
    before = _text(content, first.part)[: first.origin_start][-1:] if begin == 0 else ""
    after = _text(content, last.part)[last.origin_end : last.origin_end + 1] if end == len(view.text) else ""
    return bool(before.strip() or after.strip())


def _are_numbers(content: Content, spans: Sequence[tuple[int, int, int]]) -> bool:
    """Whether some small fields joined by a space are numbers beside each other: a list of them, not one number."""
    return any(
        _text(content, left)[end - 1].isdigit() and _text(content, right)[start].isdigit()
        for (left, _, end), (right, start, _) in pairwise(spans)
    )


def _run_on(content: Content, one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Whether a span goes from the last character of *one* to the first of *other*, both pieces of one text."""
    (left, _, end), (right, start, _) = one, other
    return (
        end == len(_text(content, left))
        and start == 0
        and _are_pieces(content.parts[left].path, content.parts[right].path)
    )


def _are_pieces(one: Path, other: Path) -> bool:
    unlike = [at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right]
    return len(one) == len(other) and len(unlike) == 1 and unlike[0] > 0 and one[unlike[0] - 1] in _PIECES


def _uncut(content: Content, finding: Finding, span: tuple[int, int, int], known: Known) -> Place | None:
    r"""*span*, widened to whole escapes; None where the unescaped text shows better what it is (``\nana@…``)."""
    number, *bounds = span
    outer, inner = uncut(_text(content, number), *bounds)
    cut = outer != tuple(bounds)
    if cut and inner[0] < inner[1] and known.covers((finding.category, number), inner, finding.score):
        return None
    return number, outer


def _text(content: Content, number: int) -> str:
    part = content.parts[number]
    return part.text if isinstance(part, TextPart) else ""


def _length(part: Part) -> int:
    return len(part.text) if isinstance(part, TextPart) else -1


def _placed(finding: Finding, part: Part, span: tuple[int, int] | None, classifier: str) -> Finding:
    return Finding(
        finding.category,
        finding.score,
        span,
        finding.box,
        finding.time,
        part.pointer,
        part.modality,
        part.role,
        classifier,
        finding.evidence,
    )
