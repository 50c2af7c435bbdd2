"""Any generator that takes JSON and answers JSON, described in a file by JSON pointers (`generic_loader` reads it).

What no pointer names is judged leaf by leaf as ``unknown``, as in every protocol. Strings that hold JSON can be named
too: they are read, judged inside by pointers that go on into them, and written as strings again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content, Direction, OpaquePart, Path, TextPart
from guard.errors import RequestError
from guard.protocols.adapter import JSON, Answer, Contract, Exchange, GeneratorAdapter
from guard.protocols.attachments import Blob, MediaUrl
from guard.protocols.contract import (
    FEW_DIGITS,
    WORD,
    Constrained,
    Field,
    Guarded,
    Scalar,
    Walk,
    apply_parts,
    refuse,
    walk_entry,
    walk_unknown,
)
from guard.protocols.openai_common import refuse_overrides
from guard.protocols.posture import Posture, exempt, guarded, unscannable
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Steps = tuple[str, ...]
ANY = "*"
"""The step of a pointer that is every item of a list, or every key of an object."""


@dataclass(frozen=True, slots=True)
class Number(Field):
    """A number of few *digits*, or such written as text: exempt as ``scalar``, else judged."""

    digits: int = FEW_DIGITS

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return exempt("scalar", f"{self.digits} digits at most")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Exempt, or judged."""
        if isinstance(value, str) and re.fullmatch(rf"-?[0-9]{{1,{self.digits}}}", value):
            walk.spare("scalar")
        else:
            Scalar(self.digits).walk(value, walk, path, pointer, role)


@dataclass(frozen=True, slots=True)
class Medium(Field):
    """A picture, sound or film: base64, a data URL, or an address, whose medium cannot be seen."""

    modality: str

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded(self.modality)

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Bytes if they are in it."""
        is_address = isinstance(value, str) and (value[:5].lower() == "data:" or "://" in value[:20])
        (MediaUrl() if is_address else Blob(self.modality)).walk(value, walk, path, pointer, role)


@dataclass(frozen=True, slots=True)
class Exempt(Field):
    """What whoever described the protocol says is nothing to judge: counted as ``opaque``."""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return exempt("opaque", "what the description says")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:  # noqa: ARG002
        """Counted."""
        walk.spare("opaque")


@dataclass(frozen=True, slots=True)
class Unscannable(Field):
    """What nobody here can read, for the *reason* given: the policy's ``unscannable`` decides. Texts are judged too."""

    reason: str

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return unscannable(self.reason, "name")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """All texts, and one part that cannot be read."""
        walk_unknown(value, walk, path, pointer, role, "name")
        if value is not None:
            walk.add(OpaquePart(self.reason, f"{pointer}#", path, role))


@dataclass(slots=True)
class Tree(Field):
    """A contract by pointers: what stands at this place (*own*), or below it (*below*, by step)."""

    own: Field | None = None
    below: dict[str, Tree] = field(default_factory=dict)

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture("whatever no pointer names is guarded as `unknown`", ("unknown",))

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return [("", self.own)] if self.own is not None else [(f"/{step}", tree) for step, tree in self.below.items()]

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """By the pointers that lead here."""
        if self.own is not None:
            self.own.walk(value, walk, path, pointer, role)
        elif isinstance(value, dict):
            folded = {name.casefold() for name in self.below}
            for index, (key, item) in enumerate(value.items()):
                place = f"{pointer}/?{index}"
                if key in self.below:
                    self.below[key].walk(item, walk, (*path, key), f"{pointer}/{key}", role)
                elif key.casefold() in folded:
                    raise refuse("case_variant_key", pointer, "a key differs from a known one in case; write it alike")
                elif ANY in self.below:
                    walk.add(TextPart(key, f"{place}~key", path, "name", role, editable=False))
                    self.below[ANY].walk(item, walk, (*path, key), place, role)
                else:
                    walk_entry(key, item, walk, path, place, role, "unknown")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                known = self.below.get(str(index)) or self.below.get(ANY) or _UNNAMED
                known.walk(item, walk, (*path, index), f"{pointer}/{index}", role)
        else:
            walk_unknown(value, walk, path, pointer, role)


_UNNAMED = Tree()


@dataclass(frozen=True, slots=True)
class Side:
    """What is said of a request or an answer. *json* are strings that hold JSON, the outer ones first."""

    tree: Tree
    required: tuple[Steps, ...] = ()
    json: tuple[Steps, ...] = ()
    model: Steps | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """One generator's protocol. *error* is the body of an error, with ``{code}``, ``{message}``, ``{param}`` in it."""

    name: str
    routes: tuple[str, ...]
    request: Side
    answer: Side
    upstream: str | None = None
    error: Any = None


USUAL_ERROR = {"error": {"code": "{code}", "message": "{message}", "param": "{param}"}}


@dataclass(slots=True)
class _Body:
    """A document whose strings at *opened* were read as JSON."""

    document: Any
    opened: list[Path]


class DescribedAdapter(GeneratorAdapter):
    """The protocol of one `Description`; made by `adapter_of`."""

    name: ClassVar[str] = "generic"

    def __init__(self, description: Description) -> None:
        self._said = description
        self.contracts = Contract("request", description.request.tree), Contract("answer", description.answer.tree)

    def upstream_path(self, route: str) -> str:
        """As described."""
        return self._said.upstream or route

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """By the description of requests."""
        read, content = _read(body, self._said.request, Direction.INPUT, "user")
        return Exchange((content,), read)

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:  # noqa: ARG002
        """The checked document again."""
        return _write(exchange.document, exchange.content, content)

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:  # noqa: ARG002
        """By the description of answers."""
        read, content = _read(body, self._said.answer, Direction.OUTPUT, "assistant")
        return Answer(content, read)

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:  # noqa: ARG002
        """The answer again."""
        return _write(answer.document, answer.content, content)

    def decode_failure(self, body: bytes) -> Answer:
        """Leaf by leaf."""
        document = parse(body)
        walk = Walk()
        walk_unknown(document, walk, (), "", None, "error")
        return Answer(walk.content(Direction.OUTPUT), document)

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """In the generator's own shape."""
        return dump(_filled(self._said.error or USUAL_ERROR, {"code": code, "message": message, "param": param}))


def adapter_of(description: Description) -> DescribedAdapter:
    """The adapter that serves *description*."""
    own = {"name": description.name, "routes": description.routes}
    made: type[DescribedAdapter] = type("DescribedAdapter", (DescribedAdapter,), own)
    return made(description)


def _filled(template: Any, values: Mapping[str, str | None]) -> Any:
    if isinstance(template, dict):
        return {key: _filled(item, values) for key, item in template.items()}
    if isinstance(template, list):
        return [_filled(item, values) for item in template]
    if isinstance(template, str) and template[:1] == "{" and template[-1:] == "}":
        return values[template[1:-1]]
    return template


def _read(body: bytes, side: Side, direction: Direction, role: str) -> tuple[_Body, Content]:
    document = parse(body)
    if not isinstance(document, dict):
        raise refuse("invalid_type", "", "the body should be an object")
    if direction is Direction.INPUT:
        refuse_overrides(document)
    opened = [path for steps in side.json for path in _open(document, steps)]
    for steps in side.required:
        if not any(value is not None for _, value in _matches(document, steps)):
            raise refuse("missing_field", "/" + "/".join(steps), "it is required")
    walk = Walk()
    side.tree.walk(document, walk, (), "", role)
    models = [value for _, value in _matches(document, side.model)] if side.model else []
    model = models[0] if len(models) == 1 and isinstance(models[0], str) and WORD.fullmatch(models[0]) else None
    return _Body(document, opened), walk.content(direction, model)


def _open(document: Any, steps: Steps) -> list[Path]:
    """Read the strings at *steps* as JSON, where they hold an object or a list; others stay the texts they are."""
    opened: list[Path] = []
    for path, value in list(_matches(document, steps)):
        if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "["}:
            continue
        try:
            inner = parse(value.encode())
        except RequestError:
            continue
        _holder(document, path)[path[-1]] = inner
        opened.append(path)
    return opened


def _write(body: _Body, before: Content, after: Content) -> bytes:
    """The document as bytes, its inner JSON as strings again, the innermost first."""
    document = apply_parts(body.document, before.parts, after.parts)
    inner = [(path, _holder(document, path)) for path in reversed(body.opened)]
    values = [holder[path[-1]] for path, holder in inner]
    for path, holder in inner:
        holder[path[-1]] = dump(holder[path[-1]]).decode()
    written = dump(document)
    for (path, holder), value in zip(inner, values, strict=True):
        holder[path[-1]] = value
    return written


def _holder(document: Any, path: Path) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


def _matches(document: Any, steps: Steps) -> Iterator[tuple[Path, Any]]:
    """Everything that *steps* lead to, and where it stands."""
    found: list[tuple[Path, Any]] = [((), document)]
    for step in steps:
        deeper: list[tuple[Path, Any]] = []
        for path, value in found:
            if isinstance(value, dict):
                keys = list(value) if step == ANY else [step] if step in value else []
                deeper += (((*path, key), value[key]) for key in keys)
            elif isinstance(value, list):
                numbered = enumerate(value)
                deeper += (((*path, index), item) for index, item in numbered if step in {ANY, str(index)})
        found = deeper
    yield from found


FIELDS: Mapping[str, Field] = {
    "guarded": Guarded(),
    "constrained": Constrained(),
    "images": Medium("image"),
    "sounds": Medium("audio"),
    "films": Medium("video"),
}
"""What pointers alone say."""
