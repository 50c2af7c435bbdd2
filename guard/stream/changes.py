"""What rules ask to be done to texts that grow, and the doing of it.

A text is cut as it is released where that can be done by characters: the gate does it. Where it can only be changed as
a whole (JSON, or `replace`), it is held from the first finding on, and changed once all of it is judged.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from guard.actions import enforce
from guard.actions.label import closing
from guard.content import Content, Direction, TextPart
from guard.decision import Cause, Decision, Effect, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from guard.policy.model import Policy
    from guard.stream.gate import Gate, Growing
    from guard.stream.thread import Piece

    Aside = Callable[[Callable[..., str | Refusal], TextPart, Sequence[Effect]], Awaitable[str | Refusal]]

_LARGE = 16_384
"""Characters of a text from which on it is changed off the event loop."""
_DELIMITERS = ' \t\r\n"[]{},:'


class Changes:
    """The changes of one answer."""

    def __init__(self, gate: Gate, policy: Policy, *, decision_id: str, locale: str, replaces: bool) -> None:
        """*replaces*: some rule replaces texts, so each is held to its end."""
        self._gate = gate
        self._policy = policy
        self._id = decision_id
        self._locale = locale
        self._replaces = replaces
        self._effects: dict[str, list[Effect]] = {}
        self._first: dict[str, tuple[int, int, int]] = {}

    def ask(self, effect: Effect) -> None:
        """Have what *effect* asks for done to the texts that it is about."""
        for pointer in dict.fromkeys(finding.part for finding in effect.findings):
            growing = self._gate.places.get(pointer)
            if growing is None:
                continue
            own = replace(effect, findings=tuple(f for f in effect.findings if f.part == pointer))
            if pointer in growing.documents or self._replaces:
                self._effects.setdefault(pointer, []).append(own)
                growing.edited = True
            else:
                growing.cutters[pointer].add([own])

    async def carry_out(self, growing: Growing, aside: Aside) -> Refusal | None:
        """Hold what of *growing* can only be changed whole, and change what is whole by now; large texts *aside*.

        What ends the answer if it cannot be done: a text that has been sent in part would have to begin otherwise.
        """
        if not (growing.edited or self._replaces):
            return None
        pieces = growing.thread.pieces
        for number, piece in enumerate(pieces):
            effects = self._effects.get(piece.lane.pointer, [])
            if not effects and not self._replaces:
                continue
            end = pieces[number + 1].start if number + 1 < len(pieces) else growing.thread.end
            whole = growing.complete if number + 1 == len(pieces) else growing.settled >= end
            if not whole:
                growing.hold(piece.start + (0 if self._replaces else self._first_cut(growing, piece, effects)))
                return None
            if effects and piece.lane.pointer not in growing.changed and growing.released < end:
                text = growing.thread.slice(piece.start, end)
                sent = max(0, growing.released - piece.start)
                part = piece.lane.part(text)
                left = await aside(self._changed, part, effects) if len(text) > _LARGE else self._changed(part, effects)
                if isinstance(left, Refusal) or not left.startswith(text[:sent]):
                    return left if isinstance(left, Refusal) else self._refused(effects)
                growing.changed[piece.lane.pointer] = left[sent:]
        return None

    def label(self, growing: Growing, effects: Sequence[Effect]) -> None:
        """Have the last piece of *growing* end in the labels that *effects* ask for."""
        piece = growing.thread.pieces[-1]
        low = piece.start if piece.lane.pointer in growing.documents else max(piece.start, growing.thread.base)
        growing.closing[piece.lane.pointer] = closing(
            piece.lane.part(growing.thread.slice(low, growing.thread.end)), effects, self._locale
        )

    def _first_cut(self, growing: Growing, piece: Piece, effects: Sequence[Effect]) -> int:
        """Where in its piece the JSON token begins that the first of the findings of *effects* stands in.

        Not before the sentence that this one stands in: what was said before may have been sent.
        """
        known, first, at = self._first.get(piece.lane.pointer, (0, sys.maxsize, 0))
        for effect in effects[known:]:
            first = min(first, *(finding.span[0] if finding.span else 0 for finding in effect.findings))
        if first < self._first.get(piece.lane.pointer, (0, sys.maxsize, 0))[1]:
            low = growing.thread.slice(piece.start, piece.start + first)
            at = max((low.rfind(mark) + 1 for mark in _DELIMITERS), default=0)
            number = bisect_right(growing.starts, piece.start + first) - 1
            at = max(at, growing.starts[number] - piece.start) if number >= 0 else at
        self._first[piece.lane.pointer] = len(effects), first, at
        return at

    def _changed(self, part: TextPart, effects: Sequence[Effect]) -> str | Refusal:
        strongest = max((effect.action for effect in effects), key=lambda action: action.strength)
        content = Content(Direction.OUTPUT, (part,), locale=self._locale)
        left = enforce(content, self._decided(strongest.name, effects))
        if isinstance(left, Refusal):
            return left
        (changed,) = left.parts
        return changed.text if isinstance(changed, TextPart) else ""

    def _refused(self, effects: Sequence[Effect]) -> Refusal | None:
        left = enforce(Content(Direction.OUTPUT, (), locale=self._locale), self._decided("block", effects))
        return left if isinstance(left, Refusal) else None

    def _decided(self, action: str, effects: Sequence[Effect]) -> Decision:
        return Decision(
            self._id, action, Cause.RULES, self._policy.name, self._policy.revision, Direction.OUTPUT, tuple(effects)
        )
