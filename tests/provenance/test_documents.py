"""guard.media.stamps.pdf and office: labels that other tools read, behind or beside a document that stays as it was."""

from __future__ import annotations

import functools
import io
import json
import re
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docx
import openpyxl
import pikepdf
import pptx
import pytest
from hypothesis import given, settings, strategies as st
from openpyxl.packaging.custom import StringProperty
from PIL import Image

from guard import Guard
from guard.classifier import Unreadable
from guard.content import Direction
from guard.media.marks import metadata
from guard.media.stamps import office, pdf
from guard.media.stamps.stamp import Stamp
from tests.classifiers import marked
from tests.provenance.test_stamps import AIGC, PRODUCER, families, mark

PACKED, PLAIN = pikepdf.ObjectStreamMode.generate, pikepdf.ObjectStreamMode.disable
ODD = Stamp(("aigc_label",), producer=PRODUCER, produce_id='(a)\\)"<&>')


def pdf_of(info: dict[str, str] | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        for key, value in (info or {}).items():
            made.docinfo[key] = value
        made.save(file, **options)
    return file.getvalue()


def by_pillow() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "PDF", title="a (title)", author="某人")
    return file.getvalue()


def by_hand(objects: dict[int, bytes], trailer: str) -> bytes:
    """A file of *objects* in a table; ``{5}`` in the *trailer* is where object 5 lies."""
    made, at = bytearray(b"%PDF-1.5\n"), dict[int, int]()
    for number, body in objects.items():
        at[number] = len(made)
        made.extend(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    lines = ["0 1\n0000000000 65535 f \n", *(f"{number} 1\n{start:010} 00000 n \n" for number, start in at.items())]
    told = trailer.format(*(at.get(number, 0) for number in range(max(at) + 1)))
    end = f"xref\n{''.join(lines)}trailer\n<< /Size {max(at) + 1} {told} >>\nstartxref\n{len(made)}\n%%EOF"
    return bytes(made) + end.encode()


def stream_of(data: bytes, about: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (about, len(data), data)


def hybrid() -> bytes:
    """A file whose page lies in an object stream that only readers of PDF 1.5 see, as word processors write them."""
    page = b"3 0 << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << >> >>"
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        4: stream_of(page, b"/Type /ObjStm /N 1 /First 4"),
        5: stream_of(b"\2\0\0\4\0", b"/Type /XRef /W [1 3 1] /Index [3 1] /Size 6"),
    }
    return by_hand(objects, "/Root 1 0 R /XRefStm {5}")


PDFS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: pdf_of(object_stream_mode=PLAIN),
    "with a title": lambda: pdf_of({"/Title": "a (title) é 标题"}, object_stream_mode=PLAIN),
    "packed": lambda: pdf_of(object_stream_mode=PACKED),
    "packed with a title": lambda: pdf_of({"/Title": "a (title)"}, object_stream_mode=PACKED),
    "linearized": lambda: pdf_of({"/Title": "x"}, linearize=True),
    "linearized and packed": lambda: pdf_of(linearize=True, object_stream_mode=PACKED),
    "by Pillow": by_pillow,
    "hybrid": hybrid,
    "updated before": lambda: pdf.labelled(pdf_of({"/Title": "x"}), "{}").replace(b"/AIGC", b"/Misc"),
    "with something behind its end": lambda: pdf_of(object_stream_mode=PLAIN) + b"\r\n \0\0",
}


def told(data: bytes) -> dict[str, Any]:
    """The Info dictionary and the pages, as pikepdf sees them without having to repair anything."""
    with pikepdf.open(io.BytesIO(data), attempt_recovery=False) as file:
        assert file.check_pdf_syntax() == []
        return {**{key: str(value) for key, value in file.docinfo.items()}, "pages": len(file.pages)}


@pytest.mark.parametrize("stamp", [AIGC, ODD])
@pytest.mark.parametrize("name", PDFS)
def test_a_pdf_is_labelled_for_other_readers_too_and_stays_as_it_was(name: str, stamp: Stamp) -> None:
    data = PDFS[name]()
    before = told(data)

    made = mark(data, stamp)

    after = told(made)
    label = json.loads(after.pop("/AIGC"))
    assert (label["Label"], label["ContentProducer"], label["ProduceID"]) == ("1", PRODUCER, stamp.produce_id)
    assert after == before
    assert made.startswith(data)
    assert families(metadata.read(made)) == ["mark.aigc_label"]
    assert mark(made, stamp) == made


@pytest.mark.parametrize("spelled", ["string", "hexadecimal", "elsewhere", "packed", "escaped"])
def test_a_label_that_a_pdf_has_is_read_and_kept_however_it_is_spelled(spelled: str) -> None:
    file = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        text = pikepdf.String("x" * 2 * len(marked.TEXT) if spelled == "hexadecimal" else marked.TEXT)
        name = "/AIGC__" if spelled == "escaped" else "/AIGC"
        made.docinfo[name] = made.make_indirect(text) if spelled == "elsewhere" else text
        made.save(file, object_stream_mode=PACKED if spelled == "packed" else PLAIN)
    data = file.getvalue().replace(b"/AIGC__", b"/#41IGC")
    data = re.sub(rb"\(x{99,}\)", b"<" + marked.TEXT.encode().hex().encode() + b">", data)

    report = metadata.read(data)

    assert json.loads(told(data)["/AIGC"]) == marked.LABEL
    assert families(report) == ["mark.aigc_label"]
    assert report.marks[0].detail == marked.LABEL
    assert mark(data, AIGC) == data


def test_what_says_of_itself_in_packed_xmp_is_read() -> None:
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /Metadata 3 0 R >>",
        2: b"<< /Type /Pages /Kids [] /Count 0 >>",
        3: stream_of(zlib.compress(marked.aigc_xmp()), b"/Type /Metadata /Subtype /XML /Filter /FlateDecode"),
    }

    (found,) = metadata.read(by_hand(objects, "/Root 1 0 R")).marks

    assert (found.category, found.carrier) == ("mark.aigc_label", "pdf XMP")


def office_of(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "docx":
        document = docx.Document()
        document.add_paragraph("一段文字")
        document.save(file)
    elif kind == "pptx":
        slides = pptx.Presentation()
        slides.slides.add_slide(slides.slide_layouts[0])
        slides.save(file)
    else:
        book = openpyxl.Workbook()
        book.active["A1"] = timedelta(hours=1)  # type: ignore[index]
        if "properties" in kind:
            book.custom_doc_props.append(StringProperty(name="Mine", value='x<&>"'))
        book.save(file)
    return file.getvalue()


def rewritten(data: bytes, change: Callable[[str, bytes], bytes | None], **more: bytes) -> bytes:
    """*data* packed anew, each file as *change* has it, and *more* files."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            body = change(one.filename, old.read(one))
            if body is not None:
                new.writestr(one.filename, body)
        for name, body in more.items():
            new.writestr(name, body)
    return file.getvalue()


def streamed(data: bytes) -> bytes:
    """As a writer leaves it that cannot go back: sizes stand behind each file."""

    class Pipe(io.RawIOBase):
        sent = b""

        def writable(self) -> bool:
            return True

        def write(self, given: Any) -> int:
            self.sent += bytes(given)
            return len(given)

    pipe = Pipe()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            new.writestr(one.filename, old.read(one))
        new.comment = b"by a pipe"
    return pipe.sent


def strict(data: bytes) -> bytes:
    loose, own = (
        b"http://schemas.openxmlformats.org/officeDocument/2006/",
        b"http://purl.oclc.org/ooxml/officeDocument/",
    )
    return rewritten(data, lambda _, body: body.replace(loose, own))


OFFICE: dict[str, Callable[[], bytes]] = {
    "docx": lambda: office_of("docx"),
    "xlsx": lambda: office_of("xlsx"),
    "xlsx with properties": lambda: office_of("xlsx with properties"),
    "pptx": lambda: office_of("pptx"),
    "docx by a pipe": lambda: streamed(office_of("docx")),
    "docx, strict": lambda: strict(office_of("docx")),
    "docx with empty properties": lambda: rewritten(
        office_of("docx"), lambda _, body: body,
        **{"docProps/custom.xml": b"<a:Properties xmlns:a='http://schemas.openxmlformats.org/officeDocument/2006/"
                                  b"custom-properties'/>"},
    ),
}  # fmt: skip


def property_of(data: bytes) -> tuple[str, list[str]]:
    """The value of the property AIGC and the numbers of all, by way of the relationship that leads there."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        assert package.testzip() is None
        links = ElementTree.fromstring(package.read("_rels/.rels"))
        (place,) = [one.get("Target") or "" for one in links if "ustom" in (one.get("Type") or "")]
        types = ElementTree.fromstring(package.read("[Content_Types].xml"))
        (kind,) = [one.get("ContentType") or "" for one in types if one.get("PartName") == f"/{place.lstrip('/')}"]
        assert kind.endswith("custom-properties+xml")
        root = ElementTree.fromstring(package.read(place.lstrip("/")))
    (text,) = [one[0].text or "" for one in root if one.get("name") == "AIGC"]
    return text, [one.get("pid") or "" for one in root]


def others(data: bytes) -> list[tuple[str, bytes]]:
    """Every file but the three that may change, as it lies there: packed."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        ends = [*(one.header_offset for one in package.infolist()), package.start_dir][1:]
        return [
            (one.filename, data[one.header_offset : end])
            for one, end in zip(package.infolist(), ends, strict=True)
            if one.filename not in {"[Content_Types].xml", "_rels/.rels", "docProps/custom.xml"}
        ]


@pytest.mark.parametrize("stamp", [AIGC, ODD])
@pytest.mark.parametrize("name", OFFICE)
def test_an_office_document_is_labelled_for_other_readers_too_and_its_files_stay(name: str, stamp: Stamp) -> None:
    data = OFFICE[name]()

    made = mark(data, stamp)

    text, numbers = property_of(made)
    assert json.loads(text) == {**marked.LABEL, "ContentProducer": PRODUCER, "ProduceID": stamp.produce_id}
    assert len(set(numbers)) == len(numbers)
    assert min(map(int, numbers)) >= 2
    assert others(made) == others(data)
    assert families(metadata.read(made)) == ["mark.aigc_label"]
    assert mark(made, stamp) == made


def test_the_programs_for_them_open_labelled_documents() -> None:
    texts = [one.text for one in docx.Document(io.BytesIO(mark(office_of("docx"), AIGC))).paragraphs]
    slides = pptx.Presentation(io.BytesIO(mark(office_of("pptx"), AIGC))).slides
    book = openpyxl.load_workbook(io.BytesIO(mark(office_of("xlsx with properties"), AIGC)))

    assert texts == ["一段文字"]
    assert len(slides) == 1
    assert {one.name: one.value for one in book.custom_doc_props.props}["Mine"] == 'x<&>"'
    assert json.loads(str(book.custom_doc_props["AIGC"].value))["ProduceID"] == "a-1"


def signed_pdf() -> bytes:
    file = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        value = pikepdf.Dictionary(
            Type=pikepdf.Name.Sig, ByteRange=[0, 10, 20, 30], Contents=pikepdf.String(b"\0" * 20)
        )
        field = pikepdf.Dictionary(FT=pikepdf.Name.Sig, T=pikepdf.String("s"), V=made.make_indirect(value))
        made.Root.AcroForm = pikepdf.Dictionary(SigFlags=3, Fields=[made.make_indirect(field)])
        made.save(file, object_stream_mode=PLAIN)
    return file.getvalue()


def labelled_badly() -> bytes:
    return pdf_of({"/AIGC": '{"Label": "9", "ContentProducer": "x", "ProduceID": "y"}'})


def encrypted_zip() -> bytes:
    data = bytearray(office_of("docx"))
    at = data.index(b"PK\1\2")
    data[at + 8] |= 1
    data[6] |= 1
    return bytes(data)


def flipped(data: bytes) -> bytes:
    """*data*, and one bit of a packed part of it is another."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        one = package.getinfo("word/document.xml")
    at = one.header_offset + 30 + len(one.filename) + one.compress_size // 2
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


def without(data: bytes, name: str) -> bytes:
    return rewritten(data, lambda own, body: None if own == name else body)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "an encrypted pdf": (lambda: pdf_of(encryption=pikepdf.Encryption(owner="o", user="u")), "the PDF is encrypted"),
    "an encrypted and packed pdf": (
        lambda: pdf_of(encryption=pikepdf.Encryption(owner="o"), object_stream_mode=PACKED), "the PDF is encrypted",
    ),
    "a signed pdf": (signed_pdf, "the PDF is signed"),
    "a signed pdf, spelled oddly": (lambda: signed_pdf().replace(b"/ByteRange ", b"/#42yteRange"), "signed|damaged"),
    "a pdf that is cut short": (lambda: pdf_of(object_stream_mode=PLAIN)[:-40], "damaged"),
    "a pdf whose objects lie elsewhere": (lambda: by_pillow().replace(b"%PDF-1.", b"%PDF-1.4\n%1."), "damaged"),
    "a pdf with a label that is no good": (labelled_badly, "no good"),
    "a pdf with a number for a label": (lambda: pdf.labelled(pdf_of(), "{}").replace(b"/AIGC ({})", b"/AIGC 17  "),
                                        "no good"),
    "an encrypted office document": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "encrypted"),
    "an encrypted package": (encrypted_zip, "damaged|encrypted"),
    "a signed office document": (
        lambda: rewritten(office_of("docx"), lambda _, body: body, **{"_xmlsignatures/sig1.xml": b"<Signature/>"}),
        "the document is signed",
    ),
    "an office document that is cut short": (lambda: office_of("docx")[:-300], "damaged"),
    "an office document with a flipped bit": (lambda: flipped(office_of("docx")), "damaged"),
    "an archive": (lambda: rewritten(marked.docx("{}"), lambda _, body: None, a=b"b"), "no Office document"),
    "an office document without types": (
        lambda: without(office_of("docx"), "[Content_Types].xml"), "no Office document"
    ),
    "an office document without links": (lambda: without(office_of("docx"), "_rels/.rels"), "no Office document"),
    "properties that are damaged": (
        lambda: rewritten(office_of("docx"), lambda _, body: body, **{"docProps/custom.xml": b"<Properties>"}),
        "damaged XML",
    ),
    "properties with entities": (
        lambda: rewritten(
            office_of("docx"), lambda _, body: body,
            **{"docProps/custom.xml": b'<!DOCTYPE a [<!ENTITY b "c">]><Properties/>'},
        ), "entities",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_encrypted_signed_or_damaged_is_refused_and_says_so(name: str) -> None:
    make, why = REFUSED[name]

    with pytest.raises(Unreadable, match=why):
        mark(make(), AIGC)


def test_a_name_that_stands_twice_in_a_package_is_refused() -> None:
    file = io.BytesIO(office_of("docx"))
    with zipfile.ZipFile(file, "a") as package:
        package.writestr("WORD/document.xml", b"<other/>")

    with pytest.raises(Unreadable, match="a name stands in the package twice"):
        mark(file.getvalue(), AIGC)


@pytest.mark.parametrize("place", ["docProps/Custom.xml", "docProps/custom2.xml", "properties.xml"])
def test_a_label_is_read_where_the_package_says_that_its_properties_are(place: str) -> None:
    moved = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(mark(OFFICE["docx"](), AIGC))) as package,
        zipfile.ZipFile(moved, "w") as other,
    ):
        for name in package.namelist():
            body = package.read(name).replace(b"docProps/custom.xml", place.encode())
            other.writestr(place if name == "docProps/custom.xml" else name, body)

    assert families(metadata.read(moved.getvalue())) == ["mark.aigc_label"]


def test_a_package_that_is_packed_in_a_damaged_way_is_read_as_damaged() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as package:
        package.writestr("docProps/custom.xml", "<Properties/>" * 40)
    data = file.getvalue()

    report = metadata.read(data[:58] + bytes(9) + data[67:])

    assert (report.state, report.unread) == ("inconclusive", "the package is damaged")


@pytest.mark.parametrize("name", ["iptc", "visible_label", "audio_rhythm", "c2pa"])
@pytest.mark.parametrize("make", [by_pillow, OFFICE["docx"]])
def test_a_document_bears_no_other_mark(make: Callable[[], bytes], name: str) -> None:
    with pytest.raises(Unreadable, match="bears no"):
        mark(make(), Stamp((name, "aigc_label"), producer=PRODUCER))


def test_something_else_that_changed_is_seen() -> None:
    data = by_pillow()
    made = mark(data, AIGC)
    package = office_of("docx")
    labelled = mark(package, AIGC)

    assert pdf.is_same(data, made)
    assert not pdf.is_same(data, made[:20] + b"?" + made[21:])
    assert not pdf.is_same(data, pdf_of())
    with pikepdf.open(io.BytesIO(made)) as file:
        other = io.BytesIO()
        file.save(other)
    assert not pdf.is_same(data, other.getvalue())
    assert office.is_same(package, labelled)
    assert not office.is_same(package, without(labelled, "word/styles.xml"))


@functools.cache
def sound(name: str) -> bytes:
    return (PDFS | OFFICE)[name]()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["plain", "packed with a title", "hybrid", "docx", "xlsx with properties"]),
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_damaged_documents_are_labelled_or_refused_and_nothing_else(name: str, flips: list[tuple[int, int]]) -> None:
    data = bytearray(sound(name))
    for place, byte in flips:
        data[place % len(data)] = byte
    try:
        made = mark(bytes(data), AIGC)
    except Unreadable:
        return
    assert "mark.aigc_label" in families(metadata.read(made))


def bombs() -> bytes:
    """A chain of cross-references, each of which unpacks to 16 MB."""
    made, before = bytearray(b"%PDF-1.7\n"), 0
    packed = zlib.compress(bytes(16 << 20), 9)
    for number in range(200):
        about = b"/Type /XRef /W [1 2 1] /Size 4000000 /Root 1 0 R /Filter /FlateDecode /Length %d" % len(packed)
        about += b" /Prev %d" % before if before else b""
        before = len(made)
        made += b"%d 0 obj\n<< %s >>\nstream\n%s\nendstream\nendobj\n" % (number + 9, about, packed)
    return bytes(made) + b"startxref\n%d\n%%%%EOF" % before


def within_each_other(behind: bytes, rest: bytes, about: bytes) -> bytes:
    """250 cross-references, each of which begins with *about* and holds all that come behind it."""
    width, made = 160, bytearray(b"%PDF-1.7\n")
    end = len(made) + 250 * width + len(behind)
    for _ in range(250):
        stop = len(made) + width
        head = about % {b"prev": stop if stop < end - len(behind) else 9, b"length": end - stop}
        keyword = head.rfind(b">>") if head.endswith(b"\n") else len(head)
        made += head[:keyword] + b" " * (width - len(head)) + head[keyword:]
    return bytes(made) + behind + rest * 250 + b"\nstartxref\n9\n%%EOF"


NESTED = {
    "trailers": within_each_other(b"()" * 300_000, b") >> ", b"xref\n0 0\ntrailer\n<< /Prev %(prev)d /K ("),
    "streams": within_each_other(
        bytes(1 << 20), b"\nendstream\n",
        b"9 0 obj\n<< /Type /XRef /W [1 2 1] /Index [0 1] /Size 1 /Prev %(prev)d /Length %(length)d >>stream\n",
    ),
}  # fmt: skip


def short_rows() -> bytes:
    """Cross-references of 2 kB, each of two million rows that are told from the row above."""
    made, before = bytearray(b"%PDF-1.7\n"), 0
    packed = zlib.compress(b"\2\0" * 2_090_000, 9)
    about = b"/Type /XRef /W [1 2 1] /Index [0 1] /Size 1 /Filter /FlateDecode /Length %d" % len(packed)
    about += b" /DecodeParms << /Predictor 12 /Columns 1 >>"
    for number in range(11):
        more = b" /Prev %d" % before if before else b""
        before = len(made)
        made += b"%d 0 obj\n<< %s%s >>\nstream\n%s\nendstream\nendobj\n" % (number + 9, about, more, packed)
    return bytes(made) + b"startxref\n%d\n%%%%EOF" % before


@pytest.mark.parametrize("data", [*NESTED.values(), short_rows()], ids=[*NESTED, "rows"])
def test_what_is_read_again_and_again_is_inconclusive_soon(data: bytes) -> None:
    begin = time.thread_time()

    assert "mark.inconclusive.metadata" in families(metadata.read(data))
    assert time.thread_time() - begin < 10.0, "a second or less on a quiet machine, and without bounds a minute"


def test_streams_within_each_other_take_no_more_memory_than_what_is_unpacked() -> None:
    tracemalloc.start()
    try:
        metadata.read(NESTED["streams"])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 96 << 20


def test_what_only_a_viewer_that_repairs_can_see_is_not_absent() -> None:
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /Metadata 3 0 R >>",
        2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        3: stream_of(zlib.compress(marked.aigc_xmp()), b"/Type /Metadata /Subtype /XML /Filter /FlateDecode"),
        4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << >> >>",
    }
    data = re.sub(rb"startxref\n\d+", b"startxref\n7", by_hand(objects, "/Root 1 0 R"))

    with pikepdf.open(io.BytesIO(data)) as file:
        assert marked.aigc_xmp() == file.Root.Metadata.read_bytes()
    assert families(metadata.read(data)) == ["mark.inconclusive.metadata"]


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n" + b"<<" * 100_000 + b"startxref\n9\n%%EOF",
        b"%PDF-1.7\nxref\n0 99999999\n" + b"0000000000 65535 f \n" * 9 + b"trailer\n<< >>\nstartxref\n9\n%%EOF",
        b"%PDF-1.7\nxref\n0 0\ntrailer\n<< /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF",
        b"%PDF-1.7\nxref\n" + b"0 0\n" * 200_000 + b"trailer\n<< >>\nstartxref\n9\n%%EOF",
        b"%PDF-1.7\n" + b"(" * 500_000 + b"\nstartxref\n9\n%%EOF",
        bombs(),
    ],
)
def test_hostile_skeletons_are_damaged_soon(data: bytes) -> None:
    with pytest.raises(Unreadable):
        mark(data, AIGC)


@pytest.mark.parametrize("make", [by_pillow, OFFICE["xlsx"]])
def test_a_document_in_the_place_of_a_picture_is_labelled_by_a_policy(
    make: Callable[[], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text(f"""
policy: labels
rules:
  - id: label-files
    message: {{en: "The file could not be labelled."}}
    directions: [output]
    modalities: [image]
    when: {{any: [{{category: mark.aigc_label}}, {{not: {{category: mark.aigc_label}}}}]}}
    then: {{label: {{marks: [aigc_label], producer: {PRODUCER}}}}}
""")
    guard = Guard(path)
    try:
        checked = guard.check(image=make(), direction=Direction.OUTPUT)
        signed = guard.check(image=signed_pdf(), direction=Direction.OUTPUT)
    finally:
        guard.close()

    assert (checked.action, checked.changed) == ("label", True)
    assert isinstance(checked.released, bytes)
    assert families(metadata.read(checked.released)) == ["mark.aigc_label"]
    assert (signed.allowed, signed.released) == (False, None)
