"""Just enough of a neural network: layers with their gradients, and Adam. NumPy alone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, np.dtype[np.float32]]


class Net:
    """Fully connected layers with leaky rectifiers between them; the last is linear. Learns by Adam."""

    def __init__(self, sizes: Sequence[int], rng: np.random.Generator, rate: float = 2e-3, beta: float = 0.9) -> None:
        pairs = list(pairwise(sizes))
        self.weights = [rng.normal(0, (2 / a) ** 0.5, (a, b)).astype(np.float32) for a, b in pairs]
        self.biases = [np.zeros(b, np.float32) for _, b in pairs]
        self._means = [np.zeros_like(one) for one in self.weights + self.biases]
        self._squares = [np.zeros_like(one) for one in self.weights + self.biases]
        self._rate, self._beta, self._step = rate, beta, 0
        self._seen: list[Array] = []

    def __call__(self, x: Array) -> Array:
        """The last layer's values for rows *x*; what `back` needs is kept."""
        self._seen = [x]
        for n, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weights + biases
            if n < len(self.weights) - 1:
                x = np.where(x > 0, x, 0.1 * x)
            self._seen.append(x)
        return x

    def back(self, gradient: Array, *, learn: bool = True) -> Array:
        """The gradient of the last call's input, given that of its output; takes a step unless told not to *learn*."""
        weights: list[Array] = []
        biases: list[Array] = []
        for n in reversed(range(len(self.weights))):
            if n < len(self.weights) - 1:
                gradient = np.where(self._seen[n + 1] > 0, gradient, 0.1 * gradient)
            weights.append(self._seen[n].T @ gradient)
            biases.append(gradient.sum(axis=0))
            gradient = gradient @ self.weights[n].T
        if learn:
            self._learn([*weights[::-1], *biases[::-1]])
        return gradient

    def _learn(self, gradients: list[Array]) -> None:
        self._step += 1
        for n, value in enumerate(self.weights + self.biases):
            self._means[n] += (1 - self._beta) * (gradients[n] - self._means[n])
            self._squares[n] += 0.001 * (gradients[n] ** 2 - self._squares[n])
            right = self._means[n] / (1 - self._beta**self._step)
            value[...] -= self._rate * right / (np.sqrt(self._squares[n] / (1 - 0.999**self._step)) + 1e-8)


def one_thread() -> Any:
    """Sums as small as these are quicker on one thread: a context in which they stay on it."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def sigmoid(x: Array) -> Array:
    """Of each value."""
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
