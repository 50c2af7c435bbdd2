"""A network that writes text letter by letter, trained on a bookshop's answers in some seconds: ``POST /write``.

After Bengio et al. (2003, https://jmlr.org/papers/v3/bengio03a.html): the next letter from those before it. It keeps
the *early* checkpoint too, which writes gibberish: what a policy on ``quality`` is for.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from examples._nets import Net, one_thread
from examples.serving import main, number, word

if TYPE_CHECKING:
    from collections.abc import Mapping

ASKED: tuple[dict[str, Any], ...] = (
    {"begin": "We send", "checkpoint": "early"},
    {"begin": "We send", "letters": 160, "checkpoint": "late"},
)
STEPS = {"early": 8, "late": 800}
_BEFORE, _WIDTH, _BATCH = 10, 16, 160


class Writer:
    """The letters of *text*, a vector of each, and the network that says which comes next."""

    def __init__(self, text: str) -> None:
        rng = np.random.default_rng(0)
        self.letters = sorted(set(text))
        self._numbers = {letter: n for n, letter in enumerate(self.letters)}
        self._text = self._coded(text)
        self._vectors = Net((len(self.letters), _WIDTH), rng)
        self._net = Net((_BEFORE * _WIDTH, 160, len(self.letters)), rng)
        self._rng, self.steps = rng, 0

    def _coded(self, text: str) -> np.ndarray[Any, Any]:
        return np.array([self._numbers[letter] for letter in text if letter in self._numbers], dtype=np.intp)

    def _scores(self, before: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        ones = np.eye(len(self.letters), dtype=np.float32)[before.reshape(-1)]
        return self._net(self._vectors(ones).reshape(len(before), -1))

    def train(self, steps: int) -> None:
        """Learn until *steps* steps have been taken."""
        for _ in range(self.steps, steps):
            places = self._rng.integers(_BEFORE, len(self._text), _BATCH)
            before = self._text[places[:, None] + np.arange(-_BEFORE, 0)]
            gradient = _shares(self._scores(before))
            gradient[np.arange(_BATCH), self._text[places]] -= 1
            back = self._net.back(gradient / _BATCH)
            self._vectors.back(back.reshape(-1, _WIDTH))
        self.steps = max(self.steps, steps)

    def write(self, begin: str, letters: int, seed: int) -> str:
        """*begin*, and as many *letters* after it."""
        rng = np.random.default_rng(seed)
        start = self._coded("\n" * _BEFORE + begin)
        written = list(start)
        for _ in range(letters):
            shares = _shares(self._scores(np.array([written[-_BEFORE:]])) / 0.6)[0]
            written.append(int(rng.choice(len(shares), p=shares / shares.sum())))
        return "".join(self.letters[n] for n in written[_BEFORE:])


def _shares(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


@functools.cache
def trained(checkpoint: str) -> Writer:
    """The writer as it was at *checkpoint*."""
    pages = resources.files("guard.demo").joinpath("corpus_en.txt").read_text("utf-8")
    writer = Writer("".join(line[3:] + "\n" for line in pages.splitlines() if line.startswith("A: ")))
    with one_thread():
        writer.train(STEPS[checkpoint])
    return writer


def write(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request."""
    writer = trained(word(asked, "checkpoint", tuple(STEPS), "late"))
    begin, letters = str(asked.get("begin", ""))[:200], number(asked, "letters", 1, 600, 200)
    with one_thread():
        text = writer.write(begin, letters, number(asked, "seed", 0, 9999999, 0))
    return {"text": text, "steps": writer.steps}


if __name__ == "__main__":
    main("writer")
