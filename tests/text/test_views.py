from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from guard.content import View
from guard.text.align import edited, through
from guard.text.views import disguises, is_plain, unfinished
from tests.benign import lines
from tests.disguises import ENCODINGS, FRAMES, LAYERS, OTHERS, TRANSFORMS, base64_of
from tests.fakes import CANARY


def shown(text: str) -> list[str]:
    return [view.text for view in disguises(text).views]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_s29_each_transform_of_a_phrase_is_undone(name: str, frame: str):
    text = frame.format(TRANSFORMS[name](CANARY))

    assert any(CANARY.lower() in one.lower() for one in shown(text)), shown(text)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", ENCODINGS)
def test_s30_each_encoding_of_a_phrase_is_undone(name: str, frame: str):
    text = frame.format(ENCODINGS[name](CANARY))

    assert any(CANARY.lower() in one.lower() for one in shown(text)), shown(text)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", OTHERS)
def test_each_other_disguise_of_a_phrase_is_undone(name: str, frame: str):
    text = frame.format(OTHERS[name](CANARY))

    assert any(CANARY.lower() in one.lower() for one in shown(text)), shown(text)


@pytest.mark.parametrize("name", [*TRANSFORMS, *LAYERS, *OTHERS])
@given(
    before=st.sampled_from(["", "He said: ", "看：", "a\n", "\u200b"]),
    after=st.sampled_from(["", " and so on.", "。", "\n"]),
)
def test_what_is_found_in_a_view_goes_back_to_the_characters_that_made_it(name: str, before: str, after: str):
    disguise = {**TRANSFORMS, **LAYERS, **OTHERS}[name]
    made = disguise(CANARY)
    text = f"{before}{made}{after}"
    places = []
    for view in disguises(text).views:
        at = view.text.lower().find(CANARY.lower())
        if at >= 0:
            places += view.origins(at, at + len(CANARY))

    assert places
    start, end = len(before), len(before) + len(made)
    low, high = min(low for _, low, _ in places), max(high for _, _, high in places)
    assert start <= low < high <= end + (after[:1] == "\n"), "nothing beside the phrase belongs to it"
    within = [view.text.lower() for view in disguises(text[low:high]).views]
    assert any(CANARY.lower() in one for one in within) or CANARY in text[low:high], "cut out, it is the phrase still"


@given(
    text=st.text(alphabet="abc é傻\u200b", max_size=30),
    cuts=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4), st.sampled_from(["", "x", "yz", "ÿ"])), max_size=5),
    more=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4), st.sampled_from(["", "x", "yz"])), max_size=3),
)
def test_edits_of_edits_map_back_to_the_first_text(
    text: str, cuts: list[tuple[int, int, str]], more: list[tuple[int, int, str]]
):
    def edits(given_text: str, wanted: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
        found, taken = [], 0
        for start, length, new in sorted(wanted):
            if taken <= start < len(given_text):
                taken = min(len(given_text), start + max(1, length))
                found.append((start, taken, new))
        return found

    first = edited(text, edits(text, cuts))
    both = through(edited(first.text, edits(first.text, more)), first)

    assert [s.start for s in both.segments] == sorted(s.start for s in both.segments)
    assert all(0 <= s.origin_start < s.origin_end <= len(text) and s.start < s.end for s in both.segments)
    unchanged = [s for s in both.segments if both.text[s.start : s.end] == text[s.origin_start : s.origin_end]]
    for segment in unchanged:
        assert both.origins(segment.start, segment.end) == [(0, segment.origin_start, segment.origin_end)]


@given(st.text(max_size=60))
def test_every_view_of_any_text_speaks_of_that_text(text: str):
    for view in disguises(text).views:
        assert all(0 <= s.origin_start < s.origin_end <= len(text) for s in view.segments)
        assert [s.start for s in view.segments] == sorted(s.start for s in view.segments)
        assert all(s.end <= len(view.text) for s in view.segments)
    assert 0 <= unfinished(text) <= len(text)


def test_a_plain_text_is_recognised_and_has_no_views():
    for text in (
        "The meeting starts at 8:30, so don't be late.",
        "会议八点半开始，请准时参加。",
        "شما چای می‌نوشید؟",
        "👩‍👩‍👧 🇨🇳 😀",
    ):
        assert is_plain(text)
        assert disguises(text).views == ()


def test_one_letter_of_code_a_picture_and_an_ordinal_are_no_disguise():
    for text in (
        "10th street, 2nd floor",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
        "U.S. and U.N.",
    ):
        assert disguises(text).views == ()


def test_what_is_encoded_beyond_the_budget_is_said_to_be_unread():
    assert disguises(base64_of("hello world " * 1000)).complete
    assert not disguises(base64_of("hello world " * 40_000)).complete
    assert not disguises(base64_of("hello world " * 1000), 1000).complete
    deep = "hello world, how are you"
    for _ in range(9):
        deep = base64_of(deep)
    assert not disguises(deep).complete


@pytest.mark.parametrize(
    "sentence",
    [
        "All is well, é 中 😀. ",
        "This is plan B. ",
        "He lives in the U.S. ",
        "It was 5 p.m. ",
        "See fig. 3 a) ",
        "On 2026-11-26. ",
        "他今天来了。",
        "What did you do? ",
        "She got an A. ",
        "I am 12. ",
        "At 12:30 it rained. ",
        "x = y + 1\n",
        "It ends with C++. ",
        "https://example.org/search?q=two%20words. ",
        "Salt & pepper. ",
        "A+B = C. ",
        "Vitamin B12. ",
    ],
)
def test_an_ordinary_sentence_is_over_when_it_is(sentence: str):
    assert unfinished(sentence) == len(sentence)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("it says k i ", "k i "),
        ("it says k.i", "k.i"),
        ("it says %E5%82", "%E5%82"),
        ("it says &#x5", "&#x5"),
        ("it says \\x5", "\\x5"),
        ("it says aGVsbG8gd29ybGQ", "aGVsbG8gd29ybGQ"),
        ("it says 68 65 6c 6c 6f 20", "68 65 6c 6c 6f 20"),
        ("it says \u202egnihtyna", "\u202egnihtyna"),
    ],
)
def test_what_could_go_on_is_held_and_no_more(text: str, held: str):
    assert text[unfinished(text) :] == held


@pytest.mark.parametrize("unseen", ["\ufe0f", "\U000e0150", "\ufeff" + "\U000e0150" * 40], ids=["a", "b", "c"])
def test_unseen_selectors_at_the_edge_of_a_word_are_undone(unseen: str):
    for before, after in (("", "kill them"), ("kill", " them"), ("kill ", "them"), ("a kill them", " all")):
        assert before + after in [view.text for view in disguises(before + unseen + after).views]


def test_a_payload_between_signs_is_undone():
    payload = "\ufeff" + "\U000e0150" * 40

    assert "ana @(at)" in [view.text for view in disguises(f"ana @{payload}(at)").views]


def test_few_ordinary_lines_are_read_twice():
    some = lines()
    twice = [line for line in some if disguises(line).views]

    assert len(some) > 2000
    assert len(twice) < len(some) / 10


HOSTILE = {
    "marks": "Z" + "\u0301" * 500_000,
    "a letter and a mark": "Z\u0301" * 333_000,
    "zero width": "Z\u200b" * 250_000,
    "tags": "\U000e0041" * 250_000,
    "overrides": "\u202eab\u202c" * 90_000,
    "nested percent": "%2525252541" * 90_000,
    "nested base64": base64_of(base64_of(base64_of("hello world " * 25_000))),
    "spelt": "a b " * 250_000,
    "dotted": "a." * 500_000,
    "spelt in one": "k i l l y o u " * 70_000,
    "bracketed": "[k][i][l][l] " * 75_000,
    "pairs": "41 " * 330_000,
    "leet": "k1ll " * 200_000,
    "ampersands": "&" * 1_000_000,
    "backslashes": "\\" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_time_in_proportion(name: str):
    text = HOSTILE[name]
    begin = time.thread_time()
    disguises(text)
    unfinished(text)

    assert time.thread_time() - begin < 20.0, "at most 2 s a megabyte on a quiet machine; never quadratic"


def test_a_view_of_a_view_keeps_the_part_that_it_speaks_of():
    raw = View.of("it says k i l l", 3, 7)
    (view,) = (through(one, raw) for one in disguises(raw.text).views)

    assert view.origins(8, 12) == [(3, 15, 16), (3, 17, 18), (3, 19, 20), (3, 21, 22)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("to be 6b 69 6c 6c 20 79 6f 75", "to be kill you"),
        ("6b 69 6c 6c 20 79 6f 75 ad", "kill you ad"),
        ("80:6b:69:6c:6c:20:79:6f:75:9f", "80:kill you:9f"),
        ("0x6b 0x69 0x6c 0x6c 0x20 0x79 0x6f 0x75", "kill you"),
        ("0x80, 0x6b, 0x69, 0x6c, 0x6c, 0x20, 0x79", "0x80, kill y"),
    ],
)
def test_a_pair_beside_them_hides_no_signs_in_hex(text: str, said: str) -> None:
    assert said in shown(text)


@pytest.mark.parametrize("text", ["to be 6b 69 6c 6c 20", "made 6b 69 6c 6c 20 7", "80:6b:69:6c:6c:20:"])
def test_pairs_of_hex_behind_others_are_held(text: str) -> None:
    assert text[unfinished(text) :].startswith("6b")
