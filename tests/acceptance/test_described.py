"""A generator that is described in a file is guarded like those that are built in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from guard.audit import State
from tests.acceptance.conftest import POLICY, House, house
from tests.fakes import CANARY, HARMLESS

TXT2IMG = "/sdapi/v1/txt2img"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


def drawn(prompt: str, **more: Any) -> dict[str, Any]:
    info = {"prompt": prompt, "all_prompts": [prompt], "seed": 4111111111, "infotexts": [f"{prompt}\nSteps: 20"]}
    return {"images": [PNG], "parameters": {"prompt": prompt}, "info": json.dumps(info), **more}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway before a web UI, under a policy that lets pictures through unread."""
    policy = POLICY.read_text(encoding="utf-8") + "unscannable: allow\n"
    with house(tmp_path_factory.mktemp("studio"), policy, protocols=("a1111",)) as one:
        yield one


def test_s21_a_described_generator_gets_what_may_be_said_and_so_does_its_client(studio: House) -> None:
    studio.begin()
    studio.upstream.answer = drawn("for ana@example.org")
    body = {"prompt": f"{HARMLESS} for ana@example.org", "seed": 4111111111, "steps": 20}

    answer = studio.post(TXT2IMG, body)

    assert studio.upstream.last_body == {**body, "prompt": f"{HARMLESS} for <EMAIL_1>"}
    assert studio.upstream.received[-1].startswith(b"POST /sdapi/v1/txt2img ")
    assert (answer.status, answer.json["images"], answer.json["parameters"]) == (
        200,
        [PNG],
        {"prompt": "for <EMAIL_1>"},
    )
    assert json.loads(answer.json["info"])["all_prompts"] == ["for <EMAIL_1>"]
    assert json.loads(answer.json["info"])["seed"] == 4111111111


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": CANARY},
        {"negative_prompt": CANARY},
        {"steps": CANARY},
        {"sampler_name": CANARY},
        {"alwayson_scripts": {"x": {"args": [CANARY]}}},
        {CANARY: 1},
    ],
)
def test_s21_a_canary_anywhere_in_a_described_request_is_blocked_in_its_own_shape(
    studio: House, more: dict[str, Any]
) -> None:
    studio.begin()
    studio.upstream.received.clear()
    answer = studio.post(TXT2IMG, {"prompt": "x", **more})

    assert (answer.status, answer.json) == (400, {"detail": "The canary is not allowed.", "code": "content_filter"})
    assert studio.upstream.received == []
    assert studio.leaks(answer) == []


@pytest.mark.parametrize(
    "told",
    [
        drawn(CANARY),
        drawn("x", info=CANARY),
        drawn("x", info=json.dumps({"note": CANARY})),
        drawn("x", info=json.dumps({CANARY: 1})),
        drawn("x", images=[CANARY]),
        drawn("x", parameters=CANARY),
        drawn("x", note=[CANARY]),
    ],
)
def test_s21_a_canary_anywhere_in_a_described_answer_is_blocked(studio: House, told: dict[str, Any]) -> None:
    studio.begin()
    studio.upstream.answer = told
    answer = studio.post(TXT2IMG, {"prompt": "x"})

    assert (answer.status, answer.json["code"]) == (400, "content_filter")
    assert studio.leaks(answer) == []
    (record,) = studio.records()
    assert (record.state, record.route) == (State.BLOCKED, TXT2IMG)


def test_s15_a_picture_of_a_described_generator_is_a_picture(tmp_path: Any) -> None:
    with house(tmp_path, protocols=("a1111",)) as strict:
        strict.upstream.answer = drawn("x")
        assert strict.post(TXT2IMG, {"prompt": "x"}).json["code"] == "content_filter"
        (record,) = strict.records()
        assert sum((record.output or {})["coverage"]["unscannable"].values()) == 1
