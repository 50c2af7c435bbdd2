r"""Placeholders that stand for a person's values on their way to a generator, and back again.

``write to ana@example.org`` ─`Mint`→ ``write to <EMAIL_k3f9qa>`` ─generator→ ``I wrote to <EMAIL_k3f9qa>.`` ─`restore`→

A placeholder ends in a tag that follows from a secret key and the value: the same value has the same one for as long as
the key is the same, and nobody without the key can say what it will be. One that stands in the text already, because
somebody wrote it there, is never given to a value, so it is never turned into one. Restored are the placeholders that
were minted, letter by letter, in the three ways in which a generator has reason to write their brackets: as they are,
escaped for JSON (``\u003c…\u003e``), escaped for HTML (``&lt;…&gt;``), or both; the value is escaped in the same way.

Pure: keys come from `guard.vault`.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import html
import json
import re
from itertools import count
from typing import TYPE_CHECKING

from guard.content import TextPart

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from guard.content import Content, Part

LONGEST_VALUE = 1024
"""Characters of a value that is restored. A generator may write a placeholder any number of times."""

_TAG_LETTERS = 6
"""30 bits: a text that was not there when the tag was made meets it once in a billion times."""
_FORM = re.compile(
    r"<(?P<plain>\w+)>|&lt;(?P<html>\w+)&gt;"
    # A backslash that is itself escaped escapes nothing; a run of them belongs to one match or to none.
    r"|(?<!\\)(?P<run>(?:\\\\)*)(?:\\u003[cC](?P<json>\w+)\\u003[eE]|\\u0026lt;(?P<both>\w+)\\u0026gt;)"
)
_BRACKETS = (("<", ">"), ("&lt;", "&gt;"), ("\\u003c", "\\u003e"), ("\\u0026lt;", "\\u0026gt;"))
SIGNATURE = re.compile("\ufeff[\ufe00-\ufe0f\U000e0100-\U000e01ef]{21,}\\Z")
"""The end of a text that is signed (C2PA), unseen. Whoever signs puts values back before (`guard.media.edits`)."""
_WORD = re.compile(r"^(\w*)")
_CAPITAL = re.compile(r"\\u003([CE])")


class Mint:
    """Makes the placeholders of one content, which has *texts*. *masked* holds the value of each."""

    def __init__(self, key: bytes, texts: Sequence[str]) -> None:
        self.masked: dict[str, str] = {}
        self._key = key
        self._texts = texts
        self._given: dict[tuple[str, str], str] = {}
        self._written: dict[str, set[str]] = {}

    def name(self, label: str, value: str) -> str | None:
        """The placeholder for *value*, such as ``<EMAIL_k3f9qa>``; None if that could not be restored.

        *label* is made of word characters.
        """
        if (label, value) not in self._given:
            tags = None if len(value) > LONGEST_VALUE else _tags(self._key, label, value)
            if tags is None:
                return None
            name = next(name for tag in tags if self._is_free(label, tag, name := f"<{label}_{tag}>"))
            self.masked[name] = value
            self._given[label, value] = name
        return self._given[label, value]

    def _is_free(self, label: str, tag: str, name: str) -> bool:
        if label not in self._written:
            # Without the brackets, which may be written in any way; overlapping ones, each of which might be read.
            pattern = re.compile(rf"(?={re.escape(label)}_([a-z2-7]{{{_TAG_LETTERS}}}))", re.IGNORECASE)
            self._written[label] = {found.lower() for text in self._texts for found in pattern.findall(text)}
        return tag not in self._written[label] and name not in self.masked


def _tags(key: bytes, label: str, value: str) -> Iterator[str] | None:
    """The tags for *value*, best first; None if it is no text that could be sent."""
    try:
        said = value.encode()
    except UnicodeEncodeError:
        return None
    named = f"{label}\0".encode() + said
    digests = (hmac.digest(key, b"%d\0" % number + named, hashlib.sha256) for number in count())
    return (base64.b32encode(digest).decode().lower()[:_TAG_LETTERS] for digest in digests)


def restore_content(content: Content, masked: Mapping[str, str]) -> Content:
    """*content* with the values of *masked* in every text that can be written back: each choice, call and field."""
    if not masked:
        return content
    parts: list[Part] = []
    for part in content.parts:
        if isinstance(part, TextPart) and part.editable and not _is_signed(part.text):
            text = restore_text(part.text, masked, json=reads_as_json(part.kind, part.text))
            parts.append(part if text == part.text else dataclasses.replace(part, text=text))
        else:
            parts.append(part)
    return dataclasses.replace(content, parts=tuple(parts))


def _is_signed(text: str) -> bool:
    return "\ufeff" in text and SIGNATURE.search(text) is not None


def restore_text(text: str, masked: Mapping[str, str], *, json: bool = False) -> str:
    """*text* with the values of *masked* for their placeholders, escaped as strings of JSON are if it is *json*.

    Of a text that comes piece by piece, a piece ends where `incomplete` says.
    """
    if not masked:
        return text

    def value(match: re.Match[str]) -> str:
        form = match.lastgroup or ""
        found = masked.get(f"<{match[form]}>")
        if found is None:
            return match[0]
        if form in ("html", "both"):
            found = html.escape(found)
        if json or form in ("json", "both"):
            found = _escaped(found)
        return (match["run"] or "") + found

    return _FORM.sub(value, text)


def incomplete(text: str, masked: Mapping[str, str]) -> int:
    """Where in *text* a placeholder of *masked* begins that what follows may complete; its length if none does."""
    names = {name[1:-1] for name in masked}
    if not names:
        return len(text)
    reach = max(map(len, names)) + max(len(left) + len(right) for left, right in _BRACKETS) - 1
    begin = max(0, len(text) - reach)
    ending = _CAPITAL.sub(lambda match: match[0].lower(), text[begin:])
    for place, char in enumerate(ending):
        if char in "<&\\" and _begins(ending[place:], names):
            start = begin + place
            while char == "\\" and start and text[start - 1] == "\\":
                start -= 1  # the run decides whether this one escapes anything
            return start
    return len(text)


def _begins(ending: str, names: Collection[str]) -> bool:
    """Whether *ending* is the beginning of a placeholder with one of *names*, in any form, and not all of it."""
    for left, right in _BRACKETS:
        if len(ending) < len(left):
            if left.startswith(ending):
                return True
        elif ending.startswith(left):
            name, rest = _WORD.split(ending[len(left) :], 1)[1:]
            if (name in names and len(rest) < len(right) and right.startswith(rest)) or (
                not rest and any(each.startswith(name) for each in names)
            ):
                return True
    return False


def reads_as_json(kind: str, start: str) -> bool:
    """Whether a text of *kind* that begins with *start* is JSON to whoever reads it, as far as its beginning tells."""
    return start.lstrip()[:1] in (("{", "[", '"') if kind == "tool_arguments" else ("{",))


def _escaped(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]
