"""The label that people see in a film: for its first seconds, as GB 45438-2025 (5.4) asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard.content import MediaEdit
from guard.media import _av, film_edit
from guard.media.stamps import visible

if TYPE_CHECKING:
    from collections.abc import Generator

SECONDS = 3.0
"""The law asks for two at least."""


def titled(data: bytes, text: str, corner: str) -> Generator[None, None, bytes]:
    """The film *data* with *text* in a *corner* of its first frames, read back in each of them.

    Raises:
        Unreadable: it cannot be read, or written in its own codecs, or the label is not to be seen.
    """
    edit = MediaEdit("visible_label", time=(0.0, SECONDS), text=text, options=(("corner", corner),))
    written = yield from film_edit.edited(data, [edit])
    with _av.opened(written, "film") as source:
        for frame, image in film_edit.frames_of(source):
            if (frame.time or 0.0) > SECONDS:
                break
            visible.check_frame(image, text, corner)
            yield
    return written
