"""A classifier of one's own from transformers: sequences, tokens or pictures, from a folder or the hub.

text ─tokenizer→ runs of tokens that overlap ─batches of similar length→ scores of labels ─`labels`→ categories

``labels`` says which label of the model is which category here; labels that are not named are not looked at. A text's
score is the highest of its runs, a picture's the highest of its frames: a longer text is never cut off. For what a
score of somebody else's model means see its own card.

The model runs on torch, or, where ``onnx`` names a file of its folder, on ONNX Runtime, without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from classifiers import _folder
from classifiers._runs import Run, Sequences
from classifiers._torch import Device, Precision
from guard import taxonomy
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality, View
from guard.errors import WeightsError
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Task = Literal["text", "tokens", "image"]
_LEAST = 0.01
_MOST_AT_ONCE = 65_536
"""Tokens that go through the model at once, padding included."""
_FRAMES = 8
_OVERLAP = 32


@dataclass(frozen=True)
class HfOptions:
    """Which model, and what its labels are called here.

    *model* is a folder or a name on the hub, *revision* a commit, tag or branch there, *sha256* the digest of each file
    of weights. *labels* gives categories by the model's own labels; of tokens without ``B-`` and ``I-``. *task* is what
    the model judges. *max_tokens* bounds what it reads at once (as many as it takes, 512 at most). *independent*: each
    label has a probability of its own, as the model's configuration says if this is not given. *onnx* is a file of the
    model's folder that is run by ONNX Runtime on the CPU, for texts and tokens; *device* and *dtype* are torch's.
    """

    model: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    task: Task = "text"
    revision: str = "main"
    sha256: Mapping[str, str] = field(default_factory=dict)
    max_tokens: int | None = None
    independent: bool | None = None
    min_score: float = 0.5
    device: Device = "auto"
    dtype: Precision = "float32"
    onnx: str = ""

    def __post_init__(self) -> None:
        for label, category in self.labels.items():
            if not taxonomy.is_known(category):
                msg = f"label `{label}` cannot be category `{category}`: {taxonomy.suggest(category)}"
                raise ValueError(msg)
        if self.max_tokens is not None and self.max_tokens < 8:
            msg = "max_tokens should be at least 8"
            raise ValueError(msg)
        if not 0.0 <= self.min_score <= 1.0:
            msg = "min_score should be between 0 and 1"
            raise ValueError(msg)
        if self.onnx and self.task == "image":
            msg = "an ONNX file is read for `task: text` and `task: tokens`; pictures take torch: leave `onnx` out"
            raise ValueError(msg)
        if self.onnx and (self.device not in ("auto", "cpu") or self.dtype not in ("auto", "float32")):
            msg = "an ONNX file runs on the CPU in the numbers that it was written in; leave `device` and `dtype` out"
            raise ValueError(msg)


class Hf(Classifier[Any]):
    """Items are runs of tokens, or the pixels of a picture's frames, shape (frames, 3, height, width)."""

    Options: ClassVar[type[Any]] = HfOptions
    automatic: ClassVar[bool] = False
    reads: Reads = "sentences"
    window: int | None = 4_000
    horizon = 200
    batch_cost = 1_024
    largest_batch: int | None = _MOST_AT_ONCE
    pads = True
    version = "transformers-1"
    license = "the model's own"
    options: HfOptions

    def __init__(self, options: HfOptions | None = None) -> None:
        super().__init__(options)
        if self.options.model:
            self.version = f"transformers-1 {self.options.model}@{self.options.revision}"
            if self.options.onnx:
                self.version = f"onnx-1 {self.options.model}@{self.options.revision} {self.options.onnx}"
        if self.options.task == "image":
            self.modalities = frozenset({Modality.IMAGE})
            self.reads, self.window, self.pads = "whole", None, False
            self.batch_cost, self.largest_batch = _FRAMES, None
        elif self.options.task == "tokens":
            self.dilutes = False

    @classmethod
    def provides(cls, options: HfOptions) -> frozenset[str]:
        """The categories that labels are given."""
        return frozenset(options.labels.values())

    def load(self) -> None:
        """Load the model, and judge once.

        Raises:
            WeightsError: it cannot be had, is not what was pinned, or has no such labels.
        """
        if self.options.onnx:
            self._load_graph()
        else:
            self._load_network()

    def _load_graph(self) -> None:
        from classifiers import _onnx_hf

        options = self.options
        place, data, beside = _onnx_hf.files("hf", options.model, options.revision, options.onnx, options.sha256)
        with _folder.loading("hf", f"{options.model}, {options.onnx},", extra="hf-onnx"):
            config = _onnx_hf.configuration(place)
            tokens = _onnx_hf.Tokens(place, config, most=options.max_tokens, overlap=_OVERLAP)
            graph = _onnx_hf.Graph(data, options.onnx, beside, tokens=options.task == "tokens")
            self._label(_onnx_hf.labels(config, graph.count), config.get("problem_type"))
            self._sequences = _onnx_hf.sequences(graph, tokens, independent=self._independent)
            if self._sequences.budget == 1:  # one by one, so that nobody waits for neighbours
                self.pads, self.batch_cost, self.largest_batch = False, 1, None
            self._sequences.scores([tokens.runs("warm up")])

    def _load_network(self) -> None:
        from classifiers import _torch

        options = self.options
        place = _folder.folder("hf", options.model, options.revision, options.sha256)
        with _folder.loading("hf", options.model):
            import transformers

            transformers.utils.logging.disable_progress_bar()
            kinds = {
                "text": transformers.AutoModelForSequenceClassification,
                "tokens": transformers.AutoModelForTokenClassification,
                "image": transformers.AutoModelForImageClassification,
            }
            given = {"local_files_only": True, "trust_remote_code": False}
            self._device = _torch.device_of("hf", options.device)
            dtype = _torch.dtype_of(options.dtype, self._device)
            model, notes = kinds[options.task].from_pretrained(
                place, use_safetensors=True, dtype=dtype, output_loading_info=True, **given
            )
            if notes["missing_keys"]:
                msg = f"its file lacks {', '.join(sorted(notes['missing_keys'])[:3])}: it is not a model for this task"
                raise ValueError(msg)
            self._model = model.to(self._device).eval()
            names = [str(model.config.id2label[number]) for number in range(len(model.config.id2label))]
            self._label(names, model.config.problem_type)
            if options.task == "image":
                self._processor = transformers.AutoImageProcessor.from_pretrained(place, **given)
                self._pictures([np.zeros((1, 3, *self._size()), np.float32)])
                return
            tokenizer = transformers.AutoTokenizer.from_pretrained(place, **given)
            if not tokenizer.is_fast:
                msg = "its tokenizer does not say where tokens stand in the text; it has to be a fast one"
                raise ValueError(msg)
            tokens = _torch.Tokens(tokenizer, model.config, most=options.max_tokens, overlap=_OVERLAP)
            judge = _torch.network(self._model, self._device, independent=self._independent)
            self._sequences = Sequences(judge, tokens, budget=_MOST_AT_ONCE)
            self._sequences.scores([tokens.runs("warm up")])

    def _label(self, names: Sequence[str], problem: object) -> None:
        """Set the category of each output of the model, None for those that nobody asked for, by their *names*.

        *problem* is the configuration's ``problem_type``: whether each label has a probability of its own.
        """
        if self.options.task == "tokens":
            names = [name[2:] if name[:2] in ("B-", "I-", "E-", "S-", "L-", "U-") else name for name in names]
        unknown = [label for label in self.options.labels if label not in names]
        if unknown or not self.options.labels:
            known = ", ".join(dict.fromkeys(names))
            said = (
                f"no label {', '.join(f'`{one}`' for one in unknown)}" if unknown else "labels, of which none is named"
            )
            msg = f"classifier `hf`: {self.options.model} has {said}; `labels` can name {known}"
            raise WeightsError(msg)
        self._categories = [self.options.labels.get(name) for name in names]
        self._independent = problem == "multi_label_classification" or len(names) == 1
        if self.options.independent is not None:
            self._independent = self.options.independent

    def _size(self) -> tuple[int, int]:
        size = self._processor.size
        side = size.get("height") or size.get("shortest_edge") or 224
        return int(side), int(size.get("width") or side)

    def prepare(self, part: Readable) -> Any:
        """Runs of the text, or the pixels of the picture."""
        if self.options.task != "image":
            if not isinstance(part, View):
                msg = "hf was set up to read text"
                raise Unreadable(msg)
            return self._sequences.tokens.runs(part.text)
        if not isinstance(part, ImagePart):
            msg = "hf was set up to read pictures"
            raise Unreadable(msg)
        from guard.media import image

        frames = list(image.decode(part.data, target=max(self._size())))
        pixels: NDArray[np.float32] = self._processor(images=frames, return_tensors="np")["pixel_values"]
        return np.asarray(pixels, np.float32)

    def cost(self, item: Any) -> int:
        """Tokens, or frames."""
        return len(item) if self.options.task == "image" else max(1, sum(len(run.tokens) for run in item))

    def classify(self, items: Sequence[Any]) -> list[list[Finding]]:
        """The categories of each item; of tokens where they stand."""
        if self.options.task == "image":
            return [self._found(scores) for scores in self._pictures(items)]
        said = self._sequences.scores(items)
        if self.options.task == "tokens":
            return [self._spans(item, scores) for item, scores in zip(items, said, strict=True)]
        return [self._found(np.max(scores, axis=0) if scores else None) for scores in said]

    def _found(self, scores: NDArray[np.float32] | None) -> list[Finding]:
        if scores is None:
            return []
        best: dict[str, float] = {}
        for category, score in zip(self._categories, scores.tolist(), strict=True):
            if category is not None and score >= _LEAST:
                best[category] = max(best.get(category, 0.0), score)
        modality = Modality.IMAGE if self.options.task == "image" else Modality.TEXT
        return [Finding(category, score, modality=modality, evidence="model") for category, score in best.items()]

    def _pictures(self, items: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """The highest scores over the frames of each item."""
        import torch

        from classifiers._torch import probabilities

        found = []
        with torch.inference_mode():
            for item in items:  # one by one: on a CPU a batch is no quicker, and no score can depend on another picture
                pixels = torch.from_numpy(item).to(self._device, self._model.dtype)
                logits = torch.cat([self._model(pixel_values=some).logits for some in pixels.split(_FRAMES)])
                found.append(probabilities(logits, independent=self._independent).max(axis=0))
        return found

    def _spans(self, item: tuple[Run, ...], scores: Sequence[NDArray[np.float32]]) -> list[Finding]:
        """Stretches of tokens of one category, joined over blanks; of those that overlap the surest."""
        best: dict[tuple[str, int, int], float] = {}
        for run, of in zip(item, scores, strict=True):
            for category, start, end, score in self._stretches(run, of):
                key = (category, start, end)
                best[key] = max(best.get(key, 0.0), score)
        found: list[Finding] = []
        for (category, start, end), score in sorted(best.items(), key=lambda one: (-one[1], one[0][1] - one[0][2])):
            if score >= self.options.min_score and not any(
                f.category == category and f.span and start < f.span[1] and f.span[0] < end for f in found
            ):
                found.append(Finding(category, score, (start, end), evidence="model"))
        return sorted(found, key=lambda finding: finding.span or (0, 0))

    def _stretches(self, run: Run, scores: NDArray[np.float32]) -> Iterator[tuple[str, int, int, float]]:
        begun: tuple[str, int, int, list[float]] | None = None
        for (start, end), of in zip(run.places, scores, strict=True):
            if start == end:  # a token of the model's own
                continue
            number = int(of.argmax())
            category, score = self._categories[number], float(of[number])
            if begun is not None and begun[0] == category and start - begun[2] <= 1:
                begun = (category, begun[1], end, [*begun[3], score])
                continue
            if begun is not None:
                yield *begun[:3], float(np.mean(begun[3]))
            begun = (category, start, end, [score]) if category is not None else None
        if begun is not None:
            yield *begun[:3], float(np.mean(begun[3]))
