"""Users' own models on torch: where their files come from, what they run on, batches whose neighbours do not matter.

Files are a local folder, or a repository of the hub that is fetched once. Only safetensors are read, for other formats
may run code; nothing that a repository brings is executed; and a sha256 can be asked of every file.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from guard.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16", "float16", "auto"]

_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.tiktoken")
_MOST_TOKENS = 512
_BEHIND_PADDING = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"})
"""Architectures whose positions are counted from behind the padding's number."""
_PIECE = 2**20
_MOST_PADDING = 1.17
_SOME_PADDING = 64
"""Tokens: to run so many more takes no longer than to begin another batch."""


def folder(name: str, model: str, revision: str, pins: Mapping[str, str]) -> Path:
    """Where the files of *model* are, each of *pins* (file name → sha256) proved to be what was pinned.

    *name* is the classifier's, for messages. *model* is a folder, or the name of a repository of the Hugging Face hub,
    which is fetched at *revision* unless it was before.

    Raises:
        WeightsError: there is no such model, it holds no safetensors, or a file is not the one that was pinned.
    """
    if not model:
        msg = f"classifier `{name}` has no model; set its option `model` to a folder or to a name on the hub"
        raise WeightsError(msg)
    place = Path(model).expanduser()
    if not place.is_dir():
        place = _fetched(name, model, revision)
    weights = sorted(file.name for file in place.glob("*.safetensors"))
    if not weights:
        msg = f"classifier `{name}`: {model} holds no .safetensors; other formats can run code and are not read"
        raise WeightsError(msg)
    if pins and (unpinned := [file for file in weights if file not in pins]):
        msg = f"classifier `{name}`: `sha256` does not name {', '.join(unpinned)}; pin every file of weights, or none"
        raise WeightsError(msg)
    for file, digest in pins.items():
        pinned(name, place / file, digest)
    return place


def _fetched(name: str, model: str, revision: str) -> Path:
    if model.startswith(("/", ".", "~")):
        msg = f"classifier `{name}`: there is no folder {model}"
        raise WeightsError(msg)
    try:
        import huggingface_hub

        return Path(huggingface_hub.snapshot_download(model, revision=revision, allow_patterns=list(_PATTERNS)))
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
def loading(name: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong while *what* is loaded into a `WeightsError` that says so."""
    try:
        yield
    except WeightsError:
        raise
    except ImportError as error:
        extra = name.replace("_", "-")
        msg = (
            f"classifier `{name}` needs package {error.name}, which is not installed: "
            f"pip install 'guard-gateway[{extra}]'"
        )
        raise WeightsError(msg) from error
    except Exception as error:
        msg = f"classifier `{name}`: {what} cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        raise WeightsError(msg) from error


def device_of(name: str, wanted: Device) -> Any:
    """The torch device that is *wanted*; ``auto`` is the first there is of CUDA, MPS, CPU.

    Raises:
        WeightsError: this machine has none of that kind.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    chosen = next(kind for kind, is_there in there.items() if is_there) if wanted == "auto" else wanted
    if not there[chosen]:
        msg = f"classifier `{name}`: there is no device `{wanted}` on this machine; use `auto` or `cpu`"
        raise WeightsError(msg)
    return torch.device(chosen)


def dtype_of(precision: Precision, device: Any) -> Any:
    """The torch type of that name; ``auto`` is bfloat16 where *device* multiplies it itself, float32 elsewhere.

    A CPU does with AMX; without it bfloat16 may be slower than float32. A torch that does not say what the CPU has
    gives float32.
    """
    import torch

    if precision == "auto":
        of_cpu: Any = getattr(torch.cpu, "get_capabilities", dict)
        cuda = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = quickest(device.type, of_cpu(), cuda=cuda)
    return getattr(torch, precision)


def quickest(device: str, cpu: Mapping[str, object], *, cuda: bool) -> Precision:
    """bfloat16 where a *device* of that kind multiplies it: by what *cpu* says it can, and whether *cuda* does."""
    own = {"cpu": bool(cpu.get("amx_bf16")), "cuda": cuda}
    return "bfloat16" if own.get(device) else "float32"


class Run(NamedTuple):
    """What is read at once of a text: the numbers of its tokens, and where each stands in it."""

    tokens: tuple[int, ...]
    places: tuple[tuple[int, int], ...] = ()


class Tokens:
    """Cuts texts into runs of tokens that a model can read, which overlap: nothing is left out."""

    def __init__(self, tokenizer: Any, config: Any, *, most: int | None, overlap: int) -> None:
        """*most* tokens a run, the special ones among them; None: as many as the model takes, 512 at the most."""
        known = [_MOST_TOKENS if most is None else most]
        if 0 < (limit := int(tokenizer.model_max_length)) < 10**9:
            known.append(limit)
        if isinstance(places := getattr(config, "max_position_embeddings", None), int) and places > 0:
            behind = (config.pad_token_id or 0) + 1 if config.model_type in _BEHIND_PADDING else 0
            known.append(places - behind)
        self.most = min(known)
        self.padding = int(tokenizer.pad_token_id or 0)
        self._tokenizer = tokenizer
        self._overlap = min(overlap, (self.most - 2) // 2)

    def runs(self, text: str) -> tuple[Run, ...]:
        """The runs of *text*; none if it shows nothing. May be called from several threads."""
        if not text.strip():
            return ()
        cut = self._tokenizer(
            text.encode("utf-8", "replace").decode("utf-8"),
            truncation=True,
            max_length=self.most,
            stride=self._overlap,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        return tuple(
            Run(tuple(tokens), tuple((int(start), int(end)) for start, end in places))
            for tokens, places in zip(cut["input_ids"], cut["offset_mapping"], strict=True)
        )


def in_batches(
    runs: Sequence[Sequence[int]],
    budget: int,
    judge: Callable[[NDArray[np.int64], NDArray[np.int64]], Any],
    padding: int,
) -> list[Any]:
    """What *judge* says of each of *runs* of tokens, in order: one answer for each, whatever else is there.

    It is given tokens and the mask of those that count, both of shape (runs, length), in batches of similar length: no
    batch has more than *budget* places, padding included, unless one run alone does, and little of it is padding.
    """
    order = sorted(range(len(runs)), key=lambda number: -len(runs[number]))
    found: list[Any] = [None] * len(runs)
    start = 0
    while start < len(order):
        length = len(runs[order[start]])
        count = _alike([len(runs[number]) for number in order[start : start + max(1, budget // length)]])
        some = order[start : start + count]
        tokens = np.full((len(some), length), padding, np.int64)
        mask = np.zeros_like(tokens)
        for row, number in enumerate(some):
            tokens[row, : len(runs[number])] = runs[number]
            mask[row, : len(runs[number])] = 1
        answers = judge(tokens, mask)
        if len(answers) != len(some):
            msg = "the model gave another number of answers than it was given texts"
            raise ArithmeticError(msg)
        for number, answer in zip(some, answers, strict=True):
            found[number] = answer
        start += len(some)
    return found


def _alike(lengths: Sequence[int]) -> int:
    """How many of *lengths*, which fall, may be padded to the first: a sixth more than they are, and 64 at least."""
    total = 0
    for count, length in enumerate(lengths):
        total += length
        if lengths[0] * (count + 1) > max(_MOST_PADDING * total, total + _SOME_PADDING):
            return count
    return len(lengths)


def probabilities(logits: Any, *, independent: bool) -> NDArray[np.float32]:
    """*logits* (…, labels) as probabilities: each label's own, or shares of one.

    Raises:
        ArithmeticError: the model gave something that is no number.
    """
    import torch

    logits = logits.float()
    shares = torch.sigmoid(logits) if independent else torch.softmax(logits, dim=-1)
    found: NDArray[np.float32] = shares.cpu().numpy()
    if not np.isfinite(found).all():
        msg = "the model gave no probability"
        raise ArithmeticError(msg)
    return found


def _unpadded(scores: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """*scores* of *length* tokens without those of padding; those of a whole run, shape (labels,), as they are."""
    return scores[:length] if scores.ndim > 1 else scores


class Sequences:
    """A loaded transformer that judges runs of tokens: *labels* scores of each, or of each token of it."""

    def __init__(self, model: Any, device: Any, tokens: Tokens, *, independent: bool, budget: int) -> None:
        """*model* is in its evaluation mode and on *device*; *budget* is how many tokens go at once."""
        self.tokens = tokens
        self._model = model
        self._device = device
        self._independent = independent
        self._budget = budget

    def scores(self, items: Sequence[tuple[Run, ...]]) -> list[list[NDArray[np.float32]]]:
        """For each item, for each of its runs: an array of shape (labels,) or (tokens, labels)."""
        runs = [run.tokens for item in items for run in item]
        said = iter(in_batches(runs, self._budget, self._judge, self.tokens.padding))
        return [[_unpadded(next(said), len(run.tokens)) for run in item] for item in items]

    def _judge(self, tokens: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            given = torch.from_numpy(tokens).to(self._device)
            counts = torch.from_numpy(mask).to(self._device)
            logits = self._model(input_ids=given, attention_mask=counts).logits
        return probabilities(logits, independent=self._independent)
