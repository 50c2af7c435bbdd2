"""XMP packets: new ones, and marks added to those that are there.

Sources: XMP specification parts 1 and 3 (ISO 16684-1); TC260-PG-20259A; IPTC Photo Metadata 2025.1.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.sax.saxutils import escape

from guard.classifier import Unreadable
from guard.media.marks import aigc, iptc, xmp
from guard.media.marks.xml import XmlError

_END = re.compile(rb"</(?:([A-Za-z_][\w.-]*):)?RDF\s*>")
_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class Source(NamedTuple):
    """IPTC's source type, by its last word or address, and the *system* that made the picture, ``NAME/VERSION``."""

    kind: str
    system: str = ""


def with_marks(old: bytes | None, label: str | None, source: Source | None) -> bytes:
    """The packet *old*, or a new one, with China's *label* and the *source* type added.

    Raises:
        Unreadable: *old* cannot be added to.
    """
    described = _description(label, source).encode()
    if old is None:
        head = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        return (
            f'{head}<rdf:RDF xmlns:rdf="{xmp.RDF}">'.encode()
            + described
            + b'</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
        )
    try:
        before = xmp.properties(old)
        ends = list(_END.finditer(old))
        if not ends:
            raise Unreadable("the XMP of the file is of a form that is not added to")
        at = ends[-1].start()
        new = old[:at] + described + old[at:]
        after = xmp.properties(new)
    except XmlError as error:
        raise Unreadable("the XMP of the file is damaged") from error
    if after[: len(before)] != before or len(after) == len(before):
        raise Unreadable("the XMP of the file is of a form that is not added to")
    return new


def _description(label: str | None, source: Source | None) -> str:
    inner = ""
    if label is not None:
        inner += f'<TC260:AIGC xmlns:TC260="{aigc.NAMESPACE}">{_escaped(label)}</TC260:AIGC>'
    if source is not None:
        uri = source.kind if "/" in source.kind else _TYPES + source.kind
        inner += _iptc(iptc.FIELD, uri)
        name, _, version = source.system.partition("/")
        inner += _iptc("AISystemUsed", name) if name else ""
        inner += _iptc("AISystemVersionUsed", version) if version else ""
    return f'<rdf:Description xmlns:rdf="{xmp.RDF}" rdf:about="">{inner}</rdf:Description>'


def _iptc(name: str, value: str) -> str:
    return f'<Iptc4xmpExt:{name} xmlns:Iptc4xmpExt="{iptc.NAMESPACE}">{_escaped(value)}</Iptc4xmpExt:{name}>'


def _escaped(text: str) -> str:
    return escape("".join(char for char in text if char.isprintable()), {'"': "&quot;"})
