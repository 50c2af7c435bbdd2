from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, strategies as st

from guard.content import AudioPart, ImagePart, OpaquePart, Part
from guard.protocols import embedded
from guard.protocols.embedded import decode_base64, decode_data_url, is_base64_file, is_data_url, media_inside, sniff

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PNG = base64.b64encode(PICTURE).decode()


def inside(text: str) -> list[Part]:
    return list(media_inside(text, "/t", ("t",), "user"))


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PICTURE, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"BM" + bytes(12) + b"\x28\0\0\0", "image/bmp"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"ID3\4", "audio/mpeg"),
        (b"\xff\xfb\x90\x44", "audio/mpeg"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\3\4", "application/zip"),
        (b"BM is no picture by itself", None),
        (b"\xff\xfb\xff\xff", None),
        (b"RIFF\0\0\0\0????", None),
        (b"plain words", None),
        (b"", None),
    ],
)
def test_a_file_is_known_by_its_first_bytes(data: bytes, media_type: str | None):
    assert sniff(data) == media_type


@given(st.binary(max_size=80), st.booleans(), st.booleans())
def test_base64_is_read_in_either_alphabet_with_or_without_padding_and_line_breaks(
    data: bytes, padded: bool, wrapped: bool
):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(data).decode()
        text = text if padded else text.rstrip("=")
        text = "\r\n".join(text[at : at + 7] for at in range(0, len(text), 7)) if wrapped else text
        assert decode_base64(text) == data


@pytest.mark.parametrize("text", ["*", "AAAA!", "AA==AA", "脏话", "A"])
def test_what_is_no_base64_has_no_bytes(text: str):
    assert decode_base64(text) is None


@pytest.mark.parametrize(
    "spelled",
    [PNG, PNG.rstrip("="), base64.urlsafe_b64encode(PICTURE).decode(), base64.urlsafe_b64encode(PICTURE).decode()[:-1]],
)
def test_bare_base64_of_a_file_is_known(spelled: str):
    assert is_base64_file(spelled)


@pytest.mark.parametrize(
    "text",
    [PNG[:40], "x" * 80, "0123456789abcdef" * 4, PNG + " and words", "eyJhbGciOiJIUzI1NiJ9" * 9, "脏" * 80, ""],
    ids=["short", "letters", "digest", "words", "token", "chinese", "empty"],
)
def test_other_strings_are_no_files(text: str):
    assert not is_base64_file(text)


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;base64,{PNG}",
        f"data:image/png;name=a.png;base64,{PNG}",
        f"data:image/png;charset=utf-8;name=a%20b.png;base64,{PNG}",
        f"DATA:image/PNG;BASE64,{PNG}",
        f"data:;base64,{PNG}",
        f"data:application/octet-stream;base64,{PNG.rstrip('=')}",
        "data:image/png;base64," + PNG.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D"),
        "data:image\\/png;base64," + PNG.replace("/", "\\/"),
        "data:image/png;base64," + "\\n".join(PNG[at : at + 76] for at in range(0, len(PNG), 76)),
        "data:image/png;base64," + "\n".join(PNG[at : at + 20] for at in range(0, len(PNG), 20)),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "![x]({})", '<img src="{}">', '{{"a": "{}"}}', "看 {}。"])
def test_a_data_url_is_found_in_any_text_however_it_is_spelled(url: str, frame: str):
    (part,) = inside(frame.format(url))

    assert isinstance(part, ImagePart)
    assert part.data.startswith(PICTURE)
    assert (part.path, part.role, part.editable) == (("t",), "user", False)


def test_every_data_url_of_a_text_is_found_and_pointers_tell_them_apart():
    wav = base64.b64encode(b"RIFF\0\0\0\0WAVE" + bytes(60)).decode()
    pdf = base64.b64encode(b"%PDF-1.7" + bytes(60)).decode()
    text = f"{PNG[:0]}a data:image/png;base64,{PNG}) b data:x/y;base64,{wav}) c data:application/pdf;base64,{pdf})"

    parts = inside(text)

    assert [type(part) for part in parts] == [ImagePart, AudioPart, OpaquePart]
    assert len({part.pointer for part in parts}) == 3


@pytest.mark.parametrize("text", [PNG, f"\n{PNG}\n\nwhat is this?", f"{PNG}!"])
def test_a_text_that_begins_as_a_file_holds_a_file(text: str):
    (part,) = inside(text)

    assert isinstance(part, ImagePart | OpaquePart)


HEADS = [magic for magic, _ in embedded._MAGIC]
HEADS += [
    b"RIFF\0\0\0\0WEBP",
    b"\0\0\0\x20ftypisom",
    b"BM" + bytes(12) + b"\x28\0\0\0",
    b"\xff\xfb\x90",
    b"\xff\xf1\x50",
]


@given(st.sampled_from(HEADS), st.binary(min_size=80, max_size=90), st.integers(1, 40), st.sampled_from(["\n", " \\ "]))
def test_a_file_of_any_kind_is_found_at_the_head_of_a_text_however_it_is_wrapped(
    head: bytes, rest: bytes, width: int, gap: str
):
    assert sniff(head + rest) is not None
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        digits = encode(head + rest).decode()
        assert embedded.begins_like_a_file(gap + gap.join(digits[at : at + width] for at in range(0, 120, width)))
        assert inside(f"\n{digits}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "write data:image/png;base64, and then the bytes of the picture, as many as there are, in the usual alphabet",
        "a data URL begins with data:image/png;base64, which is followed by letters and digits and so on for a while",
        "data:image/png;base64,AAAA " + "x" * 80,
        "元数据" * 100,
        "the quick brown fox jumps over the lazy dog " * 5,
    ],
)
def test_prose_holds_no_media(text: str):
    assert inside(text) == []


def test_what_is_damaged_is_there_and_cannot_be_read():
    (part,) = inside("![x](data:image/png;base64," + "A" * 97 + ")")

    assert isinstance(part, OpaquePart)
    assert isinstance(decode_data_url("data:image/svg+xml,<svg>", "", (), None), OpaquePart)


def test_a_data_url_of_text_is_text():
    assert is_data_url("data:image/svg+xml,<svg>")
    assert not is_data_url("data:text/plain,hello")
    assert not is_data_url("database")


@pytest.mark.parametrize(
    "seed", ["data:", "data:;", "data:a/b;", ";base64,", "data:image/png;base64,", "A", "A ", "iVBO"]
)
def test_the_worst_texts_are_read_in_linear_time(seed: str):
    text = seed * (400_000 // len(seed))
    began = time.perf_counter()

    list(media_inside(text, "", (), None))
    is_base64_file(text)

    assert time.perf_counter() - began < 1
