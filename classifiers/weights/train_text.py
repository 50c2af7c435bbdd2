"""Trains the text model: ``python -m classifiers.weights.train_text --base base.npz --rows rows.jsonl --out run``.

Needs torch. One encoder, one output per head; a head learns from the rows that say something about it. The weights are
averaged over the steps (an exponential moving average) and a checkpoint of everything is kept, so that a run which is
stopped goes on where it stood.
"""

from __future__ import annotations

import argparse
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

WINDOW = 480
"""Characters that the model reads at once, as `classifiers.text` does."""
MOST = 140
"""Pieces that a training text keeps."""
JOINED = 0.25
"""Share of the texts that are shown between harmless ones, cases and others alike."""
ROOM = {"en": (80, 440), "zh": (40, 170)}
"""Characters that a text and its neighbours have together, at least and at most: what `MOST` pieces can hold."""
_FRESH = ("heads", "hidden", "look")
_AVERAGED = 5
"""Steps between two looks of the moving average."""


def repeats(row: Row) -> float:
    """How often a row is shown in one pass: what is rare in the sets more than once."""
    if row.source == "davidson" and row.labels.get("toxicity.obscene", 0.0) > 0.5:
        return 0.1  # four fifths of the set, and all of them alike
    return {
        "rows_talk": 2.0, "rows_calm": 2.0, "rows_toxicity": 0.8, "rows_harm": 0.8, "rows_prompt": 0.8,
        "jailbreaks_in_the_wild": 2.0, "gptfuzz": 2.0, "toxigen_prompts": 1.5, "prompt_injection": 2.0,
        "benign_prompts": 2.0, "role_prompts": 3.0, "toxicity_seeds": 0.5, "prompt_attack_seeds": 0.5,
        "stormfront": 0.25, "toxic_spans": 0.25, "swsr": 0.25, "cold": 0.4, "davidson": 0.4,
    }.get(row.source, 1.0)  # fmt: skip


class Shown:
    """The training texts as one pass shows them: drawn, cut, changed and joined anew each time."""

    def __init__(self, rows: list[Row], pieces: Pieces, seed: int) -> None:
        import opencc

        self.rows, self.pieces = rows, pieces
        labels, weights = text_rows.arrays(rows)
        self.labels, self.weights = labels, weights
        self.source = random.Random(seed)
        self.noise = text_noise.Noise(self.source, opencc.OpenCC("s2t").convert)
        calm = [n for n, row in enumerate(rows) if row.harmless() and len(row.text) < 200]
        self.calm = {language: [n for n in calm if rows[n].language == language] for language in ROOM}

    def one(self, number: int) -> tuple[list[int], Any, Any]:
        """``(pieces, labels, weights)`` of one row as it is shown this time."""
        row, source = self.rows[number], self.source
        text, labels, weights = row.text, self.labels[number], self.weights[number]
        if len(text) > WINDOW:
            whole = len(text)
            text = text_noise.crop(source, text, WINDOW)
            if row.labels.get("prompt_attack.jailbreak", 0.0) > 0.5 and not row.text.startswith(text):
                weights = weights * min(1.0, 2 * WINDOW / whole)  # a window of an attack need not show it
        elif source.random() < JOINED:
            text, labels, weights = self.among(row.language, text, labels, weights)
        elif len(text) < 200 and source.random() < 0.04:
            other = source.randrange(len(self.rows))
            more = (text_noise.crop(source, self.rows[other].text, 200), self.labels[other], self.weights[other])
            pair = [(text, labels, weights), more]
            source.shuffle(pair)
            text, labels, weights = text_noise.joined(source, *pair)
        numbers = self.pieces.encode(self.noise.changed(text))
        return [BEGIN, *numbers[:MOST], END], labels, weights

    def among(self, language: str, text: str, labels: Any, weights: Any) -> tuple[str, Any, Any]:
        """*text* between harmless ones: still the case it was, or still none."""
        room = self.source.randrange(*ROOM[language]) - len(text)
        for _ in range(6):
            other = self.source.choice(self.calm[language])
            if room < len(self.rows[other].text):
                break
            room -= len(self.rows[other].text)
            pair = [(text, labels, weights), (self.rows[other].text, self.labels[other], self.weights[other])]
            self.source.shuffle(pair)
            text, labels, weights = text_noise.joined(self.source, *pair)
        return text, labels, weights

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        source = self.source
        order = [n for n, row in enumerate(self.rows) for _ in range(int(repeats(row) + source.random()))]
        source.shuffle(order)
        for start in range(0, len(order), 4096):
            shown = [self.one(number) for number in order[start : start + 4096]]
            for batch in text_noise.batches(source, [len(one[0]) for one in shown], 2048):
                yield packed([shown[number] for number in batch])

    def steps(self) -> int:
        """About how many batches a pass has."""
        sizes = [min(MOST, 2 + len(self.pieces.encode(row.text[:WINDOW]))) for row in self.rows[::50]]
        mean = float(np.mean(sizes))
        return int(sum(map(repeats, self.rows)) * mean * 1.3 / 2048)


class Lower:
    """The layers that do not learn, in int8 as they are shipped: several times as quick as in float."""

    def __init__(self, net: Net, layers: int) -> None:
        from classifiers.weights import text_export

        weights = {name: value.numpy() for name, value in net.state_dict().items()}
        self._session = text_export.session(text_export.below(weights, layers))

    def __call__(self, numbers: Any, mask: Any) -> Any:
        """``(texts, pieces, width)``: what the layers make of each text of a batch; 0 where there is padding."""
        found = []
        for row, size in zip(numbers.numpy().astype(np.int32), mask.sum(1).int().tolist(), strict=True):
            (vectors,) = self._session.run(None, {"pieces": row[None, :size]})
            found.append(np.pad(vectors[0], ((0, len(row) - size), (0, 0))))
        return torch.from_numpy(np.stack(found))


def packed(batch: Sequence[tuple[list[int], Any, Any]]) -> tuple[Any, ...]:
    """One padded batch as tensors."""
    longest = max(len(one[0]) for one in batch)
    numbers = torch.full((len(batch), longest), PADDING)
    for row, one in enumerate(batch):
        numbers[row, : len(one[0])] = torch.tensor(one[0])
    mask = (numbers != PADDING).float()
    labels = torch.from_numpy(np.array([one[1] for one in batch], np.float32))
    weights = torch.from_numpy(np.array([one[2] for one in batch], np.float32))
    return numbers, mask, labels, weights


def loss_of(logits: Any, labels: Any, weights: Any) -> Any:
    """Mean over the labelled heads of the batch, each by its weight; heads with few rows count for more."""
    each = functional.binary_cross_entropy_with_logits(logits.float(), labels, reduction="none")
    return (each * weights * HEAD_WEIGHT).sum() / (weights * HEAD_WEIGHT).sum().clamp(min=1.0)


HEAD_WEIGHT = torch.tensor([
    1.5 if head in ("toxicity", "hate") else 0.6 if head.startswith("prompt_attack") else 0.7 for head in HEADS
])  # fmt: skip


def begun(options: argparse.Namespace, base: Any) -> Net:
    """The network as the training finds it: an earlier run's, or the published encoder with new heads."""
    if options.start:
        with np.load(options.start / "average.npz", allow_pickle=False) as stored:
            before = {n: torch.from_numpy(stored[n]) for n in stored.files if not n.startswith("meaning")}
        layers = len({name.split(".")[1] for name in before if name.startswith("layers.")})
        net = Net(len(base["pieces"]), layers, len(HEADS), dropout=options.dropout)
        net.load_state_dict(before)
        return net
    taken = [int(n) for n in options.layers.split(",")]
    net = Net(len(base["pieces"]), len(taken), len(HEADS), dropout=options.dropout)
    net.take(base, list(range(len(base["pieces"]))), taken)
    return net


def train(options: argparse.Namespace) -> None:
    """Run, or go on with, the training that *options* describe."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    base = np.load(options.base, allow_pickle=False)
    pieces = Pieces(base["pieces"].tolist(), base["scores"].tolist())
    net = begun(options, base)
    net.freeze(options.frozen)
    lower = Lower(net, options.frozen) if options.frozen else None
    rows = [row for row in text_rows.load(options.rows) if row.fold not in (CALIBRATION_FOLD, HELD_BACK_FOLD)]
    rows = random.Random(options.seed).sample(rows, min(len(rows), options.limit))
    shown = Shown(rows, pieces, options.seed)
    total = max(1, int(shown.steps() * options.passes))
    learning = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    fresh = [p for name, p in learning if name.startswith(_FRESH)]
    known = [p for name, p in learning if not name.startswith(_FRESH)]
    groups = [{"params": known, "lr": options.rate, "weight_decay": 0.01}, {"params": fresh, "lr": options.rate * 8}]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    rates = [group["lr"] for group in groups]
    average = {name: value.detach().clone() for name, value in learning}
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, step = options.out / "checkpoint.pt", 0
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(stored["net"])
        optimiser.load_state_dict(stored["optimiser"])
        average, step = stored["average"], stored["step"]
    print(f"{len(rows)} rows, {total} steps, {len(net.layers)} layers, at step {step}", flush=True)
    began, losses = time.monotonic(), []
    net.train()
    while step < total:
        for numbers, mask, labels, weights in shown:
            share = min(1.0, (step + 1) / (0.06 * total)) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * share
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
                logits = net.above(lower(numbers, mask), mask) if lower else net(numbers, mask)
            loss = loss_of(logits, labels, weights)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            step += 1
            losses.append(loss.item())
            if step % _AVERAGED == 0:
                keep = min(options.average, step / (step + 10)) ** _AVERAGED
                with torch.no_grad():
                    for name, value in learning:
                        average[name].lerp_(value, 1 - keep)
            if step % 10 == 0:
                spent = time.monotonic() - began
                print(f"step {step}/{total} loss {np.mean(losses[-20:]):.4f} {spent:.0f} s", flush=True)
            if step % 25 == 0 or step == total:
                state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average, "step": step}
                torch.save(state, checkpoint.with_suffix(".new"))
                checkpoint.with_suffix(".new").replace(checkpoint)
                np.savez(options.out / "average.npz", **{n: v.numpy() for n, v in (net.state_dict() | average).items()})
            if step >= total:
                break


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.train_text", description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="what `text_base` wrote")
    parser.add_argument("--rows", type=Path, required=True, help="what `text_rows` wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; one that exists is gone on with")
    parser.add_argument("--layers", default="0,1,2,3,4,5,6,7,8,9,10,11", help="layers of the base to start from")
    parser.add_argument("--start", type=Path, help="an earlier run to start from, in place of the base")
    parser.add_argument("--passes", type=float, default=3.0)
    parser.add_argument(
        "--rate", type=float, default=8e-5, help="learning rate of the encoder; the heads' is 8 times that"
    )
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--average", type=float, default=0.998, help="share of the moving average that a step keeps")
    parser.add_argument("--frozen", type=int, default=0, help="lower layers that stay as they are")
    parser.add_argument("--bfloat16", action="store_true", help="quicker where the processor has it")
    parser.add_argument("--limit", type=int, default=1 << 30, help="train on so many rows only: for trials")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
