"""The disguises of acceptance: the 38 transforms of S29, the encodings of S30, and ordinary text of S31."""

from __future__ import annotations

import base64
import codecs
import string
from collections.abc import Callable

Disguise = Callable[[str], str]


def between(sign: str) -> Disguise:
    """*sign* between all characters."""
    return sign.join


def each(change: Callable[[str], str]) -> Disguise:
    return lambda text: "".join(map(change, text))


def letters(wide: str, narrow: str) -> Disguise:
    return each(lambda char: dict(zip(wide, narrow, strict=True)).get(char, char))


def alphabet(upper: int, lower: int | None = None, digit: int | None = None) -> Disguise:
    """Letters and digits from where other alphabets of Unicode begin; small ones as capitals without *lower*."""

    def change(char: str) -> str:
        if char in string.ascii_uppercase:
            return chr(upper + ord(char) - 65)
        if char in string.ascii_lowercase:
            return chr((upper if lower is None else lower) + ord(char) - 97)
        return chr(digit + int(char)) if char.isdigit() and digit is not None else char

    return each(change)


def double_struck(char: str) -> str:
    odd = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))
    return odd.get(char) or alphabet(0x1D538, 0x1D552, 0x1D7D8)(char)


TURNED = dict(zip("ZORBLAX7731protocol- ", "ZOᴚꓭ⅂∀XㄥㄥƐƖdɹoʇoɔoן- ", strict=True))

TRANSFORMS: dict[str, Disguise] = {
    "zero-width space": between("\u200b"),
    "word joiner": between("\u2060"),
    "soft hyphen": between("\u00ad"),
    "combining grapheme joiner": between("\u034f"),
    "Mongolian vowel separator": between("\u180e"),
    "left-to-right mark": between("\u200e"),
    "right-to-left override": lambda text: f"\u202e{text[::-1]}\u202c",
    "variation selector": between("\ufe0f"),
    "supplementary variation selector": between("\U000e0101"),
    "tags": each(lambda char: chr(0xE0000 + ord(char))),
    "invisible plus": between("\u2064"),
    "Hangul filler": between("\u3164"),
    "Braille blank": between("\u2800"),
    "full width": each(lambda char: "\u3000" if char == " " else chr(ord(char) + 0xFEE0)),
    "mathematical bold": alphabet(0x1D400, 0x1D41A, 0x1D7CE),
    "circled": alphabet(0x24B6, 0x24D0),
    "squared": alphabet(0x1F170),
    "regional indicators": alphabet(0x1F1E6),
    "Cyrillic": letters("OBAXproc", "ОВАХргос"),
    "Greek": letters("ZOBAXpo", "ΖΟΒΑΧρο"),
    "Armenian": letters("Oo", "Օօ"),
    "zalgo": each(lambda char: char + "\u0335\u0301\u0327"),
    "enclosing": each(lambda char: char + "\u20dd"),
    "superscripts": letters("ZORBLAX7731protocol-", "ᶻᴼᴿᴮᴸᴬˣ⁷⁷³¹ᵖʳᵒᵗᵒᶜᵒˡ⁻"),
    "small capitals": letters("ZORBLAprotcl", "ᴢᴏʀʙʟᴀᴘʀᴏᴛᴄʟ"),
    "spaced": between(" "),
    "dotted": between("."),
    "leet": letters("OAotl", "04071"),
    "upside down": lambda text: "".join(TURNED[char] for char in reversed(text)),
    "double-struck": each(double_struck),
    "backspace": each(lambda char: f"x\b{char}"),
    "no-break space": between("\u00a0"),
    "thin space": between("\u2009"),
    "line break in the word": lambda text: f"{text[:4]}\r\n{text[4:]}",
    "entity": each(lambda char: f"&#{ord(char)};"),
    "percent": each(lambda char: f"%{ord(char):02X}"),
    "backslash": each(lambda char: f"\\u{ord(char):04x}"),
    "interlinear annotation": between("\ufff9"),
}
assert len(TRANSFORMS) == 38


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


LAYERS: dict[str, Disguise] = {
    "base64": base64_of,
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64_of(text).rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(
        f"{text}, and then some more of it, so that it takes two".encode()
    ).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex in capitals": lambda text: text.encode().hex().upper(),
    "hex with spaces": lambda text: text.encode().hex(" "),
    "percent": TRANSFORMS["percent"],
    "entities": TRANSFORMS["entity"],
    "hex entities": each(lambda char: f"&#x{ord(char):x};"),
    "backslash u": TRANSFORMS["backslash"],
    "backslash x": each(lambda char: f"\\x{ord(char):02x}"),
    "quoted-printable": each(lambda char: f"={ord(char):02X}"),
}
"""Encodings, and what may be put around or inside of another."""
ENCODINGS: dict[str, Disguise] = {
    **LAYERS,
    "one letter in percent": lambda text: f"%{ord(text[0]):02X}{text[1:]}",
    "one letter as an entity": lambda text: f"&#{ord(text[0])};{text[1:]}",
    "a soft line break": lambda text: f"{text[:5]}=\r\n{text[5:]}",
    "rot13": lambda text: codecs.encode(text, "rot13"),
    **{
        f"{inner}, then {outer}": lambda text, inner=inner, outer=outer: LAYERS[outer](LAYERS[inner](text))  # type: ignore[misc]
        for inner in LAYERS
        for outer in LAYERS
    },
}


def numbered(form: str, sign: str) -> Disguise:
    """The bytes of UTF-8, written by *form* with *sign* between them."""
    return lambda text: sign.join(format(byte, form) for byte in text.encode())


def base32_of(text: str) -> str:
    return base64.b32encode(text.encode()).decode()


def in_groups(size: int, sign: str, encode: Disguise) -> Disguise:
    def change(text: str) -> str:
        run = encode(text)
        return sign.join(run[at : at + size] for at in range(0, len(run), size))

    return change


OTHERS: dict[str, Disguise] = {
    "dotted, words apart": lambda text: " ".join(map(".".join, text.split())),
    "starred, words apart": lambda text: " ".join(map("*".join, text.split())),
    "in brackets": lambda text: "[" + "][".join(text).replace("[ ]", " ") + "]",
    "an accent on each letter": letters("ZORBLAXprotcl", "ŹÓŔḂĹÁẌṕŕóẗćĺ"),
    "emoji between letters": lambda text: " ".join("\U0001f600".join(word) for word in text.split()),
    "emoji in words": lambda text: text.replace("RB", "R\u2764\ufe0fB").replace("oco", "o\U0001f525\U0001f525co"),
    "a line break amid a word": lambda text: text.replace("RB", "R\nB"),
    "hyphens at the ends of lines": lambda text: text.replace("toco", "to-\nco"),
    "base64 in groups": in_groups(4, " ", base64_of),
    "base64 in longer groups": in_groups(8, " ", base64_of),
    "base64 in quoted lines": lambda text: "> " + in_groups(16, "\n> ", base64_of)(text),
    "base64 in short lines": in_groups(12, "\n", base64_of),
    "base32": base32_of,
    "base32 without padding": lambda text: base32_of(text).rstrip("="),
    "base32 in small letters": lambda text: base32_of(text).lower(),
    "base32 in groups": in_groups(8, " ", base32_of),
    "percent u": each(lambda char: f"%u{ord(char):04x}"),
    "decimal bytes": numbered("d", " "),
    "decimal bytes with commas": numbered("d", ", "),
    "octal bytes": numbered("03o", " "),
    "binary bytes": numbered("08b", " "),
    "bits in a row": numbered("08b", ""),
    "bits of seven": numbered("07b", " "),
    "base64, then decimal": lambda text: numbered("d", ",")(base64_of(text)),
    "base32, then base64": lambda text: base64_of(base32_of(text)),
    "backslashes with octal digits": each(lambda char: f"\\{ord(char):o}"),
}
"""Disguises that were not read at first, besides those."""
FRAMES = ("{}", "He said: {} and left. So it goes.", "请看：{}。就是这样。")
