"""S28: nothing is cut off: the canary is found at any offset, and across the edge of any window."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from itertools import pairwise

import pytest

from guard.text.windows import cut
from tests.acceptance.conftest import House, house
from tests.acceptance.oracle import Bench, ask, escaped
from tests.fakes import CANARY, HARMLESS, CanaryClassifier, completion

SIZE, HORIZON = CanaryClassifier.window, CanaryClassifier.horizon
assert SIZE is not None
LONG = 9_000
"""Characters of text around the canary: five of the stub's windows."""

FILLERS = {"words": "lorem ", "Chinese": "天地玄黄宇宙洪荒，", "emoji": "👩‍👩‍👧 🇨🇳 ", "lines": "a\n", "unbroken": "x"}


def filler(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


def at(offset: int, phrase: str, unit: str = "lorem ", length: int = LONG) -> str:
    """*phrase* after *offset* characters of filler, in *length* of them altogether."""
    return filler(unit, offset) + phrase + filler(unit, max(0, length - offset - len(phrase)))


@pytest.mark.parametrize("token", [0, 10, *range(505, 521), 1_000, 5_000, 50_000])
def test_s28_canary_at_any_token_is_blocked(bench: Bench, token: int) -> None:
    def text(phrase: str) -> str:
        return "lorem " * token + phrase + " ipsum" * 40

    bench.guards_request(lambda phrase: ask(text(phrase)))
    bench.guards_request(lambda phrase: ask([{"type": "text", "text": text(phrase)}]))


@pytest.mark.parametrize("unit", FILLERS)
@pytest.mark.parametrize("offset", [0, 40, 2_030, 25_000, 200_000])
def test_s28_canary_in_text_of_any_script_is_blocked(bench: Bench, offset: int, unit: str) -> None:
    bench.guards_request(lambda phrase: ask(at(offset, phrase, FILLERS[unit])))


def edges() -> list[int]:
    """Where the stub's windows begin and end."""
    return sorted({edge for window in cut(LONG, SIZE, HORIZON) for edge in window} - {0})


@pytest.mark.parametrize("edge", edges())
def test_s28_canary_across_any_window_edge_is_blocked(bench: Bench, edge: int) -> None:
    for offset in range(edge - len(CANARY) - 1, edge + 2):
        bench.blocks(ask(at(offset, CANARY)))
        bench.blocks(ask("hello", {"role": "assistant", "content": at(offset, CANARY, "x")}, "and?"))


def test_s28_the_edges_are_those_of_what_the_classifier_read(bench: Bench) -> None:
    bench.house.canary.read.clear()
    bench.passes(ask(at(0, HARMLESS)))

    windows = bench.house.canary.read[: len(edges()) // 2 + 1]
    assert len(windows) > 4
    assert max(map(len, windows)) == SIZE
    assert all(before[-HORIZON:] == after[:HORIZON] for before, after in pairwise(windows))


@pytest.mark.parametrize("offset", [0, 2_030, 50_000])
def test_s28_canary_anywhere_in_a_long_answer_is_blocked(bench: Bench, offset: int) -> None:
    bench.guards_answer(lambda phrase: completion("short", at(offset, phrase)))
    bench.guards_answer(lambda phrase: completion("", content=None, reasoning=at(offset, phrase)))


@pytest.mark.parametrize("offset", range(SIZE - len(CANARY) - 1, SIZE + 2, 4))
def test_s28_escaped_arguments_are_read_across_window_edges(bench: Bench, offset: int) -> None:
    def call(phrase: str) -> dict[str, object]:
        arguments = at(offset, escaped(phrase), "x")
        function = {"name": "f", "arguments": arguments}
        return {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}

    bench.guards_request(lambda phrase: ask("hi", call(phrase), {"role": "tool", "tool_call_id": "c", "content": ""}))


def test_s28_canary_among_thousands_of_small_fields_is_blocked(bench: Bench) -> None:
    bench.guards_request(lambda phrase: ask("hi", x_new=[f"field {n}" for n in range(3_000)] + [phrase]))


REAL = """
policy: real
description: Real classifiers with real windows.
classifiers:
  pii: {entities: [email, credit_card]}
  keywords: {lists: {canary: ["ZORBLAX-7731 protocol"]}}
rules:
  - id: block-canary
    message: {en: "The canary is not allowed."}
    when: {category: custom.canary, at_least: 0.5}
    then: block
  - id: mask-data
    message: {en: "Data was masked."}
    when: {any: [{category: pii.email}, {category: pii.credit_card}]}
    then: redact
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway with the real `keywords` and `pii`."""
    with house(tmp_path_factory.mktemp("real"), REAL) as one:
        yield one


@pytest.mark.parametrize("offset", [65_536 - 30, 65_536 - 10, 65_536, 65_280 - 10, 65_280])
def test_s28_keywords_find_their_word_at_the_edges_of_their_windows(real: House, offset: int) -> None:
    Bench(real).guards_request(lambda phrase: ask(at(offset, f" {phrase} ", length=70_000)))


@pytest.mark.parametrize("offset", [0, 19_600 - 9, 19_600, 20_000 - 30, 20_000 - 9, 20_000, 50_000])
@pytest.mark.parametrize(
    ("data", "label"), [("ana.diaz@example.org", "<EMAIL_1>"), ("4111 1111 1111 1111", "<CREDIT_CARD_1>")]
)
def test_s28_data_is_masked_at_any_offset_and_the_rest_stays(real: House, offset: int, data: str, label: str) -> None:
    bench = Bench(real)

    answer = bench.send(ask(at(offset, f" {data} ", length=60_000)))

    assert answer.status == 200
    assert real.upstream.last_body == ask(at(offset, f" {data} ", length=60_000).replace(data, label))


MAIL = "a" * 60 + "@" + "averylongdepartmentname." * 9 + "example.org"


@pytest.mark.parametrize("offset", [19_600 - 100, 19_600, 20_000 - 290, 20_000 - 100])
def test_s28_a_long_address_at_a_window_edge_is_masked_whole(real: House, offset: int) -> None:
    bench = Bench(real)

    answer = bench.send(ask(at(offset, f" {MAIL} ", length=45_000)))

    assert answer.status == 200
    assert real.upstream.last_body == ask(at(offset, f" {MAIL} ", length=45_000).replace(MAIL, "<EMAIL_1>"))


ACCOUNT = """
policy: account
description: Account numbers and tokens are masked.
classifiers:
  pii: {entities: [bank_account]}
rules:
  - id: mask
    message: {en: "Data was masked."}
    when: {any: [{category: pii.bank_account}, {category: secret.token}]}
    then: redact
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway with the real `pii` and `secrets`."""
    with house(tmp_path_factory.mktemp("account"), ACCOUNT) as one:
        yield one


@pytest.mark.parametrize("first", ["My bank account number is ", "我的银行账号是"])
def test_s17_a_number_whose_meaning_stands_in_the_text_before_is_masked(account: House, first: str) -> None:
    answer = Bench(account).send(ask(first, "12345678901"))

    assert answer.status == 200
    assert [m["content"] for m in account.upstream.last_body["messages"]] == [first, "<BANK_ACCOUNT_1>"]
    assert Bench(account).send(ask("I have read chapter ", "12345678901")).status == 200
    assert account.upstream.last_body["messages"][1]["content"] == "12345678901"


@pytest.mark.parametrize("offset", [65_536 - 8_000, 65_536 - 8_320, 65_536 - 4_000])
def test_s28_a_token_of_eight_thousand_letters_is_masked_whole(account: House, offset: int) -> None:
    letters = "".join(random.Random(5).choices(string.ascii_letters + string.digits, k=8_000))
    token = f"eyJhbGciOiJSUzI1NiJ9.eyJ{letters[:7_700]}.{letters[7_700:]}"
    said = at(offset, f" {token} ", length=90_000)

    assert Bench(account).send(ask(said)).status == 200
    assert account.upstream.last_body == ask(said.replace(token, "<TOKEN_1>"))
