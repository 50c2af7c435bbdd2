"""C2PA manifests, signed with the operator's key by ``c2pa-python`` (extra ``provenance``). Nothing is fetched.

Source: C2PA technical specification 2.2, sections 10 (ingredients), 13 (signatures) and 18 (actions).
"""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.classifier import Unreadable
from guard.media.marks import c2pa as reader
from guard.media.stamps import keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TYPES = frozenset({
    "image/jpeg", "image/png", "image/webp", "audio/wav", "audio/mpeg", "audio/flac", "audio/mp4", "video/mp4",
    "video/quicktime",
})  # fmt: skip
_MOST_SIGNATURES, _MOST_PADDING = 20, 24
_PADDING = re.compile(rb"(\xa1\x63pad)(?:\x59..|\x58.|[\x40-\x57])(?=\x00*\xf6\x58\x40)", re.DOTALL)
"""The beginning of the padding in COSE's unprotected header, CBOR; behind it stand no payload and the signature."""
_NO_PAYLOAD = b"\xf6\x58\x40"
_HELD = b"\x5a" * 64
"""Stands for a signature that is made later."""
_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "core": {"allowed_network_hosts": []},
}


def signed(data: bytes, media_type: str, parent: bytes, certificate: str, key: str, system: str, source: str) -> bytes:
    """*data* with a manifest by the chain in the file *certificate* and *key* (ES256), as `keys.signer` knows it.

    *parent* is the file before anything was changed; if it is signed, it is kept as the ingredient that this one was
    made from.

    Raises:
        Unreadable: there is no key, or the library refuses.
    """
    if not reader.is_installed():
        raise Unreadable("c2pa-python is not installed")
    import c2pa

    is_signed = bool(reader.read(parent, media_type))
    manifest = _manifest(system, source, is_signed=is_signed)
    made = io.BytesIO()
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
        with keys.signer(certificate, key) as signer, c2pa.Builder(json.dumps(manifest), context) as builder:
            if is_signed:
                ingredient = json.dumps({"relationship": "parentOf", "label": "parent", "title": "parent"})
                builder.add_ingredient(ingredient, media_type, io.BytesIO(parent))
            builder.sign(signer, media_type, io.BytesIO(data), made)
    except (OSError, ValueError, c2pa.C2paError) as error:
        raise Unreadable(f"it cannot be signed ({type(error).__name__})") from error
    return made.getvalue()


def detached(certificate: str, key: str, system: str, bound: Mapping[str, object]) -> Iterator[bytes]:
    """A manifest that says that AI made what the data hash *bound* is about: for what the library knows no format of.

    It is given again and again, each time with other padding, then with another signature, for ECDSA draws numbers.

    Raises:
        Unreadable: as for `signed`.
    """
    if not reader.is_installed():
        raise Unreadable("c2pa-python is not installed")
    import c2pa

    manifest = _manifest(system, "trainedAlgorithmicMedia", is_signed=False)
    manifest["assertions"].append({"label": "c2pa.hash.data", "data": bound})
    given: list[bytes] = []
    made = io.BytesIO()

    def held(data: bytes) -> bytes:  # what is to be signed: that is done below, for here nobody is told why it failed
        given.append(data)
        return _HELD

    try:
        context = c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
        chain = Path(certificate).read_text("utf-8")
        with (
            c2pa.Signer.from_callback(held, c2pa.C2paSigningAlg.ES256, chain) as signer,
            c2pa.Builder(json.dumps(manifest), context) as builder,
        ):
            builder.sign(signer, "application/c2pa", io.BytesIO(), made)
        bare, sizes = _without_padding(made.getvalue())
        draw = keys.es256(key)
        signature, before = draw(given[-1]), b""
        for _ in range(_MOST_SIGNATURES):
            for zeros in range(_MOST_PADDING):
                end = bytes([0x40 + zeros]) + bytes(zeros) + _NO_PAYLOAD + signature
                for at in sizes:
                    bare[at : at + 4] = (len(bare) + len(end) - at).to_bytes(4)
                yield bytes(bare) + end
            signature, before = draw(given[-1]), signature
            if signature == before:  # some draw no number: RFC 6979
                return
    except (OSError, ValueError, c2pa.C2paError) as error:
        raise Unreadable(f"it cannot be signed ({type(error).__name__})") from error


def _without_padding(manifest: bytes) -> tuple[bytearray, list[int]]:
    """*manifest* up to its padding, and where in it the sizes of the boxes stand that end where the manifest does.

    What comes behind, padding and signature, is covered by no signature (C2PA 10.4.2, 10.4.4).
    """
    place = len(manifest) - len(_NO_PAYLOAD + _HELD)
    head = _PADDING.search(manifest)
    if head is None or manifest[place:] != _NO_PAYLOAD + _HELD or any(manifest[head.end() : place]):
        raise Unreadable("it cannot be signed (the manifest is of another form)")
    sizes, at, bare = [], 0, bytearray(manifest[: head.end(1)])
    while at + 8 <= len(bare):
        size = int.from_bytes(manifest[at : at + 4])
        if at + size == len(manifest):
            sizes.append(at)
            size = 8
        at += max(size, 8)
    return bare, sizes


def _manifest(system: str, source: str, *, is_signed: bool) -> dict[str, Any]:
    action: dict[str, Any] = {"action": "c2pa.created", "digitalSourceType": _SOURCES + source}
    if is_signed:
        action = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}
    action["when"] = datetime.now(UTC).isoformat(timespec="seconds")
    if system:
        name, _, version = system.partition("/")
        action["softwareAgent"] = {"name": name, "version": version} if version else {"name": name}
    return {
        "claim_generator_info": [{"name": "guard-gateway"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}, "created": True}],
    }
