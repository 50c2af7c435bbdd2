"""guard.media.envelope: where pictures end, whatever stands behind them, and what claims to be another type."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from guard.media.envelope import end_of, lies
from guard.media.image import decode


def encoded(kind: str, frames: int = 1, mode: str = "RGB", **options: Any) -> bytes:
    pictures = [Image.effect_noise((40, 30), 40 + 20 * n).convert(mode) for n in range(frames)]
    file = io.BytesIO()
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    pictures[0].save(file, kind, **more, **options)
    return file.getvalue()


PICTURES = {
    "jpeg": encoded("JPEG"),
    "progressive jpeg": encoded("JPEG", progressive=True),
    "jpeg with restarts": encoded("JPEG", restart_marker_blocks=1),
    "grey jpeg": encoded("JPEG", mode="L"),
    "cmyk jpeg": encoded("JPEG", mode="CMYK"),
    "jpeg with a comment": encoded("JPEG", comment=b"\xff\xd9 is an end of an image"),
    "two pictures": encoded("MPO", 2),
    "png": encoded("PNG"),
    "animated png": encoded("PNG", 3),
    "gif": encoded("GIF", mode="P"),
    "animated gif": encoded("GIF", 3, duration=50, loop=0),
    "webp": encoded("WEBP"),
    "animated webp": encoded("WEBP", 3),
    "lossless webp": encoded("WEBP", lossless=True),
    "avif": encoded("AVIF"),
    "animated avif": encoded("AVIF", 2),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
}
ENDING = [name for name in PICTURES if name not in {"bmp", "tiff"}]


@pytest.mark.parametrize("name", PICTURES)
def test_a_whole_picture_ends_where_its_bytes_end(name: str) -> None:
    assert end_of(PICTURES[name]) == len(PICTURES[name])


@pytest.mark.parametrize("name", ENDING)
@pytest.mark.parametrize(
    "behind", [b"PK\3\4 an archive", PICTURES["jpeg"], b"\0" * 40 + b"text", b"\0\0\0\x18ftypmp42 film"]
)
def test_what_stands_behind_a_picture_is_no_part_of_it(name: str, behind: bytes) -> None:
    whole = PICTURES[name]

    end = end_of(whole + behind)

    assert end == len(whole)
    assert [frame.size for frame in decode((whole + behind)[:end])]


@pytest.mark.parametrize("name", ENDING)
def test_padding_is_nothing_hidden(name: str) -> None:
    padded = PICTURES[name] + b"\0\0\r\n"

    assert end_of(padded) == len(padded)


@given(data=st.binary(max_size=300), name=st.sampled_from(sorted(PICTURES)), cut=st.integers(0, 2000))
def test_of_any_bytes_some_end_is_told(data: bytes, name: str, cut: int) -> None:
    broken = PICTURES[name][:cut] + data

    assert 0 <= end_of(broken) <= len(broken)


@pytest.mark.parametrize(
    ("claimed", "name", "expected"),
    [
        ("image/png", "jpeg", True),
        ("image/jpg", "jpeg", False),
        ("image/jpeg", "jpeg", False),
        ("image/apng", "animated png", False),
        (None, "jpeg", False),
        ("application/octet-stream", "jpeg", False),
        ("image/svg+xml", "png", True),
        ("image/PNG; x=y", "png", False),
    ],
)
def test_a_claim_is_held_against_the_bytes(claimed: str | None, name: str, expected: bool) -> None:
    assert lies(claimed, PICTURES[name]) is expected


def thumbnailed(thumbnail: Image.Image, whole: Image.Image) -> bytes:
    """A JPEG whose metadata hold a preview, as cameras write it."""
    small = io.BytesIO()
    thumbnail.save(small, "JPEG")
    body = small.getvalue()
    ifd0 = b"II*\0\x08\0\0\0" + b"\0\0" + (14).to_bytes(4, "little")  # an empty directory, and where the next is
    start = 14 + 2 + 2 * 12 + 4
    entries = b"".join(
        tag.to_bytes(2, "little") + b"\4\0" + (1).to_bytes(4, "little") + value.to_bytes(4, "little")
        for tag, value in ((0x0201, start), (0x0202, len(body)))
    )
    exif = b"Exif\0\0" + ifd0 + b"\2\0" + entries + bytes(4) + body
    file = io.BytesIO()
    whole.save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_a_preview_that_shows_something_else_is_looked_at_too() -> None:
    data = thumbnailed(Image.new("RGB", (16, 12), "red"), Image.new("RGB", (64, 48), "blue"))

    shown = [frame.getpixel((2, 2)) for frame in decode(data)]

    assert len(shown) == 2
    assert shown[1][0] > 200
    assert shown[1][2] < 50


def test_a_preview_of_the_picture_itself_costs_nothing() -> None:
    whole = Image.linear_gradient("L").convert("RGB")

    assert len(list(decode(thumbnailed(whole.resize((32, 32)), whole)))) == 1
