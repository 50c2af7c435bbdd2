from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from guard.errors import RequestError
from guard.protocols.lines import LineReader, write_line
from guard.protocols.sse import LARGEST_EVENT
from guard.protocols.strict_json import parse


@given(cuts=st.lists(st.integers(0, 40), max_size=12), end=st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"]))
def test_lines_are_the_same_however_the_bytes_are_cut(cuts: list[int], end: bytes):
    data = end.join([b'{"a":1}', '{"b":"中"}'.encode(), b'{"c":"\\n"}', b"half"])
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    reader = LineReader()

    lines = [line for low, high in pairwise(places) for line in reader.feed(data[low:high])]

    assert lines == [b'{"a":1}', '{"b":"中"}'.encode(), b'{"c":"\\n"}']
    assert reader.close() == [b"half"]


def test_a_line_that_never_ends_is_refused():
    reader = LineReader()
    assert reader.feed(b"x" * LARGEST_EVENT) == []

    with pytest.raises(RequestError) as error:
        reader.feed(b"x")

    assert error.value.code == "invalid_stream"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_what_is_written_is_one_line_to_every_client(text: str):
    line = write_line({"text": text})

    assert len(line.decode().splitlines()) == 1
    assert parse(line) == {"text": text}
