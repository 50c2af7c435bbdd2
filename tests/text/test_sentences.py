"""Sentences: the same cuts whatever the text arrived in, at places where a reader would cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from guard.content import Lane
from guard.stream.thread import Thread
from guard.text.escapes import LONGEST_ESCAPE
from guard.text.sentences import LONGEST, boundary, context

LANE = Lane(("choices", 0, "message", "content"), "/choices/0/message/content")
PIECES = st.sampled_from(
    ["Hello there", ". ", "。", "！", "”", ")", "）", " ", "\n", "她说：“", "走吧", "3.14", "e.g.", "...", "." * 100,
     "…", "…… ", "?!", ", ", "，", "\\n", "\\u4f60", "<EMAIL_1>", "x" * 90, "字" * 70, "example.org", "; ", "；",
     "😀", "\r\n", '"'],
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join)


def cuts(text: str) -> list[int]:
    found = [0]
    while found[-1] < len(text):
        end = boundary(text, found[-1], whole=True)
        assert end is not None
        found.append(end)
    return found


@given(text=TEXTS)
def test_every_sentence_has_an_end_and_is_no_longer_than_promised(text: str) -> None:
    assert all(0 < end - start <= LONGEST for start, end in pairwise(cuts(text)))


@given(text=TEXTS, data=st.data())
def test_what_is_cut_early_is_cut_there_in_the_whole_text_too(text: str, data: st.DataObject) -> None:
    whole = cuts(text)
    seen = data.draw(st.integers(0, len(text)))
    for start in whole:
        early = boundary(text[:seen], start) if start < seen else None
        assert early is None or early in whole


@given(text=TEXTS, data=st.data())
def test_an_end_is_found_the_same_when_only_what_is_new_is_looked_through(text: str, data: st.DataObject) -> None:
    start = data.draw(st.sampled_from(cuts(text)))
    seen = 0
    for length in range(start, len(text) + 1, data.draw(st.integers(1, 7))):
        end = boundary(text[:length], start)
        assert boundary(text[:length], start, seen=seen) == end
        if end is not None:
            break
        seen = length


@given(text=TEXTS, data=st.data())
def test_a_text_is_cut_the_same_however_it_comes(text: str, data: st.DataObject) -> None:
    at = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=9)))
    thread = Thread()
    pieces = [text[low:high] for low, high in pairwise([0, *at, len(text)])]
    found = [end for piece in pieces for _, end, _ in thread.grow(LANE, piece)]
    assert [0, *found, *(end for _, end, _ in thread.close())] == cuts(text)


@given(text=TEXTS)
def test_an_escape_more_than_the_longest_sentence_is_always_enough(text: str) -> None:
    if len(text) > LONGEST + LONGEST_ESCAPE:
        assert boundary(text) is not None


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("The sky is blue. Grass is green.", ["The sky is blue. ", "Grass is green."]),
        ("It costs 3.50 at example.org today.", ["It costs 3.50 at example.org today."]),
        ('"Is it late?" she asked him. He left.', ['"Is it late?" ', "she asked him. ", "He left."]),
        ("天气很好。我们去公园吧！好不好？", ["天气很好。", "我们去公园吧！", "好不好？"]),
        ("她说：“你去哪里？”他没有回答。", ["她说：“你去哪里？”", "他没有回答。"]),
        ("first line of it\nsecond line", ["first line of it\n", "second line"]),
        ("Hi! I am here to help.", ["Hi! I am here to help."]),
    ],
)
def test_sentences_end_where_a_reader_would_say(text: str, sentences: list[str]) -> None:
    assert [text[a:b] for a, b in pairwise(cuts(text))] == sentences


def test_a_long_sentence_is_cut_at_a_clause_not_in_a_word() -> None:
    text = "word " * 30 + "clause, " + "word " * 30
    end = boundary(text)
    assert end is not None
    assert text[:end].endswith("clause,")


@pytest.mark.parametrize("whole", ["\\u4f60", "<EMAIL_1_ab2c>", "&lt;PHONE_2&gt;"])
def test_no_cut_goes_through_an_escape_or_a_placeholder(whole: str) -> None:
    for before in range(LONGEST - len(whole), LONGEST + 1):
        text = "x" * before + whole + "y" * LONGEST
        end = boundary(text)
        assert end is not None
        assert not before < end < before + len(whole) or "&" in whole


def test_context_reaches_back_to_the_start_of_a_word() -> None:
    text = "alpha beta gamma delta"
    assert text[context(text, 17, 8) : 17] == "gamma "
    assert context(text, 3, 8) == 0


def test_a_text_without_gaps_has_context_all_the_same() -> None:
    text = "字" * 300 + "手机 "
    assert context(text, len(text), 128) == len(text) - 128


@pytest.mark.parametrize("escape", [r"\u5b57", r"\ud83d\ude00", r"\n"])
@pytest.mark.parametrize("lead", range(14))
def test_where_a_long_sentence_is_cut_does_not_hang_on_how_much_of_an_escape_has_come(escape: str, lead: int) -> None:
    text = "x" * (LONGEST - lead) + escape * 3 + "y" * 40
    wanted = boundary(text, whole=True)
    grown = (boundary(text[:size]) for size in range(len(text)))
    assert {at for at in grown if at is not None} == {wanted}
