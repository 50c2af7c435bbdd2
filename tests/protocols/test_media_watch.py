"""Media in texts that grow: an event before each, however it is declared and however it was cut."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from guard.content import ImagePart, Lane
from guard.protocols.media_watch import MediaWatch
from guard.stream.items import Delta, End, Event, Item

LANE = Lane(("choices", 0, "message", "content"), "/choices/0/message/content")
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="


def watched(text: str, size: int) -> list[Item]:
    watch, edges = MediaWatch(), [*range(0, len(text), size), len(text)]
    items = [item for a, b in pairwise(edges) for item in watch.passed([Delta(LANE, text[a:b])])]
    return items + watch.passed([End(LANE)])


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
@pytest.mark.parametrize("parameters", ["", ";a=b", (";" + "a" * 200) * 3, (";" + "a" * 200) * 8])
def test_a_picture_is_judged_before_it_is_passed_on_whatever_its_url_says_of_it(parameters: str, size: int) -> None:
    text = f"See ![it](data:image/png{parameters};base64,{PICTURE}) here."
    items = watched(text, size)
    (at,) = [number for number, item in enumerate(items) if isinstance(item, Event)]
    event = items[at]
    assert isinstance(event, Event)
    assert event.content is not None
    assert isinstance(event.content.parts[0], ImagePart)
    before = "".join(item.text for item in items[:at] if isinstance(item, Delta))
    assert PICTURE[:1] not in before.partition("base64,")[2]
    assert "".join(item.text for item in items if isinstance(item, Delta)) == text


def test_an_answer_of_nothing_but_spaces_goes_on_and_costs_no_more_than_others() -> None:
    watch = MediaWatch()
    began = time.monotonic()
    passed = [item for _ in range(50_000) for item in watch.passed([Delta(LANE, "    ")])]
    assert sum(len(item.text) for item in passed if isinstance(item, Delta)) == 200_000
    assert time.monotonic() - began < 5
