"""Copies of a text with stretches replaced, each with its way back to the characters that made it. Pure."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from guard.content import Segment, View

if TYPE_CHECKING:
    from collections.abc import Iterable

Edit = tuple[int, int, str]
"""Characters ``start:end`` of a text, and what is read in their place."""
MOST_EXACT = 10_000
"""How many stretches of one text are mapped one by one; what is behind them is mapped whole."""


def edited(text: str, edits: Iterable[Edit], part: int = 0) -> View:
    """*text* with *edits* made, which are in order and do not overlap.

    An edit of equal length maps character by character, any other whole to whole. Behind the first `MOST_EXACT` edits
    all maps whole to whole: in such a text a finding stands for all of that.
    """
    pieces: list[str] = []
    segments: list[Segment] = []
    at = taken = 0
    coming = iter(edits)
    for start, end, new in islice(coming, MOST_EXACT):
        if taken < start:
            pieces.append(text[taken:start])
            segments.append(Segment(at, at + start - taken, part, taken, start))
            at += start - taken
        if new:
            pieces.append(new)
            segments.append(Segment(at, at + len(new), part, start, end))
            at += len(new)
        taken = end
    rest: list[str] = []
    behind = taken
    for start, end, new in coming:
        rest += [text[behind:start], new]
        behind = end
    rest.append(text[behind:])
    last = "".join(rest)
    if last:
        segments.append(Segment(at, at + len(last), part, taken, len(text)))
    return View("".join([*pieces, last]), tuple(_merged(segments)))


def _merged(segments: Iterable[Segment]) -> list[Segment]:
    """*segments*, those joined that map character by character and follow one another on both sides."""
    found: list[Segment] = []
    for one in segments:
        if found and _goes_on(found[-1], one):
            found[-1] = Segment(found[-1].start, one.end, one.part, found[-1].origin_start, one.origin_end)
        else:
            found.append(one)
    return found


def _goes_on(left: Segment, right: Segment) -> bool:
    return (
        left.end == right.start
        and left.origin_end == right.origin_start
        and left.part == right.part
        and left.end - left.start == left.origin_end - left.origin_start
        and right.end - right.start == right.origin_end - right.origin_start
    )


def through(view: View, raw: View) -> View:
    """*view*, made of the text of *raw*, with the origins of *raw*.

    What comes whole from several stretches of one part comes from all of them; of two parts, from the longer.
    """
    if len(raw.segments) == 1 and (only := raw.segments[0]).start == only.origin_start == 0 and _is_plain(only):
        if only.part == 0:
            return view
        return View(view.text, tuple(s._replace(part=only.part) for s in view.segments))
    segments: list[Segment] = []
    for one in view.segments:
        segments += _traced(one, raw)
    return View(view.text, tuple(_merged(segments)))


def _is_plain(segment: Segment) -> bool:
    return segment.end - segment.start == segment.origin_end - segment.origin_start


def _traced(one: Segment, raw: View) -> list[Segment]:
    """The segments that *one*, which speaks of the text of *raw*, becomes."""
    start, end, _, low, high = one
    first = max(0, bisect_right(raw.segments, low, key=attrgetter("start")) - 1)
    plain = end - start == high - low
    found: list[Segment] = []
    for number in range(first, len(raw.segments)):
        left, right, part, origin, stop = raw.segments[number]
        if left >= high:
            break
        begin, close = max(left, low), min(right, high)
        if begin >= close:
            continue
        if right - left == stop - origin:
            origin, stop = origin + begin - left, origin + close - left
        if plain:
            found.append(Segment(start + begin - low, start + close - low, part, origin, stop))
        elif not found or (found[0].part != part and stop - origin > found[0].origin_end - found[0].origin_start):
            found = [Segment(start, end, part, origin, stop)]
        elif found[0].part == part:
            known = found[0]
            found = [Segment(start, end, part, min(known.origin_start, origin), max(known.origin_end, stop))]
    return found
