"""classifiers.rivagan: marks of the original library are read with the network that comes with it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifiers import rivagan
from classifiers.rivagan import Rivagan
from guard import registry
from guard.classifier import Unreadable, parse_options
from guard.content import ImagePart, View
from guard.errors import RegistryError, WeightsError
from guard.finding import Finding

DATA = Path(__file__).parent.parent / "data" / "marks"
MODEL = str(DATA / "rivagan_decoder.onnx")
MESSAGE = "0x1f3a5c7e"
SEEN = {"mark.pixel.rivagan.ours": 1.0, "mark.ai.generated": 1.0}


def pixels() -> NDArray[np.uint8]:
    return np.asarray(Image.open(DATA / "rivagan.webp").convert("RGB"))


def part(rgb: NDArray[np.uint8], kind: str = "PNG", **options: object) -> ImagePart:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(file, kind, **options)
    return ImagePart(file.getvalue())


def loaded(**messages: str) -> Rivagan:
    made = Rivagan(parse_options("rivagan", Rivagan, {"messages": messages, "model": MODEL}))
    made.load()
    return made


@pytest.fixture(scope="module")
def ours() -> Rivagan:
    return loaded(ours=MESSAGE)


def found(classifier: Rivagan, *parts: ImagePart) -> list[dict[str, float]]:
    def said(findings: list[Finding]) -> dict[str, float]:
        return {one.category: one.score for one in findings}

    return [said(one) for one in classifier.classify([classifier.prepare(one) for one in parts])]


def test_a_mark_of_the_original_library_is_read_also_from_a_jpeg_a_cut_and_another_size_and_back(ours: Rivagan) -> None:
    whole = pixels()
    smaller = np.asarray(Image.fromarray(whole).resize((200, 200)).resize((320, 320)))

    copies = (part(whole), part(whole, "JPEG", quality=90), part(whole[13:-20, 7:-30]), part(smaller))

    assert found(ours, *copies) == [SEEN] * len(copies)


def test_another_message_and_a_picture_without_a_mark_are_not_taken_for_it(ours: Rivagan) -> None:
    other = loaded(theirs="0x5ca1ab1e")
    blurred = np.asarray(Image.fromarray(pixels()).resize((40, 40)).resize((320, 320)))
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)

    assert found(other, part(pixels())) == [{}]
    assert found(ours, part(blurred), part(noise), part(np.full((300, 300, 3), 255, np.uint8))) == [{}, {}, {}]


def test_where_the_mark_is_worn_it_is_in_doubt_and_not_absent(ours: Rivagan) -> None:
    qualities = [found(ours, part(pixels(), "JPEG", quality=quality))[0] for quality in range(90, 4, -5)]

    assert {"mark.inconclusive.pixel.rivagan": 0.5} in qualities
    assert qualities[-1] == {}


def test_every_frame_is_looked_at(ours: Rivagan) -> None:
    frames = [Image.new("RGB", (320, 320), "white"), Image.fromarray(pixels())]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", lossless=True, save_all=True, append_images=frames[1:])

    assert found(ours, ImagePart(file.getvalue())) == [SEEN]


def test_what_was_found_is_told_with_its_bits(ours: Rivagan) -> None:
    (mark,) = ours.inspect(part(pixels())).marks

    assert (mark.family, mark.kind, mark.code) == ("pixel.rivagan", "ours", "32 of 32 bits")
    assert ours.inspect(ImagePart(b"")).unread


@pytest.mark.parametrize(
    "messages", [{"x": "0x1f3a"}, {"x": "0" * 32}, {"Big": MESSAGE}, {"x": "five!"}, {"x": "01" * 20}]
)
def test_a_message_that_the_network_has_no_bits_for_is_refused(messages: dict[str, str]) -> None:
    with pytest.raises(RegistryError, match="message"):
        parse_options("rivagan", Rivagan, {"messages": messages})


def test_without_messages_there_is_nothing_to_load_or_find() -> None:
    classifier = registry.create("rivagan")
    classifier.load()

    assert not registry.provides("rivagan")
    assert classifier.classify([classifier.prepare(part(pixels()))]) == [[]]


def test_another_file_than_the_pinned_one_is_not_run(tmp_path: Path) -> None:
    other = tmp_path / "model.onnx"
    other.write_bytes(b"another")
    classifier = Rivagan(parse_options("rivagan", Rivagan, {"messages": {"ours": MESSAGE}, "model": str(other)}))

    with pytest.raises(WeightsError, match="pinned"):
        classifier.load()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivagan, "_PACKAGE", "no_such_package")

    with pytest.raises(WeightsError, match="extra `rivagan`"):
        rivagan.model_path()


def test_what_is_no_picture_or_too_large_cannot_be_read() -> None:
    classifier = Rivagan(parse_options("rivagan", Rivagan, {"max_pixels": 100}))
    for wrong in (View.of("text"), part(pixels()), ImagePart(b"")):
        with pytest.raises(Unreadable):
            classifier.prepare(wrong)


def test_a_frame_that_leans_further_and_agrees_less_hides_no_mark() -> None:
    message = np.where(np.arange(32) % 3 == 0, 1.0, -1.0)
    marked, other = message * 7, message * np.where(np.arange(32) < 12, 60, -5)

    assert rivagan.closest([other], message) is None
    assert rivagan.closest([marked, other], message) == rivagan.closest([other, marked], message) == (7.0, 32)
