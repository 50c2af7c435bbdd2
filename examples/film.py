"""A short film: one digit turns into another, as the autoencoder of ``digits`` draws what lies between: ``POST /film``.

Frames are drawn along a straight line from one digit to the other, and coded as MPEG-4 by PyAV (extra ``audio``).
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from examples.digits import STEPS, trained
from examples.serving import main, number, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from examples._nets import Array

ASKED: tuple[dict[str, Any], ...] = (
    {"from": 3, "to": 8},
    {"from": 3, "to": 8, "checkpoint": "early"},
)
_FRAMES_A_SECOND, _SCALE, _SIDE = 12, 16, 8


def _drawn(first: int, last: int, frames: int, seed: int, checkpoint: str) -> Array:
    """*frames* pictures of 8 by 8, 0 to 1, from digit *first* to digit *last*."""
    share = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    ends = np.eye(10, dtype=np.float32)
    digits = (1 - share) * ends[first] + share * ends[last]
    painter = trained("vae", checkpoint)
    one_hand = [painter.draw(digits[number : number + 1], seed) for number in range(frames)]
    return np.concatenate(one_hand).reshape(frames, _SIDE, _SIDE)


def film(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request with an MP4 file."""
    import av

    seconds = number(asked, "seconds", 1, 10, 2)
    pictures = _drawn(
        number(asked, "from", 0, 9, 3),
        number(asked, "to", 0, 9, 8),
        seconds * _FRAMES_A_SECOND,
        number(asked, "seed", 0, 9999999, 0),
        word(asked, "checkpoint", tuple(STEPS), "late"),
    )
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as target:
        stream = target.add_stream("mpeg4", rate=_FRAMES_A_SECOND)
        stream.width = stream.height = _SIDE * _SCALE
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            grey = (255 * picture).astype(np.uint8).repeat(_SCALE, axis=0).repeat(_SCALE, axis=1)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="gray")))
        target.mux(stream.encode())
    return {"film": base64.b64encode(file.getvalue()).decode(), "frames": len(pictures)}


if __name__ == "__main__":
    main("film")
