"""Compares the network in integers with the one in floats: ``python -m classifiers.weights.check_nsfw FOLDER``.

FOLDER holds the pictures that `quantise_nsfw` was given; what set its ranges is left out. For pictures, pieces of them
and what `nsfw_climb` makes of some: on how many a decision at a threshold is the same, by the integers alone and as
the classifier decides, how far scores lie apart, and how often the floats are asked. Needs torch; some minutes.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.nsfw import DOUBT, Nsfw
from classifiers.weights.nsfw_climb import climbed
from classifiers.weights.nsfw_frames import frames
from classifiers.weights.quantise_nsfw import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_THRESHOLDS = (0.1, 0.2, 0.3, 0.5, 0.8)
_CLIMBS = 160


def main() -> None:
    """Print a line for each kind of frame."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    kinds: dict[str, list[NDArray[np.uint8]]] = defaultdict(list)
    for number, what, frame in frames(parser.parse_args().folder):
        if number % 3:
            kinds[what].append(frame)
    harmless = [frame for found in kinds.values() for frame in found]
    kinds["climbed"] = climbed(Network(), harmless[:: len(harmless) // _CLIMBS][:_CLIMBS])
    classifier = Nsfw()
    classifier.load()
    scores = {
        what: np.array([(classifier.quick_score(frame), classifier.exact_score(frame)) for frame in found])
        for what, found in kinds.items()
    }
    for what, both in {**scores, "all": np.concatenate(list(scores.values()))}.items():
        print(_line(what, both[:, 0], both[:, 1]))


def _line(what: str, quick: Floats, exact: Floats) -> str:
    asked = quick >= DOUBT
    decided = np.where(asked, exact, quick)
    shares = ", ".join(
        f"{at}: {np.mean((quick >= at) == (exact >= at)):.2%} / {np.mean((decided >= at) == (exact >= at)):.2%}"
        for at in _THRESHOLDS
    )
    apart = _logits(quick) - _logits(exact)
    return (
        f"{what}: {len(exact)} frames, {np.mean(exact >= 0.5):.1%} reach 0.5; agree at {shares}; "
        f"scores apart {np.abs(quick - exact).max():.3f} / {np.abs(decided - exact).max():.3f} at most; "
        f"logits {apart.mean():+.2f} ± {apart.std():.2f}, {apart.min():.2f} to {apart.max():.2f}; "
        f"floats asked on {asked.mean():.1%}, not asked at most {exact[~asked].max(initial=0.0):.3f}"
    )


def _logits(scores: Floats) -> Floats:
    kept = np.clip(scores, 1e-7, 1 - 1e-7)
    logits: Floats = np.log(kept / (1 - kept))
    return logits


if __name__ == "__main__":
    main()
