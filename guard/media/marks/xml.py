"""XML within bounds: it may name a document type, which is not fetched, and declare no entities, which could explode.

Source: XML 1.0, fifth edition; https://owasp.org/www-community/vulnerabilities/XML_External_Entity_(XXE)_Processing
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ELEMENTS = 100_000
MOST_DEPTH = 100


class XmlError(Exception):
    """The XML is damaged, declares entities, or is too much; the message holds no content."""


@dataclass(slots=True)
class Element:
    """One element by its *name* (``namespace local``), with its own text and the names of those around it."""

    name: str
    attributes: dict[str, str]
    path: tuple[str, ...]
    text: str = ""
    leaf: bool = True
    pieces: list[str] = field(default_factory=list)

    @property
    def local(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition(" ")[2]


def elements(data: bytes) -> Iterator[Element]:
    """Every element, in the order in which they end.

    Raises:
        XmlError: whatever is wrong.
    """
    done: list[Element] = []
    stack: list[Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) >= MOST_DEPTH or len(done) + len(stack) >= MOST_ELEMENTS:
            raise XmlError("too many elements")
        if stack:
            stack[-1].leaf = False
        stack.append(Element(name, attributes, tuple(one.name for one in stack[-6:])))

    def end(_name: str) -> None:
        element = stack.pop()
        element.text = "".join(element.pieces)
        element.pieces.clear()
        done.append(element)

    def text(characters: str) -> None:
        if stack:
            stack[-1].pieces.append(characters)

    def refuse(*_given: object) -> None:
        raise XmlError("entities of its own")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003  expat's own signature
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise XmlError("damaged XML") from error
    yield from done
