"""``guard keygen``: certificates to try C2PA with. Nobody trusts them but who adds the root to a trust list."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from guard.errors import GuardError

if TYPE_CHECKING:
    import argparse

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_DAYS = 365
_NAMES = ("c2pa-root.pem", "c2pa-chain.pem", "c2pa-key.pem")


class KeygenError(GuardError):
    """No keys can be made here."""


def keygen(options: argparse.Namespace) -> int:
    """Write a root, a chain below it and the chain's key, which only their owner may read; overwrite nothing."""
    try:
        made = certificates(options.organisation)
    except ImportError:
        raise KeygenError("install guard-gateway[provenance] to make certificates") from None
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    there = [name for name in _NAMES if (folder / name).exists()]
    if there:
        raise KeygenError(f"{folder / there[0]} is there already")
    for name, data in zip(_NAMES, made, strict=True):
        mode = 0o600 if name == _NAMES[-1] else 0o644
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
        print(folder / name)
    return 0


def certificates(organisation: str) -> tuple[bytes, bytes, bytes]:
    """A root, a chain of a leaf and that root, and the leaf's key (ES256), all PEM, good for a year.

    Source: C2PA technical specification 2.2, section 14.5 (certificate profile).
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    above, below = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate(organisation, above, above, root=True)
    leaf = _certificate(organisation, below, above, root=False)
    pem = serialization.Encoding.PEM
    key = below.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return root.public_bytes(pem), leaf.public_bytes(pem) + root.public_bytes(pem), key


def _certificate(
    organisation: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, *, root: bool
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(common: str) -> x509.Name:
        organised = x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)
        return x509.Name([organised, x509.NameAttribute(NameOID.COMMON_NAME, common)])

    begin = datetime.now(UTC) - timedelta(minutes=5)
    usage = x509.KeyUsage(
        digital_signature=not root, key_cert_sign=root, crl_sign=root, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(named("test root" if root else "test signer"))
        .issuer_name(named("test root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not root:
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(uses, critical=False)
    return builder.sign(signer, hashes.SHA256())
