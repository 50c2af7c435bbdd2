"""Pictures through a real gateway: looked at both ways, hidden, replaced or blocked; what is sent was seen."""

from __future__ import annotations

import base64
import io
import re
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import anthropic
import numpy as np
import openai
import pytest
from PIL import Image

from guard.classifier import Classifier, Readable
from guard.config import FetchConfig
from guard.content import ImagePart, Modality
from guard.finding import Finding
from guard.media import edits
from guard.media.image import decode, sniff
from tests.acceptance.conftest import House, house
from tests.fakes import FakeCatalog, StubUpstream, completion, events, running_upstream

POLICY = """
policy: pictures
classifiers: {red: {}, canary: {}}
rules:
  - {id: hide-red, when: {category: custom.red, at_least: 0.5}, then: {redact: {style: paint}}}
  - id: swap-green
    message: {en: "A green picture was removed.", zh: "绿色图片已移除。"}
    when: {category: custom.green, at_least: 0.5}
    then: replace
  - {id: stop-blue, when: {category: custom.blue, at_least: 0.5}, then: block}
  - {id: stop-canary, when: {category: custom.canary, at_least: 0.9}, then: block}
"""


class Colours(Classifier[Any]):
    """Sees where pictures are red, and whether they are mostly green or blue, in any frame."""

    automatic = False
    categories = frozenset({"custom.red", "custom.green", "custom.blue"})
    modalities = frozenset({Modality.IMAGE})

    def prepare(self, part: Readable) -> Any:
        assert isinstance(part, ImagePart)
        return [np.asarray(frame, dtype=np.int16) for frame in decode(part.data)]

    def cost(self, item: Any) -> int:
        return len(item)

    def classify(self, items: Sequence[Any]) -> list[list[Finding]]:
        return [[finding for frame in item for finding in self._seen(frame)] for item in items]

    def _seen(self, frame: Any) -> Iterator[Finding]:
        for channel, name in enumerate(("red", "green", "blue")):
            others = frame[..., [c for c in range(3) if c != channel]].max(axis=-1)
            rows, columns = np.nonzero(frame[..., channel] - others > 100)
            if name == "red" and len(rows):
                height, width = others.shape
                box = (
                    columns.min() / width, rows.min() / height,
                    (columns.max() + 1) / width, (rows.max() + 1) / height,
                )  # fmt: skip
                yield Finding("custom.red", 0.9, box=cast("tuple[float, float, float, float]", tuple(map(float, box))))
            elif len(rows) > others.size / 2:
                yield Finding(f"custom.{name}", 0.9)


class Catalog(FakeCatalog):
    """With the colours."""

    def names(self) -> tuple[str, ...]:
        return (*super().names(), "red")

    def find(self, name: str) -> type[Classifier[Any]]:
        return Colours if name == "red" else super().find(name)

    def provides(self, name: str, options: Any = None) -> frozenset[str]:
        return Colours.categories if name == "red" else super().provides(name, options)

    def create(self, name: str, options: Any = None) -> Classifier[Any]:
        return Colours() if name == "red" else super().create(name, options)


@pytest.fixture(scope="module")
def standing_pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house"), POLICY, catalog=Catalog, timeout_s=10) as one:
        yield one


@pytest.fixture
def gate(standing_pictures: House) -> House:
    standing_pictures.begin()
    return standing_pictures


def picture(colour: str = "white", *, spot: str | None = None, kind: str = "PNG") -> bytes:
    image = Image.new("RGB", (96, 64), colour)
    if spot:
        image.paste(spot, (60, 10, 80, 30))
    file = io.BytesIO()
    image.save(file, kind, **({"quality": 95} if kind in {"JPEG", "WEBP"} else {}))
    return file.getvalue()


def generated(gate: House) -> Any:
    with gate.client() as client:
        return client.images.generate(prompt="a flag", model="dall-e-3")


def edit(gate: House, data: bytes, kind: str = "png") -> None:
    with gate.client() as client:
        client.images.edit(image=(f"a.{kind.lower()}", data), prompt="x", model="gpt-image-2")


def base(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _reds(frame: Image.Image) -> bool:
    pixels = np.asarray(frame, dtype=np.int16)
    return bool((pixels[..., 0] - pixels[..., 1:].max(axis=-1) > 100).any())


def answer(*pictures: bytes) -> dict[str, Any]:
    return {"created": 1_790_000_000, "data": [{"b64_json": base(one)} for one in pictures]}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_generated_picture_arrives_with_the_found_place_painted_over(gate: House, kind: str) -> None:
    gate.upstream.answer = answer(picture(spot="red", kind=kind))

    made = generated(gate)
    data = base64.b64decode(made.data[0].b64_json)

    assert sniff(data) == sniff(picture(kind=kind))
    assert not _reds(Image.open(io.BytesIO(data)).convert("RGB"))
    assert Image.open(io.BytesIO(data)).convert("RGB").getpixel((5, 50))[1] > 240
    assert gate.records()[-1].action == "redact"


def test_a_generated_picture_is_replaced_by_one_that_says_why(gate: House) -> None:
    gate.upstream.answer = answer(picture("green"), picture())

    made = generated(gate)
    first, second = (base64.b64decode(one.b64_json) for one in made.data)

    assert Image.open(io.BytesIO(first)).size == (96, 64)
    assert Image.open(io.BytesIO(first)).convert("RGB").getpixel((8, 8)) == (236, 236, 236)
    assert second == picture()


def test_a_generated_picture_that_is_blocked_does_not_arrive(gate: House) -> None:
    gate.upstream.answer = answer(picture("blue"))

    with pytest.raises(openai.BadRequestError) as refused:
        generated(gate)

    assert refused.value.code == "content_filter"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_passes_is_forwarded_byte_for_byte(gate: House, kind: str) -> None:
    data = picture(kind=kind)
    gate.upstream.answer = answer(data)

    edit(gate, data, kind)
    gate.upstream.answer = completion("fine")
    url = f"data:image/{kind.lower()};base64,{base(data)}"
    gate.chat([{"type": "image_url", "image_url": {"url": url}}])

    assert data in gate.upstream.received[0]
    assert gate.upstream.last_body["messages"][0]["content"][0]["image_url"]["url"] == url


def test_an_uploaded_picture_reaches_the_generator_painted_over(gate: House) -> None:
    gate.upstream.answer = answer(picture())
    data = picture(spot="red")

    edit(gate, data)

    received = gate.upstream.received[0]
    start = received.index(b"\x89PNG")
    sent = received[start : received.index(b"IEND", start) + 8]
    assert data not in received
    assert not _reds(Image.open(io.BytesIO(sent)).convert("RGB"))


def test_a_picture_in_a_chat_reaches_the_generator_painted_over(gate: House) -> None:
    url = f"data:image/png;base64,{base(picture(spot='red'))}"

    with gate.client() as client:
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
        )

    sent = gate.upstream.last_body["messages"][0]["content"][0]["image_url"]["url"]
    data = base64.b64decode(sent.removeprefix("data:image/png;base64,"))
    assert not _reds(Image.open(io.BytesIO(data)).convert("RGB"))
    assert gate.records()[-1].action == "redact"


def test_a_picture_inside_a_longer_text_cannot_be_changed_and_is_blocked(gate: House) -> None:
    answered = gate.chat(f"look: ![](data:image/png;base64,{base(picture(spot='red'))}) nice")

    assert answered.status == 400
    assert not gate.upstream.received


def test_a_picture_that_cannot_be_changed_as_it_should_is_not_released(
    gate: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(edits.MAKERS, (Modality.IMAGE, "paint"))
    gate.upstream.answer = answer(picture(spot="red"))

    with pytest.raises(openai.BadRequestError) as refused:
        generated(gate)

    assert refused.value.code == "content_filter"
    assert gate.records()[-1].state == "blocked"


def test_bytes_behind_a_picture_are_not_passed_on(gate: House) -> None:
    data = picture()
    gate.upstream.answer = answer(data + b"PK\3\4 an archive")

    made = generated(gate)

    assert base64.b64decode(made.data[0].b64_json) == data


def test_a_picture_that_claims_to_be_another_type_is_refused(gate: House) -> None:
    url = f"data:image/png;base64,{base(picture(kind='JPEG'))}"

    answered = gate.chat([{"type": "image_url", "image_url": {"url": url}}])

    assert answered.status == 400
    assert "it is no image/png but image/jpeg" in answered.json["error"]["message"]
    assert not gate.upstream.received


MOVING = {"GIF": {}, "WEBP": {"lossless": True}, "PNG": {}, "TIFF": {}, "AVIF": {"quality": 90}, "MPO": {"quality": 95}}


@pytest.mark.parametrize("kind", MOVING)
def test_a_bad_frame_is_found_though_it_is_the_last(gate: House, kind: str) -> None:
    frames = [Image.new("RGB", (96, 64), colour) for colour in ("white", "grey", "blue")]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], **MOVING[kind])
    gate.upstream.answer = answer(file.getvalue())

    with pytest.raises(openai.BadRequestError):
        generated(gate)

    assert gate.records()[-1].rules == ("stop-blue",)


def test_a_default_image_that_no_animation_shows_is_looked_at(gate: House) -> None:
    frames = [Image.new("RGB", (96, 64), colour) for colour in ("blue", "white", "grey")]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], default_image=True)

    gate.upstream.answer = answer(file.getvalue())
    with pytest.raises(openai.BadRequestError):
        generated(gate)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_place_is_hidden_however_the_picture_lies(gate: House, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.new("RGB", (96, 64), "white")
    image.paste("red", (64, 0, 96, 24))
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, quality=95)
    gate.upstream.answer = answer(file.getvalue())

    made = generated(gate)
    data = base64.b64decode(made.data[0].b64_json)

    assert not any(_reds(frame) for frame in decode(data))


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGBA", (96, 64), (0, 0, 255, 0)),
        Image.new("CMYK", (96, 64), (255, 255, 0, 0)),
    ],
    ids=["see-through", "cmyk"],
)
def test_pictures_of_unusual_modes_are_looked_at_or_shown_as_a_viewer_does(gate: House, image: Image.Image) -> None:
    file = io.BytesIO()
    image.save(file, "PNG" if image.mode == "RGBA" else "TIFF")
    gate.upstream.answer = answer(file.getvalue())

    if image.mode == "RGBA":  # nothing of it is shown on any page
        assert generated(gate).data
    else:
        with pytest.raises(openai.BadRequestError):
            generated(gate)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        picture()[:60],
        b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
        b"%PDF-1.7\n",
        b"\0\0\0\x18ftypheic\0\0\0\0",
    ],
    ids=["empty", "cut short", "svg", "pdf", "heic"],
)
def test_what_cannot_be_read_whole_does_not_pass(gate: House, data: bytes) -> None:
    gate.upstream.answer = answer(data)

    with pytest.raises(openai.BadRequestError):
        generated(gate)


def test_a_bomb_is_refused_before_it_is_unpacked(gate: House) -> None:
    file = io.BytesIO()
    Image.new("1", (13_000, 13_000)).save(file, "PNG")
    gate.upstream.answer = answer(file.getvalue())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(openai.BadRequestError, match="more than 40000000 pixels"):
        generated(gate)

    assert len(file.getvalue()) < 30_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


def test_a_picture_for_claude_reaches_the_generator_painted_over(gate: House) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": base(picture(spot="red"))}
    gate.upstream.answer = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "stub", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "fine"}], "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 5},
    }  # fmt: skip

    with anthropic.Anthropic(base_url=gate.url, api_key="sk-client", max_retries=0) as client:
        client.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": [{"type": "image", "source": source}]}]
        )

    sent = gate.upstream.last_body["messages"][0]["content"][0]["source"]
    assert sent["media_type"] == "image/png"
    assert not _reds(Image.open(io.BytesIO(base64.b64decode(sent["data"]))).convert("RGB"))


def responded(*pictures: bytes) -> dict[str, Any]:
    calls = [
        {"type": "image_generation_call", "id": f"ig_{n}", "status": "completed", "result": base(one)}
        for n, one in enumerate(pictures)
    ]
    return {
        "id": "resp_1", "object": "response", "created_at": 1_790_000_000, "model": "stub", "status": "completed",
        "output": calls, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip


def test_a_picture_made_by_a_tool_arrives_painted_over_or_replaced(gate: House) -> None:
    gate.upstream.answer = responded(picture(spot="red"), picture("green"))

    with gate.client() as client:
        made = client.responses.create(model="m", input="a flag")

    first, second = (Image.open(io.BytesIO(base64.b64decode(call.result or ""))) for call in made.output)
    assert not _reds(first.convert("RGB"))
    assert second.convert("RGB").getpixel((8, 8)) == (236, 236, 236)


def test_pictures_in_a_streamed_answer_are_painted_over_before_they_arrive(gate: House) -> None:
    url = f"data:image/png;base64,{base(picture(spot='red'))}"
    images = [{"type": "image_url", "image_url": {"url": url}}]
    first = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    frames = [
        {**first, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "look"}, "finish_reason": None}]},
        {**first, "choices": [{"index": 0, "delta": {"images": images}, "finish_reason": None}]},
        {**first, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    gate.upstream.answer = events(frames)
    gate.upstream.headers = {"Content-Type": "text/event-stream"}

    got = gate.chat("draw", stream=True)

    assert got.status == 200
    assert base(picture(spot="red")).encode() not in got.body
    sent = re.findall(rb"data:image/png;base64,([A-Za-z0-9+/=]+)", got.body)
    assert sent, got.body
    assert not any(_reds(Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB")) for one in sent)


def test_a_remote_picture_is_fetched_judged_and_forwarded_as_bytes(tmp_path: Path) -> None:
    holder = StubUpstream(answer=picture(spot="red"), headers={"Content-Type": "image/png"})
    with (
        running_upstream(holder),
        house(tmp_path, POLICY, catalog=Catalog, timeout_s=10, fetch=FetchConfig(networks=("127.0.0.1/32",))) as one,
    ):
        content = [{"type": "image_url", "image_url": {"url": f"{holder.url}/a.png"}}]

        answered = one.chat(content)

        assert answered.status == 200, answered.body
        sent = one.upstream.last_body["messages"][0]["content"][0]["image_url"]["url"]
        data = base64.b64decode(sent.removeprefix("data:image/png;base64,"))
        assert not _reds(Image.open(io.BytesIO(data)).convert("RGB"))
        holder.answer = picture()
        one.chat(content)
        sent = one.upstream.last_body["messages"][0]["content"][0]["image_url"]["url"]
        assert sent == f"data:image/png;base64,{base(picture())}"
        holder.answer = b"no picture"
        assert one.chat(content).status == 400


def test_a_remote_picture_in_a_message_for_claude_becomes_a_base64_source(tmp_path: Path) -> None:
    holder = StubUpstream(answer=picture(spot="red"), headers={"Content-Type": "image/png"})
    with (
        running_upstream(holder),
        house(tmp_path, POLICY, catalog=Catalog, timeout_s=10, fetch=FetchConfig(networks=("127.0.0.1/32",))) as one,
    ):
        one.upstream.answer = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "all is well"}], "usage": {"input_tokens": 1, "output_tokens": 1},
        }  # fmt: skip
        client = anthropic.Anthropic(base_url=one.url, api_key="k", max_retries=0)
        source: Any = {"type": "url", "url": f"{holder.url}/a.png"}
        asked: Any = [{"role": "user", "content": [{"type": "image", "source": source}]}]

        client.messages.create(model="m", max_tokens=9, messages=asked)

        sent = one.upstream.last_body["messages"][0]["content"][0]["source"]
        assert (sent["type"], sent["media_type"], set(sent)) == ("base64", "image/png", {"type", "media_type", "data"})
        assert not _reds(Image.open(io.BytesIO(base64.b64decode(sent["data"]))).convert("RGB"))
        holder.answer = picture()
        client.messages.create(model="m", max_tokens=9, messages=asked)
        assert one.upstream.last_body["messages"][0]["content"][0]["source"]["data"] == base(picture())
        holder.answer = b"no picture"
        with pytest.raises(anthropic.BadRequestError):
            client.messages.create(model="m", max_tokens=9, messages=asked)


def test_a_remote_picture_is_not_fetched_unless_that_is_configured(gate: House) -> None:
    answered = gate.chat([{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/a.png"}}])

    assert answered.status == 400
    assert "not fetched" in answered.json["error"]["message"]
