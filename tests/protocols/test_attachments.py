from __future__ import annotations

from typing import Any

import pytest

from guard.content import AudioPart, ImagePart, OpaquePart, Part, TextPart, VideoPart
from guard.errors import RequestError
from guard.protocols.attachments import Blob, MediaUrl, StoredFile
from guard.protocols.contract import Field, Walk


def walked(contract: Field, value: Any) -> list[Part]:
    walk = Walk()
    contract.walk(value, walk, (), "/f", "user")
    return walk.parts


@pytest.mark.parametrize(
    ("url", "kinds"),
    [
        ("data:image/png;base64,AAAA", [ImagePart]),
        ("DATA:IMAGE/PNG;BASE64,AAAA", [ImagePart]),
        ("data:audio/wav;base64,AAAA", [AudioPart]),
        ("data:text/plain;base64,AAAA", [OpaquePart]),
        ("data:image/png;base64,*", [TextPart, OpaquePart]),
        ("data:image/png,AAAA", [TextPart, OpaquePart]),
        ("data:image/png;name=a.png;base64,AAAA", [TextPart, ImagePart]),
        ("data:;base64,iVBORw0KGgo", [ImagePart]),
        ("https://example.org/a.png", [TextPart, OpaquePart]),
        (" data:image/png;base64,AAAA", [TextPart, OpaquePart]),
    ],
)
def test_a_medium_is_its_bytes_or_cannot_be_read(url: str, kinds: list[type]):
    assert [type(part) for part in walked(MediaUrl(), url)] == kinds


def test_base64_is_bytes_or_cannot_be_read():
    assert [type(part) for part in walked(Blob("audio"), "AAAA")] == [AudioPart]
    assert [type(part) for part in walked(Blob("image"), "AAAA")] == [ImagePart]
    assert [type(part) for part in walked(Blob("video"), "AAAA")] == [VideoPart]
    assert [type(part) for part in walked(Blob(), "not base64, but words")] == [TextPart, OpaquePart]
    assert [type(part) for part in walked(Blob(), "words that are base64")] == [TextPart, AudioPart]
    assert walked(Blob(), None) == []


def test_a_stored_file_is_an_id_that_is_judged_and_a_file_that_nobody_saw():
    name, file = walked(StoredFile(), "file-abc")

    assert name == TextPart("file-abc", "/f", (), "name", "user")
    assert isinstance(file, OpaquePart)
    assert file.pointer != name.pointer
    assert walked(StoredFile(), None) == []


@pytest.mark.parametrize("contract", [MediaUrl(), Blob(), StoredFile()])
def test_what_is_no_string_is_refused(contract: Field):
    with pytest.raises(RequestError) as error:
        walked(contract, {"url": "x"})

    assert error.value.code == "invalid_type"
