"""S26 and promise 2: what is held and for how long, what comes back, and requests judged while they are answered."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from guard.audit import State
from guard.vault import Scope
from tests.acceptance.conftest import POLICY, House, house
from tests.acceptance.dialects import (
    DIALECTS,
    LAST,
    Dialect,
    Listening,
    Said,
    chunk,
    cut,
    ending,
    head,
    playing,
    says,
    until,
)
from tests.acceptance.test_restore import ANA, BO, KEYS, PLACEHOLDER, TENANTS, restoring
from tests.fakes import CANARY, ENTITY, HARMLESS, eventually

dialects = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


@pytest.fixture(scope="module")
def one_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("flow"), timeout_s=20) as one:
        yield one


@pytest.fixture
def one(one_house: House) -> House:
    one_house.begin()
    return one_house


SENTENCES = [
    "It begins with one. ", "这是第二句话，说的是天气很好。", f"Write to ana@example.org or {ENTITY}. ",
    "Then a fourth!\n", "And \"a fifth\" follows it. ", "x" * 150 + ", with a long one. ", "So it ends.",
]  # fmt: skip
SHOWN = [one.replace("ana@example.org", "<EMAIL_1>").replace(ENTITY, "<ENTITY_1>") for one in SENTENCES]


@pytest.mark.parametrize("size", [1, 5, 1000])
@dialects
def test_s26_a_sentence_is_sent_while_the_next_is_still_being_said(one: House, dialect: Dialect, size: int) -> None:
    """The upstream says a sentence and the first letter of the next, and goes on once the client has the first."""
    turns = [
        said[n > 0 :] + after[:1] for n, (said, after) in enumerate(zip(SENTENCES, [*SENTENCES[1:], ""], strict=True))
    ]
    groups = [cut(turn, size) for turn in turns]
    frames = dialect.frames([piece for group in groups for piece in group])
    heard_of: list[int] = []

    def has(said: bytes) -> bool:
        return said in client.raw

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at = dialect.opening
        writer.write(head(dialect.media_type) + b"".join(map(chunk, frames[:at])))
        for number, group in enumerate(groups[:-1]):
            writer.write(b"".join(map(chunk, frames[at : at + len(group)])))
            await writer.drain()
            at += len(group)
            await until(partial(has, json.dumps(SHOWN[number], ensure_ascii=False)[1:-1].encode()))
            heard_of.append(number)
        writer.write(b"".join(map(chunk, frames[at:])) + LAST)
        await writer.drain()

    one.upstream.play = play
    client = Listening(one.ports.data, dialect, dialect.ask())
    with client:
        heard = dialect.heard(client.answer())
    assert (heard.ending, heard.text) == ("whole", "".join(SHOWN))
    assert heard_of == list(range(len(SENTENCES) - 1))
    (record,) = one.records()
    assert record.timings["first"] < record.timings["total"]


@dialects
def test_promise_2_the_real_client_reads_while_the_upstream_is_silent(one: House, dialect: Dialect) -> None:
    """The upstream says nothing more until the client has acted on what it heard."""
    read = threading.Event()
    frames = dialect.frames([*cut("The first sentence. ", 3), *cut("It goes on. ", 3)])

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at = next(n for n, frame in enumerate(frames) if b'"It ' in frame)
        writer.write(head(dialect.media_type) + b"".join(map(chunk, frames[:at])))
        await writer.drain()
        await until(read.is_set)
        await ending(frames[at:])(reader, writer)

    one.upstream.play = play
    add = dialect._add  # type: ignore[attr-defined]

    def added(heard: Any, *given: Any) -> None:
        add(heard, *given)
        if heard.text == "The first sentence. ":
            read.set()

    dialect._add = added  # type: ignore[attr-defined]
    try:
        heard = dialect.by_client(one)
    finally:
        del dialect._add  # type: ignore[attr-defined]
    assert (heard.ending, heard.text) == ("whole", "The first sentence. It goes on. ")
    assert read.is_set()


# Values that come back


@pytest.fixture(scope="module")
def masking_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with restoring(tmp_path_factory.mktemp("masking"), timeout_s=20) as one:
        yield one


@pytest.fixture
def masking(masking_house: House) -> House:
    masking_house.begin()
    return masking_house


def quoting(one: House, dialect: Dialect, said: Any) -> None:
    """Have the generator say what *said* makes of the placeholders in the last request."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        names = PLACEHOLDER.findall(one.upstream.received[-1].partition(b"\r\n\r\n")[2].decode())
        await playing(dialect.media_type, dialect.frames(said(names)))(reader, writer)

    one.upstream.play = play


FORMS = {"plain": "{}", "html": "&lt;{}&gt;", "json": "\\u003c{}\\u003e", "JSON": "\\u003C{}\\u003E"}
WRITTEN = "You said {0}, did you. So I write to {0}, and <EMAIL_aaaaaa>, < EMAIL, and {0}"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 11, 13])
@dialects
def test_a_placeholder_cut_anywhere_comes_back_as_its_value(masking: House, dialect: Dialect, size: int) -> None:
    for name, form in FORMS.items():
        first = {"plain": 1, "html": 2, "json": size, "JSON": size // 2 or 1}[name]

        def said(names: Sequence[str], form: str = form, first: int = first) -> list[Said]:
            shown = names[0] if form == "{}" else form.format(names[0][1:-1])
            return cut(WRITTEN.format(shown), size, min(first, size))

        quoting(masking, dialect, said)
        answer = dialect.send(masking, f"I am {ANA}")
        heard = dialect.heard(answer)
        assert (heard.ending, heard.text) == ("whole", WRITTEN.format(ANA))
        assert not re.search(r"EMAIL_(?!aaaaaa)", heard.everything())


@pytest.mark.parametrize("size", [1, 3, 8, 16])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dialect", [one for one in DIALECTS if "arguments" in one.lanes], ids=str)
def test_a_placeholder_in_arguments_comes_back_and_they_stay_json(
    masking: House, dialect: Dialect, form: str, size: int
) -> None:
    def said(names: Sequence[str]) -> list[Said]:
        shown = FORMS[form].format(names[0] if form == "plain" else names[0][1:-1])
        return cut(f'{{"to":["{shown}"],"note":"a\\n{shown}"}}', size, lane="arguments")

    quoting(masking, dialect, said)
    heard = dialect.heard(dialect.send(masking, f"I am {ANA}"))

    assert json.loads(heard.texts[0, "arguments"]) == {"to": [ANA], "note": f"a\n{ANA}"}


@pytest.mark.parametrize("size", [1, 4, 9])
def test_placeholders_in_every_choice_come_back_however_they_are_mixed(masking: House, size: int) -> None:
    (chat, *_) = DIALECTS

    def said(names: Sequence[str]) -> list[Said]:
        texts = [f"First {names[0]}. ", f"<{names[1]}", f"{names[0]}{names[1]} and <EMAIL_"]
        each = [cut(text, size, choice=n) for n, text in enumerate(texts)]
        return [piece[n] for n in range(60) for piece in each if n < len(piece)]

    quoting(masking, chat, said)
    heard = chat.heard(chat.send(masking, f"I am {ANA}, not {BO}", n=3))

    assert heard.texts == {
        (0, "content"): f"First {ANA}. ", (1, "content"): f"<{BO}", (2, "content"): f"{ANA}{BO} and <EMAIL_",
    }  # fmt: skip


@dialects
def test_a_stream_that_is_blocked_gives_no_value_back_that_was_not_released(masking: House, dialect: Dialect) -> None:
    quoting(masking, dialect, lambda names: cut(f"It is {names[0]}, sure. Also {names[0]} is {CANARY}. So.", 3))
    answer = dialect.send(masking, f"I am {ANA}")
    heard = dialect.heard(answer)
    assert (heard.ending, heard.text) == ("filtered", f"It is {ANA}, sure. ")
    assert masking.leaks(answer) == []


@dialects
def test_over_two_turns_the_same_value_comes_back_and_two_tenants_never_meet(tmp_path: Path, dialect: Dialect) -> None:
    with restoring(tmp_path, tenants=TENANTS, vault=Scope.CONVERSATION) as one:

        def ask(who: str, *turns: str, said: Any) -> str:
            quoting(one, dialect, said)
            messages = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(turns)]
            answer = one.post(dialect.path, dialect.ask(messages=messages), {"X-Guard-Key": KEYS[who].decode()})
            return dialect.heard(answer).text

        seen: list[str] = []

        def echo(names: Sequence[str]) -> list[Said]:
            seen.append(names[0])
            return cut(f"Hello {names[0]}. How are you?", 4)

        assert ask("acme", f"I am {ANA}", said=echo) == f"Hello {ANA}. How are you?"
        turns = (f"I am {ANA}", f"Hello {ANA}. How are you?", "Well.")
        assert ask("acme", *turns, said=echo) == f"Hello {ANA}. How are you?"
        assert ask("umbrella", f"I am {ANA}", said=echo) == f"Hello {ANA}. How are you?"
        assert seen[0] == seen[1] != seen[2]
        stolen = ask("umbrella", f"I am {BO}", said=lambda _: cut(f"Hello {seen[0]}. ", 4))
        assert stolen == f"Hello {seen[0]}. "


# A request that is judged while it is answered

RACING = """policy: racing
race_input: true
rules:
  - {id: block-canary, when: {category: custom.canary, at_least: 0.9}, then: block}
  - {id: mask, directions: [output], when: {category: custom.entity}, then: redact}
"""


@pytest.fixture
def racing(tmp_path: Path) -> Iterator[tuple[House, threading.Event]]:
    """A gateway whose classifier says nothing of requests until it is let."""
    let = threading.Event()
    with house(tmp_path, RACING, inline=False, timeout_s=20, judge_timeout_s=10) as one:
        judge = one.canary._findings

        def waiting(items: Sequence[str]) -> Any:
            if any("asked" in item for item in items):
                let.wait(8)
            return [judge(item) for item in items]

        one.canary.trouble = waiting
        yield one, let
        let.set()


@dialects
def test_s22_nothing_is_released_before_the_request_is_decided(
    racing: tuple[House, threading.Event], dialect: Dialect
) -> None:
    one, let = racing
    sent: list[str] = []
    plain = playing(dialect.media_type, dialect.frames(cut(f"It is well. It is {ENTITY}. So it is.", 4)))

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await plain(reader, writer)
        sent.append("all")

    one.upstream.play = play
    with Listening(one.ports.data, dialect, dialect.ask(f"asked for {HARMLESS}")) as client:
        assert eventually(lambda: sent == ["all"])
        assert not let.wait(0.2)
        assert client.raw == b""
        let.set()
        heard = dialect.heard(client.answer())
    assert (heard.ending, heard.text) == ("whole", "It is well. It is <ENTITY_1>. So it is.")
    (record,) = one.records()
    assert record.state is State.REDACTED


@pytest.mark.parametrize("begun", [True, False], ids=["upstream answers", "upstream thinks"])
@dialects
def test_s22_a_request_that_is_blocked_takes_its_call_back(
    racing: tuple[House, threading.Event], dialect: Dialect, begun: bool
) -> None:
    one, let = racing
    gone: list[bool] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if begun:
            writer.write(head(dialect.media_type) + chunk(dialect.frames(cut("It is well. So it is. ", 40))[0]))
        try:
            gone.append(await asyncio.wait_for(reader.read(1), 10) == b"")
        except ConnectionError:
            gone.append(True)
        raise ConnectionAbortedError

    one.upstream.play = play
    with Listening(one.ports.data, dialect, dialect.ask(f"asked for {CANARY}")) as client:
        assert eventually(lambda: len(one.upstream.received) == 1)
        assert (client.raw, gone) == (b"", [])
        let.set()
        answer = client.answer()
        assert eventually(lambda: gone == [True], seconds=1)
    heard = dialect.heard(answer)
    assert heard.ending == "refused"
    assert b"well" not in answer.raw
    (record,) = one.records()
    assert (record.state, record.status, record.attempts) == (State.BLOCKED, 400, 1)
    assert eventually(lambda: "guard_requests_in_flight 0.0" in one.admin("/metrics"))


@dialects
def test_s22_a_request_that_cannot_be_judged_releases_nothing_of_its_answer(
    racing: tuple[House, threading.Event], dialect: Dialect
) -> None:
    one, let = racing
    one.canary.trouble = lambda items: [] if any("asked" in item for item in items) else [[] for _ in items]
    says(one, dialect, cut("It is well. So it is. ", 4))
    answer = dialect.send(one, "asked for something")
    assert answer.status == 503
    assert b"well" not in answer.raw
    (record,) = one.records()
    assert record.state is State.ERROR_CLOSED
    let.set()


def test_s22_a_policy_that_would_change_what_was_sent_already_does_not_load(tmp_path: Path) -> None:
    for policy in (RACING.replace("directions: [output], ", ""), "race_input: true\n" + POLICY.read_text()):
        with pytest.raises(Exception, match="would change a request"), house(tmp_path, policy):
            pass
