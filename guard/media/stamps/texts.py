"""C2PA manifests at the end of texts, as characters that nobody sees. What was written stays, character by character.

The manifest says at which bytes of the text it stands and how many it takes, and is part of what it counts: bytes below
16 take three bytes of UTF-8, others four, and a signature is other bytes each time. So it is padded, and signed again,
until the numbers agree.

Source: C2PA technical specification 2.4, annex A.8 (unstructured text), 15.12.1.3 (its hash), 18.5 (data hash).
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import TYPE_CHECKING

from guard.classifier import Unreadable
from guard.media.marks import c2pa_text
from guard.media.marks.model import Asserts, Mark, Status
from guard.media.stamps import signing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from guard.content import MediaEdit

MOST_CHARACTERS = 8 << 20
_LIKELY = 8_000
"""Bytes that a wrapper takes, about."""
_MOST_TRIES = 60
_FAR = 120
"""Bytes by which manifests that differ in padding and signature are never apart."""
_OF_AI = frozenset({Asserts.AI, Asserts.AI_EDITED})


def edited(data: bytes, edits: Sequence[MediaEdit]) -> Generator[None, None, bytes]:
    """The text *data* (UTF-8) with the manifest that *edits* of the kind ``stamp`` ask for: see `guard.media.edits`.

    Raises:
        Unreadable: it cannot be signed, or the manifest is not found when the text is read again.
    """
    for edit in edits:
        options = dict(edit.options)
        if options.get("marks") != "text_c2pa":
            raise Unreadable("nothing here can write such a mark into a text")
        data = yield from signed(
            data, options.get("certificate", ""), options.get("key", ""), options.get("system", "")
        )
    return data


def signed(data: bytes, certificate: str, key: str, system: str) -> Generator[None, None, bytes]:
    """The text *data* (UTF-8), and behind it a manifest by the chain in *certificate* and the key in *key* (PEM files).

    A text that is signed already and says that AI made it is left as it is: its manifest cannot become a part of a new
    one, and two are none. Yields where it may pause.

    Raises:
        Unreadable: as for `edited`. The message names no content.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("it is no text in UTF-8") from error
    if not text or len(text) > MOST_CHARACTERS:
        raise Unreadable("the text is larger than is signed" if text else "the text is empty")
    if _is_signed(c2pa_text.read(text)):
        return data
    yield
    digest = hashlib.sha256(unicodedata.normalize("NFC", text).encode()).digest()
    bound: dict[str, object] = {"name": "text", "alg": "sha256", "hash": list(digest), "pad": []}
    manifest, length = None, _LIKELY
    for _ in range(_MOST_TRIES):
        bound["exclusions"] = [{"start": len(data), "length": length}]
        manifest, length = _fitting(signing.detached(certificate, key, system, bound), length)
        if manifest is not None:
            break
        yield
    if manifest is None:
        raise Unreadable("the manifest cannot say how long it is")
    made = text + c2pa_text.wrapped(manifest)
    yield
    _prove(made, text)
    return made.encode()


def _fitting(manifests: Iterator[bytes], length: int) -> tuple[bytes | None, int]:
    """The first of *manifests*, which differ in padding and signature, whose wrapper takes *length* bytes.

    If there is none, how many bytes others of their kind take.
    """
    sizes = []
    for manifest in manifests:
        size = c2pa_text.size_of(manifest)
        if size == length:
            return manifest, length
        if abs(size - length) > _FAR:
            return None, size + _FAR // 4
        sizes.append(size)
    return None, sorted(sizes)[len(sizes) // 2]


def is_json(data: bytes) -> bool:
    """Whether *data* is an object or a list to programs that read it."""
    if data.lstrip()[:1] not in {b"{", b"["}:
        return False
    try:
        json.loads(data, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _is_signed(found: list[Mark]) -> bool:
    """Whether the text that *found* is of says already, soundly, that AI made it.

    Raises:
        Unreadable: it says anything else.
    """
    if any(mark.status is Status.INCONCLUSIVE for mark in found):
        msg = f"whether the text is signed (C2PA) cannot be made out: {found[0].code}"
        raise Unreadable(msg)
    if any(not mark.is_sound for mark in found):
        raise Unreadable("the text is signed (C2PA), and that does not hold: a new signature would hide it")
    if found and found[0].asserts not in _OF_AI:
        raise Unreadable("the text says itself that it has another origin")
    return bool(found)


def _prove(made: str, text: str) -> None:
    """Read *made* as everybody's texts are read.

    Raises:
        Unreadable: the manifest is not there, is not sound, or is not about *text*.
    """
    found = c2pa_text.read(made)
    whole = [(one.start, one.end) for one in c2pa_text.wrappers(made)] == [(len(text), len(made))]
    if not whole or len(found) != 1 or not found[0].is_sound or found[0].asserts is not Asserts.AI:
        raise Unreadable("the marks could not be read back")
