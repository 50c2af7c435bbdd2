"""A record as a `Content`, and what is released of it in its shape. Pure but for pictures that a path names."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.content import AudioPart, Content, Direction, ImagePart, OpaquePart, Part, TextPart, VideoPart
from guard.corpus.archives import text_of
from guard.corpus.columns import Columns
from guard.decision import Judged, Refusal
from guard.errors import RequestError
from guard.protocols.attachments import MediaUrl
from guard.protocols.contract import Each, Guarded, OneOf, Walk, apply_parts, walk_unknown
from guard.protocols.embedded import sniff
from guard.protocols.openai_chat import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guard.content import Path as Place

_MESSAGES = Each(OneOf(MESSAGES, tag="role"), nullable=False)
_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
_MEDIA: Mapping[str, Callable[..., Part]] = {"image": ImagePart, "audio": AudioPart, "video": VideoPart}
_ADDRESS = ("data:", "http://", "https://", "s3://", "gs://")


class Unfit(Exception):  # noqa: N818  a state of the record, answered by the quarantine
    """The record is not what its columns should hold; the message holds no content."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record on its way to a worker. *place* counts within its chunk.

    *document* holds what is judged, *decision* is the id that the decision will have.
    """

    place: int
    decision: str
    document: dict[str, Any] = field(repr=False)
    columns: Columns
    folder: str = ""


def content_of(record: Record, direction: Direction, locale: str, most_bytes: int) -> Content:
    """All of the record that is judged, as one content.

    Raises:
        Unfit: it cannot be read as what its columns are.
    """
    walk = Walk()
    role = "user" if direction is Direction.INPUT else "assistant"
    columns, document = record.columns, record.document
    try:
        if columns.all:
            for name, value in document.items():
                _add_any(value, walk, (name,), f"/{name}" if len(document) > 1 else "", role)
        for name in columns.texts:
            _add_text(document.get(name), walk, (name,), _pointer(columns, name), role)
        for name in columns.media:
            _add_media(document.get(name), walk, (name,), _pointer(columns, name), role, record.folder, most_bytes)
        for name in columns.messages:
            _add_messages(document.get(name), walk, (name,), f"/{name}", document)
    except RequestError as error:
        raise Unfit(error.message) from None
    except RecursionError:
        raise Unfit("it is nested too deep") from None
    if not walk.parts and not walk.exempt:
        what = "it is empty" if columns.all else "its columns are missing or null"
        raise Unfit(f"it holds nothing to judge: {what}")
    return replace(walk.content(direction), locale=locale)


def released_of(record: Record, content: Content, judged: Judged) -> dict[str, Any] | None:
    """The columns that changed, as they may be released; None if the record is refused."""
    if isinstance(judged.released, Refusal):
        return None
    if judged.released.parts == content.parts:
        return {}
    document = apply_parts(deepcopy(record.document), content.parts, judged.released.parts)
    changed = {
        before.path[0]
        for before, after in zip(content.parts, judged.released.parts, strict=True)
        if before is not after and before.path
    }
    return {name: value for name, value in document.items() if name in changed}


def _pointer(columns: Columns, name: str) -> str:
    """Where a column stands; nothing, where it is the only one: then its text is judged as any text by itself."""
    return f"/{name}" if len(columns.judged) > 1 else ""


def _add_text(value: Any, walk: Walk, path: Place, pointer: str, role: str) -> None:
    if isinstance(value, bytes):
        _add_bytes(value, walk, path, pointer, role)
    elif value is not None:
        Guarded().walk(_plain(value), walk, path, pointer, role)


def _add_bytes(data: bytes, walk: Walk, path: Place, pointer: str, role: str | None) -> None:
    """A medium, a text, or something that nobody can read."""
    kind = sniff(data)
    part = _medium(data, kind, pointer, path, role)
    if part is None and (text := text_of(data)) is not None and "\0" not in text:
        Guarded().walk(text, walk, path, pointer, role)
    else:
        walk.add(part or OpaquePart(f"a file of type {kind or 'unknown'}", pointer, path, role))


def _medium(data: bytes, kind: str | None, pointer: str, path: Place, role: str | None) -> Part | None:
    make = _MEDIA.get((kind or "").partition("/")[0])
    return make(data, pointer, path, kind, role) if make is not None else None


def _add_any(value: Any, walk: Walk, path: Place, pointer: str, role: str) -> None:
    if isinstance(value, bytes):
        _add_bytes(value, walk, path, pointer, role)
    else:
        Guarded().walk(value, walk, path, pointer, role)


def _add_media(value: Any, walk: Walk, path: Place, pointer: str, role: str, folder: str, most_bytes: int) -> None:
    if isinstance(value, dict) and {"bytes", "path"} <= value.keys():
        value = value["bytes"] if value["bytes"] is not None else value["path"]
    if value is None:
        return
    if isinstance(value, list):
        for number, one in enumerate(value):
            _add_media(one, walk, (*path, number), f"{pointer}/{number}", role, folder, most_bytes)
    elif isinstance(value, bytes):
        kind = sniff(value)
        part = _medium(value, kind, pointer, path, role)
        walk.add(part or OpaquePart(f"no medium that is known, but {kind or 'unknown'}", pointer, path, role))
    elif isinstance(value, str) and value[:8].lower().startswith(_ADDRESS):
        MediaUrl().walk(value, walk, path, pointer, role)
    elif isinstance(value, str):
        walk.add(TextPart(value, f"{pointer}#path", path, "name", role, editable=False))
        walk.add(_from_file(value, folder, path, pointer, role, most_bytes))
    else:
        raise Unfit(f"a column of media holds a {type(value).__name__}; it should hold bytes, a path or a data URL")


def _from_file(name: str, folder: str, path: Place, pointer: str, role: str, most_bytes: int) -> Part:
    """The file that a record names, if it is inside the folder of its input: records are strangers'."""
    root = Path(folder).resolve()
    try:
        file = (root / name).resolve()
        if not file.is_relative_to(root):
            return OpaquePart("a file outside of the input's folder", pointer, path, role)
        if file.stat().st_size > most_bytes:
            return OpaquePart(f"a file larger than {most_bytes} bytes", pointer, path, role)
        data = file.read_bytes()
    except (OSError, ValueError, RuntimeError):
        return OpaquePart("a file that is not there or cannot be read", pointer, path, role)
    return _medium(data, sniff(data), pointer, path, role) or OpaquePart("a file of unknown type", pointer, path, role)


def _add_messages(value: Any, walk: Walk, path: Place, pointer: str, document: dict[str, Any]) -> None:
    if value is None:
        return
    value = document[str(path[0])] = _without_nulls(value)
    if isinstance(value, list) and value and all(isinstance(m, dict) and {"from", "value"} <= m.keys() for m in value):
        for number, message in enumerate(value):
            role = _ROLES.get(message["from"]) if isinstance(message["from"], str) else None
            below = {key: item for key, item in message.items() if key != "from" or role is None}
            for key, item in below.items():
                kind = "message" if key == "value" else "unknown"
                walk_unknown(item, walk, (*path, number, key), f"{pointer}/{number}/{key}", role, kind)
    else:
        _MESSAGES.walk(value, walk, path, pointer, None)


def _without_nulls(value: Any) -> Any:
    """*value* without keys that hold null: a table gives every message the fields that some of them have."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    """*value* as JSON could hold it: tables have dates, decimals and bytes."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)
