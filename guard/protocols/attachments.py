"""Fields that hold media, or say where media are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.content import AudioPart, ImagePart, OpaquePart, Path, TextPart
from guard.protocols.contract import Field, add_data_url, refuse
from guard.protocols.embedded import decode_base64

if TYPE_CHECKING:
    from guard.protocols.contract import Walk


@dataclass(frozen=True, slots=True)
class MediaUrl(Field):
    """The address of a medium: bytes if it is a data URL; else judged as text, and its medium is unscannable."""

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Bytes if they are in it; nothing is ever fetched from an address a person chose."""
        if not isinstance(value, str):
            raise refuse("invalid_type", pointer, "it should be a string holding a URL")
        if value[:5].lower() == "data:":
            add_data_url(value, walk, path, pointer, role, "url")
            return
        walk.add(TextPart(value, pointer, path, "url", role))
        walk.add(OpaquePart("a remote address is not fetched; send the bytes as a data URL", f"{pointer}#", path, role))


@dataclass(frozen=True, slots=True)
class StoredFile(Field):
    """The id of something that the generator keeps and will read: judged as text, and the thing is unscannable."""

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Two parts, for nobody here saw what the id stands for."""
        if value is None:
            walk.spare("scalar")
            return
        if not isinstance(value, str):
            raise refuse("invalid_type", pointer, "it should be a string holding an id")
        walk.add(TextPart(value, pointer, path, "name", role))
        walk.add(OpaquePart("a stored file cannot be seen; send its bytes", f"{pointer}#", path, role))


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
        data = decode_base64(value)
        if data is None:
            walk.add(OpaquePart("not base64", pointer, path, role))
        elif self.modality == "audio":
            walk.add(AudioPart(data, pointer, path, None, role))
        elif self.modality == "image":
            walk.add(ImagePart(data, pointer, path, None, role))
        else:
            walk.add(OpaquePart(f"no reader for {self.modality}", pointer, path, role))
