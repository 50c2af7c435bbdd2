"""classifiers.quality: what shows nothing, only noise, or nothing sharp is told from pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageDraw, ImageFilter

from classifiers.quality import Quality, QualityOptions, measured
from guard.content import ImagePart


def scores(*frames: Image.Image, kind: str = "PNG") -> dict[str, float]:
    file = io.BytesIO()
    frames[0].save(file, kind, **({"save_all": True, "append_images": frames[1:]} if len(frames) > 1 else {}))
    one = Quality()
    (found,) = one.classify([one.prepare(ImagePart(file.getvalue()))])
    return {finding.category.removeprefix("quality."): finding.score for finding in found}


def drawing(size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Sharp shapes on a sky, with a little grain as of a camera."""
    rng = np.random.default_rng(1)
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        left, top, wide = (int(v) for v in rng.integers(0, 300, 3))
        colour = tuple(map(int, rng.integers(0, 255, 3)))
        draw.ellipse((left, top, left + wide // 3 + 5, top + wide // 4 + 5), fill=colour)
    grain = rng.normal(0, 4, (*size[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def bad(found: dict[str, float]) -> set[str]:
    return {name for name, score in found.items() if score >= 0.5}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_fine(kind: str) -> None:
    assert bad(scores(drawing(), kind=kind)) == set()


@pytest.mark.parametrize("colour", ["black", "white", (120, 130, 140)])
def test_one_colour_is_blank(colour: str) -> None:
    assert bad(scores(Image.new("RGB", (640, 480), colour), kind="JPEG")) == {"blank"}


@pytest.mark.parametrize("sigma", [20, 60, 120])
def test_noise_is_noise(sigma: float) -> None:
    assert bad(scores(Image.effect_noise((512, 512), sigma))) == {"noise"}


@pytest.mark.parametrize("radius", [5, 9])
def test_a_blur_is_a_blur(radius: int) -> None:
    assert bad(scores(drawing().filter(ImageFilter.GaussianBlur(radius)))) == {"blur"}


def test_a_film_that_begins_black_is_not_blank() -> None:
    assert bad(scores(Image.new("RGB", (400, 300)), drawing(), kind="GIF")) == set()


@settings(max_examples=40, deadline=None)
@given(shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 9), spread=st.integers(1, 255))
def test_any_picture_has_measures_that_are_shares(shape: tuple[int, int], seed: int, spread: int) -> None:
    grey = np.random.default_rng(seed).uniform(0, spread, shape).astype(np.float32)

    one = measured(grey)

    assert 0 <= one.steady <= 1
    assert -1.001 <= one.alike <= 1.001
    assert 0 <= one.soft <= 1.001


def test_limits_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        QualityOptions(max_frames=0)
