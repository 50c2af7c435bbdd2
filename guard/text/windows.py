"""Cuts long text into windows that overlap, and joins short texts across their seams.

A classifier reads at most ``window`` characters at once and needs at most ``horizon`` characters of context, so:

- windows overlap by the horizon: whatever is no longer than it stands whole in one of them, at any offset;
- something cut over two parts (two content parts, two messages) stands whole in a *seam view*: the
  horizon's worth of text on both sides of every seam, joined without and with a space and as it is, as a model would
  read it; once more with escapes undone, where some stand near: one may even begin before the seam and end behind it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

from guard.content import Segment, View
from guard.text.escapes import LONGEST_ESCAPE, unescape_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

JOINERS = ("", " ")

_Piece = tuple[int, str, int]
"""A part's number, its text or what is left of it, and where in the part that begins."""


def cut(length: int, size: int | None, overlap: int) -> Iterator[tuple[int, int]]:
    """The ``(start, end)`` of windows over *length* characters: at most *size* long, overlapping by *overlap*.

    >>> list(cut(10, 6, 2))
    [(0, 6), (4, 10)]
    """
    if size is None or length <= size:
        yield 0, length
        return
    step = max(1, size - overlap)
    start = 0
    while start + size < length:
        yield start, start + size
        start += step
    yield start, length


def windows(text: str, part: int, size: int | None, overlap: int) -> list[View]:
    """Views of *text* (part number *part*) that together show all of it."""
    if size is None or len(text) <= size:
        return [View.of(text, part)]
    return [View.of(text[start:end], part, start) for start, end in cut(len(text), size, overlap)]


def narrow(view: View, start: int, end: int) -> View:
    """The stretch ``start:end`` of *view*, as a view. Segments that map whole to whole are kept whole."""
    first = max(0, bisect_right(view.segments, start, key=attrgetter("start")) - 1)
    last = bisect_left(view.segments, end, lo=first, key=attrgetter("start"))
    shown = view.segments[first:last]
    if len(shown) > 2:  # those between the first and the last are shown whole
        inner = [
            Segment(low - start, high - start, part, origin, stop) for low, high, part, origin, stop in shown[1:-1]
        ]
        segments = [*_clipped(shown[:1], start, end), *inner, *_clipped(shown[-1:], start, end)]
    else:
        segments = _clipped(shown, start, end)
    return View(view.text[start:end], tuple(segments))


def _clipped(segments: Sequence[Segment], start: int, end: int) -> list[Segment]:
    clipped = []
    for left, right, part, origin, origin_end in segments:
        low, high = max(left, start), min(right, end)
        if low >= high:
            continue
        if right - left == origin_end - origin:
            stretch = (origin + low - left, origin + high - left)
        else:
            stretch = (origin, origin_end)
        clipped.append(Segment(low - start, high - start, part, *stretch))
    return clipped


def cut_view(view: View, size: int | None, overlap: int) -> list[View]:
    """Views of at most *size* characters that together show all of *view*."""
    if size is None or len(view.text) <= size:
        return [view]
    return [narrow(view, start, end) for start, end in cut(len(view.text), size, overlap)]


def seams(texts: Sequence[tuple[int, str]], horizon: int, size: int | None) -> list[View]:
    """Views over every seam between consecutive *texts* (``(part number, text)``), *horizon* characters each side.

    The texts are joined as they are, and without the white space at the seam, which is what a splitter would add.
    """
    if len(texts) < 2 or not horizon:
        return []
    kept: list[_Piece] = []
    whole: list[_Piece] = []
    for part, text in texts:
        bare = text.strip()
        if bare:
            kept.append((part, bare, 0 if len(bare) == len(text) else len(text) - len(text.lstrip())))
        if text:
            whole.append((part, text, 0))
    found = [view for joiner in JOINERS for view in _seams(kept, joiner, horizon, size)]
    return found if whole == kept else list(dict.fromkeys(found + _seams(whole, "", horizon, size)))


def unescaped_seams(texts: Sequence[tuple[int, str]], horizon: int, size: int | None) -> list[View]:
    """As `seams`, with JSON escapes undone; only the views in which there are some."""
    if not any("\\" in text for _, text in texts):
        return []
    found = []
    for view in seams(texts, horizon * LONGEST_ESCAPE, None):
        undone = unescape_json(view.text, 0)
        if undone is None or len(view.segments) < 2:
            continue
        whole = _through(undone, view)
        points = [_place(undone, segment.start) for segment in view.segments[1:]]
        shown = [narrow(whole, start, end) for start, end in _around(points, len(whole.text), horizon, size)]
        found += [one for one in shown if any(s.end - s.start != s.origin_end - s.origin_start for s in one.segments)]
    return found


def _place(view: View, origin: int) -> int:
    """Where character *origin* of the text that *view* was made of stands in it."""
    segment = view.segments[bisect_right(view.segments, origin, key=attrgetter("origin_start")) - 1]
    plain = segment.end - segment.start == segment.origin_end - segment.origin_start
    return segment.start + (origin - segment.origin_start if plain else 0)


def _through(view: View, raw: View) -> View:
    """*view*, made of the text of *raw*, with its origins; what comes from two parts is put down to the longer one."""
    segments: list[Segment] = []
    first = 0
    for start, end, _, low, high in view.segments:
        while first < len(raw.segments) and raw.segments[first].end <= low:
            first += 1
        pieces = []
        for left, right, part, origin, _ in raw.segments[first:]:
            if left >= high:
                break
            begin, stop = max(left, low), min(right, high)
            if begin < stop:
                pieces.append((begin, stop, part, origin - left))
        if end - start == high - low:
            segments += [Segment(start + b - low, start + e - low, part, b + by, e + by) for b, e, part, by in pieces]
        elif pieces:
            begin, stop, part, by = max(pieces, key=lambda piece: piece[1] - piece[0])
            segments.append(Segment(start, end, part, begin + by, stop + by))
    return View(view.text, tuple(segments))


def _seams(texts: Sequence[_Piece], joiner: str, horizon: int, size: int | None) -> list[View]:
    """The seam views of *texts* joined, each with only its own segments."""
    if len(texts) < 2:
        return []
    joined = joiner.join([text for _, text, _ in texts])
    begins, ends, at = [], [], 0
    for _, text, _ in texts:
        begins.append(at)
        at += len(text)
        ends.append(at)
        at += len(joiner)
    found = []
    first = 0
    for start, end in _around(ends[:-1], len(joined), horizon, size):
        while ends[first] <= start:
            first += 1
        number, segments = first, []
        while number < len(texts) and (begin := begins[number]) < end:
            part, _, offset = texts[number]
            left, right = begin, ends[number]
            if left < start:
                left = start
            if right > end:
                right = end
            origin = offset + left - begin
            segments.append(Segment(left - start, right - start, part, origin, origin + right - left))
            number += 1
        found.append(View(joined[start:end], tuple(segments)))
    return found


def join(texts: Sequence[tuple[int, str]], joiner: str) -> View:
    """One view of all *texts* (``(part number, text)``), *joiner* between them."""
    segments: list[Segment] = []
    at = 0
    for part, text in texts:
        segments.append(Segment(at, at + len(text), part, 0, len(text)))
        at += len(text) + len(joiner)
    return View(joiner.join([text for _, text in texts]), tuple(segments))


def _around(points: Sequence[int], length: int, horizon: int, size: int | None) -> Iterator[tuple[int, int]]:
    """Stretches of at most *size* that show every one of *points* with *horizon* to both sides, as few as that takes.

    A *size* too small for both sides gives stretches that overlap by the horizon instead.
    """
    first = last = points[0]
    for point in [*points[1:], None]:
        low, high = max(0, first - horizon), min(length, last + horizon)
        if point is not None and point - horizon <= high and (size is None or point + horizon - low <= size):
            last = point
            continue
        if size is None or high - low <= size:
            yield low, high
        else:
            for start, end in cut(high - low, size, horizon):
                yield low + start, low + end
        if point is not None:
            first = last = point
