"""Server-sent events: any framing that clients read gives the same events, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from guard.errors import RequestError
from guard.protocols import sse
from guard.protocols.sse import EventReader, ServerEvent, write

WANTED = [ServerEvent("", b'{"a": 1}'), ServerEvent("named", b"two\nlines"), ServerEvent("", "é。".encode())]
LINES = (
    ": a comment", 'data: {"a": 1}', "", "event: named", "id: 7", "data:two", "retry: 3", "data: lines", "",
    "", ": keep-alive", "", "data: é。", "",
)  # fmt: skip


def framed(ending: str, *, mark: bool = False) -> bytes:
    return (b"\xef\xbb\xbf" if mark else b"") + "".join(line + ending for line in LINES).encode()


@given(
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.booleans(),
    cuts=st.lists(st.integers(0, 150), max_size=12),
)
def test_the_same_events_come_out_however_lines_end_and_bytes_are_cut(ending: str, mark: bool, cuts: list[int]) -> None:
    data = framed(ending, mark=mark)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    reader = EventReader()
    events = [event for a, b in pairwise(edges) for event in reader.feed(data[a:b])]
    assert events == WANTED


def test_byte_by_byte_is_no_other_reading() -> None:
    reader = EventReader()
    assert [e for byte in framed("\r\n") for e in reader.feed(bytes([byte]))] == WANTED


def test_an_event_that_no_blank_line_ends_is_none() -> None:
    reader = EventReader()
    assert reader.feed(b"data: half\n") == []
    assert reader.in_event


def test_an_event_without_data_is_none() -> None:
    assert EventReader().feed(b"event: ping\n\n: only a comment\n\n") == []


@pytest.mark.parametrize("line", [b"data: ", b"x"])
def test_an_event_without_an_end_is_refused_before_it_fills_the_memory(line: bytes) -> None:
    reader = EventReader()
    piece = line + b"y" * 2**20 + (b"\n" if line == b"data: " else b"")
    for _ in range(sse.LARGEST_EVENT // 2**20 - 1):
        assert reader.feed(piece) == []
    with pytest.raises(RequestError, match="larger than"):
        reader.feed(2 * piece)


def test_what_is_written_is_read_again() -> None:
    assert EventReader().feed(write(b"{}", "ping") + write(b"[DONE]")) == [
        ServerEvent("ping", b"{}"),
        ServerEvent("", b"[DONE]"),
    ]
