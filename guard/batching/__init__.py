"""Detect, the part that costs: the items of many requests share the batches of one classifier.

`plan.take` says what is judged next, `answers.judge` makes sure that only a bad item fails, `queue.Queue` keeps
count of who waits for what, and `Batcher` is the threads and clocks around them.
"""

from __future__ import annotations

from guard.batching.batcher import Batcher, BatcherStats

__all__ = ["Batcher", "BatcherStats"]
