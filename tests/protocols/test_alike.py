"""Chunks that are alike are read the same as if each were read by itself."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from guard.errors import RequestError
from guard.protocols.alike import form_of
from guard.protocols.openai_chat import ADAPTER
from guard.protocols.sse import HEAD, TAIL, write
from guard.protocols.strict_json import parse
from guard.stream.items import Delta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.stream.items import Item

CONTENT = ("choices", 0, "delta", "content")
WORDS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["a", "delta", "content", "", '"', "\\", "\n", "},", '"},"obfuscation":"', "字", "😀", "\0", "x9"]),
)


def document(word: str, noise: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": word, **more}, "logprobs": None, "finish_reason": None}
    chunk = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "stub", "choices": [choice]}
    return chunk if noise is None else {**chunk, "obfuscation": noise}


def written(given: Any, *, ascii_: bool = False) -> bytes:
    return json.dumps(given, ensure_ascii=ascii_, separators=(",", ":")).encode("utf-8", "replace")


@given(known=WORDS, word=WORDS, noise=WORDS, ascii_=st.booleans())
def test_what_is_taken_for_alike_is_the_same_document_with_another_word(
    known: str, word: str, noise: str, ascii_: bool
) -> None:
    first = written(document(known, "x9x"), ascii_=ascii_)
    form = form_of(first, json.loads(first), [CONTENT, ("obfuscation",)])
    other = written(document(word, noise), ascii_=ascii_)

    if form is not None and form.word(other) is not None:
        assert form.word(other) == word
        assert parse(other) == document(word, noise)


@given(word=st.text('abc "\\,{}:[]', max_size=6), at=st.integers(0, 200), put=st.text('"\\,{}:a', max_size=3))
def test_nothing_but_a_string_passes_for_the_word(word: str, at: int, put: str) -> None:
    first = written(document("Hello"))
    form = form_of(first, json.loads(first), [CONTENT])
    data = written(document(word))
    data = data[:at] + put.encode() + data[at:]

    assert form is not None
    said = form.word(data)
    if said is not None:
        assert parse(data) == document(said)


@given(
    pieces=st.lists(st.text('ab "\\,[]{}:u0字\x1f', max_size=5), min_size=1, max_size=6),
    at=st.integers(0, 900),
    put=st.binary(max_size=2),
)
def test_documents_in_a_row_are_taken_for_alike_only_where_each_of_them_is(
    pieces: list[str], at: int, put: bytes
) -> None:
    first = written(document("Hello"))
    form = form_of(first, json.loads(first), [CONTENT])
    documents = [first.replace(b"Hello", piece.encode()) for piece in pieces]
    row = b"".join(write(one) for one in documents)
    row = row[:at] + put + row[at:]

    assert form is not None
    known = form.row(HEAD, TAIL)
    assert known is not None
    words = known.words(row)
    if words is not None:
        events = [one[len(HEAD) :] for one in row[: -len(TAIL)].split(TAIL)]
        assert words == [form.word(one) for one in events]


def test_ordinary_words_in_a_row_are_read_together() -> None:
    first = written(document("Hello"))
    form = form_of(first, json.loads(first), [CONTENT])
    said = [" there", "", "\n", "字", "."]

    assert form is not None
    row = form.row(HEAD, TAIL)
    assert row is not None
    assert row.words(b"".join(write(written(document(one))) for one in said)) == said


def test_ordinary_words_are_alike() -> None:
    first = written(document("Hello", "x9x"))
    form = form_of(first, json.loads(first), [CONTENT, ("obfuscation",)])

    assert form is not None
    assert form.word(written(document(" there", "k"))) == " there"
    assert form.word(written(document("", "k"))) == ""


@pytest.mark.parametrize("word", ["content", "c-1", "index"])
def test_a_word_that_stands_elsewhere_too_says_nothing_of_the_form(word: str) -> None:
    data = written(document(word))
    assert form_of(data, json.loads(data), [CONTENT]) is None


def test_a_word_is_not_taken_for_another_that_is_spelled_like_it() -> None:
    data = written(document("id")).replace(b'"content":"id"', b'"content":"\\u0069d"')
    assert form_of(data, json.loads(data), [CONTENT]) is None


CHUNKS = st.sampled_from(
    [
        *(document(word) for word in ("Hello", " there", "", ".", "\n", "字", "id")),
        *(document(word, "n" * length) for word, length in (("Hello", 3), (" more", 1), ("!", 5))),
        *(document(word, role="assistant") for word in ("One", " two")),
        *(document(word, tone=tone) for word, tone in (("a", "loud"), ("b", "loud"), ("c", None))),
        {**document("x"), "extra": "known"},
        {**document("y"), "extra": "known"},
        {**document("z"), "extra": "other"},
        {**document("u"), "usage": {"total_tokens": 3}},
        {**document("v"), "service_tier": "default"},
        document("", reasoning="why"),
        {"choices": [{"index": 1, "delta": {"content": "second"}}], "id": "c-1"},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "id": "c-1"},
        {"choices": []},
    ]
)


def joined(items: Sequence[Item]) -> list[Any]:
    """*items*, with what is added to one text in a row as one."""
    return [
        (lane, "".join(one.text for one in group if isinstance(one, Delta))) if lane is not None else list(group)
        for lane, group in itertools.groupby(items, lambda one: one.lane if isinstance(one, Delta) else None)
    ]


@given(chunks=st.lists(CHUNKS, max_size=30), usage=st.booleans(), together=st.integers(1, 5))
def test_a_stream_says_the_same_whether_its_chunks_are_alike_or_not(
    chunks: list[dict[str, Any]], usage: bool, together: int
) -> None:
    asked = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": usage},
    }
    exchange = ADAPTER.decode_request(json.dumps(asked).encode())
    alike, apart = ADAPTER.open_stream(exchange), ADAPTER.open_stream(exchange)

    said: list[Item] = []
    for start in range(0, len(chunks), together):
        said += alike.read(b"".join(write(written(chunk)) for chunk in chunks[start : start + together]))
    wanted = [
        item
        for number, chunk in enumerate(chunks)  # no two in a row end alike
        for item in apart.read(write(written(chunk) + b" " * (number % 2)))
    ]

    assert joined(said) == joined(wanted)


@given(
    words=st.lists(st.sampled_from(["a", "b", "\\ud800", "\\u0000", 'x","content":"y', "\\x"]), min_size=1, max_size=6)
)
def test_what_is_no_strict_json_is_refused_in_any_chunk(words: list[str]) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    stream = ADAPTER.open_stream(ADAPTER.decode_request(json.dumps(asked).encode()))
    data = [written(document("@")).replace(b"@", word.encode()) for word in words]

    for one, word in zip(data, words, strict=True):
        if len(word) > 1:
            with pytest.raises(RequestError):
                stream.read(write(one))
            return
        (item,) = stream.read(write(one))
        assert isinstance(item, Delta)
        assert item.text == word
