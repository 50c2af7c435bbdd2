"""A transformer's ONNX file beside its config.json and tokenizer.json, without torch and without transformers.

folder ─names checked, digests proved→ bytes ─ONNX Runtime→ logits ─sigmoid, softmax→ probabilities

As `optimum` and ``python -m classifiers.export`` lay them out. The graph is judged by what it does when it is loaded:
one whose scores would depend on what shares a batch is given one run at a time.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers import _folder, _onnx
from classifiers._onnx_file import outline
from classifiers._runs import Run, Sequences, longest, read
from guard.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from classifiers._runs import Judge

_PATTERNS = ("*.json", "*.txt", "*.model")
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_WHOLE_NUMBERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_SLOWER = ("SkipLayerNormFusion",)
"""The runtime would make one operator of a sum and its normalisation, which is slower than the two (1.32, CPU)."""
_TOGETHER_SCALED = frozenset({"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"})
"""Operators with one scale for all that is run at once."""
_MOST_AT_ONCE = 512
"""Tokens that go through a graph at once, padding included: more gains nothing, and leaves the caches of a CPU."""
_APART = 1e-4
"""How far logits may lie apart; probabilities then do by a quarter of it at most."""
_PROBES = ("warm up", "It came slowly, over grey sand: 1, 2, 3; and then it went away again?", "你好 — hello")


def files(
    name: str, model: str, revision: str, onnx: str, pins: Mapping[str, str]
) -> tuple[Path, bytes, dict[str, bytes]]:
    """The folder of *model*, the bytes of its file *onnx*, and of the files of weights that it names, by those names.

    *name* is the classifier's, for messages. *pins* are sha256 digests by name within the folder; if there are any,
    every file of weights has to have one. Only files in the folder are read, whatever names the model holds.

    Raises:
        WeightsError: there is no such file, it is no ONNX, it leads out of its folder, or is not what was pinned.
    """
    for one in (onnx, *pins):
        _inside(name, one, "option `onnx`" if one == onnx else "`sha256`")
    place = _folder.found(name, model, revision, (*_PATTERNS, f"{onnx}*"))
    if not (place / onnx).is_file():
        there = ", ".join(sorted(file.relative_to(place).as_posix() for file in place.rglob("*.onnx"))) or "none"
        msg = f"classifier `{name}`: {model} has no file {onnx}; of ONNX files it has: {there}"
        raise WeightsError(msg)
    data = _read(name, place, onnx, pins)
    try:
        weights = outline(data).beside
    except ValueError as error:
        msg = f"classifier `{name}`: {onnx} cannot be loaded: {error}"
        raise WeightsError(msg) from error
    for one in weights:
        _inside(name, one, onnx)
    files_of = {one: (PurePosixPath(onnx).parent / one).as_posix() for one in weights}
    _folder.all_pinned(name, [onnx, *files_of.values()], pins)
    for file in pins.keys() - {onnx, *files_of.values()}:
        _folder.pinned(name, place / file, pins[file])
    return place, data, {one: _read(name, place, file, pins) for one, file in files_of.items()}


def _inside(name: str, file: str, said_by: str) -> None:
    path = PurePosixPath(file)
    if not file or path.is_absolute() or ".." in path.parts or any(sign in file for sign in "\\:\0"):
        msg = f"classifier `{name}`: {said_by} names `{file}`, which does not lie in the model's folder"
        raise WeightsError(msg)


def _read(name: str, place: Path, file: str, pins: Mapping[str, str]) -> bytes:
    if (place / file).exists() and not (place / file).is_file():  # a device may have no end
        msg = f"classifier `{name}`: {file} is no file"
        raise WeightsError(msg)
    try:
        return _onnx.pinned(place / file, pins.get(file, "").lower())
    except WeightsError as error:
        msg = f"classifier `{name}`: {error}"
        raise WeightsError(msg) from error


def configuration(place: Path) -> dict[str, Any]:
    """config.json of the folder *place*, with the tokenizer's own settings under ``tokenizer``.

    Raises:
        OSError, ValueError: it is missing, or no JSON object.
    """
    found: list[dict[str, Any]] = []
    for name in ("config.json", "tokenizer_config.json"):
        file = place / name
        read = json.loads(file.read_bytes()) if name == "config.json" or file.is_file() else {}
        if not isinstance(read, dict):
            msg = f"{name} should hold an object"
            raise ValueError(msg)  # noqa: TRY004  what is wrong is a value in a file
        found.append(read)
    return {**found[0], "tokenizer": found[1]}


def labels(config: Mapping[str, Any], count: int) -> list[str]:
    """The names of the model's *count* labels, in order; ``LABEL_0`` and so on where the configuration has none.

    Raises:
        ValueError: it names another number of labels.
    """
    named = config.get("id2label") or {str(number): f"LABEL_{number}" for number in range(count)}
    if sorted(named, key=int) != [str(number) for number in range(count)]:
        msg = f"config.json names {len(named)} labels, and the graph gives {count}"
        raise ValueError(msg)
    return [str(named[str(number)]) for number in range(count)]


class Tokens:
    """tokenizer.json of a folder; cuts texts into runs of tokens that a model can read, which overlap."""

    def __init__(self, place: Path, config: Mapping[str, Any], *, most: int | None, overlap: int) -> None:
        """*config* as `configuration` gives it; *most* tokens a run (None: as many as the model takes, 512 at most)."""
        import tokenizers

        settings = config["tokenizer"]
        cut = tokenizers.Tokenizer.from_file(str(place / "tokenizer.json"))
        cut.no_padding()
        limit = settings.get("model_max_length")
        self.most = longest(most, int(limit) if isinstance(limit, int | float) and limit < 10**9 else 0, config)
        cut.enable_truncation(self.most, stride=min(overlap, (self.most - 2) // 2))
        sign = settings.get("pad_token")
        sign = sign.get("content") if isinstance(sign, dict) else sign
        number = cut.token_to_id(sign) if sign else config.get("pad_token_id")
        self.padding = int(number or 0)
        self._cut = cut

    def runs(self, text: str) -> tuple[Run, ...]:
        """The runs of *text*, as `Cutter` has it."""
        if not text.strip():
            return ()
        first = self._cut.encode(text.encode("utf-8", "replace").decode("utf-8"))
        return read([Run(tuple(one.ids), tuple(one.offsets)) for one in (first, *first.overflowing)])


class Graph:
    """A loaded model, which judges runs of tokens: *labels* scores of each, or of each token of it."""

    def __init__(self, data: bytes, name: str, beside: Mapping[str, bytes], *, tokens: bool) -> None:
        """Load the model *data*, called *name*; *tokens*: whether it judges every token.

        Raises:
            WeightsError: it is none that the runtime can run.
            ValueError: it wants what it is not given, or gives what is no score of a label.
        """
        self._session = _onnx.opened(data, name, beside=beside, without=_SLOWER)
        self._tokens = tokens
        self._inputs = {one.name: _type(one) for one in self._session.get_inputs()}
        if "input_ids" not in self._inputs or self._inputs.keys() - set(_INPUTS):
            wanted = ", ".join(sorted(self._inputs))
            msg = f"it wants {wanted}; what can be given is {', '.join(_INPUTS)}, and `input_ids` has to be among them"
            raise ValueError(msg)
        given = [one.name for one in self._session.get_outputs()]
        self._output = given[0] if len(given) == 1 else "logits"
        if self._output not in given:
            msg = f"it gives {', '.join(given)}, none of which is called `logits`"
            raise ValueError(msg)
        self._scaled_together = not _TOGETHER_SCALED.isdisjoint(outline(data).operators)
        self.count = self._run(np.zeros((1, 2), np.int64), np.ones((1, 2), np.int64)).shape[-1]

    def reads_together(self, probes: Sequence[Sequence[int]], padding: int) -> bool:
        """Whether scores are the same whatever shares a batch: by the operators, and as tried with *probes*."""
        if self._scaled_together or "attention_mask" not in self._inputs:
            return False
        tokens = np.full((len(probes), max(map(len, probes))), padding, np.int64)
        mask = np.zeros_like(tokens)
        for row, probe in enumerate(probes):
            tokens[row, : len(probe)] = probe
            mask[row, : len(probe)] = 1
        try:
            together = self._run(tokens, mask)
        except ArithmeticError:
            raise
        except Exception:  # noqa: BLE001  the runtime's exceptions share no base: a graph for one text at a time
            return False
        apart = 0.0
        for probe, among in zip(probes, together, strict=True):
            (alone,) = self._run(np.array([probe], np.int64), np.ones((1, len(probe)), np.int64))
            apart = max(apart, float(np.abs(alone - (among[: len(probe)] if self._tokens else among)).max()))
        return apart <= _APART

    def judge(self, *, independent: bool) -> Judge:
        """What takes tokens and their mask, both (runs, length), and gives probabilities of labels."""

        def judged(tokens: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
            return probabilities(self._run(tokens, mask), independent=independent)

        return judged

    def _run(self, tokens: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits of tokens and their mask. Raises `ArithmeticError` if they are none."""
        known = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        given = {name: known[name].astype(kind, copy=False) for name, kind in self._inputs.items()}
        (logits,) = self._session.run([self._output], given)
        shape = tokens.shape if self._tokens else tokens.shape[:1]
        if logits.shape[:-1] != shape or not logits.size:
            msg = f"the model gave an answer of shape {logits.shape} where {(*shape, 'labels')} was to be expected"
            raise ArithmeticError(msg)
        if not np.isfinite(logits).all():
            msg = "the model gave no probability"
            raise ArithmeticError(msg)
        return np.asarray(logits, np.float32)


def _type(one: Any) -> Any:
    fixed = [size for size in one.shape if isinstance(size, int)]
    if one.type not in _WHOLE_NUMBERS or len(one.shape) != 2 or fixed:
        msg = (
            f"its input `{one.name}` is {one.type} of shape {one.shape}; it should be whole numbers, (texts, tokens), "
            "of any number of either: export it with dynamic axes"
        )
        raise ValueError(msg)
    return _WHOLE_NUMBERS[one.type]


def probabilities(logits: NDArray[np.float32], *, independent: bool) -> NDArray[np.float32]:
    """*logits* (…, labels), which are finite, as probabilities: each label's own, or shares of one."""
    if independent:
        found = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -80.0, 80.0)))
    else:
        powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
        found = powers / powers.sum(axis=-1, keepdims=True)
    return np.asarray(found, np.float32)


def sequences(graph: Graph, tokens: Tokens, *, independent: bool) -> Sequences:
    """*graph* over texts, in batches where neighbours change nothing, else one run at a time."""
    probes = [tokens.runs(text)[0].tokens for text in _PROBES]
    budget = _MOST_AT_ONCE if graph.reads_together(probes, tokens.padding) else 1
    return Sequences(graph.judge(independent=independent), tokens, budget=budget)
