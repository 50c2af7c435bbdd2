"""Metadata of PDF, Office documents, SVG and Markdown.

Sources: ISO 32000-1 (Info dictionary, strings); ECMA-376 part 2 and 4 (custom properties); SVG 2; TC260-PG-20258A.
"""

from __future__ import annotations

import io
import lzma
import posixpath
import re
import struct
import zipfile
import zlib

from guard.media.marks import pdf as skeleton, pdf_objects
from guard.media.marks.block import MOST_BYTES, Broken, Kind, Walk
from guard.media.marks.xml import XmlError, elements

ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
"""What `zipfile` raises on damaged packages, and on those it cannot read."""
PDF_TOO_MUCH = "pdf: more than is read"
_PACKET_END = b"</x:xmpmeta>"
_MOST_LABEL = 64 << 10
_CUSTOM, _MOST_PROPERTIES = "docprops/custom.xml", 4
_PROPERTIES = re.compile("/custom-?properties$", re.IGNORECASE)
"""The end of what a relationship to custom properties is called, in both editions of the standard."""
_INFO = re.compile(rb"/AIGC\s*([(<])")
_ESCAPE = re.compile(rb"\\([nrtbf()\\]|[0-7]{1,3}|\r?\n)")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"(": b"(", b")": b")", b"\\": b"\\"}
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.{0,65536}?)\r?\n---[ \t]*(\r?\n|\Z)", re.DOTALL)


def pdf(data: bytes, walk: Walk) -> None:
    """XMP packets and ``/AIGC`` of the Info dictionary, packed ones too; what is encrypted is not looked into."""
    at = 0
    for _ in range(64):
        at = data.find(b"<x:xmpmeta", at)
        end = data.find(_PACKET_END, at) + len(_PACKET_END) if at >= 0 else 0
        if end < len(_PACKET_END):
            break
        walk.add(Kind.XMP, data[at:end], "pdf XMP", offset=at)
        at = end
    if at >= 0:
        walk.tell("pdf XMP: more than is read, or cut short")
    seen = set()
    for number, found in enumerate(_INFO.finditer(data)):
        if number >= 16:
            walk.tell("pdf Info: more than is read")
            break
        seen.add(found.end() - 1)
        walk.add(Kind.TEXT, _string(data, found.end() - 1), "pdf Info", key="AIGC", offset=found.start())
    if b"/C2PA_Manifest" in data:
        walk.add(Kind.C2PA, b"", "pdf embedded file")
    if b"/Encrypt" in data:
        walk.tell("pdf: encrypted")
        return
    try:
        _pdf_objects(skeleton.Pdf.of(data), seen, walk)
    except skeleton.TooMuch:
        walk.tell(PDF_TOO_MUCH)
    except Broken as error:  # what viewers guess is theirs to know
        walk.tell(f"pdf: {error}")


def _pdf_objects(file: skeleton.Pdf, seen: set[int], walk: Walk) -> None:
    """What a look at the bytes does not see: a label that is packed or points at its string, and packed XMP."""
    label = info(file).get("AIGC")
    text = file.resolve(label) if label is not None else None
    if text is not None and text.raw[:1] not in {b"(", b"<"}:
        walk.tell("pdf Info: no string")
    elif text is not None and (text.offset < 0 or text.offset not in seen):
        walk.add(Kind.TEXT, _string(text.raw, 0), "pdf Info", key="AIGC", offset=max(0, text.offset))
    given = file.catalog.get("Metadata")
    about = file.resolve(given) if given is not None else None
    if about is not None and about.raw[:2] == b"<<" and "Filter" in pdf_objects.dictionary(about)[0]:
        walk.add(Kind.XMP, file.stream(about), "pdf XMP", offset=max(0, about.offset))


def info(file: skeleton.Pdf) -> pdf_objects.Dictionary:
    """The entries of the Info dictionary, none if there is none.

    Raises:
        Broken: it is something else.
    """
    given = file.trailer.get("Info")
    found = file.resolve(given) if given is not None else None
    return pdf_objects.dictionary(found)[0] if found is not None and found.raw != b"null" else {}


def _string(data: bytes, at: int) -> bytes:
    """The string whose bracket stands at *at*, as UTF-8 or what it is."""
    return _literal(data, at + 1) if data[at] == 0x28 else _hexadecimal(data, at + 1)


def _literal(data: bytes, at: int) -> bytes:
    depth, end = 1, at
    limit = min(len(data), at + _MOST_LABEL)
    while end < limit and depth:
        byte = data[end]
        if byte == 0x5C:
            end += 1
        elif byte == 0x28:
            depth += 1
        elif byte == 0x29:
            depth -= 1
        end += 1
    raw = _ESCAPE.sub(lambda m: _PLAIN.get(m[1]) or (bytes([int(m[1], 8) & 255]) if m[1].isdigit() else b""),
                      data[at : end - 1])  # fmt: skip
    return _pdf_text(raw)


def _hexadecimal(data: bytes, at: int) -> bytes:
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", data[at : max(at, data.find(b">", at, at + 4 * _MOST_LABEL))])
    return _pdf_text(bytes.fromhex((digits + b"0" * (len(digits) & 1)).decode()))


def _pdf_text(raw: bytes) -> bytes:
    return raw[2:].decode("utf-16-be", "replace").encode() if raw[:2] == b"\xfe\xff" else raw


def office(data: bytes, walk: Walk) -> None:
    """The custom properties of an OOXML package: ``docProps/custom.xml``, or where its relationships say."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            files = package.infolist()
            if len(files) > 10_000:
                raise Broken("too many files")
            if any(one.filename == "META-INF/content_credential.c2pa" for one in files):
                walk.add(Kind.C2PA, b"", "office C2PA")
            places = {_CUSTOM, *_linked(package, files, walk)}
            found = [one for one in files if one.filename.lower() in places]
            if len(found) > _MOST_PROPERTIES:
                walk.tell("office properties: more than is read")
            for one in found[:_MOST_PROPERTIES]:
                properties = _beginning(package, one)
                if len(properties) > MOST_BYTES:
                    walk.tell("office properties: more than is read")
                else:
                    _properties(properties, walk)
    except ZIP_ERRORS as error:
        raise Broken("the package is damaged") from error


def _linked(package: zipfile.ZipFile, files: list[zipfile.ZipInfo], walk: Walk) -> set[str]:
    """The names, in small letters, of the parts that the package calls its custom properties."""
    found = set()
    for one in [one for one in files if one.filename.lower() == "_rels/.rels"][:_MOST_PROPERTIES]:
        try:
            for link in elements(_beginning(package, one)[:MOST_BYTES]):
                if _PROPERTIES.search(link.attributes.get("Type", "")):
                    found.add(posixpath.normpath("/" + link.attributes.get("Target", "")).lstrip("/").lower())
        except XmlError as error:
            walk.tell(f"office relationships: {error}")
    return found


def _beginning(package: zipfile.ZipFile, one: zipfile.ZipInfo) -> bytes:
    with package.open(one) as file:
        return file.read(MOST_BYTES + 1)


def _properties(properties: bytes, walk: Walk) -> None:
    try:
        found = list(elements(properties))
    except XmlError as error:
        walk.tell(f"office properties: {error}")
        return
    text = ""  # of the value, which ends before the property that it stands in
    for element in found:
        if element.leaf and element.local != "property":
            text = element.text
        elif element.attributes.get("name") == "AIGC":
            walk.add(Kind.TEXT, text.encode("utf-8", "replace"), "office property", key="AIGC")


def svg(data: bytes, walk: Walk) -> None:
    """RDF anywhere in the drawing is read as XMP; a manifest is C2PA's."""
    if re.search(rb"<(\w+:)?manifest[\s>]", data):
        walk.add(Kind.C2PA, b"", "svg metadata")
    if b"rdf:RDF" in data or b"xmpmeta" in data:
        walk.add(Kind.XMP, data, "svg metadata")


def markdown(text: str, walk: Walk) -> None:
    """``AIGC:`` of the front matter: a mapping in one line, or its lines below."""
    front = _FRONT.match(text)
    if front is None:
        return
    lines = front[1].splitlines()
    for number, line in enumerate(lines):
        key, found, value = line.partition(":")
        if not found or key.strip().strip("'\"") != "AIGC" or line[:1] in {" ", "\t"}:
            continue
        walk.add(Kind.TEXT, (value.strip() or _mapping(lines[number + 1 :])).encode("utf-8", "replace"),
                 "markdown front matter", key="AIGC")  # fmt: skip


def _mapping(lines: list[str]) -> str:
    import json

    pairs: dict[str, str] = {}
    for line in lines:
        if line[:1] not in {" ", "\t"}:
            break
        key, found, value = line.strip().partition(":")
        if found:
            pairs[key.strip().strip("'\"")] = value.strip().strip("'\"")
    return json.dumps(pairs)
