"""Remote media in a request, fetched and put in the place of their addresses: what is judged is what is forwarded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from guard.content import AudioPart, ImagePart, Medium, Modality, OpaquePart, Part, TextPart, VideoPart
from guard.media import kind
from guard.protocols.attachments import REMOTE
from guard.upstream.fetch import fetched

if TYPE_CHECKING:
    from guard.content import Content
    from guard.upstream.fetch import Fetcher

_PARTS: dict[Modality, type[Medium]] = {
    Modality.IMAGE: ImagePart,
    Modality.AUDIO: AudioPart,
    Modality.VIDEO: VideoPart,
}


async def inlined(content: Content, fetcher: Fetcher) -> Content:
    """*content* with every remote medium that can be fetched as one that is here; the others stay what nobody can read.

    Released, they are written as data URLs where their addresses stood.
    """
    remote = {
        number: address
        for number, part in enumerate(content.parts)
        if isinstance(part, OpaquePart) and part.kind == REMOTE and (address := _address(content, part)) is not None
    }
    if not remote:
        return content
    answers = dict(zip(remote, await fetched(fetcher, list(remote.values())), strict=True))
    return replace(
        content,
        parts=tuple(_inlined(part, answers[n]) if n in answers else part for n, part in enumerate(content.parts)),
    )


def _address(content: Content, remote: OpaquePart) -> str | None:
    """The text that stands where *remote* does."""
    return next((one.text for one in content.parts if isinstance(one, TextPart) and one.path == remote.path), None)


def _inlined(part: Part, answer: bytes | str) -> Part:
    if isinstance(answer, str):
        return OpaquePart(f"the remote address was not fetched: {answer}", part.pointer, part.path, part.role)
    media_type = kind.sniff(answer)
    modality = kind.modality(media_type) if media_type else None
    if modality is None:
        return OpaquePart("what the remote address holds is no medium", part.pointer, part.path, part.role)
    return _PARTS[modality](answer, part.pointer, part.path, media_type, part.role, editable=True)
