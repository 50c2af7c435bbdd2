"""A guard around pictures that diffusers generates in this process.

`SafetyChecker` takes the place of a pipeline's own: thresholds are the policy's, and a picture that it refuses is
blurred beyond recognition, or a plain notice, instead of black. `guarded` is for any pipeline that gives pictures: it
judges prompts, and the pictures that it is given, too. Neither imports diffusers or torch.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence, Set as AbstractSet, ValuesView
from typing import TYPE_CHECKING, Any, Literal

from guard.content import Content, Direction, ImagePart
from guard.decision import Cause, Refusal
from guard.hooks._crossing import Crossing
from guard.library import Guard, waited

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from guard.decision import Judged

Style = Literal["blur", "replace"]

_LEFT = 8
"""Dots along the longer side that are left of a picture that is blurred: its colours, and nothing one could name."""
_GREY = (128, 128, 128)
_GROUPS = (Sequence, AbstractSet, ValuesView)
_PNG_MODES = frozenset(("1", "L", "LA", "P", "RGB", "RGBA"))


def guarded(pipeline: Any, guard: Guard | str | Path = "default", *, style: Style = "blur", locale: str = "en") -> Any:
    """*pipeline*, whose prompts and pictures are judged before it draws, and what it draws before anyone sees it.

    Pictures that are refused are blurred or replaced, and `nsfw_content_detected` says which. It has to give PIL's
    pictures (``output_type="pil"``, the default).

    Raises, when it is called:
        BlockedError: the policy refuses a prompt or a picture that goes in, or would have to change the picture.
        TypeError: it is told where a picture is, or the pipeline gives text, or pictures elsewhere than in `images`.
    """
    return GuardedPipeline(pipeline, guard if isinstance(guard, Guard) else Guard(guard), style, locale)


class GuardedPipeline:
    """What `guarded` gives: called like the pipeline, and in all else the pipeline itself."""

    def __init__(self, inner: Any, guard: Guard, style: Style, locale: str) -> None:
        self._inner = inner
        self._guard = guard
        self._style = style
        self._locale = locale

    def __call__(self, *given: Any, **named: Any) -> Any:
        """What the pipeline gives, as far as it may be released."""
        if named.get("output_type", "pil") != "pil" or not named.get("return_dict", True):
            raise TypeError("a guarded pipeline gives PIL's pictures: leave `output_type` and `return_dict` out")
        crossing = Crossing(self._guard, "diffusers", locale=self._locale)
        asked = (*_given(given, ("args",)), *_given(named, ("kwargs",)))
        given, named = waited(crossing.enter((given, named), media=asked))
        try:
            answer = self._inner(*given, **named)
            _check_nothing_else(answer)
            pictures = list(answer.images)
            parts = _parts(pictures)
        except BaseException as error:
            waited(crossing.ended_by(error))
            raise
        refused = waited(_judged(crossing, parts))
        answer.images = [
            _hidden(picture, self._style) if bad else picture for picture, bad in zip(pictures, refused, strict=True)
        ]
        if hasattr(answer, "nsfw_content_detected"):
            answer.nsfw_content_detected = refused
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class SafetyChecker:
    """For ``pipe.safety_checker``. One decision, and one record, for the pictures of each call."""

    def __init__(self, guard: Guard | str | Path = "default", *, style: Style = "blur", locale: str = "en") -> None:
        self._guard = guard if isinstance(guard, Guard) else Guard(guard)
        self._style: Style = style
        self._locale = locale

    def __call__(self, images: Any, clip_input: Any = None) -> tuple[Any, list[bool]]:  # noqa: ARG002  diffusers' names
        """*images* with those hidden that are refused, and which they are.

        Tensors come as a decoder gives them (channels first, from -1 to 1), arrays from 0 to 1 and channels last. Those
        that are hidden are from 0 to 1 in both: pipelines take them as they are.
        """
        pictures = [_picture(one) for one in images]
        crossing = Crossing(self._guard, "diffusers", locale=self._locale)
        refused = waited(_judged(crossing, _parts(pictures)))
        for number, bad in enumerate(refused):
            if bad:
                images[number] = _as(images[number], _hidden(pictures[number], self._style))
        return images, refused


def _given(value: Any, path: tuple[str | int, ...]) -> Iterator[ImagePart]:
    """The pictures in what a pipeline is given: PIL's wherever they stand, arrays and tensors that have their shape."""
    if getattr(getattr(value, "dtype", None), "hasobject", False):  # an array of whatever it may be
        value = value.tolist()
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _given(one, (*path, key))
    elif isinstance(value, str | os.PathLike):
        if str(path[1]).endswith(("image", "images")):
            raise TypeError("a guarded pipeline is given pictures, not where they are: load them first")
    elif isinstance(value, _GROUPS) and not isinstance(value, bytes | range):
        for number, one in enumerate(value):
            yield from _given(one, (*path, number))
    elif hasattr(value, "getbands"):
        yield from _looks(value, path)
    elif (frames := _frames(value, named=any(word in str(path[1]) for word in ("image", "mask")))) is not None:
        for number, frame in enumerate(_brightness(frames)):
            yield from _looks(_drawn(frame), (*path, number))


def _check_nothing_else(answer: Any) -> None:
    """Raise `TypeError` if *answer* has text or pictures beside its `images`: those nobody would judge."""
    fields = dict(answer) if isinstance(answer, Mapping) else vars(answer)
    for name, value in fields.items():
        if name != "images" and (_says(value) or any(_given(value, ("answer", name)))):
            msg = f"a guarded pipeline gives `images` alone; this one gives `{name}` too, which is not judged"
            raise TypeError(msg)


def _says(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = value.values()
    return isinstance(value, str) or (isinstance(value, _GROUPS) and any(_says(one) for one in value))


def _frames(value: Any, *, named: bool) -> Any:
    """The pictures that *value*, an array or a tensor, is, as an array (pictures, height, width, channels).

    None where it is none: latents, embeddings, generators. One that is *named* as an image may be without channels or
    have transparency; else four channels are latents. Channels are looked for where they are by habit, first in
    tensors and last in arrays; then at the other end.
    """
    shape = getattr(value, "shape", ())
    if len(shape) not in ((2, 3, 4) if named else (3, 4)) or 0 in shape:
        return None
    tensor = hasattr(value, "detach")
    if len(shape) == 2:
        return _array(value)[None, :, :, None]
    usual, other = (-3, -1) if tensor else (-1, -3)
    if shape[usual] in ((1, 3, 4) if named else (1, 3)):
        at = usual
    elif shape[other] in ((1, 3, 4) if named else (3,)):
        at = other
    else:
        return None
    array = _array(value)
    array = array if len(shape) == 4 else array[None]
    return array if at == -1 else array.transpose(0, 2, 3, 1)


def _array(value: Any) -> Any:
    import numpy as np

    array = value.detach().cpu().float().numpy() if hasattr(value, "detach") else value
    return np.nan_to_num(np.asarray(array, dtype=np.float32))


def _brightness(frames: Any) -> Any:
    """*frames* from 0 to 1, whether they came so, from -1 to 1, or in 8 or 16 bits.

    The first two diffusers, too, tells apart by whether anything is below 0.
    """
    most = float(frames.max())
    if most > 2:
        return frames / (255 if most <= 512 else max(65535, most))
    return frames / 2 + 0.5 if frames.min() < 0 else frames


def _looks(picture: Any, path: tuple[str | int, ...]) -> Iterator[ImagePart]:
    """*picture* as a viewer shows it, and where it is transparent as a pipeline takes it: without that."""
    yield _part(picture, path)
    if "A" in picture.getbands() or "transparency" in picture.info:
        plain = picture.copy()
        plain.info.pop("transparency", None)
        yield _part(plain.convert("RGB"), (*path, "opaque"))


def _part(picture: Any, path: tuple[str | int, ...]) -> ImagePart:
    plain = picture if picture.mode in _PNG_MODES else picture.convert("RGB")
    return ImagePart(_png(plain), "/" + "/".join(map(str, path)), path)


def _parts(pictures: Sequence[Any]) -> tuple[ImagePart, ...]:
    return tuple(ImagePart(_png(one), f"/images/{n}", ("images", n)) for n, one in enumerate(pictures))


async def _judged(crossing: Crossing, parts: tuple[ImagePart, ...]) -> list[bool]:
    """Which pictures, the *parts*, may not be released, once that is recorded."""
    judged = await crossing.judge(Content(Direction.OUTPUT, parts, locale=crossing.locale))
    crossing.draft.output = judged.decision
    refused = _refused(judged, parts)
    if isinstance(judged.released, Refusal):
        await crossing.refused(judged)
    else:
        await crossing.record(crossing.draft.answered())
    return refused


def _refused(judged: Judged, parts: Sequence[ImagePart]) -> list[bool]:
    """Which of *parts* a rule refused; all of them where it was not for what is in one."""
    if not isinstance(judged.released, Refusal):
        return [False] * len(parts)
    blocking = [effect for effect in judged.decision.effects if effect.action.name in {"block", "review"}]
    if judged.decision.cause is not Cause.RULES or not all(effect.findings for effect in blocking):
        return [True] * len(parts)
    named = {finding.part for effect in blocking for finding in effect.findings}
    return [part.pointer in named for part in parts]


def _picture(value: Any) -> Any:
    """*value*, an array or a tensor, as a picture."""
    import numpy as np

    if hasattr(value, "detach"):
        array = value.detach().cpu().float().numpy().transpose(1, 2, 0) / 2 + 0.5
    else:
        array = np.asarray(value, dtype=np.float32)
    return _drawn(array)


def _drawn(array: Any) -> Any:
    """*array*, (height, width, channels) from 0 to 1, as a picture."""
    import numpy as np
    from PIL import Image

    whole = (np.nan_to_num(array).clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(whole[:, :, 0] if whole.shape[2] == 1 else whole)


def _as(like: Any, picture: Any) -> Any:
    """*picture* as such an array or tensor as *like* is, from 0 to 1."""
    import numpy as np

    array = np.asarray(picture, dtype=np.float32) / 255
    array = array[:, :, None] if array.ndim == 2 else array
    return like.new_tensor(array.transpose(2, 0, 1)) if hasattr(like, "detach") else array.astype(like.dtype)


def _png(picture: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG", compress_level=1)
    return written.getvalue()


def _hidden(picture: Any, style: Style) -> Any:
    from PIL import Image

    if style == "replace":
        return Image.new("RGB", picture.size, _GREY).convert(picture.mode)
    scale = _LEFT / max(picture.size)
    small = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.BOX)
    return small.resize(picture.size, Image.Resampling.BICUBIC)
