"""C2PA manifests, signed with the operator's key by ``c2pa-python`` (extra ``provenance``). Nothing is fetched.

Source: C2PA technical specification 2.2, sections 10 (ingredients), 13 (signatures) and 18 (actions).
"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

from guard.classifier import Unreadable
from guard.media.marks import c2pa as reader
from guard.media.stamps import keys

TYPES = frozenset({
    "image/jpeg", "image/png", "image/webp", "audio/wav", "audio/mpeg", "audio/flac", "audio/mp4", "video/mp4",
    "video/quicktime",
})  # fmt: skip
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
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
