"""Toxicity by the models of detoxify (Apache-2.0), from their own checkpoints, batched by length and never cut off.

``original`` and ``unbiased`` read English, ``multilingual`` seven languages (no Chinese). Their weights are no part of
the package: `load` fetches them from the project's releases, once, or reads a checkpoint that you have. A text that is
longer than the 512 tokens the networks read is read in runs that overlap, and its score is the highest of them; the
library's own loop leaves the rest out.

Source: Hanu and Unitary team, Detoxify, https://github.com/unitaryai/detoxify, 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from classifiers._runs import Run, Sequences
from classifiers._torch import Device, Precision
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

Variant = Literal["original", "unbiased", "multilingual", "original-small", "unbiased-small"]
CATEGORIES = {
    "toxicity": "toxicity", "toxic": "toxicity",
    "severe_toxicity": "toxicity.severe", "severe_toxic": "toxicity.severe",
    "obscene": "toxicity.obscene",
    "threat": "toxicity.threat",
    "insult": "toxicity.insult",
    "identity_attack": "hate", "identity_hate": "hate",
    "sexual_explicit": "sexual",
}  # fmt: skip
"""Our name of each class; the others (groups of people that a text mentions) say nothing against a text."""
_LEAST = 0.01
_MOST_AT_ONCE = 65_536
_OVERLAP = 32


@dataclass(frozen=True)
class ToxicityOptions:
    """Which model. *sha256* pins its checkpoint.

    *checkpoint* is a file in detoxify's format, *config* a folder with its tokenizer and configuration; without them
    the library's releases and the hub are asked for *model*. *onnx* is a file that ``python -m classifiers.export``
    made of one, in its folder: it is run by ONNX Runtime, on the CPU and without torch, instead of the others; *model*
    then says which one it was made of.
    """

    model: Variant = "original"
    checkpoint: str = ""
    config: str = ""
    sha256: str = ""
    device: Device = "auto"
    dtype: Precision = "float32"
    onnx: str = ""

    def __post_init__(self) -> None:
        if self.onnx and (self.checkpoint or self.config):
            msg = "`onnx` is a model by itself; leave `checkpoint` and `config` out"
            raise ValueError(msg)
        if self.onnx and (self.device not in ("auto", "cpu") or self.dtype not in ("auto", "float32")):
            msg = "an ONNX file runs on the CPU in the numbers that it was written in; leave `device` and `dtype` out"
            raise ValueError(msg)


class Toxicity(Classifier[tuple[Run, ...]]):
    """Items are runs of tokens; cost is their number."""

    Options: ClassVar[type[Any]] = ToxicityOptions
    automatic: ClassVar[bool] = False
    categories = frozenset(CATEGORIES.values())
    reads: Reads = "sentences"
    window = 4_000
    horizon = 200
    batch_cost = 1_024
    largest_batch: int | None = _MOST_AT_ONCE
    pads = True
    version = "detoxify-1"
    options: ToxicityOptions

    def __init__(self, options: ToxicityOptions | None = None) -> None:
        super().__init__(options)
        self.version = f"detoxify-1 {self.options.onnx or self.options.checkpoint or self.options.model}"

    @classmethod
    def provides(cls, options: ToxicityOptions) -> frozenset[str]:
        """All classes; ``original`` has none of sexual content, and a checkpoint of one's own may have fewer."""
        everything = frozenset(CATEGORIES.values())
        without = options.model.startswith("original") and not options.checkpoint
        return everything - {"sexual"} if without else everything

    def load(self) -> None:
        """Load the checkpoint, and judge once.

        Raises:
            WeightsError: it cannot be had, is not what was pinned, or is no checkpoint of this format.
        """
        if self.options.onnx:
            self._load_graph(Path(self.options.onnx).expanduser())
        else:
            self._load_network()

    def _load_graph(self, file: Path) -> None:
        from classifiers import _folder, _onnx_hf

        pins = {file.name: self.options.sha256} if self.options.sha256 else {}
        place, data, beside = _onnx_hf.files("toxicity", str(file.parent), "", file.name, pins)
        with _folder.loading("toxicity", str(file), extra="hf-onnx"):
            config = _onnx_hf.configuration(place)
            tokens = _onnx_hf.Tokens(place, config, most=None, overlap=_OVERLAP)
            graph = _onnx_hf.Graph(data, file.name, beside, tokens=False)
            names = _onnx_hf.labels(config, graph.count)
            self._categories = [CATEGORIES.get(name) for name in names]
            if not any(self._categories):
                msg = f"its labels are {', '.join(names)}, none of which is a class of detoxify"
                raise ValueError(msg)
            self._sequences = _onnx_hf.sequences(graph, tokens, independent=True)
            if self._sequences.budget == 1:  # one by one, so that nobody waits for neighbours
                self.pads, self.batch_cost, self.largest_batch = False, 1, None
            self._sequences.scores([tokens.runs("warm up")])

    def _load_network(self) -> None:
        from classifiers import _detoxify, _folder, _torch

        options = self.options
        with _folder.loading("toxicity", options.checkpoint or options.model):
            import transformers

            state = _detoxify.checkpoint(options.checkpoint, options.model, options.sha256)
            place = options.config or state["config"]["arch"]["args"]["model_type"]
            model, classes = _detoxify.network(state, place, local=bool(options.config))
            given = {"local_files_only": bool(options.config), "trust_remote_code": False}
            tokenizer = transformers.AutoTokenizer.from_pretrained(place, **given)
            device = _torch.device_of("toxicity", options.device)
            self._categories = [CATEGORIES.get(name) for name in classes]
            tokens = _torch.Tokens(tokenizer, model.config, most=None, overlap=_OVERLAP)
            model = model.to(device, _torch.dtype_of(options.dtype, device)).eval()
            self._sequences = Sequences(_torch.network(model, device, independent=True), tokens, budget=_MOST_AT_ONCE)
            self._sequences.scores([tokens.runs("warm up")])

    def prepare(self, part: Readable) -> tuple[Run, ...]:
        """The runs of the text."""
        if not isinstance(part, View):
            msg = "toxicity reads text only"
            raise Unreadable(msg)
        return self._sequences.tokens.runs(part.text)

    def cost(self, item: tuple[Run, ...]) -> int:
        """Tokens."""
        return max(1, sum(len(run.tokens) for run in item))

    def classify(self, items: Sequence[tuple[Run, ...]]) -> list[list[Finding]]:
        """The highest score of each class over the runs of each item."""
        found = []
        for scores in self._sequences.scores(items):
            best = np.max(scores, axis=0).tolist() if scores else []
            found.append(
                [
                    Finding(category, score, evidence="detoxify")
                    for category, score in zip(self._categories, best, strict=bool(best))
                    if category is not None and score >= _LEAST
                ]
            )
        return found
