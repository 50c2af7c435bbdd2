"""ONNX Runtime sessions as the gateway needs them: the pinned file, one thread, the CPU."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from classifiers._onnx_file import outline
from guard.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def pinned(path: Path, sha256: str) -> bytes:
    """The bytes of the model file *path*, proved to be the ones that were pinned; whatever they are without a pin.

    Raises:
        WeightsError: the file is missing or another one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"model file {path.name} cannot be read ({error.strerror}); install the package that carries it again"
        raise WeightsError(msg) from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 and found != sha256:
        msg = f"model file {path.name} has sha256 {found}; this version is pinned to {sha256}"
        raise WeightsError(msg)
    return data


def session(
    path: Path, sha256: str, *, without: Sequence[str] = (), given: Mapping[str, NDArray[Any]] | None = None
) -> Any:
    """An inference session over the checked bytes of *path*, not changed by the optimizers named in *without*.

    Arrays that the file names and does not hold are *given*; they have to be checked already. The bytes that were
    hashed are the bytes that are loaded, so the file cannot be swapped in between.

    Raises:
        WeightsError: the file is missing, another one, or no model that this runtime can run.
    """
    return opened(pinned(path, sha256), path.name, without=without, given=given)


def opened(
    data: bytes,
    name: str,
    *,
    beside: Mapping[str, bytes] | None = None,
    without: Sequence[str] = (),
    given: Mapping[str, NDArray[Any]] | None = None,
) -> Any:
    """An inference session over the model *data*, whose file is called *name*.

    *beside* holds the files of weights that it refers to, by the names it has for them, and *given* arrays, by theirs;
    a model of ours calls the file that those would be in ``given``. A model that refers to other files is refused: the
    runtime would look for them where the process happens to stand, and nobody has pinned them.
    One thread: workers share the cores, and a pool per session would fight over them.

    Raises:
        WeightsError: it is no model that this runtime can run.
    """
    import onnxruntime

    try:
        others = set(outline(data).beside) - set(beside or ()) - ({"given"} if given else set())
    except ValueError as error:
        msg = f"model file {name} is not a model that this runtime can load: {error}"
        raise WeightsError(msg) from error
    if others:
        msg = f"model file {name} keeps weights in other files ({', '.join(sorted(others))}), which are not read here"
        raise WeightsError(msg)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if beside:
        sizes = [len(content) for content in beside.values()]
        options.add_external_initializers_from_files_in_memory(list(beside), list(beside.values()), sizes)
    if given:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in given.values()]
        options.add_external_initializers(list(given), values)
    try:
        return onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"], disabled_optimizers=list(without)
        )
    except Exception as error:  # the runtime's exceptions share no base
        msg = f"model file {name} is not a model that this runtime can load ({str(error)[:200]})"
        raise WeightsError(msg) from error
