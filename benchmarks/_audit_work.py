"""What an audit is compared with, each in a process of its own: ``python -m benchmarks._audit_work WAY FILE``.

Prints one JSON object: records, CPU and wall seconds, loading not counted. Networks of the loops have random weights:
what a pass costs does not depend on them, and checkpoints are not to be had offline.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE = 96
_LONGEST = 512


def engine(texts: list[str]) -> Callable[[], object]:
    """The engine and its pipeline, many texts at once, nothing read from files and nothing written."""
    from guard.config import policy_path
    from guard.content import Direction
    from guard.corpus.judge import Judge, Setup
    from guard.protocols.native import text_content

    judge = Judge(Setup(str(policy_path("default"))))

    async def all_of_them() -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, text: str) -> None:
            async with gate:
                content = text_content(text, Direction.OUTPUT, "")
                deadline = time.monotonic() + 600
                await judge._pipeline.judge(content, judge.policy, decision_id=str(number), deadline=deadline)  # noqa: SLF001

        await asyncio.gather(*(one(number, text) for number, text in enumerate(texts)))

    return lambda: asyncio.run(all_of_them())


def same(texts: list[str]) -> Callable[[], object]:
    """A network of the size of this project's encoder, text by text in torch, then Presidio's default analyzer."""
    return _loop(texts, layers=8, hidden=384, between=1536)


def base(texts: list[str]) -> Callable[[], object]:
    """A network of the size of Detoxify's (BERT base), text by text in torch, then Presidio's default analyzer."""
    return _loop(texts, layers=12, hidden=768, between=3072)


def _loop(texts: list[str], *, layers: int, hidden: int, between: int) -> Callable[[], object]:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from benchmarks._pii_systems import presidio_analyzer
    from classifiers import _encoder
    from classifiers.text import SHA256, WEIGHTS

    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=40_000,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=12,
        intermediate_size=between,
        num_labels=6,
    )
    network = BertForSequenceClassification(config).eval()
    analyzer = presidio_analyzer()
    pieces = _encoder.load(WEIGHTS, SHA256).pieces

    def run() -> None:
        with torch.no_grad():
            for text in texts:
                numbers = pieces.encode(text)[:_LONGEST]  # such loops cut off what is longer
                torch.sigmoid(network(torch.tensor([numbers or [0]])).logits)
                analyzer.analyze(text, "en")

    return run


WAYS = {"engine": engine, "same": same, "base": base}


def main(way: str, file: str) -> None:
    """Load, then time."""
    texts = [json.loads(line)["text"] for line in Path(file).read_text().splitlines()]
    run = WAYS[way](texts)
    cpu, wall = time.process_time(), time.monotonic()
    run()
    found: dict[str, Any] = {
        "records": len(texts),
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.monotonic() - wall,
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
