"""classifiers.watermark: marks that the original library wrote are read, clean pictures stay clean."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from classifiers.watermark import Watermark
from guard.classifier import Unreadable, parse_options
from guard.content import ImagePart, View
from guard.errors import RegistryError
from guard.finding import Finding
from guard.media.marks import dwtdct

DATA = Path(__file__).parent.parent / "data" / "marks"
KINDS = ("sdxl", "flux", "sd1")


def pixels(kind: str) -> np.ndarray:
    return np.asarray(Image.open(DATA / f"dwtdct_{kind}.webp").convert("RGB"))


def part(rgb: np.ndarray, kind: str = "PNG", **options: object) -> ImagePart:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(file, kind, **options)
    return ImagePart(file.getvalue())


def found(rgb: np.ndarray | ImagePart, **options: object) -> list[Finding]:
    classifier = Watermark(parse_options("watermark", Watermark, options))
    classifier.load()
    return classifier.classify([classifier.prepare(rgb if isinstance(rgb, ImagePart) else part(rgb))])[0]


def seen(findings: list[Finding]) -> set[str]:
    return {finding.category for finding in findings if finding.score >= 0.5}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_of_the_original_library_is_read(kind: str):
    findings = found(pixels(kind))

    assert seen(findings) == {f"mark.pixel.dwtdct.{kind}", "mark.ai.generated"}
    assert {finding.score for finding in findings} == {1.0}


@pytest.mark.parametrize("kind", KINDS)
def test_it_survives_another_size_and_back_brightness_and_noise(kind: str):
    image = Image.fromarray(pixels(kind))
    smaller = np.asarray(image.resize((160, 160)).resize((256, 256)))
    noise = np.random.default_rng(0).normal(8, 3, (256, 256, 3))
    noisy = np.clip(pixels(kind) + noise, 0, 255).astype(np.uint8)

    for copy in (smaller, noisy):
        assert f"mark.pixel.dwtdct.{kind}" in seen(found(copy))


def test_a_picture_without_a_mark_has_none():
    rng = np.random.default_rng(1)
    flat = np.full((300, 300, 3), 200, np.uint8)
    slope = np.asarray(Image.linear_gradient("L").resize((640, 480)).convert("RGB"))
    noise = rng.integers(0, 256, (512, 512, 3), dtype=np.uint8)

    assert [found(picture) for picture in (flat, slope, noise, np.zeros((1, 1, 3), np.uint8))] == [[], [], [], []]


def test_a_cut_or_turned_picture_takes_high_effort_and_a_cut_is_weaker_evidence():
    whole = np.tile(pixels("sdxl"), (1, 1, 1))
    cut, turned = whole[5:-9, 11:-3], whole[:, ::-1]

    assert found(cut) == []
    assert found(turned) == []
    assert {f.category: f.score for f in found(cut, effort="high")} == {
        "mark.pixel.dwtdct.sdxl": 0.75,
        "mark.ai.generated": 0.75,
    }
    assert seen(found(turned, effort="high")) == {"mark.pixel.dwtdct.sdxl", "mark.ai.generated"}


def test_every_frame_is_looked_at():
    frames = [Image.new("RGB", (256, 256), "white"), Image.fromarray(pixels("flux"))]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", lossless=True, save_all=True, append_images=frames[1:])

    assert "mark.pixel.dwtdct.flux" in seen(found(ImagePart(file.getvalue())))


def test_a_message_of_ones_own_is_looked_for():
    findings = found(pixels("sdxl"), messages={"ours": dwtdct.MESSAGES["sdxl"]})

    assert "mark.pixel.dwtdct.ours" in seen(findings)


@pytest.mark.parametrize("messages", [{"x": "101"}, {"x": "0" * 48}, {"Big": "ab" * 9}, {"x": "1" * 4096}])
def test_a_message_that_says_nothing_is_refused(messages: dict[str, str]):
    with pytest.raises(RegistryError, match="message"):
        parse_options("watermark", Watermark, {"messages": messages})


def test_what_is_no_picture_or_too_large_cannot_be_read():
    classifier = Watermark(parse_options("watermark", Watermark, {"max_pixels": 100}))
    classifier.load()
    for wrong in (View.of("text"), part(pixels("sd1")), ImagePart(b"")):
        with pytest.raises(Unreadable):
            classifier.prepare(wrong)


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70), st.just(3)), elements=st.integers(0, 255))
)
@settings(max_examples=30, deadline=None)
def test_any_picture_gives_a_number(rgb: np.ndarray):
    big = np.tile(rgb, (5, 5, 1))

    assert all(np.isfinite(sighting.z) for sighting in dwtdct.read(big, dwtdct.MESSAGES))
    assert dwtdct.anywhere(rgb[:40, :40], {"sdxl": dwtdct.MESSAGES["sdxl"]}) is None
