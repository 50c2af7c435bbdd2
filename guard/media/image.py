"""Pictures: every frame, as a viewer would show it, within limits.

What a plain `Image.open` leaves out is where unsafe pictures hide: later frames, EXIF rotation, transparency, 16-bit
samples. `decode` gives all of it as 8-bit RGB, or raises `Unreadable`; it never gives a part of a picture.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image, ImageChops, ImageStat

from guard.classifier import Unreadable
from guard.media.jpeg_scans import MAX_SCANS, too_many_scans

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PIXELS = 40_000_000
MAX_FRAMES = 64
MAX_TOTAL_PIXELS = 160_000_000

_FORMATS = {
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/gif": ("GIF",),
    "image/webp": ("WEBP",),
    "image/bmp": ("BMP",),
    "image/tiff": ("TIFF",),
    "image/avif": ("AVIF",),
}
_ALL_FORMATS = tuple(name for names in _FORMATS.values() for name in names)
MEDIA_TYPES = tuple(_FORMATS)
"""What `decode` can read."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"heim": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
}
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}
_STRIP_PIXELS = 4_000_000
_LARGEST_THUMBNAIL = 1_000_000
_POSTAGE = (16, 16)
_ALIKE = 12.0
"""Mean difference of samples between a picture and its preview, both as small as a stamp."""
_ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})


def sniff(data: bytes) -> str | None:
    """The media type that the first bytes show, whatever the sender claims; None if they show none.

    Where a format begins with letters, more of its header is looked at: texts begin with letters too.
    """
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    for is_one, media_type in ((_is_gif, "image/gif"), (_is_bitmap, "image/bmp"), (_is_pdf, "application/pdf")):
        if is_one(data):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:1] == b"\0" and data[4:8] == b"ftyp":  # after the size of its box, far below 16 MiB
        return _BRANDS.get(data[8:12])
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    marked_up = head.startswith((b"<?xml", b"<!--", b"<!doctype")) and b"<svg" in data[:4096].lower()
    return "image/svg+xml" if marked_up or head.startswith(b"<svg") else None


def _is_gif(data: bytes) -> bool:
    """Whether the header has a colour table, or a block follows it (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < 13:
        return False
    table = 3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0
    return table > 0 or data[13:14] in (b"!", b",", b";")


def _is_bitmap(data: bytes) -> bool:
    """Whether after ``BM`` the size of a BMP's second header is one: a small number, whose high bytes no text has.

    https://learn.microsoft.com/windows/win32/gdi/bitmap-storage
    """
    return data[:2] == b"BM" and 12 <= int.from_bytes(data[14:18], "little") <= 0xFFFF


def _is_pdf(data: bytes) -> bool:
    return data[:5] == b"%PDF-" and data[5:6].isdigit() and data[6:7] == b"."


def decode(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    max_frames: int = MAX_FRAMES,
    max_total_pixels: int = MAX_TOTAL_PIXELS,
    target: int | None = None,
) -> Iterator[Image.Image]:
    """Every frame of the picture *data* as upright 8-bit RGB; a frame with transparency comes on white, then on black.

    A preview in its metadata that shows something else comes last.

    One frame is held at a time. With *target* a frame is shrunk, by averaging, to at least twice that many pixels on
    its shorter side, and less than four times as many. A JPEG is decoded whole even then: at a fraction of its size it
    is made of its low frequencies alone, which a writer may set to show another picture than viewers do.

    Raises:
        Unreadable: empty, of no type in `MEDIA_TYPES`, damaged or cut short, over a limit, or a JPEG of too many scans.
    """
    first: Image.Image | None = None
    exif: Any = b""
    for frame in frames(data, limits=(max_pixels, max_frames, max_total_pixels), target=target):
        if first is None:
            first, exif = frame.image, frame.info.get("exif", b"")
        yield from _shown(frame.image)
    small = _thumbnail(exif) if exif else None
    if small is not None and first is not None and not _is_of(small, first):
        yield small


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, upright, in 8-bit RGB or RGBA, and what the file says of it."""

    image: Image.Image
    info: dict[Any, Any]
    mode: str


def frames(
    data: bytes,
    *,
    limits: tuple[int, int, int] = (MAX_PIXELS, MAX_FRAMES, MAX_TOTAL_PIXELS),
    target: int | None = None,
) -> Iterator[Frame]:
    """Every frame of the picture *data* with its transparency; *limits* and the rest as in `decode`."""
    max_pixels, _, _ = limits
    media_type = sniff(data)
    if not data:
        msg = "the picture is empty"
        raise Unreadable(msg)
    if media_type not in _FORMATS:
        known = ", ".join(name.removeprefix("image/") for name in MEDIA_TYPES)
        msg = f"{media_type or 'unknown type'} is not a picture that can be read; readable are {known}"
        raise Unreadable(msg)
    _quiet()
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS[media_type]) as picture:
            yield from _frames(picture, data, limits, target)
    except (Unreadable, GeneratorExit):
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(max_pixels) from error
    except Exception as error:
        # Decoders raise anything on hostile bytes: OSError, SyntaxError, struct.error, IndexError.
        msg = f"the {media_type} is damaged or cut short"
        raise Unreadable(msg) from error


def _frames(picture: Image.Image, data: bytes, limits: tuple[int, int, int], target: int | None) -> Iterator[Frame]:
    max_pixels, max_frames, max_total_pixels = limits
    _check_size(picture, max_pixels)
    if picture.format in _FORMATS["image/jpeg"]:
        _check_scans(data)
    count = getattr(picture, "n_frames", 1)
    if picture.format == "PNG" and count < _animation_frames(data):
        msg = "the picture declares frames that it does not hold"
        raise Unreadable(msg)
    if count > max_frames:
        msg = f"the picture has {count} frames; at most {max_frames} are read"
        raise Unreadable(msg)
    total = 0
    for number in range(count):
        if count > 1:
            picture.seek(number)
            _check_size(picture, max_pixels)
        total += picture.width * picture.height
        if total > max_total_pixels:
            msg = f"the frames of the picture have more than {max_total_pixels} pixels together"
            raise Unreadable(msg)
        picture.load()
        info, mode = dict(picture.info), picture.mode
        yield Frame(_upright(_plain(picture, target), picture), info, mode)


def _thumbnail(exif: Any) -> Image.Image | None:
    """The preview that the metadata *exif* holds, if it does and some viewer could show it (Exif 3.0, 4.5.7)."""
    try:
        known = Image.Exif()
        known.load(exif)
        place = known.get_ifd(ExifTags.IFD.IFD1)
        start, size = int(place[0x0201]), int(place[0x0202])
        body = exif[6:] if exif[:6] == b"Exif\0\0" else exif
        preview = body[start : start + size]
        if sniff(preview) == "image/jpeg":
            _check_scans(preview)
        with Image.open(io.BytesIO(preview), formats=_ALL_FORMATS) as small:  # EPS would start a program
            _check_size(small, _LARGEST_THUMBNAIL)
            return small.convert("RGB")
    except _Busy:
        raise
    except Exception:  # noqa: BLE001  what cannot be read here is shown nowhere
        return None


def _is_of(small: Image.Image, whole: Image.Image) -> bool:
    """Whether *small* shows the same as *whole*, upright or as it is stored: then it need not be looked at."""
    page = next(_shown(whole)).resize(_POSTAGE)
    return any(
        max(ImageStat.Stat(ImageChops.difference(page, turned.resize(_POSTAGE))).mean) <= _ALIKE
        for turned in (small, *(small.transpose(way) for ways in _UPRIGHT.values() for way in ways))
    )


def _check_size(picture: Image.Image, max_pixels: int) -> None:
    if picture.width * picture.height > max_pixels:
        raise _too_large(max_pixels)


class _Busy(Unreadable):
    """It would keep the decoder busy."""


def _check_scans(data: bytes) -> None:
    if too_many_scans(data):
        msg = f"the picture is a JPEG of more than {MAX_SCANS} scans"
        raise _Busy(msg)


def _too_large(max_pixels: int) -> Unreadable:
    return Unreadable(f"the picture has more than {max_pixels} pixels")


def _quiet() -> None:
    """Keep Pillow's warnings out of the log: what they tell of is either harmless or refused here.

    One process-wide filter for Pillow alone, since ``catch_warnings`` is not safe on several threads.
    """
    if not any(entry[0] == "ignore" and getattr(entry[3], "pattern", "") == "PIL" for entry in warnings.filters):
        warnings.filterwarnings("ignore", module="PIL")


def _animation_frames(data: bytes) -> int:
    """The frames that an animated PNG declares (0: not animated). Pillow drops a broken animation in silence."""
    position = 8
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        if kind == b"acTL":
            return int.from_bytes(data[position + 8 : position + 12])
        if kind == b"IDAT":
            return 0
        position += 12 + length
    return 0


def _plain(frame: Image.Image, target: int | None) -> Image.Image:
    """*frame* in 8-bit RGB or RGBA, shrunk for *target*; a large one is converted in strips, to bound memory."""
    factor = max(1, min(frame.size) // (2 * target)) if target else 1
    white = _white(frame)
    if frame.width * frame.height <= _STRIP_PIXELS:
        plain = _eight_bit(frame, white)
        if factor > 1:
            return plain.reduce(factor)
        return plain.copy() if plain is frame else plain  # *frame* is read on, and closed
    size = (-(-frame.width // factor), -(-frame.height // factor))
    whole: Image.Image | None = None
    rows = max(1, _STRIP_PIXELS // frame.width // factor) * factor
    for top in range(0, frame.height, rows):
        strip = frame.crop((0, top, frame.width, min(top + rows, frame.height)))
        strip.info = frame.info
        strip = _eight_bit(strip, white)
        whole = whole or Image.new(strip.mode, size)
        whole.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    if whole is None:
        msg = "the picture has no pixels"
        raise Unreadable(msg)
    return whole


def _white(frame: Image.Image) -> float:
    """The sample value that stands for white in a mode of more than 8 bits; 255 otherwise."""
    if frame.mode.startswith("I;16"):
        return 65535.0
    if frame.mode in {"I", "F"}:
        low, high = frame.getextrema()
        bound = max(abs(float(low)), abs(float(high)))  # type: ignore[arg-type]  # one band: two numbers
        usual = (1.0, 255.0, 65535.0) if frame.mode == "F" else (65535.0,)
        return next((white for white in usual if bound <= white), bound)
    return 255.0


def _eight_bit(image: Image.Image, white: float) -> Image.Image:
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        import numpy as np

        # Pillow's own conversion clips at 255: a mid-grey of 16 bits would turn white.
        samples = np.nan_to_num(np.asarray(image, dtype=np.float32)) * (255.0 / white)
        return Image.fromarray(np.clip(samples + 0.5, 0, 255).astype(np.uint8)).convert("RGB")
    mode = "RGBA" if image.mode in _ALPHA_MODES or "transparency" in image.info else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _upright(frame: Image.Image, picture: Image.Image) -> Image.Image:
    try:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  viewers ignore metadata that they cannot read, and so show it unrotated
        return frame
    for method in _UPRIGHT.get(orientation, ()):
        frame = frame.transpose(method)
    return frame


def _shown(frame: Image.Image) -> Iterator[Image.Image]:
    """What a viewer shows: where a picture is transparent, that depends on the page's background."""
    if frame.mode != "RGBA":
        yield frame
        return
    alpha = frame.getchannel("A")
    backgrounds = ("white",) if alpha.getextrema() == (255, 255) else ("white", "black")
    for colour in backgrounds:
        page = Image.new("RGB", frame.size, colour)
        page.paste(frame, mask=alpha)
        yield page
