"""China's label into the custom properties of a docx, xlsx or pptx. Every other part stays as it is, byte for byte.

Sources: ECMA-376 part 2 (packages, relationships), part 1, 22.3 (custom properties); APPNOTE.TXT 6.3 (ZIP);
TC260-PG-20258A.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import NamedTuple
from xml.sax.saxutils import escape

from guard.classifier import Unreadable
from guard.media.marks.block import MOST_BYTES, Broken
from guard.media.marks.documents import ZIP_ERRORS
from guard.media.marks.xml import Element, XmlError, elements

_TYPES, _LINKS, _CUSTOM = "[Content_Types].xml", "_rels/.rels", "docProps/custom.xml"
CHANGED = frozenset((_TYPES, _LINKS, _CUSTOM))
"""The parts that a label is written into; the first two only where the third is new."""
_MAIN = re.compile(r"wordprocessingml|spreadsheetml|presentationml|ms-word|ms-excel|ms-powerpoint")
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_LOOSE = "http://schemas.openxmlformats.org/officeDocument/2006/"
_STRICT = "http://purl.oclc.org/ooxml/officeDocument/"
_CUSTOM_TYPE = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
_FORMAT = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"
"""The set of properties that people name themselves (Part 1, 22.3.2.2)."""
_MOST_UNPACKED = 512 << 20
_MOST_FILES = 10_000
_HEAD = b"PK\3\4"
_CENTRAL = b"PK\1\2"
_LAST = b"PK\5\6"


class Entry(NamedTuple):
    """One file of a package: its *record* (header, name, packed bytes, what follows) and its line of the directory."""

    name: str
    record: bytes
    line: bytes


def labelled(data: bytes, label: str) -> bytes:
    """*data* with *label* (ASCII) as the custom property ``AIGC``.

    Raises:
        Unreadable: it is signed, encrypted, no Office document, or of a form that is not added to.
        Broken: the package is damaged.
    """
    found = entries(data)
    parts = _unpacked(data)
    names = {name.lower(): name for name in parts}
    if len(names) < len(found):
        raise Unreadable("a name stands in the package twice")
    if any(name.startswith("_xmlsignatures/") for name in names):
        raise Unreadable("the document is signed, and a label would be a change after that")
    links = _read(parts.get(_LINKS), "relationships")
    main = [one for one in links if one.attributes.get("Type", "").endswith("/officeDocument")]
    _check_document(parts, main)
    if any("digital-signature" in one.attributes.get("Type", "") for one in links):
        raise Unreadable("the document is signed, and a label would be a change after that")
    ours = [one for one in links if re.search("/custom-?properties$", one.attributes.get("Type", "").lower())]
    place = [one.attributes.get("Target", "").lstrip("/") for one in ours]
    if place not in ([], [_CUSTOM]) or names.get(_CUSTOM.lower(), _CUSTOM) != _CUSTOM:
        raise Unreadable("the properties of the document are kept in a place that is not added to")
    strict = main[0].attributes["Type"].startswith(_STRICT)
    new = {_CUSTOM: _with_property(parts.get(_CUSTOM), label, strict=strict)}
    if not ours:
        new[_LINKS] = _with_link(parts[_LINKS], links, strict=strict)
    types = _read(parts.get(_TYPES), "types")
    if not any(one.attributes.get("PartName", "").lower() == f"/{_CUSTOM}".lower() for one in types):
        override = f'<Override xmlns="{_PACKAGE}content-types" PartName="/{_CUSTOM}" ContentType="{_CUSTOM_TYPE}"/>'
        new[_TYPES] = _with_element(parts[_TYPES], "Types", override)
    return _packed(found, new, data)


def is_same(before: bytes, after: bytes) -> bool:
    """Whether *after* has the files of *before*, in order and to the byte, but those that a label is written into."""
    old, new = ([one for one in entries(data) if one.name not in CHANGED] for data in (before, after))
    return [(one.name, one.record) for one in old] == [(one.name, one.record) for one in new]


def entries(data: bytes) -> list[Entry]:
    """The files of the ZIP *data*, in the order in which they lie.

    Raises:
        Broken: they are not all there, or lie in each other.
        Unreadable: one is encrypted, or it is a ZIP of a kind that is not added to.
    """
    end = data.rfind(_LAST, max(0, len(data) - 66_000))
    if end < 0 or end + 22 > len(data):
        raise Broken("the package is cut short")
    count = int.from_bytes(data[end + 10 : end + 12], "little")
    at = int.from_bytes(data[end + 16 : end + 20], "little")
    if count == 0xFFFF or at == 0xFFFFFFFF or int.from_bytes(data[end + 4 : end + 8], "little"):
        raise Unreadable("a package of this kind is not added to")
    first, lines = at, list[tuple[int, int, bytes]]()
    for _ in range(count):
        if data[at : at + 4] != _CENTRAL or len(lines) >= _MOST_FILES:
            raise Broken("the package is damaged")
        name, extra, note = (int.from_bytes(data[at + n : at + n + 2], "little") for n in (28, 30, 32))
        stop = at + 46 + name + extra + note
        lines.append((int.from_bytes(data[at + 42 : at + 46], "little"), name, data[at:stop]))
        at = stop
    lines.sort(key=lambda one: one[0])
    found = []
    for number, (begin, name, line) in enumerate(lines):
        stop = lines[number + 1][0] if number + 1 < len(lines) else first
        flags, size = int.from_bytes(line[8:10], "little"), int.from_bytes(line[20:24], "little")
        if begin == 0xFFFFFFFF or size == 0xFFFFFFFF:
            raise Unreadable("a package of this kind is not added to")
        if flags & 1:
            raise Unreadable("the package is encrypted")
        body = begin + 30 + int.from_bytes(data[begin + 26 : begin + 28], "little")
        body += int.from_bytes(data[begin + 28 : begin + 30], "little")
        if (number == 0 and begin) or data[begin : begin + 4] != _HEAD or body + size > stop:
            raise Broken("the package is damaged")
        called = line[46 : 46 + name].decode("utf-8" if flags & 0x800 else "cp437", "replace")
        found.append(Entry(called, data[begin:stop], line))
    return found


def _unpacked(data: bytes) -> dict[str, bytes]:
    """The parts that say what the others are; of all files it is known then that they are whole."""
    kept: dict[str, bytes] = {}
    left = _MOST_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            for one in package.infolist():
                keep = one.filename in CHANGED
                if keep and one.file_size > MOST_BYTES:
                    raise Unreadable("the package holds more than is read")
                pieces = []
                with package.open(one) as file:
                    while piece := file.read(1 << 20):
                        left -= len(piece)
                        if left < 0:
                            raise Unreadable("the package unpacks to more than is read")
                        if keep:
                            pieces.append(piece)
                kept[one.filename] = b"".join(pieces)
    except ZIP_ERRORS as error:
        raise Broken("the package is damaged") from error
    return kept


def _read(part: bytes | None, what: str) -> list[Element]:
    if part is None:
        raise Unreadable("it is a package, but no Office document")
    try:
        return list(elements(part))
    except XmlError as error:
        msg = f"the {what} of the package: {error}"
        raise Broken(msg) from error


def _check_document(parts: dict[str, bytes], main: list[Element]) -> None:
    """Whether the one part that *main* points at is there, and a text, a sheet or slides."""
    place = main[0].attributes.get("Target", "").lstrip("/") if len(main) == 1 else ""
    kinds = [
        one.attributes.get("ContentType", "")
        for one in _read(parts.get(_TYPES), "types")
        if one.attributes.get("PartName", "").lstrip("/").lower() == place.lower() and place
    ]
    if place not in parts or len(kinds) != 1 or not _MAIN.search(kinds[0]):
        raise Unreadable("it is a package, but no Office document")


def _with_property(old: bytes | None, label: str, *, strict: bool) -> bytes:
    base = (
        (_STRICT, "customProperties", "docPropsVTypes") if strict else (_LOOSE, "custom-properties", "docPropsVTypes")
    )
    own, values = base[0] + base[1], base[0] + base[2]
    found = _read(old, "properties") if old is not None else []
    pids = [int(one.attributes["pid"]) for one in found if one.attributes.get("pid", "").isdigit()]
    made = (
        f'<property xmlns="{own}" fmtid="{_FORMAT}" pid="{max([1, *pids]) + 1}" name="AIGC">'
        f'<vt:lpwstr xmlns:vt="{values}">{escape(label)}</vt:lpwstr></property>'
    )
    if old is None:
        head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        return f'{head}<Properties xmlns="{own}">{made}</Properties>'.encode()
    if found[-1].name != f"{own} Properties":
        raise Unreadable("the properties of the document are of a form that is not added to")
    return _with_element(old, "Properties", made)


def _with_link(old: bytes, links: list[Element], *, strict: bool) -> bytes:
    kind = f"{_STRICT}relationships/customProperties" if strict else f"{_LOOSE}relationships/custom-properties"
    taken = {one.attributes.get("Id") for one in links}
    name = next(name for number in range(len(taken) + 1) if (name := f"rIdAIGC{number or ''}") not in taken)
    link = f'<Relationship xmlns="{_PACKAGE}relationships" Id="{name}" Type="{kind}" Target="{_CUSTOM}"/>'
    return _with_element(old, "Relationships", link)


def _with_element(old: bytes, root: str, made: str) -> bytes:
    """*old* with *made* as the last child of its *root*, and nothing else changed, as whoever reads it sees."""
    ends = list(re.finditer(rb"</(?:[A-Za-z_][\w.-]*:)?%s\s*>" % root.encode(), old))
    empty = re.search(rb"<((?:[A-Za-z_][\w.-]*:)?%s)((?:\s[^<>]*?)?)/>" % root.encode(), old)
    if ends:
        new = old[: ends[-1].start()] + made.encode() + old[ends[-1].start() :]
    elif empty:
        new = (
            old[: empty.start()] + b"<%s%s>" % empty.groups() + made.encode() + b"</%s>" % empty[1] + old[empty.end() :]
        )
    else:
        raise Unreadable("the properties of the document are of a form that is not added to")
    before, after = ([_plain(one) for one in _read(part, root)] for part in (old, new))
    if len(after) <= len(before) or [*after[: len(before) - 1], after[-1]] != before:
        raise Unreadable("the properties of the document are of a form that is not added to")
    return new


def _plain(one: Element) -> tuple[object, ...]:
    return one.name, one.attributes, one.path, one.text


def _packed(found: list[Entry], new: dict[str, bytes], data: bytes) -> bytes:
    """The package of *found*, with what is *new* in its place or at the end."""
    made, lines, at = list[bytes](), list[bytes](), 0
    model = next(one for one in found if one.name == _TYPES)
    added = [Entry(name, b"", b"") for name in new if all(one.name != name for one in found)]
    for one in [*found, *added]:
        record, line = one.record, one.line
        if one.name in new:
            record, line = _entry(one.name, new[one.name], model.line, line or model.line)
        made.append(record)
        lines.append(line[:42] + at.to_bytes(4, "little") + line[46:])
        at += len(record)
    directory = b"".join(lines)
    end = data.rfind(_LAST)
    last = _LAST + bytes(4) + len(lines).to_bytes(2, "little") * 2
    last += len(directory).to_bytes(4, "little") + at.to_bytes(4, "little")
    return b"".join([*made, directory, last, data[end + 20 :]])


def _entry(name: str, body: bytes, model: bytes, before: bytes) -> tuple[bytes, bytes]:
    """The record of a file and its line of the directory, dated as *model* is, with the attributes of *before*."""
    pack = zlib.compressobj(wbits=-15)
    packed = pack.compress(body) + pack.flush()
    common = b"\x14\0\0\0\x08\0" + model[12:16] + zlib.crc32(body).to_bytes(4, "little")
    common += len(packed).to_bytes(4, "little") + len(body).to_bytes(4, "little")
    common += len(name).to_bytes(2, "little") + b"\0\0"
    record = _HEAD + common + name.encode("ascii") + packed
    return record, _CENTRAL + before[4:6] + common + bytes(6) + before[38:42] + bytes(4) + name.encode("ascii")
