"""Style transfer: a photo repainted in the colours and strokes of another: ``POST /repaint``.

Patches of the photo are whitened and given the covariance of the other's patches, as Li et al. do with features of a
network (https://arxiv.org/abs/1705.08086); here the features are the patches themselves, and there is nothing to train.
"""

from __future__ import annotations

import base64
import functools
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from examples._nets import Array, one_thread
from examples.serving import Wrong, main, number, word

if TYPE_CHECKING:
    from collections.abc import Mapping


def _encoded(picture: Array) -> str:
    """A picture, 0 to 1, as PNG in base64."""
    file = io.BytesIO()
    Image.fromarray((255 * picture).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


_SUNSET = np.linspace((0.1, 0.2, 0.6), (0.9, 0.5, 0.2), 64, dtype=np.float32)[:, None].repeat(64, axis=1)
ASKED: tuple[dict[str, Any], ...] = ({"photo": _encoded(_SUNSET), "style": "china"}, {"photo": "bm8gcGljdHVyZQ=="})
_SIDE, _PATCH = 160, 5
_MOST_BYTES, _MOST_PIXELS = 5_000_000, 40_000_000
_STYLES = ("flower", "china")


def _opened(data: bytes) -> Array:
    """The picture *data*, 0 to 1, made small."""
    try:
        picture = Image.open(io.BytesIO(data))
        if picture.width * picture.height > _MOST_PIXELS:
            raise Wrong("photo has too many pixels")
        picture = picture.convert("RGB")
    except OSError as error:
        raise Wrong("photo should be a picture in base64") from error
    picture.thumbnail((_SIDE, _SIDE))
    if min(picture.size) < 2 * _PATCH:
        raise Wrong("photo is too small to be repainted")
    return np.asarray(picture, dtype=np.float32) / 255


def _patches(picture: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(picture, (_PATCH, _PATCH), axis=(0, 1))
    return windows.reshape(-1, 3 * _PATCH * _PATCH)


@functools.cache
def _style(name: str) -> tuple[Array, Array]:
    """The mean of the patches of the photo *name*, and the square root of their covariance."""
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image(f"{name}.jpg"))
    photo.thumbnail((_SIDE, _SIDE))
    patches = _patches(np.asarray(photo, dtype=np.float32) / 255)
    return patches.mean(axis=0), _power(np.cov(patches.T), 0.5)


def _power(covariance: Array, power: float) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-4 * values.max() + 1e-9)
    scaled: Array = ((vectors * values**power) @ vectors.T).astype(np.float32)
    return scaled


def _repainted(photo: Array, style: str, share: float) -> Array:
    patches = _patches(photo)
    mean, colours = _style(style)
    centre = patches.mean(axis=0)
    painted = (patches - centre) @ _power(np.cov(patches.T), -0.5) @ colours + mean
    rows, columns = photo.shape[0] - _PATCH + 1, photo.shape[1] - _PATCH + 1
    painted = painted.reshape(rows, columns, 3, _PATCH, _PATCH)
    total, often = np.zeros_like(photo), np.zeros((*photo.shape[:2], 1), np.float32)
    for down in range(_PATCH):
        for across in range(_PATCH):
            total[down : down + rows, across : across + columns] += painted[..., down, across]
            often[down : down + rows, across : across + columns] += 1
    return np.clip(share * total / often + (1 - share) * photo, 0, 1)


def repaint(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request."""
    style, share = word(asked, "style", _STYLES, "flower"), number(asked, "percent", 0, 100, 80)
    photo = asked.get("photo")
    if not isinstance(photo, str) or len(photo) > _MOST_BYTES:
        raise Wrong("photo should be a picture in base64, of 5 MB at most")
    with one_thread():
        picture = _repainted(_opened(base64.b64decode(photo, validate=True)), style, share / 100)
    return {"picture": _encoded(picture), "style": style}


if __name__ == "__main__":
    main("painter")
