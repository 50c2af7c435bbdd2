"""JSON as strictly as the strictest reader behind us: what was checked is what every upstream would read.

RFC 8259 leaves duplicate names, huge numbers and lone surrogates to the reader, and readers differ: Go's takes the last
of two names and ignores their case, Python's reads NaN. Whatever two readers could read differently is refused.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from guard.errors import RequestError

MAX_DEPTH = 64
Json = Any

# Every string of a document, and whether a colon follows it. Possessive: nothing is ever read twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*+:)?+', re.DOTALL)


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
    if b"\\u0000" in body and _holds_nul(document):
        raise _refuse("a string holds the character U+0000")
    names = sum(1 for colon in _STRING.findall(body) if colon)
    if names != _count(document, 1):
        raise _refuse("an object names the same key twice")
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


def _count(value: Json, depth: int) -> int:
    """How many names all objects of *value* have together; refuses what is nested too deep."""
    if isinstance(value, dict):
        _bound(depth)
        total = len(value)
        for item in value.values():
            if not isinstance(item, str):
                total += _count(item, depth + 1)
        return total
    if isinstance(value, list):
        _bound(depth)
        return sum(_count(item, depth + 1) for item in value if not isinstance(item, str))
    return 0


def _bound(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _refuse(f"it is nested deeper than {MAX_DEPTH} levels")


def _holds_nul(value: Json) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any("\x00" in key or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)
