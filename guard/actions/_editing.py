"""Writing changed texts back into a content and noting what is to be changed in media, or finding that it cannot be."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, NamedTuple

from guard.content import Medium, OpaquePart, TextPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guard.content import Content, MediaEdit, Part
    from guard.decision import Effect


class Pointed(NamedTuple):
    """The parts that findings point at, by pointer, in the content's order."""

    texts: dict[str, TextPart]
    media: dict[str, Medium]


def pointed_at(content: Content, effects: Sequence[Effect]) -> Pointed | None:
    """The parts that the findings of *effects* point at.

    None where an edit could not keep what the rules ask for, so that the caller must refuse: an effect with no finding
    says nothing about where, a part that cannot be read or written back, a pointer that leads nowhere or to two parts.
    """
    if not all(effect.findings for effect in effects):
        return None
    wanted = {finding.part for effect in effects for finding in effect.findings}
    parts = [part for part in content.parts if part.pointer in wanted]
    texts = {part.pointer: part for part in parts if isinstance(part, TextPart) and part.editable}
    media = {part.pointer: part for part in parts if isinstance(part, Medium) and part.editable}
    return Pointed(texts, media) if len(parts) == len(texts) + len(media) == len(wanted) else None


def rewritten(
    content: Content, texts: Mapping[str, str], edits: Mapping[str, Sequence[MediaEdit]] | None = None
) -> Content | None:
    """*content* with the text at each pointer of *texts* replaced, and *edits* added to the medium at each of theirs.

    None if that would turn tool arguments into broken JSON.
    """
    parts: list[Part] = []
    for part in content.parts:
        if isinstance(part, Medium):
            more = tuple((edits or {}).get(part.pointer, ()))
            parts.append(dataclasses.replace(part, edits=part.edits + more) if more else part)
            continue
        if isinstance(part, OpaquePart) or texts.get(part.pointer, part.text) == part.text:
            parts.append(part)
            continue
        text = texts[part.pointer]
        if part.kind == "tool_arguments" and is_json(part.text) and not is_json(text):
            return None
        parts.append(dataclasses.replace(part, text=text))
    return dataclasses.replace(content, parts=tuple(parts))


def rules_of(effects: Iterable[Effect]) -> tuple[str, ...]:
    """Ids of the rules behind *effects*, in order, each once."""
    return tuple(dict.fromkeys(effect.rule for effect in effects))


def is_json(text: str) -> bool:
    """Whether *text* is a JSON document, whatever the size of its numbers."""
    try:
        # Numbers stay text: int() refuses more than 4,300 digits, which are valid JSON all the same.
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True
