r"""From an RE2 pattern, the pattern of everything that a match of it can begin with, to be read backwards. Pure.

``ab*c`` has matches that begin with ``a``, ``ab``, ``abb`` and so on, and ``abbc`` is a beginning of itself. For a
sequence that is ``beginning(xy) = beginning(x) | x beginning(y)``, for a repetition ``x* beginning(x)``: the result
grows with the pattern's length, not with what it can match. What looks ahead at the end (``\b``, ``$``) consumes
nothing and so adds nothing: the whole match before it is a beginning already.

The question is always which beginnings *end* where a text ends, so the patterns are turned around and read the text
from its end: they give up after a few characters where nothing begins, and count ``x{1,300}`` from one place only.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_CLASS = re.compile(
    r"\[\^?\]?(?:\[:\^?\w+:\]|\\[pP](?:\{[^}]*\}|.)|\\x\{[^}]*\}|\\.|[^\]\\])*+\]",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|[0-7]{1,3}|.)", re.DOTALL)
_REPEAT = re.compile(r"(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??", re.ASCII)
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|([imsU]*(?:-[imsU]+)?)([:)])))?")
_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
_LEADING = re.compile(r"\(\?([imsU]+)\)")
_ASSERTIONS = {r"\b": r"\b", r"\B": r"\B", r"\A": r"\z", r"\z": r"\A"}
"""What looks at a place, and what it is turned around."""
_REFUSED = frozenset({r"\C", r"\E"})


class NotUnderstood(ValueError):  # noqa: N818  an answer, not a fault: the caller knows less then, nothing else
    """The pattern is outside of the syntax that is read here."""


class _Part(NamedTuple):
    """*text* matches, turned around, what the part does; *begin* what that can begin with, "" if it consumes nothing.

    A *unit* matches exactly one character, whatever it is.
    """

    text: str
    begin: str
    unit: bool = False


def beginnings(pattern: str) -> str:
    r"""A pattern for every non-empty beginning of a match, turned around; "" if *pattern* only matches nothing.

    >>> beginnings(r"ab+(?:c|de)")
    '(?:(?:b+|(?:c|(?:e)?d)b+)?a)'

    Raises:
        NotUnderstood: *pattern* has syntax that is not read here, or is no RE2 pattern.
    """
    flags, part = _read(pattern)
    return f"(?{flags}:{part.begin})" if part.begin else ""


def backwards(pattern: str) -> str:
    r"""A pattern that matches, turned around, what *pattern* matches.

    >>> backwards(r"^ab+(?:c|de)")
    '(?:(?:(?:c|ed)b+a\\z))'

    Raises:
        NotUnderstood: as `beginnings`.
    """
    flags, part = _read(pattern)
    return f"(?{flags}:{part.text})"


def _read(pattern: str) -> tuple[str, _Part]:
    """The flags in front of *pattern*, and the rest of it."""
    leading = _LEADING.match(pattern)
    reader = _Reader(pattern, leading.end() if leading else 0)
    try:
        part = reader.alternatives(frozenset("m") if leading and "m" in leading[1] else frozenset())
    except RecursionError:
        raise NotUnderstood(pattern) from None
    if not reader.done:
        raise NotUnderstood(pattern)
    return (leading[1].replace("m", "") if leading else ""), part


class _Reader:
    """Reads one pattern from left to right. Flags are ``m``, and others that differ from those in front of it all."""

    def __init__(self, pattern: str, at: int) -> None:
        self._pattern = pattern
        self._at = at

    @property
    def done(self) -> bool:
        """Whether all of it was read."""
        return self._at == len(self._pattern)

    def alternatives(self, flags: frozenset[str]) -> _Part:
        """What stands up to the closing parenthesis or the end."""
        options: list[_Part] = []
        parts: list[_Part] = []
        while not self.done and self._pattern[self._at] != ")":
            if self._pattern[self._at] == "|":
                self._at += 1
                options.append(_sequence(parts))
                parts = []
                continue
            flags = self._one(parts, flags)
            repeat = _REPEAT.match(self._pattern, self._at)
            if repeat and parts:
                self._at = repeat.end()
                parts[-1] = _repeated(parts[-1], repeat)
        options.append(_sequence(parts))
        text = "|".join([option.text for option in options])
        return _Part(
            f"(?:{text})" if len(options) > 1 or not options[0].unit else text,
            "|".join(option.begin for option in options if option.begin),
        )

    def _one(self, parts: list[_Part], flags: frozenset[str]) -> frozenset[str]:
        """Read one part, or one run of quoted characters, onto *parts*; the flags from there on."""
        char = self._pattern[self._at]
        if char == "(":
            group = _GROUP.match(self._pattern, self._at)
            if group is None:  # pragma: no cover  "(" alone always matches
                raise NotUnderstood(self._pattern)
            self._at = group.end()
            if group[0].startswith("(?") and group[2] is None and "<" not in group[0]:
                raise NotUnderstood(self._pattern)
            inner = _changed(flags, group[1] or "")
            if group[2] == ")":
                return inner
            part = self.alternatives(inner)
            if self.done:
                raise NotUnderstood(self._pattern)
            self._at += 1
        else:
            quoted = _QUOTED.match(self._pattern, self._at)
            if quoted:
                self._at = quoted.end()
                parts += [_unit(re.escape(letter), flags) for letter in quoted[1]]
                return flags
            part = self._atom(char, flags)
        parts.append(part)
        return flags

    def _atom(self, char: str, flags: frozenset[str]) -> _Part:
        if char in "^$":
            self._at += 1
            line = "(?m:$)" if char == "^" else "(?m:^)"
            return _Part(line if "m" in flags else r"\z" if char == "^" else r"\A", "")
        if char in "*+?":
            raise NotUnderstood(self._pattern)
        form = {"\\": _ESCAPE, "[": _CLASS}.get(char)
        found = form.match(self._pattern, self._at) if form else None
        if form and (found is None or found[0] in _REFUSED):
            raise NotUnderstood(self._pattern)
        text = found[0] if found else char
        self._at += len(text)
        return _Part(_ASSERTIONS[text], "") if text in _ASSERTIONS else _unit(text, flags)


def _sequence(parts: list[_Part]) -> _Part:
    begin = ""
    for part in reversed(parts):
        if part.unit:
            begin = f"(?:{begin})?{part.text}" if begin else part.text
        else:
            begin = "|".join(filter(None, (part.begin, begin and f"(?:{begin}){part.text}")))
    return _Part("".join([part.text for part in reversed(parts)]), begin, len(parts) == 1 and parts[0].unit)


def _repeated(part: _Part, repeat: re.Match[str]) -> _Part:
    mark, least, comma, most = repeat.groups()
    text = part.text + repeat[0].removesuffix("?") if not mark else part.text + mark
    if not part.begin or mark == "?":
        return _Part(text, part.begin)
    if mark or (comma and not most):
        return _Part(text, f"{part.text}+" if part.unit else f"(?:{part.begin}){part.text}*")
    times = int(most or least)
    if times <= 1:
        return _Part(text, part.begin if times else "")
    begin = f"{part.text}{{1,{times}}}" if part.unit else f"(?:{part.begin}){part.text}{{0,{times - 1}}}"
    return _Part(text, begin)


def _unit(text: str, flags: frozenset[str]) -> _Part:
    written = _flagged(text, flags)
    return _Part(written, written, unit=True)


def _flagged(text: str, flags: frozenset[str]) -> str:
    """*text* under *flags*: letters to switch on and, after a minus, off. ``m`` is for ``^`` and ``$`` only."""
    on = "".join(sorted(flags & {"i", "s"}))
    off = "".join(sorted(flag[1] for flag in flags & {"-i", "-s"}))
    return f"(?{on}{'-' if off else ''}{off}:{text})" if on or off else text


def _changed(flags: frozenset[str], change: str) -> frozenset[str]:
    """*flags* after a group's ``i-s`` and the like. Which of two repetitions is greedy (``U``) changes no beginning."""
    on, _, off = change.replace("U", "").partition("-")
    changed = set(flags)
    for flag in on:
        changed = (changed - {"-" + flag}) | {flag}
    for flag in off:
        changed = (changed - {flag}) | {"-" + flag}
    return frozenset(changed)
