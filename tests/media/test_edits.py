"""guard.media.edits: what was asked for is in the new bytes, of the same type and size, or nothing is given."""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageDraw

from guard.classifier import Unreadable
from guard.content import AudioPart, Content, Direction, ImagePart, MediaEdit, TextPart
from guard.media import edits
from guard.media.image import decode, sniff
from guard.media.image_edit import edited
from guard.media.notice import draw_notice

T = TypeVar("T")
KINDS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
MOVING = ("GIF", "WEBP", "PNG", "TIFF", "AVIF", "MPO")


def done(steps: Generator[None, None, T]) -> T:
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def striped(size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Stripes, one pixel each: any blur makes them grey."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for x in range(0, size[0], 2):
        draw.line((x, 0, x, size[1]), "black")
    return image


def contrast(image: Image.Image, box: tuple[int, int, int, int]) -> int:
    low, high = image.convert("L").crop(box).getextrema()
    return int(high - low)  # type: ignore[operator,arg-type]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", ["blur", "pixelate", "paint"])
def test_what_is_in_the_box_is_gone_and_the_rest_stays(kind: str, style: str) -> None:
    data = encoded(striped(), kind)

    changed = done(edited(data, [MediaEdit(style, (0.5, 0.25, 1.0, 0.75))]))
    (frame,) = decode(changed)

    assert sniff(changed) == sniff(data)
    assert frame.size == (160, 120)
    assert contrast(frame, (84, 34, 156, 86)) < 60
    assert contrast(frame, (4, 4, 70, 116)) > 180


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_box_all_of_the_picture_is_hidden(kind: str) -> None:
    (frame,) = decode(done(edited(encoded(striped(), kind), [MediaEdit("blur")])))

    assert contrast(frame, (0, 0, 160, 120)) < 60


@pytest.mark.parametrize("kind", MOVING)
def test_every_frame_is_changed(kind: str) -> None:
    frames = [striped() if number % 2 else Image.new("RGB", (160, 120), "red") for number in range(3)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])

    shown = list(decode(done(edited(data, [MediaEdit("paint", (0, 0, 0.5, 1))]))))

    assert len(shown) == 3
    assert all(contrast(frame, (4, 4, 70, 116)) < 40 for frame in shown)


@pytest.mark.parametrize("kind", KINDS)
def test_a_neutral_picture_of_the_same_size_and_type_takes_its_place(kind: str) -> None:
    data = encoded(striped(), kind)

    changed = done(edited(data, [MediaEdit("replace", text="该内容已按策略移除")]))
    (frame,) = decode(changed)

    assert sniff(changed) == sniff(data)
    assert frame.size == (160, 120)
    assert contrast(frame, (10, 10, 150, 110)) > 80  # the words are there
    assert frame.getpixel((8, 8))[0] > 200


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_counts_from_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(striped((160, 80)), "JPEG", exif=exif, quality=95)
    before = next(iter(decode(data)))

    (after,) = decode(done(edited(data, [MediaEdit("paint", (0, 0, 0.5, 0.5))])))

    assert after.size == before.size
    width, height = after.size
    assert contrast(after, (2, 2, width // 2 - 2, height // 2 - 2)) < 40
    assert contrast(after, (width // 2 + 8, height // 2 + 8, width, height)) > 180


def test_nothing_that_could_show_what_was_hidden_is_written() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    data = encoded(striped(), "JPEG", exif=exif, comment=b"a comment")

    changed = done(edited(data, [MediaEdit("blur")]))

    assert b"a description" not in changed
    assert b"a comment" not in changed


@pytest.mark.parametrize("style", ["blur", "pixelate", "paint"])
def test_what_lies_under_a_see_through_place_is_hidden_too(style: str) -> None:
    image = striped().convert("RGBA")
    image.putalpha(0)

    changed = Image.open(io.BytesIO(done(edited(encoded(image, "PNG"), [MediaEdit(style)]))))

    assert contrast(changed.convert("RGBA").convert("RGB"), (0, 0, 160, 120)) < 60


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK", "RGBA"])
def test_pictures_of_every_mode_can_be_changed(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    data = encoded(Image.new(mode, (60, 40)), kind)

    assert {frame.size for frame in decode(done(edited(data, [MediaEdit("replace", text="no")])))} == {(60, 40)}


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7 ", encoded(striped(), "PNG")[:300], b"<svg></svg>"])
def test_what_cannot_be_read_is_not_changed(data: bytes) -> None:
    with pytest.raises(Unreadable):
        done(edited(data, [MediaEdit("blur")]))


def test_a_picture_too_large_to_be_held_is_not_changed() -> None:
    frames = [Image.new("1", (7000, 3500), n % 2) for n in range(2)]
    data = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:], compression="tiff_deflate")

    with pytest.raises(Unreadable, match="more than 48000000 pixels"):
        done(edited(data, [MediaEdit("paint")]))


def test_only_media_with_edits_are_touched_and_none_is_left_with_any() -> None:
    picture, other = ImagePart(encoded(striped(), "PNG"), "/0"), ImagePart(b"as it is", "/1")
    asked = ImagePart(picture.data, "/0", edits=(MediaEdit("blur"), MediaEdit("replace", text="no")))
    content = Content(Direction.OUTPUT, (asked, other, TextPart("a text", "/2")))

    changed = done(edits.made(content))

    assert edits.pending(content)
    assert not edits.pending(changed)
    assert changed.parts[1:] == content.parts[1:]
    assert changed.parts[0] != picture


def test_a_kind_that_nothing_can_make_is_no_pass() -> None:
    content = Content(Direction.OUTPUT, (AudioPart(b"RIFF", edits=(MediaEdit("blur"),)),))

    with pytest.raises(Unreadable, match="nothing here can blur a medium of kind audio"):
        done(edits.made(content))


@settings(max_examples=40, deadline=None)
@given(size=st.tuples(st.integers(1, 300), st.integers(1, 300)), text=st.text(max_size=500))
def test_a_notice_can_be_drawn_on_any_page_with_any_words(size: tuple[int, int], text: str) -> None:
    assert draw_notice(size, text).size == size


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    box=st.tuples(*[st.floats(0, 1)] * 4).map(lambda b: (min(b[::2]), min(b[1::2]), max(b[::2]), max(b[1::2]))),
    style=st.sampled_from(["blur", "pixelate", "paint"]),
)
def test_any_box_of_any_picture_can_be_hidden(
    size: tuple[int, int], box: tuple[float, float, float, float], style: str
) -> None:
    data = encoded(Image.new("RGB", size, "blue"), "PNG")

    assert [frame.size for frame in decode(done(edited(data, [MediaEdit(style, box)])))] == [size]
