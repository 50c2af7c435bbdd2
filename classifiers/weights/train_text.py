"""Trains the text model: ``python -m classifiers.weights.train_text --base base.npz --rows rows.jsonl --out run``.

Needs torch. One encoder, one output per head; a head learns from the rows that say something about it. The weights are
averaged over the steps (an exponential moving average) and a checkpoint of everything is kept, so that a run which is
stopped goes on where it stood.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from classifiers._pieces import BEGIN, END, PADDING, Pieces
from classifiers.weights import text_noise, text_rows
from classifiers.weights.text_net import Net
from classifiers.weights.text_rows import CALIBRATION_FOLD, HEADS, HELD_BACK_FOLD, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WINDOW = 512
"""Characters that the model reads at once."""
MOST = 200
"""Pieces that a training text keeps."""


def repeats(row: Row) -> float:
    """How often a row is shown in one pass: what is rare in the sets more than once."""
    if row.source in ("rows_toxicity", "rows_harm", "rows_attacks"):
        return 1.5
    return {
        "jailbreaks_in_the_wild": 3.0, "gptfuzz": 3.0, "toxigen_prompts": 2.0, "catqa": 2.0, "strongreject": 2.0,
        "prompt_injection": 2.0, "benign_prompts": 1.5, "role_prompts": 3.0, "toxicity_seeds": 0.5,
        "prompt_attack_seeds": 1.0, "stormfront": 0.6, "ldnoobw": 1.0,
    }.get(row.source, 1.0)  # fmt: skip


class Shown:
    """The training texts as one pass shows them: drawn, cut, changed and joined anew each time."""

    def __init__(self, rows: list[Row], pieces: Pieces, targets: Any, seed: int) -> None:
        import opencc  # type: ignore[import-untyped]

        self.rows, self.pieces, self.targets = rows, pieces, targets
        labels, weights = text_rows.arrays(rows)
        self.labels, self.weights = labels, weights
        self.source = random.Random(seed)
        self.noise = text_noise.Noise(self.source, opencc.OpenCC("s2t").convert)
        self.calm = [n for n, row in enumerate(rows) if weights[n].min() > 0 and labels[n].max() == 0]

    def one(self, number: int) -> tuple[list[int], Any, Any, int]:
        """``(pieces, labels, weights, target or -1)`` of one row as it is shown this time."""
        row, source = self.rows[number], self.source
        text, labels, weights = row.text, self.labels[number], self.weights[number]
        target = number if len(text) <= WINDOW else -1
        if len(text) > WINDOW:
            whole = len(text)
            text = text_noise.crop(source, text, WINDOW)
            if row.labels.get("prompt_attack.jailbreak", 0.0) > 0.5 and not row.text.startswith(text):
                weights = weights * min(1.0, 2 * WINDOW / whole)  # a window of an attack need not show it
        elif len(text) < 300 and source.random() < 0.15:
            other = source.choice(self.calm) if source.random() < 0.7 else source.randrange(len(self.rows))
            more = (text_noise.crop(source, self.rows[other].text, 200), self.labels[other], self.weights[other])
            pair = [(text, labels, weights), more]
            source.shuffle(pair)
            text, labels, weights = text_noise.joined(source, *pair)
            target = -1
        shown = self.noise.changed(text)
        numbers = self.pieces.encode(shown)
        return [BEGIN, *numbers[:MOST], END], labels, weights, target if shown == text else -1

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        source = self.source
        order = [n for n, row in enumerate(self.rows) for _ in range(int(repeats(row) + source.random()))]
        source.shuffle(order)
        for start in range(0, len(order), 8192):
            shown = [self.one(number) for number in order[start : start + 8192]]
            for batch in text_noise.batches(source, [len(one[0]) for one in shown], 2048):
                yield packed([shown[number] for number in batch])

    def steps(self) -> int:
        """About how many batches a pass has."""
        sizes = [min(MOST, 2 + len(self.pieces.encode(row.text[:WINDOW]))) for row in self.rows[::50]]
        mean = float(np.mean(sizes))
        return int(sum(map(repeats, self.rows)) * mean * 1.12 / 2048)


def packed(batch: Sequence[tuple[list[int], Any, Any, int]]) -> tuple[Any, ...]:
    """One padded batch as tensors."""
    longest = max(len(one[0]) for one in batch)
    numbers = torch.full((len(batch), longest), PADDING)
    for row, one in enumerate(batch):
        numbers[row, : len(one[0])] = torch.tensor(one[0])
    mask = (numbers != PADDING).float()
    labels = torch.from_numpy(np.array([one[1] for one in batch], np.float32))
    weights = torch.from_numpy(np.array([one[2] for one in batch], np.float32))
    return numbers, mask, labels, weights, [one[3] for one in batch]


def loss_of(logits: Any, labels: Any, weights: Any) -> Any:
    """Mean over the labelled heads of the batch, each by its weight; heads with few rows count for more."""
    each = functional.binary_cross_entropy_with_logits(logits.float(), labels, reduction="none")
    return (each * weights * HEAD_WEIGHT).sum() / (weights * HEAD_WEIGHT).sum().clamp(min=1.0)


HEAD_WEIGHT = torch.tensor([
    1.5 if head in ("toxicity", "hate") else 0.3 if head.startswith("prompt_attack") else 0.7 for head in HEADS
])  # fmt: skip


def train(options: argparse.Namespace) -> None:
    """Run, or go on with, the training that *options* describe."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    base = np.load(options.base, allow_pickle=False)
    pieces = Pieces(base["pieces"].tolist(), base["scores"].tolist())
    taken = [int(n) for n in options.layers.split(",")]
    net = Net(len(pieces.pieces), len(taken), len(HEADS), dropout=options.dropout)
    net.take(base, list(range(len(pieces.pieces))), taken)
    rows = [row for row in text_rows.load(options.rows) if row.fold not in (CALIBRATION_FOLD, HELD_BACK_FOLD)]
    rows = random.Random(options.seed).sample(rows, min(len(rows), options.limit))
    targets = None
    if options.targets:
        found = np.load(options.targets, allow_pickle=False)
        at = {text: number for number, text in enumerate(found["texts"].tolist())}
        vectors = torch.from_numpy(found["vectors"].astype(np.float32))
        places = torch.tensor([at.get(text_key(row), -1) for row in rows])
        targets = (vectors, places)
    shown = Shown(rows, pieces, targets, options.seed)
    total = max(1, int(shown.steps() * options.passes))
    fresh = [p for name, p in net.named_parameters() if name.startswith(("heads", "hidden", "meaning"))]
    known = [p for name, p in net.named_parameters() if not name.startswith(("heads", "hidden", "meaning"))]
    groups = [{"params": known, "lr": options.rate, "weight_decay": 0.01}, {"params": fresh, "lr": options.rate * 8}]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    rates = [group["lr"] for group in groups]
    average = {name: value.clone() for name, value in net.state_dict().items()}
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, step = options.out / "checkpoint.pt", 0
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(stored["net"])
        optimiser.load_state_dict(stored["optimiser"])
        average, step = stored["average"], stored["step"]
    print(f"{len(rows)} rows, {total} steps, {len(taken)} layers, at step {step}", flush=True)
    began, losses = time.monotonic(), []
    net.train()
    while step < total:
        for numbers, mask, labels, weights, which in shown:
            share = min(1.0, (step + 1) / (0.06 * total)) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * share
            with torch.autocast("cpu", torch.bfloat16):
                logits, mean = net(numbers, mask)
            loss = loss_of(logits, labels, weights)
            if targets is not None:
                loss = loss + options.meaning * meaning_loss(net, mean, targets, which)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            step += 1
            losses.append(float(loss))
            keep = min(options.average, step / (step + 10))
            with torch.no_grad():
                for name, value in net.state_dict().items():
                    average[name].lerp_(value, 1 - keep)
            if step % 50 == 0:
                spent = time.monotonic() - began
                print(f"step {step}/{total} loss {np.mean(losses[-50:]):.4f} {spent:.0f} s", flush=True)
            if step % 400 == 0 or step == total:
                state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average, "step": step}
                torch.save(state, checkpoint.with_suffix(".new"))
                checkpoint.with_suffix(".new").replace(checkpoint)
                np.savez(options.out / "average.npz", **{name: value.numpy() for name, value in average.items()})
            if step >= total:
                break
    (options.out / "shape.json").write_text(json.dumps({"layers": len(taken), "heads": HEADS}))


def text_key(row: Row) -> str:
    """What a row's stored sentence vector is found by."""
    return row.text[:WINDOW]


def meaning_loss(net: Net, mean: Any, targets: Any, which: list[int]) -> Any:
    """How far the sentence vectors are from those of the encoder as it was published, where a row has one."""
    vectors, places = targets
    rows = [n for n, number in enumerate(which) if number >= 0 and places[number] >= 0]
    if not rows:
        return mean.sum() * 0.0
    wanted = vectors[places[[which[n] for n in rows]]]
    given = functional.normalize(net.meaning(mean[rows].float()), dim=-1)
    return (1 - (given * wanted).sum(-1)).mean()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.train_text", description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="what `text_base` wrote")
    parser.add_argument("--rows", type=Path, required=True, help="what `text_rows` wrote")
    parser.add_argument("--targets", type=Path, help="sentence vectors to keep, what `text_vectors` wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; one that exists is gone on with")
    parser.add_argument("--layers", default="0,1,2,3,4,5,6,7,8,9,10,11", help="layers of the base to start from")
    parser.add_argument("--passes", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=6e-5, help="learning rate of the encoder; heads learn 8 times faster")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--average", type=float, default=0.998, help="share of the moving average that a step keeps")
    parser.add_argument("--meaning", type=float, default=0.5, help="weight of keeping the sentence vectors")
    parser.add_argument("--limit", type=int, default=1 << 30, help="train on so many rows only: for trials")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
