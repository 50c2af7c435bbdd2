"""Generated pictures, sounds and films carry the marks that a policy asks for, through the proxy and in the library."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from guard import Guard
from guard.content import Direction
from guard.media.marks import metadata
from tests.acceptance.conftest import House, house
from tests.classifiers import marked
from tests.fakes import completion, events
from tests.provenance.test_stamps import pixels, sound

DATA = Path(__file__).parent.parent / "data" / "marks"
PRODUCER = "001191110102MACQD9K64010000"
EVERY = "{any: [{category: mark.aigc_label}, {not: {category: mark.aigc_label}}]}"
POLICY = f"""
policy: labels
rules:
  - id: label-pictures
    message: {{en: "The picture could not be labelled.", zh: "该图片无法添加标识。"}}
    directions: [output]
    modalities: [image]
    when: {EVERY}
    then: {{label: {{text: {{en: AI-generated}}, marks: [visible_label, aigc_label], producer: {PRODUCER}}}}}
  - id: label-sounds
    directions: [output]
    modalities: [audio, video]
    when: {EVERY}
    then: {{label: {{marks: [aigc_label], producer: {PRODUCER}}}}}
  - {{id: flag-uploads, directions: [input], modalities: [image], when: {{category: mark.ai}}, then: flag}}
"""


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("labels"), POLICY, timeout_s=20) as one:
        yield one


@pytest.fixture
def gate(standing: House) -> House:
    standing.begin()
    return standing


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    path = tmp_path_factory.mktemp("labels") / "labels.yaml"
    path.write_text(POLICY, encoding="utf-8")
    made = Guard(path)
    yield made
    made.close()


def marks(data: bytes) -> list[str]:
    return [mark.category for mark in metadata.read(data).marks]


def base(data: bytes) -> str:
    return base64.b64encode(data).decode()


def drawn(*pictures: bytes) -> dict[str, Any]:
    return {"created": 1_790_000_000, "data": [{"b64_json": base(one)} for one in pictures]}


def test_every_generated_picture_is_labelled_and_recorded(gate: House) -> None:
    plain = [marked.picture(kind, (300, 200)) for kind in ("PNG", "JPEG", "WEBP")]
    gate.upstream.answer = drawn(*plain)

    with gate.client() as client:
        made = client.images.generate(prompt="a flag", model="dall-e-3")
    got = [base64.b64decode(one.b64_json or "") for one in made.data or ()]

    assert [marks(one) for one in got] == [["mark.aigc_label"]] * 3
    assert all(pixels(one) != pixels(old) for one, old in zip(got, plain, strict=True))
    (record,) = gate.records()
    assert (record.action, record.rules) == ("label", ("label-pictures",))


def test_a_picture_in_a_streamed_answer_is_labelled_before_it_arrives(gate: House) -> None:
    plain = marked.picture("PNG", (300, 200))
    images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base(plain)}"}}]
    first = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    gate.upstream.answer = events(
        [
            {
                **first,
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": "look"}, "finish_reason": None}],
            },
            {**first, "choices": [{"index": 0, "delta": {"images": images}, "finish_reason": None}]},
            {**first, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
    )
    gate.upstream.headers = {"Content-Type": "text/event-stream"}

    got = gate.chat("draw", stream=True)

    assert base(plain).encode() not in got.body
    sent = re.findall(rb"data:image/png;base64,([A-Za-z0-9+/=]+)", got.body)
    assert [marks(base64.b64decode(one)) for one in sent] == [["mark.aigc_label"]]
    assert b"AI-generated" not in got.body


def test_a_picture_that_cannot_be_labelled_does_not_arrive(gate: House) -> None:
    for data in ((DATA / "C.jpg").read_bytes(), marked.picture("GIF", (300, 200)), marked.picture("PNG", (20, 20))):
        gate.begin()
        gate.upstream.answer = drawn(data)

        with gate.client() as client, pytest.raises(openai.APIStatusError) as refused:
            client.images.generate(prompt="a flag", model="dall-e-3")

        assert "The picture could not be labelled." in str(refused.value)


def test_uploads_and_texts_are_left_alone(gate: House) -> None:
    gate.upstream.answer = completion("fine")
    url = f"data:image/png;base64,{base(marked.picture())}"

    with gate.client() as client:
        answer = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
        )

    assert gate.upstream.last_body["messages"][0]["content"][0]["image_url"]["url"] == url
    assert answer.choices[0].message.content == "fine"


def test_a_spoken_answer_is_labelled(gate: House) -> None:
    gate.upstream.answer, gate.upstream.headers = sound("mp3", "libmp3lame"), {"Content-Type": "audio/mpeg"}

    with gate.client() as client:
        got = client.audio.speech.create(model="tts-1", voice="alloy", input="hello").content

    assert marks(got) == ["mark.aigc_label"]


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_the_library_labels_the_same(guard: Guard, kind: str) -> None:
    codec = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame"}[kind]
    spoken = guard.check(audio=sound(kind, codec), direction=Direction.OUTPUT)
    shown = guard.check(image=marked.picture("JPEG", (300, 200)), direction=Direction.OUTPUT)

    for checked in (spoken, shown):
        assert (checked.action, checked.changed, checked.allowed) == ("label", True, True)
        assert isinstance(checked.released, bytes)
        assert marks(checked.released) == ["mark.aigc_label"]
    assert guard.check(image=marked.picture(), direction=Direction.INPUT).released == marked.picture()


def test_a_message_of_ones_own_is_hidden_in_pictures_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "hidden.yaml"
    path.write_text(
        """
policy: hidden
classifiers: {watermark: {messages: {ours: a-studio}}}
rules:
  - id: hide
    message: {en: "The picture could not be marked."}
    directions: [output]
    modalities: [image]
    when: {any: [{category: mark.pixel}, {not: {category: mark.pixel}}]}
    then: {label: {marks: [pixel_mark, iptc], message: a-studio}}
  - {id: flag-ours, directions: [input], modalities: [image], when: {category: mark.pixel.dwtdct.ours}, then: flag}
"""
    )
    with contextlib.closing(Guard(path)) as guard:
        made = guard.check(image=marked.picture("JPEG", (512, 512)), direction=Direction.OUTPUT)
        assert isinstance(made.released, bytes)
        assert (made.action, made.changed, marks(made.released)) == ("label", True, ["mark.iptc"])
        again = guard.check(image=made.released, direction=Direction.INPUT)
        assert (again.action, again.rules) == ("flag", ("flag-ours",))
        refused = guard.check(image=marked.picture("JPEG", (100, 100)), direction=Direction.OUTPUT)
        assert (refused.allowed, refused.released) == (False, None)
