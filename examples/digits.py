"""A variational autoencoder and a GAN that draw digits, trained on scikit-learn's in seconds: ``POST /draw``.

After Kingma and Welling (https://arxiv.org/abs/1312.6114) and Goodfellow et al. (https://arxiv.org/abs/1406.2661), both
told which digit to draw. The *early* checkpoints have learned nothing yet, and draw a grey nothing and noise.
"""

from __future__ import annotations

import base64
import functools
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from examples._nets import Array, Net, one_thread, sigmoid
from examples.serving import main, number, word

if TYPE_CHECKING:
    from collections.abc import Mapping

ASKED: tuple[dict[str, Any], ...] = (
    {"digit": 3, "model": "gan", "checkpoint": "early"},
    {"digit": 3, "model": "gan", "checkpoint": "late"},
    {"digit": 3, "model": "vae", "checkpoint": "early"},
)
STEPS = {"early": 0, "late": 800}
_HIDDEN, _BATCH, _SIDE = 12, 64, 8
_ROWS = 8
"""Digits in each row of a sheet, and rows."""


@functools.cache
def _digits() -> tuple[Array, Array]:
    """The pictures, 0 to 1, and which digit each is, as ten columns."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.data / 16).astype(np.float32), np.eye(10, dtype=np.float32)[digits.target]


class Autoencoder:
    """Draws what its decoder makes of a normal deviate and a digit."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._encoder = Net((74, 96, 2 * _HIDDEN), self._rng)
        self._decoder = Net((_HIDDEN + 10, 96, 64), self._rng)
        self._decoder.weights[-1] *= 0.01  # begins with grey

    def train(self, steps: int) -> None:
        """Take *steps* steps."""
        pictures, which = _digits()
        for _ in range(steps):
            some = self._rng.integers(0, len(pictures), _BATCH)
            coded = self._encoder(np.concatenate([pictures[some], which[some]], axis=1))
            mean, spread = coded[:, :_HIDDEN], np.clip(coded[:, _HIDDEN:], -6, 3)
            noise = self._rng.normal(size=mean.shape).astype(np.float32)
            hidden = mean + np.exp(spread / 2) * noise
            drawn = sigmoid(self._decoder(np.concatenate([hidden, which[some]], axis=1)))
            back = self._decoder.back((drawn - pictures[some]) / _BATCH)[:, :_HIDDEN]
            far = mean / _BATCH, (np.exp(spread) - 1) / 2 / _BATCH
            toward = back + 0.5 * far[0], back * noise * np.exp(spread / 2) / 2 + 0.5 * far[1]
            self._encoder.back(np.concatenate(toward, axis=1))

    def draw(self, which: Array, seed: int) -> Array:
        """A picture of each digit of *which*."""
        hidden = np.random.default_rng(seed).normal(size=(len(which), _HIDDEN)).astype(np.float32)
        return sigmoid(self._decoder(np.concatenate([hidden, which], axis=1)))


class Adversaries:
    """Draws what its generator makes of a normal deviate and a digit, so that its critic takes it for real."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._generator = Net((_HIDDEN + 10, 96, 64), self._rng, rate=2e-3, beta=0.5)
        self._critic = Net((74, 96, 1), self._rng, rate=2e-3, beta=0.5)

    def train(self, steps: int) -> None:
        """Take *steps* steps of each."""
        pictures, which = _digits()
        for _ in range(steps):
            some = self._rng.integers(0, len(pictures), _BATCH)
            drawn = self._made(which[some])
            both = np.concatenate([pictures[some], drawn])
            both = both + self._rng.normal(0, 0.1, both.shape).astype(np.float32)
            believed = sigmoid(self._critic(np.concatenate([both, np.tile(which[some], (2, 1))], axis=1)))
            wanted = np.repeat(np.array([[0.9], [0.0]], np.float32), _BATCH, axis=0)
            self._critic.back((believed - wanted) / _BATCH)
            drawn = self._made(which[some])
            believed = sigmoid(self._critic(np.concatenate([drawn, which[some]], axis=1)))
            back = self._critic.back((believed - 1) / _BATCH, learn=False)[:, :64]
            self._generator.back(back * drawn * (1 - drawn))

    def _made(self, which: Array) -> Array:
        hidden = self._rng.normal(size=(len(which), _HIDDEN)).astype(np.float32)
        return sigmoid(self._generator(np.concatenate([hidden, which], axis=1)))

    def draw(self, which: Array, seed: int) -> Array:
        """A picture of each digit of *which*."""
        self._rng = np.random.default_rng(seed)
        return self._made(which)


@functools.cache
def trained(model: str, checkpoint: str) -> Autoencoder | Adversaries:
    """The *model* as it was at *checkpoint*."""
    made = {"vae": Autoencoder, "gan": Adversaries}[model]()
    with one_thread():
        made.train(STEPS[checkpoint])
    return made


def draw(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request: a sheet of one digit, 64 times."""
    model = word(asked, "model", ("vae", "gan"), "vae")
    painter = trained(model, word(asked, "checkpoint", tuple(STEPS), "late"))
    which = np.zeros((_ROWS * _ROWS, 10), np.float32)
    which[:, number(asked, "digit", 0, 9, 3)] = 1
    sheet = painter.draw(which, number(asked, "seed", 0, 9999999, 0))
    sheet = sheet.reshape(_ROWS, _ROWS, _SIDE, _SIDE).swapaxes(1, 2).reshape(_ROWS * _SIDE, _ROWS * _SIDE)
    file = io.BytesIO()
    Image.fromarray((255 * sheet).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)).save(file, "PNG")
    return {"sheet": base64.b64encode(file.getvalue()).decode(), "drawn_by": model, "digits": _ROWS * _ROWS}


if __name__ == "__main__":
    main("digits")
