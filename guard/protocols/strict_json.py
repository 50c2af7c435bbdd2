"""JSON as strictly as the strictest reader behind us: what was checked is what every upstream would read.

RFC 8259 leaves duplicate names, huge numbers and lone surrogates to the reader, and readers differ: Go's takes the last
of two names and ignores their case, Python's reads NaN. Whatever two readers could read differently is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from guard.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_DEPTH = 64
MAX_VALUES = 1_000_000
"""Values of a document: the longest token lists with all alternatives have fewer."""
Json = Any

_HOLDERS = frozenset((dict, list))
_SPACE = b" \t\n\r"

# Every string of a document, and whether a colon follows it. Possessive: nothing is ever read twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*+:)?+', re.DOTALL)
_WHOLE = re.compile(rb"(?<![0-9.eE+\-])-?[0-9]{19,}+(?![.eE])")
_WHOLES = range(-(2**63), 2**64)
_ROUNDED = 2.0**63  # orjson reads whole numbers that do not fit into 64 bits as floats, all at least this large


def parse(body: bytes) -> Json:
    """The document in *body*.

    Raises:
        RequestError: ``invalid_json``, with what is wrong with it in words that hold none of it.
    """
    if not body.strip():
        raise _refuse("the body is empty; send a JSON object")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _refuse(_reason(body, error)) from None
    large = False
    if not _is_all_of(document, body):
        names, large = _measure(document)  # first of all: it bounds the depth that the other walks go to
        strings = _STRING.findall(body)
        if len(strings) - strings.count(b"") != names:
            raise _refuse("an object names the same key twice")
    if b"\\u0000" in body and _holds_nul(document):
        raise _refuse("a string holds the character U+0000")
    if large and _holds_huge(body):
        raise _refuse("a whole number is longer than 64 bits; write it as a string")
    return document


def dump(document: Json) -> bytes:
    """The document as bytes, compact UTF-8."""
    return orjson.dumps(document)


def _refuse(why: str) -> RequestError:
    return RequestError("invalid_json", f"The request body is not acceptable JSON: {why}.")


def _reason(body: bytes, error: orjson.JSONDecodeError) -> str:
    if body[:3] == b"\xef\xbb\xbf" or body[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in body[:4]:
        return "it does not start as UTF-8 without a byte order mark (RFC 8259 section 8.1)"
    try:
        body.decode()
    except UnicodeDecodeError as bad:
        return f"byte {bad.start} is not UTF-8"
    return f"it cannot be read at line {error.lineno} column {error.colno} (byte {error.pos})"


def _is_all_of(document: Json, body: bytes) -> bool:
    """Whether *document*, written again, is *body* but for white space, and too flat and short to break a bound.

    True of most bodies, and much quicker to see than what it spares: a name that stood twice would be missing from
    what is written, a number that was rounded would look different. White space may go from within strings as well,
    since there too it is the same on both sides and leaves every quote and every backslash where it was.
    """
    openings = body.count(b"{") + body.count(b"[")  # each value stands behind one of them, or behind a comma
    if openings > MAX_DEPTH or (len(body) > MAX_VALUES and openings + body.count(b",") >= MAX_VALUES):
        return False
    written = orjson.dumps(document)
    return written == body or written.translate(None, _SPACE) == body.translate(None, _SPACE)


def _measure(document: Json) -> tuple[int, bool]:
    """How many names all objects have together, and whether a number is so large that it may have been rounded.

    Refuses what is nested too deep. Iterative, for every request and every answer passes here.
    """
    names = values = 0
    numbers: list[float] = []
    level: list[Json] = [(document,)]
    for _ in range(MAX_DEPTH + 1):
        deeper: list[Json] = []
        values += sum(map(len, level))
        if values > MAX_VALUES:
            raise RequestError("too_many_parts", f"The body has more than {MAX_VALUES} values; send fewer at once.")
        for holder in level:
            items: Collection[Json] = holder
            if type(holder) is dict:
                names += len(holder)
                items = holder.values()
            deeper += [item for item in items if type(item) in _HOLDERS]
            numbers += [item for item in items if type(item) is float]
        if not deeper:
            return names, any(abs(number) >= _ROUNDED for number in numbers)
        level = deeper
    raise _refuse(f"it is nested deeper than {MAX_DEPTH} levels")


def _holds_huge(body: bytes) -> bool:
    """Whether a whole number is out of the 64 bits that readers agree on: orjson, Go and JavaScript would round it."""
    return any(int(number) not in _WHOLES for number in _WHOLE.findall(_STRING.sub(b'""', body)))


def _holds_nul(value: Json) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any("\x00" in key or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)
