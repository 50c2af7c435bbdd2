"""Carries out what actions asked to be changed in media: bytes in, bytes of the same type out.

Edits ask for the *kind* of a change (`guard.content.MediaEdit`); `MAKERS` says which module makes it, by modality and
kind. Such a module has one generator::

    def edited(data: bytes, edits: Sequence[MediaEdit]) -> Generator[None, None, bytes]: ...

It yields where it may pause, returns bytes of the type and size of *data*, has read them again and found the edits in
them, and raises `Unreadable` where it cannot: nothing is released then. Of a text *data* are its bytes in UTF-8, with
what was masked in the request put back: once it is signed, it cannot be changed.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from guard.classifier import Unreadable
from guard.content import Modality, OpaquePart, TextPart
from guard.placeholders import reads_as_json, restore_text

if TYPE_CHECKING:
    from collections.abc import Generator

    from guard.content import Content, MediaEdit, Part

MAKERS: dict[tuple[Modality, str], str] = {
    **dict.fromkeys(
        ((Modality.IMAGE, kind) for kind in ("blur", "pixelate", "paint", "replace")), "guard.media.image_edit"
    ),
    **dict.fromkeys(((Modality.AUDIO, kind) for kind in ("mute", "beep")), "guard.media.sound_edit"),
    **dict.fromkeys(
        ((modality, "stamp") for modality in (Modality.IMAGE, Modality.AUDIO, Modality.VIDEO)),
        "guard.media.stamps.stamp",
    ),
    (Modality.TEXT, "stamp"): "guard.media.stamps.texts",
    **dict.fromkeys(
        ((Modality.VIDEO, kind) for kind in ("blur", "pixelate", "paint", "mute", "beep")), "guard.media.film_edit"
    ),
}
"""The module that makes an edit of a kind in a medium of a modality."""


def pending(content: Content) -> bool:
    """Whether something in *content* is still to be changed, so that it must not be released."""
    return any(not isinstance(part, OpaquePart) and part.edits for part in content.parts)


def made(content: Content) -> Generator[None, None, Content]:
    """*content* with every edit made. For a thread of its own: pictures take long. Yields where it may pause.

    Raises:
        Unreadable: an edit cannot be made; the message names no content.
    """
    parts: list[Part] = []
    for part in content.parts:
        if isinstance(part, OpaquePart) or not part.edits:
            parts.append(part)
            continue
        data = part.data if not isinstance(part, TextPart) else _written(part, content)
        for module, edits in groupby(part.edits, key=lambda edit: _maker(part.modality, edit)):
            yield
            data = yield from importlib.import_module(module).edited(data, list(edits))
        if isinstance(part, TextPart):
            parts.append(replace(part, text=data.decode(), edits=()))
        else:
            parts.append(replace(part, data=data, edits=()))
    return replace(content, parts=tuple(parts))


def _written(part: TextPart, content: Content) -> bytes:
    text = restore_text(part.text, content.masked, json=reads_as_json(part.kind, part.text))
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Unreadable("the text holds half a character") from error


def _maker(modality: Modality, edit: MediaEdit) -> str:
    found = MAKERS.get((modality, edit.kind))
    if found is None:
        msg = f"nothing here can {edit.kind} a medium of kind {modality.value}"
        raise Unreadable(msg)
    return found
