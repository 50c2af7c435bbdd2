"""classifiers.ocr: what is written in a picture is read, however it lies, in every frame, with its place."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageDraw, ImageFont

from classifiers import _ocr
from classifiers.ocr import Ocr, OcrOptions
from guard.classifier import Unreadable
from guard.content import ImagePart
from guard.finding import Quote

FONTS = Path(__file__).parents[2] / "guard" / "media" / "data" / "notice.otf"
PHRASE = "ZORBLAX-7731 protocol"
TURNS = (0, 90, 180, 270)


@functools.cache
def reader() -> Ocr:
    one = Ocr()
    one.load()
    return one


def font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS), size)


def page(text: str, size: int = 24, *, paper: int = 220, ink: int = 60, pixels: tuple[int, int] = (360, 360)) -> Any:
    image = Image.new("L", pixels, paper)
    ImageDraw.Draw(image).text((14, 120), text, ink, font(size))
    return image.convert("RGB")


def part(image: Image.Image, kind: str = "PNG", more: Sequence[Image.Image] = ()) -> ImagePart:
    file = io.BytesIO()
    image.save(file, kind, **({"save_all": True, "append_images": more} if more else {}))
    return ImagePart(file.getvalue())


def read(one: ImagePart) -> list[Quote]:
    (found,) = reader().classify([reader().prepare(one)])
    assert all(isinstance(quote, Quote) for quote in found)
    return [quote for quote in found if isinstance(quote, Quote)]


def said(one: ImagePart) -> str:
    return " ".join(quote.text.strip() for quote in read(one))


@pytest.mark.parametrize(("size", "ink", "turn"), [(16, 110, 0), (16, 110, 90), (24, 60, 180), (12, 60, 270)])
def test_a_phrase_is_read_however_it_lies(size: int, ink: int, turn: int) -> None:
    assert PHRASE in said(part(page(PHRASE, size, ink=ink).rotate(turn)))


def test_chinese_and_english_are_read_side_by_side() -> None:
    text = said(part(page("请致电 13800138000\nwrite to ana@example.org", 22)))

    assert "13800138000" in text
    assert "请致电" in text
    assert "ana@example.org" in text


def test_a_slanting_line_is_read() -> None:
    assert PHRASE in said(part(page(PHRASE, 22).rotate(25, fillcolor=(220, 220, 220))))


def test_a_line_that_only_the_last_frame_shows_is_read() -> None:
    blank = page("")

    assert PHRASE in said(part(blank, "GIF", [page(PHRASE)]))


def test_text_that_shows_on_one_background_only_is_read() -> None:
    image = Image.new("RGBA", (360, 360), (0, 0, 0, 0))
    ImageDraw.Draw(image).text((14, 120), PHRASE, (255, 255, 255, 255), font(24))

    assert PHRASE in said(part(image))


def test_a_line_has_its_place() -> None:
    (quote,) = read(part(page(PHRASE, 24)))

    left, top, right, bottom = quote.box or (0, 0, 0, 0)
    assert left < 0.08
    assert 0.28 < top < 0.38
    assert 0.7 < right < 0.95
    assert 0.38 < bottom < 0.48


@pytest.mark.parametrize("image", [Image.new("RGB", (800, 600), "white"), Image.effect_noise((64, 64), 80)])
def test_where_nothing_is_written_nothing_is_read(image: Image.Image) -> None:
    assert said(part(image)) == ""


def test_more_frames_than_are_looked_through_cannot_be_read() -> None:
    frames = [Image.new("RGB", (8, 8), (n, 0, 0)) for n in range(40)]

    with pytest.raises(Unreadable, match="more than 16 frames"):
        reader().prepare(part(frames[0], "PNG", frames[1:]))


def test_more_lines_than_may_be_read_are_a_failure_and_no_pass() -> None:
    few = Ocr(OcrOptions(max_lines=1))
    few.load()

    with pytest.raises(OverflowError):
        few.classify([few.prepare(part(page("one line\n\nanother line\n\na third", 22)))])


@pytest.mark.parametrize("options", [{"max_pixels": 5}, {"max_lines": 0}, {"max_frames": 0}])
def test_limits_that_mean_nothing_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="should be at least"):
        OcrOptions(**options)


@pytest.mark.parametrize(
    ("text", "meant"), [("Z0RBLAX", "ZORBLAX"), ("a10b", "a10b"), ("p0rn", "porn"), ("2020", "2020")]
)
def test_a_struck_zero_between_letters_is_an_o(text: str, meant: str) -> None:
    assert _ocr.without_zeros(text) == meant


@given(mask=st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=1, max_size=9))
@settings(deadline=None)
def test_every_pixel_of_a_region_that_is_large_enough_is_in_exactly_one(mask: list[list[bool]]) -> None:
    seen: dict[tuple[int, int], int] = {}
    given_mask = np.array(mask)
    for number, (ys, xs) in enumerate(_ocr._regions(given_mask)):
        for place in zip(ys.tolist(), xs.tolist(), strict=True):
            assert place not in seen
            assert given_mask[place]
            seen[place] = number
    for (y, x), number in seen.items():
        for near in ((y + 1, x), (y, x + 1)):
            if near[0] < len(mask) and near[1] < 9 and given_mask[near]:
                assert seen[near] == number


@pytest.mark.parametrize("turn", [0, 90])
def test_a_line_in_a_very_long_picture_is_read_at_its_place(turn: int) -> None:
    image = Image.new("RGB", (300, 2600), "white")
    ImageDraw.Draw(image).text((10, 2050), PHRASE, "black", font(22))

    (quote,) = read(part(image.rotate(turn, expand=True)))

    assert quote.text.strip() == PHRASE
    assert quote.box is not None
    assert (quote.box[1] if turn == 0 else quote.box[0]) == pytest.approx(2055 / 2600, abs=0.01)


def test_a_picture_too_long_to_be_read_in_pieces_cannot_be_read() -> None:
    with pytest.raises(Unreadable, match="so long that it would be read in"):
        reader().prepare(part(Image.new("1", (1, 100_000))))


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (31, 7)])
def test_odd_shapes_are_read_as_nothing(size: tuple[int, int]) -> None:
    assert said(part(Image.new("RGB", size, "black"))) == ""
