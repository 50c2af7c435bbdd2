"""China's label into the Info dictionary of a PDF, as an update behind the file: what was there stays, byte for byte.

Source: ISO 32000-1:2008, 7.5.6 (incremental updates), 14.3.3 (Info dictionary), 12.8.1 (signatures); TC260-PG-20258A.
"""

from __future__ import annotations

import hashlib
import re

from guard.classifier import Unreadable
from guard.media.marks.block import Broken
from guard.media.marks.documents import info
from guard.media.marks.pdf import Pdf

_SIGNED = re.compile(
    rb"/" + b"".join(rb"(?:%c|#%02x|#%02X)" % (byte, byte, byte) for byte in b"ByteRange") + rb"[\0\t\n\f\r \[/%]"
)
"""What every signature has: where the bytes lie that it is about. So it is never packed."""
_NOT_COPIED = frozenset(
    ("Type", "W", "Index", "Length", "Filter", "DecodeParms", "Prev", "XRefStm", "Size", "Info", "DL")
)
_MOST_OFFSET = 9_999_999_999


def labelled(data: bytes, label: str) -> bytes:
    """*data*, and behind it an Info dictionary with *label* (ASCII), cross-referenced as the file itself is.

    Raises:
        Unreadable: it is encrypted or signed, or has an ``/AIGC`` that says nothing.
        Broken: a viewer would have to repair it.
    """
    file = Pdf.of(data)
    if "Encrypt" in file.trailer:
        raise Unreadable("the PDF is encrypted")
    if _SIGNED.search(data):
        raise Unreadable("the PDF is signed, and a label would be a change after that")
    if "AIGC" in info(file):
        raise Unreadable("a label that is no good is there already; it may not be taken off")
    given = file.trailer.get("Info")
    number, generation, old = file.size, 0, b"<< >>"
    if given is not None:
        found = file.resolve(given)
        if given.reference is None:
            raise Unreadable("the Info dictionary of the PDF is of a form that is not added to")
        if found is not None and found.raw != b"null":
            number, generation, old = given.reference, given.generation, found.raw
    entry = b"/AIGC (" + re.sub(rb"([\\()])", rb"\\\1", label.encode("ascii")) + b")"
    start = len(data) + (0 if data.endswith((b"\n", b"\r")) else 1)
    body = b"%d %d obj\n%s %s >>\nendobj\n" % (number, generation, old[:-2].rstrip(), entry)
    written = data + (b"" if start == len(data) else b"\n") + body
    trailer = _trailer(file, b"%d %d R" % (number, generation), hashlib.sha256(data + entry).digest()[:16])
    if len(written) > _MOST_OFFSET:
        raise Unreadable("the PDF is larger than is marked")
    if file.is_table:
        head = b"xref\n%d 1\n%010d %05d n \n" % (number, start, generation)
        size = max(file.size, number + 1)
        about = b"trailer\n<< /Size %d /Prev %d%s >>\n" % (size, file.start, trailer)
    else:
        own = max(file.size, number + 1)
        rows = b"".join(
            b"\1" + where.to_bytes(5) + last.to_bytes(2) for where, last in ((start, generation), (len(written), 0))
        )
        head = b"%d 0 obj\n" % own
        about = b"<< /Type /XRef /Size %d /Prev %d /W [1 5 2] /Index [%d 1 %d 1] /Length %d%s >>\nstream\n%s\n" % (
            own + 1, file.start, number, own, len(rows), trailer, rows,
        ) + b"endstream\nendobj\n"  # fmt: skip
    return written + head + about + b"startxref\n%d\n%%%%EOF\n" % len(written)


def _trailer(file: Pdf, info_at: bytes, changed: bytes) -> bytes:
    """The entries of the trailer, with the new Info; of the two halves of the ID the second says what changed."""
    kept = b" /Info " + info_at
    for name, value in file.trailer.items():
        raw = value.raw
        if name == "ID":
            raw = _identity(raw, changed)
        if name not in _NOT_COPIED:
            kept += b" /%s %s" % (re.sub(r"[^A-Za-z0-9_.-]", lambda c: f"#{ord(c[0]):02X}", name).encode(), raw)
    return kept


def _identity(raw: bytes, changed: bytes) -> bytes:
    halves = re.fullmatch(rb"\[\s*(<[0-9A-Fa-f\s]*>)\s*<[0-9A-Fa-f\s]*>\s*\]", raw)
    return b"[%s<%s>]" % (halves[1], changed.hex().encode()) if halves else raw


def is_same(before: bytes, after: bytes) -> bool:
    """Whether *after* is *before* and an update of nothing but the Info dictionary behind it."""
    if not after.startswith(before):
        return False
    if len(after) == len(before):
        return True
    try:
        old, new = Pdf.of(before), Pdf.of(after)
        roots = {file.trailer["Root"].raw for file in (old, new)}
        own = {new.trailer["Info"].reference} | (set() if new.is_table else {new.size - 1})
    except (Broken, KeyError):
        return False
    added = new.sections[: len(new.sections) - len(old.sections)]
    changed = all(one.stop - one.first == 1 and one.first in own for one in added)
    return changed and new.sections[len(added) :] == old.sections and len(roots) == 1
