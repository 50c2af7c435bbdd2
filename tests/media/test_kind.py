"""guard.media.kind: files are told apart by their bytes, and texts from all of them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guard.content import Modality
from guard.media import kind

FILES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/webp": b"RIFF\0\0\0\0WEBP",
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "audio/flac": b"fLaC\0\0\0\x22",
    "audio/ogg": b"OggS\0\2",
    "audio/mpeg": b"\xff\xfb\x90\x64",
    "audio/mp4": b"\0\0\0\x20ftypM4A ",
    "audio/aiff": b"FORM\0\0\0\0AIFF",
    "video/mp4": b"\0\0\0\x20ftypisom",
    "video/webm": b"\x1aE\xdf\xa3\x01",
    "video/x-msvideo": b"RIFF\0\0\0\0AVI LIST",
    "video/mp2t": (b"\x47" + bytes(187)) * 3,
}


@pytest.mark.parametrize("media_type", FILES)
def test_a_file_is_known_by_its_first_bytes(media_type: str) -> None:
    assert kind.sniff(FILES[media_type]) == media_type
    assert kind.modality(media_type) is Modality(media_type.partition("/")[0])


@pytest.mark.parametrize("text", ["ID3 is a tag", "FORM follows function", "RIFF raff", "OggS", "Generally", "宝马"])
def test_a_text_that_begins_as_a_format_does_is_a_text(text: str) -> None:
    assert kind.sniff(text.encode()) is None


def test_a_document_is_no_medium() -> None:
    assert kind.sniff(b"%PDF-1.7\n") == "application/pdf"
    assert kind.modality("application/pdf") is None


@given(data=st.binary(max_size=600))
def test_any_bytes_are_something_or_nothing(data: bytes) -> None:
    found = kind.sniff(data)

    assert found is None or "/" in found
