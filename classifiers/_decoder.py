"""A decoder of invisible marks, an ONNX file of the operator's, as both kinds of classifier run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers import _bits, _onnx
from guard.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


class Decoder:
    """The file *model*, proved to be *sha256*; of what it gives, *output* holds a number a bit, above *middle* for 1.

    Raises:
        WeightsError: the file is missing, not the one that is pinned, or gives other than a bit for each of *messages*.
    """

    def __init__(
        self, name: str, model: str, sha256: str, output: str, middle: float, messages: Mapping[str, str], like: Floats
    ) -> None:
        if not model or not sha256:
            msg = f"classifier `{name}` needs its options `model`, the path of an ONNX file, and `sha256`, its pin"
            raise WeightsError(msg)
        path = Path(model).expanduser()
        self._session = _onnx.session(path, sha256.lower())
        self._input = self._session.get_inputs()[0].name
        names = [one.name for one in self._session.get_outputs()]
        if output and output not in names:
            msg = f"model file {path.name} has no output `{output}`; it has {', '.join(names)}"
            raise WeightsError(msg)
        self._output = output or names[-1]
        self._middle = middle
        self.messages = {
            name: np.frombuffer(_bits.bits_of(word).encode(), np.uint8) == ord("1") for name, word in messages.items()
        }
        try:
            count = len(self._run(like))
        except Exception as error:  # the runtime's exceptions share no base
            msg = f"model file {path.name} does not take a float array of shape {like.shape}"
            raise WeightsError(msg) from error
        for kind, message in self.messages.items():
            if len(message) != count:
                msg = f"model file {path.name} gives {count} bits; message `{kind}` has {len(message)}"
                raise WeightsError(msg)

    def read(self, inputs: Sequence[Floats]) -> list[NDArray[np.bool_]]:
        """The bits of each of *inputs*, run one by one: what is beside it changes nothing.

        Raises:
            ArithmeticError: it gave something that is no number.
        """
        return [self._run(one) for one in inputs]

    def _run(self, given: Floats) -> NDArray[np.bool_]:
        (found,) = self._session.run([self._output], {self._input: given})
        values: NDArray[Any] = np.asarray(found, np.float64).ravel()
        if not np.isfinite(values).all():
            msg = "the decoder gave something that is no number"
            raise ArithmeticError(msg)
        bits: NDArray[np.bool_] = values > self._middle
        return bits
