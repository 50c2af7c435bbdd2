"""Values that are masked on their way to the generator, and come back in its answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from guard.audit import State
from guard.vault import Scope
from tests.acceptance.conftest import House, house
from tests.fakes import CANARY, ENTITY, completion

POLICY = """
policy: restoring
classifiers:
  pii: {entities: [email]}
rules:
  - id: block-canary
    when: {category: custom.canary, at_least: 0.9}
    then: block
  - id: mask-entities
    when: {category: custom.entity}
    then: redact
  - id: mask-mail
    directions: [input]
    when: {category: pii.email}
    then: {redact: {restore: true}}
  - id: no-mail-in-answers
    directions: [output]
    when: {category: pii.email}
    then: block
"""
ANA, BO = "ana@example.org", "bo@example.org"
PLACEHOLDER = re.compile(r"<EMAIL_[a-z2-7]{6}>")
KEYS = {"acme": b"the key of acme", "umbrella": b"the key of umbrella"}
TENANTS = tuple((name, hashlib.sha256(key).digest()) for name, key in KEYS.items())


@contextmanager
def restoring(folder: Path, policy: str = POLICY, **more: Any) -> Iterator[House]:
    with house(folder, policy, **more) as one:
        yield one


@pytest.fixture(scope="module")
def module_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with restoring(tmp_path_factory.mktemp("restoring")) as one:
        yield one


@pytest.fixture
def masking(module_house: House) -> House:
    module_house.begin()
    module_house.upstream.script = None
    return module_house


def last_text(body: bytes) -> str:
    return str(json.loads(body)["messages"][-1]["content"])


def quoting(one: House, answer: Callable[[str], Any]) -> None:
    """Have the generator answer what *answer* makes of the last message, as the generator got it."""
    one.upstream.script = lambda body: {"answer": answer(last_text(body))}


def ask(one: House, text: str, **more: Any) -> Any:
    return one.client().chat.completions.create(model="m", messages=[{"role": "user", "content": text}], **more)


def test_the_generator_reads_a_placeholder_and_the_client_its_value(masking: House):
    quoting(masking, lambda said: completion(f"You said: {said}"))

    answer = ask(masking, f"write to {ANA}, and {ANA}, not to {BO}")

    assert answer.choices[0].message.content == f"You said: write to {ANA}, and {ANA}, not to {BO}"
    got = masking.upstream.last_body["messages"][0]["content"]
    first, again, other = PLACEHOLDER.findall(got)
    assert first == again != other
    assert b"example.org" not in masking.upstream.everything


def test_every_choice_is_restored_and_loses_only_its_own_token_list(masking: House):
    def answer(said: str) -> Any:
        made = completion(said, "nothing of it", f"again {said}")
        for choice in made["choices"]:
            token = {"token": choice["message"]["content"], "bytes": None, "logprob": -0.1, "top_logprobs": []}
            choice["logprobs"] = {"content": [token], "refusal": None}
        return made

    quoting(masking, answer)

    choices = ask(masking, ANA, n=3, logprobs=True).choices

    assert [choice.message.content for choice in choices] == [ANA, "nothing of it", f"again {ANA}"]
    assert [choice.logprobs is None for choice in choices] == [True, False, True]


def test_a_stream_is_restored_too(masking: House):
    quoting(masking, lambda said: completion(f"to {said}"))

    stream = ask(masking, ANA, stream=True)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == f"to {ANA}"


@pytest.mark.parametrize("escaped", [False, True])
def test_arguments_of_tools_stay_json_and_say_the_value(masking: House, escaped: bool):
    def answer(said: str) -> Any:
        name = said.replace("<", "\\u003c").replace(">", "\\u003e") if escaped else said
        call = {"id": "1", "type": "function", "function": {"name": "send", "arguments": f'{{"to": "{name}"}}'}}
        return completion("", tool_calls=[call])

    quoting(masking, answer)
    (call,) = ask(masking, ANA).choices[0].message.tool_calls

    assert json.loads(call.function.arguments) == {"to": ANA}
    assert PLACEHOLDER.fullmatch(masking.upstream.last_body["messages"][0]["content"])


def test_what_stands_in_earlier_calls_of_tools_is_masked_there_and_comes_back(masking: House):
    call = {"id": "1", "type": "function", "function": {"name": "send", "arguments": json.dumps({"to": ANA})}}
    messages = [
        {"role": "user", "content": "write to her"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": json.dumps({"sent": [ANA]})},
    ]
    quoting(masking, lambda said: completion(f"sent to {json.loads(said)['sent'][0]}"))

    answer = masking.client().chat.completions.create(model="m", messages=messages)

    assert answer.choices[0].message.content == f"sent to {ANA}"
    got = masking.upstream.last_body["messages"]
    assert (
        json.loads(got[1]["tool_calls"][0]["function"]["arguments"])["to"] == json.loads(got[2]["content"])["sent"][0]
    )


def test_what_looks_like_a_placeholder_in_a_request_stays_as_it_was_typed(masking: House):
    quoting(masking, completion)
    typed = "<EMAIL_1> <EMAIL_aaaaaa> &lt;EMAIL_bbbbbb&gt;"

    assert ask(masking, f"{typed} {ANA}").choices[0].message.content == f"{typed} {ANA}"


def test_the_placeholder_of_an_earlier_request_is_worth_nothing_later(masking: House):
    quoting(masking, completion)
    ask(masking, ANA)
    (old,) = PLACEHOLDER.findall(masking.upstream.last_body["messages"][0]["content"])

    answer = ask(masking, f"{old} and {BO}")

    assert answer.choices[0].message.content == f"{old} and {BO}"


def test_an_answer_is_judged_before_it_is_restored(masking: House):
    quoting(masking, completion)
    assert ask(masking, ANA).choices[0].message.content == ANA  # though `no-mail-in-answers` blocks addresses

    masking.upstream.script = None
    masking.upstream.answer = completion(f"I made up {BO}")
    refused = masking.chat(f"hello, I am {ANA}")

    assert (refused.status, refused.json["error"]["code"]) == (400, "content_filter")
    assert masking.chat(f"{CANARY} {ANA}").status == 400


def test_what_is_masked_without_restore_does_not_come_back(masking: House):
    quoting(masking, completion)

    assert ask(masking, f"{ENTITY} {ANA}").choices[0].message.content == f"<ENTITY_1> {ANA}"


def test_an_error_of_the_upstream_is_restored(masking: House):
    masking.upstream.script = lambda body: {
        "answer": {"error": {"message": f"cannot serve {last_text(body)}", "code": "odd"}},
        "status": 422,
    }

    answer = masking.chat(ANA)

    assert (answer.status, answer.json["error"]["message"]) == (422, f"cannot serve {ANA}")


def test_no_record_holds_a_value_or_what_stood_for_it(masking: House):
    quoting(masking, completion)

    assert ask(masking, ANA).choices[0].message.content == ANA

    (record,) = masking.records()
    (name,) = PLACEHOLDER.findall(masking.upstream.last_body["messages"][0]["content"])
    log = b"".join(path.read_bytes() for path in masking.log.parent.glob(masking.log.name + "*"))
    assert (record.state, record.rules) == (State.REDACTED, ("mask-mail",))
    assert b"example.org" not in log
    assert name[1:-1].encode() not in log
    assert b"example.org" not in masking.admin("/metrics").encode()


def test_in_shadow_mode_the_generator_reads_the_value_itself(tmp_path: Path):
    with restoring(tmp_path, POLICY.replace("rules:", "mode: shadow\nrules:")) as one:
        quoting(one, lambda said: completion(f"{said} <EMAIL_aaaaaa>"))

        assert ask(one, ANA).choices[0].message.content == f"{ANA} <EMAIL_aaaaaa>"
        assert one.upstream.last_body["messages"][0]["content"] == ANA


def placeholders(one: House, texts: list[str], key: bytes) -> list[str]:
    """What the generator got for the addresses in *texts*, the turns of a conversation."""
    messages = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]
    answer = one.post("/v1/chat/completions", {"model": "m", "messages": messages}, {"X-Guard-Key": key.decode()})
    assert answer.status == 200, answer.body
    return PLACEHOLDER.findall(" ".join(message["content"] for message in one.upstream.last_body["messages"]))


@pytest.mark.parametrize("scope", Scope)
def test_over_the_turns_of_a_conversation_a_value_keeps_its_placeholder_if_asked_for(tmp_path: Path, scope: Scope):
    with restoring(tmp_path, tenants=TENANTS, vault=scope) as one:
        first = placeholders(one, [f"I am {ANA}"], KEYS["acme"])
        second = placeholders(one, [f"I am {ANA}", f"hello {ANA}", f"tell {BO}"], KEYS["acme"])

        assert second[0] == second[1] != second[2]
        assert (first[0] == second[0]) is (scope is Scope.CONVERSATION)


def test_two_tenants_never_meet(tmp_path: Path):
    with restoring(tmp_path, tenants=TENANTS, vault=Scope.CONVERSATION) as one:
        quoting(one, completion)
        (ours,) = placeholders(one, [f"I am {ANA}"], KEYS["acme"])
        (theirs,) = placeholders(one, [f"I am {ANA}"], KEYS["umbrella"])
        stolen = one.post(
            "/v1/chat/completions",
            {"model": "m", "messages": [{"role": "user", "content": f"say {ours} and {BO}"}]},
            {"X-Guard-Key": KEYS["umbrella"].decode()},
        )

        assert ours != theirs
        assert stolen.json["choices"][0]["message"]["content"] == f"say {ours} and {BO}"
