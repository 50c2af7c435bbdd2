"""A disguised text is decided as it would be whole, however it is cut; nothing of it is released before that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st

from guard.content import TextPart
from guard.decision import Refusal
from guard.pipeline import Engine, Pipeline
from guard.stream.items import Delta, End
from guard.text.sentences import LONGEST
from tests.benign import lines
from tests.disguises import ENCODINGS, FRAMES, OTHERS, TRANSFORMS, base64_of
from tests.fakes import CANARY, HARMLESS, CanaryClassifier, FakeCatalog
from tests.test_streaming import LANE, THINKING, cut, policy_of, same, stream, whole

CRUEL = ["傻瓜蛋", "kill yourself", "强奸", "自杀"]
RULES = f"""
policy: disguises
classifiers: {{keywords: {{lists: {{phrase: ["{CANARY}"], cruel: {CRUEL}}}, builtin: []}}}}
rules:
  - {{id: block-phrase, when: {{any: [{{category: custom.phrase}}, {{category: custom.cruel}}]}}, then: block}}
"""
MASK = RULES.replace("then: block", "then: redact")
DISGUISES = {**TRANSFORMS, **ENCODINGS, **OTHERS}


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    engine = Engine(FakeCatalog(CanaryClassifier()))
    yield Pipeline(engine)
    engine.close()


def part(text: str) -> TextPart:
    return TextPart(text, LANE.pointer, LANE.path, "message", "assistant")


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", DISGUISES)
def test_s22_a_disguised_phrase_is_stopped_before_its_first_character(
    pipeline: Pipeline, name: str, frame: str
) -> None:
    policy = policy_of(pipeline, RULES)
    text = frame.format(DISGUISES[name](CANARY))
    wanted = whole(pipeline, policy, part(text))
    assert wanted.decision.action == "block"

    for size in (1, 3, 7, len(text)):
        got = stream(pipeline, policy, cut(text, range(0, len(text), size)))

        assert isinstance(got.refusal, Refusal)
        assert got.decision.action == "block"
        assert len(got.text) <= frame.index("{")


@given(
    pieces=st.lists(
        st.one_of(
            st.sampled_from(lines()[:900]),
            st.sampled_from([frame.format(DISGUISES[name](CANARY)) for name in DISGUISES for frame in FRAMES[:2]]),
            st.sampled_from(
                [
                    frame.format(DISGUISES[name](HARMLESS))
                    for name in DISGUISES
                    for frame in FRAMES[:2]
                    if name != "upside down"
                ]
            ),
            st.sampled_from(
                [
                    "k i l l  y o u r s e l f",
                    "傻 瓜 蛋",
                    "傻\u200b瓜蛋",
                    "k.i.l.l",
                    "k i l l y o u r s e l f",
                    "k.i.l.l y.o.u.r.s.e.l.f",
                    "ki\n",
                    "107 105",
                    "> a2lsbCB5b3Vyc2Vs\n",
                    "a2ls bCB5",
                    "NNUWY3BA",
                    "01101011 01101001 ",
                    "ki\nll yours-\nelf",
                    "ki\nll\nyo\nurse\nlf",
                    "k\U0001f600ill",
                    "kill\U0001f600yourself",
                    "自\U0001f600",
                    "自鲨的方法",
                    "弓虽女",
                    "sha",
                    "ḱíĺĺ",
                    "Z O R",
                    "Wk9S",
                    "%5A",
                    "&#x",
                    "\r\n",
                ]
            ),
        ),
        max_size=5,
    ),
    between=st.sampled_from([" ", "", "\n", ". "]),
    at=st.lists(st.integers(1, 400), max_size=12),
)
@settings(max_examples=250, deadline=None)
def test_any_disguises_in_any_text_are_decided_alike_however_it_is_cut(
    pipeline: Pipeline, pieces: list[str], between: str, at: list[int]
) -> None:
    policy = policy_of(pipeline, RULES)
    text = between.join(pieces)
    if not text:
        return
    once = stream(pipeline, policy, cut(text, []))
    many = stream(pipeline, policy, cut(text, at))

    assert (many.text, many.decision.action) == (once.text, once.decision.action)
    same(many.decision, once.decision)
    assert once.decision.action == whole(pipeline, policy, part(text)).decision.action


def test_what_is_released_before_a_spelt_out_block_does_not_depend_on_the_cut(pipeline: Pipeline) -> None:
    policy = policy_of(pipeline, RULES)
    for frame in (HARMLESS, CANARY):
        text = "\n".join([TRANSFORMS["zero-width space"](frame), "k i l l  y o u r s e l f", *lines()[:2]])
        once = stream(pipeline, policy, cut(text, []))
        for at in range(1, len(text), 3):
            many = stream(pipeline, policy, cut(text, [at]))
            assert (many.text, many.decision.action) == (once.text, once.decision.action)
            same(many.decision, once.decision)


@pytest.mark.parametrize("made", ["k i l l y o u r s e l f", "k.i.l.l.y.o.u.r.s.e.l.f", "k*i*l*l y*o*u*r*s*e*l*f"])
def test_spelt_words_with_nothing_more_between_them_are_told_apart(pipeline: Pipeline, made: str) -> None:
    policy = policy_of(pipeline, RULES)
    text = f"Go on, {made} he said, and left."
    for size in (1, 4, len(text)):
        got = stream(pipeline, policy, cut(text, range(0, len(text), size)))

        assert (got.decision.action, got.text) == ("block", "Go on, "[: len(got.text)])
    assert whole(pipeline, policy, part(text)).decision.action == "block"


@pytest.mark.parametrize("name", OTHERS)
def test_a_sentence_that_is_cut_in_a_disguise_is_held_from_where_it_begins(pipeline: Pipeline, name: str) -> None:
    policy = policy_of(pipeline, RULES)
    made = OTHERS[name](CANARY).lstrip("> ")
    for size in range(120, LONGEST, 10):
        before = f"{'some more of the same and so on it goes ' * 5}"[:size].rsplit(" ", 1)[0] + " "
        got = stream(pipeline, policy, cut(f"{before}{made} and then some more until it is over", range(0, 999, 5)))

        assert got.decision.action == "block"
        assert before.startswith(got.text)


@pytest.mark.parametrize("made", ["自鲨", "自sha", "zi杀", "自 鲨", "弓虽女干", "强女干", "弓 虽 女 干"])
def test_chinese_by_sound_or_in_parts_is_stopped_before_its_first_character(pipeline: Pipeline, made: str) -> None:
    policy = policy_of(pipeline, RULES)
    text = f"他说，{made}，然后走了。"
    for size in (1, 2, len(text)):
        got = stream(pipeline, policy, cut(text, range(0, len(text), size)))

        assert (got.decision.action, got.text) == ("block", "他说，"[: len(got.text)])
    assert whole(pipeline, policy, part(text)).decision.action == "block"


@pytest.mark.parametrize(
    "made",
    [
        "自鲨",
        "zi杀",
        "强女干",
        "kill yo\nurse\nlf",
        "kill y\nou\nrs\nelf",
        "k i l l y o u r s e l f",
        "k  i  l  l   y  o  u  r  s  e  l  f",
        "弓 虽 女 干",
        "傻 瓜 蛋",
    ],
)
@pytest.mark.parametrize(
    "frame", ["{}", "He said so. {}\nAnd left. ", "aaaa bbbb {} cccc dddd", "你好，{}，然后走了。"]
)
def test_a_stream_masks_all_of_what_is_masked_whole(pipeline: Pipeline, made: str, frame: str) -> None:
    policy = policy_of(pipeline, MASK)
    text = frame.format(made)
    judged = whole(pipeline, policy, part(text))
    released = judged.released.parts[0].text  # type: ignore[union-attr]

    assert (judged.decision.action, released) == ("redact", frame.format("<CRUEL_1>"))
    for size in (1, 3, len(text)):
        assert stream(pipeline, policy, cut(text, range(0, len(text), size))).text == released


def test_a_disguised_phrase_is_masked_exactly(pipeline: Pipeline) -> None:
    policy = policy_of(pipeline, MASK)
    for name in ("spaced", "dotted, words apart", "base64", "percent", "zero-width space", "tags", "Cyrillic"):
        made = DISGUISES[name](CANARY)
        text = f"It is called {made} by some. And so on."
        released = whole(pipeline, policy, part(text)).released.parts[0].text  # type: ignore[union-attr]

        assert (released.startswith("It is called "), released.endswith(" by some. And so on.")) == (True, True), name
        assert len(released) < len("It is called  by some. And so on.") + 25
        assert stream(pipeline, policy, cut(text, range(0, len(text), 4))).text == released


@pytest.mark.parametrize("line", lines()[::12])
def test_s31_an_ordinary_line_goes_on_as_it_is(pipeline: Pipeline, line: str) -> None:
    policy = policy_of(pipeline, RULES)
    got = stream(pipeline, policy, cut(line, range(0, len(line), 5)))

    assert (got.text, got.decision.action) == (line, "allow")


def test_an_ordinary_sentence_is_released_at_its_end(pipeline: Pipeline) -> None:
    policy = policy_of(pipeline, RULES)
    for text in (
        "All is well, é 中 😀. ",
        "He lives in the U.S. now. ",
        "This was our plan B. ",
        "It is five p.m. and dark. ",
    ):
        got = stream(pipeline, policy, [[Delta(LANE, text)]])

        assert got.text == text


@pytest.mark.parametrize("place", range(1, len(CANARY)))
def test_s20_a_phrase_cut_over_thinking_and_answer_is_found_in_disguise_too(pipeline: Pipeline, place: int) -> None:
    policy = policy_of(pipeline, RULES)
    for disguise in (str, TRANSFORMS["zero-width space"], TRANSFORMS["Cyrillic"], TRANSFORMS["percent"]):
        got = stream(
            pipeline,
            policy,
            [
                [Delta(THINKING, f"I think {disguise(CANARY[:place])}"), End(THINKING)],
                [Delta(LANE, f"{disguise(CANARY[place:])} it is."), End(LANE)],
            ],
        )

        assert got.decision.action == "block"


def test_s30_an_encoded_text_too_long_to_hold_is_unscannable_streamed_and_whole(pipeline: Pipeline) -> None:
    policy = policy_of(pipeline, RULES)
    text = f"Here: {base64_of('all is well and good ' * 1000)} and that is all."
    got = stream(pipeline, policy, cut(text, range(0, len(text), 500)))
    wanted = whole(pipeline, policy, part(text)).decision

    assert (got.decision.action, wanted.action) == ("block", "block")
    assert got.decision.coverage.unscannable == wanted.coverage.unscannable != ()


def test_a_picture_in_an_answer_is_neither_held_nor_unscannable(pipeline: Pipeline) -> None:
    policy = policy_of(pipeline, RULES)
    picture = base64_of("".join(map(chr, range(256))))  # UTF-8 of Latin-1, and some that are no text
    for text in (
        f"![a](data:image/png;base64,{picture * 100}) is a dot. ",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB" * 40 + " was sent. ",
    ):
        got = stream(pipeline, policy, [[Delta(LANE, text)]])

        assert got.text == text


def test_a_stream_masks_the_first_of_two_that_a_gap_parts(pipeline: Pipeline) -> None:
    policy = policy_of(pipeline, MASK)
    for text in ("强女干 强女干", "自鲨 自鲨 强女干"):
        released = whole(pipeline, policy, part(text)).released.parts[0].text  # type: ignore[union-attr]

        assert "女" not in released
        for size in (1, len(text)):
            assert not {*"自鲨强女干"}.intersection(stream(pipeline, policy, cut(text, range(0, len(text), size))).text)
