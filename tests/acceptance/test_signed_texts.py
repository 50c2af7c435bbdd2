"""Texts of answers are signed on their way out, whole or streamed, and what cannot be signed does not arrive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from guard import Guard, registry
from guard.actions import ACTIONS
from guard.content import Direction
from guard.library import BlockedError
from guard.media.marks import c2pa_text
from guard.policy.loader import load_policy
from guard.stream.needs import needs_of
from tests.acceptance.conftest import House, house
from tests.classifiers import marked
from tests.fakes import completion

MAIL = "ana@example.org"
POLICY = """
policy: signing
classifiers:
  pii: {{entities: [email]}}
rules:
  - id: mask-mail
    directions: [input]
    when: {{category: pii.email}}
    then: {{redact: {{restore: true}}}}
  - id: take-signatures-off
    directions: [input]
    modalities: [text]
    roles: [assistant]
    when: {{category: mark.text.invisible.c2pa}}
    then: {{redact: {{style: remove}}}}
  - id: sign-texts
    message: {{en: "The text could not be signed.", zh: "该文本无法签名。"}}
    directions: [output]
    modalities: [text]
    when: {{any: [{{category: secret}}, {{not: {{category: secret}}}}]}}
    then: {{label: {{marks: [text_notice, text_c2pa], certificate: "{folder}/chain.pem", key: "{folder}/key.pem"}}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("signing")
    for name, data in zip(("root.pem", "chain.pem", "key.pem"), marked.certificates(), strict=True):
        (made / name).write_bytes(data)
    return made


@pytest.fixture(scope="module")
def standing(folder: Path) -> Iterator[House]:
    with house(folder, POLICY.format(folder=folder), timeout_s=20) as one:
        yield one


@pytest.fixture
def gate(standing: House) -> House:
    standing.begin()
    standing.upstream.script = None
    return standing


def category(text: str | None, folder: Path) -> list[str]:
    return [mark.category for mark in c2pa_text.read(text or "", ((folder / "root.pem").read_text(),))]


def test_every_choice_is_signed_and_recorded(gate: House, folder: Path) -> None:
    gate.upstream.answer = completion("one", "two")

    with gate.client() as client:
        made = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], n=2)
    texts = [one.message.content or "" for one in made.choices]

    assert [text.partition("\ufeff")[0] for text in texts] == ["one\nAI-generated", "two\nAI-generated"]
    assert [category(text, folder) for text in texts] == [["mark.c2pa.trusted"]] * 2
    (record,) = gate.records()
    assert (record.action, record.rules) == ("label", ("sign-texts",))


def test_a_streamed_answer_is_held_to_its_end_and_signed(gate: House, folder: Path) -> None:
    gate.upstream.answer = completion("One sentence. Another one. A third.")

    with gate.client() as client:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], stream=True)
        text = "".join(one.choices[0].delta.content or "" for one in stream if one.choices)

    assert text.startswith("One sentence. Another one. A third.\nAI-generated\ufeff")
    assert category(text, folder) == ["mark.c2pa.trusted"]


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_masked_in_the_request_is_in_the_text_that_is_signed(gate: House, folder: Path, stream: bool) -> None:
    gate.upstream.script = lambda body: {"answer": completion(json.loads(body)["messages"][-1]["content"])}

    with gate.client() as client:
        asked: Any = {"model": "m", "messages": [{"role": "user", "content": f"write to {MAIL}"}], "stream": stream}
        made = client.chat.completions.create(**asked)
        if stream:
            text = "".join(one.choices[0].delta.content or "" for one in made if one.choices)
        else:
            text = made.choices[0].message.content

    assert MAIL.encode() not in gate.upstream.everything
    assert text.startswith(f"write to {MAIL}\n")
    assert category(text, folder) == ["mark.c2pa.trusted"]


def test_a_signature_that_comes_back_in_what_was_said_is_taken_off_where_a_rule_says_so(gate: House) -> None:
    gate.upstream.answer = completion("Fine.")
    first = gate.chat("hello").json["choices"][0]["message"]

    said = [{"role": "user", "content": "hello"}, first, {"role": "user", "content": "go on"}]
    again = gate.post("/v1/chat/completions", {"model": "m", "messages": said})

    assert again.status == 200
    assert [one["content"] for one in gate.upstream.last_body["messages"]] == ["hello", "Fine.\nAI-generated", "go on"]


LISTED = """
policy: listed
classifiers:
  keywords: {lists: {words: [detonator, "kill them"]}}
rules:
  - id: listed-words
    directions: [input]
    when: {category: custom.words}
    then: block
  - id: take-signatures-off
    directions: [input]
    modalities: [text]
    when: {category: mark.text.invisible.c2pa}
    then: {redact: {style: remove}}
"""


def test_a_signature_that_is_taken_off_joins_no_words_that_nobody_read(tmp_path: Path) -> None:
    path = tmp_path / "listed.yaml"
    path.write_text(LISTED, encoding="utf-8")
    signature = c2pa_text.wrapped(b"any manifest")
    said = [f"{'kill them now'[:at]}{signature}{'kill them now'[at:]}" for at in range(14)]
    apart = f"a deto{signature} and some \U000e0150 more \U000e0150nator"
    guard = Guard(path)
    try:
        assert {guard.check(text, direction=Direction.INPUT).action for text in said} == {"block"}
        left = guard.check(apart, direction=Direction.INPUT)
    finally:
        guard.close()

    assert (left.action, left.released) == ("redact", apart.replace(signature, ""))


def test_json_and_calls_of_tools_are_left_alone(gate: House) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    gate.upstream.answer = completion('{"answer": 1}', tool_calls=[call])

    answer = gate.chat("hello").json["choices"][0]["message"]

    assert (answer["content"], answer["tool_calls"][0]["function"]["arguments"]) == ('{"answer": 1}', '{"a": 1}')


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_that_cannot_be_signed_does_not_arrive(folder: Path, tmp_path: Path, stream: bool) -> None:
    policy = POLICY.format(folder=folder).replace("key.pem", "no-such-key.pem")
    with house(tmp_path, policy, timeout_s=20) as gate:
        gate.upstream.answer = completion("a text nobody vouches for")

        with gate.client() as client, pytest.raises(openai.APIStatusError) as refused:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], stream=stream)

    assert "The text could not be signed." in str(refused.value)
    assert "vouches" not in refused.value.response.text


def test_the_library_signs_the_same(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "signing.yaml"
    path.write_text(POLICY.format(folder=folder), encoding="utf-8")
    guard = Guard(path)

    async def told() -> str:
        return "said by a function"

    try:
        checked = guard.check("Hello.", direction=Direction.OUTPUT)
        asked = guard.check("Hello.", direction=Direction.INPUT)
        wrapped = asyncio.run(guard.guarded(told)())
        (folder / "key.pem").rename(folder / "away.pem")
        with pytest.raises(BlockedError):
            asyncio.run(guard.guarded(told)())
    finally:
        if (folder / "away.pem").exists():
            (folder / "away.pem").rename(folder / "key.pem")
        guard.close()

    assert (checked.action, checked.allowed, asked.released) == ("label", True, "Hello.")
    assert isinstance(checked.released, str)
    assert checked.released.startswith("Hello.\nAI-generated\ufeff")
    assert category(checked.released, folder) == category(wrapped, folder) == ["mark.c2pa.trusted"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("", ""), "rule `sign-texts` signs texts"),
        (("modalities: [text]", "modalities: [image]"), "rule `sign-texts` signs texts"),
        (("text_notice, text_c2pa", "text_notice"), ""),
        (("policy: signing", "policy: signing\nmode: shadow"), ""),
    ],
)
def test_a_policy_that_signs_texts_says_why_streams_are_held(
    change: tuple[str, str], why: str, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "signing.yaml"
    path.write_text(POLICY.format(folder=folder).replace(*change), encoding="utf-8")

    assert needs_of(load_policy(path, actions=ACTIONS, catalog=registry)).whole == why
