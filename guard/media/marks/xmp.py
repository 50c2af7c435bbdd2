"""XMP: the properties of a packet, in whichever of RDF's forms they were written.

Source: XMP specification part 1 (ISO 16684-1), https://www.w3.org/TR/rdf-syntax-grammar/
"""

from __future__ import annotations

import re
from typing import NamedTuple

from guard.media.marks.xml import Element, XmlError, elements

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_SHELLS = {f"{RDF} {name}" for name in ("Alt", "Bag", "Seq", "li", "Description", "RDF", "value")}
_PROCESSING = re.compile(rb"<\?xpacket.{0,200}?\?>", re.DOTALL)


class Property(NamedTuple):
    """One *value* of the property *name* in *namespace*."""

    namespace: str
    name: str
    value: str


def properties(packet: bytes) -> list[Property]:
    """Every property of *packet*; items of lists are each one.

    Raises:
        XmlError: the packet is damaged, declares entities, or is too much.
    """
    packet = packet.strip(b"\0 \t\r\n")
    if packet[:2] in {b"\xff\xfe", b"\xfe\xff"} or packet[1:2] == b"\0" or packet[:1] == b"\0":
        packet = packet.decode("utf-16", "replace").encode()
    plain = _PROCESSING.sub(b"", packet.removeprefix(b"\xef\xbb\xbf")).strip(b"\0 \t\r\n")
    if not plain:
        raise XmlError("an empty packet")
    found: list[Property] = []
    for element in elements(plain):
        found += [_property(name, value) for name, value in element.attributes.items() if _is_property(name)]
        resource = element.attributes.get(f"{RDF} resource", "")
        if element.leaf and (element.text.strip() or resource):
            found.append(_property(_owner(element), element.text.strip() or resource))
    return found


def _owner(element: Element) -> str:
    """The property that *element* is a value of: itself, or the nearest one around it that is no list."""
    return next((name for name in (element.name, *reversed(element.path)) if name not in _SHELLS), element.name)


def _property(name: str, value: str) -> Property:
    namespace, _, local = name.rpartition(" ")
    return Property(namespace, local, value)


def _is_property(name: str) -> bool:
    return " " in name and not name.startswith((RDF, "http://www.w3.org/XML/1998/namespace"))
