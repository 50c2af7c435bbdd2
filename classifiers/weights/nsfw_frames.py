"""What open_nsfw is quantised and compared on: the pictures of a folder, and pieces of them, as it sees them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from PIL import Image, ImageEnhance

from classifiers.nsfw import SIDE, cropped
from guard.classifier import Unreadable
from guard.media import image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_LEAST_SIDE, _LEAST_PIECE = 96, 64


def frames(folder: Path) -> Iterator[tuple[int, str, NDArray[np.uint8]]]:
    """Number of the picture, what of it, and the frame, (224, 224, 3), RGB. Nothing depends on anything but the files.

    Of each picture: as it is (on white, on black), a piece mirrored, one in other colours, and one under a film of the
    colour of skin, which is what harmless pictures of a high score have in common.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS and path.is_file())
    seen: set[bytes] = set()
    for number, path in enumerate(paths):
        chance = random.Random(path.name)
        try:
            shown = list(image.decode(path.read_bytes(), target=2 * SIDE))[:2]
        except Unreadable:
            continue
        for frame in shown:
            whole = cropped(frame)
            if min(frame.size) < _LEAST_SIDE or whole.tobytes() in seen:
                continue
            seen.add(whole.tobytes())
            yield number, "whole", whole
            for what in ("mirrored", "coloured", "skin"):
                piece = _piece(frame, chance)
                if min(piece.size) >= _LEAST_PIECE:
                    yield number, what, cropped(_changed(piece, what, chance))


def _piece(frame: Image.Image, chance: random.Random) -> Image.Image:
    share = chance.uniform(0.3, 0.8)
    width, height = int(frame.width * share), int(frame.height * share)
    left, top = chance.randint(0, frame.width - width), chance.randint(0, frame.height - height)
    return frame.crop((left, top, left + width, top + height))


def _changed(piece: Image.Image, what: str, chance: random.Random) -> Image.Image:
    if what == "mirrored":
        return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if what == "coloured":
        vivid = ImageEnhance.Color(piece).enhance(chance.uniform(0.2, 2.0))
        return ImageEnhance.Brightness(vivid).enhance(chance.uniform(0.5, 1.5))
    film = Image.new("RGB", piece.size, (224, chance.randint(150, 190), chance.randint(110, 160)))
    return Image.blend(piece, film, chance.uniform(0.2, 0.6))
