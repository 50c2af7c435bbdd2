"""C2PA manifests in plain text: bytes written as variation selectors, behind a zero-width no-break space.

The signature is c2pa-python's to judge; that the text is the one that was signed is checked here, for the library binds
no text: the hash is over the text in NFC, without the wrapper.

Source: C2PA technical specification 2.4, annex A.8 (unstructured text) and 15.12.1.3.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from typing import Any, NamedTuple

from guard.media.marks import c2pa
from guard.media.marks.model import Mark, Status

_MAGIC = b"C2PATXT\0"
_HEAD = 13
_MOST = 8 << 20
_RUN = re.compile("\ufeff([\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,})")
_SELECTORS = {byte: 0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16 for byte in range(256)}
_BYTES = {selector: byte for byte, selector in _SELECTORS.items()}
_CARRIER = "text selectors"
_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


class Wrapper(NamedTuple):
    """A wrapper at characters ``start:end``; *manifest* is None where it is damaged."""

    start: int
    end: int
    manifest: bytes | None


def wrappers(text: str) -> list[Wrapper]:
    """Every run of selectors in *text* that begins as a wrapper does."""
    found = []
    for run in _RUN.finditer(text):
        raw = run[1][: _MOST + _HEAD].translate(_BYTES).encode("latin-1")
        if not raw.startswith(_MAGIC):
            continue
        size = int.from_bytes(raw[9:_HEAD])
        whole = len(raw) >= _HEAD + size and raw[8:9] == b"\1" and size > 0
        found.append(Wrapper(run.start(), run.end(), raw[_HEAD : _HEAD + size] if whole else None))
    return found


def wrapped(manifest: bytes) -> str:
    """The wrapper that holds *manifest*."""
    return "\ufeff" + _framed(manifest).decode("latin-1").translate(_SELECTORS)


def size_of(manifest: bytes) -> int:
    """Bytes of UTF-8 that the wrapper of *manifest* takes."""
    raw = _framed(manifest)
    return 3 + 3 * len(raw) + len(raw.translate(None, bytes(range(16))))


def _framed(manifest: bytes) -> bytes:
    return _MAGIC + b"\1" + len(manifest).to_bytes(4) + manifest


def read(text: str, anchors: tuple[str, ...] = ()) -> list[Mark]:
    """What manifests in *text* say."""
    found = wrappers(text)
    if not found:
        return []
    where = (found[0].start, found[0].end)
    if len(found) > 1:
        return [Mark(c2pa.FAMILY, Status.CONFLICT, carrier=_CARRIER, code="several wrappers", location=where)]
    manifest = found[0].manifest
    if manifest is None:
        return [Mark(c2pa.FAMILY, Status.INCONCLUSIVE, carrier=_CARRIER, code="damaged wrapper", location=where)]
    if not c2pa.is_installed():
        code = "c2pa-python is not installed"
        return [Mark(c2pa.FAMILY, Status.INCONCLUSIVE, carrier=_CARRIER, code=code, location=where)]

    def is_bound(assertions: dict[str, Any]) -> bool:
        return _is_bound(text, found[0], assertions)

    return c2pa.read(manifest, "application/c2pa", anchors, carrier=_CARRIER, location=where, is_bound=is_bound)


def _is_bound(text: str, wrapper: Wrapper, assertions: dict[str, Any]) -> bool:
    """Whether the one data hash among *assertions* is that of *text* without *wrapper*."""
    hashes = [value for label, value in assertions.items() if label.startswith("c2pa.hash.")]
    if len(hashes) != 1 or not isinstance(hashes[0], dict):
        return False
    before, after = text[: wrapper.start], text[wrapper.end :]
    try:
        start = len(before.encode())
        size = len(text[wrapper.start : wrapper.end].encode())
        plain = unicodedata.normalize("NFC", before + after).encode()
        given = base64.b64decode(str(hashes[0].get("hash", "")), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return False
    make = _HASHES.get(str(hashes[0].get("alg", "sha256")))
    excluded = hashes[0].get("exclusions")
    same_place = excluded == [{"start": start, "length": size}] or (
        isinstance(excluded, list) and len(excluded) == 1 and excluded[0].get("length") == size
    )  # not in NFC, the text before the wrapper has another length than the one that was signed
    return make is not None and same_place and make(plain).digest() == given
