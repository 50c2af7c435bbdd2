"""Forms with files, ``multipart/form-data`` (RFC 7578): read strictly, judged field by field, written anew.

Whatever two readers could read differently is refused: names that come twice (but for lists), names that differ in
case alone, encodings other than UTF-8, forms within forms. What of a field's head is no name, file name or media type
is left out. A form is a list of fields ``{"name", "value", "filename", "media_type"}``; values are text, or bytes if
there is a file name or a media type other than text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from guard.content import AudioPart, ImagePart, OpaquePart, Part, Path, TextPart, VideoPart
from guard.errors import RequestError
from guard.protocols.contract import Field, Walk, refuse, walk_unknown
from guard.protocols.embedded import sniff
from guard.protocols.posture import Posture, guarded, unscannable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MEDIA_TYPE = b"multipart/form-data"
MOST_FIELDS = 256
Form = list[dict[str, Any]]

_BOUNDARY = re.compile(
    rb"""boundary=(?:"([0-9A-Za-z'()+_,\-./:=? ]{1,70})"|([0-9A-Za-z'()+_\-.]{1,70}))""", re.IGNORECASE
)
_DISPOSITION = re.compile(r'form-data((?:\s*;\s*[a-z]+="(?:[^"\\\r\n]|\\["\\])*")+)', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([a-z]+)="((?:[^"\\\r\n]|\\["\\])*)"', re.IGNORECASE)
_TYPE = re.compile(r"([a-z]+/[a-z0-9.+\-]{1,100})((?:\s*;\s*[a-z]+=[^;]{1,100})*)", re.IGNORECASE)
_CHARSET = re.compile(r';\s*charset="?(?:utf-8|us-ascii)"?\s*', re.IGNORECASE)
_ENCODINGS = frozenset(("", "7bit", "8bit", "binary"))
_ESCAPES: dict[str, str | int | None] = {'"': "%22", "\r": "%0D", "\n": "%0A"}


def is_form(content_type: bytes) -> bool:
    """Whether a body of *content_type* is a form."""
    return content_type.partition(b";")[0].strip().lower() == MEDIA_TYPE


def read_form(body: bytes, content_type: bytes) -> Form:
    """The fields of *body*, in order.

    Raises:
        RequestError: ``invalid_form``, with what is wrong with it in words that hold none of it.
    """
    _, _, parameters = content_type.partition(b";")
    match = _BOUNDARY.fullmatch(parameters.strip().rstrip(b";").strip())
    if match is None:
        raise _invalid("its Content-Type should name a boundary, and nothing else")
    form: Form = []
    ended = False
    head: list[tuple[bytes, bytes]] = []
    name, value, data = bytearray(), bytearray(), bytearray()

    def begin() -> None:
        head.clear()
        data.clear()

    def header_end() -> None:
        head.append((bytes(name).lower(), bytes(value)))
        name.clear()
        value.clear()

    def end_part() -> None:
        if len(form) >= MOST_FIELDS:
            raise RequestError("too_many_parts", f"The form has more than {MOST_FIELDS} fields; send fewer at once.")
        form.append(_field(head, bytes(data)))

    def end() -> None:
        nonlocal ended
        ended = True

    def take(into: bytearray) -> Callable[[bytes, int, int], None]:
        return lambda chunk, start, stop: into.extend(chunk[start:stop])

    parser = MultipartParser(
        match[1] or match[2],
        {
            "on_part_begin": begin,
            "on_header_field": take(name),
            "on_header_value": take(value),
            "on_header_end": header_end,
            "on_part_data": take(data),
            "on_part_end": end_part,
            "on_end": end,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise _invalid("it cannot be read as RFC 7578 says") from None
    if not ended or not form:
        raise _invalid("it should end with its boundary, after at least one field")
    return form


def _field(head: list[tuple[bytes, bytes]], data: bytes) -> dict[str, Any]:
    names = [name for name, _ in head]
    if len(set(names)) != len(names):
        raise _invalid("a field names a header twice")
    try:
        headers = {name.decode("ascii"): value.decode().strip() for name, value in head}
    except UnicodeDecodeError:
        raise _invalid("the head of a field is not UTF-8") from None
    found = _DISPOSITION.fullmatch(headers.get("content-disposition", ""))
    given = [(key.lower(), _plain(text)) for key, text in _PARAMETER.findall(found[1])] if found else []
    parameters = dict(given)
    if len(parameters) != len(given) or not {"name"} <= set(parameters) <= {"name", "filename"}:
        raise _invalid("each field should have a Content-Disposition with `name`, and `filename` for a file")
    if headers.get("content-transfer-encoding", "").lower() not in _ENCODINGS:
        raise _invalid("a field is encoded; send its bytes as they are")
    media_type = _media_type(headers.get("content-type"))
    field = {"name": parameters["name"], "filename": parameters.get("filename"), "media_type": media_type}
    if field["filename"] is not None or (media_type or "text/plain") != "text/plain":
        return {**field, "value": data}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _invalid("a field that is no file is not UTF-8") from None
    if "\0" in text:
        raise _invalid("a field holds the character U+0000")
    return {**field, "value": text}


def _media_type(header: str | None) -> str | None:
    if header is None:
        return None
    match = _TYPE.fullmatch(header)
    if match is None or match[1].lower().startswith(("multipart/", "message/")):
        raise _invalid("a field is of no plain media type")
    if "charset" in match[2].lower() and not _CHARSET.fullmatch(match[2]):
        raise _invalid("a field is in another encoding than UTF-8")
    return match[1].lower()


def _plain(text: str) -> str:
    """A quoted name as it was meant: browsers write per cent signs for what they must not quote."""
    text = re.sub(r"\\(.)", r"\1", text)
    for char, escape in _ESCAPES.items():
        text = re.sub(str(escape), char, text, flags=re.IGNORECASE)
    return text


def boundary_for(body: bytes) -> bytes:
    """A boundary that does not occur in *body*, the same each time."""
    return b"guard-" + hashlib.sha256(body).hexdigest().encode()


def write_form(form: Form, boundary: bytes) -> bytes:
    """The body that *form* is."""
    out = bytearray()
    for field in form:
        out += b"--" + boundary + b'\r\nContent-Disposition: form-data; name="' + _quoted(field["name"]) + b'"'
        if field["filename"] is not None:
            out += b'; filename="' + _quoted(field["filename"]) + b'"'
        if field["media_type"] is not None:
            out += b"\r\nContent-Type: " + field["media_type"].encode()
        value = field["value"]
        out += b"\r\n\r\n" + (value.encode() if isinstance(value, str) else value) + b"\r\n"
    return bytes(out + b"--" + boundary + b"--\r\n")


def _quoted(text: str) -> bytes:
    return text.replace("\\", "\\\\").translate(str.maketrans(_ESCAPES)).encode()


def walk_form(form: Form, contract: Mapping[str, Field], walk: Walk, *, lists: frozenset[str] = frozenset()) -> None:
    """Judge *form* by *contract*: texts by its fields; files are `Upload`; what it does not name is ``unknown``.

    Raises:
        RequestError: a field that is none of *lists* comes twice, or differs from a known one in case alone.
    """
    seen: set[str] = set()
    folded = {name.casefold() for name in contract}
    for index, field in enumerate(form):
        name = field["name"]
        known = contract.get(name)
        pointer = f"/{name}" if known is not None else f"/?{index}"
        if known is None and name.casefold() in folded:
            raise refuse("case_variant_key", "", "a field differs from a known one in case; write it in lower case")
        if name in seen and name not in lists:
            raise refuse("duplicate_field", pointer, "a field comes twice; a list's name ends in []")
        seen.add(name)
        if field["filename"] is not None:
            walk.add(TextPart(field["filename"], f"{pointer}~filename", (index, "filename"), "name", "user"))
        if known is None:
            walk.add(TextPart(name, f"{pointer}~key", (index, "name"), "key", "user", editable=False))
            known = Upload() if isinstance(field["value"], bytes) else _UNKNOWN
        elif isinstance(field["value"], bytes) != isinstance(known, Upload):
            wanted = "a file, with a file name" if isinstance(known, Upload) else "a text, without a file name"
            raise refuse("invalid_type", pointer, f"it should be {wanted}")
        known.walk(field["value"], walk, (index, "value"), pointer, "user")
        if isinstance(known, Upload) and (field["media_type"] or "").startswith("image/"):
            walk.parts[-1] = _claimed(walk.parts[-1], field["media_type"])


def _claimed(part: Part, media_type: str) -> Part:
    """A picture with the type that its sender claims: a lie is found out where it is judged."""
    return replace(part, media_type=media_type) if isinstance(part, ImagePart) else part


class _Unknown(Field):
    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded("unknown")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        walk_unknown(value, walk, path, pointer, role)


_UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class FormOf(Field):
    """A form with known *fields*, of which *lists* may come more than once: see `walk_form`."""

    fields: Mapping[str, Field]
    lists: frozenset[str] = frozenset()

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture("a form, whose other fields are guarded as `unknown`, file names as `name`", ("unknown", "name"))

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return ((f"/{name}", known) for name, known in self.fields.items())

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:  # noqa: ARG002
        """Field by field; a form is no part of anything else, and the user's."""
        walk_form(value, self.fields, walk, lists=self.lists)


class Upload(Field):
    """A file: a picture, sound or film by its first bytes, or as *modality* says; anything else cannot be read."""

    def __init__(self, modality: str = "") -> None:
        self.modality = modality

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded(self.modality) if self.modality else unscannable("a file, unless it begins like a medium")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """One part."""
        media_type = sniff(value) or ""
        if self.modality == "image" or media_type.startswith("image/"):
            walk.add(ImagePart(value, pointer, path, media_type or None, role, editable=True))
        elif self.modality == "audio" or media_type.startswith("audio/"):
            walk.add(AudioPart(value, pointer, path, media_type or None, role, editable=True))
        elif self.modality == "video" or media_type.startswith("video/"):
            walk.add(VideoPart(value, pointer, path, media_type or None, role, editable=True))
        else:
            walk.add(OpaquePart("a file of a type no classifier reads", pointer, path, role))


def value_of(form: Form, name: str) -> Any:
    """The value of the first field called *name*, None if there is none."""
    return next((field["value"] for field in form if field["name"] == name), None)


def _invalid(why: str) -> RequestError:
    return RequestError("invalid_form", f"The form is not acceptable: {why}.")
