"""The encoder of the text model in plain torch: a BERT with the heads that the gateway asks for.

Written out, not taken from a library: what is exported is then exactly what is here, and a parity test holds the two
together. Texts of one batch are padded; padding is masked out of attention and of the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

EPSILON = 1e-12


class Layer(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """Self-attention and a feed-forward network, each with its residual and norm (post-norm, as BERT)."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.last = nn.LayerNorm(width, EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """*x* after the layer; *hidden* is added to what attention compares: 0, or far below it for padding."""
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        # Written out: torch's fused kernel spends more on short texts than all the matrices together.
        seen = (q @ k.transpose(-2, -1)) * (q.shape[-1] ** -0.5) + hidden
        read = seen.softmax(-1) @ v
        x = self.norm(x + self.dropout(self.out(read.transpose(1, 2).reshape(batch, length, width))))
        return self.last(x + self.dropout(self.down(functional.gelu(self.up(x)))))


class Net(nn.Module):  # type: ignore[misc]
    """Pieces in, log-odds of each head out.

    Every piece goes through one hidden layer, beside the first one, and gives each head log-odds and a weight. A head's
    log-odds are the mean over the pieces by its own weights (softmax), so each looks at the pieces that concern it.
    `means` is what the sentence vector is made of (see ``text_vectors``).
    """

    def __init__(
        self, pieces: int, layers: int, heads: int, *, width: int = 384, attention: int = 12, inner: int = 1536,
        positions: int = 512, dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.width, self.middle = width, layers // 2
        self.frozen = 0
        self.word = nn.Embedding(pieces, width)
        self.position = nn.Embedding(positions, width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.layers = nn.ModuleList(Layer(width, attention, inner, dropout) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(2 * width, width)
        self.heads = nn.Linear(width, heads)
        self.look = nn.Linear(width, heads)
        nn.init.zeros_(self.look.weight), nn.init.zeros_(self.look.bias)  # at first, all pieces alike

    def encode(self, numbers: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Each piece's vector at the middle layer and the last, each ``(texts, pieces, width)``.

        *mask* is 1 for pieces and 0 for padding.
        """
        places = torch.arange(numbers.shape[1], device=numbers.device)
        x = self.dropout(self.norm(self.word(numbers) + self.position(places)))
        hidden = (mask[:, None, None, :] - 1) * 1e4
        middle = x
        for number, layer in enumerate(self.layers):
            x = layer(x, hidden)
            middle = x if number == self.middle else middle
        return middle, x

    def above(self, x: Tensor, mask: Tensor) -> Tensor:
        """``(texts, heads)`` log-odds from the vectors *x* that the frozen layers gave."""
        hidden = (mask[:, None, None, :] - 1) * 1e4
        for layer in self.layers[self.frozen :]:
            x = layer(x, hidden)
        return self.judge(x, mask)

    def freeze(self, layers: int) -> None:
        """Let the vectors of pieces and, if any, the lower *layers* stay as they are: they are learned no more."""
        # Of the vectors, those that no row shows would be left behind by those that some do.
        self.frozen, self.word.weight.requires_grad = layers, False
        for part in (self.position, self.norm, *self.layers[:layers]) if layers else ():
            part.requires_grad_(requires_grad=False)

    def means(self, numbers: Tensor, mask: Tensor) -> Tensor:
        """``(texts, 2 * width)``: the mean over the pieces at the middle layer, then at the last."""
        share = (mask / mask.sum(1, keepdim=True))[..., None]
        return torch.cat([(x * share).sum(1) for x in self.encode(numbers, mask)], dim=1)

    def forward(self, numbers: Tensor, mask: Tensor) -> Tensor:
        """``(texts, heads)`` log-odds."""
        return self.judge(self.encode(numbers, mask)[1], mask)

    def judge(self, x: Tensor, mask: Tensor) -> Tensor:
        """``(texts, heads)`` log-odds from the vectors *x* of the last layer."""
        of_piece, of_first = self.hidden.weight.split(self.width, dim=1)
        x = self.dropout(x)
        hidden = functional.linear(x, of_piece, self.hidden.bias) + functional.linear(x[:, :1], of_first)
        hidden = self.dropout(functional.gelu(hidden))
        share = (self.look(hidden) + ((mask - 1) * 1e4)[..., None]).softmax(1)
        return (share * self.heads(hidden)).sum(1)

    def take(self, tensors: Mapping[str, NDArray[np.float32]], kept: list[int], layers: list[int]) -> None:
        """Fill in the published *tensors*: the rows of *kept* pieces and the *layers* with these numbers."""
        width = self.word.weight.shape[1]

        def put(target: Tensor, *names: str) -> None:
            found = torch.cat([torch.from_numpy(tensors[name]).view(-1) for name in names])
            target.data.copy_(found.view(target.shape))

        words = torch.from_numpy(tensors["emb.word"]).view(-1, width)
        self.word.weight.data.copy_(words[kept])
        put(self.position.weight, "emb.pos")
        self.position.weight.data += torch.from_numpy(tensors["emb.type"]).view(-1, width)[0]
        put(self.norm.weight, "emb.ln.w")
        put(self.norm.bias, "emb.ln.b")
        for layer, number in zip(self.layers, layers, strict=True):
            for target, names in (
                (layer.qkv, ("q", "k", "v")), (layer.out, ("ao",)), (layer.norm, ("aln",)),
                (layer.up, ("fi",)), (layer.down, ("fo",)), (layer.last, ("oln",)),
            ):  # fmt: skip
                put(target.weight, *(f"l{number}.{name}.w" for name in names))
                put(target.bias, *(f"l{number}.{name}.b" for name in names))
