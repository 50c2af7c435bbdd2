"""ONNX Runtime sessions as the gateway needs them: the pinned file, one thread, the CPU."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

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

    Arrays that the file names and does not hold are *given*; they have to be checked already.
    One thread: workers share the cores, and a pool per session would fight over them. The bytes that were
    hashed are the bytes that are loaded, so the file cannot be swapped in between.

    Raises:
        WeightsError: the file is missing, another one, or no model that this runtime can run.
    """
    import onnxruntime

    data = pinned(path, sha256)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if given:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in given.values()]
        options.add_external_initializers(list(given), values)
    try:
        return onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"], disabled_optimizers=list(without)
        )
    except Exception as error:  # the runtime's exceptions share no base
        msg = f"model file {path.name} is not a model that this runtime can load"
        raise WeightsError(msg) from error
