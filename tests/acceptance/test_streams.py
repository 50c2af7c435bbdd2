"""S22, S23, S26, S19 and S20 for streams: decided like the whole answer, and nothing early, however it is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from guard.audit import AuditRecord, State
from tests.acceptance.conftest import POLICY, House, house
from tests.acceptance.dialects import DIALECTS, Dialect, Heard, Said, cut, playing, says
from tests.acceptance.oracle import escaped
from tests.fakes import CANARY, ENTITY, HARMLESS

ACCEPTANCE = POLICY.read_text()
FOR = "match: {models: [%s]}\n"
WORDS = """policy: %s
match: {models: [%s]}
classifiers:
  pii: {entities: [email, credit_card]}
rules:
  - id: block-canary
    when: {category: custom.canary, at_least: 0.9}
    then: block
"""
POLICIES = {
    "acceptance": ACCEPTANCE,
    "replacing": WORDS % ("replacing", "replacing")
    + "  - {id: take-away, when: {category: custom.entity}, then: {replace: {text: Taken away.}}}\n",
    "labelling": WORDS % ("labelling", "labelling")
    + "  - {id: mask, when: {category: pii.email}, then: redact}\n"
    + "  - {id: mark, directions: [output], when: {not: {category: custom.canary}}, then: {label: {text: AI made}}}\n",
    "watching": ACCEPTANCE.replace("policy: acceptance", "policy: watching\nmode: shadow\nmatch: {models: [watching]}"),
}
DATA = f"Write to ana@example.org. The card is 4111 1111 1111 1111, and it is {ENTITY}. Nothing else is known of it."
TEXTS = {
    "nothing": f"All is well. It is called {HARMLESS}, as everybody knows. And so on.",
    "the canary": f"All is well. It is called {CANARY}, as everybody knows. And so on.",
    "the canary alone": CANARY,
    "the canary, escaped": f'{{"it": "{escaped(CANARY)}"}}',
    "data": DATA,
    "data, in Chinese": f"请写信给ana@example.org。卡号是4111 1111 1111 1111。编号是{ENTITY}。没有别的了。",
    "data and the canary": f"{DATA} It is called {CANARY}. And so on.",
    "data in JSON": json.dumps({"to": "ana@example.org", "note": f"a\n{ENTITY}"}),
}
dialects = pytest.mark.parametrize("dialect", DIALECTS, ids=str)
lanes = pytest.mark.parametrize(("dialect", "lane"), [(one, lane) for one in DIALECTS for lane in one.lanes])


@pytest.fixture(scope="module")
def one_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("streams"), POLICIES, timeout_s=20) as one:
        yield one


@pytest.fixture
def one(one_house: House) -> House:
    one_house.begin()
    return one_house


def record(one: House) -> AuditRecord:
    """The record of what was just asked, which is the only one."""
    (found,) = one.records()
    one.earlier += 1
    assert one._count() == 0
    return found  # type: ignore[no-any-return]


def findings(record: AuditRecord, *, placed: bool) -> list[tuple[Any, ...]]:
    """What was found, strong enough to matter: of weak scores a stream keeps other ones than the whole."""
    found = (record.output or {})["findings"]
    places = [(f["part"], str(f.get("span"))) if placed else () for f in found]
    return sorted((f["category"], f["score"], *at) for f, at in zip(found, places, strict=True) if f["score"] >= 0.5)


def held_back(heard: Heard) -> None:
    """No beginning of the canary that is long enough to be one."""
    assert CANARY[:8] not in heard.everything()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("policy", POLICIES)
@lanes
def test_s22_a_stream_is_decided_and_released_like_the_whole_answer(
    one: House, dialect: Dialect, policy: str, text: str, lane: str
) -> None:
    words = TEXTS[text]
    if lane == "arguments" and not words.startswith("{"):
        words = json.dumps({"q": words}, ensure_ascii=False)
    if lane == "arguments" and dialect.name == "messages":
        words = json.dumps(json.loads(words), ensure_ascii=False, separators=(",", ":"))  # the whole one is no text
    says(one, dialect, cut(words, 3, lane=lane))
    whole = dialect.of_whole(dialect.send(one, stream=False, model=policy))
    of_whole = record(one)
    answer = dialect.send(one, model=policy)
    streamed = dialect.heard(answer)
    of_stream = record(one)

    assert (of_stream.action, of_stream.rules) == (of_whole.action, of_whole.rules)
    is_text = (dialect.name, lane) != ("messages", "arguments")  # an object in the whole, and JSON in the stream
    if not is_text and of_whole.action == "replace":  # a notice in the place of a value would be one of all the JSON
        assert (of_stream.state, streamed.ending in {"filtered", "refused"}) == (State.BLOCKED, True)
        return
    assert of_stream.state == of_whole.state
    if whole.ending == "refused":
        assert streamed.ending in {"filtered", "refused"}
        held_back(streamed)
        assert one.leaks(answer) == []
        return
    assert streamed.ending == "whole"
    assert streamed.texts == whole.texts
    assert findings(of_stream, placed=is_text) == findings(of_whole, placed=is_text)
    assert whole.texts == {(0, lane): words} or policy != "watching"


@pytest.mark.parametrize("text", ["nothing", "the canary", "the canary alone", "data"])
@dialects
def test_s22_the_real_client_hears_what_the_bytes_say(one: House, dialect: Dialect, text: str) -> None:
    says(one, dialect, cut(TEXTS[text], 3))

    by_bytes = dialect.heard(dialect.send(one))
    by_client = dialect.by_client(one)

    assert by_client.texts == by_bytes.texts
    assert by_client.ending == by_bytes.ending
    held_back(by_client)


BEFORE, AROUND = "I will tell you. ", "It is the {} of course. Ask me more."
EXPECTED = {"content": "filtered", "reasoning": "filtered", "arguments": "refused"}


@pytest.mark.parametrize("size", range(1, 17))
@dialects
def test_s23_no_part_of_the_canary_is_released_wherever_and_however_finely_it_is_cut(
    one: House, dialect: Dialect, size: int
) -> None:
    text = BEFORE + AROUND.format(CANARY)
    for first in range(1, size + 1):
        says(one, dialect, cut(text, size, first))
        answer = dialect.send(one)
        heard = dialect.heard(answer)
        assert heard.ending == "filtered"
        assert heard.text == BEFORE
        held_back(heard)
        assert one.leaks(answer) == []
        last = record(one)
        assert (last.state, last.status, last.action) == (State.BLOCKED, 200, "block")


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13, 16])
@lanes
def test_s23_pieces_that_come_one_by_one_are_held_back_in_every_text(
    one: House, dialect: Dialect, lane: str, size: int
) -> None:
    for phrase in (CANARY, HARMLESS):
        text = BEFORE + AROUND.format(phrase)
        if lane == "arguments":
            text = (
                json.dumps({"q": text}) if size % 2 else json.dumps({"q": "", escaped(phrase): 1}).replace("\\\\", "\\")
            )
        said = cut(text, size, lane=lane)
        one.upstream.play = playing(dialect.media_type, dialect.frames(said), every=0.002)
        answer = dialect.send(one)
        heard = dialect.heard(answer)
        if phrase == HARMLESS:
            assert heard.texts == dialect.parts(said)
            assert record(one).state is State.ALLOWED
            continue
        held_back(heard)
        assert heard.ending in {"filtered", "refused"}
        got = heard.texts.get((0, lane), "")
        assert got == "" or (got.endswith(BEFORE) and text.startswith(got))
        assert one.leaks(answer) == []
        assert record(one).state is State.BLOCKED


@pytest.mark.parametrize("gap", ["", " "])
@dialects
def test_s20_what_begins_in_the_thinking_and_goes_on_in_the_answer_is_found(
    one: House, dialect: Dialect, gap: str
) -> None:
    for phrase in (CANARY, HARMLESS):
        first, second = phrase[:12] + gap, phrase[12 + len(gap) :]
        said = [*cut(f"Let me think of it. It is {first}", 3, lane="reasoning"), *cut(f"{second}, I think. So.", 3)]
        says(one, dialect, said)
        whole = dialect.of_whole(dialect.send(one, stream=False))
        record(one)
        answer = dialect.send(one)
        heard = dialect.heard(answer)
        assert (whole.ending == "refused") is (heard.ending in {"filtered", "refused"}) is (phrase == CANARY)
        if phrase == HARMLESS:
            assert heard.texts == whole.texts == dialect.parts(said)
        else:
            held_back(heard)
        record(one)


CHOICES = ["first of all. It is ", "second of them. It is ", "third and last. It is "]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_s19_choices_that_come_interleaved_are_judged_each_for_itself(one: House, place: int) -> None:
    (chat, *_) = DIALECTS
    for phrase in (CANARY, HARMLESS):
        texts = [f"This is the {said}{phrase if n == place else 'fine'}. And so on." for n, said in enumerate(CHOICES)]
        each = [cut(text, 3 + n, choice=(2, 0, 1)[n]) for n, text in enumerate(texts)]
        said = [piece[n] for n in range(40) for piece in each if n < len(piece)]
        says(one, chat, said)
        answer = chat.send(one, n=3)
        heard = chat.heard(answer)
        assert one.leaks(answer) == []
        if phrase == HARMLESS:
            assert heard.texts == chat.parts(said)
            assert heard.ending == "whole"
        else:
            held_back(heard)
            assert heard.ending == "filtered"
        record(one)


def test_s19_a_canary_cut_over_two_choices_is_none(one: House) -> None:
    """A client never puts them together; taken in turns they would spell it."""
    (chat, *_) = DIALECTS
    said: list[Said] = [(n % 2, "content", letter) for n, letter in enumerate(CANARY)]
    says(one, chat, said)

    assert chat.heard(chat.send(one, n=2)).texts == chat.parts(said)


KEY = "sk-" + "proj-" + "q7Zk2Vd9XwT4mB8sL1cR6yH3nF5jP0aG"
PRIVATE = ("ana@example.org", "4111 1111 1111 1111", KEY, ENTITY)
NAMES = ("<EMAIL_1>", "<CREDIT_CARD_1>", "<API_KEY_1>", "<ENTITY_1>")
SPLIT = "Write to {}, please. The card is {} and no other. The key {} is é 中 😀 theirs.\n\tIt is {}, so."


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 16, 40])
@dialects
def test_s26_data_cut_over_deltas_is_masked_whole_and_the_rest_is_as_it_was(
    one: House, dialect: Dialect, size: int
) -> None:
    for first in sorted({1, size // 2 or 1, size}):
        says(one, dialect, cut(SPLIT.format(*PRIVATE), size, first))
        answer = dialect.send(one)
        assert dialect.heard(answer).text == SPLIT.format(*NAMES)
        assert not [value for value in PRIVATE if value.encode() in answer.raw]
        assert record(one).state is State.REDACTED


@pytest.mark.parametrize("size", [1, 4, 9])
@pytest.mark.parametrize("dialect", [one for one in DIALECTS if "arguments" in one.lanes], ids=str)
def test_s26_data_in_the_arguments_of_a_call_is_masked_and_they_stay_json(
    one: House, dialect: Dialect, size: int
) -> None:
    arguments = '{"to":"ana@example.org","card":4111111111111111,"note":"a\\n\\u0045NTITY-4242","n":[1,null]}'
    says(one, dialect, cut(arguments, size, lane="arguments"))
    heard = dialect.heard(dialect.send(one))

    assert json.loads(heard.texts[0, "arguments"]) == {
        "to": "<EMAIL_1>", "card": "<CREDIT_CARD_1>", "note": "a\n<ENTITY_1>", "n": [1, None],
    }  # fmt: skip
    assert record(one).state is State.REDACTED
