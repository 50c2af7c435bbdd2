"""Users' own models: where their files come from, and proof that they are the ones that were pinned.

Files are a local folder, or a repository of the hub that is fetched once. Only formats are read that cannot run code;
nothing that a repository brings is executed; and a sha256 can be asked of every file.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from guard.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.tiktoken")
_PIECE = 2**20


def folder(name: str, model: str, revision: str, pins: Mapping[str, str]) -> Path:
    """Where the files of *model* are, each of *pins* (file name → sha256) proved to be what was pinned.

    *name* is the classifier's, for messages. *model* is a folder, or the name of a repository of the Hugging Face hub,
    which is fetched at *revision* unless it was before.

    Raises:
        WeightsError: there is no such model, it holds no safetensors, or a file is not the one that was pinned.
    """
    place = found(name, model, revision, _PATTERNS)
    weights = sorted(file.name for file in place.glob("*.safetensors"))
    if not weights:
        msg = f"classifier `{name}`: {model} holds no .safetensors; other formats can run code and are not read"
        graphs = sorted(file.relative_to(place).as_posix() for file in place.rglob("*.onnx"))
        if graphs and name == "hf":
            msg = f"classifier `hf`: {model} holds no .safetensors, but ONNX: name it, as in `onnx: {graphs[0]}`"
        raise WeightsError(msg)
    all_pinned(name, weights, pins)
    for file, digest in pins.items():
        pinned(name, place / file, digest)
    return place


def all_pinned(name: str, weights: Sequence[str], pins: Mapping[str, str]) -> None:
    """Check that *pins* name each of *weights*, if they name any file.

    Raises:
        WeightsError: they leave one out.
    """
    if pins and (unpinned := [file for file in weights if file not in pins]):
        msg = f"classifier `{name}`: `sha256` does not name {', '.join(unpinned)}; pin every file of weights, or none"
        raise WeightsError(msg)


def found(name: str, model: str, revision: str, patterns: Sequence[str]) -> Path:
    """The folder of *model*; of a repository of the hub the files that match one of *patterns* are fetched to it.

    Raises:
        WeightsError: there is none.
    """
    if not model:
        msg = f"classifier `{name}` has no model; set its option `model` to a folder or to a name on the hub"
        raise WeightsError(msg)
    place = Path(model).expanduser()
    if place.is_dir():
        return place
    if model.startswith(("/", ".", "~")):
        msg = f"classifier `{name}`: there is no folder {model}"
        raise WeightsError(msg)
    try:
        import huggingface_hub

        return Path(huggingface_hub.snapshot_download(model, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # the hub's exceptions share no base
        msg = (
            f"classifier `{name}`: {model} is no folder, and cannot be had from the hub ({type(error).__name__}); "
            "download it where there is a network, and give its folder"
        )
        raise WeightsError(msg) from error


def pinned(name: str, file: Path, sha256: str) -> None:
    """Prove that *file* is the one that was pinned.

    Raises:
        WeightsError: it is missing or another one.
    """
    found = hashlib.sha256()
    try:
        with file.open("rb") as data:
            while piece := data.read(_PIECE):
                found.update(piece)
    except OSError as error:
        msg = f"classifier `{name}`: {file.name} cannot be read ({error.strerror})"
        raise WeightsError(msg) from error
    if found.hexdigest() != sha256.lower():
        msg = f"classifier `{name}`: {file.name} has sha256 {found.hexdigest()}; the policy pins it to {sha256}"
        raise WeightsError(msg)


@contextlib.contextmanager
def loading(name: str, what: str, *, extra: str = "") -> Iterator[None]:
    """Turn whatever goes wrong while *what* is loaded into a `WeightsError` that says so.

    *extra* is what installs the packages that this takes, if it is not the extra of the classifier's own *name*.
    """
    try:
        yield
    except WeightsError:
        raise
    except ImportError as error:
        msg = (
            f"classifier `{name}` needs package {error.name}, which is not installed: "
            f"pip install 'guard-gateway[{extra or name.replace('_', '-')}]'"
        )
        raise WeightsError(msg) from error
    except Exception as error:
        msg = f"classifier `{name}`: {what} cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        raise WeightsError(msg) from error
