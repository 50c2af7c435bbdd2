"""Media inside strings: data URLs (RFC 2397), alone or inside a text, and bare base64 that begins like a file.

Read as leniently as the most lenient reader behind us would: either alphabet, with or without padding, with line
breaks, parameters or per cent signs. What cannot be read here, a client may still show, so it is never left out: it is
an `OpaquePart`. Pure.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from guard.content import AudioPart, ImagePart, OpaquePart, Part, Path, VideoPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from guard.content import Medium

SHORTEST = 64
"""Characters of base64 below which a string is no medium: the smallest pictures are longer."""
_GLANCE = 24
"""Characters that show the first eight digits, unless there is more white space than a line break or two."""

HEAD = r"data:([a-z]+\\?/[a-z0-9.+\-]{1,64})?((?:;[^;,\s\"'<>()]{0,200}){0,8}?);base64,"
_DATA_URL = re.compile(HEAD, re.IGNORECASE)
_INSIDE = re.compile(HEAD + r"([\sA-Za-z0-9+/_\-%\\]{64,}+={0,2})", re.IGNORECASE)  # a backslash: JSON inside JSON
_BARE_URL = re.compile(r"data:(?:[a-z]+/[a-z0-9.+\-]{1,64})?;base64,[a-z0-9+/_\-]*+={0,2}", re.IGNORECASE)
_PLAIN_URL = re.compile(r"data:(?:image|audio|video)/[^,]{0,400},", re.IGNORECASE)
_RUN = re.compile(r"\s*+([A-Za-z0-9+/_\-][\sA-Za-z0-9+/_\-]{62,}+[A-Za-z0-9+/_\-]?+={0,2})")
_WHOLE = re.compile(r"[A-Za-z0-9+/_\-]{62,}+={0,2}")
_BREAKS = re.compile(r"\\[nrt]")  # line breaks as JSON inside JSON writes them
_SPACES = dict.fromkeys(map(ord, " \t\n\r\f\v\\"))
_STANDARD = str.maketrans("-_", "+/")
_DIGITS = {**_SPACES, **_STANDARD}

_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\0\0\0\x0cjP  ", "image/jp2"),
    (b"\0\0\0\x0cJXL ", "image/jxl"),
    (b"<svg", "image/svg+xml"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"FORM", "audio/aiff"),
    (b"#!AMR", "audio/amr"),
    (b"MThd", "audio/midi"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"FLV\1", "video/x-flv"),
    (b"\0\0\1\xba", "video/mpeg"),
    (b"%PDF-", "application/pdf"),
    (b"PK\3\4", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic",
           b"mif1": "image/heif", b"msf1": "image/heif", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}  # fmt: skip
_BMP_HEADERS = frozenset((12, 40, 52, 56, 64, 108, 124))
_FRAMES = (b"\xff\xfa", b"\xff\xfb", b"\xff\xf2", b"\xff\xf3", b"\xff\xe2", b"\xff\xe3", b"\xff\xf1", b"\xff\xf9")
"""MPEG layer III or ADTS: the frame's first eleven or twelve bits."""


def _first_digits(data: bytes) -> str:
    """The two digits of base64 that follow from the first two bytes alone."""
    return base64.b64encode(data[:2]).decode()[:2]


_FIRST = frozenset(map(_first_digits, (*(magic for magic, _ in _MAGIC), b"RIFF", b"BM", *_FRAMES)))
_FTYP = base64.b64encode(b"\0\0\0\0ftyp").decode()[6:8]
"""Digits 6 and 7 of a film; what comes before is a length."""


def sniff(data: bytes) -> str | None:
    """The media type that the first bytes show, None if they show none. Two bytes alone are no proof."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    if data[:2] in _FRAMES:  # and a bit rate and sampling rate that exist
        return "audio/mpeg" if len(data) > 2 and data[2] >> 4 not in {0, 15} and data[2] & 12 != 12 else None
    return None


def decode_base64(text: str) -> bytes | None:
    """The bytes of *text*, in either alphabet, with or without padding and line breaks; None if it is no base64."""
    digits = (_BREAKS.sub("", text) if "\\" in text else text).translate(_SPACES).translate(_STANDARD).rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def says_more(value: str) -> bool:
    """Whether a data URL holds anything beside a type and base64: parameters or spaces, in which a text could stand."""
    return _BARE_URL.fullmatch(value) is None


def is_data_url(value: str) -> bool:
    """Whether all of *value* is a data URL of something that is no text."""
    return value[:5].lower() == "data:" and (_DATA_URL.match(value) or _PLAIN_URL.match(value)) is not None


def decode_data_url(value: str, pointer: str, path: Path, role: str | None) -> Part:
    """The medium in a data URL."""
    match = _DATA_URL.match(value)
    if match is None:
        return OpaquePart("a data URL that is not base64", pointer, path, role)
    return _decoded(match.group(1), value[match.end() :], pointer, path, role, editable=True)


def is_base64_file(text: str) -> bool:
    """Whether all of *text* is base64 whose first bytes are those of a picture, sound, film, document or archive."""
    return len(text) >= SHORTEST and begins_like_a_file(text) and _WHOLE.fullmatch(text) is not None


def decode_file(text: str, pointer: str, path: Path, role: str | None) -> Part:
    """The medium that bare base64 holds."""
    return _decoded(None, text, pointer, path, role, editable=True)


def encode_medium(part: Medium, before: Any) -> Any:
    """*part* as it is written in the place of *before*: as bytes, as a data URL (of an address too), or as base64."""
    if isinstance(before, bytes):
        return part.data
    digits = base64.b64encode(part.data).decode()
    if isinstance(before, str) and (before[:5].lower() == "data:" or "://" in before[:8]):
        return f"data:{sniff(part.data) or part.media_type or 'application/octet-stream'};base64,{digits}"
    return digits


def media_inside(text: str, pointer: str, path: Path, role: str | None) -> Iterable[Part]:
    """Every medium that a reader of *text* could show: data URLs anywhere in it, and base64 that it begins with."""
    if len(text) < SHORTEST or not (";" in text or begins_like_a_file(text)):
        return ()
    return _media_inside(text, pointer, path, role)


def _media_inside(text: str, pointer: str, path: Path, role: str | None) -> Iterator[Part]:
    if begins_like_a_file(text) and (run := _RUN.match(text)) is not None:
        yield _decoded(None, run.group(1), f"{pointer}#", path, role)
    if ";base64," not in text.lower():
        return
    for number, match in enumerate(_INSIDE.finditer(text)):
        declared, _, payload = match.groups()
        begin = payload[:SHORTEST]
        if any(map(str.isspace, begin)) and not begins_like_a_file(payload):
            continue  # prose about data URLs
        yield _decoded(declared, payload, f"{pointer}#{number}", path, role)


def begins_like_a_file(text: str) -> bool:
    """Whether the first bytes of *text*, were it base64, are those of a file. Reads a few dozen characters at most."""
    begin = text[:_GLANCE].translate(_DIGITS)
    if len(begin) >= 8 and begin[:2] not in _FIRST and begin[6:8] != _FTYP:
        return False  # nearly always, and before anything is decoded
    begin = text[: 2 * SHORTEST].translate(_DIGITS)[: SHORTEST - 24]
    try:
        return sniff(base64.b64decode(begin, validate=True)) is not None
    except (binascii.Error, ValueError):
        return False


def _decoded(
    declared: str | None, payload: str, pointer: str, path: Path, role: str | None, *, editable: bool = False
) -> Part:
    """The part that *payload* is: by what is declared if that is a picture, sound or film, else by its first bytes."""
    data = decode_base64(unquote(payload) if "%" in payload else payload)
    if data is None:
        return OpaquePart("a data URL whose base64 is damaged", pointer, path, role)
    media_type = (declared or "").replace("\\", "").lower()
    if not media_type.startswith(("image/", "audio/", "video/")):
        media_type = sniff(data) or media_type
    if media_type.startswith("image/"):
        return ImagePart(data, pointer, path, media_type, role, editable=editable)
    if media_type.startswith("audio/"):
        return AudioPart(data, pointer, path, media_type, role, editable=editable)
    if media_type.startswith("video/"):
        return VideoPart(data, pointer, path, media_type, role, editable=editable)
    return OpaquePart("a file of a type no classifier reads", pointer, path, role)
