"""What signs, by the name that a policy gives it: a file, a key that never leaves its token, or the operator's code.

- a path: a private key in PEM;
- ``pkcs11:token=guard;object=c2pa?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin``, a URI of RFC
  7512: an HSM, or a cloud's key service by its PKCS#11 module. Needs the extra ``hsm``;
- ``signer:NAME``: an entry point of the group ``guard.signers``, a callable that is given bytes and gives their ES256
  signature as COSE has it (RFC 9053, 2.1): r and s, 32 bytes each.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from guard.classifier import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "guard.signers"
_TOKEN, _SIGNER = "pkcs11:", "signer:"
_LENGTH = 64
_NAMING = {"token": "token_label", "serial": "token_serial"}
_LOCK = threading.Lock()
_OPEN: dict[tuple[int, str], Any] = {}
"""The keys that were opened, by the process that did so and their URIs."""
_STARTED: dict[str, int] = {}
"""By their paths the modules that were started, each with the process that did so."""


def signer(certificate: str, key: str) -> Any:
    """A signer of ``c2pa-python`` with the chain in the file *certificate* and *key*; for ES256.

    Raises:
        Unreadable: there is no such key, or it cannot be used. The message names no secret.
        OSError: a file cannot be read.
    """
    import c2pa

    chain = Path(certificate).read_bytes()
    if not key.startswith((_TOKEN, _SIGNER)):
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, Path(key).read_bytes(), None))
    sign = es256(key)
    sign(b"Is there a key that signs?")  # the library tells nobody why a callback failed
    return c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, chain.decode())


def es256(key: str) -> Callable[[bytes], bytes]:
    """What gives the signature of bytes by *key*: r and s of ES256, 32 bytes each. It raises what `signer` does.

    Raises:
        Unreadable: there is no such key.
        OSError: a file cannot be read.
        ValueError: the file holds no such key, or one that is locked.
    """
    if key.startswith(_TOKEN):
        return partial(_in_token, key)
    return _called(key.removeprefix(_SIGNER)) if key.startswith(_SIGNER) else _in_file(Path(key).read_bytes())


def _in_file(pem: bytes) -> Callable[[bytes], bytes]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    try:
        private = serialization.load_pem_private_key(pem, None)
    except (UnsupportedAlgorithm, TypeError) as error:  # of a kind that is not known, or locked
        msg = "no key that can be used"
        raise ValueError(msg) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.key_size != 256:
        msg = "no key for ES256"
        raise ValueError(msg)

    def sign(data: bytes) -> bytes:
        one, other = utils.decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
        return one.to_bytes(32) + other.to_bytes(32)

    return sign


def _called(name: str) -> Callable[[bytes], bytes]:
    found = [one for one in importlib.metadata.entry_points(group=GROUP) if one.name == name]
    if len(found) != 1:
        there = "several packages have" if found else "no package has"
        msg = f"{there} an entry point `{name}` in the group {GROUP}"
        raise Unreadable(msg)

    def sign(data: bytes) -> bytes:
        try:
            return _checked(found[0].load()(data))  # anything may come of it
        except Exception as error:  # the operator's code: whatever it is, nothing is signed
            msg = f"the signer `{name}` failed ({type(error).__name__})"
            raise Unreadable(msg) from error

    return sign


def _checked(signature: Any) -> bytes:
    if not isinstance(signature, bytes) or len(signature) != _LENGTH:
        msg = f"a signature should be {_LENGTH} bytes: r and s of ES256"
        raise ValueError(msg)
    return signature


def _in_token(uri: str, data: bytes) -> bytes:
    """The signature of *data* by the key that *uri* names. One at a time: a token has one login for all."""
    try:
        import pkcs11
    except ImportError as error:
        msg = "a key in a token needs package python-pkcs11 (guard-gateway[hsm] brings it)"
        raise Unreadable(msg) from error
    with _LOCK:
        try:
            private = _opened(uri)
            # The digest is made here: not every token makes it.
            return _checked(private.sign(hashlib.sha256(data).digest(), mechanism=pkcs11.Mechanism.ECDSA))
        except (pkcs11.PKCS11Error, RuntimeError, OSError, ValueError) as error:
            private = _OPEN.pop((os.getpid(), uri), None)
            if private is not None:
                _close(private.session)
            said = str(error) if isinstance(error, ValueError | OSError) else ""
            msg = f"the token cannot be used ({said or type(error).__name__})"
            raise Unreadable(msg) from error


def _opened(uri: str) -> Any:
    import pkcs11

    private = _OPEN.get((os.getpid(), uri))
    if private is not None:
        return private
    naming, asked = _attributes(uri)
    path, pin = _needed(asked, "module-path"), _pin(_needed(asked, "pin-source"))
    library = pkcs11.lib(path)
    if _STARTED.setdefault(path, os.getpid()) != os.getpid():  # a fork: what was started is the parent's
        library.reinitialize()
        _STARTED[path] = os.getpid()
    which: dict[str, Any] = {_NAMING[name]: value for name, value in naming.items() if name in _NAMING}
    token = library.get_token(**which)
    try:
        session = token.open(user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:  # for another of its keys: a process logs in once
        session = token.open()
    key: dict[str, Any] = {"label": naming["object"]} if "object" in naming else {}
    key |= {"id": naming["id"].encode("latin-1")} if "id" in naming else {}
    try:
        private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, **key)
    except pkcs11.PKCS11Error:
        _close(session)
        raise
    _OPEN[os.getpid(), uri] = private
    return private


def _close(session: Any) -> None:
    """Give *session* back: a token has only so many, and nothing else closes them."""
    import pkcs11

    with suppress(pkcs11.PKCS11Error):  # it may be gone, and that is why it is closed
        session.close()


def _attributes(uri: str) -> tuple[dict[str, str], dict[str, str]]:
    """What of *uri* names the key, and what says how it is reached (RFC 7512, 2.3)."""
    path, _, query = uri.removeprefix(_TOKEN).partition("?")
    found = []
    for text, separator in ((path, ";"), (query, "&")):
        pairs = [one.partition("=") for one in text.split(separator) if one]
        found.append({name: unquote(value, "latin-1" if name == "id" else "utf-8") for name, _, value in pairs})
    naming, asked = found
    unknown = set(naming) - {*_NAMING, "object", "id", "type"} | set(asked) - {"module-path", "pin-source"}
    if unknown:
        msg = f"`{min(unknown)}` is none of token, serial, object, id, type, module-path, pin-source"
        raise ValueError(msg)
    if not set(naming) & set(_NAMING) or not set(naming) & {"object", "id"}:
        msg = "the URI should name the token (token=… or serial=…) and the key (object=… or id=…)"
        raise ValueError(msg)
    return naming, asked


def _needed(asked: dict[str, str], name: str) -> str:
    if name not in asked:
        msg = f"the URI should have {name}"
        raise ValueError(msg)
    return asked[name]


def _pin(source: str) -> str:
    """The PIN in the file or variable *source*: in the URI itself it would stand in the policy.

    What goes wrong is said without *source* and what it holds: one is the PIN where somebody took it for its place.
    """
    pin = ""
    if source.startswith("env:"):
        pin = os.environ.get(source.removeprefix("env:"), "")
    elif source.startswith("file:"):
        try:
            pin = Path(source.removeprefix("file:")).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"pin-source cannot be read ({type(error).__name__})"
            raise ValueError(msg) from None
    if not pin:
        msg = "pin-source holds no PIN; it should be file:PATH or env:NAME"
        raise ValueError(msg)
    return pin
