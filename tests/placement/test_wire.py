from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from guard.batching.answers import Answer, Unread
from guard.classifier import Readable
from guard.content import AudioPart, ImagePart, Modality, VideoPart, View
from guard.decision import Failure, FailureKind
from guard.finding import Finding, Quote
from guard.placement.wire import (
    LENGTHS,
    WireError,
    answers_in,
    answers_out,
    frame,
    head,
    lengths,
    sources_in,
    sources_out,
)

kinds = st.one_of(st.none(), st.text(max_size=9))
any_text = st.text(st.characters(exclude_categories=()), max_size=30)
sources = st.one_of(
    any_text.map(View.of),
    *(st.builds(kind, st.binary(max_size=30), media_type=kinds) for kind in (ImagePart, AudioPart, VideoPart)),
)
scores = st.floats(0, 1)
findings = st.builds(
    Finding,
    st.sampled_from(["toxicity", "custom.x"]),
    scores,
    st.one_of(st.none(), st.tuples(st.integers(0, 9), st.integers(9, 99))),
    st.one_of(st.none(), st.tuples(scores, scores, scores, scores)),
    st.one_of(st.none(), st.tuples(scores, scores)),
    modality=st.sampled_from(Modality),
    evidence=st.text(st.characters(codec="utf-8"), max_size=9),
)
words = st.text(st.characters(codec="utf-8"), max_size=9)
quotes = st.builds(
    Quote,
    words,
    st.one_of(st.none(), st.tuples(scores, scores, scores, scores)),
    st.one_of(st.none(), st.tuples(scores, scores)),
    st.integers(0, 9),
)
failures = st.builds(Failure, st.just("it"), st.sampled_from(FailureKind), words, st.floats(0, 99))
unread = st.builds(Unread, st.just("it"), st.sampled_from(FailureKind), words, reason=words)


def parted(data: bytes) -> tuple[dict[str, Any], bytes]:
    size, rest = lengths(data[: LENGTHS.size])
    assert len(data) == LENGTHS.size + size + rest
    return head(data[LENGTHS.size : LENGTHS.size + size]), data[LENGTHS.size + size :]


@given(st.lists(sources, max_size=6))
def test_what_is_asked_about_comes_out_as_it_went_in(given_sources: list[Readable]):
    lines, body = sources_out(given_sources)
    asked, body = parted(frame({"of": lines}, body))

    assert sources_in(asked["of"], body) == given_sources


@given(st.lists(st.one_of(st.lists(findings, max_size=3), st.lists(quotes, max_size=3), failures, unread), max_size=6))
def test_answers_come_out_as_they_went_in_to_the_last_digit(answers: list[Answer]):
    said, _ = parted(frame({"answers": answers_out(answers)}))
    came = answers_in(said["answers"], "it")

    assert came == answers
    assert [type(one) for one in came] == [type(one) for one in answers]
    pairs = zip(came, answers, strict=True)
    assert all(a.retry_after_s == b.retry_after_s for a, b in pairs if type(a) is type(b) is Failure)


@pytest.mark.parametrize(
    "lines",
    [
        [{"is": "text", "bytes": 9}],
        [{"is": "text", "bytes": 2}],
        [{"is": "smell", "bytes": 3, "type": None}],
        [{"is": "image", "bytes": 3}],
        [{"bytes": 3}],
        [None],
    ],
    ids=str,
)
def test_contents_that_are_not_what_the_head_says_are_refused(lines: list[Any]):
    with pytest.raises(WireError):
        sources_in(lines, b"abc")


@pytest.mark.parametrize("line", [{"kind": "joy"}, {}, [["toxicity"]], [3], 3], ids=str)
def test_answers_that_are_none_are_refused(line: Any):
    with pytest.raises(WireError):
        answers_in([line], "it")


def test_bytes_that_are_no_frame_are_refused():
    for data in (b"[1]", b"{", b"\xff"):
        with pytest.raises(WireError):
            head(data)
    with pytest.raises(WireError):
        lengths(b"HTTP/1.1")
