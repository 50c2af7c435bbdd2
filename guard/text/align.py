"""Copies of a text with stretches replaced, each with its way back to the characters that made it. Pure."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

from guard.content import Segment, View

if TYPE_CHECKING:
    from collections.abc import Iterable

Edit = tuple[int, int, str]
"""Characters ``start:end`` of a text, and what is read in their place."""
MOST_EXACT = 10_000
"""How many stretches of one text are mapped one by one."""
_TOGETHER = 32
"""So many neighbours share one entry beyond that."""


def edited(text: str, edits: Iterable[Edit], part: int = 0) -> View:
    """*text* with *edits* made, which are in order and do not overlap.

    An edit of equal length maps character by character, any other whole to whole. Beyond `MOST_EXACT` edits those that
    follow one another within a few characters share an entry.
    """
    pieces: list[str] = []
    segments: list[Segment] = []
    at = taken = count = begun = 0
    for start, end, new in edits:
        if taken < start:
            pieces.append(text[taken:start])
            if count < MOST_EXACT:
                segments.append(Segment(at, at + start - taken, part, taken, start))
            at += start - taken
        pieces.append(new)
        if count < MOST_EXACT:
            if new:
                segments.append(Segment(at, at + len(new), part, start, end))
            begun = at + len(new)
        at += len(new)
        taken = end
        count += 1
        if count > MOST_EXACT and count % _TOGETHER == 0:
            low = segments[-1].origin_end if segments else 0
            if at > begun:
                segments.append(Segment(begun, at, part, low, taken))
            begun = at
    if count > MOST_EXACT and at > begun:
        segments.append(Segment(begun, at, part, segments[-1].origin_end if segments else 0, taken))
    if taken < len(text):
        pieces.append(text[taken:])
        segments.append(Segment(at, at + len(text) - taken, part, taken, len(text)))
    return View("".join(pieces), tuple(_merged(segments)))


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
        elif not found or stop - origin > found[0].origin_end - found[0].origin_start and found[0].part != part:
            found = [Segment(start, end, part, origin, stop)]
        elif found[0].part == part:
            known = found[0]
            found = [Segment(start, end, part, min(known.origin_start, origin), max(known.origin_end, stop))]
    return found
