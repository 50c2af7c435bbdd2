"""Linear-time search for many patterns at once, on RE2.

text ─encode→ bytes ─Set.Match→ **which patterns occur** ─one search each→ **their spans** ─Offsets→ characters

Backtracking engines need seconds for twenty thousand hostile letters, and Presidio's own search gives up after a
timeout and carries on as if nothing had been there. RE2 reads every byte once per pattern that occurs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CONTINUATION = bytes(range(0x80, 0xC0))
_MEMORY = 64 << 20
"""Bytes that RE2 may use for one automaton. It is built lazily; plain text needs a small part of it."""


def encode(text: str) -> bytes:
    """UTF-8 for RE2; a character that UTF-8 has no bytes for becomes ``?``, still one character."""
    return text.encode("utf-8", "replace")


class Offsets:
    """Turns byte offsets of UTF-8 *data* into character offsets; quick when asked in ascending order."""

    def __init__(self, data: bytes) -> None:
        self._data = None if data.isascii() else data
        self._byte = 0
        self._char = 0

    def __call__(self, offset: int) -> int:
        """The number of characters before byte *offset*."""
        if self._data is None:
            return offset
        if offset < self._byte:
            self._byte = self._char = 0
        self._char += len(self._data[self._byte : offset].translate(None, _CONTINUATION))
        self._byte = offset
        return self._char


def strongest(spans: Sequence[tuple[int, int]], strength: Callable[[int], Any]) -> list[int]:
    """Indices of the *spans* that stay when of any that overlap only the strongest may, in the order of the text.

    Of equal strength the longer span stays, then the one that starts first, then the one given first.
    """
    order = sorted(range(len(spans)), key=lambda i: (spans[i][0] - spans[i][1], spans[i][0]))
    order.sort(key=strength, reverse=True)
    taken = bytearray(max((end for _, end in spans), default=0))
    kept = []
    for index in order:
        start, end = spans[index]
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            kept.append(index)
    return sorted(kept, key=lambda i: spans[i])


class BadPattern(ValueError):  # noqa: N818  it names what is wrong, in a caller's error message
    """RE2 cannot use a pattern; *index* says which one."""

    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        super().__init__(reason)


class Scanner:
    """Several RE2 patterns, searched together. A pattern with groups gives the spans of its first group."""

    def __init__(self, patterns: Sequence[str], *, longest: bool = False) -> None:
        """Compile *patterns*.

        Raises:
            BadPattern: RE2 has no such syntax, or the pattern grows too large.
        """
        import re2

        options = re2.Options()
        options.log_errors = False
        options.longest_match = longest
        options.max_mem = _MEMORY
        self._compiled: list[Any] = []
        self._gate = re2.Set.SearchSet(options)
        for index, pattern in enumerate(patterns):
            try:
                self._compiled.append(re2.compile(pattern, options))
                self._gate.Add(pattern)
            except re2.error as error:
                reason = error.args[0] if error.args else "RE2 cannot compile it"
                raise BadPattern(index, reason.decode() if isinstance(reason, bytes) else str(reason)) from None
        self._groups = [min(1, compiled.groups) for compiled in self._compiled]
        if patterns:
            self._gate.Compile()

    def __len__(self) -> int:
        return len(self._compiled)

    def occurring(self, data: bytes) -> list[int]:
        """Indices of the patterns that occur in *data*, ascending."""
        if not self._compiled:
            return []
        return sorted(self._gate.Match(data) or ())

    def next_span(self, index: int, data: bytes, position: int) -> tuple[int, int] | None:
        """The first byte span of pattern *index* that is found from *position* on."""
        found = self._compiled[index].search(data, position)
        return found.span(self._groups[index]) if found is not None else None

    def spans(self, index: int, data: bytes) -> Iterator[tuple[int, int]]:
        """Byte spans of pattern *index* in *data*, ascending, without overlaps.

        The search goes on at the end of the span, so that what a pattern looks at behind its first
        group (a space between two words) can serve the next match as well.
        """
        position = 0
        while (span := self.next_span(index, data, position)) is not None:
            if span[1] > span[0]:
                yield span
            position = max(span[1], position + 1)
            if position > len(data):
                return

    def find(self, text: str) -> Iterator[tuple[int, int, int]]:
        """``(pattern, start, end)`` of everything in *text*, in characters, pattern by pattern."""
        data = encode(text)
        for index in self.occurring(data):
            at = Offsets(data)
            for start, end in self.spans(index, data):
                yield index, at(start), at(end)
