"""C2PA manifests, by ``c2pa-python`` (extra ``provenance``): nothing is ever fetched.

The library's `validation_state` says less than is in it: *Invalid* is both a file that was changed and one whose
signer's certificate has expired, and it looks at the active manifest only. Here those are told apart, and ingredients
are looked at.

Source: C2PA technical specification 2.2, sections 15 (validation, its status codes) and 18 (actions).
"""

from __future__ import annotations

import functools
import importlib.util
import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.media.marks.iptc import last_word, source_type
from guard.media.marks.model import Asserts, Mark, Status

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"
FAMILY, INGREDIENT = "c2pa", "c2pa_ingredient"
KINDS = ("trusted", "untrusted", "expired", "revoked", "invalid")
_CHANGED = frozenset({
    "assertion.missing", "claim.missing", "claim.multiple", "claimSignature.missing", "claim.hardBindings.missing",
    "hardBindings.missing", "hardBindings.multiple", "assertion.multipleHardBindings", "assertion.undeclared",
    "assertion.inaccessible", "manifest.multipleParents",
})  # fmt: skip
_CREDENTIAL = {
    "revoked": ("signingCredential.revoked", "signingCredential.ocsp.revoked"),
    "expired": ("signingCredential.expired", "claimSignature.outsideValidity"),
    "invalid": ("signingCredential.invalid",),
}
_CREATING = frozenset({"c2pa.created", "c2pa.converted", "c2pa.published"})
_UNSUPPORTED = frozenset({"algorithm.unsupported", "assertion.timestamp.malformed", "general.error"})
_MOST_MANIFESTS = 200
_PADDING = re.compile(rb"\x63pad(\x58.|\x59..|\x5a....)", re.DOTALL)
_UNBOUND = "assertion.dataHash.mismatch"


def is_installed() -> bool:
    """Whether the library is there. Imports nothing."""
    return importlib.util.find_spec("c2pa") is not None


def _context(anchors: tuple[str, ...]) -> Any:
    """The library, opened with *anchors*. What was opened before a fork can be used by the parent alone."""
    return _opened(anchors, os.getpid())


@functools.cache
def _opened(anchors: tuple[str, ...], _process: int) -> Any:
    import c2pa

    official = [(DATA / name).read_text("ascii") for name in ("c2pa_signers.pem", "c2pa_timestamps.pem")]
    verify = {
        "remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True, "verify_after_reading": True,
        "verify_timestamp_trust": True,
    }  # fmt: skip
    trust = {"trust_anchors": "\n".join([*official, *anchors])}
    return c2pa.Context(
        c2pa.Settings.from_dict({"verify": verify, "trust": trust, "core": {"allowed_network_hosts": []}})
    )


def check(anchors: tuple[str, ...] = ()) -> None:
    """Open the library with *anchors*, more certificates to trust (PEM). Raises ValueError if they are none."""
    if not is_installed():
        return
    for anchor in anchors:
        if "-----BEGIN CERTIFICATE-----" not in anchor:
            raise ValueError("a trust list should hold certificates in PEM")
    _context(anchors)


def read(
    data: bytes,
    media_type: str,
    anchors: tuple[str, ...] = (),
    *,
    carrier: str = "",
    location: tuple[int, int] | None = None,
    is_bound: Callable[[dict[str, Any]], bool] | None = None,
) -> list[Mark]:
    """What the manifests in *data* say; nothing where there are none. Hostile bytes make a mark, never an error.

    Of a manifest that stands alone the library cannot know what it was made for: *is_bound* says whether its
    assertions are about the content at hand.
    """
    import c2pa

    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=_context(anchors)) as reader:
            store = json.loads(reader.json())
            if is_bound is not None:
                _bind(store, json.loads(reader.detailed_json()), is_bound)
        marks = _marks(store, carrier)
        return [replace(mark, location=location) for mark in marks] if location is not None else marks
    except c2pa.C2paError as error:
        return _failed(str(error), carrier)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [Mark(FAMILY, Status.INCONCLUSIVE, carrier=carrier, code="an unknown form of manifest")]


def _bind(store: dict[str, Any], detailed: dict[str, Any], is_bound: Callable[[dict[str, Any]], bool]) -> None:
    """Put what *is_bound* says in the place of the library's own opinion, which had no content to look at."""
    results = store["validation_results"]["activeManifest"]
    assertions = detailed["manifests"][store["active_manifest"]]["assertion_store"]
    failed = [entry for entry in results["failure"] if entry["code"] != _UNBOUND]
    results["failure"] = failed if is_bound(assertions) else [*failed, {"code": _UNBOUND}]
    trusted = any(entry["code"] == "signingCredential.trusted" for entry in results.get("success", []))
    store["validation_state"] = "Trusted" if trusted else "Valid"


def has_used_padding(manifest: bytes) -> bool:
    """Whether anything is in the padding of *manifest*: no signature covers it, and it should be zeros."""
    for pad in _PADDING.finditer(manifest):
        size = int.from_bytes(pad[1][1:])
        if any(manifest[pad.end() : pad.end() + size]):
            return True
    return False


def _failed(message: str, carrier: str) -> list[Mark]:
    if message.startswith("ManifestNotFound"):
        return []
    if message.startswith("Remote"):
        return [Mark(FAMILY, Status.INCONCLUSIVE, carrier=carrier, code="remote manifest, not fetched")]
    code = "unsupported" if message.startswith("NotSupported") else "damaged manifest"
    return [Mark(FAMILY, Status.INCONCLUSIVE, carrier=carrier, code=code)]


def _marks(store: dict[str, Any], carrier: str) -> list[Mark]:
    manifests = store.get("manifests", {})
    if len(manifests) > _MOST_MANIFESTS:
        return [Mark(FAMILY, Status.INCONCLUSIVE, carrier=carrier, code="more manifests than are read")]
    label = store["active_manifest"]
    active = manifests[label]
    results = store.get("validation_results", {})
    failed = [entry["code"] for entry in results.get("activeManifest", {}).get("failure", [])]
    own = [code for code in failed if not code.startswith("ingredient.")]
    status, kind, code = _status(own, str(store.get("validation_state", "")))
    asserts, said = _origin(active)
    ingredient = [origin for name, one in manifests.items() if name != label and (origin := _origin(one)[0])]
    if asserts is Asserts.NOTHING and {Asserts.AI, Asserts.AI_EDITED} & set(ingredient):
        asserts = Asserts.AI_EDITED
        said = "in an ingredient"
    signed = active.get("signature_info") or {}
    detail = {
        "generator": active.get("claim_generator_info") or active.get("claim_generator"),
        "title": active.get("title"), "signed_at": signed.get("time"), "certificate": signed.get("common_name"),
        "manifests": len(manifests), "failures": failed, "soft_bindings": _soft_bindings(active),
        "actions": [action.get("action") for action in _actions(active)][:50],
    }  # fmt: skip
    mark = Mark(
        FAMILY, status, asserts, kind, carrier, str(signed.get("issuer") or ""),
        " ".join(word for word in (code, said) if word), detail={key: value for key, value in detail.items() if value},
    )  # fmt: skip
    return [mark, *_ingredients(results, failed, carrier)]


def _status(failed: list[str], state: str) -> tuple[Status, str, str]:
    """What the codes of one manifest's failures come to: status, kind, and the code that says most."""
    changed = next((code for code in failed if code in _CHANGED or _is_mismatch(code)), "")
    if changed:
        return Status.TAMPERED, "", changed
    for kind, codes in _CREDENTIAL.items():
        code = next((code for code in failed if code.startswith(codes)), "")
        if code:
            return Status.CREDENTIAL, kind, code
    if "signingCredential.untrusted" in failed:
        rest = [code for code in failed if code != "signingCredential.untrusted" and not _is_aside(code)]
        if not rest:
            return Status.INTACT, "untrusted", "signingCredential.untrusted"
    rest = [code for code in failed if not _is_aside(code) and code != "signingCredential.untrusted"]
    if rest:
        return Status.INCONCLUSIVE if rest[0] in _UNSUPPORTED else Status.MALFORMED, "", rest[0]
    if state == "Trusted":
        return Status.TRUSTED, "trusted", ""
    if state == "Valid":
        return Status.INTACT, "untrusted", ""
    return Status.INCONCLUSIVE, "", "invalid for no stated reason"


def _is_mismatch(code: str) -> bool:
    return code.endswith(".mismatch") and not _is_aside(code)


def _is_aside(code: str) -> bool:
    """Whether a failure is of what stands beside the signature: a time stamp, or an identity by another standard."""
    return code.startswith(("timeStamp.", "cawg."))


def _ingredients(results: dict[str, Any], failed: list[str], carrier: str) -> list[Mark]:
    """A mark for each way in which ingredients fail, beyond being signed by someone who is on no list."""
    codes = [code for code in failed if code.startswith("ingredient.")]
    for delta in results.get("ingredientDeltas", []):
        codes += [entry["code"] for entry in delta.get("validationDeltas", {}).get("failure", [])]
    found = {}
    for code in codes:
        if code.startswith("ingredient.") or code in _CHANGED or _is_mismatch(code):
            found[code] = Mark(INGREDIENT, Status.TAMPERED, carrier=carrier, code=code)
        elif code.startswith("signingCredential.") and not code.endswith(".untrusted"):
            found[code] = Mark(INGREDIENT, Status.CREDENTIAL, kind=code.rpartition(".")[2], carrier=carrier, code=code)
    return list(found.values())


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        action
        for assertion in manifest.get("assertions", [])
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in (assertion.get("data") or {}).get("actions", [])
        if isinstance(action, dict)
    ]


def _origin(manifest: dict[str, Any]) -> tuple[Asserts, str]:
    """What *manifest* itself says of the origin, and the word it says it with."""
    said = Asserts.NOTHING, ""
    for action in _actions(manifest):
        uri = action.get("digitalSourceType")
        origin = source_type(str(uri)) if uri else None
        if origin is None:
            continue
        if origin is Asserts.AI and action.get("action") not in _CREATING:
            origin = Asserts.AI_EDITED
        if origin is Asserts.AI or said[0] in {Asserts.NOTHING, Asserts.HUMAN}:
            said = (origin, last_word(str(uri))) if origin is not Asserts.NOTHING or not said[1] else said
    return said


def _soft_bindings(manifest: dict[str, Any]) -> list[str]:
    """Names of the invisible marks that *manifest* says are in the content."""
    return [
        str((assertion.get("data") or {}).get("alg", ""))
        for assertion in manifest.get("assertions", [])
        if str(assertion.get("label", "")).startswith("c2pa.soft-binding")
    ]
