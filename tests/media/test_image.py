"""guard.media.image: every frame as a viewer shows it, or Unreadable."""

import contextlib
import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import EpsImagePlugin, Image, ImageDraw

from guard.classifier import Unreadable
from guard.media.image import decode, sniff
from guard.media.jpeg_scans import too_many_scans
from tests.jpegs import jpeg

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 160, 0)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(colour: tuple[int, ...] = RED, size: tuple[int, int] = (8, 6), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def colours(data: bytes, **options: int) -> list[tuple[int, ...]]:
    return [frame.getpixel((frame.width // 2, frame.height // 2)) for frame in decode(data, **options)]


def near(found: tuple[int, ...], wanted: tuple[int, ...], by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with a header of any size and no regard for whether its data fits."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("AVIF", "image/avif"),
    ],
)
def test_a_still_picture_is_one_frame_of_its_colour(kind: str, media_type: str) -> None:
    data = encoded(plain(), kind)

    assert sniff(data) == media_type
    (found,) = colours(data)
    assert near(found, RED)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_the_last_frame_is_seen_too(kind: str) -> None:
    frames = [plain(RED, (64, 64)), plain(GREEN, (64, 64)), plain(BLUE, (64, 64))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])

    found = colours(data)

    assert len(found) == 3
    assert near(found[-1], BLUE, by=24)


def test_the_default_image_of_an_animated_png_is_seen_too() -> None:
    frames = [plain(RED, (64, 64)), plain(GREEN, (64, 64)), plain(BLUE, (64, 64))]
    data = encoded(frames[0], "PNG", save_all=True, default_image=True, append_images=frames[1:])

    assert colours(data) == [RED, GREEN, BLUE]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_set_upright(orientation: int) -> None:
    upright = plain((255, 255, 255), (40, 20))
    ImageDraw.Draw(upright).rectangle((0, 0, 9, 9), fill=(0, 0, 0))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation

    (frame,) = decode(encoded(stored, "PNG", exif=exif))

    assert np.array_equal(np.asarray(frame), np.asarray(upright))


def test_transparency_is_shown_on_white_and_on_black() -> None:
    data = encoded(plain((255, 0, 0, 0), mode="RGBA"), "PNG")

    assert colours(data) == [(255, 255, 255), (0, 0, 0)]


def test_an_opaque_alpha_channel_is_one_picture() -> None:
    assert colours(encoded(plain((255, 0, 0, 255), mode="RGBA"), "PNG")) == [RED]


def test_a_transparent_palette_colour_is_transparent() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])

    assert colours(encoded(image, "PNG", transparency=0)) == [(255, 255, 255), (0, 0, 0)]


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    data = encoded(Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16)), "PNG")

    (found,) = colours(data)

    assert near(found, (156, 156, 156), by=1)


def test_float_samples_from_nought_to_one_are_grey_levels() -> None:
    data = encoded(Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)), "TIFF")

    (frame,) = decode(data)

    assert frame.getextrema() == ((0, 255),) * 3


def test_cmyk_has_the_colours_of_ink() -> None:
    (found,) = colours(encoded(plain((0, 255, 255, 0), mode="CMYK"), "JPEG"))

    assert near(found, RED)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_target_shrinks_by_averaging(kind: str) -> None:
    board = np.indices((2048, 2048)).sum(axis=0) % 2 * 255
    data = encoded(
        Image.fromarray(board.astype(np.uint8)).convert("RGB"), kind, **({"quality": 100} if kind == "JPEG" else {})
    )

    (frame,) = decode(data, target=256)

    assert 512 <= min(frame.size) < 1024
    assert near(frame.getpixel((300, 300)), (127, 127, 127))


def test_a_jpeg_shows_a_classifier_what_it_shows_a_viewer() -> None:
    shown = np.where(np.indices((1024, 1024)).sum(axis=0) // 256 % 2, 188.0, 68.0)
    blocks = shown.copy().reshape(128, 8, 128, 8)
    beyond = (128 - blocks.mean(axis=(1, 3))) * 16  # four samples of each block take the other sixty's mean to 128,
    for row, column in ((1, 1), (1, 5), (5, 1), (5, 5)):  # and so what is left of them at a fraction of the size
        blocks[:, row, :, column] += beyond
    data = jpeg(blocks.reshape(shown.shape))
    with Image.open(io.BytesIO(data)) as picture:
        whole = np.asarray(picture).astype(float)

    (frame,) = decode(data, target=64)

    assert (np.abs(whole - shown) < 12).mean() > 0.9
    expected = whole.reshape(128, 8, 128, 8).mean(axis=(1, 3))
    assert np.abs(np.asarray(frame.convert("L")) - expected).max() < 3


def test_a_large_picture_converted_in_strips_is_whole() -> None:
    tall = plain(RED, (1500, 4000))
    tall.paste(BLUE, (0, 3999, 1500, 4000))

    (frame,) = decode(encoded(tall, "PNG"))

    assert frame.size == (1500, 4000)
    assert frame.getpixel((700, 3998)) == RED
    assert frame.getpixel((700, 3999)) == BLUE


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg"),
        (b"<?xml version='1.0'?><svg/>", "image/svg"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"not a picture at all", "unknown type"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (png(13_000, 13_000), "40000000 pixels"),
        (png(60_000, 60_000), "40000000 pixels"),
        (png(8, 8, (b"acTL", struct.pack(">II", 0x90000000, 0)), (b"IDAT", zlib.compress(b"\0" * 200))), "frames"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(data: bytes, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        list(decode(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_a_picture_cut_short_is_refused(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)

    with pytest.raises(Unreadable, match="damaged"):
        list(decode(data[: len(data) // 2]))


def test_more_frames_than_the_limit_are_refused() -> None:
    frames = [plain((n, 0, 0)) for n in range(5)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert len(colours(data, max_frames=5)) == 5
    with pytest.raises(Unreadable, match="at most 4"):
        list(decode(data, max_frames=4))


def test_many_frames_within_the_limit_are_refused_for_their_pixels_together() -> None:
    frames = [plain((n, 0, 0), (100, 100)) for n in range(5)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    with pytest.raises(Unreadable, match="together"):
        list(decode(data, max_total_pixels=40_000))


def test_a_later_page_over_the_limit_is_refused() -> None:
    data = encoded(plain(size=(4, 4)), "TIFF", save_all=True, append_images=[plain(size=(100, 100))])

    with pytest.raises(Unreadable, match="1000 pixels"):
        list(decode(data, max_pixels=1000))


def test_pillows_warnings_do_not_come_out() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(Unreadable):
            list(decode(png(10_000, 10_000)))

    assert caught == []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]), st.data())
def test_damaged_bytes_give_frames_or_unreadable_and_nothing_else(kind: str, draw: st.DataObject) -> None:
    data = bytearray(encoded(plain(size=(24, 24)), kind))
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))

    with contextlib.suppress(Unreadable):
        frames = list(decode(bytes(data), max_pixels=1_000_000))
        assert {frame.mode for frame in frames} == {"RGB"}


@pytest.mark.parametrize(
    "text",
    [
        "BMW is a nice car",
        "BM",
        "BM is short for a British museum, or for many other things",
        "GIF89a is a format of pictures",
        "GIF87a",
        "%PDF-files begin so",
        "the ftypavif brand is a name",
        "宝马 BMW",
    ],
)
def test_a_text_that_begins_as_a_format_does_is_no_picture(text: str) -> None:
    assert sniff(text.encode()) is None


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_every_kind_of_bitmap_and_gif_is_known(mode: str) -> None:
    image = Image.new(mode, (5, 3))

    assert sniff(encoded(image, "BMP")) == "image/bmp"
    assert sniff(encoded(image, "GIF")) == "image/gif"


def test_a_gif_without_a_colour_table_of_its_own_is_known() -> None:
    assert sniff(b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b"!\xf9\x04") == "image/gif"


def test_a_document_is_known_and_refused_as_such() -> None:
    with pytest.raises(Unreadable, match="application/pdf is not a picture"):
        list(decode(b"%PDF-1.7\n"))


def of_many_scans(count: int, side: int = 64) -> bytes:
    """A progressive JPEG whose last scan, and the table before it, come *count* times more."""
    written = io.BytesIO()
    Image.new("RGB", (side, side), (120, 90, 80)).save(written, "JPEG", progressive=True)
    data = written.getvalue()
    table = data.rindex(b"\xff\xc4")
    return data[:-2] + data[table:-2] * count + data[-2:]


def test_a_jpeg_that_would_keep_a_decoder_busy_is_unreadable():
    assert [frame.size for frame in decode(of_many_scans(80))] == [(64, 64)]
    for count in (100, 5_000):
        with pytest.raises(Unreadable, match="more than 100 scans"):
            list(decode(of_many_scans(count)))

    with pytest.raises(Unreadable, match="more than 100 scans"):
        list(decode(with_preview(of_many_scans(100, side=16))))


def with_preview(preview: bytes) -> bytes:
    entries = struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, 44, 0x0202, 4, 1, len(preview), 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IHI", 8, 0, 14) + entries + preview
    written = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(written, "PNG", exif=exif)
    return written.getvalue()


def test_no_program_is_started_for_a_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\necho started >> {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # whether there is one is looked up once
    written = io.BytesIO()
    Image.new("RGB", (16, 16)).save(written, "EPS")
    assert len(list(decode(with_preview(written.getvalue())))) == 1
    assert not (tmp_path / "started").exists()


def test_bytes_that_only_look_like_scans_are_no_reason_to_refuse_a_picture():
    written = io.BytesIO()
    comment = b"\xff\xda" * 1_000
    Image.new("RGB", (64, 64)).save(written, "JPEG", comment=comment)
    assert len(list(decode(written.getvalue()))) == 1
    assert not too_many_scans(b"\xff" * 10_000_000)
