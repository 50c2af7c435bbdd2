"""Users' own models on torch: what they run on, their tokenizers, their networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from classifiers._runs import Run, longest, read
from guard.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from classifiers._runs import Judge

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16", "float16", "auto"]


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


class Tokens:
    """Cuts texts into runs of tokens that a model can read, which overlap: nothing is left out."""

    def __init__(self, tokenizer: Any, config: Any, *, most: int | None, overlap: int) -> None:
        """*most* tokens a run, the special ones among them; None: as many as the model takes, 512 at the most."""
        known = ("max_position_embeddings", "model_type", "pad_token_id")
        self.most = longest(most, int(tokenizer.model_max_length), {key: getattr(config, key, None) for key in known})
        self.padding = int(tokenizer.pad_token_id or 0)
        self._tokenizer = tokenizer
        self._overlap = min(overlap, (self.most - 2) // 2)

    def runs(self, text: str) -> tuple[Run, ...]:
        """The runs of *text*, as `Cutter` has it."""
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
        return read(
            [
                Run(tuple(tokens), tuple((int(start), int(end)) for start, end in places))
                for tokens, places in zip(cut["input_ids"], cut["offset_mapping"], strict=True)
            ]
        )


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


def network(model: Any, device: Any, *, independent: bool) -> Judge:
    """*model* of transformers, which is in its evaluation mode and on *device*, as what judges runs of tokens."""

    def judge(tokens: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            given = torch.from_numpy(tokens).to(device)
            counts = torch.from_numpy(mask).to(device)
            logits = model(input_ids=given, attention_mask=counts).logits
        return probabilities(logits, independent=independent)

    return judge
