"""Fields that hold media, or say where media are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.content import AudioPart, ImagePart, OpaquePart, Path, TextPart, VideoPart
from guard.protocols.contract import Field, add_data_url, refuse, walk_unknown
from guard.protocols.embedded import decode_base64, sniff
from guard.protocols.posture import Posture, exempt, guarded, unscannable

if TYPE_CHECKING:
    from guard.protocols.contract import Walk


REMOTE = "remote"
"""The kind of what an address leads to, where a data URL could stand as well."""


@dataclass(frozen=True, slots=True)
class MediaUrl(Field):
    """The address of a medium: bytes if it is a data URL; else judged as text, and its medium is unscannable.

    Once fetched, it is written as a data URL in its place.
    """

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture(
            "a medium if it is a data URL; else unscannable: an address is not fetched; its text guarded as `url`",
            ("url", "image", "opaque"),
        )

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Bytes if they are in it; nothing is ever fetched from an address a person chose."""
        if not isinstance(value, str):
            raise refuse("invalid_type", pointer, "it should be a string holding a URL")
        if value[:5].lower() == "data:":
            add_data_url(value, walk, path, pointer, role, "url")
            return
        walk.add(TextPart(value, pointer, path, "url", role))
        why = "a remote address is not fetched; send the bytes as a data URL"
        walk.add(OpaquePart(why, f"{pointer}#", path, role, REMOTE))


@dataclass(frozen=True, slots=True)
class StoredFile(Field):
    """The id of something that the generator keeps and will read: judged as text, and the thing is unscannable."""

    reason: str = "a stored file cannot be seen; send its bytes"

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return unscannable(self.reason, "name")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Two parts, for nobody here saw what the id stands for."""
        if value is None:
            walk.spare("scalar")
            return
        if not isinstance(value, str):
            raise refuse("invalid_type", pointer, "it should be a string holding an id")
        walk.add(TextPart(value, pointer, path, "name", role))
        walk.add(OpaquePart(self.reason, f"{pointer}#", path, role))


@dataclass(frozen=True, slots=True)
class Opaque(Field):
    """Something that cannot be read here, whatever it is; null is nothing."""

    reason: str

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return unscannable(self.reason, "unknown")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """One part; strings are judged as text too."""
        walk_unknown(value, walk, path, pointer, role)
        if value is not None:
            walk.add(OpaquePart(self.reason, f"{pointer}#", path, role))


@dataclass(frozen=True, slots=True)
class Blob(Field):
    """Base64 bytes of a medium."""

    modality: str = "audio"

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        known = self.modality in {"audio", "image", "video"}
        return guarded(self.modality) if known else unscannable(f"no classifier reads a {self.modality}")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Decoded, or opaque and judged as the text that it is."""
        if value is None:
            walk.spare("scalar")
            return
        if not isinstance(value, str):
            raise refuse("invalid_type", pointer, "it should be a string holding base64")
        data = decode_base64(value)
        if data is None or " " in value:  # words whose spaces are left out may well be base64
            walk.add(TextPart(value, f"{pointer}#text", path, "name", role))
        if data is None:
            walk.add(OpaquePart("not base64", pointer, path, role))
        elif self.modality == "audio":
            walk.add(AudioPart(data, pointer, path, None, role, editable=True))
        elif self.modality == "image":
            walk.add(ImagePart(data, pointer, path, None, role, editable=True))
        elif self.modality == "video":
            walk.add(VideoPart(data, pointer, path, None, role, editable=True))
        else:
            walk.add(OpaquePart(f"no reader for {self.modality}", pointer, path, role))


@dataclass(frozen=True, slots=True)
class Sealed(Field):
    """What the generator encrypted for itself, to be given back as it is: exempt as ``encrypted`` while it is that.

    It is, while it is base64 of bytes that are neither text nor the beginning of a file; else it is judged.
    """

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return exempt("encrypted", "long base64 of bytes that are neither text nor a file", "guarded as `unknown`")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Exempt, or judged as what it is."""
        if isinstance(value, str) and _is_sealed(value):
            walk.spare("encrypted")
        else:
            walk_unknown(value, walk, path, pointer, role)


_SEALED = re.compile(r"[A-Za-z0-9+/_\-]{64,}+={0,2}")
_LEGIBLE = re.compile(rb"[\t\n\r\x20-\x7e]{24,}")
"""So many printable characters in a row that they may say something: one of 10^10 stretches of encrypted bytes is."""


def _is_sealed(text: str) -> bool:
    if not _SEALED.fullmatch(text):
        return False
    data = decode_base64(text)
    if data is None or sniff(data) is not None:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return _LEGIBLE.search(data) is None
    return False
