"""Field contracts: what each field of a protocol's body is, so that every leaf is judged, exempt by name, or refused.

A contract is a tree of the `Field` kinds below. Walking a document with it gives the parts of a `Content`:

- `Guarded` text is judged as the kind it is; `Constrained` words and `Scalar` numbers are exempt **only while they
  are** what the contract says, else they are judged like any other text (kind ``name``);
- `Object`, `Each` and `OneOf` give structure; a tag or role that is not known is refused, never skipped;
- whatever no contract names is judged leaf by leaf as kind ``unknown``, its keys included (`walk_unknown`);
- media that stand inside strings are parts of their own (`guard.protocols.embedded`).

Keys that differ from a known one in case alone are refused: readers that ignore case would take them for it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from guard.content import Content, Direction, OpaquePart, Part, Path, TextPart
from guard.errors import RequestError
from guard.protocols.embedded import (
    decode_data_url,
    decode_file,
    encode_medium,
    is_base64_file,
    is_data_url,
    media_inside,
    says_more,
)
from guard.protocols.posture import Posture, exempt, guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/+\-]{0,127}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids, model names and enumerated words: nothing with a space, nothing long, no number but a UUID."""

_PLAIN_KEYS = frozenset(
    ("additionalProperties", "allOf", "anyOf", "code", "const", "content", "default", "description", "enum", "error",
     "format", "function", "items", "json_schema", "maxItems", "maxLength", "maximum", "message", "metadata",
     "minItems", "minLength", "minimum", "name", "oneOf", "param", "parameters", "pattern", "properties", "required",
     "schema", "strict", "text", "title", "type")
)  # fmt: skip
"""Keys of JSON Schema and of error objects: words of protocols, wherever they stand. Exempt as ``protocol_word``."""
_KEY_KINDS = {"unknown": "key", "error": "key", "tool_schema": "tool_schema"}
"""What keys are judged as, by the kind of what they stand in; ``name`` in any other."""
MOST_PARTS = 4096
"""How many texts, names and attachments one body may have: more could not be judged in one request's time."""
MOST_LEAVES = 50_000
"""How many values one body may have, exempt ones too."""
MOST_MEDIA = 64
"""How many pictures, sounds and files one body may have."""
FEW_DIGITS = 7
"""Digits of a number that need no judging: eight or more can spell a telephone or card number."""
TIME_DIGITS = 10
"""Digits of a time in seconds, until the year 2286."""
_SMALL = 10**FEW_DIGITS


class Walk:
    """What one walk over a document gathers."""

    __slots__ = ("exempt", "leaves", "max_parts", "media", "parts")

    def __init__(self, max_parts: int = MOST_PARTS) -> None:
        self.parts: list[Part] = []
        self.exempt: dict[str, int] = {}
        self.max_parts = max_parts
        self.media = 0
        self.leaves = 0

    def add(self, part: Part) -> None:
        """Take *part* in, or refuse a body of more parts than could be judged in one request."""
        if len(self.parts) >= self.max_parts:
            check_count(len(self.parts) + 1, self.max_parts)
        if not isinstance(part, TextPart):
            self.media += 1
            check_count(self.media, MOST_MEDIA, "pictures, sounds and files")
        self.parts.append(part)

    def add_text(self, part: TextPart) -> None:
        """Take *part* in, and the media that stand in it."""
        self.add(part)
        for medium in media_inside(part.text, part.pointer, part.path, part.role):
            self.add(medium)

    def spare(self, rule: str, count: int = 1) -> None:
        """Count leaves that need no judging, by the name of the rule that says so."""
        self.leaves += count
        if self.leaves > MOST_LEAVES:
            check_count(self.leaves, MOST_LEAVES, "values")
        self.exempt[rule] = self.exempt.get(rule, 0) + count

    def content(self, direction: Direction, model: str | None = None) -> Content:
        """Everything gathered, as a `Content`."""
        return Content(direction, tuple(self.parts), tuple(self.exempt.items()), model)


def check_count(count: int, most: int = MOST_PARTS, what: str = "texts, names and attachments") -> None:
    """Refuse a body that holds *count* things to judge, if that is more than *most*.

    Raises:
        RequestError: ``too_many_parts``.
    """
    if count > most:
        raise RequestError("too_many_parts", f"The body has more than {most} {what}; send fewer at once.")


def check_media(contents: Sequence[Content]) -> None:
    """Refuse a body whose *contents* hold more media together than one of them may.

    Raises:
        RequestError: ``too_many_parts``.
    """
    media = sum(not isinstance(part, TextPart) for content in contents for part in content.parts)
    check_count(media, MOST_MEDIA, "pictures, sounds and files")


def check_word(value: Any, pointer: str, words: Sequence[str | None]) -> None:
    """Refuse *value* unless it is one of *words*; None stands for a field that is left out.

    Raises:
        RequestError: ``invalid_value``.
    """
    if not (value is None or isinstance(value, str)) or value not in words:
        raise refuse("invalid_value", pointer, f"it should be one of {', '.join(filter(None, words))}")


class Field(ABC):
    """What may stand in one place of a document."""

    @property
    @abstractmethod
    def posture(self) -> Posture:
        """What becomes of a value that stands there: a kind that cannot say it cannot be made."""

    def children(self) -> Iterable[tuple[str, Field]]:
        """The fields below it, each with the step that leads there: ``/name``, ``/*``, ``<tag>``, or none."""
        return ()

    @abstractmethod
    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Add what *value* holds to *walk*."""


@dataclass(frozen=True, slots=True)
class Guarded(Field):
    """Text, judged as *kind*; a document or list below it is judged leaf by leaf as the same kind."""

    kind: str = "message"
    editable: bool = True

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded(self.kind)

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """One part per string."""
        if isinstance(value, str):
            walk.add_text(TextPart(value, pointer, path, self.kind, role, self.editable))
        else:
            walk_unknown(value, walk, path, pointer, role, self.kind)


@dataclass(frozen=True, slots=True)
class Constrained(Field):
    """A word of the protocol: exempt as ``constrained`` while it matches, else judged: text as ``name``."""

    pattern: re.Pattern[str] = WORD

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return exempt("constrained", "one word" if self.pattern is WORD else f"`{self.pattern.pattern}`")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Exempt, or judged."""
        if isinstance(value, str) and self.pattern.fullmatch(value):
            walk.spare("constrained")
        else:
            walk_unknown(value, walk, path, pointer, role, _misfit(value))


@dataclass(frozen=True, slots=True)
class Scalar(Field):
    """A number of few *digits*, a truth value or null: exempt as ``scalar``; else judged: numbers and text as ``name``.

    A time is a whole number of up to `TIME_DIGITS`; nothing else has a reason to be longer than `FEW_DIGITS`.
    """

    digits: int = FEW_DIGITS

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return exempt("scalar", f"{self.digits} digits at most")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Exempt while it is too short to spell something, or judged."""
        if isinstance(value, int) and abs(value) < 10**self.digits:
            walk.spare("scalar")
        else:
            walk_unknown(value, walk, path, pointer, role, _misfit(value))


@dataclass(frozen=True, slots=True)
class Object(Field):
    """An object with known *fields*; others are judged as ``unknown``. Must be an object, or null if *nullable*."""

    fields: Mapping[str, Field]
    nullable: bool = True
    folded: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Fold the known names once."""
        object.__setattr__(self, "folded", frozenset(name.casefold() for name in self.fields))

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture("an object, whose other fields are guarded as `unknown`", ("unknown",))

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return ((f"/{name}", known) for name, known in self.fields.items())

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
                walk_entry(key, item, walk, path, f"{pointer}/?{index}", role, "unknown")


@dataclass(frozen=True, slots=True)
class Each(Field):
    """A list, each item by the same contract."""

    item: Field
    nullable: bool = True

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture("a list")

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return (("/*", self.item),)

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

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture(f"by its `{self.tag}`; one that is not listed is refused", tag=self.tag)

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return ((f"<{tag}>", variant) for tag, variant in self.variants.items())

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

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture("a string, or something else")

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return (("", self.text), ("", self.other))

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


def walk_unknown(value: Any, walk: Walk, path: Path, pointer: str, role: str | None, kind: str = "unknown") -> None:
    """Judge what no contract names: every string, every key, every number long enough to spell something."""
    if isinstance(value, str):
        _walk_string(value, walk, path, pointer, role, kind)
    elif isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            walk_entry(key, item, walk, path, f"{pointer}/?{index}", role, kind)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if item is None or (isinstance(item, int) and -_SMALL < item < _SMALL):
                walk.spare("scalar")  # as below, without making a path first: such lists are long
            else:
                walk_unknown(item, walk, (*path, index), f"{pointer}/{index}", role, kind)
    elif isinstance(value, int | float) and (spelled := spell(value)) is not None:
        walk.add(TextPart(spelled, pointer, path, kind, role, editable=False))
    else:
        walk.spare("scalar")


def _walk_string(value: str, walk: Walk, path: Path, pointer: str, role: str | None, kind: str) -> None:
    """A medium if it is nothing but that; else text, and the media in it."""
    if is_data_url(value):
        add_data_url(value, walk, path, pointer, role, kind)
    elif is_base64_file(value):
        walk.add(decode_file(value, pointer, path, role))
    else:
        walk.add_text(TextPart(value, pointer, path, kind, role))


def add_data_url(value: str, walk: Walk, path: Path, pointer: str, role: str | None, kind: str) -> None:
    """The medium in a data URL; the URL itself is judged too where more than a type and base64 stands in it."""
    if says_more(value):
        walk.add(TextPart(value, f"{pointer}#url", path, kind, role, editable=False))
    walk.add(decode_data_url(value, pointer, path, role))


def walk_entry(key: str, item: Any, walk: Walk, path: Path, pointer: str, role: str | None, kind: str) -> None:
    """A key that no contract names is text a person chose: judged, and never shown in a pointer.

    Below a known field it is of that field's making, not an unknown field.
    """
    if key in _PLAIN_KEYS:
        walk.spare("protocol_word")
    else:
        key_kind = _KEY_KINDS.get(kind, "name")
        walk.add(TextPart(key, f"{pointer}~key", path, key_kind, role, editable=False))
    walk_unknown(item, walk, (*path, key), pointer, role, kind)


def _misfit(value: Any) -> str:
    """What *value* is judged as where a word or number is due: structure there is as unknown as a field is."""
    return "unknown" if isinstance(value, dict | list) else "name"


def spell(number: float) -> str | None:
    """The digits of *number* as they are written to the other side, None if they are few (`FEW_DIGITS`).

    A number with a fraction is spelled a second time without its point, which may stand anywhere in a card number.
    """
    if isinstance(number, int):  # truth values too
        return None if -_SMALL < number < _SMALL else f"{number:d}"
    written = orjson.dumps(float(number)).decode()
    whole, _, fraction = written.lstrip("-").partition("e")[0].removesuffix(".0").partition(".")
    if len((whole + fraction).lstrip("0")) <= FEW_DIGITS:
        return None
    return written if not fraction or whole == "0" else f"{written}\n{whole}{fraction}"


def refuse(code: str, pointer: str, why: str) -> RequestError:
    """A refusal that names the place and what would be right."""
    return RequestError(code, f"`{pointer or '/'}` is not acceptable: {why}.", pointer or None)


def apply_parts(document: Any, before: Sequence[Part], after: Sequence[Part], *, below: Path = ()) -> Any:
    """Write the texts and media that changed between *before* and *after* into *document*, in place, and return it.

    *below* is the path at which the document itself stands. A medium is written as it stood there: bytes as bytes, a
    data URL as one, base64 as base64.
    Token lists are dropped rather than rewritten: their numbers would no longer belong to the text.

    Raises:
        ValueError: a part has edits that nobody made. A defect, and nothing is released.
    """
    for old, new in zip(before, after, strict=True):
        if not isinstance(new, OpaquePart) and new.edits:
            msg = "a part is to be released before it was changed"
            raise ValueError(msg)
        if new is old or isinstance(new, OpaquePart):
            continue
        path = new.path[len(below) :]
        if not path:
            return new.text if isinstance(new, TextPart) else encode_medium(new, document)
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        if isinstance(new, TextPart):
            holder[path[-1]] = None if new.kind == "logprobs" else new.text
        else:
            holder[path[-1]] = encode_medium(new, holder[path[-1]])
    return document
