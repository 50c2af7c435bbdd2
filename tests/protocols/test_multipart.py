from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from guard.content import AudioPart, ImagePart, OpaquePart, TextPart
from guard.errors import RequestError
from guard.protocols.contract import Guarded, Walk
from guard.protocols.multipart import Form, Upload, boundary_for, read_form, walk_form, write_form

TYPE = b"multipart/form-data; boundary=b"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


def body(*parts: str | bytes, end: str = "--b--\r\n") -> bytes:
    whole = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in whole) + end.encode()


def part(disposition: str, value: str = "x", *more: str) -> str:
    return "\r\n".join((f"Content-Disposition: {disposition}", *more)) + f"\r\n\r\n{value}"


def refused(data: bytes, content_type: bytes = TYPE) -> str:
    with pytest.raises(RequestError) as error:
        read_form(data, content_type)
    return error.value.code


def walked(form: Form, **contract: Any) -> list[Any]:
    walk = Walk()
    walk_form(form, contract, walk, lists=frozenset({"image[]"}))
    return walk.parts


def test_a_form_of_a_real_client_is_read_and_written_as_it_was():
    files = [("image[]", ('a "b".png', PNG, "image/png"))]
    request = httpx.Request("POST", "http://x/", data={"prompt": "é 中\r\n--b", "n": "2"}, files=files)
    form = read_form(request.read(), request.headers["content-type"].encode())

    assert [(f["name"], f["value"], f["filename"], f["media_type"]) for f in form] == [
        ("prompt", "é 中\r\n--b", None, None), ("n", "2", None, None), ("image[]", PNG, 'a "b".png', "image/png"),
    ]  # fmt: skip
    ours = boundary_for(request.read())
    assert read_form(write_form(form, ours), b"multipart/form-data; boundary=" + ours) == form


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="%"), min_size=1, max_size=20)


@given(st.lists(st.tuples(_NAME, _TEXT | st.binary(max_size=40)), min_size=1, max_size=5))
def test_whatever_is_written_is_read_again(fields: list[tuple[str, str | bytes]]):
    form = [
        {"name": name, "value": value, "filename": None if isinstance(value, str) else "f",
         "media_type": None if isinstance(value, str) else "image/png"}
        for name, value in fields
    ]  # fmt: skip
    boundary = boundary_for(b"")

    assert read_form(write_form(form, boundary), b"multipart/form-data; boundary=" + boundary) == form


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no form",
        body(part('form-data; name="a"'), end=""),
        body(),
        body(part('attachment; name="a"')),
        body(part("form-data")),
        body(part('form-data; filename="a"')),
        body(part('form-data; name="a"; name="b"')),
        body(part("form-data; name=a")),
        body(part("form-data; name=\"a\"; filename*=UTF-8''b")),
        body(part('form-data; name="a"', "x", 'Content-Disposition: form-data; name="b"')),
        body(part('form-data; name="a"', "x", "Content-Type: multipart/mixed; boundary=c")),
        body(part('form-data; name="a"', "x", "Content-Type: text/plain; charset=utf-16")),
        body(part('form-data; name="a"', "x", "Content-Type: words")),
        body(part('form-data; name="a"', "eA==", "Content-Transfer-Encoding: base64")),
        body(part('form-data; name="a"').encode() + b"\xff"),
        body(part('form-data; name="a"', "x\0")),
        body(b'Content-Disposition: form-data; name="\xff"\r\n\r\nx'),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(data: bytes):
    assert refused(data) == "invalid_form"


@pytest.mark.parametrize("parameters", [b"", b"; boundary=", b"; boundary=b; charset=x"])
def test_a_form_has_one_boundary(parameters: bytes):
    assert refused(body(part('form-data; name="a"')), b"multipart/form-data" + parameters) == "invalid_form"


def test_a_form_has_so_many_fields_at_most():
    assert refused(body(*(part(f'form-data; name="f{n}"') for n in range(300)))) == "too_many_parts"


def test_known_fields_are_judged_as_they_are_and_others_as_unknown():
    form = read_form(
        body(
            part('form-data; name="prompt"', "a cat"),
            part('form-data; name="x_new"', "a dog"),
            part('form-data; name="image"; filename="my cat.png"').encode() + PNG,
            part('form-data; name="song"; filename="a"', "ID3"),
            part('form-data; name="paper"; filename="b"', "%PDF-"),
        ),
        TYPE,
    )
    parts = walked(form, prompt=Guarded(), image=Upload("image"))

    assert [(p.kind, p.text) for p in parts if isinstance(p, TextPart)] == [
        ("message", "a cat"), ("key", "x_new"), ("unknown", "a dog"), ("name", "my cat.png"),
        ("name", "a"), ("key", "song"), ("name", "b"), ("key", "paper"),
    ]  # fmt: skip
    assert [type(p) for p in parts if not isinstance(p, TextPart)] == [ImagePart, AudioPart, OpaquePart]
    assert {p.pointer for p in parts} & {"/prompt", "/image", "/?1"}
    assert not any("x_new" in p.pointer for p in parts)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((part('form-data; name="prompt"'), part('form-data; name="prompt"')), "duplicate_field"),
        ((part('form-data; name="x"'), part('form-data; name="x"')), "duplicate_field"),
        ((part('form-data; name="Prompt"'),), "case_variant_key"),
        ((part('form-data; name="prompt"; filename="p"'),), "invalid_type"),
        ((part('form-data; name="image"'),), "invalid_type"),
    ],
)
def test_a_form_that_is_not_what_its_contract_says_is_refused(parts: tuple[str, ...], code: str):
    with pytest.raises(RequestError) as error:
        walked(read_form(body(*parts), TYPE), prompt=Guarded(), image=Upload("image"))

    assert error.value.code == code


def test_a_list_may_come_in_several_fields():
    form = read_form(body(*[part('form-data; name="image[]"; filename="a"', "\x89")] * 2), TYPE)

    assert len([p for p in walked(form, **{"image[]": Upload("image")}) if isinstance(p, ImagePart)]) == 2
