"""A YAML document of which every value knows where it stands.

text ─read→ **Field** ─loader→ Policy

YAML is read as plain data in a small, unsurprising dialect: no aliases, no tags, no duplicate keys, no words that
YAML 1.1 turns into something else (``on`` into true, ``010`` into 8). Whatever is refused says what would be right.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from guard.errors import PolicyError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_BYTES = 1 << 20
MAX_NODES = 10_000
MAX_DEPTH = 32

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_KINDS = {"bool": "a boolean", "int": "a number", "float": "a number", "timestamp": "a date", "merge": "a merge key"}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Field:
    """One value of a document, with its name for messages and its place; *key* is the key that it stands under."""

    __slots__ = ("_node", "key", "name", "path")

    def __init__(self, path: str, node: yaml.Node, name: str, key: Field | None = None) -> None:
        self.path = path
        self.name = name
        self.key = key
        self._node = node

    @property
    def line(self) -> int:
        """The line it begins on, from 1."""
        return int(self._node.start_mark.line) + 1

    @property
    def col(self) -> int:
        """The column it begins at, from 1."""
        return int(self._node.start_mark.column) + 1

    @property
    def is_null(self) -> bool:
        """Whether nothing was written, or ``null``."""
        return self._is("null")

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_flow(self) -> bool:
        """Whether it is a mapping or list in brackets."""
        return bool(getattr(self._node, "flow_style", False))

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def is_empty_list(self) -> bool:
        """Whether it is ``[]``."""
        return isinstance(self._node, yaml.SequenceNode) and not self._node.value

    def fail(self, problem: str, hint: str | None = None) -> NoReturn:
        """Refuse this value."""
        raise PolicyError(self.path, self.line, self.col, problem, hint)

    def entries(self) -> dict[str, Field]:
        """The values of a mapping by key. Keys are text, each once."""
        if not isinstance(self._node, yaml.MappingNode):
            self._wrong("a mapping")
        found: dict[str, Field] = {}
        for key_node, node in self._node.value:
            key = Field(self.path, key_node, f"a key of {self.name}")
            name = key.text()
            if name in found:
                first = found[name].key
                key.fail(f"`{name}` is written twice; first on line {first.line if first else self.line}", "keep one")
            found[name] = Field(self.path, node, f"`{name}`", key)
        return found

    def members(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Field]:
        """The values of a mapping that may have the keys *known* only, and must have *required*."""
        names = tuple(known)
        found = self.entries()
        for name, value in found.items():
            if name not in names and value.key is not None:
                value.key.fail(f"{self.name} has no key `{name}`", did_you_mean(name, names))
        for name in required:
            if name not in found:
                self.fail(f"{self.name} has no `{name}`", f"add `{name}:`")
        return found

    def items(self) -> list[Field]:
        """The values of a list, at least one."""
        if not isinstance(self._node, yaml.SequenceNode):
            self._wrong("a list")
        if not self._node.value:
            self.fail(f"{self.name} is empty", "list at least one, or leave the key out")
        return [Field(self.path, node, f"an item of {self.name}") for node in self._node.value]

    def text(self) -> str:
        """A string, not blank."""
        value = self._scalar("text")
        if self.is_null or not value.strip():
            self.fail(f"{self.name} is empty", "write a text")
        if not self._is("str"):
            self.fail(f"{self.name} should be text, but YAML reads `{_short(value)}` as {self._kind()}", _quote(value))
        return value

    def one_of(self, names: Iterable[str]) -> str:
        """A string out of *names*."""
        known = tuple(names)
        value = self.text()
        if value not in known:
            self.fail(f"{self.name} cannot be `{_short(value)}`", did_you_mean(value, known))
        return value

    def choices(self, names: Iterable[str]) -> tuple[str, ...]:
        """A list of strings out of *names*, each once."""
        known = tuple(names)
        found: list[str] = []
        for item in self.items():
            value = item.one_of(known)
            if value in found:
                item.fail(f"`{value}` is listed twice", "keep one")
            found.append(value)
        return tuple(found)

    def number(self, low: float, high: float) -> float:
        """A number from *low* to *high*."""
        value = self._scalar("a number")
        if self._style or not _NUMBER.fullmatch(value):
            self._wrong("a number")
        if not low <= float(value) <= high:
            self.fail(f"{self.name} is {value}", f"it should be from {low:g} to {high:g}")
        return float(value)

    def whole(self, low: int | None = None) -> int:
        """A whole number, not below *low*."""
        value = self._scalar("a whole number")
        if self._style or not _WHOLE.fullmatch(value) or len(value) > 18:
            self._wrong("a whole number")
        if low is not None and int(value) < low:
            self.fail(f"{self.name} is {value}", f"it should be {low} or more")
        return int(value)

    def boolean(self) -> bool:
        """``true`` or ``false``, and none of YAML 1.1's other words for them."""
        value = self._scalar("true or false")
        if self._style or value not in {"true", "false"}:
            self.fail(f"{self.name} is `{_short(value)}`", "write `true` or `false`")
        return value == "true"

    def plain(self) -> Any:
        """The value as plain Python data."""
        if isinstance(self._node, yaml.MappingNode):
            return {key: value.plain() for key, value in self.entries().items()}
        if isinstance(self._node, yaml.SequenceNode):
            return [Field(self.path, node, f"an item of {self.name}").plain() for node in self._node.value]
        if self.is_null:
            return None
        value = self._scalar("a value")
        if not self._style and value in {"true", "false"}:
            return value == "true"
        if self._is("int") and _WHOLE.fullmatch(value):
            return int(value)
        if self._is("float") and _NUMBER.fullmatch(value):
            return float(value)
        return value if self._is("str") else self.text()

    def _scalar(self, wanted: str) -> str:
        if not isinstance(self._node, yaml.ScalarNode):
            self._wrong(wanted)
        return str(self._node.value)

    @property
    def _style(self) -> str | None:
        """How a scalar is quoted; nothing if it is not."""
        return getattr(self._node, "style", None)

    def _is(self, kind: str) -> bool:
        return bool(self._node.tag == _TAG + kind)

    def _kind(self) -> str:
        if isinstance(self._node, yaml.MappingNode):
            return "a mapping"
        if isinstance(self._node, yaml.SequenceNode):
            return "a list"
        return "empty" if self.is_null else _KINDS.get(self._node.tag.removeprefix(_TAG), "text")

    def _wrong(self, wanted: str) -> NoReturn:
        self.fail(f"{self.name} is {self._kind()}", f"it should be {wanted}")


def read_file(path: str | Path) -> Field:
    """The document in the file *path*.

    Raises:
        PolicyError: the file cannot be opened, is no UTF-8, or is no YAML of the kind that is read here.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(path, 1, 1, f"the file cannot be read: {error.strerror}", "check the path") from error
    return read(decode(data, path), path)


def decode(data: bytes, path: str | Path) -> str:
    """*data* as text."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        col = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise PolicyError(path, line, col, "a byte is not UTF-8", "save the file as UTF-8") from error


def read(text: str, path: str | Path) -> Field:
    """The document that *text* is; *path* is named in errors."""
    name = str(path)
    try:
        if len(text.encode()) > MAX_BYTES:
            raise PolicyError(name, 1, 1, f"the file is larger than {MAX_BYTES} bytes", "split it")
        _inspect(name, yaml.parse(text, Loader=_LOADER))
        node = yaml.compose(text, Loader=_LOADER)
    except UnicodeEncodeError as error:
        raise _at(
            name, text, error.start, "a character is half of a surrogate pair", "save the file as UTF-8"
        ) from error
    except yaml.reader.ReaderError as error:
        raise _at(name, text, error.position, "a control character cannot stand here", "take it out") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise PolicyError(name, line, col, f"not YAML: {error.problem or error.context}", _YAML_HINT) from error
    if node is None:
        raise PolicyError(name, 1, 1, "the file is empty", "write at least `policy:` and `rules:`")
    return Field(name, node, "the file")


_YAML_HINT = "check the indentation, and quote texts that hold `: ` or ` #`"


def _inspect(path: str, events: Iterator[Any]) -> None:
    """Bound the document before a tree is made of it, and refuse what could make it other than it looks."""
    nodes = depth = 0
    for event in events:
        line, col = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.AliasEvent):
            raise PolicyError(path, line, col, f"an alias, `*{event.anchor}`, is not read here", "write the value out")
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            tag = getattr(event, "tag", None)
            if tag is not None:
                raise PolicyError(path, line, col, f"a tag, `{_short(tag)}`, is not read here", "take it out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if nodes > MAX_NODES:
            raise PolicyError(path, line, col, f"the file holds more than {MAX_NODES} values", "split it")
        if depth > MAX_DEPTH:
            raise PolicyError(path, line, col, f"values are nested deeper than {MAX_DEPTH}", "make it flatter")


def _at(path: str, text: str, position: int, problem: str, hint: str) -> PolicyError:
    line = text.count("\n", 0, position) + 1
    col = position - text.rfind("\n", 0, position)
    return PolicyError(path, line, col, problem, hint)


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:39]}…"


def _quote(value: str) -> str:
    return f'put it in quotes: "{_short(value)}"'


def option_field(options: Mapping[str, Field], message: str, default: Field) -> Field:
    """Where the option stands that *message* complains of: its key if it is wrong as such, else its value."""
    for name, value in options.items():
        if f"no option `{name}`" in message and value.key is not None:
            return value.key
        if f"option `{name}`" in message:
            return value
    return default
