"""Runs of tokens: how many a model can read at once, and batches of them whose neighbours do not matter. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from guard.classifier import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    Judge = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
    """Probabilities of tokens and the mask of those that count: shape (runs, labels) or (runs, length, labels)."""

_MOST_TOKENS = 512
_BEHIND_PADDING = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"})
"""Architectures whose positions are counted from behind the padding's number."""
_MOST_PADDING = 1.17
_SOME_PADDING = 64
"""Tokens: to run so many more takes no longer than to begin another batch."""


class Run(NamedTuple):
    """What is read at once of a text: the numbers of its tokens, and where each stands in it."""

    tokens: tuple[int, ...]
    places: tuple[tuple[int, int], ...] = ()


class Cutter(Protocol):
    """A tokenizer that cuts texts into runs which overlap: nothing is left out."""

    most: int
    padding: int

    def runs(self, text: str) -> tuple[Run, ...]:
        """The runs of *text*; none if it is blank. May be called from several threads.

        Raises:
            Unreadable: it is not blank, and the model has no token for any of it.
        """


def read(runs: Sequence[Run]) -> tuple[Run, ...]:
    """*runs* of a text that is not blank.

    Raises:
        Unreadable: there is no token in one of them: a model would be asked about nothing.
    """
    if not all(run.tokens for run in runs):
        msg = "the model has no token for any of the text"
        raise Unreadable(msg)
    return tuple(runs)


def longest(most: int | None, limit: int, config: Mapping[str, Any]) -> int:
    """How many tokens a run may have, the special ones among them.

    *most* is what was asked for (None: 512), *limit* the tokenizer's own, and *config* the model's configuration.
    """
    known = [_MOST_TOKENS if most is None else most]
    if 0 < limit < 10**9:
        known.append(limit)
    if isinstance(places := config.get("max_position_embeddings"), int) and places > 0:
        behind = (config.get("pad_token_id") or 0) + 1 if config.get("model_type") in _BEHIND_PADDING else 0
        known.append(places - behind)
    return min(known)


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


def _unpadded(scores: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """*scores* of *length* tokens without those of padding; those of a whole run, shape (labels,), as they are."""
    return scores[:length] if scores.ndim > 1 else scores


class Sequences:
    """What *judge* says of texts: scores of the labels of each run of a text, or of each token of each."""

    def __init__(self, judge: Judge, tokens: Cutter, *, budget: int) -> None:
        """*budget* is how many tokens go at once, padding included; with 1 every run goes alone."""
        self.tokens = tokens
        self._judge = judge
        self.budget = budget

    def scores(self, items: Sequence[tuple[Run, ...]]) -> list[list[NDArray[np.float32]]]:
        """For each item, for each of its runs: an array of shape (labels,) or (tokens, labels)."""
        runs = [run.tokens for item in items for run in item]
        said = iter(in_batches(runs, self.budget, self._judge, self.tokens.padding))
        return [[_unpadded(next(said), len(run.tokens)) for run in item] for item in items]
