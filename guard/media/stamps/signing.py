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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
TYPES = frozenset({
    "image/jpeg", "image/png", "image/webp", "audio/wav", "audio/mpeg", "audio/flac", "audio/mp4", "video/mp4",
    "video/quicktime",
})  # fmt: skip
_MOST_SIGNATURES, _MOST_PADDING = 20, 24
_PADDING = re.compile(rb"(\xa1\x63pad)(?:\x59..|\x58.|[\x40-\x57])(?=\x00*\xf6\x58\x40)", re.DOTALL)
"""The beginning of the padding in COSE's unprotected header, CBOR; behind it stand no payload and the signature."""
_NO_PAYLOAD = b"\xf6\x58\x40"
_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "core": {"allowed_network_hosts": []},
}


def signed(data: bytes, media_type: str, parent: bytes, certificate: str, key: str, system: str, source: str) -> bytes:
    """*data* with a manifest by the chain in the file *certificate* and the key (ES256) in the file *key*.

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
        chain, private = Path(certificate).read_bytes(), Path(key).read_bytes()
        info = c2pa.C2paSignerInfo(b"es256", chain, private, None)
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(manifest), context) as builder:
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
    given: list[tuple[bytes, bytes]] = []
    made = io.BytesIO()
    try:
        draw = _es256(key)

        def sign(data: bytes) -> bytes:
            given.append((data, draw(data)))
            return given[-1][1]

        context = c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
        chain = Path(certificate).read_text("utf-8")
        with (
            c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, chain) as signer,
            c2pa.Builder(json.dumps(manifest), context) as builder,
        ):
            builder.sign(signer, "application/c2pa", io.BytesIO(), made)
    except (OSError, ValueError, c2pa.C2paError) as error:
        raise Unreadable(f"it cannot be signed ({type(error).__name__})") from error
    data, signature = given[-1]
    bare, sizes = _without_padding(made.getvalue(), signature)
    for _ in range(_MOST_SIGNATURES):
        for zeros in range(_MOST_PADDING):
            end = bytes([0x40 + zeros]) + bytes(zeros) + _NO_PAYLOAD + signature
            for at in sizes:
                bare[at : at + 4] = (len(bare) + len(end) - at).to_bytes(4)
            yield bytes(bare) + end
        signature = draw(data)


def _without_padding(manifest: bytes, signature: bytes) -> tuple[bytearray, list[int]]:
    """*manifest* up to its padding, and where in it the sizes of the boxes stand that end where the manifest does.

    What comes behind, padding and *signature*, is covered by no signature (C2PA 10.4.2, 10.4.4).
    """
    place = len(manifest) - len(_NO_PAYLOAD + signature)
    head = _PADDING.search(manifest)
    if head is None or manifest[place:] != _NO_PAYLOAD + signature or any(manifest[head.end() : place]):
        raise Unreadable("it cannot be signed (the manifest is of another form)")
    sizes, at, bare = [], 0, bytearray(manifest[: head.end(1)])
    while at + 8 <= len(bare):
        size = int.from_bytes(manifest[at : at + 4])
        if at + size == len(manifest):
            sizes.append(at)
            size = 8
        at += max(size, 8)
    return bare, sizes


def _es256(key: str) -> Callable[[bytes], bytes]:
    """What signs bytes with the key in the PEM file *key*, as COSE has it (RFC 9053, 2.1)."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    try:
        private = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    except (UnsupportedAlgorithm, TypeError) as error:  # of a kind that is not known, or locked
        raise ValueError("no key that can be used") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.key_size != 256:
        raise ValueError("no key for ES256")

    def draw(data: bytes) -> bytes:
        one, other = utils.decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
        return one.to_bytes(32) + other.to_bytes(32)

    return draw


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
