"""Pictures that score high without showing anything: harmless ones, changed along the gradient of open_nsfw.

Nobody here looks at, collects or ships nudity; a network in integers still has to be compared with the one in floats
where scores are high. Half of what is made is changed smoothly, like light and skin, half in detail. Needs torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers.nsfw import MEAN_RGB, SIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from classifiers.weights.quantise_nsfw import Network

_AT_ONCE = 16
_KEPT = (3, 6, 9, 13)
"""Steps of the climb whose pictures are kept: a score a step."""
_RATE = 6.0
_COARSE, _FINE = 28, 112
_LOWEST, _HIGHEST = -3.0, 5.0
"""Where climbs end, as logits, evenly spread."""


def climbed(network: Network, frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Four pictures for each of *frames*, (224, 224, 3), RGB, in no order that means anything."""
    import torch
    from torch.nn import functional

    chance = np.random.default_rng(3)
    arrays = {name: torch.tensor(value) for name, value in network.arrays.items()}
    mean = torch.tensor(MEAN_RGB, dtype=torch.float32)
    found: list[NDArray[np.uint8]] = []
    for start in range(0, len(frames), _AT_ONCE):
        base = torch.tensor(np.stack(frames[start : start + _AT_ONCE]).astype(np.float32))
        grid = _FINE if start // _AT_ONCE % 2 else _COARSE
        change = torch.zeros(len(base), 3, grid, grid, requires_grad=True)
        goal = torch.tensor(chance.uniform(_LOWEST, _HIGHEST, len(base)), dtype=torch.float32)
        optimiser = torch.optim.Adam([change], lr=_RATE)
        for step in range(_KEPT[-1] + 1):
            wide = functional.interpolate(change, size=(SIDE, SIDE), mode="bilinear").permute(0, 2, 3, 1)
            picture = (base + wide).clamp(0, 255)
            if step in _KEPT:
                found += list(picture.detach().round().to(torch.uint8).numpy())
            logits = _logits(network, arrays, (picture - mean).permute(0, 3, 1, 2))
            loss = functional.relu(goal - (logits[:, 1] - logits[:, 0])).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return found


def _logits(network: Network, arrays: dict[str, Any], entry: Any) -> Any:
    """What the last layer gives, in floats."""
    from torch.nn import functional

    from classifiers.weights.quantise_nsfw import attribute

    values = dict(arrays)
    values[network.first.input[0]] = entry
    for node in network.nodes:
        first, *others = (values[name] for name in node.input)
        size, steps = attribute(node, "kernel_shape"), attribute(node, "strides")
        top, left, bottom, right = attribute(node, "pads", [0] * 4)
        border = (left, right, top, bottom)
        if node.op_type == "Conv":
            value = functional.conv2d(functional.pad(first, border), *others, stride=steps)
        elif node.op_type == "MaxPool":  # after a ReLU: nought is the least
            value = functional.max_pool2d(functional.pad(first, border), size, steps)
        elif node.op_type == "AveragePool":
            value = functional.avg_pool2d(first, size, steps)
        elif node.op_type == "Relu":
            value = first.relu()
        elif node.op_type == "Add":
            value = first + others[0]
        elif node.op_type == "Reshape":
            value = first.flatten(1)
        elif node.op_type == "MatMul":
            value = first @ others[0]
        else:
            return first
        values[node.output[0]] = value
    msg = "the network ends without a softmax"
    raise ValueError(msg)
