"""Any category of pictures that a policy names in words, by a CLIP model of open_clip.

picture ─frames→ image embedding ┐
prompts ─────────→ text embeddings ┴─cosine × the model's scale→ share of a category's best prompt against the others

The others are prompts for what is nothing in particular (``neutral``). A score is that share, not a calibrated
probability: look at the scores of pictures of your own (`guard check --json`) before blocking on one. Embeddings of
prompts are made when the policy is loaded, those of pictures are remembered, whichever policy asks.

Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from classifiers._torch import Device, Precision
from guard import taxonomy
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import ImagePart, Modality
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_LEAST = 0.01
_FRAMES = 8
_REMEMBERED = 2048
_NEUTRAL = (
    "an ordinary photo of everyday life",
    "a photo of people",
    "a landscape",
    "a photo of food",
    "a photo of an animal",
    "a photo of a building",
    "an object on a table",
    "a drawing",
    "a diagram or a page of text",
    "a plain surface",
)


@dataclass(frozen=True)
class ZeroShotOptions:
    """Which model, and what to look for.

    *model* is a folder in open_clip's format, or a name on the hub, *revision* a commit, tag or branch there, *sha256*
    the digest of each file of weights. *categories* gives the prompts of each, *neutral* those for what is none of
    them; each is put in place of ``{}`` in every one of *templates*, whose embeddings are averaged.
    """

    model: str = ""
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    neutral: tuple[str, ...] = _NEUTRAL
    templates: tuple[str, ...] = ("{}", "a photo of {}", "a picture showing {}")
    revision: str = "main"
    sha256: Mapping[str, str] = field(default_factory=dict)
    device: Device = "auto"
    dtype: Precision = "float32"

    def __post_init__(self) -> None:
        for category, prompts in self.categories.items():
            if not taxonomy.is_known(category):
                msg = f"`{category}` is no category: {taxonomy.suggest(category)}, or call it `custom.{category}`"
                raise ValueError(msg)
            if not prompts or not all(prompt.strip() for prompt in prompts):
                msg = f"category `{category}` has an empty prompt or none; say in a few words what such a picture shows"
                raise ValueError(msg)
        if not self.neutral:
            msg = "neutral is empty: without prompts for harmless pictures every picture would be one of the categories"
            raise ValueError(msg)
        if not self.templates or not all("{}" in template for template in self.templates):
            msg = "every one of templates has {} where the prompt goes"
            raise ValueError(msg)


class ZeroShot(Classifier["NDArray[np.float32]"]):
    """Items are the pixels of a picture's frames, shape (frames, 3, height, width); cost is the number of frames."""

    Options: ClassVar[type[Any]] = ZeroShotOptions
    automatic: ClassVar[bool] = False
    modalities = frozenset({Modality.IMAGE})
    reads: Reads = "whole"  # a picture does not grow
    batch_cost = _FRAMES
    version = "open-clip-1"
    license = "the model's own"
    options: ZeroShotOptions

    def __init__(self, options: ZeroShotOptions | None = None) -> None:
        super().__init__(options)
        if self.options.model:
            self.version = f"open-clip-1 {self.options.model}@{self.options.revision}"

    @classmethod
    def provides(cls, options: ZeroShotOptions) -> frozenset[str]:
        """The categories that have prompts."""
        return frozenset(options.categories)

    def load(self) -> None:
        """Load the model, and embed the prompts.

        Raises:
            WeightsError: it cannot be had, or is not what was pinned.
        """
        from classifiers import _folder

        options = self.options
        place = _folder.folder("zero_shot", options.model, options.revision, options.sha256)
        with _folder.loading("zero_shot", options.model):
            self._clip = _clip(place, options.device, options.dtype)
            self._neutral = self._clip.words(options.neutral, options.templates)
            self._prompts = [
                (category, self._clip.words(prompts, options.templates))
                for category, prompts in sorted(options.categories.items())
            ]

    def prepare(self, part: Readable) -> NDArray[np.float32]:
        """Every frame of the picture as the model wants it."""
        from guard.media import image

        if not isinstance(part, ImagePart):
            msg = "zero_shot reads pictures only"
            raise Unreadable(msg)
        return np.stack([self._clip.pixels(frame) for frame in image.decode(part.data, target=self._clip.side)])

    def cost(self, item: NDArray[np.float32]) -> int:
        """Frames."""
        return len(item)

    def classify(self, items: Sequence[NDArray[np.float32]]) -> list[list[Finding]]:
        """For each item the highest share of each category over its frames."""
        return [self._found(self._clip.pictures(item)) for item in items]

    def _found(self, frames: NDArray[np.float32]) -> list[Finding]:
        scale = self._clip.scale
        neutral = np.logaddexp.reduce(scale * frames @ self._neutral.T, axis=1)
        found = []
        for category, prompts in self._prompts:
            own = (scale * frames @ prompts.T).max(axis=1)
            score = float((1.0 / (1.0 + np.exp(np.clip(neutral - own, -80, 80)))).max())
            if not 0.0 <= score <= 1.0:
                msg = "the model gave no probability"
                raise ArithmeticError(msg)
            if score >= _LEAST:
                found.append(Finding(category, score, modality=Modality.IMAGE, evidence="prompt"))
        return found


class _Clip:
    """A model that places pictures and words in one space; embeddings have length one."""

    def __init__(self, place: Path, device: Device, dtype: Precision) -> None:
        import open_clip

        from classifiers import _torch

        name = f"local-dir:{place}"
        self._device = _torch.device_of("zero_shot", device)
        self._dtype = _torch.dtype_of(dtype, self._device)
        model, _, self._preprocess = open_clip.create_model_and_transforms(name, require_pretrained=True)
        self._model = model.to(self._device, self._dtype).eval()
        self._tokenizer = open_clip.get_tokenizer(name)
        size = model.visual.image_size
        self.side = int(max(size) if isinstance(size, tuple) else size)
        self.scale = float(model.logit_scale.detach().exp())
        self._key = os.urandom(16)
        self._known: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def pixels(self, frame: Any) -> NDArray[np.float32]:
        """A frame as the model wants it, shape (3, height, width)."""
        pixels: NDArray[np.float32] = self._preprocess(frame).numpy()
        return pixels

    def words(self, prompts: Sequence[str], templates: Sequence[str]) -> NDArray[np.float32]:
        """The embedding of each prompt, the mean over all templates; shape (prompts, width)."""
        import torch

        with torch.inference_mode():
            of = [
                self._model.encode_text(self._tokenizer([t.replace("{}", prompt) for t in templates]).to(self._device))
                for prompt in prompts
            ]
            return np.stack([_unit(_unit(one.float().cpu().numpy()).mean(axis=0)) for one in of])

    def pictures(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """The embedding of each frame; shape (frames, width)."""
        import torch

        digest = hashlib.blake2b(frames.tobytes(), key=self._key, digest_size=16).digest()
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return self._known[digest]
        with torch.inference_mode():
            given = torch.from_numpy(frames).to(self._device, self._dtype)
            seen = torch.cat([self._model.encode_image(some) for some in given.split(_FRAMES)])
            found = _unit(seen.float().cpu().numpy())
        if not np.isfinite(found).all():
            msg = "the model gave no embedding"
            raise ArithmeticError(msg)
        with self._lock:
            self._known[digest] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


@functools.cache
def _clip(place: Path, device: Device, dtype: Precision) -> _Clip:
    """The model in *place*: loaded once, however many policies name categories for it."""
    return _Clip(place, device, dtype)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """*vectors*, of length one each."""
    scaled: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return scaled
