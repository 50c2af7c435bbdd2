from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from guard.content import AudioPart, Direction, ImagePart, OpaquePart, TextPart
from guard.decision import Refusal
from guard.errors import ConfigError, RequestError
from guard.protocols.generic import DescribedAdapter
from guard.protocols.generic_loader import bundled_protocols, load_protocols
from tests.protocols.gates import edited

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
SMALL = """\
protocol: painter
routes: [/paint]
upstream: /v2/paint
request:
  required: [/ask/text]
  model: /with
  guarded: [/ask/text, /ask/notes/*, /by~1the~0way]
  constrained: [/with, /ask/*/word]
  images: [/pictures/*/data]
  sounds: [/song]
  numbers: [/steps, {pointer: /seed, digits: 10}]
  opaque: [{pointer: /latents, reason: numbers that only the model reads}]
  unscannable: [{pointer: /stored, reason: what the generator keeps cannot be seen}]
answer:
  required: [/pictures]
  images: [/pictures/*]
  json: [/info, /info/deeper]
  guarded: [/info/text, /info/deeper/text]
  numbers: [{pointer: /info/seed, digits: 10}]
error: {detail: "{message}", kind: {code: "{code}", where: "{param}"}, fixed: 1}
"""


def described(tmp_path: Path, text: str = SMALL) -> DescribedAdapter:
    file = tmp_path / "painter.yaml"
    file.write_text(text)
    (adapter,) = load_protocols([str(file)])
    return adapter


def said(parts: Any) -> list[tuple[str, str, str]]:
    return [(part.kind, part.pointer, part.text) for part in parts if isinstance(part, TextPart)]


def test_fields_are_what_their_pointers_say_and_others_unknown(tmp_path: Path):
    body = {
        "ask": {"text": "a cat", "notes": ["soft", {"deep": "light"}], "more": {"word": "quick"}},
        "by/the~way": "and a dog",
        "with": "painter-2",
        "pictures": [{"data": PNG, "note": "mine"}],
        "song": "UklGRg==",
        "steps": 20,
        "seed": 4111111111,
        "latents": [[1.5, "x"]],
        "stored": "pictures/7",
        "x_new": {"k": "v"},
    }
    exchange = described(tmp_path).decode_request(json.dumps(body).encode())

    assert said(exchange.content.parts) == [
        ("message", "/ask/text", "a cat"),
        ("message", "/ask/notes/0", "soft"),
        ("name", "/ask/notes/1/?0~key", "deep"),
        ("message", "/ask/notes/1/?0", "light"),
        ("name", "/ask/?2~key", "more"),
        ("message", "/by/the~way", "and a dog"),
        ("key", "/pictures/0/?1~key", "note"),
        ("unknown", "/pictures/0/?1", "mine"),
        ("name", "/stored", "pictures/7"),
        ("key", "/?9~key", "x_new"),
        ("key", "/?9/?0~key", "k"),
        ("unknown", "/?9/?0", "v"),
    ]
    media = [type(part) for part in exchange.content.parts if not isinstance(part, TextPart)]
    assert media == [ImagePart, AudioPart, OpaquePart]
    assert dict(exchange.content.exempt) == {"constrained": 2, "scalar": 2, "opaque": 1}
    assert (exchange.content.model, exchange.content.direction) == ("painter-2", Direction.INPUT)
    assert described(tmp_path).upstream_path("/paint") == "/v2/paint"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "invalid_type"),
        ({}, "missing_field"),
        ({"ask": {"text": None}}, "missing_field"),
        ({"ask": {"text": "x", "Text": "y"}}, "case_variant_key"),
        ({"ask": {"text": "x"}, "guardrails": []}, "policy_override"),
    ],
)
def test_a_request_that_is_none_is_refused(tmp_path: Path, body: Any, code: str):
    with pytest.raises(RequestError) as error:
        described(tmp_path).decode_request(json.dumps(body).encode())

    assert error.value.code == code


@pytest.mark.parametrize("picture", [PNG, f"data:image/png;base64,{PNG}", "https://example.org/a.png", None])
def test_a_picture_is_its_bytes_or_cannot_be_seen(tmp_path: Path, picture: Any):
    body = {"ask": {"text": "x"}, "pictures": [{"data": picture}]}
    parts = described(tmp_path).decode_request(json.dumps(body).encode()).content.parts[1:]

    assert any(isinstance(part, ImagePart | OpaquePart) for part in parts) is (picture is not None)


def test_json_in_strings_is_judged_inside_and_written_as_strings_again(tmp_path: Path):
    adapter = described(tmp_path)
    exchange = adapter.decode_request(b'{"ask": {"text": "x"}}')
    inner = json.dumps({"text": "a secret", "seed": 4111111111, "deeper": json.dumps({"text": "secret too"}), "n": "o"})
    answer = adapter.decode_response(exchange, json.dumps({"pictures": [PNG], "info": inner}).encode())

    assert [(kind, text) for kind, _, text in said(answer.content.parts)] == [
        ("message", "a secret"), ("message", "secret too"), ("key", "n"), ("unknown", "o"),
    ]  # fmt: skip
    left = edited(answer.content, lambda text: text.replace("secret", "<X>"))
    body = json.loads(adapter.encode_response(exchange, answer, left))
    assert json.loads(body["info"])["text"] == "a <X>"
    assert json.loads(json.loads(body["info"])["deeper"]) == {"text": "<X> too"}


def test_what_should_hold_json_and_does_not_is_a_text(tmp_path: Path):
    adapter = described(tmp_path)
    exchange = adapter.decode_request(b'{"ask": {"text": "x"}}')
    answer = adapter.decode_response(exchange, json.dumps({"pictures": [], "info": "{ no json"}).encode())

    assert [text for _, _, text in said(answer.content.parts)] == ["{ no json"]


def test_an_answer_without_what_is_required_is_refused(tmp_path: Path):
    adapter = described(tmp_path)
    with pytest.raises(RequestError):
        adapter.decode_response(adapter.decode_request(b'{"ask": {"text": "x"}}'), b'{"detail": "x"}')


def test_an_error_is_in_the_generators_own_shape(tmp_path: Path):
    body = json.loads(described(tmp_path).encode_refusal(Refusal("content_filter", "Not here.", ("rule",))))
    assert body == {"detail": "Not here.", "kind": {"code": "content_filter", "where": None}, "fixed": 1}

    usual = described(tmp_path, SMALL.partition("error:")[0]).encode_error("a_code", "A text.", "/a")
    assert json.loads(usual) == {"error": {"code": "a_code", "message": "A text.", "param": "/a"}}


def test_an_error_of_the_generator_is_read_leaf_by_leaf(tmp_path: Path):
    failure = described(tmp_path).decode_failure(b'{"detail": "no such word"}')

    assert ("error", "no such word") in [(kind, text) for kind, _, text in said(failure.content.parts)]


@pytest.mark.parametrize(
    ("change", "place", "told"),
    [
        (("protocol: painter", "protocol: My Painter"), "1:11", "one lower-case word"),
        (("routes: [/paint]", "routes: [paint]"), "2:10", "no plain path"),
        (("routes: [/paint]", "routes: [/a, /a]"), "2:14", "served already"),
        (("routes: [/paint]", "routes: [/v1/responses]"), "2:10", "served already"),
        (("routes: [/paint]", 'routes: ["/a/../b"]'), "2:10", "no plain path"),
        (("guarded:", "gaurded:"), "7:3", "gaurded"),
        (("/ask/notes/*", "ask/notes/*"), "7:24", "no JSON pointer"),
        (("/ask/notes/*", "/ask//notes"), "7:24", "no JSON pointer"),
        (("/ask/notes/*", "/ask/~2"), "7:24", "no JSON pointer"),
        (("/ask/notes/*", "/ask/text"), "7:24", "same place"),
        (("/ask/notes/*", "/ask/text/0"), "7:24", "inside"),
        (("/ask/notes/*", "/ask"), "7:24", "inside"),
        (("digits: 10}]\n  opaque", "digits: 100}]\n  opaque"), "11:46", "at most"),
        ((", reason: numbers that only the model reads", ""), "12:12", "reason"),
        (('detail: "{message}"', "detail: x"), "20:8", "message"),
        (("fixed: 1", 'fixed: "say {message}"'), "20:8", "placeholder"),
        (("answer:", "answers:"), "14:1", "answers"),
    ],
)
def test_what_is_wrong_with_a_description_is_said_with_its_place(
    tmp_path: Path, change: tuple[str, str], place: str, told: str
):
    file = tmp_path / "painter.yaml"
    assert change[0] in SMALL
    file.write_text(SMALL.replace(*change, 1))

    with pytest.raises(ConfigError) as error:
        load_protocols([str(file)], ["/v1/responses"])

    assert str(error.value).startswith(f"{file}:{place}: "), str(error.value)
    assert told in str(error.value)


def test_the_documentations_example_can_be_served(tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]

    assert described(tmp_path, example).routes == ("/sdapi/v1/txt2img",)


def test_descriptions_are_named_by_file_folder_or_bundled_name(tmp_path: Path):
    (tmp_path / "one.yaml").write_text(SMALL)
    (tmp_path / "two.yaml").write_text(SMALL.replace("painter", "poet").replace("[/paint]", "[/write]"))

    assert [adapter.name for adapter in load_protocols([str(tmp_path), "a1111"])] == ["painter", "poet", "a1111"]
    for wrong in ("no_such", str(tmp_path / "none")):
        with pytest.raises(ConfigError):
            load_protocols([wrong])
    with pytest.raises(ConfigError, match="that name"):
        load_protocols([str(tmp_path / "one.yaml"), str(tmp_path)], [])


@pytest.mark.parametrize("name", bundled_protocols())
def test_every_bundled_description_can_be_served(name: str):
    (adapter,) = load_protocols([name])

    assert adapter.name == name


def test_the_web_ui_is_guarded_both_ways():
    (adapter,) = load_protocols(["a1111"])
    asked = {"prompt": "a cat", "negative_prompt": "blurry", "steps": 20, "seed": 4111111111, "sampler_name": "Euler a",
             "cfg_scale": 7.5, "alwayson_scripts": {"ControlNet": {"args": [{"image": PNG}]}}}  # fmt: skip
    exchange = adapter.decode_request(json.dumps(asked).encode(), route="/sdapi/v1/txt2img")
    info = {
        "prompt": "a cat",
        "all_seeds": [4111111111],
        "infotexts": ["a cat\nSteps: 20"],
        "job_timestamp": "20261126000000",
    }
    body = {"images": [PNG], "parameters": {"prompt": "a cat", "seed": 4111111111}, "info": json.dumps(info)}
    answer = adapter.decode_response(exchange, json.dumps(body).encode())

    assert [type(part) for part in exchange.content.parts].count(ImagePart) == 1
    assert json.loads(adapter.encode_request(exchange, exchange.content, stream=False)) == asked
    assert [type(part) for part in answer.content.parts].count(ImagePart) == 1
    texts = {text for _, _, text in said(answer.content.parts)}
    assert {"a cat", "a cat\nSteps: 20"} <= texts
    assert not any("4111111111" in text or "20261126" in text for text in texts)
    again = json.loads(adapter.encode_response(exchange, answer, answer.content))
    assert {**again, "info": json.loads(again["info"])} == {**body, "info": info}
