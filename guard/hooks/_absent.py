"""Media that LangChain's messages tell of without holding them: at an address, by a file's number, in no known type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from guard.content import OpaquePart
from guard.protocols.embedded import is_base64_file, is_data_url

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEDIA = frozenset(
    ("audio", "document", "file", "image", "image_url", "input_audio", "input_file", "input_image", "media", "video")
)
_ADDRESSES = frozenset(("file_id", "file_uri", "file_url", "image_url", "uri", "url"))
_WHY = "a medium that is not in the message, or of no known type, cannot be read; send the bytes as a data URL"


def absent(asked: Any) -> tuple[OpaquePart, ...]:
    """A part for each medium in the messages of *asked* that nobody here can look at; `unscannable` decides of them."""
    return tuple(OpaquePart(_WHY, f"/messages/?{number}#") for number, _ in enumerate(_blocks(asked)))


def _blocks(value: Any, *, said: bool = False) -> Iterator[Mapping[str, Any]]:
    """The blocks that tell of such a medium, in what is *said*: messages' content, and what stands beside a role."""
    if hasattr(value, "to_messages"):
        value = value.to_messages()
    if hasattr(value, "content"):
        yield from _blocks(value.content, said=True)
    elif isinstance(value, Mapping):
        if said and value.get("type") in _MEDIA and (_is_away(value) or not _is_here(value)):
            yield value
        for key, one in value.items():
            yield from _blocks(one, said=said or key == "content")
    elif isinstance(value, list | tuple):
        pair = len(value) == 2 and isinstance(value[0], str)
        for one in value:
            yield from _blocks(one, said=said or pair)


def _is_away(block: Any) -> bool:
    """Whether *block* has an address, whatever else is in it."""
    if isinstance(block, Mapping):
        return any(
            (key in _ADDRESSES and isinstance(one, str) and not is_data_url(one)) or _is_away(one)
            for key, one in block.items()
        )
    return isinstance(block, list | tuple) and any(map(_is_away, block))


def _is_here(block: Any) -> bool:
    """Whether *block* holds the medium itself, or its text."""
    if isinstance(block, str):
        return is_data_url(block) or is_base64_file(block)
    if isinstance(block, Mapping):
        return block.get("source_type", block.get("type")) == "text" or any(map(_is_here, block.values()))
    return isinstance(block, list | tuple) and any(map(_is_here, block))
