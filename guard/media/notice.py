"""Draws the neutral picture that stands where another was: a grey page with a few words, in English or Chinese."""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_FONT = Path(__file__).parent / "data" / "notice.otf"
_PAPER, _LINE, _INK = (236, 236, 236), (150, 150, 150), (70, 70, 70)
_LARGEST, _SMALLEST = 64, 9
"""Pixels of the letters."""
_PLACE = 0.84
"""Share of the page that words may take, each way."""
_MOST_WORDS = 400
"""Characters that are drawn at most."""


def draw_notice(size: tuple[int, int], text: str) -> Image.Image:
    """A page of *size* that says *text*, as large as it fits; without words where no size that can be read does."""
    page = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(page)
    if min(size) >= 8:
        draw.rectangle((0, 0, size[0] - 1, size[1] - 1), outline=_LINE, width=max(1, min(size) // 128))
    width, height = int(size[0] * _PLACE), int(size[1] * _PLACE)
    words = _plain(text)
    letters = min(_LARGEST, max(_SMALLEST, min(size) // 10))
    while words and letters >= _SMALLEST:
        chosen = font(letters)
        lines = _lines(words, chosen, width)
        if lines and len(lines) * letters * 1.4 <= height:
            block = "\n".join(lines)
            centre = (size[0] / 2, size[1] / 2)
            draw.multiline_text(centre, block, _INK, chosen, anchor="mm", align="center", spacing=int(letters * 0.3))
            break
        letters = int(letters * 0.85)
    return page


@functools.lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The letters that notices and labels are drawn with, *size* pixels to the em."""
    return ImageFont.truetype(str(_FONT), size)


def _plain(text: str) -> str:
    """*text* in one line, without what a font cannot show."""
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text[:_MOST_WORDS])
    return " ".join(shown.split())


def _lines(words: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """*words* in lines up to *width* pixels, broken at spaces or beside Chinese characters; none if one is wider."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(words):
        if font.getlength((line + piece).strip()) <= width:
            line += piece
            continue
        if line.strip():
            lines.append(line.strip())
        line = piece
        if font.getlength(piece.strip()) > width:
            return []
    return [*lines, line.strip()] if line.strip() else lines


def _pieces(words: str) -> list[str]:
    """What stays together in a line: a word and the space before it, or one wide character and the sign after it."""
    pieces: list[str] = []
    for char in words:
        wide = unicodedata.east_asian_width(char) in "WF"
        sign = unicodedata.category(char) in {"Po", "Pe", "Pf"}
        previous = pieces[-1][-1] if pieces else " "
        apart = char == " " or (wide and not sign) or (unicodedata.east_asian_width(previous) in "WF" and not sign)
        if not pieces or apart:
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces
