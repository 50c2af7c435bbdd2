"""Texts that only the generator can read: signatures of its thinking, and what it encrypted for its own later use.

Nobody here can judge them, and nobody who gets them can read them. That holds only while they are what they say they
are: long base64 of bytes that are neither text nor a file. Whatever else stands in such a field is judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.protocols.contract import Field, walk_unknown
from guard.protocols.embedded import decode_base64, sniff
from guard.protocols.posture import Posture, exempt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.content import Part, Path
    from guard.protocols.contract import Walk

SHORTEST_SEAL = 64
"""Characters below which something is judged like any other text: a word is base64 too."""
LONGEST_SEAL = 2**20
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]+={0,2}")

_SEALS: Mapping[str, Mapping[str, str | None]] = {
    "thinking": {"signature": ""},
    "compaction": {"signature": None, "encrypted_content": None},
    "compaction_delta": {"encrypted_content": None},
}
"""By the type of an object: which of its fields vouch for its text, and what stands there once that was changed."""


@dataclass(frozen=True, slots=True)
class Sealed(Field):
    """A sealed text: exempt as ``sealed`` while it is one, else judged as ``name``."""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return exempt("sealed", "long base64 of bytes that are neither text nor a file")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Exempt, or judged."""
        if value is None or value == "" or (isinstance(value, str) and is_sealed(value)):
            walk.spare("sealed" if value else "scalar")
        else:
            walk_unknown(value, walk, path, pointer, role, "unknown" if isinstance(value, dict | list) else "name")


def is_sealed(value: str) -> bool:
    """Whether *value* is base64 of bytes that neither a person nor a viewer could read."""
    if not SHORTEST_SEAL <= len(value) <= LONGEST_SEAL or not _BASE64.fullmatch(value):
        return False
    data = decode_base64(value)
    if data is None or sniff(data) is not None:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def break_seals(document: Any, before: Sequence[Part], after: Sequence[Part]) -> None:
    """Drop the seals of every object of *document* whose text changed between *before* and *after*.

    They would vouch for the text as it was, and hold it.
    """
    for old, new in zip(before, after, strict=True):
        if new is old:
            continue
        holder = document
        for step in new.path[:-1]:
            holder = holder[step]
            if isinstance(holder, dict) and isinstance(kind := holder.get("type"), str):
                holder.update({name: broken for name, broken in _SEALS.get(kind, {}).items() if name in holder})
