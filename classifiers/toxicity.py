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
from guard.errors import WeightsError
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
_NETWORKS = {
    "AlbertForSequenceClassification",
    "BertForSequenceClassification",
    "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification",
}
_LEAST = 0.01
_MOST_AT_ONCE = 65_536
_OVERLAP = 32


@dataclass(frozen=True)
class ToxicityOptions:
    """Which model. *sha256* pins its checkpoint.

    *checkpoint* is a file in detoxify's format, *config* a folder with its tokenizer and configuration; without them
    the library's releases and the hub are asked for *model*.
    """

    model: Variant = "original"
    checkpoint: str = ""
    config: str = ""
    sha256: str = ""
    device: Device = "auto"
    dtype: Precision = "float32"


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
        self.version = f"detoxify-1 {self.options.checkpoint or self.options.model}"

    @classmethod
    def provides(cls, options: ToxicityOptions) -> frozenset[str]:
        """All classes; ``original`` and a checkpoint of one's own may have fewer."""
        everything = frozenset(CATEGORIES.values())
        return (
            everything - {"sexual"} if options.model.startswith("original") and not options.checkpoint else everything
        )

    def load(self) -> None:
        """Load the checkpoint, and judge once.

        Raises:
            WeightsError: it cannot be had, is not what was pinned, or is no checkpoint of this format.
        """
        from classifiers import _folder, _torch

        options = self.options
        with _folder.loading("toxicity", options.checkpoint or options.model):
            import transformers

            state = self._checkpoint()
            arch, classes = state["config"]["arch"]["args"], state["config"]["dataset"]["args"]["classes"]
            if arch["model_name"] not in _NETWORKS:
                msg = f"it wants the network {arch['model_name']}; those of detoxify are {', '.join(sorted(_NETWORKS))}"
                raise WeightsError(msg)
            given = {"local_files_only": bool(options.config), "trust_remote_code": False}
            place = options.config or arch["model_type"]
            network = getattr(transformers, arch["model_name"])
            config = network.config_class.from_pretrained(place, num_labels=len(classes), **given)
            model = network(config)
            missing, unexpected = model.load_state_dict(state["state_dict"], strict=False)
            others = [key for key in unexpected if not key.endswith("position_ids")]
            if missing or others:
                msg = f"its weights do not fit its configuration ({(missing or others)[0]})"
                raise WeightsError(msg)
            tokenizer = transformers.AutoTokenizer.from_pretrained(place, **given)
            device = _torch.device_of("toxicity", options.device)
            self._categories = [CATEGORIES.get(name) for name in classes]
            tokens = _torch.Tokens(tokenizer, config, most=None, overlap=_OVERLAP)
            model = model.to(device, _torch.dtype_of(options.dtype, device)).eval()
            self._sequences = Sequences(_torch.network(model, device, independent=True), tokens, budget=_MOST_AT_ONCE)
            self._sequences.scores([tokens.runs("warm up")])

    def _checkpoint(self) -> dict[str, Any]:
        """The checkpoint: tensors, names and numbers only, whatever else its file could hold."""
        import torch

        from classifiers._folder import pinned

        options = self.options
        if options.checkpoint:
            file = Path(options.checkpoint).expanduser()
            if not file.is_file():
                msg = f"classifier `toxicity`: there is no file {options.checkpoint}"
                raise WeightsError(msg)
        else:
            from detoxify.detoxify import MODEL_URLS

            url = MODEL_URLS[options.model]
            file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
            if not file.is_file():
                file.parent.mkdir(parents=True, exist_ok=True)
                torch.hub.download_url_to_file(url, str(file), file.stem.rpartition("-")[2], progress=False)
        if options.sha256:
            pinned("toxicity", file, options.sha256)
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        if not {"config", "state_dict"} <= state.keys():
            msg = (
                f"classifier `toxicity`: {file.name} has no `config` and `state_dict`: it is no checkpoint of detoxify"
            )
            raise WeightsError(msg)
        return state

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
