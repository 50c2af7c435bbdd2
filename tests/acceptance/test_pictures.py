"""Pictures through a real gateway: looked at both ways, hidden, replaced or blocked; what is sent was seen."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import openai
import pytest
from PIL import Image

from guard.classifier import Classifier, Readable
from guard.content import ImagePart, Modality
from guard.finding import Finding
from guard.media import edits
from guard.media.image import decode, sniff
from tests.acceptance.conftest import House, house
from tests.fakes import FakeCatalog, completion

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

    made = gate.client().images.generate(prompt="a flag", model="dall-e-3")
    data = base64.b64decode(made.data[0].b64_json)

    assert sniff(data) == sniff(picture(kind=kind))
    assert not _reds(Image.open(io.BytesIO(data)).convert("RGB"))
    assert Image.open(io.BytesIO(data)).convert("RGB").getpixel((5, 50))[1] > 240
    assert gate.records()[-1].action == "redact"


def test_a_generated_picture_is_replaced_by_one_that_says_why(gate: House) -> None:
    gate.upstream.answer = answer(picture("green"), picture())

    made = gate.client().images.generate(prompt="a flag", model="dall-e-3")
    first, second = (base64.b64decode(one.b64_json) for one in made.data)

    assert Image.open(io.BytesIO(first)).size == (96, 64)
    assert Image.open(io.BytesIO(first)).convert("RGB").getpixel((8, 8)) == (236, 236, 236)
    assert second == picture()


def test_a_generated_picture_that_is_blocked_does_not_arrive(gate: House) -> None:
    gate.upstream.answer = answer(picture("blue"))

    with pytest.raises(openai.BadRequestError) as refused:
        gate.client().images.generate(prompt="a flag", model="dall-e-3")

    assert refused.value.code == "content_filter"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_passes_is_forwarded_byte_for_byte(gate: House, kind: str) -> None:
    data = picture(kind=kind)
    gate.upstream.answer = answer(data)

    gate.client().images.edit(image=("a.png", data), prompt="x", model="gpt-image-2")
    gate.upstream.answer = completion("fine")
    url = f"data:image/{kind.lower()};base64,{base(data)}"
    gate.chat([{"type": "image_url", "image_url": {"url": url}}])

    assert data in gate.upstream.received[0]
    assert gate.upstream.last_body["messages"][0]["content"][0]["image_url"]["url"] == url


def test_an_uploaded_picture_reaches_the_generator_painted_over(gate: House) -> None:
    gate.upstream.answer = answer(picture())
    data = picture(spot="red")

    gate.client().images.edit(image=("a.png", data), prompt="x", model="gpt-image-2")

    received = gate.upstream.received[0]
    start = received.index(b"\x89PNG")
    sent = received[start : received.index(b"IEND", start) + 8]
    assert data not in received
    assert not _reds(Image.open(io.BytesIO(sent)).convert("RGB"))


def test_a_picture_in_a_chat_reaches_the_generator_painted_over(gate: House) -> None:
    url = f"data:image/png;base64,{base(picture(spot='red'))}"

    gate.client().chat.completions.create(
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
        gate.client().images.generate(prompt="a flag", model="dall-e-3")

    assert refused.value.code == "content_filter"
    assert gate.records()[-1].state == "blocked"
