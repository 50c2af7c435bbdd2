"""Cuts long text into windows that overlap, and joins short texts across their seams.

A classifier reads at most ``window`` characters at once and needs at most ``horizon`` characters of context, so:

- windows overlap by the horizon: whatever is no longer than it stands whole in one of them, at any offset;
- something cut over two parts (two content parts, two messages) stands whole in a *seam view*: the
  horizon's worth of text on both sides of every seam, joined without and with a space, as a model would read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard.content import Segment, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

JOINERS = ("", " ")


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
    segments = []
    for segment in view.segments:
        if segment.end <= start or segment.start >= end:
            continue
        low, high = max(segment.start, start), min(segment.end, end)
        if segment.end - segment.start == segment.origin_end - segment.origin_start:
            origin = segment.origin_start + low - segment.start
            segments.append(Segment(low - start, high - start, segment.part, origin, origin + high - low))
        else:
            segments.append(Segment(low - start, high - start, segment.part, segment.origin_start, segment.origin_end))
    return View(view.text[start:end], tuple(segments))


def seams(texts: Sequence[tuple[int, str]], horizon: int, size: int | None) -> list[View]:
    """Views over every seam between consecutive *texts* (``(part number, text)``), *horizon* characters each side.

    White space at a seam is dropped before joining: it is what a splitter would add.
    """
    trimmed = [(part, len(text) - len(text.lstrip()), text.strip()) for part, text in texts]
    kept = [(part, bare, offset) for part, offset, bare in trimmed if bare]
    if len(kept) < 2:
        return []
    return [
        narrow(joined, start + low, start + high)
        for joiner in JOINERS
        for joined, points in [_join(kept, joiner)]
        for start, end in _around(points, len(joined.text), horizon)
        for low, high in cut(end - start, size, 2 * horizon)
    ]


def join(texts: Sequence[tuple[int, str]], joiner: str) -> View:
    """One view of all *texts* (``(part number, text)``), *joiner* between them."""
    return _join([(part, text, 0) for part, text in texts], joiner)[0]


def _join(texts: Sequence[tuple[int, str, int]], joiner: str) -> tuple[View, list[int]]:
    """The view of *texts* (part, text, where in the part it begins), and where in it the seams are."""
    segments: list[Segment] = []
    points: list[int] = []
    at = 0
    for part, text, offset in texts:
        if segments:
            points.append(at)
            at += len(joiner)
        segments.append(Segment(at, at + len(text), part, offset, offset + len(text)))
        at += len(text)
    return View(joiner.join(text for _, text, _ in texts), tuple(segments)), points


def _around(points: Sequence[int], length: int, horizon: int) -> Iterator[tuple[int, int]]:
    """Stretches *horizon* to each side of the seams at *points*, overlapping ones merged."""
    start, end = max(0, points[0] - horizon), points[0] + horizon
    for point in points[1:]:
        if point - horizon <= end:
            end = point + horizon
        else:
            yield start, min(end, length)
            start, end = point - horizon, point + horizon
    yield start, min(end, length)
