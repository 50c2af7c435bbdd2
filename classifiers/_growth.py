"""From where on a text could still hold the beginning of a match, whatever follows; RE2 reads it from its end.

text ─turned around→ the longest beginning of a match, or match, at its end ─until no match goes across→ **a clean cut**

No match goes across a clean cut, and none that follows will. So what was found before it stays whatever follows, what
follows is found whatever came before it, and neither can hide the other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from classifiers._beginnings import NotUnderstood, beginnings
from classifiers._scan import encode
from classifiers._trie import LETTER, starts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MEMORY = 32 << 20
_ROAMING = re.compile(r"(?:\.|\[\^(?:\\.|[^\]\\])*\])(?:[*+]|\{\d)")
"""A gap in which anything may stand. An automaton of such patterns and many others has too many states."""
_APART = 2
_MOST_STEPS = 64


class Turned:
    """A text as bytes, its last character first. Places count the characters of the text, amounts its last bytes."""

    __slots__ = ("data", "length")

    def __init__(self, text: str) -> None:
        self.data = encode(text[::-1])
        self.length = len(text)

    def place(self, amount: int) -> int:
        """Where the last *amount* bytes begin."""
        return self.length - (amount if self._is_plain else len(self.data[:amount].decode()))

    def amount(self, place: int) -> int:
        """How many bytes stand from *place* on."""
        rest = self.length - place
        return rest if self._is_plain else len(self.data.decode()[:rest].encode())

    def without_first(self, amount: int) -> int:
        """*amount* less the bytes of its first character."""
        amount -= 1
        while amount and self.data[amount] & 0xC0 == 0x80:
            amount -= 1
        return amount

    @property
    def _is_plain(self) -> bool:
        return len(self.data) == self.length


class Growth:
    """What could still become a match of some patterns or words."""

    def __init__(
        self,
        patterns: Iterable[str] = (),
        *,
        horizon: int,
        words: Iterable[str] = (),
        letters: str = LETTER,
        unsettled: Iterable[str] = (),
    ) -> None:
        """Of RE2 *patterns*, whole *words*, and *unsettled* patterns, turned around, of ends that are not judged yet.

        Words may not touch *letters*. A pattern that cannot be turned around could grow from anywhere in the last
        *horizon* characters.
        """
        self._horizon = 0
        calm: list[str] = []
        roaming: list[str] = []
        for pattern in patterns:
            try:
                (roaming if _ROAMING.search(pattern) else calm).append(beginnings(pattern))
            except NotUnderstood:
                self._horizon = horizon
        groups = [list(filter(None, group)) for group in (calm, *(roaming[n::_APART] for n in range(_APART)))]
        self._begun = [one for group in groups for one in self._compiled(group, horizon)]
        self._begun += [_Automaton([turned], bounded) for bounded, turned in starts(words, letters)]
        self._unsettled = self._compiled(list(unsettled), horizon)

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._begun or self._horizon)

    def _compiled(self, group: Sequence[str], horizon: int) -> list[_Automaton]:
        """*group* in one automaton, or else in several."""
        try:
            return [_Automaton(group)] if group else []
        except ValueError:
            half = len(group) // 2
            if half:
                return self._compiled(group[:half], horizon) + self._compiled(group[half:], horizon)
            self._horizon = horizon
            return []

    def cut(self, text: Turned, occurs: Callable[[], object]) -> int:
        """The last clean cut of *text* behind which alone it could grow. See `clean`."""
        return self.clean(text, self.end(text), occurs)

    def end(self, text: Turned) -> int:
        """From where on *text* could still grow into a match; its length if nothing could."""
        blind = text.amount(max(0, text.length - self._horizon))
        return text.place(max((blind, *(one.longest(text) for one in (*self._begun, *self._unsettled)))))

    def clean(self, text: Turned, place: int, occurs: Callable[[], object]) -> int:
        """The last clean cut of *text* at *place* or before it, where *place* is no later than its `end`.

        *occurs* says whether there is any match in it: if not, none goes across.
        """
        held = text.amount(place)
        known = False
        for _ in range(_MOST_STEPS):
            if held in (0, len(text.data)):
                return text.place(held)
            # What goes across the cut has read the first character that is held.
            first = text.without_first(held)
            more = max((one.longest(text, first) for one in self._begun), default=0)
            if more <= held or not (known := known or bool(occurs())):
                return text.place(held)
            held = more
        return 0


class _Automaton:
    """Finds the longest match of any of *patterns*. If *bounded*, the last character read is only its neighbour's."""

    def __init__(self, patterns: Sequence[str], bounded: bool = False) -> None:  # noqa: FBT001, FBT002
        """Compile *patterns*.

        Raises:
            ValueError: they grow too large.
        """
        import re2

        options = re2.Options()
        options.log_errors = False
        options.longest_match = True
        options.never_capture = True
        options.max_mem = _MEMORY
        try:
            self._pattern: Any = re2.compile(f"(?:{'|'.join(patterns)})", options)
        except re2.error as error:
            raise ValueError(str(error)) from None
        self._bounded = bounded

    def longest(self, text: Turned, start: int = 0) -> int:
        """Where the longest match that begins at byte *start* ends; 0 if there is none."""
        found = self._pattern.match(text.data, start)
        if found is None:
            return 0
        end: int = found.end()
        # At the very beginning of the text the neighbour may be none.
        return text.without_first(end) if self._bounded and end < len(text.data) else end
