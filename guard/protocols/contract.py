"""Field contracts: what each field of a protocol's body is, so that every leaf is judged, exempt by name, or refused.

A contract is a tree of the `Field` kinds below. Walking a document with it gives the parts of a `Content`:

- `Guarded` text is judged as the kind it is; `Constrained` words and `Scalar` numbers are exempt **only while they
  are** what the contract says, else they are judged like any other text;
- `Object`, `Each` and `OneOf` give structure; a tag or role that is not known is refused, never skipped;
- whatever no contract names is judged leaf by leaf as kind ``unknown``, its keys included (`walk_unknown`).

Keys that differ from a known one in case alone are refused: readers that ignore case would take them for it.
"""

from __future__ import annotations

import base64
import binascii
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guard.content import AudioPart, Content, Direction, ImagePart, OpaquePart, Part, Path, TextPart
from guard.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/+\-]{0,127}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids, model names and enumerated words: nothing with a space, nothing long, no number but a UUID."""

_DATA_URL = re.compile(r"data:([a-z]+/[a-z0-9.+\-]{1,64})?;base64,", re.IGNORECASE)
_PLAIN_KEYS = frozenset(
    ("additionalProperties", "allOf", "anyOf", "code", "const", "content", "default", "description", "enum", "error",
     "format", "function", "items", "json_schema", "maxItems", "maxLength", "maximum", "message", "metadata",
     "minItems", "minLength", "minimum", "name", "oneOf", "param", "parameters", "pattern", "properties", "required",
     "schema", "strict", "text", "title", "type")
)  # fmt: skip
"""Keys of JSON Schema and of error objects: words of protocols, wherever they stand. Exempt as ``protocol_word``."""
MOST_PARTS = 4096
"""How many texts, names and attachments one body may have: more could not be judged in one request's time."""
_LARGE = 10**7  # an integer of eight digits or more can spell a card or telephone number


class Walk:
    """What one walk over a document gathers."""

    __slots__ = ("exempt", "max_parts", "parts")

    def __init__(self, max_parts: int = MOST_PARTS) -> None:
        self.parts: list[Part] = []
        self.exempt: dict[str, int] = {}
        self.max_parts = max_parts

    def add(self, part: Part) -> None:
        """Take *part* in, or refuse a body of more parts than could be judged in one request."""
        check_count(len(self.parts) + 1, self.max_parts)
        self.parts.append(part)

    def spare(self, rule: str) -> None:
        """Count a leaf that needs no judging, by the name of the rule that says so."""
        self.exempt[rule] = self.exempt.get(rule, 0) + 1

    def content(self, direction: Direction, model: str | None = None) -> Content:
        """Everything gathered, as a `Content`."""
        return Content(direction, tuple(self.parts), tuple(self.exempt.items()), model)


def check_count(count: int, most: int = MOST_PARTS) -> None:
    """Refuse a body that holds *count* things to judge, if that is more than *most*.

    Raises:
        RequestError: ``too_many_parts``.
    """
    if count > most:
        message = f"The body has more than {most} texts, names and attachments; send fewer at once."
        raise RequestError("too_many_parts", message)


class Field(ABC):
    """What may stand in one place of a document."""

    posture: str = "enforced"

    @abstractmethod
    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Add what *value* holds to *walk*."""


@dataclass(frozen=True, slots=True)
class Guarded(Field):
    """Text, judged as *kind*; a document or list below it is judged leaf by leaf as the same kind."""

    kind: str = "message"
    editable: bool = True

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """One part per string."""
        if isinstance(value, str):
            walk.add(TextPart(value, pointer, path, self.kind, role, self.editable))
        else:
            walk_unknown(value, walk, path, pointer, role, self.kind)


@dataclass(frozen=True, slots=True)
class Constrained(Field):
    """A word of the protocol: exempt as ``constrained`` while it matches, judged as ``unknown`` otherwise."""

    pattern: re.Pattern[str] = WORD
    posture: str = "exempt: constrained"

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Exempt, or judged."""
        if isinstance(value, str) and self.pattern.fullmatch(value):
            walk.spare("constrained")
        else:
            walk_unknown(value, walk, path, pointer, role)


@dataclass(frozen=True, slots=True)
class Scalar(Field):
    """A number, a truth value or null: exempt as ``scalar``; anything else is judged as ``unknown``."""

    posture: str = "exempt: scalar"

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Exempt whatever its size (a time stamp), or judged."""
        if value is None or isinstance(value, bool | int | float):
            walk.spare("scalar")
        else:
            walk_unknown(value, walk, path, pointer, role)


@dataclass(frozen=True, slots=True)
class Object(Field):
    """An object with known *fields*; others are judged as ``unknown``. Must be an object, or null if *nullable*."""

    fields: Mapping[str, Field]
    nullable: bool = True
    folded: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Fold the known names once."""
        object.__setattr__(self, "folded", frozenset(name.casefold() for name in self.fields))

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Each field by its own contract."""
        if value is None and self.nullable:
            walk.spare("scalar")
            return
        if not isinstance(value, dict):
            raise refuse("invalid_type", pointer, "it should be an object")
        fields = self.fields
        for index, (key, item) in enumerate(value.items()):
            known = fields.get(key)
            if known is not None:
                known.walk(item, walk, (*path, key), f"{pointer}/{key}", role)
            elif key.casefold() in self.folded:
                raise refuse(
                    "case_variant_key", pointer, "a key differs from a known one in case; write it in lower case"
                )
            else:
                _walk_entry(key, item, walk, path, f"{pointer}/?{index}", role, "unknown")


@dataclass(frozen=True, slots=True)
class Each(Field):
    """A list, each item by the same contract."""

    item: Field
    nullable: bool = True

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Item by item."""
        if value is None and self.nullable:
            walk.spare("scalar")
            return
        if not isinstance(value, list):
            raise refuse("invalid_type", pointer, "it should be a list")
        for index, item in enumerate(value):
            self.item.walk(item, walk, (*path, index), f"{pointer}/{index}", role)


@dataclass(frozen=True, slots=True)
class OneOf(Field):
    """An object whose *tag* says which of *variants* it is; a tag that is not known is refused.

    With the tag ``role``, everything below is that role's.
    """

    variants: Mapping[str, Field]
    tag: str = "type"
    untagged: str | None = None

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """By the variant its tag names."""
        if not isinstance(value, dict):
            raise refuse("invalid_type", pointer, "it should be an object")
        tag = value.get(self.tag, self.untagged)
        variant = self.variants.get(tag) if isinstance(tag, str) else None
        if variant is None:
            known = ", ".join(self.variants)
            raise refuse(f"unknown_{self.tag}", f"{pointer}/{self.tag}", f"it should be one of {known}")
        variant.walk(value, walk, path, pointer, tag if self.tag == "role" else role)


@dataclass(frozen=True, slots=True)
class TextOr(Field):
    """A string by one contract, anything else by another."""

    text: Field
    other: Field
    nullable: bool = True

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """By what it is."""
        if value is None and self.nullable:
            walk.spare("scalar")
        elif isinstance(value, str):
            self.text.walk(value, walk, path, pointer, role)
        elif isinstance(self.other, Each) and not isinstance(value, list):
            raise refuse("invalid_type", pointer, "it should be a string or a list of parts")
        else:
            self.other.walk(value, walk, path, pointer, role)


@dataclass(frozen=True, slots=True)
class MediaUrl(Field):
    """The address of a medium: bytes if it is a data URL; else judged as text, and its medium is unscannable."""

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Bytes if they are in it; nothing is ever fetched from an address a person chose."""
        if not isinstance(value, str):
            raise refuse("invalid_type", pointer, "it should be a string holding a URL")
        if value[:5].lower() == "data:":
            walk.add(_decode_data_url(value, path, pointer, role))
            return
        walk.add(TextPart(value, pointer, path, "url", role))
        walk.add(OpaquePart("a remote address is not fetched; send the bytes as a data URL", f"{pointer}#", path, role))


@dataclass(frozen=True, slots=True)
class Blob(Field):
    """Base64 bytes of a medium."""

    modality: str = "audio"

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Decoded, or opaque."""
        if value is None:
            walk.spare("scalar")
            return
        if not isinstance(value, str):
            raise refuse("invalid_type", pointer, "it should be a string holding base64")
        data = _base64(value)
        if data is None:
            walk.add(OpaquePart("not base64", pointer, path, role))
        elif self.modality == "audio":
            walk.add(AudioPart(data, pointer, path, None, role))
        elif self.modality == "image":
            walk.add(ImagePart(data, pointer, path, None, role))
        else:
            walk.add(OpaquePart(f"no reader for {self.modality}", pointer, path, role))


def walk_unknown(value: Any, walk: Walk, path: Path, pointer: str, role: str | None, kind: str = "unknown") -> None:
    """Judge what no contract names: every string, every key, every number long enough to spell something."""
    if isinstance(value, str):
        if value[:5].lower() == "data:" and _DATA_URL.match(value):
            walk.add(_decode_data_url(value, path, pointer, role))
        else:
            walk.add(TextPart(value, pointer, path, kind, role))
    elif isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            _walk_entry(key, item, walk, path, f"{pointer}/?{index}", role, kind)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            walk_unknown(item, walk, (*path, index), f"{pointer}/{index}", role, kind)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGE:
        walk.add(TextPart(str(value), pointer, path, kind, role, editable=False))
    elif isinstance(value, float) and abs(value) >= _LARGE:
        walk.add(TextPart(f"{value:.0f}", pointer, path, kind, role, editable=False))
    else:
        walk.spare("scalar")


def _walk_entry(key: str, item: Any, walk: Walk, path: Path, pointer: str, role: str | None, kind: str) -> None:
    """A key that no contract names is text a person chose: judged, and never shown in a pointer."""
    if key in _PLAIN_KEYS:
        walk.spare("protocol_word")
    else:
        walk.add(TextPart(key, f"{pointer}~key", path, "key", role, editable=False))
    walk_unknown(item, walk, (*path, key), pointer, role, kind)


def refuse(code: str, pointer: str, why: str) -> RequestError:
    """A refusal that names the place and what would be right."""
    return RequestError(code, f"`{pointer or '/'}` is not acceptable: {why}.", pointer or None)


def apply_parts(document: Any, before: Sequence[Part], after: Sequence[Part]) -> Any:
    """Write the texts that changed between *before* and *after* into *document*, in place, and return it.

    Token lists are dropped rather than rewritten: their numbers would no longer belong to the text.
    """
    for old, new in zip(before, after, strict=True):
        if new is old or not isinstance(new, TextPart):
            continue
        if not new.path:
            return new.text
        text = None if new.kind == "logprobs" else new.text
        holder = document
        for step in new.path[:-1]:
            holder = holder[step]
        holder[new.path[-1]] = text
    return document


def _decode_data_url(value: str, path: Path, pointer: str, role: str | None) -> Part:
    match = _DATA_URL.match(value)
    if match is None:
        return OpaquePart("a data URL that is not base64", pointer, path, role)
    media_type = (match.group(1) or "").lower()
    data = _base64(value[match.end() :])
    if data is None:
        return OpaquePart("a data URL whose base64 is damaged", pointer, path, role)
    if media_type.startswith("image/"):
        return ImagePart(data, pointer, path, media_type, role)
    if media_type.startswith("audio/"):
        return AudioPart(data, pointer, path, media_type, role)
    return OpaquePart("a data URL of a type no classifier reads", pointer, path, role)


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
