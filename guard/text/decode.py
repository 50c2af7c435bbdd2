r"""Undoes encodings inside of a text: percent, entities, backslashes, quoted-printable, hex, base64, rot13. Pure.

One layer at a time, each stretch in its place, with its way back. Only what is text when decoded is read so: a picture
in base64 stays as it is. Linear in the text.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import functools
import html
import re
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from guard.text.align import edited
from guard.text.groups import bare, grouped, open_groups, thirty_two
from guard.text.numbers import numbers, open_numbers
from guard.text.runs import HELD, smuggled, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.content import View
    from guard.text.align import Edit

LONGEST_RUN = 16_384
"""Characters of one encoded run in an answer, which is held while it is streamed; a longer one is not read."""
_FEWEST = 12
_PEEK = 64
_SHORTEST_HIDDEN = 22
"""Characters of a run in which a text could begin that is told by itself: see `guard.text.runs`."""
_MOST_HIDDEN = 64
_LONG = 256
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})++")
_PERCENT_U = re.compile(r"%u([0-9A-Fa-f]{4})")
_NESTED = re.compile(r"%(?:25)+([0-9A-Fa-f]{2})")
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&#(?:[0-9]{2,7}|x[0-9a-f]{2,6})"
)
_BACKSLASH = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}"
    r"|(?<=[0-7]\\)[4-7][0-7](?![0-9]))"
    r"|\bU\+[0-9A-Fa-f]{4,5}\b ?"
)
_PRINTED = re.compile(r"(?:=[0-9A-F]{2}(?:=\r?\n)?)++|(?<=[A-Za-z0-9,.;])=\r?\n")
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX])?(?:[0-9a-fA-F]{2}){6,}+(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?:0x|\\x)?[0-9a-fA-F]{2}(?:(?:, |[ :,;-])(?:0x|\\x)?[0-9a-fA-F]{2}(?![0-9A-Za-z])){5,}+"
)
_DIGITS = re.compile(r"(?:0x|\\x)|[^0-9a-fA-F]")
_PAIR = re.compile(r"(?:0x|\\x)?([0-9a-fA-F]{2})(?![0-9A-Za-z])")
_FEWEST_PAIRS = 6
_SIGNS = frozenset({9, 10, 13, *range(32, 127)})
_SIXTY_FOUR = r"[A-Za-z0-9+/_-]"
_BASE64 = re.compile(
    rf"(?P<media>data:(?:image|audio|video|font)/[^,\s]{{0,80}}+,)?+(?<!{_SIXTY_FOUR})(?P<run>{_SIXTY_FOUR}{{8,}}+"
    rf"(?:(?<={_SIXTY_FOUR}{{40}})\r?\n{_SIXTY_FOUR}{{2,}}+)*+={{0,2}})"
)
_OPEN_BASE64 = re.compile(rf"{_SIXTY_FOUR}+(?:\r?\n)?\Z")


class Decoded(NamedTuple):
    """One layer undone; *size* counts the characters that came out of long runs, *complete* says that all were read."""

    view: View | None
    size: int = 0
    complete: bool = True


def decoded(text: str, longest: int = LONGEST_RUN) -> Decoded:
    """The outermost layer of one kind of encoding in *text* undone; the view is None where there is none.

    Runs of text in base64 and hex of more than *longest* characters are left as they are.
    """
    for kind in (_percent, _percent_u, _entities, _backslashes, _printed):
        edits = list(kind(text))
        if edits:
            return Decoded(edited(text, edits))
    complete = True
    for run in (numbers, _hex, _in_groups, bare, _base64):
        edits = list(run(text))
        short = [edit for edit in edits if edit[1] - edit[0] <= longest]
        complete = complete and len(short) == len(edits)
        if short:
            return Decoded(edited(text, short), sum(len(new) for _, _, new in short), complete)
    return Decoded(None, complete=complete)


def _text_of(data: bytes) -> str | None:
    """*data* as text, or None if it is none."""
    try:
        found = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return found if _is_text(found) else None


def _is_text(found: str) -> bool:
    return found.isprintable() or all(
        char.isprintable() or char in "\t\n\r\u200b\u00ad\u200c\u200d\u3000" for char in found
    )


def _bytewise(match: re.Match[str], data: bytes, each: int) -> Iterator[Edit]:
    """*match* as *data*, whose bytes are written with *each* characters; byte by byte where that is short ASCII."""
    if len(data) > 1 and (len(data) > _LONG or not data.isascii()):
        new = data.decode("utf-8", "replace")
        if "\ufffd" not in new:
            yield (*match.span(), new)
    else:
        for number, byte in enumerate(data):
            if 32 <= byte < 127 or byte in (9, 10, 13, 8):
                start = match.start() + number * each
                yield start, start + each, chr(byte)


def _percent(text: str) -> Iterator[Edit]:
    if "%" in text:
        if "%25" in text and _NESTED.search(text) is not None:
            yield from ((*match.span(), f"%{match[1]}") for match in _NESTED.finditer(text))
            return
        for match in _PERCENT.finditer(text):
            yield from _bytewise(match, bytes.fromhex(match[0].replace("%", "")), 3)


def _percent_u(text: str) -> Iterator[Edit]:
    if "%u" in text:
        for match in _PERCENT_U.finditer(text):
            code = int(match[1], 16)
            if not 0xD800 <= code < 0xE000:
                yield (*match.span(), chr(code))


def _entities(text: str) -> Iterator[Edit]:
    if "&" in text:
        for match in _ENTITY.finditer(text):
            new = _unescaped(match[0])
            if new != match[0] and "\ufffd" not in new:
                yield (*match.span(), new)


@functools.lru_cache(maxsize=4096)
def _unescaped(entity: str) -> str:
    return html.unescape(entity)


def _backslashes(text: str) -> Iterator[Edit]:
    if "\\" in text or "U+" in text:
        for match in _BACKSLASH.finditer(text):
            digits = match[0][2:].strip("{} ") if match[0][1] in "xuU+" else ""
            code = int(digits, 16) if digits else int(match[0][1:], 8)
            if code <= 0x10FFFF and not 0xD800 <= code < 0xE000:
                yield (*match.span(), chr(code))


def _printed(text: str) -> Iterator[Edit]:
    if "=" not in text:
        return
    for match in _PRINTED.finditer(text):
        written = re.sub(r"=\r?\n", "", match[0])
        data = bytes.fromhex(written.replace("=", ""))
        if not written:
            yield (*match.span(), "")
        elif len(written) == 3 and (written.strip("=").isdigit() or not 0x20 <= data[0] < 0x7F):
            continue  # one number behind an equals sign
        elif len(written) == len(match[0]):
            yield from _bytewise(match, data, 3)
        elif (new := _text_of(data)) is not None:
            yield (*match.span(), new)


def _hex(text: str) -> Iterator[Edit]:
    for match in _HEX.finditer(text):
        digits = _DIGITS.sub("", match[0])
        if len(digits) % 2 == 0 and len(digits) > 10:
            new = _text_of(bytes.fromhex(digits))
            if new is not None and _is_wordy(new):
                yield (*match.span(), new)
                continue
        if len(digits) < len(match[0]) - 2:
            yield from _pairs(list(_PAIR.finditer(text, *match.span())))


def _pairs(found: list[re.Match[str]]) -> Iterator[Edit]:
    """What pairs in a row amid others say: one that is no sign, or only looks like a pair, does not hide the rest."""
    for plain, run in groupby(found, lambda match: int(match[1], 16) in _SIGNS):
        row = list(run)
        if plain and len(row) >= _FEWEST_PAIRS:
            said = "".join(chr(int(one[1], 16)) for one in row)
            if _is_wordy(said):
                yield row[0].start(), row[-1].end(), said


def _in_groups(text: str) -> Iterator[Edit]:
    return grouped(text, _sixty_four)


def _base64(text: str) -> Iterator[Edit]:
    for match in _BASE64.finditer(text):
        start, run = match.start("run"), match["run"]
        new = None if match["media"] else _sixty_four(run)
        if new is not None:
            yield (*match.span("run"), new)
        elif len(run) >= _SHORTEST_HIDDEN:
            yield from ((start + low, start + high, said) for low, high, said in stretches(run, _MOST_HIDDEN))


def unsmuggled(text: str) -> View | None:
    """*text* with the bytes that rows of variation selectors stand for; None where it has none."""
    edits = list(smuggled(text))
    return edited(text, edits) if edits else None


def _sixty_four(written: str, *, open_: bool = False) -> str | None:
    """What *written* in base64 says, or None if it is no text; with *open_*, of what there is of it so far."""
    bare = written.rstrip("=")
    if len(bare) < _FEWEST and not (written.endswith("=") and len(written) % 4 == 0) and not open_:
        return None
    if bare.isalpha() and (bare.islower() or bare.isupper()):  # a word
        return None
    if "\n" in bare:
        bare = re.sub(r"[\r\n]", "", bare)
    bare = bare.translate(_STANDARD)
    if len(bare) > _PEEK and _bytes_of(bare[:_PEEK]) is None:
        return None
    if len(bare) % 4 == 1:
        if not open_:
            return None
        bare = bare[:-1]
    data = _bytes_of(bare)
    if data is None:
        return None
    try:
        found = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not (open_ or error.start > 48) or (open_ and error.start < len(data) - 3):
            return None
        found = data[: error.start].decode("utf-8")
    return found if _is_text(found) and _is_wordy(found) else None


def _open_text(written: str) -> str | None:
    return _sixty_four(written, open_=True)


_STANDARD = {ord("-"): "+", ord("_"): "/"}


def _is_wordy(found: str) -> bool:
    """Whether so much of *found* is letters, digits and spaces as of no bytes that only happen to be characters."""
    said = sum(char.isalnum() or char.isspace() for char in found)
    return said * 10 >= len(found) * (3 if len(found) > _FEWEST else 8) and not found.isdigit()


def _bytes_of(bare: str) -> bytes | None:
    """The bytes, where they begin as text does."""
    try:
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    head = data[:24]
    if any(byte < 32 and byte not in (9, 10, 13) for byte in head) or 127 in head:
        return None
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return data if error.start >= len(head) - 3 and len(data) > len(head) else None if error.start < 21 else data
    return data


_NEEDLES = (" gur ", " naq ", "gvba", " ceb", " lbh", "jvgu", "nyy ", " sbe ", "vyy ", "bhe ", "zrag", "rfgvba", "cebg")
_MENTIONED = ("rot13", "rot-13", "rot 13", "rot_13")


def is_turned(low: str) -> bool:
    """Whether *low*, in small letters, seems to hold English in rot13, or speaks of it."""
    named = "caesar" in low or ("rot" in low and any(name in low for name in _MENTIONED))
    return named or any([needle in low for needle in _NEEDLES])  # noqa: C419  quicker


def rot13(text: str) -> View | None:
    """*text* with its letters turned by thirteen, where it seems to be written so."""
    low = f" {text.lower()} "
    if not is_turned(low):
        return None
    return edited(text, [(0, len(text), codecs.encode(text, "rot13"))])


_TAIL = 48
_UNFINISHED = re.compile(
    r"(?:(?:%[89A-Fa-f][0-9A-Fa-f])*%(?:[0-9A-Fa-f]?|u[0-9A-Fa-f]{0,3})|(?:%[89A-Fa-f][0-9A-Fa-f])+|&#?[A-Za-z0-9]{0,31}"
    r"|\\[xuU]?\{?[0-9a-fA-F]{0,8}|=[0-9A-F]?)\Z"
)
_OPEN_HEX = re.compile(
    r"[ :,;-]{0,2}+(?:[0-9a-fA-F]{0,1}(?=[ :,;-]))?[ :,;-]{0,2}(?:[0-9a-fA-F]{2}(?:x0|x\\)?(?: ,|[ :,;-])?){5,}+"
)
"""Pairs of hex digits with something between them, read from their end."""


def unfinished(text: str) -> int:
    """Where an encoding begins that *text* ends in the middle of; its length if none does."""
    low, at = max(0, len(text) - _TAIL), len(text)
    if any([text.find(mark, low) >= 0 for mark in "%&\\="]):  # noqa: C419  quicker
        match = _UNFINISHED.search(text, low)
        at = match.start() if match is not None else at
    return min(at, _open_run(text), _open_pairs(text), open_groups(text, _open_text), open_numbers(text))


def _open_pairs(text: str) -> int:
    """Where pairs of hex digits begin that go on to the end of *text*, and are text so far."""
    match = _OPEN_HEX.match(text[: -LONGEST_RUN - 1 : -1])
    if match is None:
        return len(text)
    start = len(text) - match.end()
    start += len(text[start:]) - len(text[start:].lstrip(" :,;-"))
    digits = _DIGITS.sub("", text[start:])
    said = _text_of(bytes.fromhex(digits[: len(digits) // 2 * 2]))
    if said is not None and not text[start - 1 : start].isalnum():
        return start
    begin, count = len(text), 0
    for pair in reversed(list(_PAIR.finditer(text, start))):
        if int(pair[1], 16) not in _SIGNS or text[pair.start() - 1 : pair.start()].isalnum():
            break
        begin, count = pair.start(), count + 1
    return begin if count > 1 else len(text)


def _open_run(text: str) -> int:
    """Where a run of base64 or hex begins that goes on to the end of *text*, and is text so far."""
    end = len(text)
    if not end or not (text[-1].isalnum() or text[-1] in "+/_-\n"):
        return end
    start = end - (text.endswith("\n")) - (text.endswith("\r\n"))
    if start < end and len(text[max(0, start - 40) : start].strip()) < 40:
        return end
    while (
        end - start <= LONGEST_RUN
        and start
        and (text[start - 1] in _ALPHABET or (text[start - 1] in "\r\n" and _goes_over(text, start)))
    ):
        start -= 1
    run = text[start:]
    if len(run) < 8:
        return end
    digits = run.strip()
    if _HEX_ONLY.fullmatch(digits):
        new = _text_of(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        return start if new is not None else end
    if _open_text(run.rstrip("\r\n")) is not None or thirty_two(digits, open_=True) is not None:
        return start
    if len(digits) < _SHORTEST_HIDDEN and digits.isalpha() and (digits[1:].islower() or digits.isupper()):  # a word
        return end
    return _open_stretch(run.rstrip("\r\n"), start, end)


def _open_stretch(run: str, start: int, end: int) -> int:
    """Where text begins in *run*, which begins at *start*, that could go on behind it; one too short yet to be told.

    What comes before the last `HELD` characters is told, and what goes on behind it seen from its beginning.
    """
    held = max(start, end - HELD)
    at_end = [start + low for low, high, _ in stretches(run, _MOST_HIDDEN) if len(run) - high < 4]
    return min([held, *at_end])


_HEX_ONLY = re.compile(r"[0-9a-fA-F]+")
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")


def _goes_over(text: str, start: int) -> bool:
    """Whether the line that ends before *start* is one of a run in base64 that goes over lines."""
    line = text[:start].rstrip("\r\n")[-40:]
    return len(line) == 40 and _ALPHABET.issuperset(line)
