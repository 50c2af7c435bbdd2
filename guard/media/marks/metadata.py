"""bytes → `Report`: what the metadata of one file says of where it comes from."""

from __future__ import annotations

from dataclasses import replace

from guard.media import image
from guard.media.marks import aigc, c2pa, documents, films, generators, iptc, sounds, stills, xmp
from guard.media.marks.block import Block, Broken, Kind, Walk
from guard.media.marks.model import Asserts, Mark, Report, Status
from guard.media.marks.xml import XmlError

MOST_BYTES = 512 << 20
_SIGNED = frozenset({
    "image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/avif", "image/heic", "image/heif",
    "image/jxl", "image/svg+xml", "audio/wav", "audio/mpeg", "audio/flac", "audio/mp4", "video/mp4", "video/quicktime",
    "video/x-msvideo", "application/pdf", "application/zip",
})  # fmt: skip
"""What c2pa-python reads."""
_NAMES = {"application/zip": "application/x-zip"}
"""Its name for a type, where that is another."""
_SAYS = {"1": Asserts.AI, "2": Asserts.MAYBE, "3": Asserts.SUSPECTED}
_TOOLS = ("CreatorTool", "Credit", "Software", "UserComment", "description", "ImageDescription")
_SOUND_BRANDS = {b"M4A ", b"M4B ", b"M4P "}


def sniff(data: bytes) -> str | None:
    """The media type that the bytes show; None if they show none that is read here."""
    shown = image.sniff(data)
    if shown is not None:
        return shown
    kind: str | None = None
    if data[:4] in {b"RIFF", b"RF64"}:
        kind = {b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(data[8:12])
    elif data[:3] == b"ID3":
        kind = "audio/flac" if _behind_id3(data)[:4] == b"fLaC" else "audio/mpeg"
    elif data[:1] == b"\xff" and len(data) > 3 and data[1] & 0xE6 in {0xE2, 0xE4, 0xE6} and data[2] & 0xF0 != 0xF0:
        kind = "audio/mpeg"
    elif data[:4] == b"fLaC":
        kind = "audio/flac"
    elif data[:4] == b"OggS":
        kind = "audio/ogg"
    elif data[:4] == b"\x1aE\xdf\xa3":
        kind = "video/webm" if b"webm" in data[:64] else "video/x-matroska"
    elif data[:3] == b"FLV":
        kind = "video/x-flv"
    elif data[:12] == b"\0\0\0\x0cJXL \r\n\x87\n" or data[:2] == b"\xff\x0a":
        kind = "image/jxl"
    elif data[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
        brand = data[8:12] if data[4:8] == b"ftyp" else b"qt  "
        kind = "audio/mp4" if brand in _SOUND_BRANDS else "video/quicktime" if brand == b"qt  " else "video/mp4"
    elif data[:4] == b"PK\3\4":
        kind = "application/zip"
    elif data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        kind = "application/x-cfb"
    return kind


def _behind_id3(data: bytes) -> bytes:
    size = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=False))
    return data[10 + size : 14 + size]


def walk(data: bytes, media_type: str) -> Walk:
    """The pieces of metadata of *data*.

    Raises:
        Broken: the container cannot be walked through.
    """
    found = Walk()
    try:
        _walk(data, media_type, found)
    except (IndexError, ValueError, OverflowError) as error:
        raise Broken("the container is damaged") from error
    for block in [block for block in found.blocks if block.kind is Kind.EXIF]:
        try:
            stills.tiff(block.data, found, block.place, block.offset)
        except Broken as error:
            found.tell(f"{block.place}: {error}")
    return found


def _walk(data: bytes, media_type: str, found: Walk) -> None:
    if media_type == "image/jpeg":
        stills.jpeg(data, found)
    elif media_type == "image/png":
        stills.png(data, found)
    elif media_type == "image/gif":
        stills.gif(data, found)
    elif media_type == "image/tiff":
        stills.tiff(data, found)
    elif media_type in {"image/webp", "audio/wav", "video/x-msvideo"}:
        sounds.riff(data, found)
    elif media_type in {"image/avif", "image/heic", "image/heif", "video/mp4", "video/quicktime", "audio/mp4"}:
        films.boxes(data, found, media_type.rpartition("/")[2])
    elif media_type == "image/jxl":
        if data[:2] != b"\xff\x0a":  # a bare codestream has no boxes
            films.boxes(data, found, "jxl")
    elif media_type == "audio/mpeg":
        sounds.mp3(data, found)
    elif media_type == "audio/flac":
        at = sounds.id3(data, found, "flac") if data[:3] == b"ID3" else 0
        sounds.flac(data[at:], found)
    elif media_type == "audio/ogg":
        sounds.ogg(data, found)
    elif media_type in {"video/webm", "video/x-matroska"}:
        films.matroska(data, found)
    elif media_type == "video/x-flv":
        films.flv(data, found)
    elif media_type == "application/pdf":
        documents.pdf(data, found)
    elif media_type == "application/zip":
        documents.office(data, found)
    elif media_type == "application/x-cfb":
        raise Broken("an Office document that is encrypted, or of the kind before 2007")
    elif media_type == "image/svg+xml":
        documents.svg(data, found)


def read(data: bytes, anchors: tuple[str, ...] = ()) -> Report:
    """Everything the metadata of *data* says; *anchors* are certificates to trust beside the official ones."""
    media_type = sniff(data)
    if not data:
        return Report(None, unread="empty")
    if media_type is None:
        return Report(None, unread="of no type that is known")
    if len(data) > MOST_BYTES:
        return Report(media_type, unread="larger than is read")
    try:
        found = walk(data, media_type)
    except Broken as error:
        return Report(media_type, unread=str(error))
    marks = [*_c2pa(data, media_type, found, anchors), *_declared(found)]
    marks += [Mark("metadata", Status.INCONCLUSIVE, code=trouble, carrier="") for trouble in found.trouble]
    return Report(media_type, tuple(marks))


def read_text(text: str) -> list[Mark]:
    """What the front matter of a Markdown text says."""
    found = Walk()
    documents.markdown(text, found)
    return _declared(found)


def _c2pa(data: bytes, media_type: str, found: Walk, anchors: tuple[str, ...]) -> list[Mark]:
    carrier = next((block.place for block in found.blocks if block.kind is Kind.C2PA), "")
    if documents.PDF_TOO_MUCH in found.trouble:  # its library knows no bounds
        return [Mark(c2pa.FAMILY, Status.INCONCLUSIVE, carrier=carrier, code="more than is read")]
    if c2pa.is_installed() and media_type in _SIGNED:
        marks = c2pa.read(data, _NAMES.get(media_type, media_type), anchors, carrier=carrier)
        manifest = b"".join(block.data for block in found.blocks if block.kind is Kind.C2PA)
        if marks and marks[0].is_sound and c2pa.has_used_padding(manifest):
            marks[0] = replace(marks[0], status=Status.MALFORMED, kind="", code="padding that is not empty")
        return marks
    if carrier or (b"jumb" in data and b"c2pa" in data):
        code = "unsupported" if c2pa.is_installed() else "c2pa-python is not installed"
        return [Mark(c2pa.FAMILY, Status.INCONCLUSIVE, carrier=carrier, code=code)]
    return []


def _declared(found: Walk) -> list[Mark]:
    """Marks of what is said without a signature."""
    fields: list[tuple[Block, str, str]] = []
    marks: list[Mark] = []
    labels: list[tuple[Block, str]] = []
    for block in found.blocks:
        if block.kind is Kind.XMP:
            try:
                properties = xmp.properties(block.data)
            except XmlError as error:
                found.tell(f"{block.place}: {error}")
                continue
            marks += _iptc(block, properties)
            labels += [(block, one.value) for one in properties if one.name == "AIGC" and "tc260" in one.namespace]
            fields += [(block, one.name, one.value) for one in properties if one.name in _TOOLS]
        elif block.kind is Kind.TEXT:
            key, text = block.key, block.text
            if key.rpartition(":")[2].upper() == "AIGC" or (
                key in {"UserComment", "ImageDescription", "Comment", "ICMT"} and "AIGC" in text[:64]
            ):
                labels.append((block, text))
            else:
                fields.append((block, key, text))
    marks += _labels(labels)
    for number, kind, name in generators.traces([(key, text) for _, key, text in fields]):
        block = fields[number][0]
        marks.append(Mark("generator", Status.DECLARED, Asserts.AI, kind, block.place, name, location=_at(block)))
    return list({(m.family, m.kind, m.carrier, m.code): m for m in marks}.values())


def _at(block: Block) -> tuple[int, int]:
    return block.offset, block.offset + len(block.data)


def _iptc(block: Block, properties: list[xmp.Property]) -> list[Mark]:
    system = " ".join(one.value for one in properties if one.name in iptc.SYSTEM_FIELDS)
    marks = []
    for one in properties:
        if one.name.lower() != iptc.FIELD.lower():
            continue
        origin = iptc.source_type(one.value)
        known = origin is not None
        status = Status.DECLARED if known else Status.MALFORMED
        code = iptc.last_word(one.value) if known else "unknown source type"
        marks.append(
            Mark("iptc", status, origin or Asserts.NOTHING, "", block.place, system, code, location=_at(block))
        )
    return marks


def _labels(given: list[tuple[Block, str]]) -> list[Mark]:
    """The label of GB 45438: one, whole, and the same wherever it stands."""
    marks: list[Mark] = []
    read: list[tuple[Block, aigc.Label]] = []
    for block, text in given:
        label = aigc.read(text)
        if label is None:
            marks.append(
                Mark("aigc_label", Status.MALFORMED, carrier=block.place, code="no label", location=_at(block))
            )
        else:
            read.append((block, label))
    for block, label in read:
        if label.issues:
            status, code = Status.MALFORMED, ", ".join(label.issues)
        elif any(other.fields != label.fields for _, other in read):
            status, code = Status.CONFLICT, "labels that differ"
        else:
            status, code = Status.DECLARED, f"Label {label.says}"
        marks.append(
            Mark(
                "aigc_label", status, _SAYS.get(label.says, Asserts.NOTHING), "", block.place,
                label.fields.get("ContentProducer", ""), code, location=_at(block), detail=dict(label.fields),
            )
        )  # fmt: skip
    if len(read) > 1 and all(label == read[0][1] for _, label in read) and not read[0][1].issues:
        marks.append(Mark("aigc_label", Status.MALFORMED, carrier=read[1][0].place, code="the label stands twice"))
    return marks
